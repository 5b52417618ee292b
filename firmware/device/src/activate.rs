//! The one way in which an image becomes active, whoever asks for it.
//!
//! | what asks | which image | its state |
//! | --- | --- | --- |
//! | boot, the disk, a host: [`Activation::New`] | the other slot's | as at load; what both images keep is carried over |
//! | `rollback`, a trial that failed: [`Activation::Back`] | the other slot's | as the image left it |
//! | a restart after a fault, `reset`, a host that is back: [`Activation::Again`] | the active slot's | as at load |
//! | a new image that did not mount | the active slot's | as the image left it |
//!
//! Each way passes [`Device::may_run`] first, which alone makes a [`Cleared`], and ends in [`Device::run`],
//! which takes one. An image is held against those of the other modules that are active or may come back, so
//! that an image which comes back finds its lines, keys and name free.

use xmap_image::conflict;
use xmap_link::{DeviceEventKind, Life, RollbackReason};

use crate::device::AHEAD_US;
use crate::lifecycle::Step;
use crate::lines::{bring_back_lines, change_lines, check_lines, make_safe, prepare_lines, release_lines};
use crate::module::Place;
use crate::modules::ModuleId;
use crate::slot::Slot;
use crate::sources::Phases;
use crate::{Board, Device, Failure, Hook, Kept, MountError, Ram, Ring, Trust};

/// An image becomes active, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Activation<'k> {
    /// The image of the other slot, as it was admitted. Where no image goes before it, it begins with this
    /// state.
    New(Option<Kept<'k>>),
    /// The image of the other slot, which was active before.
    Back(RollbackReason),
    /// The image of the active slot, loaded anew.
    Again {
        /// Whether a fault is why: a host's request and a host that is back are none.
        fault: bool,
    },
}

/// Proof that the image in a slot may run now. Only [`Device::may_run`] makes one.
#[derive(Debug)]
struct Cleared(());

/// The timers that ran before, and whether they were those of the same image.
type Armed<'p> = (&'p Phases, bool);

impl<R: Ram, B: Board, T: Trust> Device<R, B, T> {
    /// Makes an image of a module active.
    ///
    /// # Errors
    /// Why the image may not run: nothing of the module was touched. For [`Activation::New`] also why it did
    /// not mount: the image before runs again. The other two end in the safe state where the image does not
    /// mount.
    pub(crate) fn activate(&mut self, id: ModuleId, how: Activation<'_>) -> Result<(), Failure> {
        let place = if matches!(how, Activation::Again { .. }) { Place::Active } else { Place::Other };
        let cleared = self.may_run(id, place)?;
        match how {
            Activation::New(kept) => self.switch(id, cleared, kept)?,
            Activation::Back(why) => self.go_back(id, cleared, why),
            Activation::Again { fault } => self.load_again(id, cleared, fault),
        }
        Ok(())
    }

    /// Checks whether the image in a slot may run beside what the other modules have: the owner's policy,
    /// room, the board's own lines, and the images that are active or may come back.
    fn may_run(&mut self, id: ModuleId, place: Place) -> Result<Cleared, Failure> {
        let slot = self.modules[id].slot_mut(place);
        self.gate.hold(slot)?;
        slot.fits().map_err(MountError::Load)?;
        let image = self.modules[id].slot(place).image().ok_or(Failure::NoModule)?;
        check_lines(&image).map_err(MountError::Reserved)?;
        for (with, other) in self.modules.iter().filter(|(with, _)| *with != id) {
            for (returning, theirs) in [(false, other.image()), (true, other.returning())] {
                if let Some(conflict) = theirs.and_then(|theirs| conflict(&image, &theirs)) {
                    return Err(MountError::Conflict { with: with.number(), returning, conflict }.into());
                }
            }
        }
        Ok(Cleared(()))
    }

    /// Between two events: the module that runs is unmounted, what it keeps is carried over, the lines whose
    /// use changes are set up, and the new one is mounted. Where that fails, the one before comes back.
    fn switch(&mut self, id: ModuleId, cleared: Cleared, kept: Option<Kept<'_>>) -> Result<(), MountError> {
        let end_us = self.board.now_us().saturating_add(AHEAD_US);
        while let Some(event) = self.scheduler.pop_of(id) {
            self.dispatch(event);
            if self.board.now_us() >= end_us {
                // The others are forgotten with the timers.
                break;
            }
        }
        let before = self.modules[id].life();
        let had = matches!(before, Life::Running | Life::Faulted);
        let rests = before == Life::Faulted;
        _ = self.unmount(id, before == Life::Running);
        let phases = self.scheduler.disarm(id);

        let module = &mut self.modules[id];
        let (old, new) = module.both_mut();
        let board = &mut self.board;
        match (old.image().filter(|_| had), new.image()) {
            (Some(old), Some(new)) => change_lines(&old, &new, rests, board),
            (None, Some(new)) => prepare_lines(&new, board),
            _ => {}
        }
        board.lines_ready();
        let carry = |new: &mut Slot<R>| {
            if had {
                new.carry(old);
            } else if let Some(kept) = kept {
                new.restore(kept.layout, kept.bytes);
            }
        };
        match mount(new, board, (&mut self.ring, id), carry) {
            Ok(()) => {
                let now_us = board.now_us();
                module.turn();
                module.previous = had;
                let trial = had && module.begin_trial(now_us);
                self.run(id, cleared, had.then_some(rests), (&phases, false));
                self.tell(id, if had { DeviceEventKind::Swapped } else { DeviceEventKind::Mounted });
                if !trial {
                    self.count_as_good(id);
                }
                Ok(())
            }
            Err(error) => {
                new.step(Step::Fault);
                match (old.image().filter(|_| had), new.image()) {
                    (Some(old), Some(new)) => bring_back_lines(&new, &old, false, board),
                    (None, Some(new)) => make_safe(&new, board),
                    _ => {}
                }
                if let MountError::Trap(_, trap) = error {
                    self.note_trap(id, trap);
                }
                if had {
                    // One that rested before rests again.
                    let cleared = if rests { None } else { self.may_run(id, Place::Active).ok() };
                    self.wake(id, cleared, (&phases, true));
                }
                Err(error)
            }
        }
    }

