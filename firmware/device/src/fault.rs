//! What follows a fault: the policy of the manifest.

use tiny_mapper::{Trap, TrapCode};
use xmap_image::{OnFault, Signature, Ty};
use xmap_link::{DeviceEventKind, Life, Refusal, RollbackReason};

use crate::activate::Activation;
use crate::device::report;
use crate::lifecycle::Step;
use crate::lines::make_safe;
use crate::module::Module;
use crate::modules::ModuleId;
use crate::{Board, Device, Operation, Ram, Trust};

/// Returns whether a host's own arguments made its call trap: one that its declared type refuses, before the
/// first op (an address where no such bytes or text are is one, too), or one that is the id of the line which
/// the image does not declare for this use. A `bool` is no id of a line.
pub(crate) fn is_mistake(trap: Trap, signature: &Signature<'_>, args: &[u64]) -> bool {
    match trap.code {
        TrapCode::BadArgument => trap.op == Trap::NO_OP && trap.detail & Trap::RESULT == 0,
        TrapCode::OutOfBounds | TrapCode::BadText if trap.op == Trap::NO_OP => {
            let named =
                |(ty, arg): (Ty, &u64)| matches!(ty, Ty::BytesPtr | Ty::StrPtr) && *arg as u32 == trap.detail;
            signature.params().zip(args).any(named)
        }
        TrapCode::UndeclaredLine => {
            let named = |(ty, arg): (Ty, &u64)| ty != Ty::Bool && *arg == u64::from(trap.detail);
            signature.params().zip(args).any(named)
        }
        _ => false,
    }
}

/// Microseconds without a fault after which a module's restarts are forgotten.
pub const FORGIVEN_US: u64 = 60_000_000;

impl<R: Ram, B: Board, T: Trust> Device<R, B, T> {
    /// A call of a module trapped: does what its trial or its policy says. A call that the module refused is
    /// no fault: it is counted apart, and neither the trial nor the policy has anything to say.
    pub(crate) fn fault(&mut self, id: ModuleId, trap: Trap) {
        if trap.code == TrapCode::Refused {
            let tally = &mut self.modules[id].tally;
            tally.refused = tally.refused.saturating_add(1);
            self.tell(id, DeviceEventKind::Refused(report(trap)));
            return;
        }
        self.note_trap(id, trap);
        let module = &self.modules[id];
        if module.trial_us.is_some() {
            self.end_trial(id, RollbackReason::Trap(report(trap)));
            return;
        }
        self.follow(id, trap);
    }

    /// A host's call trapped by its own arguments ([`is_mistake`]): counts it apart, and does what the
    /// module's policy says, as the module may have stopped half-way. A trial goes on.
    pub(crate) fn mistake(&mut self, id: ModuleId, trap: Trap) {
        let module = &mut self.modules[id];
        module.tally.mistakes = module.tally.mistakes.saturating_add(1);
        self.tell(id, DeviceEventKind::Mistaken(report(trap)));
        self.follow(id, trap);
    }

    /// Does what the module's policy says of a trap.
    fn follow(&mut self, id: ModuleId, trap: Trap) {
        let module = &self.modules[id];
        let policy = module.policy();
        match if trap.code == TrapCode::Fuel { policy.on_fuel } else { policy.on_trap } {
            OnFault::Hold => {}
            OnFault::Safe => self.rest(id),
            OnFault::Restart => self.restart_or_rest(id),
        }
    }

    /// Ends the trial of the active image: the one before comes back. Where there is none, or it may not run,
    /// the module rests with the image that failed, which does not count as good for that.
    pub(crate) fn end_trial(&mut self, id: ModuleId, why: RollbackReason) {
        let module = &self.modules[id];
        if module.previous {
            match self.activate(id, Activation::Back(why)) {
                Ok(()) => return,
                Err(failure) => self.refuse(id, &failure),
            }
        }
        let module = &mut self.modules[id];
        (module.trial_us, module.failed) = (None, true);
        module.forget_previous();
        self.rest(id);
    }

    /// Brings the outputs into their safe state and lets the module rest: no events, no calls.
    fn rest(&mut self, id: ModuleId) {
        let module = &mut self.modules[id];
        if module.life() != Life::Running {
            return;
        }
        // First the outputs, then the accounts.
        if let Some(image) = module.image() {
            make_safe(&image, &mut self.board);
        }
        module.active_mut().step(Step::Fault);
        self.scheduler.disarm(id);
        self.scheduler.refresh_edges(&mut self.board);
        self.tell(id, DeviceEventKind::MadeSafe);
        self.tell(id, DeviceEventKind::Faulted);
    }

    fn restart_or_rest(&mut self, id: ModuleId) {
        let now_us = self.board.now_us();
        let module = &mut self.modules[id];
        if now_us.saturating_sub(module.restarted_us) >= FORGIVEN_US {
            module.restarts = 0;
        }
        if module.restarts >= module.policy().restarts {
            self.rest(id);
            return;
        }
        module.restarts += 1;
        module.restarted_us = now_us;
        if let Some(image) = module.image() {
            make_safe(&image, &mut self.board);
        }
        self.tell(id, DeviceEventKind::MadeSafe);
        self.reload(id, true);
    }

    /// Loads the active image anew, after a fault or not. Where it may not run, it rests.
    fn reload(&mut self, id: ModuleId, fault: bool) {
        if let Err(failure) = self.activate(id, Activation::Again { fault }) {
            self.refuse(id, &failure);
            self.rest(id);
        }
    }

    /// Loads a module anew because a host asks for it, whatever state it is in.
    ///
    /// # Errors
    /// [`Refusal::NoModule`]; [`Refusal::NoImage`] where there is nothing to load.
    pub fn reset(&mut self, number: u8) -> Result<(), Refusal> {
        let id = ModuleId::new(number).ok_or(Refusal::NoModule)?;
        let module = &mut self.modules[id];
        if !matches!(module.life(), Life::Running | Life::Faulted) {
            return Err(Refusal::NoImage);
        }
        self.begins(&Operation::Reset(number));
        let module = &mut self.modules[id];
        module.restarts = 0;
        self.tell(id, DeviceEventKind::Reset);
        self.reload(id, false);
        self.ended(true);
        Ok(())
    }

    /// Brings the outputs of every module into their safe state, as when the device is about to stop.
    pub fn make_all_safe(&mut self) {
        self.begins(&Operation::MakeSafe);
        for (_, module) in self.modules.iter() {
            if let Some(image) = module.image() {
                make_safe(&image, &mut self.board);
            }
        }
        self.ended(true);
    }

    /// A host was heard: modules that rested for want of one start anew.
    pub fn heard(&mut self) {
        self.begins(&Operation::Heard);
        self.heard_us = self.board.now_us();
        for id in ModuleId::ALL {
            if self.modules[id].host_lost {
                self.tell(id, DeviceEventKind::HostBack);
                self.reload(id, false);
            }
        }
        self.ended(true);
    }

    /// Returns when a module gives its host up; `None` where it needs none, or rests already.
    pub(crate) fn host_deadline_us(&self, module: &Module<R>) -> Option<u64> {
        let ms = module.policy().link_timeout_ms;
        let waits = ms != 0 && module.life() == Life::Running;
        waits.then(|| self.heard_us.saturating_add(u64::from(ms) * 1000))
    }

    pub(crate) fn lose_host(&mut self, id: ModuleId) {
        self.tell(id, DeviceEventKind::HostLost);
        self.rest(id);
        self.modules[id].host_lost = true;
    }
}
