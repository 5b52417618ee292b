//! Local time: the rule of a zone, as POSIX's `TZ` has it, in three words.
//!
//! A device has neither a data base of zones nor the past: what a rule says of the years to come is all that
//! schedules and `time.local_minute` need. The compiler finds the rule of a zone by its name.

use core::fmt;

use crate::calendar::{date, days, is_leap, month_days};
use crate::op::Word;

/// Seconds of a day.
const DAY_S: i64 = 86_400;
/// Minutes of a day.
pub const DAY_MINUTES: u16 = 1440;
/// Minutes that local time may be ahead of or behind UTC: a day less a minute, as POSIX has it.
pub const MAX_OFFSET_MINUTES: i16 = 1439;
/// Minutes from a day's midnight to a change, before or behind it: a week less a minute (RFC 9636, 3.3.1).
pub const MAX_CHANGE_MINUTES: i16 = 10_079;
/// All days of a week: bit 0 is Monday.
pub const ALL_DAYS: u8 = 0x7f;
/// The last second of the year 9999.
const LAST_S: i64 = 253_402_300_799;

/// A day of each year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YearDay {
    /// `Mm.w.d`: a weekday, 0 is Sunday, of week 1 to 5 of a month from 1 to 12; week 5 is the last one.
    Month {
        /// The month.
        month: u8,
        /// The week.
        week: u8,
        /// The weekday.
        weekday: u8,
    },
    /// `Jn`: day 1 to 365; 29 February is never counted.
    Julian(u16),
    /// `n`: day 0 to 365, 29 February counted.
    Zero(u16),
}

/// The yearly change of local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The day.
    pub day: YearDay,
    /// Minutes from the midnight of that day, in the time before the change.
    pub minute: i16,
}

impl Change {
    const JULIAN: u32 = 13;
    const ZERO: u32 = 14;

    const fn to_word(self) -> Word {
        let day = match self.day {
            YearDay::Month { month, week, weekday } => {
                (month as u32) << 12 | (week as u32) << 4 | weekday as u32
            }
            YearDay::Julian(day) => Self::JULIAN << 12 | day as u32,
            YearDay::Zero(day) => Self::ZERO << 12 | day as u32,
        };
        day << 16 | self.minute as u16 as u32
    }

    fn from_word(word: Word) -> Option<Self> {
        let (day, minute) = (word >> 16, word as u16 as i16);
        let number = (day & 0xfff) as u16;
        let [week, weekday] = [(number >> 4) as u8, (number & 15) as u8];
        let day = match day >> 12 {
            month @ 1..=12 if matches!(week, 1..=5) && weekday <= 6 && number < 0x60 => {
                YearDay::Month { month: month as u8, week, weekday }
            }
            Self::JULIAN if matches!(number, 1..=365) => YearDay::Julian(number),
            Self::ZERO if number <= 365 => YearDay::Zero(number),
            _ => return None,
        };
        (minute.unsigned_abs() <= MAX_CHANGE_MINUTES.unsigned_abs()).then_some(Self { day, minute })
    }

    /// Returns the seconds from 1970 to the change in a year, in the local time before it.
    fn in_year(self, year: i64) -> i64 {
        let day = match self.day {
            YearDay::Month { month, week, weekday } => {
                let first = days(year, month, 1);
                let last = days(year, month, month_days(year, month));
                // 1 January 1970 was a Thursday.
                let ahead = (i64::from(weekday) - (first + 4)).rem_euclid(7);
                let day = first + ahead + 7 * (i64::from(week) - 1);
                if day > last { day - 7 } else { day }
            }
            YearDay::Julian(n) => {
                let leap = i64::from(is_leap(year) && n >= 60);
                days(year, 1, 1) + i64::from(n) - 1 + leap
            }
            YearDay::Zero(n) => days(year, 1, 1) + i64::from(n),
        };
        day * DAY_S + i64::from(self.minute) * 60
    }
}

/// The zone of local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Minutes that standard time is ahead of UTC.
    pub standard: i16,
    /// Minutes that the time between the two changes is ahead of UTC; `standard` where there are none.
    pub daylight: i16,
    /// When daylight saving time begins and ends, where there is any.
    pub changes: Option<[Change; 2]>,
}

impl Zone {
    /// UTC: the zone of an image that does not say one.
    pub const UTC: Self = Self { standard: 0, daylight: 0, changes: None };

