//! GPIO lines as the BCM2711 documentation and libgpiod have them: a *line* is a
//! GPIO number, a *bank* the group of up to 32 lines that shares one register.

/// Lines of one bank, bit *n* is the bank's line *n*.
pub type PinMask = u32;

/// A GPIO line, 0 to 57 (*BCM2711 ARM Peripherals*, section 5.1: 58 lines in two banks).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct Line(u8);

impl Line {
    /// How many lines there are.
    pub const COUNT: u8 = 58;

    /// The line with this number, if it exists.
    #[inline(always)]
    pub const fn new(number: u8) -> Option<Self> {
        if number < Self::COUNT { Some(Self(number)) } else { None }
    }

    /// The number, 0 to 57.
    #[inline(always)]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The bank that holds the line.
    #[inline(always)]
    pub const fn bank(self) -> Bank {
        if self.0 < 32 { Bank::Zero } else { Bank::One }
    }

    /// The line's bit in its bank's registers.
    #[inline(always)]
    pub const fn mask(self) -> PinMask {
        1 << (self.0 & 31)
    }

    /// The line's bit in a set over all banks.
    #[inline(always)]
    pub const fn mask64(self) -> u64 {
        1 << (self.0 & 63)
    }
}

impl core::fmt::Display for Line {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// A group of lines that one register serves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Bank {
    /// Lines 0 to 31.
    Zero = 0,
    /// Lines 32 to 57.
    One = 1,
}

impl Bank {
    /// Both banks.
    pub const ALL: [Self; 2] = [Self::Zero, Self::One];

    /// The bank with this number, if it exists.
    #[inline(always)]
    pub const fn new(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Zero),
            1 => Some(Self::One),
            _ => None,
        }
    }

    /// The lines of this bank within a set over all banks.
    #[inline(always)]
    pub const fn of(self, lines: u64) -> PinMask {
        (lines >> (32 * self as u32)) as u32
    }
}
