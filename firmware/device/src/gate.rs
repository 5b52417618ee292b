//! The gate: whose images a device takes, what an image may ask for, and what was refused.

use xmap_boards::BoardId;
use xmap_image::VerifyError;
use xmap_link::{ImageState, POLICY_CODES, Rejection, TrustStatus};
use xmap_trust::{
    Limit, Limits, Origin, PolicyError, Reject, Seal, SealError, TrustPolicy, authenticate, sealed,
};

use crate::modules::ModuleId;
use crate::slot::Slot;
use crate::{Failure, NotKept, Ram, Trust};

/// What every image passes. It owns the device's trust, its limits and the account of what it has refused.
#[derive(Debug)]
pub(crate) struct Gate<T> {
    trust: T,
    /// What the configuration says an image may ask for, where it says anything.
    configured: Option<Limits>,
    /// What was refused since boot.
    denied: u32,
    last: Option<Rejection>,
}

impl<T: Trust> Gate<T> {
    /// A gate that has refused nothing.
    pub(crate) fn new(trust: T) -> Self {
        Self { trust, configured: None, denied: 0, last: None }
    }

    pub(crate) fn trust(&self) -> &T {
        &self.trust
    }

    /// Returns whether it takes any image, whoever made it.
    pub(crate) fn is_open(&self) -> bool {
        self.trust.policy().is_none()
    }

    pub(crate) fn status(&self) -> TrustStatus {
        TrustStatus {
            policy: self.trust.policy().map(|policy| policy.version),
            rejected: self.denied,
            last: self.last.clone(),
        }
    }

    /// Returns what an image may ask for: what the owner's policy says, or less where the device's
    /// configuration says less. A development device has its configuration, or the defaults.
    pub(crate) fn limits(&self) -> Limits {
        match (self.trust.policy(), self.configured) {
            (Some(policy), None) => policy.limits,
            (Some(policy), Some(configured)) => policy.limits.stricter(configured),
            (None, configured) => configured.unwrap_or_default(),
        }
    }

    pub(crate) fn configure(&mut self, limits: Limits) {
        self.configured = Some(limits);
    }

    /// Counts what was refused, and keeps it for a host that asks.
    pub(crate) fn deny(&mut self, time_us: u64, id: ModuleId, reject: &Reject) {
        let (details, text) = reject.details();
        self.denied = self.denied.saturating_add(1);
        self.last = Some(Rejection {
            time_us,
            module: id.number(),
            code: reject.code(),
            details,
            text: text.try_into().unwrap_or_default(),
        });
    }

    /// Makes an image of the first `bytes` of a slot, if it may be one on this board. Where not, the slot has
    /// none.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn admit<R: Ram>(
        &mut self,
        slot: &mut Slot<R>,
        bytes: usize,
        (announced, origin): (Option<[u8; 32]>, &Origin),
        board: BoardId,
    ) -> Result<(), Failure> {
        let limits = self.limits();
        if self.is_open() {
            slot.admit(bytes, announced).map_err(Failure::Image)?;
        } else if bytes.is_multiple_of(4) {
            admit_sealed(slot, bytes / 4, &mut self.trust, (announced, origin))?;
        } else {
            return Err(Reject::Seal(SealError::Length).into());
        }
        let of = slot.image().map_or(board, |image| image.board());
        if of != board {
            slot.clear();
            return Err(Failure::Image(VerifyError::Board(of as u16)));
        }
        let within = slot.image().map_or(Ok(()), |image| limits.check(&image));
        if let Err(exceeded) = within {
            slot.clear();
            return Err(Reject::Limit(exceeded).into());
        }
        slot.set_text_limit(limits.get(Limit::Log));
        Ok(())
    }

    /// Holds an image that is in a slot against the policy again.
    ///
    /// # Errors
    /// Why it may not run.
    pub(crate) fn hold<R: Ram>(&self, slot: &mut Slot<R>) -> Result<(), Reject> {
        self.trust.policy().map_or(Ok(()), |policy| hold(slot, policy, &self.trust))
    }

    /// Remembers that a version counted as good.
    pub(crate) fn remember(&mut self, module: &str, version: u32) -> Result<(), NotKept> {
        self.trust.remember(module, version)
    }

    /// Room for a signed policy on its way.
    pub(crate) fn staging(&mut self) -> &mut [u8] {
        self.trust.staging()
    }

    /// Opens the policy that has come; its version.
    pub(crate) fn renew(&mut self, len: usize) -> Result<u32, PolicyError> {
        self.trust.renew(len)
    }
}

/// Returns what became of an image that the policy refused.
pub(crate) fn state(reject: &Reject) -> ImageState {
    ImageState::Rejected { code: code(reject), detail: reject.details().0[0] }
}

/// The number of a refusal as the link has it.
pub(crate) fn code(reject: &Reject) -> u16 {
    POLICY_CODES + u16::from(reject.code())
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
fn hold<R: Ram>(slot: &mut Slot<R>, policy: &TrustPolicy, trust: &impl Trust) -> Result<(), Reject> {
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
