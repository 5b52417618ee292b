//! A call: from an export's row to its results.

use core::fmt;

use xmap_image::{ExportId, ExportRow, Op, Word, limits, opcode};

use crate::entry::{self, Entry};
use crate::exec::{Run, Stop};
use crate::native::{Native, drive, place};
use crate::{Fault, Mapper, Port, Trap};

/// Why a call has no results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The image has no such export.
    UnknownExport,
    /// The number of arguments is wrong.
    ArgumentCount {
        /// How many the export takes.
        expected: usize,
        /// How many there were.
        given: usize,
    },
    /// The call stopped. Outputs, memory and globals are as it left them, but for the pointer of the shadow
    /// stack, which is as it was before; the next call is welcome.
    Trap(Trap),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownExport => write!(f, "no such export"),
            Self::ArgumentCount { expected, given } => {
                write!(f, "the export takes {expected} arguments, and {given} were given")
            }
            Self::Trap(trap) => trap.fmt(f),
        }
    }
}

impl core::error::Error for CallError {}

impl<P: Port> Mapper<'_, P> {
    /// Calls an export. Arguments and results are registers: 64 bits each, those of 32-bit types
    /// zero-extended.
    ///
    /// # Errors
    /// Where there is no such export, where the number of arguments is wrong, and where the call
    /// traps: an argument that does not fit its type traps before the first op.
    #[inline]
    pub fn call(&mut self, id: ExportId, args: &[u64]) -> Result<&[u64], CallError> {
        /// `fn(pin, value)` that is `gpio.set` itself. Verification has shown that any declared
        /// line fits the type of `pin`, and that 0 and 1 fit the type of `value`.
        const PUT: Word = Op::GpioPut.abc(1, 2, 0);

        let Some(row) = self.image.exports().get(usize::from(id.0)) else {
            return Err(CallError::UnknownExport);
        };
        // The two that most panels consist of, from here to the port's store in a few instructions.
        // Whatever does not fit takes the general way, which finds out what it is.
        match args {
            [pin, value]
                if row.is_operation_of(2)
                    && row.first == PUT
                    && *value <= 1
                    && let Some(place) = self.lines.writable.find(*pin) =>
            {
                drive(&mut self.port, place, *value != 0);
                return self.done();
            }
            [] if row.is_operation_of(0) && row.first as u8 == opcode::LineSet => {
                drive(&mut self.port, place((row.first >> 8) as u8), true);
                return self.done();
            }
            [] if row.is_operation_of(0) && row.first as u8 == opcode::LineClear => {
                drive(&mut self.port, place((row.first >> 8) as u8), false);
                return self.done();
            }
            _ => {}
        }
        self.call_row(id, row, args)
    }

    /// Counts a direct entry that has no result.
    #[inline(always)]
    fn done(&mut self) -> Result<&[u64], CallError> {
        self.counters.calls = self.counters.calls.wrapping_add(1);
        self.counters.fuel = 0;
        Ok(&[])
    }

    #[inline(never)]
    fn call_row(&mut self, id: ExportId, row: &ExportRow, args: &[u64]) -> Result<&[u64], CallError> {
        let (expected, given) = (row.params(), args.len());
        if expected != given {
            return Err(CallError::ArgumentCount { expected, given });
        }
        self.counters.calls = self.counters.calls.wrapping_add(1);
        self.counters.fuel = 0;
        let stack_pointer = self.stack_pointer();
        // Every row has a signature, as verification has shown.
        let signature = self.image.signature(id).unwrap_or_default();
        let taken = match given {
            0 => Ok(()),
            _ => entry::take(signature, args, self.stack, self.memory.bytes()),
        };
        let entry = taken.and_then(|()| Entry::of_row(&self.image, row, self.fuel_cap));
        let outcome = entry.map_err(before).and_then(|entry| {
            self.run(&entry)?;
            match row.results() {
                0 => Ok(()),
                _ => entry::leave(signature, self.stack, self.memory.bytes()).map_err(before),
            }
        });
        match outcome {
            Ok(()) => Ok(self.stack.get(1..1 + row.results()).unwrap_or_default()),
            Err(stop) => Err(CallError::Trap(self.trap(id.0, stop, stack_pointer))),
        }
    }

    /// Runs the start function.
    pub(crate) fn run_start(&mut self, function: u32) -> Result<(), Trap> {
        self.counters.fuel = 0;
        let stack_pointer = self.stack_pointer();
        let entry = Entry::of_function(&self.image, function, limits::DEFAULT_FUEL, self.fuel_cap);
        let outcome = entry.map_err(before).and_then(|entry| self.run(&entry));
        outcome.map_err(|stop| self.trap(Trap::START, stop, stack_pointer))
    }

    /// The pointer of the module's shadow stack; 0 where it has none.
    #[inline(always)]
    fn stack_pointer(&self) -> u64 {
        self.image.stack_pointer().and_then(|index| self.globals.get(index)).copied().unwrap_or(0)
    }

    /// Runs the image's code, or that of a direct entry, and counts the fuel.
    #[inline(never)]
    fn run(&mut self, entry: &Entry) -> Result<(), Stop> {
        let mut run = Run {
            code: if entry.is_direct { &entry.direct } else { self.image.code() },
            functions: self.image.functions(),
            image: &self.image,
            stack: self.stack,
            globals: self.globals.get_mut(..self.globals_len).unwrap_or_default(),
            native: Native {
                port: &mut self.port,
                lines: self.lines,
                #[cfg(feature = "host-calls")]
                image: &self.image,
                time_us: self.image.header().time_us,
            },
            base: 0,
            last_base: 0,
            at: 0,
            pages: self.memory.pages(),
            fuel: i64::from(entry.left),
            memory: &mut self.memory,
        };
        #[cfg(feature = "machine-code")]
        let outcome = match self.machine {
            Some(machine) if !entry.is_direct => run.run_machine(machine, entry.pc),
            _ => run.run(entry.pc),
        };
        #[cfg(not(feature = "machine-code"))]
        let outcome = run.run(entry.pc);
        self.counters.fuel = (entry.left.wrapping_sub(run.fuel as u32)).wrapping_add(entry.words);
        #[cfg(feature = "host-calls")]
        if outcome.is_err() {
            self.counters.trapped_base = run.base;
        }
        // A direct entry is no place in the code.
        outcome.map_err(|stop| if entry.is_direct { before(stop.fault) } else { stop })
    }

    /// Counts a trap, and gives back what the call had taken of the shadow stack: its pointer gets the value
    /// that it had before the call. A module's compiler does that in front of each return, and a call that
    /// traps gets to none.
    #[cold]
    #[inline(never)]
    fn trap(&mut self, export: u16, stop: Stop, stack_pointer: u64) -> Trap {
        if let Some(global) = self.image.stack_pointer().and_then(|index| self.globals.get_mut(index)) {
            *global = stack_pointer;
        }
        self.counters.traps = self.counters.traps.wrapping_add(1);
        let Stop { fault: Fault { code, detail }, at } = stop;
        Trap { image: self.image.hash_prefix(), export, code, op: at, detail }
    }
}

/// A fault outside the code.
const fn before(fault: Fault) -> Stop {
    Stop { fault, at: Trap::NO_OP }
}
