//! Taking a mapper apart between two calls, and putting it together again.
//!
//! For an owner that cannot keep a [`Mapper`] beside the memory that it borrows: the simulator owns
//! its memory, and makes a mapper for each call.

use xmap_image::Image;

use crate::mapper::Prepared;
use crate::memory::{Memory, PAGE};
use crate::native::PinMasks;
use crate::{Counters, LoadError, Mapper, Port, Store};

/// The state of a mapper beside its image, its port and its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspended {
    /// What follows from the image, and the first word of its hash, so that each event does not work it out
    /// again.
    image: u32,
    lines: PinMasks,
    stack_len: usize,
    globals_len: usize,
    counters: Counters,
    memory_len: usize,
    pages: u32,
    fuel_cap: u32,
}

impl Suspended {
    /// Returns what had been counted.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Bytes that the module's memory had.
    pub const fn memory_len(&self) -> usize {
        self.memory_len
    }

    /// Returns what `memory.size` said.
    pub const fn pages(&self) -> u32 {
        self.pages
    }

    /// Returns the state of a module whose memory has come to so many pages: that of before, where it has as
    /// many.
    pub const fn with_pages(self, pages: u32) -> Self {
        let memory_len = if pages == self.pages { self.memory_len } else { pages as usize * PAGE };
        Self { pages, memory_len, ..self }
    }
}

/// Returns the ops that called the functions which were running when a call trapped, the innermost first:
/// until the next call their links stand on the stack. `base` is [`Counters::trapped_base`].
pub fn callers(stack: &[u64], base: u32) -> impl Iterator<Item = u32> + '_ {
    let mut at = Some(base as usize);
    core::iter::from_fn(move || {
        let link = *stack.get(at?)?;
        // The outermost link leads nowhere, as does none.
        at = at?.checked_sub(usize::from(link as u8)).filter(|_| link as u8 != 0);
        at.map(|_| (link >> 8) as u32)
    })
}

impl<'a, P: Port> Mapper<'a, P> {
    /// Takes the mapper apart. The store holds the module's state.
    pub fn suspend(self) -> (P, Store<'a>, Suspended) {
        let state = Suspended {
            image: self.image.hash_prefix(),
            lines: self.lines,
            stack_len: self.stack.len(),
            globals_len: self.globals_len,
            counters: self.counters,
            memory_len: self.memory.len(),
            pages: self.memory.pages(),
            fuel_cap: self.fuel_cap,
        };
        let memory = self.memory.into_inner();
        (self.port, Store { stack: self.stack, memory, globals: self.globals }, state)
    }

    /// Goes on where [`Mapper::suspend`] stopped, with the same image and a store that holds the
    /// same. Nothing is initialised and no op runs. With another image or store no rule of the mapper
    /// breaks, but what the module then computes has no meaning.
    ///
    /// # Errors
    /// Where the store is too small.
    pub fn resume(image: Image<'a>, port: P, store: Store<'a>, state: Suspended) -> Result<Self, LoadError> {
        let same = state.image == image.hash_prefix();
        if !same {
            store.fits(&image)?;
        }
        let of = |known: usize, other: fn(&Image<'_>) -> usize| if same { known } else { other(&image) };
        let Store { stack, memory, globals } = store;
        // As after a load: calls nest as deep as the image says and no deeper.
        let (needed, given) = (of(state.stack_len, |image| image.stack_slots()), stack.len());
        let Some(stack) = stack.get_mut(..needed) else { return Err(LoadError::Stack { needed, given }) };
        let (needed, given) = (state.memory_len, memory.len());
        let memory = Memory::resume(memory, needed, state.pages, image.header().memory_max_pages)
            .ok_or(LoadError::Memory { needed, given })?;
        let (globals_len, given) = (of(state.globals_len, |image| image.slots()), globals.len());
        if given < globals_len {
            return Err(LoadError::Globals { needed: globals_len, given });
        }
        let lines = if same { state.lines } else { PinMasks::of(&image) };
        let prepared = Prepared { stack, memory, globals, globals_len, lines };
        Ok(Self::of(image, port, prepared, (state.counters, state.fuel_cap)))
    }
}
