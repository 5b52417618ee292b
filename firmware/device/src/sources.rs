//! What calls handlers: timers, and edges that have settled.

use heapless::Vec;
use xmap_boards::{Line, LineSet};
use xmap_image::{EventSource, ExportId, MAX_EVENTS};
use xmap_link::limits::MAX_MODULES;

use crate::Edge;
use crate::modules::ModuleId;
use crate::queue::Waiting;

/// No deadline.
const NEVER: u64 = u64::MAX;

/// A handler and what calls it.
#[derive(Clone, Copy, Debug)]
struct Source {
    module: ModuleId,
    export: ExportId,
    trigger: Trigger,
    /// When it has to be looked at, in microseconds since boot.
    due_us: u64,
}

#[derive(Clone, Copy, Debug)]
enum Trigger {
    Every { period_us: u32 },
    After,
    Edge { line: Line, rising: bool, falling: bool, debounce_us: u32, stable: bool, level: bool },
}

impl Source {
    fn is_timer_of(&self, module: ModuleId) -> bool {
        self.module == module && matches!(self.trigger, Trigger::Every { .. })
    }

    /// Deadlines of a timer before `end_us` that have had no event, and its period.
    fn passed(&self, end_us: u64) -> (u64, u64) {
        match self.trigger {
            Trigger::Every { period_us } if self.due_us < end_us => {
                let period = u64::from(period_us);
                ((end_us - 1 - self.due_us) / period + 1, period)
            }
            _ => (0, 0),
        }
    }
}

/// The sources of all modules.
#[derive(Debug)]
pub(crate) struct Sources {
    rows: Vec<Source, { MAX_MODULES * MAX_EVENTS }>,
    earliest_us: u64,
}

impl Default for Sources {
    fn default() -> Self {
        Self { rows: Vec::new(), earliest_us: NEVER }
    }
}

/// An event, and how many deadlines of its timer have passed without an event of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) event: Waiting,
    pub(crate) missed: u32,
}

/// Deadlines of a module's timers that get no event, because more have passed than may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PassedOver {
    pub(crate) count: u32,
    /// The first of them.
    pub(crate) first_us: u64,
}

/// When a module's timers were to run out next: what a new image in its place goes on with.
#[derive(Debug, Default)]
pub(crate) struct Phases {
    rows: Vec<(ExportId, u32, u64), MAX_EVENTS>,
}

impl Phases {
    /// The next deadline of the timer that calls this export in this period.
    pub(crate) fn of(&self, export: ExportId, period_us: u32) -> Option<u64> {
        self.rows.iter().find(|row| (row.0, row.1) == (export, period_us)).map(|row| row.2)
    }
}

impl Sources {
    /// Arms a handler. Timers count from `now_us`, or have `phase_us` as their first deadline; `high` is
    /// the level of a line now.
    pub(crate) fn arm(
        &mut self,
        (module, export): (ModuleId, ExportId),
        source: EventSource,
        (now_us, phase_us): (u64, Option<u64>),
        high: impl FnOnce(Line) -> bool,
    ) {
        let edge = |line, rising, falling, debounce_us| {
            let line = Line::new(line)?;
            let level = high(line);
            Some(Trigger::Edge { line, rising, falling, debounce_us, stable: level, level })
        };
        let after = |us: u32| now_us.saturating_add(u64::from(us));
        let (trigger, due_us) = match source {
            EventSource::Every { every_us } => (
                Some(Trigger::Every { period_us: every_us.max(1) }),
                phase_us.unwrap_or(after(every_us.max(1))),
            ),
            EventSource::After { after_us } => (Some(Trigger::After), after(after_us)),
            EventSource::Rising { line, debounce_us } => (edge(line, true, false, debounce_us), NEVER),
            EventSource::Falling { line, debounce_us } => (edge(line, false, true, debounce_us), NEVER),
            EventSource::Both { line, debounce_us } => (edge(line, true, true, debounce_us), NEVER),
        };
        // An image's lines exist, and there is room for the handlers of every module.
        if let Some(trigger) = trigger {
            _ = self.rows.push(Source { module, export, trigger, due_us });
        }
        self.refresh();
    }

