//! Times of the wall clock as people write them: RFC 3339.

use core::fmt;

use crate::calendar::{date, days, month_days};

/// Microseconds of a second.
const SECOND_US: i64 = 1_000_000;

/// Microseconds since 1970; prints as RFC 3339 has it, in UTC: `2026-11-28T22:06:27Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub i64);

impl Stamp {
    /// Reads a time with its offset: `2026-11-28T07:00:00+01:00`, `2026-11-28 06:00:00.5Z`. What is finer
    /// than a microsecond is cut off. A leap second counts as the second before.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.as_bytes();
        let mut number = |digits: usize, behind: &[u8]| -> Option<i64> {
            let (number, after) = rest.split_at_checked(digits)?;
            let value = number.iter().try_fold(0i64, |value, digit| {
                digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
            })?;
            rest = match behind {
                [] => after,
                behind => match after.split_first() {
                    Some((found, after)) if behind.contains(&found.to_ascii_uppercase()) => after,
                    _ => return None,
                },
            };
            Some(value)
        };
        let (year, month, day) = (number(4, b"-")?, number(2, b"-")?, number(2, b"T ")?);
        let (hour, minute, second) = (number(2, b":")?, number(2, b":")?, number(2, b"")?);
        let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        let exists = (1..=12).contains(&month)
            && (1..=month_days(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        if !exists {
            return None;
        }
        let mut micros = 0;
        if let Some((b'.', after)) = rest.split_first() {
            let count = after.iter().take_while(|digit| digit.is_ascii_digit()).count();
            let (digits, after) = after.split_at(count);
            let digit = |n: usize| digits.get(n).map_or(0, |digit| i64::from(digit - b'0'));
            micros = (0..6).fold(0, |value, n| value * 10 + digit(n));
            rest = after;
            if count == 0 {
                return None;
            }
        }
        let offset_s = match rest {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), hours @ .., b':', tens, ones] if hours.len() == 2 => {
                let two = |tens: u8, ones: u8| {
                    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
                    digits.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
                };
                let (hours, minutes) = (two(hours[0], hours[1])?, two(*tens, *ones)?);
                if hours >= 24 || minutes >= 60 {
                    return None;
                }
                let offset = hours * 3600 + minutes * 60;
                if *sign == b'-' { -offset } else { offset }
            }
            _ => return None,
        };
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second.min(59) - offset_s;
        Some(Self(seconds * SECOND_US + micros))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.div_euclid(SECOND_US), self.0.rem_euclid(SECOND_US));
        let (year, month, day) = date(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        let [hour, minute, second] = [of_day / 3600, of_day / 60 % 60, of_day % 60];
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match micros {
            0 => f.write_str("Z"),
            micros if micros % 1000 == 0 => write!(f, ".{:03}Z", micros / 1000),
            micros => write!(f, ".{micros:06}Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_offset_and_written_in_utc() {
        for (text, written) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2026-11-28T07:00:00+01:00", "2026-11-28T06:00:00Z"),
            ("2026-11-28 23:30:00.25-02:30", "2026-11-29T02:00:00.250Z"),
            ("2024-02-29t12:00:60.0000019z", "2024-02-29T12:00:59.000001Z"),
        ] {
            assert_eq!(Stamp::parse(text).unwrap().to_string(), written);
            assert_eq!(Stamp::parse(written).unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for bad in [
            "",
            "now",
            "2026-11-28",
            "2026-11-28T07:00:00",
            "2026-11-28T07:00:00+0100",
            "2025-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-28T24:00:00Z",
            "2026-11-28T07:60:00Z",
            "2026-11-28T07:00:00.Z",
            "2026-11-28T07:00:00Z ",
            "2026-11-28T07:00:00+24:00",
            "+026-11-28T07:00:00Z",
            "２026-11-28T07:00:00Z",
            "2026-00-28T07:00:00Z",
            "2026-11-00T07:00:00Z",
        ] {
            assert_eq!(Stamp::parse(bad), None, "{bad}");
        }
    }
}
