//! What calls handlers: timers, edges that have settled, and times of the day.

use heapless::Vec;
use xmap_boards::{Line, LineSet};
use xmap_image::{EventSource, ExportId, MAX_EVENTS, Zone};
use xmap_link::limits::MAX_MODULES;

use crate::flight::{Exchange, flag, line, signed, time, value};
use crate::modules::ModuleId;
use crate::queue::Waiting;
use crate::{Edge, Torn};

/// No deadline.
const NEVER: u64 = u64::MAX;

/// The longest step of the wall clock that counts as a correction, in microseconds: what it skips runs at
/// once, and what has run does not run again. After a longer one schedules begin anew, as after a mount.
pub const CORRECTION_US: u64 = 3 * 3600 * 1_000_000;

/// The longest time between two looks at the wall clock while there are schedules, in microseconds: an
/// operating system steps it without saying so.
const LOOK_US: u64 = 60_000_000;

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
    At { minute: u16, days: u8 },
    Edge { line: Line, rising: bool, falling: bool, debounce_us: u32, stable: bool, level: bool },
}

/// Returns the time since boot at which the wall clock shows a time; never where the clock is not known.
fn since_boot(at_us: Option<i64>, offset_us: Option<i64>) -> u64 {
    let due_us = at_us.zip(offset_us).map(|(at_us, offset_us)| at_us.saturating_sub(offset_us));
    due_us.map_or(NEVER, |due_us| due_us.max(0).unsigned_abs())
}

/// Returns what the wall clock shows at a time since boot, where it is known and that time comes.
fn wall(due_us: u64, offset_us: Option<i64>) -> Option<i64> {
    offset_us.filter(|_| due_us != NEVER).map(|offset_us| offset_us.saturating_add_unsigned(due_us))
}

impl Trigger {
    /// Exchanges what calls the handler, with how far that has come.
    fn exchange(&mut self, with: &mut dyn Exchange) -> Result<(), Torn> {
        let own = match self {
            Self::Every { .. } => 0,
            Self::After => 1,
            Self::At { .. } => 2,
            Self::Edge { .. } => 3_u8,
        };
        let mut kind = own;
        value(with, &mut kind)?;
        if kind != own {
            *self = match kind {
                0 => Self::Every { period_us: 1 },
                1 => Self::After,
                2 => Self::At { minute: 0, days: 0 },
                3 => {
                    let line = Line::new(0).ok_or(Torn)?;
                    let (rising, falling, stable, level) = (false, false, false, false);
                    Self::Edge { line, rising, falling, debounce_us: 0, stable, level }
                }
                _ => return Err(Torn),
            };
        }
        match self {
            Self::Every { period_us } => {
                value(with, period_us)?;
                *period_us = (*period_us).max(1);
            }
            Self::After => {}
            Self::At { minute, days } => {
                value(with, minute)?;
                value(with, days)?;
            }
            Self::Edge { line: of, rising, falling, debounce_us, stable, level } => {
                line(with, of)?;
                value(with, debounce_us)?;
                [rising, falling, stable, level].into_iter().try_for_each(|bit| flag(with, bit))?;
            }
        }
        Ok(())
    }
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
    /// The zone of each module.
    zones: [Zone; MAX_MODULES],
    /// What the wall clock is ahead of the time since boot; `None` while the time is not known.
    offset_us: Option<i64>,
    /// When the wall clock has to be looked at again; never without schedules.
    look_us: u64,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            earliest_us: NEVER,
            zones: [Zone::UTC; MAX_MODULES],
            offset_us: None,
            look_us: NEVER,
        }
    }
}

/// The schedules of all modules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedules {
    pub(crate) count: u8,
    /// When the first of them is to run, in microseconds since 1970.
    pub(crate) next_us: Option<i64>,
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

/// When a module's timers were to run out next, and its schedules to be called: what a new image in its place
/// goes on with.
#[derive(Debug, Default)]
pub(crate) struct Phases {
    rows: Vec<(ExportId, EventSource, Phase), MAX_EVENTS>,
}

