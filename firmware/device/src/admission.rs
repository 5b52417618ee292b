//! What the owner's policy does to the images of a device: each passes the gate before anything of it is
//! read, and each that is here passes it again when the policy changes.

use xmap_link::{DeviceEventKind, Life, PolicyState, Refusal, TrustStatus};
use xmap_trust::{Limit, Limits, Origin, Reject};

use crate::gate::{code, state};
use crate::lifecycle::Step;
use crate::lines::make_safe;
use crate::modules::ModuleId;
use crate::slot::Slot;
use crate::transfer::Target;
use crate::{Board, Device, Failure, Operation, Ram, Trust};

impl<R: Ram, B: Board, T: Trust> Device<R, B, T> {
    /// Returns whose images the device takes.
    pub fn trust(&self) -> &T {
        self.gate.trust()
    }

    /// Returns whether it takes any image, whoever made it.
    pub fn is_development(&self) -> bool {
        self.gate.is_open()
    }

    /// Returns what it trusts, and what it has refused.
    pub fn trust_status(&self) -> TrustStatus {
        self.gate.status()
    }

    /// The one check that every image passes, whichever way it comes: it stands in the inactive slot of a
    /// module.
    pub(crate) fn admit(
        &mut self,
        id: ModuleId,
        bytes: usize,
        announced: Option<[u8; 32]>,
        origin: &Origin,
    ) -> Result<(), Failure> {
        let board = self.board.id();
        self.gate.admit(self.modules[id].inactive_mut(), bytes, (announced, origin), board)
    }

    /// Returns what an image may ask for: what the owner's policy says, or less where the device's
    /// configuration says less. A development device has its configuration, or the defaults.
    pub fn limits(&self) -> Limits {
        self.gate.limits()
    }

    /// Sets what the device's configuration says an image may ask for. Images that are there already are not
    /// held against it.
    pub fn set_limits(&mut self, limits: Limits) {
        self.gate.configure(limits);
        self.limit_texts();
    }

    /// Returns the machine code of all slots, or what stands in its place.
    pub fn codes(&self) -> impl Iterator<Item = &R::Code> {
        self.modules.iter().flat_map(|(_, module)| [module.active(), module.inactive()]).map(Slot::code)
    }

    /// Lets images that are loaded from now on run as machine code, where the target has such.
    pub fn set_machine_code(&mut self, on: bool) {
        for module in self.modules.iter_mut() {
            module.active_mut().set_machine_code(on);
            module.inactive_mut().set_machine_code(on);
        }
    }

    fn limit_texts(&mut self) {
        let per_s = self.limits().get(Limit::Log);
        for module in self.modules.iter_mut() {
            module.active_mut().set_text_limit(per_s);
            module.inactive_mut().set_text_limit(per_s);
        }
    }

    /// Counts what was refused, and keeps it for a host that asks.
    pub(crate) fn deny(&mut self, id: ModuleId, reject: &Reject) {
        self.gate.deny(self.board.stamp_us(), id, reject);
    }

    /// The active image of a module counts as good: an older one is not taken any more.
    pub(crate) fn count_as_good(&mut self, id: ModuleId) {
        if self.gate.is_open() {
            return;
        }
        let Some(image) = self.modules[id].image() else { return };
        let name = image.manifest().map_or("", |manifest| manifest.module);
        if self.gate.remember(name, image.header().version).is_err() {
            self.deny(id, &Reject::Memory);
        }
    }

    /// Makes ready for a signed policy of `bytes`. Chunks and a commit follow, as for an image. Returns where
    /// the next chunk begins. An image that is on its way is given up for it: whoever sends images cannot
    /// keep a revocation out.
    ///
    /// # Errors
    /// [`Refusal::Unsupported`] on a development device, [`Refusal::TooLarge`], [`Refusal::Busy`].
    pub fn begin_policy(&mut self, bytes: u32, token: u32) -> Result<u32, Refusal> {
        if self.gate.is_open() {
            return Err(Refusal::Unsupported);
        }
        if let Some(id) = self.uploads.give_up(|transfer| transfer.target != Target::Policy) {
            self.tell(id, DeviceEventKind::TransferEnded);
        }
        let now_us = self.board.now_us();
        if let Some(next) = self.uploads.goes_on(Target::Policy, bytes, [0; 32], token, now_us)? {
            return Ok(next);
        }
        let most = self.gate.staging().len() as u32;
        if bytes > most {
            return Err(Refusal::TooLarge { most });
        }
        self.uploads.start(Target::Policy, bytes, [0; 32], token, Origin::new(), now_us);
        Ok(0)
    }

    /// Opens the policy that has come. From here on it holds, for what runs, too: a module whose image it
    /// does not allow has run its last op, and its outputs are safe. A policy that is refused changes
    /// nothing.
    ///
    /// # Errors
    /// [`Refusal::NoTransfer`]; [`Refusal::BadChunk`] where something is missing.
    pub fn commit_policy(&mut self, token: u32) -> Result<PolicyState, Refusal> {
        let bytes = self.uploads.take(token)?.bytes;
        let version = match self.gate.renew(bytes as usize) {
            Ok(version) => version,
            Err(error) => {
                let (code, details) = error.parts();
                return Ok(PolicyState::Refused { code, details });
            }
        };
        // What runs on under another policy is not in a recording.
        self.begins(&Operation::Policy);
        self.ended(true);
        self.tell(ModuleId::FIRST, DeviceEventKind::Policy { version });
        self.limit_texts();
        let mut stopped = 0;
        for id in ModuleId::ALL {
            if self.hold_again(id) {
                stopped |= 1 << id.number();
            }
        }
        Ok(PolicyState::Taken { version, stopped })
    }

    /// Holds both images of a module against the policy, which has changed. Whether the active one had to go.
    fn hold_again(&mut self, id: ModuleId) -> bool {
        let module = &mut self.modules[id];
        if let Err(reject) = self.gate.hold(module.active_mut()) {
            self.stop(id, &reject);
            return true;
        }
        if let Err(reject) = self.gate.hold(module.inactive_mut()) {
            // It does not run, but nothing goes back to it.
            module.forget_previous();
            self.deny(id, &reject);
        }
        false
    }

    /// Takes a module's images away. Not one op of them runs: neither `on_unmount` nor `export_cleanup` is
    /// called.
    fn stop(&mut self, id: ModuleId, reject: &Reject) {
        let module = &mut self.modules[id];
        // First the outputs, then the accounts.
        if module.life() == Life::Running {
            if let Some(image) = module.image() {
                make_safe(&image, &mut self.board);
            }
            module.active_mut().step(Step::Fault);
        }
        module.vacate(state(reject));
        while self.handles.take_of(id).is_some() {}
        self.scheduler.disarm(id);
        self.scheduler.refresh_edges(&mut self.board);
        self.tell(id, DeviceEventKind::MadeSafe);
        self.tell(id, DeviceEventKind::Disallowed { code: code(reject) });
        self.deny(id, reject);
    }
}
