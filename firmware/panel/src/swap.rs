//! A new image in the place of another: its way into the inactive slot, the switch, and the way back.

use xmap_image::{Confirm, VerifyError, conflict};
use xmap_link::limits::MAX_MODULES;
use xmap_link::{ImageState, Life, Refusal, What, Why};
use xmap_trust::Origin;

use crate::lifecycle::Step;
use crate::lines::{change_lines, check_lines, make_safe, prepare_lines, release_lines};
use crate::slot::Slot;
use crate::sources::Phases;
use crate::transfer::{Target, Transfer, cut};
use crate::{Board, Development, Device, Failure, MountError, Ram, Room, Trust};

impl<R: Ram, B: Board> Device<R, B, Development> {
    /// [`Device::install_from`] on a development device, which does not ask where an image came from.
    ///
    /// # Errors
    /// What became of the image.
    pub fn install(&mut self, module: u8, image: &[u8]) -> Result<(), Failure> {
        self.install_from(module, image, "")
    }

    /// [`Device::begin_from`] on a development device, which does not ask where an image comes from.
    ///
    /// # Errors
    /// As there.
    pub fn begin(&mut self, module: u8, bytes: u32, hash: [u8; 32], token: u32) -> Result<u32, Refusal> {
        self.begin_from(module, bytes, hash, token, "")
    }
}

impl<R: Ram, B: Board, T: Trust> Device<R, B, T> {
    /// Verifies the image that has come, and switches to it: which module has it now. The inner error is what became
    /// of the image; the one before goes on then.
    ///
    /// # Errors
    /// [`Refusal::NoTransfer`]; [`Refusal::BadChunk`] where something is missing.
    pub fn commit(&mut self, token: u32) -> Result<Result<u8, Failure>, Refusal> {
        let Transfer { target, bytes, hash, origin, .. } = self.take_transfer(token)?;
        // What was begun as a policy is none of a module's.
        let Target::Module(module) = target else { return Err(Refusal::NoTransfer) };
        Ok(self.take_in(module, bytes as usize, Some(hash), &origin, nothing).map(|()| module))
    }

    /// Gives the inactive slot of a module other memory, for an owner that has a heap. The image before the active
    /// one is forgotten, and a trial ends.
    pub fn set_room(&mut self, module: u8, room: Room<R>) {
        if let Some(module) = self.modules.get_mut(usize::from(module)) {
            self.transfer = None;
            (module.previous, module.trial_us) = (false, None);
            *module.inactive_mut() = Slot::new(room);
        }
    }

    /// Puts an image into a module at once: at boot, or where there is no link. The switch is that of a swap. `origin` is where
    /// the image really came from; where the device has an owner, its seal stands behind it.
    ///
    /// # Errors
    /// What became of the image.
    pub fn install_from(&mut self, module: u8, image: &[u8], origin: &str) -> Result<(), Failure> {
        self.place_in(module, image)?;
        self.take_in(module, image.len(), None, &cut(origin), nothing)
    }

    /// Puts an image into the inactive slot of a module, where an image before it is forgotten.
    pub(crate) fn place_in(&mut self, module: u8, image: &[u8]) -> Result<(), Failure> {
        let of = self.modules.get_mut(usize::from(module)).ok_or(Failure::NoModule)?;
        self.transfer = None;
        of.previous = false;
        of.trial_us = None;
        of.inactive_mut().clear();
        let words = of.inactive_mut().words_mut().unwrap_or_default();
        let place = bytemuck::cast_slice_mut::<u32, u8>(words).get_mut(..image.len());
        place.ok_or(VerifyError::Length)?.copy_from_slice(image);
        Ok(())
    }

    /// Verifies what stands in the inactive slot, and switches to it. `restore` may change its state before `on_mount`, where no image
    /// goes before it.
    pub(crate) fn take_in(
        &mut self,
        number: u8,
        bytes: usize,
        hash: Option<[u8; 32]>,
        origin: &Origin,
        restore: impl FnOnce(&mut Slot<R>),
    ) -> Result<(), Failure> {
        let verified = self.verify(number, bytes, hash, origin);
        let outcome = verified.and_then(|()| Ok(self.switch(number, restore)?));
        let state = outcome.as_ref().err().map_or(ImageState::Mounted, Failure::state);
        if let Some(module) = self.modules.get_mut(usize::from(number)) {
            if outcome.is_err() {
                module.inactive_mut().clear();
            }
            module.state = state;
        }
        if let Err(failure) = &outcome {
            if let Failure::Trust(reject) = failure {
                self.deny(number, reject);
            }
            self.tell(number, What::NotMounted(state));
        }
        outcome
    }

