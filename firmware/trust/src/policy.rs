//! What the owner of a device allows, and the root signature around it.

use core::fmt;

use heapless::Vec;
use serde::{Deserialize, Serialize};
use xmap_boards::LineSet;

use crate::{KeyId, LimitValues, Limits, ModuleName, Origin, PublicKey};

/// Keys of a policy.
pub const MAX_KEYS: usize = 8;
/// Origins of a key.
pub const MAX_ORIGINS: usize = 4;
/// Modules of a key.
pub const MAX_KEY_MODULES: usize = 8;
/// Hash pins, revoked images, revoked keys and minimum versions of a policy: of each as many.
pub const MAX_RULES: usize = 16;
/// The first four bytes of a signed policy.
pub const POLICY_MAGIC: [u8; 4] = *b"XPOL";
/// The format that this crate reads and writes.
pub const POLICY_FORMAT: u16 = 1;
/// Bytes of a signed policy: a full one with names of full length.
pub const MAX_POLICY_BYTES: usize = 8192;

/// Bytes before the postcard block: magic, format, two zeros, the block's length.
const HEAD: usize = 12;
/// Bytes behind it.
const SIGNATURE: usize = 64;

/// The trust policy of an owner: what a device accepts. What it does not name, it does not allow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustPolicy {
    /// Grows with each policy of one owner, so that an old one cannot come back.
    pub version: u32,
    /// The keys whose seals count.
    pub keys: Vec<TrustedKey, MAX_KEYS>,
    /// Modules that are these images and no others.
    pub pins: Vec<HashPin, MAX_RULES>,
    /// Content hashes of images that are not to run any more.
    pub revoked_images: Vec<[u8; 32], MAX_RULES>,
    /// Keys that count no more, also where they stand in `keys`.
    pub revoked_keys: Vec<KeyId, MAX_RULES>,
    /// Versions below which a module is refused, whatever the device has seen.
    pub minimum_versions: Vec<MinimumVersion, MAX_RULES>,
    /// What an image may ask for. They stand behind the rest, and only where they are not the default: the
    /// first policies have none.
    #[serde(skip)]
    pub limits: Limits,
}

/// A key and what it may sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedKey {
    /// The key.
    pub key: PublicKey,
    /// Where its images may come from; compared byte by byte with what the seal says.
    pub origins: Vec<Origin, MAX_ORIGINS>,
    /// The modules that it may sign.
    pub modules: Vec<ModuleName, MAX_KEY_MODULES>,
    /// The boards, by their numbers in an image.
    pub boards: Vec<u16, 4>,
    /// The lines that its images may declare. They travel as a number whose bit *n* is line *n*.
    #[serde(with = "lines")]
    pub lines: LineSet,
    /// The classes of operations that its images may have: [`crate::OpClass::bit`]s.
    pub ops: u16,
}

/// A set of lines as a number: postcard writes the same bytes for it in every build, however wide its boards.
mod lines {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use xmap_boards::{LineBits, LineSet};

    pub(super) fn serialize<S: Serializer>(lines: &LineSet, serializer: S) -> Result<S::Ok, S::Error> {
        lines.bits().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LineSet, D::Error> {
        LineBits::deserialize(deserializer).map(LineSet::from_bits)
    }
}

/// A module's only images. Where a module has several pins, one of them must be met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashPin {
    /// The module.
    pub module: ModuleName,
    /// The content hash.
    pub hash: [u8; 32],
    /// The only origin that this image may come from.
    pub origin: Origin,
}

/// A version below which a module is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MinimumVersion {
    /// The module.
    pub module: ModuleName,
    /// The lowest version that is taken.
    pub version: u32,
}

/// Why bytes are no policy of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// They do not start with `XPOL`, or there are not as many as the head says.
    Form,
    /// A format that this crate does not know.
    Format(u16),
    /// The signature is not the root key's.
    BadSignature,
    /// What is signed does not decode.
    Content,
    /// It is older than the one that the device has.
    Rollback {
        /// Its version.
        found: u32,
        /// That of the device's policy.
        have: u32,
    },
    /// The device could not put it where it outlives a restart.
    Memory,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("not a signed policy"),
            Self::Format(format) => write!(f, "policy of format {format}, and {POLICY_FORMAT} is known"),
            Self::BadSignature => f.write_str("the policy is not signed by the owner's key"),
            Self::Content => f.write_str("the policy does not decode"),
            Self::Rollback { found, have } => write!(f, "policy rollback {found} < {have}"),
            Self::Memory => f.write_str("the device cannot keep the policy"),
        }
    }
}

impl core::error::Error for PolicyError {}

