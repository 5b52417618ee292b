//! The two times that one timer is for: the next thing that the main loop wants to do, and the last moment at
//! which it must have said that it still runs.

/// The deadlines that have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The alarm's time. It is asked for no longer.
    pub alarm: bool,
    /// The main loop has not fed in time. Once, until it feeds again.
    pub starved: bool,
}

/// Times in ticks of the timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    alarm: Option<u64>,
    starved: Option<u64>,
}

impl Deadlines {
    /// Nothing is waited for.
    pub const NONE: Self = Self { alarm: None, starved: None };

    /// Asks for an alarm at this count, in the place of any before.
    pub const fn set_alarm(&mut self, at: Option<u64>) {
        self.alarm = at;
    }

    /// The main loop runs: it has until this count to say so again.
    pub const fn fed_until(&mut self, at: Option<u64>) {
        self.starved = at;
    }

    /// Returns when the timer has to interrupt.
    pub fn next(&self) -> Option<u64> {
        match (self.alarm, self.starved) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Returns what has come at this count.
    pub fn take(&mut self, now: u64) -> Due {
        let take = |at: &mut Option<u64>| at.take_if(|at| *at <= now).is_some();
        Due { alarm: take(&mut self.alarm), starved: take(&mut self.starved) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_of_the_two_is_next() {
        let mut deadlines = Deadlines::NONE;
        assert_eq!(deadlines.next(), None);
        deadlines.set_alarm(Some(10));
        assert_eq!(deadlines.next(), Some(10));
        deadlines.fed_until(Some(5));
        assert_eq!(deadlines.next(), Some(5));
        deadlines.set_alarm(Some(3));
        assert_eq!(deadlines.next(), Some(3));
        deadlines.set_alarm(None);
        assert_eq!(deadlines.next(), Some(5));
    }

    #[test]
    fn each_comes_once_at_its_count_and_not_before() {
        let mut deadlines = Deadlines::NONE;
        deadlines.set_alarm(Some(10));
        deadlines.fed_until(Some(20));
        assert_eq!(deadlines.take(9), Due::default());
        assert_eq!(deadlines.take(10), Due { alarm: true, starved: false });
        assert_eq!(deadlines.take(19), Due::default());
        assert_eq!(deadlines.next(), Some(20));
        assert_eq!(deadlines.take(25), Due { alarm: false, starved: true });
        assert_eq!(deadlines.take(u64::MAX), Due::default());
        assert_eq!(deadlines, Deadlines::NONE);
    }

    #[test]
    fn feeding_puts_the_end_off() {
        let mut deadlines = Deadlines::NONE;
        for now in 0..100 {
            assert_eq!(deadlines.take(now), Due::default());
            deadlines.fed_until(Some(now + 2));
        }
        assert!(deadlines.take(101).starved);
    }
}
