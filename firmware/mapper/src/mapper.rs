//! The mapper: an image, a port and the RAM to work in.

use core::fmt;

use xmap_image::{ExportId, Image, NoRoom, limits};

use crate::memory::Memory;
use crate::native::PinMasks;
use crate::{Port, Trap};

/// Slots of a stack that serves a usual panel: those for the frames of nested calls, and the head
/// room that the innermost window needs. 3,584 bytes, so that the mapper stays below 4 KiB beside the
/// module's own memory and globals. [`Image::stack_slots`] says what an image needs.
pub const STACK_SLOTS: usize = limits::WINDOW + limits::STACK_SLOTS as usize;

/// The RAM that a mapper works in. What it held before does not matter.
#[derive(Debug, Default)]
pub struct Store<'m> {
    /// Registers of nested calls: [`Image::stack_slots`] at least, usually [`STACK_SLOTS`]. More are
    /// left alone, so that calls nest equally deep on every target.
    pub stack: &'m mut [u64],
    /// Linear memory: as many bytes as the image's header says at least, more where it may grow.
    pub memory: &'m mut [u8],
    /// [`Image::slots`] at least: globals, tables and the lengths of passive segments.
    pub globals: &'m mut [u64],
}

impl Store<'_> {
    /// Returns whether an image can be loaded into it; [`Mapper::load`] asks the same.
    ///
    /// # Errors
    /// What it has too little of.
    #[inline(never)]
    pub fn fits(&self, image: &Image<'_>) -> Result<(), LoadError> {
        let (needed, given) = (image.stack_slots(), self.stack.len());
        if given < needed {
            return Err(LoadError::Stack { needed, given });
        }
        let (needed, given) = (image.header().memory_bytes as usize, self.memory.len());
        if given < needed {
            return Err(LoadError::Memory { needed, given });
        }
        let (needed, given) = (image.slots(), self.globals.len());
        if given < needed { Err(LoadError::Globals { needed, given }) } else { Ok(()) }
    }
}

/// Why an image could not be loaded: the store is too small for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Slots of the stack.
    Stack {
        /// Slots that any image needs.
        needed: usize,
        /// Slots that there are.
        given: usize,
    },
    /// Bytes of linear memory.
    Memory {
        /// Bytes that the image needs.
        needed: usize,
        /// Bytes that there are.
        given: usize,
    },
    /// The image has floats, tables or bulk memory, and this mapper was built without the feature `full`.
    Unsupported,
    /// Slots of globals.
    Globals {
        /// Slots that the image needs.
        needed: usize,
        /// Slots that there are.
        given: usize,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unsupported => {
                write!(
                    f,
                    "the image has floats, tables or bulk memory, and this mapper was built without them"
                )
            }
            Self::Stack { needed, given } => NoRoom::Stack { needed, given }.fmt(f),
            Self::Memory { needed, given } => NoRoom::Memory { needed, given }.fmt(f),
            Self::Globals { needed, given } => NoRoom::Globals { needed, given }.fmt(f),
        }
    }
}

impl core::error::Error for LoadError {}

/// The counters of a mapper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls with the right number of arguments, those that trapped included.
    pub calls: u64,
    /// Calls that trapped, and traps of the start function.
    pub traps: u64,
    /// Fuel that the last call or start used, in words of code. A direct entry uses some for a long text
    /// alone.
    pub fuel: u32,
    /// Where on the stack the window was that the last trap of code happened in: [`crate::callers`] begins
    /// there. A mapper without host calls does not note it.
    pub trapped_base: u32,
}

/// A loaded image that can be called.
///
/// # Examples
/// ```
/// use tiny_mapper::{CallError, Mapper, Port, STACK_SLOTS, Store};
/// use xmap_image::Image;
///
/// fn press<P: Port>(image: Image<'_>, port: P) -> Result<(), CallError> {
///     let (mut stack, mut memory) = ([0; STACK_SLOTS], [0; 1024]);
///     let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut [] };
///     let mut mapper = Mapper::load(image, port, store).expect("the image needs at most 1 KiB");
///     mapper.start().map_err(CallError::Trap)?;
///     let set = mapper.find("panel.gpio_set").ok_or(CallError::UnknownExport)?;
///     mapper.call(set, &[17, 1]).map(|_results| ())
/// }
/// ```
#[derive(Debug)]
pub struct Mapper<'a, P> {
    pub(crate) image: Image<'a>,
    pub(crate) port: P,
    pub(crate) lines: PinMasks,
    pub(crate) counters: Counters,
    pub(crate) stack: &'a mut [u64],
    pub(crate) memory: Memory<'a>,
    /// All slots; the image has the first `globals_len`.
    pub(crate) globals: &'a mut [u64],
    pub(crate) globals_len: usize,
    pub(crate) fuel_cap: u32,
    /// What runs in the place of the interpreter.
    #[cfg(feature = "machine-code")]
    pub(crate) machine: Option<&'a dyn crate::Machine>,
}

