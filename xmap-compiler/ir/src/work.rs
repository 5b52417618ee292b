//! Counts the steps that the compiler takes for a function, so that a module made to be slow to compile ends
//! in an error that names the function, within seconds and within memory.
//!
//! A step is one turn of an inner loop: the same module takes the same number of steps on each machine. What
//! a function may take is linear in its size. Code that compilers write stays below a tenth of it.

/// Steps that every function may take in a phase.
const STEPS: u64 = 2 << 20;
/// Steps of a phase for each byte of a function's body.
const STEPS_PER_BYTE: u64 = 2048;
/// Values, operands and arguments of edges that every function may have when it is lowered: memory goes with
/// them.
const ENTITIES: u64 = 1 << 20;
/// The same for each byte of its body.
const ENTITIES_PER_BYTE: u64 = 8;

/// Bytes of an instruction of a body that takes the place of a call.
const BYTES_PER_INST: u64 = 4;

/// A part of the compiler that has a budget of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// From the stack to values.
    Lowering,
    /// The passes over the intermediate form.
    Simplifying,
    /// From the intermediate form to code.
    Emitting,
}

impl Phase {
    /// Returns what the phase does, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Lowering => "lowering it",
            Phase::Simplifying => "simplifying it",
            Phase::Emitting => "assigning registers",
        }
    }
}

/// A phase has taken all steps that the function may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// The phase.
    pub phase: Phase,
    /// The steps that it may take.
    pub allowed: u64,
}

/// The steps of one function.
#[derive(Clone, Debug)]
pub struct Work {
    bytes: u64,
    phase: Phase,
    allowed: u64,
    left: u64,
    spent: u64,
}

impl Work {
    /// The steps of a function with a body of so many bytes, before it is lowered.
    pub fn new(bytes: usize) -> Self {
        let bytes = bytes as u64;
        let allowed = ENTITIES + ENTITIES_PER_BYTE * bytes;
        Self { bytes, phase: Phase::Lowering, allowed, left: allowed, spent: 0 }
    }

    /// Begins a phase with its own budget.
    pub fn begin(&mut self, phase: Phase) {
        self.phase = phase;
        self.allowed = STEPS + STEPS_PER_BYTE * self.bytes;
        self.left = self.allowed;
    }

    /// Counts steps.
    ///
    /// # Errors
    /// Where the phase has none left.
    pub fn spend(&mut self, steps: usize) -> Result<(), Exhausted> {
        self.spent += steps as u64;
        match self.left.checked_sub(steps as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Exhausted { phase: self.phase, allowed: self.allowed })
            }
        }
    }

    /// The steps that the phase has left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The steps of all phases together.
    pub fn spent(&self) -> u64 {
        self.spent
    }

    /// Lets the function grow by so many instructions, which took the place of a call.
    pub fn take_in(&mut self, insts: usize) {
        self.bytes += insts as u64 * BYTES_PER_INST;
    }
}
