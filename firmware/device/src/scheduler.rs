//! The scheduler: what calls handlers, and which event is next.
//!
//! It owns the sources of events, the queue in which events wait, and the edges that the board looks for.
//! What an event does to its module is not its concern: it borrows the modules to ask for their policies and
//! to count, and the journal to record what was lost.

use xmap_boards::{Line, LineSet};
use xmap_image::{EventSource, ExportId, OnOverrun, Zone};
use xmap_link::DeviceEventKind;

use crate::flight::Exchange;
use crate::journal::Journal;
use crate::module::{Module, capped};
use crate::modules::{ModuleId, Modules};
use crate::queue::{Queue, Queued, SHARE, Waiting};
use crate::sources::{Phases, Schedules, Sources};
use crate::{Board, Ram, Torn};

/// Edges that one turn takes from the board: where they come faster, what is due beside them still has its
/// turn.
const EDGES_A_TURN: usize = 64;

/// The sources of events and the events that wait.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    sources: Sources,
    queue: Queue,
    /// Lines whose rising and falling edges the board looks for.
    detected: [LineSet; 2],
}

/// The parts of the device that the scheduler counts in.
pub(crate) struct Account<'a, R: Ram> {
    pub(crate) modules: &'a mut Modules<R>,
    pub(crate) journal: &'a mut Journal,
}

impl Scheduler {
    /// Takes note of the wall clock, where a schedule waits for it.
    /// Returns whether that moved any.
    pub(crate) fn look<B: Board>(&mut self, board: &mut B) -> bool {
        self.sources.has_schedules() && self.sources.look(board.now_us(), board.unix_us())
    }

    /// Returns how many schedules there are, and when the first of them is to run.
    pub(crate) fn schedules(&self) -> Schedules {
        self.sources.schedules()
    }

    /// Returns when there is something to do next, in microseconds since boot; 0 where an event waits.
    pub(crate) fn wake_us(&self) -> u64 {
        if self.queue.is_empty() { self.sources.wake_us() } else { 0 }
    }

    /// Returns whether an event of a module waits that was due before a time.
    pub(crate) fn waits_before(&self, id: ModuleId, end_us: u64) -> bool {
        self.queue.waits_before(id, end_us)
    }