    /// Returns the three words of an image.
    pub fn to_words(self) -> [Word; 3] {
        let offsets = u32::from(self.standard as u16) | u32::from(self.daylight as u16) << 16;
        let [start, end] = self.changes.map_or([0; 2], |changes| changes.map(Change::to_word));
        [offsets, start, end]
    }

    /// Reads the three words of an image.
    pub fn from_words([offsets, start, end]: [Word; 3]) -> Option<Self> {
        let [standard, daylight] = [offsets as u16 as i16, (offsets >> 16) as u16 as i16];
        let most = MAX_OFFSET_MINUTES.unsigned_abs();
        if standard.unsigned_abs() > most || daylight.unsigned_abs() > most {
            return None;
        }
        let changes = match (start, end) {
            (0, 0) => None,
            (start, end) => Some([Change::from_word(start)?, Change::from_word(end)?]),
        };
        // UTC is said by no section, so that an image has one encoding.
        let zone = Self { standard, daylight, changes };
        ((changes.is_some() || standard == daylight) && zone != Self::UTC).then_some(zone)
    }

    /// Returns the times at which daylight saving time begins and ends in a year of standard time, in seconds
    /// since 1970.
    fn changes_in(&self, year: i64) -> Option<[i64; 2]> {
        let [start, end] = self.changes?;
        let ahead = |minutes: i16| i64::from(minutes) * 60;
        Some([start.in_year(year) - ahead(self.standard), end.in_year(year) - ahead(self.daylight)])
    }

    /// Returns the seconds that local time is ahead of UTC at a time in seconds since 1970.
    pub fn offset_s(&self, unix_s: i64) -> i64 {
        let standard = i64::from(self.standard) * 60;
        let unix_s = unix_s.clamp(-LAST_S, LAST_S);
        let (year, ..) = date((unix_s + standard).div_euclid(DAY_S));
        let Some([start, end]) = self.changes_in(year) else { return standard };
        let saves =
            if start <= end { start <= unix_s && unix_s < end } else { !(end <= unix_s && unix_s < start) };
        if saves { i64::from(self.daylight) * 60 } else { standard }
    }

    /// Returns the minute of the local day, 0 to 1439; -1 for a time that is not known (negative).
    pub fn minute_of_day(&self, unix_us: i64) -> i32 {
        if unix_us < 0 {
            return -1;
        }
        let unix_s = unix_us.div_euclid(1_000_000);
        ((unix_s + self.offset_s(unix_s)).rem_euclid(DAY_S) / 60) as i32
    }

    /// Returns when the local clock first shows `minute` or later on a day, in seconds since 1970. A time
    /// that comes twice is the first of the two; one that a change leaves out is the change itself.
    fn instant(&self, day: i64, minute: u16) -> i64 {
        let target = day * DAY_S + i64::from(minute) * 60;
        let [standard, daylight] = [self.standard, self.daylight].map(|minutes| i64::from(minutes) * 60);
        let (early, late) = (target - standard.max(daylight), target - standard.min(daylight));
        if let Some(found) = [early, late].into_iter().find(|at| at + self.offset_s(*at) == target) {
            return found;
        }
        let (year, ..) = date(day);
        let changes = (year - 1..=year + 1).filter_map(|year| self.changes_in(year)).flatten();
        changes.filter(|at| early < *at && *at <= late).min().unwrap_or(late)
    }

    /// Returns the first time after `after_us` at which a schedule of this minute falls due, on days whose
    /// bit is in `days`. Both times are microseconds since 1970; `None` behind the year 9999.
    pub fn next(&self, after_us: i64, minute: u16, days: u8) -> Option<i64> {
        let after_s = after_us.div_euclid(1_000_000);
        if !(0..=LAST_S).contains(&after_s.max(0)) {
            return None;
        }
        let today = (after_s + self.offset_s(after_s)).div_euclid(DAY_S);
        let on = |day: &i64| days >> (day + 3).rem_euclid(7) & 1 != 0;
        let times = (today - 1..today + 9).filter(on).map(|day| self.instant(day, minute) * 1_000_000);
        times.into_iter().find(|at_us| *at_us > after_us)
    }
}