    /// Disarms a module's handlers; when its timers were to run out.
    pub(crate) fn disarm(&mut self, module: ModuleId) -> Phases {
        let mut phases = Phases::default();
        self.rows.retain(|row| {
            if row.module == module
                && let Trigger::Every { period_us } = row.trigger
            {
                _ = phases.rows.push((row.export, period_us, row.due_us));
            }
            row.module != module
        });
        self.refresh();
        phases
    }

    /// Lines whose rising and falling edges have to be seen. One that is debounced is looked at in both
    /// directions: an edge back means that it has not settled.
    pub(crate) fn wanted_lines(&self) -> [LineSet; 2] {
        self.rows.iter().fold([LineSet::EMPTY; 2], |[up, down], row| match row.trigger {
            Trigger::Edge { line, rising, falling, debounce_us, .. } => {
                let bit = |on: bool| if on || debounce_us != 0 { LineSet::of(line) } else { LineSet::EMPTY };
                [up | bit(rising), down | bit(falling)]
            }
            _ => [up, down],
        })
    }

    /// Whether a module has a handler of an edge.
    pub(crate) fn has_edges(&self, module: ModuleId) -> bool {
        self.rows.iter().any(|row| row.module == module && matches!(row.trigger, Trigger::Edge { .. }))
    }

    /// Takes an edge that was seen. Handlers that do not wait for it to settle are due at once.
    pub(crate) fn edge(&mut self, edge: Edge) {
        // Where one direction alone is looked at, it was that one, whatever the level is by now.
        let rising = match self.wanted_lines().map(|lines| lines.contains(edge.line)) {
            [true, false] => true,
            [false, true] => false,
            _ => edge.rising,
        };
        for row in &mut self.rows {
            if let Trigger::Edge { line, rising: up, falling: down, debounce_us, level, .. } =
                &mut row.trigger
                && *line == edge.line
            {
                *level = rising;
                if *debounce_us != 0 {
                    row.due_us = edge.time_us.saturating_add(u64::from(*debounce_us));
                } else if if rising { *up } else { *down } {
                    row.due_us = edge.time_us;
                }
            }
        }
        self.refresh();
    }

    /// When the next source has to be looked at.
    #[inline]
    pub(crate) fn earliest_us(&self) -> u64 {
        self.earliest_us
    }

    /// The next event that is due by now, the one with the earliest deadline first. A timer has one event for
    /// all deadlines that have passed, if its module coalesces them.
    pub(crate) fn take_due(&mut self, now_us: u64, coalesce: impl Fn(ModuleId) -> bool) -> Option<Due> {
        while self.earliest_us <= now_us {
            // One look at all rows: the first that is due, and when the next one is.
            let (mut first, mut second_us) = (None::<&mut Source>, NEVER);
            for row in &mut self.rows {
                match &first {
                    Some(before) if before.due_us <= row.due_us => second_us = second_us.min(row.due_us),
                    _ => second_us = first.replace(row).map_or(NEVER, |before| before.due_us),
                }
            }
            let row = first?;
            let (module, export) = (row.module, row.export);
            let mut due =
                Due { event: Waiting { module, export, due_us: row.due_us, next_us: NEVER }, missed: 0 };
            let mut happens = true;
            match &mut row.trigger {
                Trigger::Every { period_us } => {
                    let period = u64::from(*period_us);
                    let missed = if coalesce(module) { (now_us - row.due_us) / period } else { 0 };
                    due.missed = u32::try_from(missed).unwrap_or(u32::MAX);
                    row.due_us = row.due_us.saturating_add(missed * period).saturating_add(period);
                    due.event.next_us = row.due_us;
                }
                Trigger::After => row.due_us = NEVER,
                Trigger::Edge { rising, falling, debounce_us, stable, level, .. } => {
                    row.due_us = NEVER;
                    // Without debounce each edge counts; with it, a level that is another than before.
                    happens =
                        *debounce_us == 0 || *stable != *level && if *level { *rising } else { *falling };
                    *stable = *level;
                }
            }
            self.earliest_us = second_us.min(row.due_us);
            if happens {
                return Some(due);
            }
        }
        None
    }