impl<'a, P: Port> Mapper<'a, P> {
    /// Loads an image: its memory is zero but for its data segments, its globals have their initial
    /// values. Nothing is asked of the port and no op runs.
    ///
    /// # Errors
    /// Where the store is too small.
    pub fn load(image: Image<'a>, port: P, store: Store<'a>) -> Result<Self, LoadError> {
        let prepared = Prepared::new(&image, store)?;
        Ok(Self::of(image, port, prepared, (Counters::default(), u32::MAX)))
    }

    /// A mapper of what is ready, with its counters and the limit of its fuel.
    #[inline(always)]
    pub(crate) fn of(
        image: Image<'a>,
        port: P,
        Prepared { stack, memory, globals, globals_len, lines }: Prepared<'a>,
        (counters, fuel_cap): (Counters, u32),
    ) -> Self {
        Self {
            image,
            port,
            lines,
            counters,
            stack,
            memory,
            globals,
            globals_len,
            fuel_cap,
            #[cfg(feature = "machine-code")]
            machine: None,
        }
    }

    /// Lets machine code run calls, or the interpreter again. What has been said of it is forgotten where a
    /// mapper is suspended.
    #[cfg(feature = "machine-code")]
    pub fn set_machine(&mut self, machine: Option<&'a dyn crate::Machine>) {
        self.machine = machine;
    }

    /// Runs the start function, if there is one, with [`limits::DEFAULT_FUEL`].
    ///
    /// # Errors
    /// Where it traps; the trap's export is [`Trap::START`].
    pub fn start(&mut self) -> Result<(), Trap> {
        match self.image.header().start {
            Some(function) => self.run_start(function),
            None => Ok(()),
        }
    }

    /// Lets no call have more fuel than this, whatever the image states.
    pub fn set_fuel_cap(&mut self, fuel: u32) {
        self.fuel_cap = fuel;
    }

    /// The export with this key or, where no key is equal, with this wasm name.
    pub fn find(&self, name: &str) -> Option<ExportId> {
        self.image.find(name)
    }

    /// The port.
    pub fn port(&self) -> &P {
        &self.port
    }

    /// The port, for what does not concern a call.
    pub fn port_mut(&mut self) -> &mut P {
        &mut self.port
    }

    /// The image.
    pub fn image(&self) -> &Image<'a> {
        &self.image
    }

    /// The module's linear memory, as long as it is now.
    pub fn memory(&self) -> &[u8] {
        self.memory.bytes()
    }

    /// The module's linear memory, to place the bytes of an argument in.
    pub fn memory_mut(&mut self) -> &mut [u8] {
        self.memory.bytes_mut()
    }

    /// The module's globals; behind them, the state of its tables and passive segments.
    pub fn globals(&self) -> &[u64] {
        self.globals.get(..self.globals_len).unwrap_or_default()
    }

    /// Returns what has been counted since the load.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Gives everything back, for the next image.
    pub fn into_parts(self) -> (Image<'a>, P, Store<'a>) {
        let store = Store { stack: self.stack, memory: self.memory.into_inner(), globals: self.globals };
        (self.image, self.port, store)
    }
}

/// What a load makes of a store: everything but the port.
pub(crate) struct Prepared<'a> {
    pub(crate) stack: &'a mut [u64],
    pub(crate) memory: Memory<'a>,
    pub(crate) globals: &'a mut [u64],
    pub(crate) globals_len: usize,
    pub(crate) lines: PinMasks,
}

impl<'a> Prepared<'a> {
    #[inline(never)]
    fn new(image: &Image<'a>, store: Store<'a>) -> Result<Self, LoadError> {
        store.fits(image)?;
        if cfg!(not(feature = "full")) && image.is_beyond_integers() {
            return Err(LoadError::Unsupported);
        }
        let Store { stack, memory, globals } = store;
        // The store fits. Calls nest as deep as the image says and no deeper, on every target.
        let stack = stack.get_mut(..image.stack_slots()).unwrap_or_default();
        // No call of a compiled image reads a register before it writes it; one of any other reads zero.
        stack.fill(0);
        let header = image.header();
        let mut memory =
            Memory::new(memory, header.memory_bytes as usize, header.memory_pages, header.memory_max_pages);
        let globals_len = image.slots();
        image.fill_slots(globals.get_mut(..globals_len).unwrap_or_default());
        for (address, bytes) in image.data() {
            let room = memory.bytes_mut().get_mut(address as usize..);
            // Verification has shown that there is room.
            if let Some(room) = room.and_then(|room| room.get_mut(..bytes.len())) {
                room.copy_from_slice(bytes);
            }
        }
        Ok(Self { stack, memory, globals, globals_len, lines: PinMasks::of(image) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The RAM that a panel pays beside its module's own memory and globals.
    #[test]
    fn a_mapper_and_its_stack_take_less_than_4_kib() {
        let mapper = size_of::<Mapper<'_, *mut u32>>();
        assert!(mapper + STACK_SLOTS * size_of::<u64>() <= 4096, "{mapper} bytes without its stack");
    }
}
