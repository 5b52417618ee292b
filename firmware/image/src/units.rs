//! Quantities as people write them: a decimal number and a unit, `1.5ms`, `20 kHz`, `12 KiB`. Exact, for
//! manifests and scripts.

use core::fmt;

/// A unit: its name, and how many of the smallest unit it is.
pub type Unit = (&'static str, u64);

/// Units of time, in microseconds.
pub const TIME: &[Unit] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Units of frequency, in hertz.
pub const FREQUENCY: &[Unit] = &[("Hz", 1), ("kHz", 1_000), ("MHz", 1_000_000)];

/// Units of memory, in bytes.
pub const BYTES: &[Unit] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20)];

/// Why a text is no quantity of some units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAQuantity {
    /// It does not begin with a decimal number.
    Number,
    /// Nothing follows the number.
    NoUnit,
    /// What follows the number is none of the units.
    Unit,
    /// It is no whole number of the smallest unit.
    Fraction,
    /// It is larger than 64 bits hold.
    Large,
}

impl fmt::Display for NotAQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "expected a number and a unit",
            Self::NoUnit => "the unit is missing",
            Self::Unit => "an unknown unit",
            Self::Fraction => "finer than the smallest unit",
            Self::Large => "too large",
        })
    }
}

/// Reads a number and its unit, with or without a space between them. Returns how many of the smallest unit
/// it is.
///
/// # Errors
/// [`NotAQuantity`].
///
/// # Examples
///
/// ```
/// use xmap_image::units::{NotAQuantity, TIME, quantity};
///
/// assert_eq!(quantity("1.5ms", TIME), Ok(1500));
/// assert_eq!(quantity("5 s", TIME), Ok(5_000_000));
/// assert_eq!(quantity("0.5us", TIME), Err(NotAQuantity::Fraction));
/// ```
pub fn quantity(text: &str, units: &[Unit]) -> Result<u64, NotAQuantity> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(NotAQuantity::Number);
    }
    if unit.is_empty() {
        return Err(NotAQuantity::NoUnit);
    }
    // The sign of micro has two code points.
    let is = |name: &str| name == unit || (name == "us" && matches!(unit, "\u{b5}s" | "\u{3bc}s"));
    let (_, factor) = units.iter().find(|(name, _)| is(name)).ok_or(NotAQuantity::Unit)?;
    let whole: u64 = whole.parse().map_err(|_| NotAQuantity::Large)?;
    let sum = whole.checked_mul(*factor).ok_or(NotAQuantity::Large)?;
    let fraction = fraction.trim_end_matches('0');
    // So many digits fit 64 bits; what has more of them is finer than any unit.
    if fraction.len() > 18 {
        return Err(NotAQuantity::Fraction);
    }
    let digits = fraction.bytes().fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
    let (part, whole) = (digits * u128::from(*factor), 10u128.pow(fraction.len() as u32));
    if part % whole != 0 {
        return Err(NotAQuantity::Fraction);
    }
    let part = u64::try_from(part / whole).map_err(|_| NotAQuantity::Large)?;
    sum.checked_add(part).ok_or(NotAQuantity::Large)
}

/// The names of units, for messages: `us, ms, s`.
pub fn names(units: &[Unit]) -> alloc::string::String {
    let names: alloc::vec::Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact() {
        for (text, us) in [
            ("0us", 0),
            ("100ms", 100_000),
            ("100 ms", 100_000),
            (" 2.250 s ", 2_250_000),
            ("1\u{b5}s", 1),
            ("0.000001s", 1),
            ("1.10ms", 1_100),
            ("2min", 120_000_000),
            ("1d", 86_400_000_000),
            ("0.5min", 30_000_000),
        ] {
            assert_eq!(quantity(text, TIME), Ok(us), "{text}");
        }
        assert_eq!(quantity("20 kHz", FREQUENCY), Ok(20_000));
        assert_eq!(quantity("12 KiB", BYTES), Ok(12_288));
        assert_eq!(quantity("0.5KiB", BYTES), Ok(512));
    }

    #[test]
    fn what_is_no_quantity_says_why() {
        for (text, why) in [
            ("", NotAQuantity::Number),
            ("ms", NotAQuantity::Number),
            ("-1ms", NotAQuantity::Number),
            (".5ms", NotAQuantity::Number),
            ("5.ms", NotAQuantity::Number),
            ("1.2.3ms", NotAQuantity::Number),
            ("5", NotAQuantity::NoUnit),
            ("5 mss", NotAQuantity::Unit),
            ("5 MS", NotAQuantity::Unit),
            ("0.0001ms", NotAQuantity::Fraction),
            ("18446744073709551615ms", NotAQuantity::Large),
            ("99999999999999999999us", NotAQuantity::Large),
        ] {
            assert_eq!(quantity(text, TIME), Err(why), "{text}");
        }
    }
}