/// The next deadline of a timer or a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In microseconds since boot.
    Timer(u64),
    /// In microseconds since 1970, in this zone.
    Schedule(Zone, i64),
}

impl Phases {
    /// The next deadline of the same timer or schedule that calls this export.
    pub(crate) fn of(&self, export: ExportId, source: EventSource) -> Option<Phase> {
        self.rows.iter().find(|row| (row.0, row.1) == (export, source)).map(|row| row.2)
    }
}

impl Sources {
    /// Arms a handler. Timers count from `now_us` and schedules are in `zone`, or go on with a phase; `high`
    /// is the level of a line now. [`Sources::look`] comes before a schedule.
    pub(crate) fn arm(
        &mut self,
        (module, export): (ModuleId, ExportId),
        (source, zone): (EventSource, Zone),
        (now_us, phase): (u64, Option<Phase>),
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
                match phase {
                    Some(Phase::Timer(due_us)) => due_us,
                    _ => after(every_us.max(1)),
                },
            ),
            EventSource::At { minute, days } => {
                self.set_zone(module, zone);
                let at_us = match phase {
                    Some(Phase::Schedule(before, at_us)) if before == zone => Some(at_us),
                    _ => wall(now_us, self.offset_us).and_then(|unix_us| zone.next(unix_us, minute, days)),
                };
                (Some(Trigger::At { minute, days }), since_boot(at_us, self.offset_us))
            }
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
            let phase = match row.trigger {
                Trigger::Every { period_us } => {
                    Some((EventSource::Every { every_us: period_us }, Phase::Timer(row.due_us)))
                }
                Trigger::At { minute, days } => wall(row.due_us, self.offset_us).map(|at_us| {
                    let zone = self.zones[usize::from(row.module.number()) % MAX_MODULES];
                    (EventSource::At { minute, days }, Phase::Schedule(zone, at_us))
                }),
                _ => None,
            };
            if let Some((source, phase)) = phase.filter(|_| row.module == module) {
                _ = phases.rows.push((row.export, source, phase));
            }
            row.module != module
        });
        if self.schedules().count == 0 {
            self.look_us = NEVER;
        }
        self.refresh();
        phases
    }

    /// Exchanges the handlers that are armed, and the wall clock; the zones follow from the images.
    pub(crate) fn exchange(&mut self, with: &mut dyn Exchange) -> Result<(), Torn> {
        let mut count = self.rows.len() as u64;
        with.number(&mut count)?;
        self.rows.truncate(usize::try_from(count).map_err(|_| Torn)?);
        while (self.rows.len() as u64) < count {
            let (module, export) = (ModuleId::FIRST, ExportId(0));
            let none = Source { module, export, trigger: Trigger::After, due_us: NEVER };
            self.rows.push(none).map_err(|_| Torn)?;
        }
        for row in &mut self.rows {
            row.module.exchange(with)?;
            value(with, &mut row.export.0)?;
            time(with, &mut row.due_us)?;
            row.trigger.exchange(with)?;
        }
        let mut known = self.offset_us.is_some();
        flag(with, &mut known)?;
        let mut offset_us = self.offset_us.unwrap_or(0);
        signed(with, &mut offset_us)?;
        self.offset_us = known.then_some(offset_us);
        time(with, &mut self.look_us)?;
        self.refresh();
        Ok(())
    }

    /// Sets the zone of a module's schedules.
    pub(crate) fn set_zone(&mut self, module: ModuleId, zone: Zone) {
        self.zones[usize::from(module.number()) % MAX_MODULES] = zone;
    }

    /// Returns how many schedules there are, and when the first of them is to run.
    pub(crate) fn schedules(&self) -> Schedules {
        let at_us = self.rows.iter().filter_map(|row| match &row.trigger {
            Trigger::At { .. } => Some(wall(row.due_us, self.offset_us)),
            _ => None,
        });
        at_us.fold(Schedules::default(), |all, at_us| Schedules {
            count: all.count.saturating_add(1),
            next_us: [all.next_us, at_us].into_iter().flatten().min(),
        })
    }

    /// Returns whether the wall clock has to be looked at in each turn.
    #[inline]
    pub(crate) fn has_schedules(&self) -> bool {
        self.look_us != NEVER
    }

    /// Takes note of the wall clock: negative is not known. A step of at most [`CORRECTION_US`] moves the
    /// time at which schedules fall due, and nothing else: what it skips is due at once, and what has run
    /// waits for its next day. After any other step schedules begin anew. Returns whether it was another time
    /// than expected.
    pub(crate) fn look(&mut self, now_us: u64, unix_us: i64) -> bool {
        self.look_us = now_us.saturating_add(LOOK_US);
        let offset_us = (unix_us >= 0).then(|| unix_us.saturating_sub_unsigned(now_us));
        let before = core::mem::replace(&mut self.offset_us, offset_us);
        if before == offset_us {
            return false;
        }
        let anew = match (before, offset_us) {
            (Some(before), Some(now)) => before.abs_diff(now) > CORRECTION_US,
            _ => true,
        };
        for row in &mut self.rows {
            let Trigger::At { minute, days } = row.trigger else { continue };
            let at_us = if anew {
                self.zones[usize::from(row.module.number()) % MAX_MODULES].next(unix_us - 1, minute, days)
            } else {
                wall(row.due_us, before)
            };
            row.due_us = since_boot(at_us, offset_us);
        }
        self.refresh();
        true
    }

    /// Returns when the next source, or the wall clock, has to be looked at.
    #[inline]
    pub(crate) fn wake_us(&self) -> u64 {
        self.earliest_us.min(self.look_us)
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

    /// Returns whether a module has a handler of an edge.
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

    /// Returns when the next source has to be looked at.
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
                Trigger::At { minute, days } => {
                    // Days that have passed meanwhile are not made up for.
                    let after_us = wall(now_us, self.offset_us).max(wall(row.due_us, self.offset_us));
                    let zone = self.zones[usize::from(module.number()) % MAX_MODULES];
                    let at_us = after_us.and_then(|after_us| zone.next(after_us, *minute, *days));
                    row.due_us = since_boot(at_us, self.offset_us);
                }
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
        sources.arm((ID, ExportId(export)), (source, Zone::UTC), (0, None), |_| true);
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

    const DAY_US: i64 = 86_400_000_000;
    /// A Thursday, midnight.
    const THURSDAY_US: i64 = 2_858 * 7 * DAY_US;

    /// A schedule of every day at seven, with a clock that shows a time of that Thursday, in minutes.
    fn daily(minute: Option<i64>) -> Sources {
        let mut sources = Sources::default();
        sources.look(0, minute.map_or(-1, |minute| THURSDAY_US + minute * 60_000_000));
        arm(&mut sources, 0, EventSource::At { minute: 420, days: 0x7f });
        sources.look(0, minute.map_or(-1, |minute| THURSDAY_US + minute * 60_000_000));
        sources
    }

    /// Takes note of a clock that shows a time of a day after the Thursday; how many events are due.
    fn shows(sources: &mut Sources, now_us: u64, day: i64, minute: i64) -> usize {
        sources.look(now_us, THURSDAY_US + day * DAY_US + minute * 60_000_000);
        due(sources, now_us).len()
    }

    #[test]
    fn a_schedule_runs_once_a_day_and_never_while_the_time_is_not_known() {
        let mut sources = daily(None);
        assert!(sources.has_schedules());
        assert_eq!(sources.schedules(), Schedules { count: 1, next_us: None });
        assert_eq!(due(&mut sources, u64::MAX / 2), []);
        let mut sources = daily(Some(419));
        assert_eq!(sources.earliest_us(), 60_000_000);
        assert_eq!(due(&mut sources, 59_999_999), []);
        assert_eq!(due(&mut sources, 60_000_000), [(0, 60_000_000)]);
        assert_eq!(sources.earliest_us(), 60_000_000 + DAY_US as u64);
        assert_eq!(sources.schedules().next_us, Some(THURSDAY_US + DAY_US + 420 * 60_000_000));
        // Two days in which nobody had a turn: one event.
        assert_eq!(shows(&mut sources, 60_000_000 + 3 * DAY_US as u64, 3, 420), 1);
        assert_eq!(sources.schedules().next_us, Some(THURSDAY_US + 4 * DAY_US + 420 * 60_000_000));
        sources.disarm(ID);
        assert!(!sources.has_schedules());
        assert_eq!(sources.wake_us(), NEVER);
    }

    #[test]
    fn a_correction_neither_skips_nor_repeats() {
        // Over seven, and back again.
        let mut sources = daily(Some(410));
        assert_eq!(shows(&mut sources, 1, 0, 425), 1);
        assert_eq!(shows(&mut sources, 2, 0, 400), 0);
        assert_eq!(shows(&mut sources, 60 * 60_000_000, 0, 480), 0);
        // By three hours at most: beyond, it is another setting.
        let mut sources = daily(Some(400));
        assert_eq!(shows(&mut sources, 0, 0, 400 + 181), 0);
        assert_eq!(sources.schedules().next_us, Some(THURSDAY_US + DAY_US + 420 * 60_000_000));
        assert_eq!(shows(&mut sources, 0, 0, 400), 0);
        assert_eq!(shows(&mut sources, 20 * 60_000_000, 0, 420), 1, "a new setting has its own days");
        // A time that is not known any more.
        sources.look(0, -1);
        assert_eq!((sources.schedules().next_us, sources.earliest_us()), (None, NEVER));
    }

    #[test]
    fn a_clock_that_is_set_to_the_minute_runs_it() {
        let mut sources = daily(None);
        assert_eq!(shows(&mut sources, 5, 0, 420), 1);
        assert_eq!(shows(&mut sources, 6, 0, 420), 0);
    }

    #[test]
    fn a_schedule_goes_on_in_the_place_of_the_same_one() {
        let at = EventSource::At { minute: 420, days: 0x7f };
        let mut sources = daily(Some(419));
        let phases = sources.disarm(ID);
        // The swap took over seven.
        sources.look(120_000_000, THURSDAY_US + 421 * 60_000_000);
        let phase = phases.of(ExportId(0), at);
        assert_eq!(phase, Some(Phase::Schedule(Zone::UTC, THURSDAY_US + 420 * 60_000_000)));
        sources.arm((ID, ExportId(0)), (at, Zone::UTC), (120_000_000, phase), |_| true);
        assert_eq!(due(&mut sources, 120_000_000).len(), 1);
        assert_eq!(phases.of(ExportId(0), EventSource::At { minute: 421, days: 0x7f }), None);
        assert_eq!(phases.of(ExportId(1), at), None);
        // Another zone is another schedule.
        let zone = Zone { standard: 60, daylight: 60, changes: None };
        sources.arm((ModuleId::ALL[1], ExportId(0)), (at, zone), (120_000_000, phase), |_| true);
        assert_eq!(due(&mut sources, 120_000_000).len(), 0);
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
        let every = EventSource::Every { every_us: 100 };
        let faster = EventSource::Every { every_us: 99 };
        assert_eq!(phases.of(ExportId(3), every), Some(Phase::Timer(100)));
        assert_eq!(phases.of(ExportId(3), faster), None);
        sources.arm((ID, ExportId(5)), (every, Zone::UTC), (60, phases.of(ExportId(3), every)), |_| true);
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
        assert_eq!(sources.disarm(ID).rows.len(), 0);
        edge(&mut sources, false, 60);
        assert_eq!((due(&mut sources, 60).len(), sources.earliest_us()), (0, NEVER));
    }
}
