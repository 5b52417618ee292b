//! The way in: each image is held against the owner's policy before anything of it is read, and each image
//! that is here again when the policy changes.

use xmap_image::VerifyError;
use xmap_link::{
    DeviceEventKind, ImageState, Life, POLICY_CODES, PolicyState, Refusal, Rejection, TrustStatus,
};
use xmap_trust::{Limit, Limits, Origin, Reject, Seal, SealError, TrustPolicy, authenticate, sealed};

use crate::lifecycle::Step;
use crate::lines::make_safe;
use crate::modules::ModuleId;
use crate::slot::Slot;
use crate::transfer::Target;
use crate::{Board, Device, Failure, Ram, Trust};

/// What became of an image that the policy refused.
pub(crate) fn state(reject: &Reject) -> ImageState {
    ImageState::Rejected { code: code(reject), detail: reject.details().0[0] }
}

fn code(reject: &Reject) -> u16 {
    POLICY_CODES + u16::from(reject.code())
}

/// What a device has refused since boot.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    count: u32,
    last: Option<Rejection>,
}

/// Admits the first `len` words of a slot, an image and its seal. Nothing of the image is read before seal,
/// hash, policy, version and origin hold; its hash is not computed twice.
fn admit_sealed<R: Ram>(
    slot: &mut Slot<R>,
    len: usize,
    trust: &mut impl Trust,
    (announced, origin): (Option<[u8; 32]>, &Origin),
) -> Result<(), Failure> {
    let Some(policy) = trust.policy() else { return Ok(()) };
    let words = slot.words_mut().and_then(|words| words.get(..len)).unwrap_or_default();
    let (image, seal) = sealed(words).ok_or(Reject::Seal(SealError::Magic))?;
    let seal = Seal::parse(seal).map_err(Reject::Seal)?;
    let (version, highest) = (policy.version, trust.highest(&seal.module));
    let allowed = authenticate(&seal, image, policy, origin, highest)?;
    if announced.is_some_and(|hash| hash != seal.hash) {
        return Err(VerifyError::Hash.into());
    }
    let len = image.len();
    slot.admit_verified(len)?;
    let covered = slot.image().map_or(Ok(()), |image| allowed.covers(&image));
    let kept = covered.and_then(|()| trust.reserve(&seal.module).map_err(Reject::from));
    if let Err(reject) = kept {
        slot.clear();
        return Err(reject.into());
    }
    slot.set_origin(origin);
    slot.set_allowed_by(version, highest);
    Ok(())
}

/// Holds an image that is in a slot, with the seal behind it, against a policy again. The verdict stands as
/// long as the policy and the highest version do: words, seal and origin of a slot do not change.
pub(crate) fn hold<R: Ram>(
    slot: &mut Slot<R>,
    policy: &TrustPolicy,
    trust: &impl Trust,
) -> Result<(), Reject> {
    let Some((image, behind, origin)) = slot.admitted() else { return Ok(()) };
    let seal = behind.get(..xmap_trust::SEAL_WORDS).ok_or(Reject::Seal(SealError::Length))?;
    let seal = Seal::parse(seal).map_err(Reject::Seal)?;
    let highest = trust.highest(&seal.module);
    if slot.is_allowed_by(policy.version, highest) {
        return Ok(());
    }
    authenticate(&seal, image.words(), policy, origin, highest)?.covers(&image)?;
    slot.set_allowed_by(policy.version, highest);
    Ok(())
}

impl<R: Ram, B: Board, T: Trust> Device<R, B, T> {
    /// Whose images the device takes.
    pub fn trust(&self) -> &T {
        &self.trust
    }

    /// Whether it takes any image, whoever made it.
    pub fn is_development(&self) -> bool {
        self.trust.policy().is_none()
    }

