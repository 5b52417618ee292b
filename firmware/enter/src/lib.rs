#![no_std]
#![deny(unsafe_code)]
//! Runs machine code that the checker has admitted: the state of a call into machine registers, and back.
//!
//! The one step from data to instructions. What makes it sound stands at [`Code::new`]; making memory
//! executable is the caller's, since that is another thing under Linux than on bare metal.

#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
mod trampoline;

use core::fmt;

use tiny_mapper::{Frame, Machine};
use xmap_image::limits;
use xmap_native::Checked;

/// The machine code of an image, where it can be executed.
pub struct Code<'c> {
    checked: Checked<'c>,
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    address: *const u32,
}

impl<'c> Code<'c> {
    /// Takes code that the checker has admitted, and the address at which the same words are executable.
    ///
    /// # Safety
    /// At `address` the words of `checked` stand, as many as there are, for as long as the value lives. They
    /// may be executed, nothing writes to them, and the instruction cache has seen them.
    #[allow(unsafe_code)]
    pub const unsafe fn new(checked: Checked<'c>, address: *const u32) -> Self {
        Self { checked, address }
    }

    /// Whether the state of a call is what the checker has relied on: the image is the one whose code it is,
    /// and stack, slots and memory are as large as verification has it.
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    fn is_for(&self, frame: &Frame<'_>) -> bool {
        let (mine, other) = (self.checked.image(), frame.image);
        let windows = frame.last_base as usize + limits::WINDOW;
        core::ptr::eq(mine.words(), other.words())
            && windows <= frame.stack.len()
            && frame.base <= frame.last_base
            && frame.slots.len() >= self.checked.slots()
            && frame.memory.len() <= 1 << 32
            && frame.fuel >= 0
    }
}

/// Makes code that was written to memory visible to what fetches instructions.
pub fn publish(words: &[u32]) {
    #[cfg(target_arch = "aarch64")]
    trampoline::publish(words);
    #[cfg(not(target_arch = "aarch64"))]
    let _ = words;
}

impl fmt::Debug for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words at {:p}", self.checked.words().len(), self.address)
    }
}

impl Machine for Code<'_> {
    fn run(&self, frame: &mut Frame<'_>) {
        #[cfg(target_arch = "aarch64")]
        if let Some(place) = frame.op.and_then(|op| self.checked.place(op))
            && self.is_for(frame)
        {
            trampoline::run(&self.checked, self.address, place, frame);
        }
        // Any other machine leaves every op to the interpreter.
        #[cfg(not(target_arch = "aarch64"))]
        let _ = frame;
    }
}
