//! The GPIO block as an interrupt handler uses it: edges, and the stores that make outputs safe.
//!
//! [`crate::Gpio`] drives the same block for everybody else. They share no register that one of them changes
//! by reading and writing back, but `GPFSEL`: whoever calls [`crate::Gpio::select`] while handlers may run
//! masks them for as long.

use safe_mmio::{UniqueMmioPointer, field, field_shared};
use xmap_boards::{Bank, Line, LineSet};

use crate::PinFunction;
use crate::bits::Field;
use crate::gpio::GpioRegisters;

/// Registers of functions.
const FUNCTION_REGISTERS: usize = 6;

/// The lines that saw an edge, and the levels right after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Lines with an edge.
    pub lines: LineSet,
    /// Levels, read after the edges were taken: an edge that comes later is seen again.
    pub levels: LineSet,
}

/// The stores that make outputs safe: written as they are, without a look at anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SafeStores {
    /// Lines that go high.
    pub set: LineSet,
    /// Lines that go low.
    pub clear: LineSet,
    /// Lines that become inputs, where they are outputs.
    pub float: LineSet,
}

impl SafeStores {
    /// Nothing to store.
    pub const NONE: Self = Self { set: LineSet::EMPTY, clear: LineSet::EMPTY, float: LineSet::EMPTY };

    /// The lowest bit of each floating line's field in the function registers.
    fn floating_fields(&self) -> [u32; FUNCTION_REGISTERS] {
        let mut floating = [0; FUNCTION_REGISTERS];
        for line in self.float.iter() {
            let field = Field::function(line);
            if let Some(word) = floating.get_mut(field.register) {
                *word = field.insert(*word, PinFunction::Output as u32);
            }
        }
        floating
    }
}

/// [`SafeStores`] with the function registers' bits worked out.
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    stores: SafeStores,
    floating: [u32; FUNCTION_REGISTERS],
}

impl From<SafeStores> for Prepared {
    fn from(stores: SafeStores) -> Self {
        Self { stores, floating: stores.floating_fields() }
    }
}

/// The block's driver for handlers.
#[derive(Debug)]
pub struct Pads<'a> {
    registers: UniqueMmioPointer<'a, GpioRegisters>,
}

impl<'a> Pads<'a> {
    /// The driver for this block.
    pub const fn new(registers: UniqueMmioPointer<'a, GpioRegisters>) -> Self {
        Self { registers }
    }

    /// Asks for edges of a line, sampled by the block's clock: rising, falling, both or none. One that was
    /// seen and not taken is forgotten.
    pub fn detect(&mut self, line: Line, rising: bool, falling: bool) {
        let (bank, mask) = (line.bank() as usize, line.mask());
        let put = |word: u32, on: bool| if on { word | mask } else { word & !mask };
        if let Some(mut register) = field!(self.registers, gpren).get(bank) {
            register.modify(|word| put(word, rising));
        }
        if let Some(mut register) = field!(self.registers, gpfen).get(bank) {
            register.modify(|word| put(word, falling));
        }
        if let Some(mut register) = field!(self.registers, gpeds).get(bank) {
            register.write(mask);
        }
    }

    /// Takes the edges that were seen; the lines let go of their interrupts.
    pub fn take(&mut self) -> Seen {
        let mut seen = Seen { lines: LineSet::EMPTY, levels: LineSet::EMPTY };
        for bank in Bank::ALL {
            if let Some(mut register) = field!(self.registers, gpeds).get(bank as usize) {
                let lines = register.read();
                if lines != 0 {
                    register.write(lines);
                }
                seen.lines |= LineSet::of_bank(bank, lines);
            }
        }
        for bank in Bank::ALL {
            let levels =
                field_shared!(self.registers, gplev).get(bank as usize).map_or(0, |register| register.read());
            seen.levels |= LineSet::of_bank(bank, levels);
        }
        seen
    }

