//! The device: modules side by side, one queue of events, one board.

use tiny_mapper::{CallError, Trap};
use xmap_image::{ExportId, Image};
use xmap_link::EDITION;
use xmap_link::limits::MAX_MODULES;
use xmap_link::ring::{ModuleEvent, RingPage};
use xmap_link::{
    Callers, ClockStatus, DeviceEventKind, DeviceEvents, ExportMetrics, ImageState, KeepStatus, Life,
    ModuleStatus, SpanParent, TrapReport,
};

use crate::fault::is_mistake;
use crate::gate::Gate;
use crate::handles::Handles;
use crate::journal::Journal;
use crate::metrics::Call;
use crate::module::{Module, capped};
use crate::modules::{ModuleId, Modules};
use crate::queue::Waiting;
use crate::scheduler::{Account, Scheduler};
use crate::sources::Schedules;
use crate::transfer::Uploads;
use crate::{
    Board, Called, Development, Due, Failure, Handle, HostId, ModuleExport, Operation, Panel, Ram, Ring,
    SlotMemory, Traced, Trust, Unplaced,
};

/// Microseconds of events and last calls that a host's call or a swap lets go before it. Beyond that it goes
/// ahead of the others, so that a turn of the main loop is bounded by a few calls, whatever waits.
pub(crate) const AHEAD_US: u64 = 100_000;

/// Why a call of a host or of a test did not run or did not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCalled {
    /// No module has such an export, or the module has no image.
    Unknown,
    /// The handle's image was replaced, or the handle was given back.
    Stale,
    /// The module is faulted, and takes no calls.
    Faulted,
    /// The bytes of the arguments found no place in the module.
    Unplaced(Unplaced),
    /// The call itself.
    Call(CallError),
}

/// A device without its hardware: up to four modules on one board. It does one thing at a time: an event, a
/// call, a swap. Whoever owns it calls [`Device::poll`] until it has nothing to do, and rests until
/// [`Device::next_wake_us`] or until the board has something new.
#[derive(Debug)]
pub struct Device<R: Ram, B, T = Development> {
    pub(crate) board: B,
    pub(crate) gate: Gate<T>,
    pub(crate) modules: Modules<R>,
    pub(crate) scheduler: Scheduler,
    pub(crate) handles: Handles,
    pub(crate) journal: Journal,
    pub(crate) ring: Ring,
    /// The caller's span that the call which a host asks for belongs to.
    pub(crate) parent: Option<SpanParent>,
    pub(crate) uploads: Uploads,
    /// The number of the latest session.
    sessions: u32,
    /// What outlives a restart, as the owner of the storage says.
    pub(crate) kept: KeepStatus,
    /// When a host was last heard.
    pub(crate) heard_us: u64,
}

impl<R: Ram, B: Board> Device<R, B, Development> {
    /// A development device without images: it takes any. Nothing is asked of the board.
    pub fn new(board: B, rooms: [[SlotMemory<R>; 2]; MAX_MODULES]) -> Self {
        Self::with_trust(board, rooms, Development)
    }
}

impl<R: Ram, B: Board, T: Trust> Device<R, B, T> {
    /// A device without images, which takes those that `trust` allows. Nothing is asked of the board.
    pub fn with_trust(board: B, rooms: [[SlotMemory<R>; 2]; MAX_MODULES], trust: T) -> Self {
        Self {
            board,
            gate: Gate::new(trust),
            modules: Modules::new(rooms),
            scheduler: Scheduler::default(),
            handles: Handles::default(),
            journal: Journal::default(),
            ring: Ring::new(),
            parent: None,
            uploads: Uploads::default(),
            sessions: 0,
            kept: KeepStatus::default(),
            heard_us: 0,
        }
    }

    /// Does the next thing: takes note of what the board saw and of what is due, and runs one event. Returns
    /// whether there was an event, or is more to take note of.
    pub fn poll(&mut self) -> bool {
        let (event, more) = self.turn();
        event.is_some() || more
    }

    /// Does what [`Device::poll`] does until there is an event, and returns the event that it ran.
    pub fn poll_event(&mut self) -> Option<Waiting> {
        loop {
            let (event, more) = self.turn();
            if event.is_some() || !more {
                return event;
            }
        }
    }

