//! What is counted of each export of a module.
//!
//! All of it is written after a call, so that no call begins later for it. A module has a bounded number of
//! rows: exports that find none are counted together.

use heapless::Vec;
use tiny_mapper::{CallError, TrapCode};
use xmap_image::ExportId;
use xmap_link::ExportMetrics;

use crate::module::{Module, capped};
use crate::{Board, Ram, Ring};

/// Rows of a module: more exports than that are rarely called.
const ROWS: usize = 32;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It returned.
    Returned,
    /// It trapped.
    Trapped,
    /// The module refused it.
    Refused,
}

/// A call that is over.
#[derive(Clone, Copy, Debug)]
struct Done {
    export: ExportId,
    ended: Ended,
    time_us: u64,
    fuel: u32,
    late_us: u64,
}

/// A call that begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// What is called.
    pub(crate) export: ExportId,
    /// When, in microseconds since boot.
    pub(crate) began_us: u64,
    /// Microseconds from the event to the call; 0 where no event calls it.
    pub(crate) late_us: u64,
}

impl Call {
    /// Counts the call, which is over: with `error`, unless it returned. One that did not begin is none. Of a
    /// trap the call stack is noted.
    pub(crate) fn count<R: Ram, B: Board>(
        self,
        error: Option<&CallError>,
        module: &mut Module<R>,
        board: &mut B,
        ring: &mut Ring,
    ) {
        let now_us = board.stamp_us();
        let trap = if let Some(CallError::Trap(trap)) = error { Some(trap) } else { None };
        ring.end(trap, now_us);
        if let Some(CallError::Trap(trap)) = error {
            module.note_callers(*trap);
        }
        let ended = match error {
            None => Ended::Returned,
            Some(CallError::Trap(trap)) if trap.code == TrapCode::Refused => Ended::Refused,
            Some(CallError::Trap(_)) => Ended::Trapped,
            Some(_) => return,
        };
        let Self { export, began_us, late_us } = self;
        let fuel = module.active().counters().fuel;
        let time_us = now_us.saturating_sub(began_us);
        module.metrics.count(Done { export, ended, time_us, fuel, late_us });
    }
}

/// The rows of a module, in the order of the exports' first calls.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    rows: Vec<ExportMetrics, ROWS>,
    /// What found no row.
    others: ExportMetrics,
}

impl Metrics {
    /// Forgets everything: another image has other exports.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn count(&mut self, done: Done) {
        let Done { export, ended, time_us, fuel, late_us } = done;
        let export = Some(export.0);
        let at = self.rows.iter().position(|row| row.export == export);
        let at = at.or_else(|| {
            self.rows.push(ExportMetrics { export, ..ExportMetrics::default() }).ok()?;
            Some(self.rows.len() - 1)
        });
        let row = at.and_then(|at| self.rows.get_mut(at)).unwrap_or(&mut self.others);
        row.calls = row.calls.saturating_add(1);
        match ended {
            Ended::Returned => {}
            Ended::Trapped => row.traps = row.traps.saturating_add(1),
            Ended::Refused => row.refused = row.refused.saturating_add(1),
        }
        row.time_us = row.time_us.saturating_add(time_us);
        row.fuel = row.fuel.saturating_add(fuel.into());
        row.fuel_max = row.fuel_max.max(fuel);
        row.late_us_max = row.late_us_max.max(capped(late_us));
        if let Some(bucket) = row.times.get_mut(ExportMetrics::bucket(time_us)) {
            *bucket = bucket.saturating_add(1);
        }
    }

    /// The rows, as those of the module with this number.
    pub(crate) fn rows(&self, module: u8) -> impl Iterator<Item = ExportMetrics> + '_ {
        let others = (self.others.calls != 0).then_some(&self.others);
        self.rows.iter().chain(others).map(move |row| ExportMetrics { module, ..*row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(export: u16, ended: Ended, time_us: u64) -> Done {
        Done { export: ExportId(export), ended, time_us, fuel: 7, late_us: time_us / 2 }
    }

    #[test]
    fn calls_are_counted_by_export_and_outcome() {
        let mut metrics = Metrics::default();
        metrics.count(done(3, Ended::Returned, 0));
        metrics.count(done(1, Ended::Trapped, 5));
        metrics.count(done(3, Ended::Refused, 300));
        let rows: std::vec::Vec<_> = metrics.rows(2).collect();
        let [first, second] = rows[..] else { panic!("{rows:?}") };
        assert_eq!((first.module, first.export), (2, Some(3)));
        assert_eq!((first.calls, first.traps, first.refused), (2, 0, 1));
        assert_eq!((first.time_us, first.fuel, first.fuel_max, first.late_us_max), (300, 14, 7, 150));
        assert_eq!((first.times[0], first.times[5], first.times.iter().sum()), (1, 1, 2));
        assert_eq!((second.export, second.calls, second.traps), (Some(1), 1, 1));
        metrics.clear();
        assert_eq!(metrics.rows(2).count(), 0);
    }

    #[test]
    fn what_finds_no_row_is_counted_together() {
        let mut metrics = Metrics::default();
        (0..100).for_each(|export| metrics.count(done(export, Ended::Returned, 1)));
        let rows: std::vec::Vec<_> = metrics.rows(1).collect();
        assert_eq!(rows.len(), ROWS + 1);
        let others = rows.last().unwrap();
        assert_eq!((others.module, others.export, others.calls), (1, None, 100 - ROWS as u32));
        assert_eq!(rows.iter().map(|row| row.calls).sum::<u32>(), 100);
    }
}
