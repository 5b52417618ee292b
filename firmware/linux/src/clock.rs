//! The service's time: microseconds since it started, by the clock that timers and edges have too.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Ticks of the kernel's monotonic clock in a second.
pub const HZ: u32 = 1_000_000_000;

/// The clock. It goes on while the machine's date is set, and stands while the machine sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start_ns: u64,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self { start_ns: monotonic_ns() }
    }

    /// Microseconds since the clock began.
    #[inline]
    pub fn now_us(&self) -> u64 {
        self.us_of(monotonic_ns())
    }

    /// Microseconds at this time of the kernel's clock; 0 for one before the beginning.
    #[inline]
    pub const fn us_of(&self, monotonic_ns: u64) -> u64 {
        monotonic_ns.saturating_sub(self.start_ns) / 1000
    }

    /// The time of the kernel's clock at which [`Clock::now_us`] is `us`.
    pub const fn ns_at(&self, us: u64) -> u64 {
        us.saturating_mul(1000).saturating_add(self.start_ns)
    }

    /// Waits for at least `us` microseconds. Short waits and the end of long ones are spent looking at the
    /// clock: a sleep may last longer than it should by what the scheduler takes.
    pub fn delay_us(&self, us: u32) {
        /// What a sleep is woken too late by at most, on a machine that is not overloaded.
        const SPIN_US: u64 = 100;
        let end_ns = monotonic_ns().saturating_add(u64::from(us) * 1000);
        loop {
            let left_us = end_ns.saturating_sub(monotonic_ns()).div_ceil(1000);
            match left_us {
                0 => return,
                1..=SPIN_US => std::hint::spin_loop(),
                _ => std::thread::sleep(std::time::Duration::from_micros(left_us - SPIN_US)),
            }
        }
    }
}

/// The kernel's monotonic clock, in nanoseconds since some time before start-up.
#[inline]
pub fn monotonic_ns() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    // Neither is negative for this clock.
    (tv_sec as u64).wrapping_mul(u64::from(HZ)).wrapping_add(tv_nsec as u64)
}

/// 1 January 2026, in seconds since 1970. A Raspberry Pi without a clock chip starts with a time before this
/// program was written; its clock is not set.
const SET_S: i64 = 1_767_225_600;

/// The system's wall clock, in microseconds since 1970; -1 while nobody has set it.
pub fn unix_us() -> i64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
    if tv_sec < SET_S { -1 } else { tv_sec.saturating_mul(1_000_000).saturating_add(tv_nsec / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_kernel_become_microseconds_and_back() {
        let clock = Clock { start_ns: 5_000_000_123 };
        assert_eq!(clock.us_of(5_000_000_123), 0);
        assert_eq!(clock.us_of(5_000_001_122), 0);
        assert_eq!(clock.us_of(5_000_001_123), 1);
        assert_eq!(clock.us_of(0), 0, "an edge from before the start");
        for us in [0, 1, 999, 86_400_000_000] {
            assert_eq!(clock.us_of(clock.ns_at(us)), us);
        }
        assert_eq!(clock.ns_at(u64::MAX), u64::MAX, "never is far away, not soon");
    }

    #[test]
    fn a_wait_is_never_too_short() {
        let clock = Clock::start();
        for us in [0, 1, 50, 150, 3000] {
            let before = monotonic_ns();
            clock.delay_us(us);
            assert!(monotonic_ns() - before >= u64::from(us) * 1000, "{us} us");
        }
    }
}
