//! What happened and what was refused: for hosts that come later, and for the program's own log.

use xmap_link::{DeviceEventKind, DeviceEvents, TrapReport};

use crate::Failure;
use crate::history::History;
use crate::modules::ModuleId;

/// The account of events, and what nobody has asked for yet.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    history: History,
    /// The latest trap that nobody has asked for.
    trapped: Option<TrapReport>,
    /// The latest image that was not mounted, and why.
    refused: Option<(u8, Failure)>,
}

impl Journal {
    /// Adds an event.
    pub(crate) fn record(&mut self, time_us: u64, id: ModuleId, what: DeviceEventKind) {
        self.history.push(time_us, id, what);
    }

    /// The number that the next event will have.
    pub(crate) const fn next(&self) -> u32 {
        self.history.next_number()
    }

    /// Returns a page of events, as [`History::page`].
    pub(crate) fn page(&self, from: u32, edition: u8) -> DeviceEvents {
        self.history.page(from, edition)
    }

    /// Notes a trap for the program's own log.
    pub(crate) fn trap(&mut self, report: TrapReport) {
        self.trapped = Some(report);
    }

    /// Returns the latest trap since this was last asked.
    pub(crate) fn take_trap(&mut self) -> Option<TrapReport> {
        self.trapped.take()
    }

    /// Notes an image that was not mounted for the program's own log.
    pub(crate) fn refuse(&mut self, id: ModuleId, failure: &Failure) {
        self.refused = Some((id.number(), failure.clone()));
    }

    /// Returns the module whose image was not mounted, and why, since this was last asked.
    pub(crate) fn take_refused(&mut self) -> Option<(u8, Failure)> {
        self.refused.take()
    }
}
