//! How often the disk is written at most: memory cards wear.

/// Microseconds after a failed write until the next try, where nothing new comes.
pub const PAUSE_US: u64 = 10_000_000;

/// Writes that may follow one another at once: an afternoon of a developer's swaps.
pub const BURST: u32 = 60;
/// Microseconds after which there is one more.
pub const REFILL_US: u64 = 60_000_000;
/// Writes in a day at most, whatever hosts and modules do: one a minute, and a burst.
pub const WRITES_A_DAY: u32 = 24 * 60 + BURST;

/// Writes that are left.
#[derive(Debug)]
pub struct Budget {
    left: u32,
    /// Since when the next one is coming.
    since_us: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: BURST, since_us: 0 }
    }
}

impl Budget {
    /// Takes one, if there is one.
    pub fn take(&mut self, now_us: u64) -> bool {
        let come = now_us.saturating_sub(self.since_us) / REFILL_US;
        self.left = u32::try_from(come).unwrap_or(u32::MAX).saturating_add(self.left).min(BURST);
        self.since_us = if self.left == BURST { now_us } else { self.since_us + come * REFILL_US };
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }

    /// Returns when there is one again, in microseconds.
    pub const fn next_us(&self) -> u64 {
        self.since_us.saturating_add(REFILL_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_always_wants_to_write_gets_what_a_day_has() {
        let mut budget = Budget::default();
        let day_us = 86_400_000_000;
        let taken = (0..day_us).step_by(100_000).filter(|now_us| budget.take(*now_us)).count();
        assert!(taken as u32 <= WRITES_A_DAY, "{taken}");
        assert!(taken as u32 >= WRITES_A_DAY - 2, "{taken}: and not much less");
    }

    #[test]
    fn what_is_not_written_is_saved_up_to_a_burst() {
        let mut budget = Budget::default();
        assert_eq!((0..100).filter(|_| budget.take(5)).count(), BURST as usize);
        assert!(!budget.take(budget.next_us() - 1));
        assert!(budget.take(budget.next_us()));
        let later = 1_000 * REFILL_US;
        assert_eq!((0..100).filter(|_| budget.take(later)).count(), BURST as usize);
    }
}
