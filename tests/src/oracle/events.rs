//! When handlers are called: a reading of docs/manifest.md, *Handlers*.

use std::collections::VecDeque;

use anyhow::{Result, ensure};

use super::clock::Clock;
use super::{Manifest, On};

/// Events that a module may have waiting. The oracle does not go beyond: which one is dropped would be
/// another model.
const WAITING: usize = 16;

/// The handlers of a module, what each waits for, and who is next.
#[derive(Default)]
pub(super) struct Events {
    handlers: Vec<Handler>,
    /// Handlers whose time has come, in the order in which it came.
    waiting: VecDeque<usize>,
    coalesce: bool,
}

struct Handler {
    name: String,
    key: String,
    on: On,
    /// When it is to be called or, for an edge, when its line will have been quiet for long enough.
    at_us: Option<u64>,
    /// The level of the line, and the last one that held.
    level: bool,
    held: bool,
    /// When a schedule is to be called, in microseconds since 1970.
    at: Option<i64>,
}

impl Events {
    /// The handlers of a module that is mounted now.
    pub(super) fn arm(manifest: &Manifest, now_us: u64, clock: &Clock, level: impl Fn(u8) -> bool) -> Events {
        let handlers = manifest.handlers().into_iter().map(|(export, on)| {
            let mut at = None;
            let (at_us, level) = match on {
                On::At(daily) => {
                    at = clock.next(daily, now_us, Some(i64::MIN));
                    (at.and_then(|at| clock.since_boot(at)), false)
                }
                On::Every(us) | On::After(us) => (Some(now_us + us), false),
                On::Edge { line, .. } => (None, level(line)),
            };
            let (name, key) = (export.name.clone(), export.key.clone());
            Handler { name, key, on, at_us, level, held: level, at }
        });
        let coalesce = manifest.policy.coalesce;
        Events { handlers: handlers.collect(), waiting: VecDeque::new(), coalesce }
    }

    /// Takes over the phase of the timers of a module whose place this one has: those of the same key and
    /// period.
    pub(super) fn go_on(&mut self, before: &Events) {
        let goes_on = |handler: &&mut Handler| matches!(handler.on, On::Every(_) | On::At(_));
        for handler in self.handlers.iter_mut().filter(goes_on) {
            let same = before.handlers.iter().find(|old| (&old.key, old.on) == (&handler.key, handler.on));
            if let Some(old) = same {
                (handler.at_us, handler.at) = (old.at_us, old.at);
            }
        }
    }

    /// Takes note that the clock was set, `anew` or by a correction.
    pub(super) fn set_clock(&mut self, now_us: u64, clock: &Clock, anew: bool) {
        for handler in &mut self.handlers {
            let On::At(daily) = handler.on else { continue };
            if anew {
                handler.at = clock.next(daily, now_us, None);
            }
            handler.at_us = handler.at.and_then(|at| clock.since_boot(at));
        }
    }

    /// Looks at the lines after something may have changed them.
    pub(super) fn look(&mut self, now_us: u64, level: impl Fn(u8) -> bool) {
        for handler in &mut self.handlers {
            let On::Edge { line, rising, falling, debounce_us } = handler.on else { continue };
            let high = level(line);
            if high == handler.level {
                continue;
            }
            handler.level = high;
            // An edge that need not hold is over when it is there, and an edge back is another.
            let wanted = debounce_us > 0 || if high { rising } else { falling };
            if wanted {
                handler.at_us = Some(now_us + debounce_us);
            }
        }
    }

    /// Returns when the next handler's time comes.
    pub(super) fn next_us(&self) -> Option<u64> {
        self.handlers.iter().filter_map(|handler| handler.at_us).min()
    }