impl fmt::Display for Zone {
    /// Writes the rule as POSIX has it, with offsets for names: `<+01>-1<+02>,M3.5.0/2,M10.5.0/3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::UTC {
            return f.write_str("UTC0");
        }
        let clock = |f: &mut fmt::Formatter<'_>, minutes: i16, pad: usize| {
            let (hours, rest) = (minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60);
            match rest {
                0 => write!(f, "{hours:0pad$}"),
                rest => write!(f, "{hours:0pad$}:{rest:02}"),
            }
        };
        let name = |f: &mut fmt::Formatter<'_>, minutes: i16| {
            f.write_str(if minutes < 0 { "<-" } else { "<+" })?;
            let (hours, rest) = (minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60);
            match rest {
                0 => write!(f, "{hours:02}>"),
                rest => write!(f, "{hours:02}{rest:02}>"),
            }
        };
        // POSIX counts what has to be added to local time.
        let offset = |f: &mut fmt::Formatter<'_>, minutes: i16| {
            f.write_str(if minutes > 0 { "-" } else { "" })?;
            clock(f, minutes, 1)
        };
        name(f, self.standard)?;
        offset(f, self.standard)?;
        let Some(changes) = self.changes else { return Ok(()) };
        name(f, self.daylight)?;
        if self.daylight != self.standard + 60 {
            offset(f, self.daylight)?;
        }
        for Change { day, minute } in changes {
            match day {
                YearDay::Month { month, week, weekday } => write!(f, ",M{month}.{week}.{weekday}")?,
                YearDay::Julian(day) => write!(f, ",J{day}")?,
                YearDay::Zero(day) => write!(f, ",{day}")?,
            }
            f.write_str(if minute < 0 { "/-" } else { "/" })?;
            clock(f, minute, 1)?;
        }
        Ok(())
    }
}

/// The days of a schedule: `mon-fri`, `sat, sun`, `daily`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(pub u8);