    fn turn(&mut self) -> (Option<Waiting>, bool) {
        let now_us = self.board.begin_turn();
        let before = self.journal.next();
        let stepped = self.scheduler.look(&mut self.board);
        let more = self.collect(now_us);
        self.watch(now_us);
        let event = self.scheduler.pop();
        if let Some(event) = event {
            self.dispatch(event);
        }
        self.ended(event.is_some() || more || stepped || self.journal.next() != before);
        self.watch_uploads(now_us);
        (event, more)
    }

    /// Says that the device begins to do something.
    #[inline]
    pub(crate) fn begins(&mut self, operation: &Operation<'_>) {
        self.board.begin(operation);
    }

    /// Says that it is over, and what the state is where that is to be noted.
    #[inline]
    pub(crate) fn ended(&mut self, changed: bool) {
        if let Some(due) = self.board.end(changed) {
            self.note(due);
        }
    }

    #[cold]
    fn note(&mut self, due: Due) {
        let full = match due {
            Due::Check(round) => {
                let state = self.state_digest(round);
                self.board.note_state(state)
            }
            Due::Snapshot => true,
        };
        if full {
            self.note_snapshot();
        }
    }

    /// Returns a digest of what the modules hold in their memory and globals: of a part of it, another one in
    /// each round, so that it takes the same time however much there is.
    #[cold]
    pub fn state_digest(&self, round: u32) -> u32 {
        let modules = self.modules.iter().map(|(_, module)| module.active().digest(round));
        modules.fold(round, |all, one| all.rotate_left(7).wrapping_mul(31) ^ one)
    }

    /// Returns when the device has to be polled next, in microseconds since boot, if the board sees nothing
    /// before. `u64::MAX` is never.
    pub fn next_wake_us(&self) -> u64 {
        let trials = self.modules.iter().filter_map(|(_, module)| module.trial_us);
        let hosts = self.modules.iter().filter_map(|(_, module)| self.host_deadline_us(module));
        trials.chain(hosts).chain(self.uploads.deadline_us()).fold(self.scheduler.wake_us(), u64::min)
    }

    /// Lets time pass on a board whose clock is set from outside, and runs what falls due on the way, each
    /// event at its time. `tick` moves the clock on by some microseconds.
    pub fn pass(&mut self, us: u64, mut tick: impl FnMut(&mut B, u64)) {
        let end_us = self.board.now_us().saturating_add(us);
        while !self.pass_until(end_us, u32::MAX, &mut tick) {}
    }

    /// [`Device::pass`] up to a time, in so many turns at most. Returns whether that time has come.
    pub fn pass_until(&mut self, end_us: u64, turns: u32, mut tick: impl FnMut(&mut B, u64)) -> bool {
        for _ in 0..turns {
            // A handler that waits takes time of its own, and may go beyond the end.
            if self.board.now_us() <= end_us && self.poll() {
                continue;
            }
            let (now_us, wake_us) = (self.board.now_us(), self.next_wake_us());
            if now_us >= end_us {
                return true;
            }
            tick(&mut self.board, wake_us.clamp(now_us, end_us) - now_us);
        }
        false
    }

    /// Puts what has happened into the queue, as [`Scheduler::collect`].
    fn collect(&mut self, now_us: u64) -> bool {
        let account = Account { modules: &mut self.modules, journal: &mut self.journal };
        self.scheduler.collect(now_us, &mut self.board, account)
    }

