//! Sets of lines over all banks.

use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, Not, Sub, SubAssign};

use crate::{BANKS, Bank, Line, PinMask};

/// The bits of a [`LineSet`]: bit *n* is line *n*.
#[cfg(not(feature = "sim96"))]
pub type LineBits = u64;
/// The bits of a [`LineSet`]: bit *n* is line *n*.
#[cfg(feature = "sim96")]
pub type LineBits = u128;

const _: () = assert!(BANKS * 32 <= LineBits::BITS as usize, "a set has room for the widest board");

/// A set of lines over all banks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct LineSet(LineBits);

impl LineSet {
    /// No line.
    pub const EMPTY: Self = Self(0);

    /// Returns the set with these bits; bit *n* is line *n*.
    #[inline(always)]
    pub const fn from_bits(bits: LineBits) -> Self {
        Self(bits)
    }

    /// Returns the bits; bit *n* is line *n*.
    #[inline(always)]
    pub const fn bits(self) -> LineBits {
        self.0
    }

    /// Returns the set of the lines below this number.
    pub const fn below(number: u8) -> Self {
        match (1 as LineBits).checked_shl(number as u32) {
            Some(next) => Self(next - 1),
            None => Self(LineBits::MAX),
        }
    }

    /// Returns the set of one line.
    #[inline(always)]
    pub const fn of(line: Line) -> Self {
        Self(1 << (line.number() as u32 % LineBits::BITS))
    }

    /// Returns the lines of `mask` in this bank.
    #[inline(always)]
    pub const fn of_bank(bank: Bank, mask: PinMask) -> Self {
        Self((mask as LineBits) << (32 * bank as u32))
    }

    /// Returns the lines of these masks: the first is that of bank 0. Masks of banks that no board of this
    /// build has are left out.
    pub fn from_banks(masks: &[PinMask]) -> Self {
        let banks = Bank::ALL.into_iter().zip(masks);
        banks.fold(Self::EMPTY, |lines, (bank, mask)| lines | Self::of_bank(bank, *mask))
    }

    /// Returns the lines of this bank.
    #[inline(always)]
    pub const fn bank(self, bank: Bank) -> PinMask {
        (self.0 >> (32 * bank as u32)) as PinMask
    }

    /// Returns whether the set has this line.
    #[inline(always)]
    pub const fn contains(self, line: Line) -> bool {
        self.0 & Self::of(line).0 != 0
    }

    /// Returns whether the set has the line with this number; no set has a line that does not exist.
    #[inline(always)]
    pub const fn has(self, number: u32) -> bool {
        number < Line::COUNT as u32 && self.0 >> number & 1 != 0
    }

    /// Returns whether the set has no line.
    #[inline(always)]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the number of lines.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Adds a line, or takes it out.
    #[inline(always)]
    pub const fn put(&mut self, line: Line, is_in: bool) {
        self.0 = self.0 & !Self::of(line).0 | if is_in { Self::of(line).0 } else { 0 };
    }

    /// Returns the lines in ascending order.
    pub fn iter(self) -> impl Iterator<Item = Line> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let line = Line::new(left.trailing_zeros() as u8)?;
            left &= left - 1;
            Some(line)
        })
    }
}

impl FromIterator<Line> for LineSet {
    fn from_iter<I: IntoIterator<Item = Line>>(lines: I) -> Self {
        lines.into_iter().fold(Self::EMPTY, |set, line| set | Self::of(line))
    }
}

impl core::fmt::Debug for LineSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter().map(Line::number)).finish()
    }
}

impl BitOr for LineSet {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for LineSet {
    #[inline(always)]
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for LineSet {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitAndAssign for LineSet {
    #[inline(always)]
    fn bitand_assign(&mut self, other: Self) {
        self.0 &= other.0;
    }
}

impl BitXor for LineSet {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl Not for LineSet {
    type Output = Self;

    #[inline(always)]
    fn not(self) -> Self {
        Self(!self.0)
    }
}

/// The lines of the first set that the second does not have.
impl Sub for LineSet {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl SubAssign for LineSet {
    #[inline(always)]
    fn sub_assign(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}