/// The names of the days, by their bits.
pub const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & ALL_DAYS == ALL_DAYS {
            return f.write_str("daily");
        }
        let has = |day: usize| self.0 >> day & 1 != 0;
        let (mut day, mut comma) = (0, "");
        while day < DAY_NAMES.len() {
            let end = (day..DAY_NAMES.len()).find(|end| !has(*end)).unwrap_or(DAY_NAMES.len());
            match end - day {
                0 => {}
                1 => write!(f, "{comma}{}", DAY_NAMES[day])?,
                2 => write!(f, "{comma}{}, {}", DAY_NAMES[day], DAY_NAMES[day + 1])?,
                _ => write!(f, "{comma}{}-{}", DAY_NAMES[day], DAY_NAMES[end - 1])?,
            }
            comma = if end > day { ", " } else { comma };
            day = end.max(day + 1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(month: u8, week: u8, weekday: u8, minute: i16) -> Change {
        Change { day: YearDay::Month { month, week, weekday }, minute }
    }

    fn berlin() -> Zone {
        let changes = [month(3, 5, 0, 120), month(10, 5, 0, 180)];
        Zone { standard: 60, daylight: 120, changes: Some(changes) }
    }

    /// Seconds since 1970 of a time of UTC.
    fn utc(year: i64, month: u8, day: u8, hour: i64, minute: i64) -> i64 {
        days(year, month, day) * DAY_S + hour * 3600 + minute * 60
    }

    fn next(zone: &Zone, after_s: i64, minute: u16, days: u8) -> i64 {
        zone.next(after_s * 1_000_000, minute, days).unwrap() / 1_000_000
    }

    #[test]
    fn words_are_read_as_they_were_written_and_no_others() {
        let lord_howe =
            Zone { standard: 630, daylight: 660, changes: Some([month(10, 1, 0, 120), month(4, 1, 0, 120)]) };
        let julian = Zone {
            standard: -180,
            daylight: -120,
            changes: Some([
                Change { day: YearDay::Julian(60), minute: -10_079 },
                Change { day: YearDay::Zero(0), minute: 10_079 },
            ]),
        };
        let fixed = Zone { standard: -570, daylight: -570, changes: None };
        for zone in [berlin(), lord_howe, julian, fixed] {
            assert_eq!(Zone::from_words(zone.to_words()), Some(zone));
        }
        let [offsets, start, end] = berlin().to_words();
        for bad in [
            [0, 0, 0],
            [1440, start, end],
            [offsets, 0, 0],
            [offsets, start, 0],
            [offsets, start & 0x0fff_ffff, end],
            [offsets, start | 0xf000_0000, end],
            [offsets, start & 0xffff_0000 | 10_080, end],
            [offsets, start | 7 << 16, end],
            [offsets, 13 << 28, end],
            [offsets, 13 << 28 | 366 << 16, end],
        ] {
            assert_eq!(Zone::from_words(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn the_minute_follows_the_rule() {
        let zone = berlin();
        let at = |unix_s: i64| zone.minute_of_day(unix_s * 1_000_000);
        assert_eq!(at(utc(2026, 3, 29, 0, 59)), 119);
        assert_eq!(at(utc(2026, 3, 29, 1, 0)), 180);
        assert_eq!(at(utc(2026, 10, 25, 0, 59)), 179);
        assert_eq!(at(utc(2026, 10, 25, 1, 0)), 120);
        assert_eq!(zone.minute_of_day(-1), -1);
        // A year of daylight saving time, as POSIX's own example has it.
        let all = [
            Change { day: YearDay::Zero(0), minute: 0 },
            Change { day: YearDay::Julian(365), minute: 25 * 60 },
        ];
        let always = Zone { standard: -300, daylight: -240, changes: Some(all) };
        for hour in 0..24 * 800 {
            assert_eq!(always.offset_s(utc(2026, 12, 1, hour, 0)), -4 * 3600, "{hour}");
        }
    }

    #[test]
    fn a_schedule_falls_due_once_on_each_of_its_days() {
        let zone = berlin();
        // Monday, 06:59:59 in summer time.
        let monday = utc(2026, 6, 1, 5, 0);
        assert_eq!(next(&zone, monday - 1, 420, 1), monday);
        assert_eq!(next(&zone, monday, 420, 1), monday + 7 * DAY_S);
        assert_eq!(next(&zone, monday, 420, ALL_DAYS), monday + DAY_S);
        // Saturday over the change: the day before the change has 24 hours, that of the change 23.
        let saturday = utc(2026, 3, 28, 6, 0);
        assert_eq!(next(&zone, saturday, 420, ALL_DAYS), saturday + 23 * 3600);
    }

    #[test]
    fn a_time_that_does_not_exist_is_the_change_and_one_that_comes_twice_the_first() {
        let zone = berlin();
        let spring = utc(2026, 3, 29, 1, 0);
        for minute in 120..=180 {
            assert_eq!(next(&zone, utc(2026, 3, 28, 23, 30), minute, ALL_DAYS), spring, "{minute}");
        }
        let first = utc(2026, 10, 25, 0, 30);
        assert_eq!(next(&zone, utc(2026, 10, 24, 23, 30), 150, ALL_DAYS), first);
        assert_eq!(next(&zone, first, 150, ALL_DAYS), utc(2026, 10, 26, 1, 30), "once");
        // A change at midnight: 0:00 to 0:59 are left out.
        let santiago = Zone {
            standard: -240,
            daylight: -180,
            changes: Some([month(9, 1, 6, 1440), month(4, 1, 6, 1440)]),
        };
        let gap = utc(2026, 9, 6, 4, 0);
        assert_eq!(next(&santiago, gap - 3600, 30, ALL_DAYS), gap);
        assert_eq!(next(&santiago, gap, 30, ALL_DAYS), utc(2026, 9, 7, 3, 30));
    }

    #[test]
    fn every_day_has_each_schedule_once() {
        let zone = berlin();
        for minute in [0, 119, 120, 150, 179, 180, 1439] {
            let mut at_us = utc(2025, 12, 31, 22, 0) * 1_000_000;
            let mut last = i64::MIN;
            for _ in 0..800 {
                at_us = zone.next(at_us, minute, ALL_DAYS).unwrap();
                let local = at_us / 1_000_000 + zone.offset_s(at_us / 1_000_000);
                let day = local.div_euclid(DAY_S);
                assert!(last == i64::MIN || day == last + 1, "{minute}: {day} behind {last}");
                last = day;
            }
        }
        assert_eq!(zone.next(i64::MAX, 0, ALL_DAYS), None);
    }

    #[test]
    fn zones_and_days_are_written_as_people_write_them() {
        assert_eq!(berlin().to_string(), "<+01>-1<+02>,M3.5.0/2,M10.5.0/3");
        assert_eq!(Zone::UTC.to_string(), "UTC0");
        assert_eq!(Zone { standard: -570, daylight: -570, changes: None }.to_string(), "<-0930>9:30");
        for (days, text) in [
            (0x7f, "daily"),
            (0x1f, "mon-fri"),
            (0x60, "sat, sun"),
            (0x15, "mon, wed, fri"),
            (0x47, "mon-wed, sun"),
        ] {
            assert_eq!(Days(days).to_string(), text);
        }
    }
}
