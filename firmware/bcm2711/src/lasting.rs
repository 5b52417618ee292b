//! Memory that a reset of the chip leaves alone: a few words that outlive the program.
//!
//! SDRAM keeps its content over a reset by the watchdog; only a loss of power takes it away. Linux for the
//! Raspberry Pi keeps the last words of a kernel in the same way and at the same address (its overlay
//! `ramoops-pi4`). Nothing promises it, so a reader checks what it finds. The registers of the watchdog that
//! a reset leaves alone have no room: the boot stage takes the spare bits of `PM_RSTS` for the number of the
//! partition that it boots from.
//!
//! The words are reached through a mapping of their own, as device memory: each store goes past the caches,
//! whose content a reset drops.

use safe_mmio::{UniqueMmioPointer, fields::ReadPureWrite};

/// Where the words are in memory: nothing else may be there.
pub const LASTING_PLACE: core::ops::Range<usize> = 0x0b00_0000..0x0b00_1000;

/// How many there are.
pub const LASTING_WORDS: usize = 256;

/// The words in memory.
pub type LastingRegisters = [ReadPureWrite<u32>; LASTING_WORDS];

/// The words.
#[derive(Debug)]
pub struct Lasting<'a> {
    words: UniqueMmioPointer<'a, LastingRegisters>,
}

impl<'a> Lasting<'a> {
    /// The driver for these words.
    pub const fn new(words: UniqueMmioPointer<'a, LastingRegisters>) -> Self {
        Self { words }
    }

    /// Reads all of them; after a loss of power they are anything.
    pub fn read(&mut self) -> [u32; LASTING_WORDS] {
        let mut all = [0; LASTING_WORDS];
        all.iter_mut().zip(self.words.iter()).for_each(|(to, from)| *to = from.read());
        all
    }

    /// Writes all of them, in their order.
    pub fn write(&mut self, all: &[u32; LASTING_WORDS]) {
        self.words.iter().zip(all).for_each(|(mut to, from)| to.write(*from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut memory = [7u32; LASTING_WORDS];
        let block = core::ptr::NonNull::from(&mut memory).cast::<LastingRegisters>();
        // SAFETY: the words are borrowed for longer than the driver lives, are as large and as aligned as the
        // block, and any bit pattern is a valid register.
        let mut lasting = Lasting::new(unsafe { UniqueMmioPointer::new(block) });
        assert_eq!(lasting.read(), [7; LASTING_WORDS]);
        let all = core::array::from_fn(|n| n as u32);
        lasting.write(&all);
        assert_eq!(lasting.read(), all);
        assert_eq!(memory, all);
    }
}
