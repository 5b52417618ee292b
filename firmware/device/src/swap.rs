//! A new image in the place of another: its way into the inactive slot, its trial, and the end of a module's
//! time.

use xmap_image::{Confirm, VerifyError};
use xmap_link::{DeviceEventKind, ImageState, Life, Refusal, RollbackReason};
use xmap_trust::Origin;

use crate::activate::Activation;
use crate::device::AHEAD_US;
use crate::lifecycle::Step;
use crate::lines::make_safe;
use crate::modules::ModuleId;
use crate::slot::Slot;
use crate::transfer::{Target, Transfer, cut};
use crate::{
    Board, Development, Device, Failure, Hook, Kept, MountError, Operation, Panel, Ram, SlotMemory, Traced,
    Trust,
};

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
    /// Verifies the image that has come, and switches to it: which module has it now. The inner error is what
    /// became of the image; the one before goes on then.
    ///
    /// # Errors
    /// [`Refusal::NoTransfer`]; [`Refusal::BadChunk`] where something is missing.
    pub fn commit(&mut self, token: u32) -> Result<Result<u8, Failure>, Refusal> {
        let Transfer { target, bytes, hash, origin, .. } = self.uploads.take(token)?;
        // What was begun as a policy is none of a module's.
        let Target::Module(module) = target else { return Err(Refusal::NoTransfer) };
        let taken = self.take_in(module, bytes as usize, Some(hash), &origin, None);
        Ok(taken.map(|()| module.number()))
    }

    /// Gives the inactive slot of a module other memory, for an owner that has a heap. The image before the
    /// active one is forgotten, and a trial ends.
    pub fn set_room(&mut self, module: u8, room: SlotMemory<R>) {
        if let Some(id) = ModuleId::new(module) {
            self.uploads.clear();
            let module = &mut self.modules[id];
            module.forget_previous();
            module.trial_us = None;
            *module.inactive_mut() = Slot::new(id, room);
        }
    }

    /// Puts an image into a module at once: at boot, or where there is no link. The switch is that of a swap.
    /// `origin` is where the image really came from; where the device has an owner, its seal stands behind
    /// it.
    ///
    /// # Errors
    /// What became of the image.
    pub fn install_from(&mut self, module: u8, image: &[u8], origin: &str) -> Result<(), Failure> {
        let id = ModuleId::new(module).ok_or(Failure::NoModule)?;
        self.place_in(id, image)?;
        self.take_in(id, image.len(), None, &cut(origin), None)
    }

    /// Puts an image into the inactive slot of a module, where an image before it is forgotten.
    pub(crate) fn place_in(&mut self, id: ModuleId, image: &[u8]) -> Result<(), Failure> {
        let of = &mut self.modules[id];
        self.uploads.clear();
        of.trial_us = None;
        of.forget_previous();
        let words = of.inactive_mut().words_mut().unwrap_or_default();
        let place = bytemuck::cast_slice_mut::<u32, u8>(words).get_mut(..image.len());
        place.ok_or(VerifyError::Length)?.copy_from_slice(image);
        Ok(())
    }

    /// Verifies what stands in the inactive slot, and makes it active. Where no image goes before it, it
    /// begins with the state that was kept.
    pub(crate) fn take_in(
        &mut self,
        id: ModuleId,
        bytes: usize,
        hash: Option<[u8; 32]>,
        origin: &Origin,
        kept: Option<Kept<'_>>,
    ) -> Result<(), Failure> {
        let admitted = self.admit(id, bytes, hash, origin);
        let hash = self.modules[id].inactive().image().map(|image| image.hash());
        // What is not admitted changes nothing that could be seen.
        let Some(hash) = hash.filter(|_| admitted.is_ok()) else {
            return self.taken_in(id, admitted);
        };
        self.begins(&Operation::Install { module: id.number(), hash, kept });
        let activated = self.activate(id, Activation::New(kept));
        let outcome = self.taken_in(id, activated);
        self.ended(true);
        outcome
    }

    /// Says what became of an image that was taken in.
    fn taken_in(&mut self, id: ModuleId, outcome: Result<(), Failure>) -> Result<(), Failure> {
        let module = &mut self.modules[id];
        match &outcome {
            Ok(()) => module.state = ImageState::Mounted,
            Err(failure) => {
                module.inactive_mut().clear();
                module.state = failure.state();
                self.refuse(id, failure);
            }
        }
        outcome
    }

    /// Counts and records that an image of a module does not run.
    pub(crate) fn refuse(&mut self, id: ModuleId, failure: &Failure) {
        if let Failure::Trust(reject) = failure {
            self.deny(id, reject);
        }
        self.tell(id, DeviceEventKind::NotMounted(failure.state()));
        self.journal.refuse(id, failure);
    }

    /// Ends the time of the active image: gives its handles up and, where it still runs, calls its `cleanup`
    /// for each, as far as this takes no longer than [`AHEAD_US`], and its `on_unmount`. A trap in that is
    /// recorded, and keeps nothing from going on.
    pub(crate) fn unmount(&mut self, id: ModuleId, runs: bool) -> Result<(), MountError> {
        let end_us = self.board.now_us().saturating_add(AHEAD_US);
        while let Some(handle) = self.handles.take_of(id) {
            if runs && self.board.now_us() < end_us {
                _ = self.last_words(id, Hook::Cleanup, |panel| panel.cleanup(handle));
            }
        }
        let outcome =
            if runs { self.last_words(id, Hook::OnUnmount, |panel| panel.on_unmount()) } else { Ok(()) };
        let module = &mut self.modules[id];
        if matches!(module.life(), Life::Running | Life::Faulted) {
            module.active_mut().step(Step::Unmount);
        }
        outcome
    }

    fn last_words(
        &mut self,
        id: ModuleId,
        hook: Hook,
        call: impl FnOnce(&mut Panel<'_, Traced<'_, B>>) -> Result<(), MountError>,
    ) -> Result<(), MountError> {
        let slot = self.modules[id].active_mut();
        let outcome = slot.with_hook(&mut self.board, &mut self.ring, (id.number(), &[hook]), call);
        if let Err(MountError::Trap(_, trap)) = outcome {
            self.note_trap(id, trap);
        }
        outcome
    }

    /// Takes a module off the device: `on_unmount`, then its outputs become safe, also where that did not
    /// return.
    ///
    /// # Errors
    /// What its `on_unmount` came to.
    pub fn unload(&mut self, number: u8) -> Result<(), MountError> {
        let Some(id) = ModuleId::new(number) else { return Ok(()) };
        self.begins(&Operation::Unload(number));
        let outcome = self.unmount(id, self.modules[id].life() == Life::Running);
        self.scheduler.disarm(id);
        self.scheduler.refresh_edges(&mut self.board);
        let module = &mut self.modules[id];
        if let Some(image) = module.image() {
            make_safe(&image, &mut self.board);
        }
        module.vacate(ImageState::None);
        self.ended(true);
        outcome
    }

    /// The new image of a module is good: its trial ends.
    ///
    /// # Errors
    /// [`Refusal::NoModule`], [`Refusal::NotOnTrial`].
    pub fn confirm(&mut self, number: u8) -> Result<(), Refusal> {
        let id = ModuleId::new(number).ok_or(Refusal::NoModule)?;
        self.modules[id].trial_us.take().ok_or(Refusal::NotOnTrial)?;
        self.begins(&Operation::Confirm(number));
        self.tell(id, DeviceEventKind::Confirmed);
        self.count_as_good(id);
        self.ended(true);
        Ok(())
    }

    /// Goes back to the image before the active one, because a host asks for it. The inner error is why that
    /// one may not run: the active one goes on then.
    ///
    /// # Errors
    /// [`Refusal::NoModule`], [`Refusal::NoPrevious`].
    pub fn rollback(&mut self, number: u8) -> Result<Result<(), Failure>, Refusal> {
        let id = ModuleId::new(number).ok_or(Refusal::NoModule)?;
        if !self.modules[id].previous {
            return Err(Refusal::NoPrevious);
        }
        self.begins(&Operation::Rollback(number));
        let outcome = self.activate(id, Activation::Back(RollbackReason::Asked));
        // One that the policy does not allow has changed nothing.
        self.ended(outcome.is_ok());
        if let Err(Failure::Trust(reject)) = &outcome {
            self.deny(id, reject);
        }
        Ok(outcome)
    }

    /// Looks at what has a deadline beside events: trials and hosts.
    pub(crate) fn watch(&mut self, now_us: u64) {
        for id in ModuleId::ALL {
            let module = &self.modules[id];
            if let Some(end_us) = module.trial_us.filter(|end_us| now_us >= *end_us) {
                match module.policy().confirm {
                    // After a pause the trial is over and has not been: what was due in it comes first.
                    Confirm::Device if self.scheduler.waits_before(id, end_us) => {}
                    Confirm::Device => _ = self.confirm(id.number()),
                    Confirm::Host => self.end_trial(id, RollbackReason::Unconfirmed),
                }
            }
            let module = &self.modules[id];
            if self.host_deadline_us(module).is_some_and(|end_us| now_us >= end_us) {
                self.lose_host(id);
            }
        }
    }

    /// Gives up a transfer of which nothing was heard for too long.
    pub(crate) fn watch_uploads(&mut self, now_us: u64) {
        if let Some(id) = self.uploads.give_up(|transfer| now_us >= transfer.deadline_us()) {
            self.tell(id, DeviceEventKind::TransferEnded);
        }
    }
}
