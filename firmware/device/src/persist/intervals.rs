//! When the state of each module is looked at, to write what has changed.

use xmap_image::Persist;
use xmap_link::limits::MAX_MODULES;

/// When the state of each module is looked at: every so often as its image says, else as the device is
/// configured.
#[derive(Debug)]
pub struct Intervals {
    /// Microseconds where an image says nothing; `u64::MAX` is never, whatever images say.
    configured_us: u64,
    modules: [Interval; MAX_MODULES],
}

/// The interval of a module.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    /// When the state was looked at; `None` where that is due at once.
    looked_us: Option<u64>,
    /// Microseconds until the next look; `None` where there is none.
    every_us: Option<u64>,
}

impl Interval {
    /// Returns when the next look is due; `u64::MAX` is never.
    fn next_us(&self) -> u64 {
        self.every_us.map_or(u64::MAX, |every_us| {
            self.looked_us.map_or(0, |looked_us| looked_us.saturating_add(every_us))
        })
    }
}

impl Intervals {
    /// The intervals of modules that say nothing, none of which has begun. `configured_us` is how often state
    /// is looked at where an image does not say it; `u64::MAX` is at the end only, whatever images say.
    pub fn new(configured_us: u64) -> Self {
        Self { configured_us, modules: Default::default() }
    }

    /// Begins the interval of a module: what it has now is what the storage has.
    pub fn begin(&mut self, module: u8, persist: Persist, now_us: u64) {
        let every_us = self.every_us(persist);
        if let Some(of) = self.modules.get_mut(usize::from(module)) {
            *of = Interval { looked_us: Some(now_us), every_us };
        }
    }

    /// Returns whether the state of a module is to be looked at, whose image is the same as at the last look
    /// or another one; the next interval begins then. Where a restart brings none it is at any time: what an
    /// earlier version has left does not wait.
    pub fn is_due(&mut self, module: u8, persist: Persist, now_us: u64) -> bool {
        let every_us = self.every_us(persist);
        let Some(of) = self.modules.get_mut(usize::from(module)) else { return false };
        of.every_us = every_us;
        // At the end of the device there is a look also where it has no interval.
        let is_due = of.looked_us.is_none() || every_us.is_some() && now_us >= of.next_us();
        if is_due {
            of.looked_us = Some(now_us);
        }
        is_due || persist == Persist::Never
    }

    /// Makes a look at every module due at once: the device is about to end.
    pub fn hurry(&mut self) {
        self.modules.iter_mut().for_each(|of| of.looked_us = None);
    }

    /// Returns when the next look is due, in microseconds; `u64::MAX` is never.
    pub fn next_us(&self) -> u64 {
        self.modules.iter().map(Interval::next_us).min().unwrap_or(u64::MAX)
    }

    fn every_us(&self, persist: Persist) -> Option<u64> {
        match persist {
            _ if self.configured_us == u64::MAX => None,
            Persist::AsConfigured => Some(self.configured_us),
            Persist::EveryS(every_s) => Some(u64::from(every_s) * 1_000_000),
            Persist::Never => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;
    const MINUTE: Persist = Persist::EveryS(60);

    #[test]
    fn each_module_has_its_own_interval_and_else_the_configured_one() {
        let mut intervals = Intervals::new(300 * SECOND);
        assert_eq!(intervals.next_us(), u64::MAX, "nothing is mounted");
        let persists = [Persist::AsConfigured, MINUTE, Persist::Never, Persist::EveryS(86_400)];
        for (module, persist) in (0..).zip(persists) {
            intervals.begin(module, persist, SECOND);
        }
        let mut looks = [0; MAX_MODULES];
        for now_s in 1..=601 {
            for (module, persist) in (0..).zip(persists) {
                let due = intervals.is_due(module, persist, now_s * SECOND);
                looks[usize::from(module)] += u32::from(due);
                let on_time = match module {
                    0 => now_s % 300 == 1,
                    1 => now_s % 60 == 1,
                    _ => module == 2,
                };
                assert!(!due || on_time, "{module}, {now_s}");
            }
            assert_eq!(intervals.next_us(), (now_s - (now_s - 1) % 60 + 60) * SECOND, "{now_s}");
        }
        assert_eq!(looks, [2, 10, 601, 0]);
    }

    #[test]
    fn another_image_has_its_interval_at_once() {
        let mut intervals = Intervals::new(300 * SECOND);
        intervals.begin(0, Persist::AsConfigured, 0);
        assert!(!intervals.is_due(0, Persist::AsConfigured, 100 * SECOND));
        assert!(intervals.is_due(0, MINUTE, 100 * SECOND), "a minute has passed");
        assert!(!intervals.is_due(0, Persist::AsConfigured, 399 * SECOND));
        assert!(intervals.is_due(0, Persist::AsConfigured, 400 * SECOND));
    }

    /// `keep_every_s = 0` of the service is the last word.
    #[test]
    fn where_only_the_end_writes_no_image_has_an_interval() {
        let mut intervals = Intervals::new(u64::MAX);
        let persists = [Persist::AsConfigured, MINUTE];
        for (module, persist) in (0..).zip(persists) {
            intervals.begin(module, persist, 0);
            assert!(!intervals.is_due(module, persist, u64::MAX));
        }
        assert_eq!(intervals.next_us(), u64::MAX);
        intervals.hurry();
        assert!((0..).zip(persists).all(|(module, persist)| intervals.is_due(module, persist, 5)));
        assert!(!intervals.is_due(0, Persist::AsConfigured, 6), "once");
    }
}