impl PolicyError {
    /// Its number, and what a host needs beside it to tell the same. Numbers are the same in every version.
    pub const fn parts(&self) -> (u8, [u32; 2]) {
        match self {
            Self::Form => (1, [0; 2]),
            Self::Format(format) => (2, [*format as u32, 0]),
            Self::BadSignature => (3, [0; 2]),
            Self::Content => (4, [0; 2]),
            Self::Rollback { found, have } => (5, [*found, *have]),
            Self::Memory => (6, [0; 2]),
        }
    }

    /// The reason with this number and these details, as another machine told them; `None` where there is
    /// none.
    pub fn from_parts(code: u8, [first, second]: [u32; 2]) -> Option<Self> {
        Some(match code {
            1 => Self::Form,
            2 => Self::Format(first.try_into().ok()?),
            3 => Self::BadSignature,
            4 => Self::Content,
            5 => Self::Rollback { found: first, have: second },
            6 => Self::Memory,
            _ => return None,
        })
    }
}

/// Opens a policy that the owner's root key has signed. Nothing of it is decoded before the signature holds.
///
/// # Errors
/// What does not hold first. `have` is the version of the policy that the device has; an equal one is taken.
///
/// # Panics
/// Never, for any bytes.
pub fn open_policy(bytes: &[u8], root: &PublicKey, have: u32) -> Result<TrustPolicy, PolicyError> {
    let Frame { signed, block, signature } = Frame::of(bytes)?;
    if !root.verifies(signed, signature) {
        return Err(PolicyError::BadSignature);
    }
    let policy = decode(block).ok_or(PolicyError::Content)?;
    if policy.version < have {
        return Err(PolicyError::Rollback { found: policy.version, have });
    }
    Ok(policy)
}

/// Reads a signed policy, whoever has signed it: for a look at what is in one. No device goes by it.
///
/// # Errors
/// [`PolicyError::Form`], [`PolicyError::Format`], [`PolicyError::Content`].
pub fn peek_policy(bytes: &[u8]) -> Result<TrustPolicy, PolicyError> {
    decode(Frame::of(bytes)?.block).ok_or(PolicyError::Content)
}

/// The parts of a signed policy.
struct Frame<'b> {
    /// What is signed: the head and the block.
    signed: &'b [u8],
    /// The content.
    block: &'b [u8],
    signature: &'b [u8; SIGNATURE],
}

impl<'b> Frame<'b> {
    fn of(bytes: &'b [u8]) -> Result<Self, PolicyError> {
        let head = bytes.first_chunk::<HEAD>().ok_or(PolicyError::Form)?;
        if head[..4] != POLICY_MAGIC {
            return Err(PolicyError::Form);
        }
        let format = u16::from_le_bytes([head[4], head[5]]);
        if format != POLICY_FORMAT {
            return Err(PolicyError::Format(format));
        }
        let len = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
        let (signed, signature) = bytes.split_last_chunk::<SIGNATURE>().ok_or(PolicyError::Form)?;
        let block = signed.get(HEAD..).ok_or(PolicyError::Form)?;
        if bytes.len() > MAX_POLICY_BYTES || block.len() != len || head[6..8] != [0, 0] {
            return Err(PolicyError::Form);
        }
        Ok(Self { signed, block, signature })
    }
}

/// Reads what is signed.
fn decode(block: &[u8]) -> Option<TrustPolicy> {
    let (mut policy, rest) = postcard::take_from_bytes::<TrustPolicy>(block).ok()?;
    if !rest.is_empty() {
        let (values, rest) = postcard::take_from_bytes::<LimitValues>(rest).ok()?;
        policy.limits = Limits::from_values(&values)?;
        // A default that is written out would be a second encoding of the same.
        if !rest.is_empty() || policy.limits == Limits::default() {
            return None;
        }
    }
    Some(policy)
}

/// Writes a policy behind its head, without the signature; how many bytes that takes. `None` where the buffer
/// is too small.
#[cfg(feature = "build")]
pub(crate) fn write_policy(policy: &TrustPolicy, buffer: &mut [u8; MAX_POLICY_BYTES]) -> Option<usize> {
    let (head, block) = buffer.split_at_mut(HEAD);
    let mut len = postcard::to_slice(policy, block).ok()?.len();
    if policy.limits != Limits::default() {
        len += postcard::to_slice(&policy.limits.values(), block.get_mut(len..)?).ok()?.len();
    }
    head[..4].copy_from_slice(&POLICY_MAGIC);
    head[4..6].copy_from_slice(&POLICY_FORMAT.to_le_bytes());
    head[6..8].fill(0);
    head[8..].copy_from_slice(&(len as u32).to_le_bytes());
    Some(HEAD + len)
}