    /// Makes outputs safe: levels first, so that a line that floats shows no other one.
    pub fn make_safe(&mut self, safe: &Prepared) {
        let Prepared { stores, floating } = safe;
        for (bank, mask) in Bank::ALL.map(|bank| (bank, stores.clear.bank(bank))) {
            if let Some(mut register) = field!(self.registers, gpclr).get(bank as usize).filter(|_| mask != 0)
            {
                register.write(mask);
            }
        }
        for (bank, mask) in Bank::ALL.map(|bank| (bank, stores.set.bank(bank))) {
            if let Some(mut register) = field!(self.registers, gpset).get(bank as usize).filter(|_| mask != 0)
            {
                register.write(mask);
            }
        }
        for (at, floating) in floating.iter().enumerate().filter(|(_, fields)| **fields != 0) {
            if let Some(mut register) = field!(self.registers, gpfsel).get(at) {
                // An output's field is 0b001, and an input's 0b000. Alternate functions are not the module's.
                register.modify(|word| word & !(word & !(word >> 1) & !(word >> 2) & floating));
            }
        }
    }
}

/// Returns whether an edge rose: what was asked for says so where it was one of the two; the level otherwise,
/// which is that after the last edge where several came at once.
pub const fn rose(rising: bool, falling: bool, high: bool) -> bool {
    match (rising, falling) {
        (true, false) => true,
        (false, true) => false,
        _ => high,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LINES, block};

    fn with_block<R>(words: &mut [u32; LINES], test: impl FnOnce(&mut Pads<'_>) -> R) -> R {
        test(&mut Pads::new(block(words)))
    }

    fn line(number: u8) -> Line {
        Line::new(number).unwrap()
    }

    fn lines(low: u32, high: u32) -> LineSet {
        LineSet::from_banks(&[low, high])
    }

    #[test]
    fn detection_is_asked_for_line_by_line() {
        let mut words = [0; LINES];
        words[0x4c / 4] = 1 << 3;
        words[0x58 / 4] = 1 << 17;
        with_block(&mut words, |pads| {
            pads.detect(line(17), true, false);
            pads.detect(line(40), true, true);
        });
        let mut expected = [0; LINES];
        expected[0x4c / 4] = 1 << 3 | 1 << 17;
        expected[0x50 / 4] = 1 << 8;
        expected[0x5c / 4] = 1 << 8;
        // A one in GPEDS clears.
        expected[0x40 / 4] = 1 << 17;
        expected[0x44 / 4] = 1 << 8;
        assert_eq!(words, expected);
        with_block(&mut words, |pads| pads.detect(line(17), false, false));
        assert_eq!(words[0x4c / 4], 1 << 3);
    }

    #[test]
    fn edges_are_taken_with_the_levels_after_them() {
        let mut words = [0; LINES];
        (words[0x40 / 4], words[0x44 / 4]) = (1 << 17 | 1, 0);
        (words[0x34 / 4], words[0x38 / 4]) = (0xffff_0000, 7);
        let seen = with_block(&mut words, |pads| pads.take());
        assert_eq!(seen, Seen { lines: lines(1 << 17 | 1, 0), levels: lines(0xffff_0000, 7) });
        assert_eq!(words[0x40 / 4], 1 << 17 | 1, "written back, which clears them in the chip");
    }

    #[test]
    fn safe_stores_touch_their_lines_alone() {
        let mut words = [0; LINES];
        // Outputs all, but for an alternate function of line 8 and an input.
        words[..6].fill(0o11_1111_1111);
        words[0] = 0o14_1111_1110;
        let stores = SafeStores {
            set: lines(1 << 17, 0),
            clear: lines(1 << 4, 1 << 8),
            float: lines(1 << 27 | 1 << 9 | 1 << 8 | 1, 1 << 25),
        };
        with_block(&mut words, |pads| pads.make_safe(&stores.into()));
        let mut expected = [0; LINES];
        expected[..6].fill(0o11_1111_1111);
        expected[0] = 0o04_1111_1110;
        expected[2] &= !(0b111 << 21);
        expected[5] &= !(0b111 << 21);
        expected[0x1c / 4] = 1 << 17;
        expected[0x28 / 4] = 1 << 4;
        expected[0x2c / 4] = 1 << 8;
        assert_eq!(words, expected);
        let mut untouched = [0x1234_5678; LINES];
        with_block(&mut untouched, |pads| pads.make_safe(&SafeStores::NONE.into()));
        assert_eq!(untouched, [0x1234_5678; LINES]);
    }

    #[test]
    fn the_level_decides_only_where_both_edges_were_asked_for() {
        assert!(rose(true, false, false));
        assert!(!rose(false, true, true));
        assert!(rose(true, true, true));
        assert!(!rose(true, true, false));
    }
}
