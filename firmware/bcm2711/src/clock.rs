//! Time from a counter of any rate.

/// A counter that starts at or before start-up, never goes back and does not wrap in a device's life.
pub trait Counter {
    /// The count now.
    fn ticks(&mut self) -> u64;

    /// Ticks a second; more than zero and the same in every call.
    fn hz(&self) -> u32;
}

/// Microseconds from a [`Counter`].
#[derive(Clone, Copy, Debug)]
pub struct Clock<C> {
    counter: C,
}

impl<C: Counter> Clock<C> {
    /// A clock that reads this counter.
    pub const fn new(counter: C) -> Self {
        Self { counter }
    }

    /// Microseconds since the counter's zero, rounded down.
    #[inline]
    pub fn now_us(&mut self) -> u64 {
        us_of(self.counter.ticks(), self.counter.hz())
    }

    /// The counter, for who needs ticks.
    pub const fn counter(&mut self) -> &mut C {
        &mut self.counter
    }

    /// The first count at which [`Clock::now_us`] is `us` or more.
    #[inline]
    pub fn ticks_at(&self, us: u64) -> u64 {
        ticks_from(us, self.counter.hz())
    }

    /// Waits for at least `us` microseconds.
    pub fn delay_us(&mut self, us: u32) {
        let wanted = ticks_of(us, self.counter.hz());
        let start = self.counter.ticks();
        while self.counter.ticks() - start < wanted {
            core::hint::spin_loop();
        }
    }
}

/// Ticks to microseconds, rounded down. Whole seconds go apart from the rest, as `ticks` times a
/// million would leave 64 bits after four days at 54 MHz.
const fn us_of(ticks: u64, hz: u32) -> u64 {
    let hz = hz as u64;
    ticks / hz * 1_000_000 + ticks % hz * 1_000_000 / hz
}

/// The first count of which [`us_of`] makes `us` or more; the last there is where there is none.
const fn ticks_from(us: u64, hz: u32) -> u64 {
    let hz = hz as u64;
    let part = (us % 1_000_000 * hz).div_ceil(1_000_000);
    (us / 1_000_000).saturating_mul(hz).saturating_add(part)
}

/// Microseconds to ticks, rounded up, so that a wait is never too short; one more because the
/// first tick may be about to end.
const fn ticks_of(us: u32, hz: u32) -> u64 {
    if us == 0 {
        return 0;
    }
    (us as u64 * hz as u64).div_ceil(1_000_000) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Steps;

    /// The board's rate, and the emulator's.
    const RATES: [u32; 2] = [54_000_000, 62_500_000];

    #[test]
    fn microseconds_are_exact_and_last_for_centuries() {
        for hz in RATES {
            let century = 100 * 365 * 24 * 3600;
            assert_eq!(us_of(0, hz), 0);
            assert_eq!(us_of(u64::from(hz), hz), 1_000_000);
            assert_eq!(us_of(century * u64::from(hz), hz), century * 1_000_000);
            assert_eq!(us_of(century * u64::from(hz) - 1, hz), century * 1_000_000 - 1);
        }
        assert_eq!(us_of(53, 54_000_000), 0);
        assert_eq!(us_of(54, 54_000_000), 1);
    }

    #[test]
    fn a_time_is_reached_at_its_first_tick_and_not_before() {
        for hz in [1, 3, 999_999, 1_000_000, 1_000_001, 54_000_000, 62_500_000] {
            for us in [0, 1, 2, 999_999, 1_000_000, 1_000_001, 86_400_000_000, 86_400_000_007] {
                let ticks = ticks_from(us, hz);
                assert!(us_of(ticks, hz) >= us, "{us} us at {hz} Hz");
                assert!(ticks == 0 || us_of(ticks - 1, hz) < us, "{us} us at {hz} Hz");
            }
            assert!(ticks_from(u64::MAX, hz) >= u64::MAX / 1_000_000, "far away, not soon: {hz}");
        }
        assert_eq!(ticks_from(u64::MAX, 54_000_000), u64::MAX);
    }

    #[test]
    fn a_wait_is_never_too_short() {
        for hz in [3, 999_999, 1_000_000, 54_000_000] {
            for us in [0, 1, 2, 7, 1000] {
                let mut clock = Clock::new(Steps(0, hz));
                clock.delay_us(us);
                // From one tick after the start, as that one may have been at its end.
                let waited = (clock.counter.0 - 1).saturating_sub(1);
                assert!(
                    us == 0 || waited * 1_000_000 >= u64::from(us) * u64::from(hz),
                    "{us} us at {hz} Hz: {waited} ticks"
                );
            }
        }
    }
}
