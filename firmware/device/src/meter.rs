//! How many bytes a module may log now: as many a second as its device allows, and those of one second at
//! once.

/// A bucket that fills by time.
#[derive(Debug)]
pub(crate) struct Meter {
    per_s: u32,
    left: u32,
    /// Up to when time has filled it.
    filled_us: u64,
}

impl Meter {
    /// A full one.
    pub(crate) const fn new(per_s: u32) -> Self {
        Self { per_s, left: per_s, filled_us: 0 }
    }

    /// Lets so many bytes a second pass from now on.
    pub(crate) fn set(&mut self, per_s: u32) {
        self.per_s = per_s;
        self.left = self.left.min(per_s);
    }

    /// Returns whether time would fill it.
    pub(crate) const fn is_full(&self) -> bool {
        self.left == self.per_s
    }

    /// Takes note of the time.
    pub(crate) fn fill(&mut self, now_us: u64) {
        let passed_us = now_us.saturating_sub(self.filled_us);
        let new = passed_us.saturating_mul(self.per_s.into()) / 1_000_000;
        if new > 0 {
            self.left = u32::try_from(new).unwrap_or(u32::MAX).saturating_add(self.left).min(self.per_s);
            self.filled_us = now_us;
        }
    }

    /// The bytes that may be logged now.
    pub(crate) const fn left(&self) -> u32 {
        self.left
    }

    /// Takes note of how many are left after a call that ended now.
    pub(crate) fn spend(&mut self, left: u32, now_us: u64) {
        if self.is_full() {
            self.filled_us = now_us;
        }
        self.left = left.min(self.left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_fills_what_a_second_may_take() {
        let mut meter = Meter::new(1000);
        meter.spend(0, 5_000_000);
        for (now_us, left) in
            [(5_000_500, 0), (5_001_000, 1), (5_100_000, 100), (9_000_000, 1000), (u64::MAX, 1000)]
        {
            meter.fill(now_us);
            assert_eq!(meter.left(), left, "{now_us}");
        }
        assert!(meter.is_full());
        meter.set(10);
        assert_eq!(meter.left(), 10);
        let mut none = Meter::new(0);
        none.fill(u64::MAX);
        assert_eq!(none.left(), 0);
    }

    /// However often it is asked, and in whatever steps: no more than a second's worth a second, and one at
    /// once.
    #[test]
    fn steps_make_no_difference() {
        for step_us in [1, 7, 999, 1000, 12_345] {
            let (mut meter, mut spent, mut now_us) = (Meter::new(16_384), 0u64, 0);
            while now_us < 3_000_000 {
                now_us += step_us;
                meter.fill(now_us);
                let left = meter.left().saturating_sub(50);
                spent += u64::from(meter.left() - left);
                meter.spend(left, now_us);
            }
            assert!(spent <= 4 * 16_384, "{step_us}: {spent}");
        }
    }
}