    /// The handler to call now, by name and key, if one is to be called.
    ///
    /// # Errors
    ///
    /// Where more wait than the oracle knows of.
    pub(super) fn take(&mut self, now_us: u64, clock: &Clock) -> Result<Option<(String, String)>> {
        self.gather(now_us, clock)?;
        Ok(self.waiting.pop_front().map(|n| (self.handlers[n].name.clone(), self.handlers[n].key.clone())))
    }

    fn gather(&mut self, now_us: u64, clock: &Clock) -> Result<()> {
        loop {
            let times = self.handlers.iter().enumerate().filter_map(|(n, h)| Some((h.at_us?, n)));
            let Some((at_us, n)) = times.min().filter(|(at_us, _)| *at_us <= now_us) else { return Ok(()) };
            let handler = &mut self.handlers[n];
            let mut calls = true;
            handler.at_us = None;
            match handler.on {
                On::After(_) => {}
                On::At(daily) => {
                    handler.at = clock.next(daily, now_us, handler.at);
                    handler.at_us = handler.at.and_then(|at| clock.since_boot(at));
                }
                On::Every(us) => {
                    // Deadlines that passed while nobody looked are one event, unless each of them counts.
                    let passed = if self.coalesce { (now_us - at_us) / us } else { 0 };
                    handler.at_us = Some(at_us + (passed + 1) * us);
                    calls = !(self.coalesce && self.waiting.contains(&n));
                }
                On::Edge { rising, falling, debounce_us, .. } => {
                    let direction = if handler.level { rising } else { falling };
                    calls = debounce_us == 0 || direction && handler.level != handler.held;
                    handler.held = handler.level;
                }
            }
            if calls {
                ensure!(self.waiting.len() < WAITING, "more than {WAITING} events wait");
                self.waiting.push_back(n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(exports: &str) -> Events {
        let manifest = Manifest::parse(&format!("[module]\nwasm = 'a'\n[exports]\n{exports}")).unwrap();
        Events::arm(&manifest, 0, &Clock::default(), |_| true)
    }

    fn called(events: &mut Events, now_us: u64) -> Vec<String> {
        std::iter::from_fn(|| events.take(now_us, &Clock::default()).unwrap()).map(|(name, _)| name).collect()
    }

    #[test]
    fn timers_keep_their_grid_and_run_by_key_in_the_same_microsecond() {
        let mut events = events("t = { on = { every_us = 10 } }\na = { on = { after_us = 30 } }\n");
        assert_eq!((events.next_us(), called(&mut events, 9).len()), (Some(10), 0));
        assert_eq!(called(&mut events, 10), ["t"]);
        // Late: 20 is past, and is one with 30. Its place is that of its first deadline.
        assert_eq!(called(&mut events, 30), ["t", "a"]);
        assert_eq!(events.next_us(), Some(40));
        assert_eq!(called(&mut events, 40), ["t"]);
    }

    #[test]
    fn an_edge_counts_when_it_has_held() {
        let mut events = events("down = { on = { pin = 4, edge = 'falling', debounce_us = 100 } }\n");
        for (us, high) in [(0, false), (50, true), (60, false)] {
            events.look(us, |_| high);
        }
        assert_eq!((called(&mut events, 159).len(), events.next_us()), (0, Some(160)));
        assert_eq!(called(&mut events, 160), ["down"]);
        // A glitch while it is down, and the way up.
        for (us, high) in [(200, true), (210, false)] {
            events.look(us, |_| high);
        }
        assert_eq!(called(&mut events, 400).len(), 0);
        events.look(500, |_| true);
        assert_eq!(called(&mut events, 600).len(), 0);
    }

    #[test]
    fn an_edge_that_need_not_hold_counts_each_time_in_its_direction() {
        let mut events = events("up = { on = { pin = 4, edge = 'rising' } }\n");
        for (us, high, count) in [(1, false, 0), (1, true, 1), (2, false, 0), (3, true, 1)] {
            events.look(us, |_| high);
            assert_eq!(called(&mut events, us).len(), count, "{us} {high}");
        }
    }
}
