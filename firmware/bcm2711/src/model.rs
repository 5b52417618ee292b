//! What tests of drivers share: a counter that steps, and the lines' block as ordinary memory.

use core::ptr::NonNull;

use safe_mmio::UniqueMmioPointer;

use crate::{Counter, GpioRegisters};

/// Words of the lines' block; word *n* is the register at offset 4*n*.
pub(crate) const LINES: usize = size_of::<GpioRegisters>() / 4;

/// The lines' block over these words.
pub(crate) fn block(words: &mut [u32; LINES]) -> UniqueMmioPointer<'_, GpioRegisters> {
    // SAFETY: the words are borrowed for as long as the block is, are as large and as aligned as it, and any
    // bit pattern is a valid register.
    unsafe { UniqueMmioPointer::new(NonNull::from(words).cast()) }
}

/// A counter that advances by one with every read: its count, and its rate.
pub(crate) struct Steps(pub(crate) u64, pub(crate) u32);

impl Steps {
    /// From 0 on, at 1 MHz: a step is a microsecond.
    pub(crate) const US: Self = Self(0, 1_000_000);
}

impl Counter for Steps {
    fn ticks(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    fn hz(&self) -> u32 {
        self.1
    }
}