    /// Takes the event that came first.
    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        self.queue.pop()
    }

    /// Takes the first event of a module.
    pub(crate) fn pop_of(&mut self, id: ModuleId) -> Option<Waiting> {
        self.queue.pop_of(id)
    }

    /// Puts what has happened into the queue: a number of edges and events that the time that has passed does
    /// not change. Returns whether the board may have more edges.
    pub(crate) fn collect<R: Ram, B: Board>(
        &mut self,
        now_us: u64,
        board: &mut B,
        mut account: Account<'_, R>,
    ) -> bool {
        let mut seen = 0;
        while seen < EDGES_A_TURN
            && let Some(edge) = board.take_edge()
        {
            seen += 1;
            self.sources.edge(edge);
            self.queue_due(now_us, &mut account);
        }
        // None is lost while nothing waits.
        if seen > 0 {
            let lost = board.lost_edges();
            if lost != 0 {
                self.count_lost(now_us, lost, &mut account);
            }
        }
        self.queue_due(now_us, &mut account);
        seen == EDGES_A_TURN
    }

    /// Counts edges that the board had no room for. Whose they were is not known: each module that waits for
    /// edges may have missed all of them.
    #[cold]
    fn count_lost<R: Ram>(&self, now_us: u64, lost: u32, account: &mut Account<'_, R>) {
        for id in ModuleId::ALL {
            if self.sources.has_edges(id) {
                let tally = &mut account.modules[id].tally;
                tally.dropped = tally.dropped.saturating_add(lost);
                account.journal.record(now_us, id, DeviceEventKind::Overrun);
            }
        }
    }

    /// Puts what is due into the queue. Of a module that does not coalesce its timers only those deadlines
    /// have events that have a place in its share; the rest is counted.
    fn queue_due<R: Ram>(&mut self, now_us: u64, account: &mut Account<'_, R>) {
        if self.sources.earliest_us() > now_us {
            return;
        }
        for id in ModuleId::ALL {
            let policy = account.modules[id].policy();
            if !policy.coalesce && policy.on_overrun == OnOverrun::DropOldest {
                self.pass_over(id, now_us, SHARE as u64, account);
            }
        }
        loop {
            let modules = &account.modules;
            let coalesce = |id| modules[id].policy().coalesce;
            let Some(due) = self.sources.take_due(now_us, coalesce) else { return };
            let id = due.event.module;
            let module = &mut account.modules[id];
            let (on_overrun, coalesce) = (module.policy().on_overrun, module.policy().coalesce);
            module.tally.missed = module.tally.missed.saturating_add(due.missed);
            match self.queue.push(due.event, on_overrun, coalesce) {
                Queued::Waits => module.overrun_told = false,
                Queued::Coalesced => {
                    module.tally.coalesced = module.tally.coalesced.saturating_add(1);
                    module.tally.missed = module.tally.missed.saturating_add(1);
                }
                Queued::Overrun => {
                    account.count_dropped(now_us, id, 1);
                    if on_overrun == OnOverrun::DropNewest {
                        // What else is due now finds no place either.
                        self.pass_over(id, now_us, 0, account);
                    }
                }
            }
        }
    }

    /// Counts all but the last `keep` deadlines that have passed of a module's timers, without an event for
    /// each.
    fn pass_over<R: Ram>(&mut self, id: ModuleId, now_us: u64, keep: u64, account: &mut Account<'_, R>) {
        if let Some(passed) = self.sources.pass_over(id, now_us, keep) {
            account.count_dropped(now_us, id, passed.count);
            let tally = &mut account.modules[id].tally;
            tally.late_us = tally.late_us.max(capped(now_us.saturating_sub(passed.first_us)));
        }
    }

    /// Arms the handlers of a module's active image. Timers that were armed before keep their phase: `phases`
    /// are those of the image in the other slot, or of the same one (`own`).
    pub(crate) fn arm<R: Ram, B: Board>(
        &mut self,
        (id, module): (ModuleId, &Module<R>),
        (phases, own): (&Phases, bool),
        board: &mut B,
    ) {
        let Some(image) = module.image() else { return };
        let before = if own { Some(image) } else { module.inactive().image() };
        let (now_us, zone) = (board.now_us(), image.zone());
        let is_schedule = |event: &xmap_image::Event| matches!(event.source, EventSource::At { .. });
        if module.active().declared().events.iter().any(is_schedule) {
            _ = self.sources.look(now_us, board.unix_us());
        }
        for event in &module.active().declared().events {
            let export = ExportId(event.export);
            let old = before.and_then(|before| before.find(image.key(export)?));
            let phase = old.and_then(|old| phases.of(old, event.source));
            let high = |line: Line| board.level(line.bank()) & line.mask() != 0;
            self.sources.arm((id, export), (event.source, zone), (now_us, phase), high);
        }
        self.refresh_edges(board);
    }

    /// Disarms the handlers of a module; its events that wait are forgotten. Edges go on being seen until
    /// [`Scheduler::refresh_edges`], so that a module which takes the place loses none.
    pub(crate) fn disarm(&mut self, id: ModuleId) -> Phases {
        self.queue.forget(id);
        self.sources.disarm(id)
    }

    /// Exchanges the sources, and the events that wait. What the board looks for follows from them.
    pub(crate) fn exchange(&mut self, with: &mut dyn Exchange) -> Result<(), Torn> {
        self.sources.exchange(with)?;
        self.queue.exchange(with)
    }

    /// Sets the zone of a module's schedules.
    pub(crate) fn set_zone(&mut self, id: ModuleId, zone: Zone) {
        self.sources.set_zone(id, zone);
    }

    /// Asks the board for the edges that handlers want now.
    pub(crate) fn refresh_edges<B: Board>(&mut self, board: &mut B) {
        let wanted = self.sources.wanted_lines();
        let changed = (wanted[0] ^ self.detected[0]) | (wanted[1] ^ self.detected[1]);
        self.detected = wanted;
        for line in changed.iter() {
            let [rising, falling] = wanted.map(|lines| lines.contains(line));
            board.detect(line, rising, falling);
        }
    }
}

impl<R: Ram> Account<'_, R> {
    fn count_dropped(&mut self, now_us: u64, id: ModuleId, count: u32) {
        let module = &mut self.modules[id];
        module.tally.dropped = module.tally.dropped.saturating_add(count);
        if !module.overrun_told {
            module.overrun_told = true;
            self.journal.record(now_us, id, DeviceEventKind::Overrun);
        }
    }
}