    /// Passes over deadlines of a module's timers, the oldest first, until `keep` of those that have passed
    /// are left, or a few more where several are at the same time. It takes a division for each timer and
    /// step of a search over time, however many deadlines there are.
    pub(crate) fn pass_over(&mut self, module: ModuleId, now_us: u64, keep: u64) -> Option<PassedOver> {
        let end_us = now_us.saturating_add(1);
        let (all, keep) = (self.passed(module, end_us), u128::from(keep));
        if all <= keep {
            return None;
        }
        let first_us = self.rows.iter().filter(|row| row.is_timer_of(module)).map(|row| row.due_us).min()?;
        // The latest time before which all can go.
        let (mut from_us, mut to_us) = (first_us, end_us);
        while from_us < to_us {
            let middle_us = to_us - (to_us - from_us) / 2;
            if all - self.passed(module, middle_us) >= keep {
                from_us = middle_us;
            } else {
                to_us = middle_us - 1;
            }
        }
        let mut count = 0u64;
        for row in self.rows.iter_mut().filter(|row| row.is_timer_of(module)) {
            let (gone, period_us) = row.passed(from_us);
            count = count.saturating_add(gone);
            row.due_us = row.due_us.saturating_add(gone.saturating_mul(period_us));
        }
        self.refresh();
        (count > 0).then_some(PassedOver { count: u32::try_from(count).unwrap_or(u32::MAX), first_us })
    }

    /// Deadlines of a module's timers before `end_us` that have had no event.
    fn passed(&self, module: ModuleId, end_us: u64) -> u128 {
        let timers = self.rows.iter().filter(|row| row.is_timer_of(module));
        timers.map(|row| u128::from(row.passed(end_us).0)).sum()
    }