    /// Goes back to the image before the active one. Its state is what it was when it was unmounted.
    fn go_back(&mut self, id: ModuleId, cleared: Cleared, why: RollbackReason) {
        let runs = self.modules[id].life() == Life::Running && !matches!(why, RollbackReason::Trap(_));
        let rests = self.modules[id].life() == Life::Faulted;
        _ = self.unmount(id, runs);
        let phases = self.scheduler.disarm(id);
        let module = &mut self.modules[id];
        if let (Some(new), Some(old)) = (module.active().image(), module.inactive().image()) {
            bring_back_lines(&new, &old, rests, &mut self.board);
        }
        let on_trial = module.unproven;
        module.turn();
        // One that failed is not kept to go forward to.
        module.previous = why == RollbackReason::Asked;
        if on_trial {
            // Whoever goes forward again has not said that it is good.
            module.begin_trial(self.board.now_us());
        }
        self.tell(id, DeviceEventKind::RolledBack(why));
        self.wake(id, Some(cleared), (&phases, false));
        let module = &mut self.modules[id];
        if !module.previous {
            module.forget_previous();
        }
        if self.modules[id].trial_us.is_none() {
            self.count_as_good(id);
        }
    }

    /// The image of the active slot comes back, with the state that it had: its `on_mount` is asked again. It
    /// rests where it is not cleared.
    fn wake(&mut self, id: ModuleId, cleared: Option<Cleared>, armed: Armed<'_>) {
        let module = &mut self.modules[id];
        let Some(cleared) = cleared else { return self.stay_safe(id, None) };
        if !module.active().is_loaded() {
            return self.stay_safe(id, None);
        }
        let hook = (id.number(), &[Hook::OnMount][..]);
        match module.active_mut().with_hook(&mut self.board, &mut self.ring, hook, |panel| panel.on_mount()) {
            Ok(()) => {
                module.active_mut().step(Step::Mount);
                self.run(id, cleared, None, armed);
            }
            Err(error) => self.stay_safe(id, Some(error)),
        }
    }

    /// Loads the active image anew: memory and globals as at load, lines as at load, hooks, events.
    fn load_again(&mut self, id: ModuleId, cleared: Cleared, fault: bool) {
        self.scheduler.disarm(id);
        let module = &mut self.modules[id];
        module.settle_counters();
        module.tally.restarts = module.tally.restarts.saturating_add(fault.into());
        module.host_lost = false;
        let (slot, board) = (module.active_mut(), &mut self.board);
        slot.step(Step::Reset);
        if let Some(image) = slot.image() {
            prepare_lines(&image, board);
        }
        match mount(slot, board, (&mut self.ring, id), |_| ()) {
            Ok(()) => {
                self.run(id, cleared, None, (&Phases::default(), true));
                // What else loads a module anew has told so before.
                if fault {
                    self.tell(id, DeviceEventKind::Restarted);
                }
            }
            Err(error) => self.stay_safe(id, Some(error)),
        }
    }

    /// The active image is mounted: its floating outputs drive, its events are armed. `before` says whether
    /// the image in the other slot, whose place it takes, rested.
    fn run(&mut self, id: ModuleId, _: Cleared, before: Option<bool>, (phases, own): Armed<'_>) {
        let module = &mut self.modules[id];
        let old = before.and_then(|rests| Some((module.inactive().image()?, rests)));
        if let Some(image) = module.image() {
            release_lines(old.as_ref().map(|(old, rests)| (old, *rests)), &image, &mut self.board);
        }
        module.active_mut().step(Step::Run);
        self.scheduler.arm((id, &self.modules[id]), (phases, own), &mut self.board);
    }

    /// The active image did not mount: its outputs are safe, and it rests.
    fn stay_safe(&mut self, id: ModuleId, error: Option<MountError>) {
        let module = &mut self.modules[id];
        if let Some(image) = module.image() {
            make_safe(&image, &mut self.board);
        }
        module.active_mut().step(Step::Fault);
        if let Some(MountError::Trap(_, trap)) = error {
            self.note_trap(id, trap);
        }
        self.scheduler.refresh_edges(&mut self.board);
        self.tell(id, DeviceEventKind::Faulted);
    }
}

/// Loads an image and runs its hooks; `carry` puts kept state in its place before `on_mount`.
fn mount<R: Ram, B: Board>(
    slot: &mut Slot<R>,
    board: &mut B,
    (ring, id): (&mut Ring, ModuleId),
    carry: impl FnOnce(&mut Slot<R>),
) -> Result<(), MountError> {
    slot.load(board).map_err(MountError::Load)?;
    let first = (id.number(), &[Hook::Start, Hook::Initialize][..]);
    slot.with_hook(board, ring, first, |panel| panel.initialize())?;
    carry(slot);
    slot.with_hook(board, ring, (id.number(), &[Hook::OnMount]), |panel| panel.on_mount())?;
    slot.step(Step::Mount);
    Ok(())
}
