//! GPIO lines, and the banks that they stand in.
//!
//! A *line* is a GPIO number as the chip's documentation and libgpiod have it, a *bank* the group of up to 32
//! lines that shares one register.

/// Lines of one bank, bit *n* is the bank's line *n*.
pub type PinMask = u32;

/// A GPIO line of a board that this build knows. [`crate::Board::line`] says which lines a board has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct Line(u8);

impl Line {
    /// The number of lines of the board that has the most in this build.
    #[cfg(not(feature = "sim96"))]
    pub const COUNT: u8 = crate::rpi4b::LINES;
    /// The number of lines of the board that has the most in this build.
    #[cfg(feature = "sim96")]
    pub const COUNT: u8 = crate::sim96::LINES;

    /// Returns the line with this number, if a board of this build has one.
    #[inline(always)]
    pub const fn new(number: u8) -> Option<Self> {
        if number < Self::COUNT { Some(Self(number)) } else { None }
    }

    /// Returns the number.
    #[inline(always)]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Returns the bank that holds the line.
    #[inline(always)]
    pub const fn bank(self) -> Bank {
        Bank::of(self.0)
    }

    /// Returns the line's bit in its bank's registers.
    #[inline(always)]
    pub const fn mask(self) -> PinMask {
        1 << (self.0 & 31)
    }
}

impl core::fmt::Display for Line {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of banks of the board that has the most in this build.
pub const BANKS: usize = Line::COUNT.div_ceil(32) as usize;

/// A group of lines that one register serves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Bank {
    /// Lines 0 to 31.
    Zero = 0,
    /// Lines 32 to 63.
    One = 1,
    /// Lines 64 to 95.
    #[cfg(feature = "sim96")]
    Two = 2,
}

impl Bank {
    /// Every bank.
    pub const ALL: [Self; BANKS] = [
        Self::Zero,
        Self::One,
        #[cfg(feature = "sim96")]
        Self::Two,
    ];

    /// Returns the bank with this number, if a board of this build has one.
    #[inline(always)]
    pub const fn new(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Zero),
            1 => Some(Self::One),
            #[cfg(feature = "sim96")]
            2 => Some(Self::Two),
            _ => None,
        }
    }

    /// Returns the bank with this number; of a number that no bank has, the last bank.
    #[inline(always)]
    pub const fn nth(number: usize) -> Self {
        #[cfg(feature = "sim96")]
        if number >= 2 {
            return Self::Two;
        }
        if number == 0 { Self::Zero } else { Self::One }
    }

    /// Returns the bank of the line with this number; of a number that no line has, any bank.
    #[inline(always)]
    pub const fn of(line: u8) -> Self {
        #[cfg(feature = "sim96")]
        if line >> 5 & 2 != 0 {
            return Self::Two;
        }
        if line >> 5 & 1 == 0 { Self::Zero } else { Self::One }
    }
}