    fn refresh(&mut self) {
        self.earliest_us = self.rows.iter().map(|row| row.due_us).min().unwrap_or(NEVER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ModuleId = ModuleId::ALL[0];
    const OTHER: ModuleId = ModuleId::ALL[1];

    fn arm(sources: &mut Sources, export: u16, source: EventSource) {
        sources.arm((ID, ExportId(export)), source, (0, None), |_| true);
    }

    fn due(sources: &mut Sources, now_us: u64) -> Vec<(u16, u64), 64> {
        core::iter::from_fn(|| sources.take_due(now_us, |_| true))
            .map(|due| (due.event.export.0, due.event.due_us))
            .collect()
    }

    fn edge(sources: &mut Sources, rising: bool, time_us: u64) {
        sources.edge(Edge { line: Line::new(27).unwrap(), rising, time_us });
    }

    #[test]
    fn timers_run_out_in_the_order_of_their_deadlines() {
        let mut sources = Sources::default();
        arm(&mut sources, 0, EventSource::Every { every_us: 30 });
        arm(&mut sources, 1, EventSource::Every { every_us: 20 });
        arm(&mut sources, 2, EventSource::After { after_us: 25 });
        assert_eq!(sources.earliest_us(), 20);
        assert_eq!(due(&mut sources, 19), []);
        assert_eq!(due(&mut sources, 20), [(1, 20)]);
        assert_eq!(due(&mut sources, 39), [(2, 25), (0, 30)]);
        assert_eq!(
            due(&mut sources, 60),
            [(1, 40), (0, 60)],
            "60 has no event of its own, and is late from 40 on"
        );
        assert_eq!(sources.earliest_us(), 80);
    }

    #[test]
    fn a_late_timer_catches_up_or_counts_what_it_missed() {
        for (coalesce, expected) in [(true, &[(10, 3)][..]), (false, &[(10, 0), (20, 0), (30, 0), (40, 0)])] {
            let mut sources = Sources::default();
            arm(&mut sources, 0, EventSource::Every { every_us: 10 });
            let events: Vec<_, 8> = core::iter::from_fn(|| sources.take_due(45, |_| coalesce))
                .map(|due| (due.event.due_us, due.missed))
                .collect();
            assert_eq!(events, expected);
            assert_eq!(sources.earliest_us(), 50, "the grid is kept");
        }
    }

    /// All deadlines one by one, the oldest gone: what passing over has to come to.
    fn one_by_one(sources: &mut Sources, now_us: u64, keep: usize) -> std::vec::Vec<(u16, u64)> {
        let all = core::iter::from_fn(|| sources.take_due(now_us, |_| false));
        let all: std::vec::Vec<_> = all.map(|due| (due.event.export.0, due.event.due_us)).collect();
        all[all.len().saturating_sub(keep)..].to_vec()
    }

    #[test]
    fn passing_over_leaves_the_latest_as_if_all_had_been_taken() {
        for periods in
            [&[7, 11, 13][..], &[1, 1, 1, 1], &[5], &[3, 1000, 50], &[10, 10, 10, 10, 10, 10, 10, 10, 10]]
        {
            for now_us in [4, 40, 60, 1000, 10_007] {
                let armed = || {
                    let mut sources = Sources::default();
                    for (export, every_us) in (0..).zip(periods) {
                        arm(&mut sources, export, EventSource::Every { every_us: *every_us });
                    }
                    sources
                };
                let expected = one_by_one(&mut armed(), now_us, 8);
                let count = one_by_one(&mut armed(), now_us, usize::MAX).len();
                let mut sources = armed();
                let passed = sources.pass_over(ID, now_us, 8);
                let left = one_by_one(&mut sources, now_us, usize::MAX);
                assert!(
                    left.len() < 8 + periods.len() && left.ends_with(&expected),
                    "{periods:?} {now_us}: {left:?}"
                );
                let gone = passed.map_or(0, |passed| passed.count as usize);
                assert_eq!(gone + left.len(), count);
                assert!(
                    passed.is_none_or(|passed| passed.first_us == u64::from(*periods.iter().min().unwrap()))
                );
            }
        }
    }

    #[test]
    fn years_are_passed_over_at_once() {
        let mut sources = Sources::default();
        for export in 0..MAX_EVENTS as u16 {
            arm(&mut sources, export, EventSource::Every { every_us: 1 });
        }
        let passed = sources.pass_over(ID, u64::MAX - 1, 16).unwrap();
        assert_eq!((passed.count, passed.first_us), (u32::MAX, 1));
        let left = core::iter::from_fn(|| sources.take_due(u64::MAX - 1, |_| false)).count();
        assert_eq!(left, MAX_EVENTS, "all at the same time");
        assert_eq!(sources.pass_over(ID, u64::MAX - 1, 0), None);
        assert_eq!(sources.pass_over(OTHER, u64::MAX, 0), None);
    }

    #[test]
    fn a_timer_of_the_next_image_keeps_its_phase() {
        let mut sources = Sources::default();
        arm(&mut sources, 3, EventSource::Every { every_us: 100 });
        let phases = sources.disarm(ID);
        assert_eq!((phases.of(ExportId(3), 100), phases.of(ExportId(3), 99)), (Some(100), None));
        let every = EventSource::Every { every_us: 100 };
        sources.arm((ID, ExportId(5)), every, (60, phases.of(ExportId(3), 100)), |_| true);
        assert_eq!(sources.earliest_us(), 100);
    }

    #[test]
    fn an_edge_that_bounces_counts_once_and_one_that_goes_back_not_at_all() {
        let mut sources = Sources::default();
        arm(&mut sources, 0, EventSource::Falling { line: 27, debounce_us: 100 });
        arm(&mut sources, 1, EventSource::Both { line: 27, debounce_us: 100 });
        assert_eq!(sources.wanted_lines(), [LineSet::of(Line::new(27).unwrap()); 2]);
        for (time_us, rising) in [(10, false), (20, true), (30, false)] {
            edge(&mut sources, rising, time_us);
        }
        assert_eq!(due(&mut sources, 129), []);
        assert_eq!(due(&mut sources, 130), [(0, 130), (1, 130)]);
        // A glitch: down and up again within the time.
        edge(&mut sources, true, 200);
        edge(&mut sources, false, 210);
        assert_eq!(due(&mut sources, 1000), []);
        edge(&mut sources, true, 1000);
        assert_eq!(due(&mut sources, 1100), [(1, 1100)], "rising is for the second alone");
    }

    #[test]
    fn an_edge_without_debounce_is_due_at_once_in_the_direction_that_is_looked_at() {
        let mut sources = Sources::default();
        arm(&mut sources, 0, EventSource::Falling { line: 27, debounce_us: 0 });
        assert_eq!(sources.wanted_lines(), [LineSet::EMPTY, LineSet::of(Line::new(27).unwrap())]);
        // The level is high again by the time that the board looks.
        edge(&mut sources, true, 50);
        assert_eq!(due(&mut sources, 50), [(0, 50)]);
        assert_eq!(sources.disarm(ID).of(ExportId(0), 0), None);
        edge(&mut sources, false, 60);
        assert_eq!((due(&mut sources, 60).len(), sources.earliest_us()), (0, NEVER));
    }
}