    /// Everything that can be found out before anything of the module that runs is touched.
    fn verify(
        &mut self,
        number: u8,
        bytes: usize,
        hash: Option<[u8; 32]>,
        origin: &Origin,
    ) -> Result<(), Failure> {
        self.admit(number, bytes, hash, origin)?;
        let slot = self.modules.get_mut(usize::from(number)).ok_or(Failure::NoModule)?.inactive_mut();
        slot.fits().map_err(MountError::Load)?;
        let new = self.modules.get(usize::from(number)).and_then(|module| module.inactive().image());
        let new = new.ok_or(Failure::NoModule)?;
        check_lines(&new).map_err(MountError::Reserved)?;
        for (with, of) in (0..).zip(&self.modules).filter(|(with, _)| *with != number) {
            if let Some(conflict) = of.image().and_then(|image| conflict(&new, &image)) {
                return Err(MountError::Conflict { with, conflict }.into());
            }
        }
        Ok(())
    }

    /// Between two events: the module that runs is unmounted, what it keeps is carried over, the lines whose use
    /// changes are set up, and the new one is mounted. Where that fails, the one before comes back.
    fn switch(&mut self, number: u8, restore: impl FnOnce(&mut Slot<R>)) -> Result<(), MountError> {
        while let Some(event) = self.queue.pop_of(number) {
            self.dispatch(event);
        }
        let before = self.life_of(number);
        let had = matches!(before, Life::Running | Life::Faulted);
        let rests = before == Life::Faulted;
        _ = self.unmount(number, before == Life::Running);
        let phases = self.disarm(number);

        // `verify` has found the module.
        let Some(module) = self.modules.get_mut(usize::from(number)) else { return Ok(()) };
        let (old, new) = module.both_mut();
        let confirm_ms = new.declared().policy.confirm_ms;
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
            } else {
                restore(new);
            }
        };
        match mount(new, board, carry) {
            Ok(()) => {
                if let Some(image) = new.image() {
                    let before = old.image().filter(|_| had);
                    release_lines(before.as_ref().map(|old| (old, rests)), &image, board);
                }
                let now_us = board.now_us();
                module.turn();
                module.previous = had;
                let trial = had && confirm_ms != 0;
                module.trial_us = trial.then(|| now_us.saturating_add(u64::from(confirm_ms) * 1000));
                module.active_mut().step(Step::Run);
                self.tell(number, if had { What::Swapped } else { What::Mounted });
                if !trial {
                    self.count_as_good(number);
                }
                self.arm(number, &phases, false);
                Ok(())
            }
            Err(error) => {
                new.step(Step::Fault);
                match (old.image().filter(|_| had), new.image()) {
                    (Some(old), Some(new)) => change_lines(&new, &old, false, board),
                    (None, Some(new)) => make_safe(&new, board),
                    _ => {}
                }
                if let MountError::Trap(_, trap) = error {
                    self.note_trap(number, trap);
                }
                if had {
                    self.wake(number, rests, (&phases, true));
                }
                Err(error)
            }
        }
    }

    /// The image of the active slot comes back, with the state that it had: its `on_mount` is asked again.
    fn wake(&mut self, number: u8, rests: bool, (phases, own): (&Phases, bool)) {
        let Some(module) = self.modules.get_mut(usize::from(number)) else { return };
        let outcome = if rests {
            // It was faulted before, and is again.
            None
        } else {
            module.with(&mut self.board, |panel| panel.on_mount())
        };
        let slot = module.active_mut();
        match outcome {
            Some(Ok(())) => {
                slot.step(Step::Mount);
                if let Some(image) = slot.image() {
                    release_lines(None, &image, &mut self.board);
                }
                slot.step(Step::Run);
                self.arm(number, phases, own);
            }
            failed => {
                slot.step(Step::Fault);
                if let Some(image) = slot.image() {
                    make_safe(&image, &mut self.board);
                }
                if let Some(Err(MountError::Trap(_, trap))) = failed {
                    self.note_trap(number, trap);
                }
                self.refresh_edges();
                self.tell(number, What::Faulted);
            }
        }
    }

    /// Ends the time of the active image: gives its handles up and, where it still runs, tells it so. A trap in that
    /// is told, and keeps nothing from going on.
    fn unmount(&mut self, number: u8, runs: bool) -> Result<(), MountError> {
        while let Some(handle) = self.handles.of(number) {
            self.handles.release(handle);
            if runs {
                _ = self.last_words(number, |panel| panel.cleanup(handle));
            }
        }
        let outcome = if runs { self.last_words(number, |panel| panel.on_unmount()) } else { Ok(()) };
        if let Some(module) = self.modules.get_mut(usize::from(number))
            && matches!(module.life(), Life::Running | Life::Faulted)
        {
            module.active_mut().step(Step::Unmount);
        }
        outcome
    }

    fn last_words(
        &mut self,
        number: u8,
        call: impl FnOnce(&mut crate::Panel<'_, &mut B>) -> Result<(), MountError>,
    ) -> Result<(), MountError> {
        let module = self.modules.get_mut(usize::from(number));
        let outcome = module.and_then(|module| module.with(&mut self.board, call)).unwrap_or(Ok(()));
        if let Err(MountError::Trap(_, trap)) = outcome {
            self.note_trap(number, trap);
        }
        outcome
    }

    /// Takes a module off the device: `on_unmount`, then its outputs become safe, also where that did not return.
    ///
    /// # Errors
    /// What its `on_unmount` came to.
    pub fn unload(&mut self, number: u8) -> Result<(), MountError> {
        let life = self.life_of(number);
        let outcome = self.unmount(number, life == Life::Running);
        self.disarm(number);
        self.refresh_edges();
        let Some(module) = self.modules.get_mut(usize::from(number)) else { return outcome };
        if let Some(image) = module.image() {
            make_safe(&image, &mut self.board);
        }
        module.active_mut().clear();
        module.inactive_mut().clear();
        (module.previous, module.trial_us, module.state) = (false, None, ImageState::None);
        outcome
    }

    /// The new image of a module is good: its trial ends.
    ///
    /// # Errors
    /// [`Refusal::NoModule`], [`Refusal::NotOnTrial`].
    pub fn confirm(&mut self, number: u8) -> Result<(), Refusal> {
        let module = self.modules.get_mut(usize::from(number)).ok_or(Refusal::NoModule)?;
        module.trial_us.take().ok_or(Refusal::NotOnTrial)?;
        self.tell(number, What::Confirmed);
        self.count_as_good(number);
        Ok(())
    }

    /// Goes back to the image before the active one, because a host asks for it. The inner error is why the owner's policy does not
    /// allow that: the active one goes on then.
    ///
    /// # Errors
    /// [`Refusal::NoModule`], [`Refusal::NoPrevious`].
    pub fn rollback(&mut self, number: u8) -> Result<Result<(), Failure>, Refusal> {
        let module = self.modules.get(usize::from(number)).ok_or(Refusal::NoModule)?;
        if !module.previous {
            return Err(Refusal::NoPrevious);
        }
        if let Err(failure) = self.may_return(number) {
            return Ok(Err(failure));
        }
        self.go_back(number, Why::Asked);
        Ok(Ok(()))
    }

    /// Goes back to the image before the active one. Its state is what it was when it was unmounted.
    pub(crate) fn go_back(&mut self, number: u8, why: Why) {
        let runs = self.life_of(number) == Life::Running && !matches!(why, Why::Trap(_));
        let rests = self.life_of(number) == Life::Faulted;
        _ = self.unmount(number, runs);
        let phases = self.disarm(number);
        let Some(module) = self.modules.get_mut(usize::from(number)) else { return };
        if let (Some(new), Some(old)) = (module.active().image(), module.inactive().image()) {
            change_lines(&new, &old, rests, &mut self.board);
        }
        module.turn();
        module.trial_us = None;
        // One that failed is not kept to go forward to.
        module.previous = why == Why::Asked;
        self.tell(number, What::RolledBack(why));
        self.wake(number, false, (&phases, false));
        if let Some(module) = self.modules.get_mut(usize::from(number))
            && !module.previous
        {
            module.inactive_mut().clear();
        }
    }

    /// Looks at what has a deadline beside events: trials, hosts, transfers.
    pub(crate) fn watch(&mut self, now_us: u64) {
        for number in 0..MAX_MODULES as u8 {
            let module = &self.modules[usize::from(number)];
            if module.trial_us.is_some_and(|end_us| now_us >= end_us) {
                match module.policy().confirm {
                    Confirm::Device => _ = self.confirm(number),
                    Confirm::Host if module.previous => self.go_back(number, Why::Unconfirmed),
                    // A policy has taken the image before away meanwhile.
                    Confirm::Host => self.end_trial_at_rest(number),
                }
            }
            let module = &self.modules[usize::from(number)];
            if self.host_deadline_us(module).is_some_and(|end_us| now_us >= end_us) {
                self.lose_host(number);
            }
        }
        if let Some(transfer) = self.transfer.as_ref().filter(|transfer| now_us >= transfer.deadline_us()) {
            let module = transfer.module();
            self.transfer = None;
            self.tell(module, What::TransferEnded);
        }
    }

    fn life_of(&self, number: u8) -> Life {
        self.modules.get(usize::from(number)).map_or(Life::Unloaded, |module| module.life())
    }
}

/// What is restored where nothing is. One function, so that there is one instance of the switch.
pub(crate) fn nothing<R: Ram>(_: &mut Slot<R>) {}

/// Loads an image and runs its hooks; `carry` puts kept state in its place before `on_mount`.
pub(crate) fn mount<R: Ram, B: Board>(
    slot: &mut Slot<R>,
    board: &mut B,
    carry: impl FnOnce(&mut Slot<R>),
) -> Result<(), MountError> {
    slot.load(board).map_err(MountError::Load)?;
    slot.with(board, |panel| panel.initialize()).unwrap_or(Ok(()))?;
    carry(slot);
    slot.with(board, |panel| panel.on_mount()).unwrap_or(Ok(()))?;
    slot.step(Step::Mount);
    Ok(())
}