    /// Gives an event to its handler.
    pub(crate) fn dispatch(&mut self, event: Waiting) {
        let now_us = self.board.stamp_us();
        let module = &mut self.modules[event.module];
        if module.life() != Life::Running {
            return;
        }
        let tally = &mut module.tally;
        tally.late_us = tally.late_us.max(capped(now_us.saturating_sub(event.due_us)));
        tally.events = tally.events.saturating_add(1);
        // Its successor was due before it ran, and has a place in the queue of its own.
        if event.next_us <= now_us {
            tally.missed = tally.missed.saturating_add(1);
        }
        let export = ModuleExport { module: event.module.number(), export: event.export };
        self.ring.begin(Called::Handler(export.id()), module.is_traced(), now_us);
        let call = |panel: &mut Panel<'_, Traced<'_, B>>| panel.call(event.export, &[]).map(|_| ());
        let outcome = module.active_mut().with(&mut self.board, &mut self.ring, call);
        let late_us = now_us.saturating_sub(event.due_us);
        let call = Call { export: event.export, began_us: now_us, late_us };
        if let Some(outcome) = &outcome {
            call.count(outcome.as_ref().err(), module, &mut self.board, &mut self.ring);
        }
        if let Some(Err(CallError::Trap(trap))) = outcome {
            self.fault(event.module, trap);
        }
    }

    /// Calls an export of a module's active image, behind the events that wait, as far as these take no
    /// longer than 100 ms. Results stand in `results`; how many there are.
    ///
    /// # Errors
    /// [`NotCalled`]; what follows a trap by the module's policy has been done.
    pub fn call(
        &mut self,
        target: ModuleExport,
        args: &[u64],
        results: &mut [u64],
    ) -> Result<usize, NotCalled> {
        self.call_reading(target, args, results, &mut |_| {})
    }

