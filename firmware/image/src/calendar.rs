//! The Gregorian calendar: days since 1 January 1970, and dates.

/// Returns the days from 1 January 1970 to a date.
pub fn days(year: i64, month: u8, day: u8) -> i64 {
    // Years begin in March, so that a leap day is the last of its year.
    let (month, year) =
        if month <= 2 { (i64::from(month) + 9, year - 1) } else { (i64::from(month) - 3, year) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns the year, month and day of a day that is counted from 1 January 1970.
pub fn date(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month as u8, day as u8)
}

pub(crate) const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Returns the days of a month.
pub const fn month_days(year: i64, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_and_found_again() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(days(2000, 3, 1), 11_017);
        for day in (-800_000..800_000).step_by(3).chain(0..40_000) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
            assert!(of_month >= 1 && of_month <= month_days(year, month), "{day}");
        }
    }
}
