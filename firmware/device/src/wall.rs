//! The time of day on a board without a clock of its own: what a host has set, and the time since.

/// A wall clock that is an offset to the time since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wall {
    /// Microseconds from boot to 1970, turned round; `None` while nobody has set the clock.
    offset_us: Option<i64>,
}

impl Wall {
    /// The latest time that it can be set to: the end of the year 9999.
    pub const LAST_US: i64 = 253_402_300_799_999_999;

    /// Sets the clock. Returns whether the time is one that it can have.
    pub fn set(&mut self, unix_us: i64, now_us: u64) -> bool {
        let fits = (0..=Self::LAST_US).contains(&unix_us);
        if fits {
            self.offset_us = Some(unix_us.saturating_sub_unsigned(now_us));
        }
        fits
    }

    /// Returns the microseconds since 1970; -1 while the time is not known.
    pub fn unix_us(&self, now_us: u64) -> i64 {
        self.offset_us.map_or(-1, |offset_us| offset_us.saturating_add_unsigned(now_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_from_what_it_was_set_to() {
        let mut wall = Wall::default();
        assert_eq!(wall.unix_us(5), -1);
        assert!(wall.set(1_000, 7_000));
        assert_eq!((wall.unix_us(7_000), wall.unix_us(7_001)), (1_000, 1_001));
        for bad in [-1, i64::MIN, Wall::LAST_US + 1] {
            assert!(!wall.set(bad, 7_000));
        }
        assert_eq!(wall.unix_us(7_001), 1_001);
        assert_eq!(wall.unix_us(u64::MAX), i64::MAX);
    }
}