    /// Calls an export as [`Device::call_reading`], with the content of its `bytes` and `str` arguments:
    /// `bytes` has it, one behind the other, and of each `args` has the length behind a number that does not
    /// count and becomes the address.
    ///
    /// # Errors
    /// As [`Device::call`]; [`NotCalled::Unplaced`].
    pub fn call_placing(
        &mut self,
        target: ModuleExport,
        args: &mut [u64],
        bytes: &[u8],
        results: &mut [u64],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, NotCalled> {
        self.begins(&Operation::Call { export: target, args, placed: Some(bytes) });
        let outcome = self
            .call_with(target, args, results, each, |panel, args| panel.place(target.export, args, bytes));
        self.ended(true);
        outcome
    }

    /// Calls an export as [`Device::call`]. Before anything else of the module runs, `each` is given the
    /// bytes of each result of the types `bytes` and `str`, in their order.
    ///
    /// # Errors
    /// As [`Device::call`].
    pub fn call_reading(
        &mut self,
        target: ModuleExport,
        args: &[u64],
        results: &mut [u64],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, NotCalled> {
        self.begins(&Operation::Call { export: target, args, placed: None });
        let outcome = self.call_with(target, args, results, each, |_, _| Ok(()));
        self.ended(true);
        outcome
    }

    /// Calls an export, when `place` has seen to its arguments.
    fn call_with<A: AsRef<[u64]>>(
        &mut self,
        target: ModuleExport,
        mut args: A,
        results: &mut [u64],
        each: &mut dyn FnMut(&[u8]),
        place: impl FnOnce(&mut Panel<'_, Traced<'_, B>>, &mut A) -> Result<(), NotCalled>,
    ) -> Result<usize, NotCalled> {
        self.run_queued();
        let id = ModuleId::new(target.module).ok_or(NotCalled::Unknown)?;
        let module = &mut self.modules[id];
        match module.life() {
            Life::Running => {}
            Life::Faulted => return Err(NotCalled::Faulted),
            _ => return Err(NotCalled::Unknown),
        }
        let call = Call { export: target.export, began_us: self.board.stamp_us(), late_us: 0 };
        if let Some(parent) = self.parent.take().filter(|_| module.is_traced()) {
            self.ring.parent(parent, call.began_us);
        }
        self.ring.begin(Called::Call(target.id()), module.is_traced(), call.began_us);
        let outcome = module.active_mut().with(&mut self.board, &mut self.ring, |panel| {
            place(panel, &mut args)?;
            let values = panel.call(target.export, args.as_ref()).map_err(NotCalled::Call)?;
            results.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
            let count = values.len();
            // A `bytes` or `str` is two results.
            if count > 1 {
                let signature = panel.image().signature(target.export).unwrap_or_default();
                signature.bytes_of_results(results, panel.memory()).for_each(each);
            }
            Ok(count)
        });
        match &outcome {
            Some(Ok(_)) => call.count(None, module, &mut self.board, &mut self.ring),
            Some(Err(NotCalled::Call(error))) => {
                call.count(Some(error), module, &mut self.board, &mut self.ring);
            }
            _ => self.ring.end(None, self.board.stamp_us()),
        }
        match outcome {
            None => Err(NotCalled::Unknown),
            Some(Ok(count)) => Ok(count),
            Some(Err(error)) => {
                if let NotCalled::Call(CallError::Trap(trap)) = error {
                    let args = args.as_ref();
                    let image = module.image();
                    let signature = image.as_ref().and_then(|image| image.signature(target.export));
                    // What finds a place for bytes is the module's own, whatever it is given.
                    let own = trap.export != target.export.0;
                    if !own && signature.is_some_and(|signature| is_mistake(trap, &signature, args)) {
                        self.mistake(id, trap);
                    } else {
                        self.fault(id, trap);
                    }
                }
                Err(error)
            }
        }
    }

    /// Runs the events that wait now, up to the one that ends beyond [`AHEAD_US`]. Those that fall due
    /// meanwhile wait for the next poll.
    fn run_queued(&mut self) {
        let now_us = self.board.now_us();
        _ = self.collect(now_us);
        for _ in 0..crate::queue::QUEUE {
            let Some(event) = self.scheduler.pop() else { break };
            self.dispatch(event);
            if self.board.now_us().saturating_sub(now_us) >= AHEAD_US {
                break;
            }
        }
    }

    /// Returns by which calls a module came to its latest trap.
    pub fn callers(&self, module: u8) -> Option<&Callers> {
        Some(&self.modules.get(module)?.callers)
    }

    /// Returns what was counted of the exports that were called, module by module.
    pub fn metrics(&self) -> impl Iterator<Item = ExportMetrics> + '_ {
        self.modules.iter().flat_map(|(id, module)| module.metrics.rows(id.number()))
    }

    /// Returns what was noted of calls, from number `from` on; `None` where this build notes nothing.
    pub fn ring(&self, from: u32) -> Option<RingPage> {
        Ring::BUILT.then(|| self.ring.page(from))
    }

    /// The export with this key or, where no module has one, with this wasm name.
    pub fn find(&self, name: &str) -> Option<ModuleExport> {
        let by_key = self.find_with(|image| {
            let id = image.find(name)?;
            (image.key(id) == Some(name)).then_some(id)
        });
        by_key.or_else(|| self.find_with(|image| image.find(name)))
    }

    fn find_with(&self, find: impl Fn(&Image<'_>) -> Option<ExportId>) -> Option<ModuleExport> {
        self.modules.iter().find_map(|(id, module)| {
            let export = find(&module.image()?)?;
            Some(ModuleExport { module: id.number(), export })
        })
    }

    /// Begins a session of a host: handles and transfers are a session's, and end with it.
    pub fn begin_session(&mut self) -> HostId {
        self.sessions = self.sessions.checked_add(1).unwrap_or(1);
        HostId(self.sessions)
    }

    /// Ends a session: its handles are closed and its transfer is forgotten.
    pub fn end_session(&mut self, host: HostId) {
        self.begins(&Operation::EndSession(host));
        self.handles.end(host);
        self.ended(true);
        if let Some(id) = self.uploads.give_up(|transfer| transfer.host == host) {
            self.tell(id, DeviceEventKind::TransferEnded);
        }
    }

    /// Opens a handle for an export; `None` if there is no such export, or the host has as many as it may.
    pub fn bind(&mut self, host: HostId, export: ModuleExport) -> Option<Handle> {
        let image = self.image(export.module)?;
        image.signature(export.export)?;
        self.bind_as(host, export, false)
    }

    /// As [`Device::bind`], for a host that was made for the export's contract, which has been compared.
    pub fn bind_held(&mut self, host: HostId, export: ModuleExport) -> Option<Handle> {
        self.image(export.module)?.signature(export.export)?;
        self.bind_as(host, export, true)
    }

    fn bind_as(&mut self, host: HostId, export: ModuleExport, held: bool) -> Option<Handle> {
        self.begins(&Operation::Bind { host, export, held });
        let handle = self.handles.bind(host, export, held);
        self.ended(true);
        handle
    }

    /// The exports that hosts hold by what they were made for, by the place of the handle.
    pub fn uses(&self) -> impl Iterator<Item = (usize, ModuleExport)> {
        self.handles.uses()
    }

    /// Calls what a handle stands for, as [`Device::call`].
    ///
    /// # Errors
    /// [`NotCalled::Stale`] where its image was replaced, the handle was given back, or is another host's.
    pub fn call_handle(
        &mut self,
        host: HostId,
        handle: Handle,
        args: &[u64],
        results: &mut [u64],
    ) -> Result<usize, NotCalled> {
        let export = self.export_of(host, handle).ok_or(NotCalled::Stale)?;
        self.call(export, args, results)
    }

    /// Returns the export behind a handle; `None` if it is stale, or another host's.
    pub fn export_of(&self, host: HostId, handle: Handle) -> Option<ModuleExport> {
        self.handles.get(host, handle)
    }

    /// Closes a handle of a host. Returns whether it was open.
    pub fn release(&mut self, host: HostId, handle: Handle) -> bool {
        self.begins(&Operation::Release { host, handle });
        let open = self.handles.release(host, handle);
        self.ended(true);
        open
    }

    /// The active image of a module.
    pub fn image(&self, module: u8) -> Option<Image<'_>> {
        self.modules.get(module)?.image()
    }

    /// A number that grows with each image that becomes active in a module, the same one again included.
    pub fn generation(&self, module: u8) -> u16 {
        self.modules.get(module).map_or(0, |module| module.generation)
    }

    /// Returns where a module is in its life.
    pub fn life(&self, module: u8) -> Life {
        self.modules.get(module).map_or(Life::Unloaded, Module::life)
    }

    /// Returns how a module is; `None` where there is none with this number.
    pub fn status(&mut self, module: u8) -> Option<ModuleStatus> {
        let now_us = self.board.now_us();
        self.modules.get(module).map(|of| of.status(module, now_us))
    }

    /// Returns what became of the image that the device was given: mounted where any module has one, else the
    /// last one's fate.
    pub fn image_state(&self) -> ImageState {
        let lives = self.modules.iter().any(|(_, module)| module.life() != Life::Unloaded);
        let failed =
            self.modules.iter().map(|(_, module)| module.state).find(|state| *state != ImageState::None);
        if lives { ImageState::Mounted } else { failed.unwrap_or(ImageState::None) }
    }

    /// Says what became of an image that never came as far as a slot.
    pub fn set_image_state(&mut self, state: ImageState) {
        self.modules[ModuleId::FIRST].state = state;
    }

    /// Calls of all modules since boot, and those that trapped.
    pub fn calls(&self) -> (u64, u64) {
        self.modules
            .iter()
            .map(|(_, module)| module.calls())
            .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    /// Calls of hosts since boot that trapped by their own arguments; [`Device::calls`] does not count them
    /// as traps.
    pub fn mistakes(&self) -> u64 {
        self.modules.iter().map(|(_, module)| module.tally.mistakes).sum()
    }

    /// Returns what a module's calls used and counted since it was loaded.
    pub fn counters(&self, module: u8) -> tiny_mapper::Counters {
        self.modules.get(module).map(|of| of.active().counters()).unwrap_or_default()
    }

    /// Returns what the wall clock says, and how many schedules wait for it.
    pub fn clock(&mut self) -> ClockStatus {
        self.begins(&Operation::Look);
        let stepped = self.scheduler.look(&mut self.board);
        self.ended(stepped);
        let Schedules { count, next_us } = self.scheduler.schedules();
        ClockStatus { unix_us: self.board.unix_us(), schedules: count, next_us: next_us.unwrap_or(-1) }
    }

    /// Sets the wall clock, in microseconds since 1970. Returns whether the board has one that can be set,
    /// and to this time.
    pub fn set_clock(&mut self, unix_us: i64) -> bool {
        self.begins(&Operation::SetClock(unix_us));
        let is_set = self.board.set_unix_us(unix_us);
        if is_set {
            self.scheduler.look(&mut self.board);
        }
        self.ended(is_set);
        is_set
    }

    /// The linear memory of a module.
    pub fn memory(&self, module: u8) -> &[u8] {
        self.modules.get(module).map(|of| of.active().memory()).unwrap_or_default()
    }

    /// Returns what happened, from number `from` on.
    pub fn happened(&self, from: u32) -> DeviceEvents {
        self.journal.page(from, EDITION)
    }

    /// [`Device::happened`] for a host that knows the messages up to an edition
    /// ([`DeviceEventKind::edition`]).
    pub fn happened_in(&self, edition: u8, from: u32) -> DeviceEvents {
        self.journal.page(from, edition)
    }

    /// The latest trap since this was last asked, for the device's own log.
    pub fn take_trap(&mut self) -> Option<TrapReport> {
        self.journal.take_trap()
    }

    /// The module whose new image was not mounted, and why, since this was last asked: for the device's own
    /// log.
    pub fn take_refused(&mut self) -> Option<(u8, Failure)> {
        self.journal.take_refused()
    }

    /// The board.
    pub fn board(&self) -> &B {
        &self.board
    }

    /// The board, for what does not concern a module.
    pub fn board_mut(&mut self) -> &mut B {
        &mut self.board
    }

    /// The board, when the device is done with.
    pub fn into_board(self) -> B {
        self.board
    }

    /// Notes a trap.
    pub(crate) fn note_trap(&mut self, id: ModuleId, trap: Trap) {
        let report = report(trap);
        self.journal.trap(report);
        self.tell(id, DeviceEventKind::Trapped(report));
        self.modules[id].tally.trap = Some(report);
    }

    /// Adds to the history.
    pub(crate) fn tell(&mut self, id: ModuleId, what: DeviceEventKind) {
        let now_us = self.board.stamp_us();
        self.journal.record(now_us, id, what);
        if let Some((what, is_new)) = module_event(&what)
            && self.modules[id].is_traced()
        {
            let image = self.modules[id].image().filter(|_| is_new);
            let image = image.map(|image| first_word(&image.hash()));
            self.ring.module(id.number(), what, image, now_us);
        }
    }
}

/// Returns what the ring has for an event, if it has something, and whether another image is active from then
/// on. What comes of a call is noted with the call.
const fn module_event(what: &DeviceEventKind) -> Option<(ModuleEvent, bool)> {
    Some(match what {
        DeviceEventKind::Mounted => (ModuleEvent::Mounted, true),
        DeviceEventKind::NotMounted(_) => (ModuleEvent::NotMounted, false),
        DeviceEventKind::Swapped => (ModuleEvent::Swapped, true),
        DeviceEventKind::Confirmed => (ModuleEvent::Confirmed, false),
        DeviceEventKind::RolledBack(_) => (ModuleEvent::RolledBack, true),
        DeviceEventKind::MadeSafe => (ModuleEvent::MadeSafe, false),
        DeviceEventKind::Restarted => (ModuleEvent::Restarted, false),
        DeviceEventKind::Faulted => (ModuleEvent::Faulted, false),
        DeviceEventKind::Reset => (ModuleEvent::Reset, false),
        DeviceEventKind::HostLost => (ModuleEvent::HostLost, false),
        DeviceEventKind::HostBack => (ModuleEvent::HostBack, false),
        DeviceEventKind::Disallowed { .. } => (ModuleEvent::Disallowed, false),
        DeviceEventKind::SetAside { .. } => (ModuleEvent::SetAside, false),
        DeviceEventKind::Trapped(_)
        | DeviceEventKind::Mistaken(_)
        | DeviceEventKind::Refused(_)
        | DeviceEventKind::Overrun
        | DeviceEventKind::TransferEnded
        | DeviceEventKind::Policy { .. }
        | DeviceEventKind::NotKept { .. }
        | DeviceEventKind::KeptAgain { .. } => return None,
    })
}

/// Returns the beginning of a hash as a word, as traps have it.
fn first_word(hash: &[u8; 32]) -> u32 {
    hash.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// A trap as it travels.
pub(crate) fn report(trap: Trap) -> TrapReport {
    let Trap { image, export, code, op, detail } = trap;
    TrapReport { image, export, code: code as u8, op, detail }
}
