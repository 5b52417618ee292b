//! The wall clock and what is called by it: a reading of docs/manifest.md, *Handlers*, and of
//! docs/lifecycle.md, *Schedules*. It tries minute after minute, and knows the two zones that panels have.

use anyhow::{Context, Result, bail, ensure};

const MINUTE_S: i64 = 60;
const DAY_S: i64 = 86_400;
/// A step of the clock up to this is a correction.
const CORRECTION_US: i64 = 3 * 3600 * 1_000_000;

/// The zone of a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// UTC.
    #[default]
    Utc,
    /// Central Europe.
    Berlin,
}

impl Zone {
    /// The zone with this name.
    ///
    /// # Errors
    ///
    /// Where the oracle does not know it.
    pub(super) fn named(name: &str) -> Result<Zone> {
        Ok(match name {
            "UTC" => Zone::Utc,
            "Europe/Berlin" => Zone::Berlin,
            _ => bail!("the oracle has no zone {name}"),
        })
    }

    /// Seconds since 1970 that the local clock shows.
    fn local(self, unix_s: i64) -> i64 {
        match self {
            Zone::Utc => unix_s,
            Zone::Berlin => {
                let (mut year, mut first) = (1970, 0);
                while first + length(year) <= unix_s.div_euclid(DAY_S) {
                    first += length(year);
                    year += 1;
                }
                // 01:00 UTC of the last Sundays of March and October.
                let leap = length(year) - 365;
                let last_sunday = |last: i64| (last - (last + 4).rem_euclid(7)) * DAY_S + 3600;
                let summer = last_sunday(first + 89 + leap)..last_sunday(first + 303 + leap);
                unix_s + if summer.contains(&unix_s) { 7200 } else { 3600 }
            }
        }
    }
}

fn length(year: i64) -> i64 {
    if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 366 } else { 365 }
}

/// A time of the day on some days of the week, 0 is Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Daily {
    pub(super) minute: i64,
    pub(super) days: [bool; 7],
}

impl Daily {
    /// Reads `at` and `days`.
    ///
    /// # Errors
    ///
    /// Where they are not in the form that panels have.
    pub(super) fn parse(at: &str, days: &str) -> Result<Daily> {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let (hour, minute) = at.split_once(':').context("a time of the day")?;
        let place = |name: &str| NAMES.iter().position(|day| *day == name).context("a day");
        let mut on = [false; 7];
        match days {
            "" | "daily" => on = [true; 7],
            days => {
                for part in days.split(", ") {
                    let (first, last) = part.split_once('-').unwrap_or((part, part));
                    on[place(first)?..=place(last)?].fill(true);
                }
            }
        }
        Ok(Daily { minute: hour.parse::<i64>()? * 60 + minute.parse::<i64>()?, days: on })
    }

    /// The first time from `from_us` on at which the local clock has come to the minute of a day whose turn
    /// it is, and had not before.
    fn next(self, zone: Zone, from_us: i64) -> i64 {
        let from_s = from_us.div_euclid(1_000_000);
        let start = from_s.div_euclid(MINUTE_S) * MINUTE_S - 30 * 3600;
        let mut seen = None;
        for unix_s in (start..).step_by(60) {
            let local = zone.local(unix_s);
            let (day, minute) = (local.div_euclid(DAY_S), local.rem_euclid(DAY_S) / 60);
            if minute < self.minute || seen >= Some(day) {
                continue;
            }
            seen = Some(day);
            if unix_s * 1_000_000 >= from_us && self.days[(day + 3).rem_euclid(7) as usize] {
                return unix_s * 1_000_000;
            }
        }
        unreachable!("time goes on")
    }
}

/// The clock of the board.
#[derive(Clone, Copy, Default)]
pub(super) struct Clock {
    pub(super) zone: Zone,
    /// Microseconds that it is ahead of the time since boot.
    ahead_us: Option<i64>,
}

impl Clock {
    pub(super) fn new(zone: Zone) -> Clock {
        Clock { zone, ahead_us: None }
    }

    pub(super) fn unix_us(&self, now_us: u64) -> i64 {
        self.ahead_us.map_or(-1, |ahead_us| ahead_us + now_us as i64)
    }

    pub(super) fn local_minute(&self, now_us: u64) -> i32 {
        match self.unix_us(now_us) {
            -1 => -1,
            unix_us => (self.zone.local(unix_us.div_euclid(1_000_000)).rem_euclid(DAY_S) / 60) as i32,
        }
    }

    /// Sets it. Returns whether that is more than a correction.
    pub(super) fn set(&mut self, unix_us: i64, now_us: u64) -> bool {
        let ahead_us = unix_us - now_us as i64;
        let before = self.ahead_us.replace(ahead_us);
        before.is_none_or(|before| (before - ahead_us).abs() > CORRECTION_US)
    }

    /// Returns when a schedule is called next, from now on or behind a time at which it was called; in
    /// microseconds since 1970.
    pub(super) fn next(&self, daily: Daily, now_us: u64, called_us: Option<i64>) -> Option<i64> {
        self.ahead_us?;
        let now = self.unix_us(now_us);
        Some(daily.next(self.zone, called_us.map_or(now, |called_us| now.max(called_us) + 1)))
    }

    /// The time since boot at a time of the clock.
    pub(super) fn since_boot(&self, unix_us: i64) -> Option<u64> {
        Some(u64::try_from(unix_us - self.ahead_us?).unwrap_or(0))
    }
}

/// `2026-03-29T01:59:50+01:00`, in microseconds since 1970.
///
/// # Errors
///
/// Where it has another form.
pub(super) fn stamp(text: &str) -> Result<i64> {
    ensure!(text.len() == 25 && text.as_bytes()[10] == b'T', "no time: {text}");
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().context("no number");
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let mut days: i64 = (1970..year).map(length).sum();
    let february = length(year) - 365 + 28;
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    days += months[..month as usize - 1].iter().sum::<i64>() + day - 1;
    let of_day = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    let ahead = number(20, 22)? * 3600 + number(23, 25)? * 60;
    let ahead = if text.as_bytes()[19] == b'-' { -ahead } else { ahead };
    Ok((days * DAY_S + of_day - ahead) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(stamp("1970-01-01T01:00:00+01:00").unwrap(), 0);
        assert_eq!(stamp("2024-03-01T00:00:00+00:00").unwrap(), 1_709_251_200_000_000);
        for (text, shown) in [
            ("2026-03-29T01:59:59+01:00", 119),
            ("2026-03-29T03:00:00+02:00", 180),
            ("2026-10-25T02:59:59+02:00", 179),
            ("2026-10-25T02:00:00+01:00", 120),
        ] {
            let mut clock = Clock::new(Zone::Berlin);
            clock.set(stamp(text).unwrap(), 0);
            assert_eq!(clock.local_minute(0), shown, "{text}");
        }
    }
}