    /// What it trusts, and what it has refused.
    pub fn trust_status(&self) -> TrustStatus {
        TrustStatus {
            policy: self.trust.policy().map(|policy| policy.version),
            rejected: self.denials.count,
            last: self.denials.last.clone(),
        }
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
        let limits = self.limits();
        let slot = self.modules[id].inactive_mut();
        if self.trust.policy().is_none() {
            slot.admit(bytes, announced).map_err(Failure::Image)?;
        } else if bytes.is_multiple_of(4) {
            admit_sealed(slot, bytes / 4, &mut self.trust, (announced, origin))?;
        } else {
            return Err(Reject::Seal(SealError::Length).into());
        }
        let board = slot.image().map_or(self.board.id(), |image| image.board());
        if board != self.board.id() {
            slot.clear();
            return Err(Failure::Image(VerifyError::Board(board as u16)));
        }
        let within = slot.image().map_or(Ok(()), |image| limits.check(&image));
        if let Err(exceeded) = within {
            slot.clear();
            return Err(Reject::Limit(exceeded).into());
        }
        slot.set_text_limit(limits.get(Limit::Log));
        Ok(())
    }

    /// What an image may ask for: what the owner's policy says, or less where the device's configuration says
    /// less. A development device has its configuration, or the defaults.
    pub fn limits(&self) -> Limits {
        match (self.trust.policy(), self.configured) {
            (Some(policy), None) => policy.limits,
            (Some(policy), Some(configured)) => policy.limits.stricter(configured),
            (None, configured) => configured.unwrap_or_default(),
        }
    }

    /// Sets what the device's configuration says an image may ask for. Images that are there already are not
    /// held against it.
    pub fn set_limits(&mut self, limits: Limits) {
        self.configured = Some(limits);
        self.limit_texts();
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
        let (details, text) = reject.details();
        self.denials.count = self.denials.count.saturating_add(1);
        self.denials.last = Some(Rejection {
            time_us: self.board.now_us(),
            module: id.number(),
            code: reject.code(),
            details,
            text: text.try_into().unwrap_or_default(),
        });
    }

    /// The active image of a module counts as good: an older one is not taken any more.
    pub(crate) fn count_as_good(&mut self, id: ModuleId) {
        if self.trust.policy().is_none() {
            return;
        }
        let Some(image) = self.modules[id].image() else { return };
        let name = image.manifest().map_or("", |manifest| manifest.module);
        if self.trust.remember(name, image.header().version).is_err() {
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
        if self.trust.policy().is_none() {
            return Err(Refusal::Unsupported);
        }
        if let Some(image) = self.transfer.take_if(|transfer| transfer.target != Target::Policy) {
            self.tell(image.module(), DeviceEventKind::TransferEnded);
        }
        if let Some(next) = self.goes_on(Target::Policy, bytes, [0; 32], token)? {
            return Ok(next);
        }
        let most = self.trust.staging().len() as u32;
        if bytes > most {
            return Err(Refusal::TooLarge { most });
        }
        self.start_transfer(Target::Policy, bytes, [0; 32], token, Origin::new());
        Ok(0)
    }

    /// Opens the policy that has come. From here on it holds, for what runs, too: a module whose image it
    /// does not allow has run its last op, and its outputs are safe. A policy that is refused changes
    /// nothing.
    ///
    /// # Errors
    /// [`Refusal::NoTransfer`]; [`Refusal::BadChunk`] where something is missing.
    pub fn commit_policy(&mut self, token: u32) -> Result<PolicyState, Refusal> {
        let bytes = self.take_transfer(token)?.bytes;
        let version = match self.trust.renew(bytes as usize) {
            Ok(version) => version,
            Err(error) => {
                let (code, details) = error.parts();
                return Ok(PolicyState::Refused { code, details });
            }
        };
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
        let Some(policy) = self.trust.policy() else { return false };
        let module = &mut self.modules[id];
        if let Err(reject) = hold(module.active_mut(), policy, &self.trust) {
            self.stop(id, &reject);
            return true;
        }
        if let Err(reject) = hold(module.inactive_mut(), policy, &self.trust) {
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
        self.disarm(id);
        self.refresh_edges();
        self.tell(id, DeviceEventKind::MadeSafe);
        self.tell(id, DeviceEventKind::Disallowed { code: code(reject) });
        self.deny(id, reject);
    }
}
