//! The seal: a block of fixed size behind an image's words. `docs/format.md` has it byte by byte.

use core::fmt;

use heapless::String;
use xmap_image::{Word, is_plain};

use crate::{KeyId, PublicKey};

/// The first four bytes.
pub const SEAL_MAGIC: [u8; 4] = *b"XSIG";
/// The format that this crate reads and writes.
pub const SEAL_FORMAT: u16 = 1;
/// Words of a seal.
pub const SEAL_WORDS: usize = 53;
/// Bytes that the signature speaks for: all before it.
pub const SIGNED_BYTES: usize = 148;
/// Bytes of a module's name in a seal.
pub const MAX_MODULE_BYTES: usize = 32;
/// Bytes of an origin in a seal.
pub const MAX_ORIGIN_BYTES: usize = 64;

/// Where the fields begin, in bytes.
mod at {
    pub(super) const FORMAT: usize = 4;
    pub(super) const BOARD: usize = 6;
    pub(super) const KEY: usize = 8;
    pub(super) const HASH: usize = 16;
    pub(super) const VERSION: usize = 48;
    pub(super) const MODULE: usize = 52;
    pub(super) const ORIGIN: usize = 84;
    pub(super) const SIGNATURE: usize = super::SIGNED_BYTES;
}

const BYTES: usize = SEAL_WORDS * 4;
const _: () =
    assert!(at::MODULE + MAX_MODULE_BYTES == at::ORIGIN && at::ORIGIN + MAX_ORIGIN_BYTES == at::SIGNATURE);
const _: () = assert!(at::SIGNATURE + 64 == BYTES);

/// A module's name.
pub type ModuleName = String<MAX_MODULE_BYTES>;
/// The origin of an image: `usb`, `uart`, `https://panels.example`. It is compared, never followed.
pub type Origin = String<MAX_ORIGIN_BYTES>;

/// The statement of a key about an image. Only [`Seal::is_signed_by`] shows that the key did say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The board that the image is for, by its number; any.
    pub board: u16,
    /// Whose signature it is.
    pub key: KeyId,
    /// The image's content hash ([`xmap_image::content_hash`]).
    pub hash: [u8; 32],
    /// The module's version.
    pub version: u32,
    /// The module's name, 1 to 32 bytes.
    pub module: ModuleName,
    /// Where the image may come from, 1 to 64 bytes.
    pub origin: Origin,
    /// Ed25519 over the bytes before it.
    pub signature: [u8; 64],
}

/// Why words are no seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// Not as many words as a seal has.
    Length,
    /// It does not start with `XSIG`.
    Magic,
    /// A format that this crate does not know.
    Format(u16),
    /// The name or the origin is empty, no UTF-8, has a control character, or something but zeros behind it.
    Text,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "a seal has {BYTES} bytes"),
            Self::Magic => f.write_str("no seal"),
            Self::Format(format) => write!(f, "seal of format {format}, and {SEAL_FORMAT} is known"),
            Self::Text => f.write_str("a name in the seal is not well-formed"),
        }
    }
}

impl core::error::Error for SealError {}

impl Seal {
    /// Reads a seal: exactly its words.
    ///
    /// # Errors
    /// What is wrong with them first.
    ///
    /// # Panics
    /// Never, for any words.
    pub fn parse(words: &[Word]) -> Result<Self, SealError> {
        let bytes: &[u8; BYTES] =
            bytemuck::cast_slice::<Word, u8>(words).try_into().map_err(|_| SealError::Length)?;
        if part::<4>(bytes, 0) != SEAL_MAGIC {
            return Err(SealError::Magic);
        }
        let format = u16::from_le_bytes(part(bytes, at::FORMAT));
        if format != SEAL_FORMAT {
            return Err(SealError::Format(format));
        }
        Ok(Self {
            board: u16::from_le_bytes(part(bytes, at::BOARD)),
            key: KeyId(part(bytes, at::KEY)),
            hash: part(bytes, at::HASH),
            version: u32::from_le_bytes(part(bytes, at::VERSION)),
            module: text(&part::<MAX_MODULE_BYTES>(bytes, at::MODULE)).ok_or(SealError::Text)?,
            origin: text(&part::<MAX_ORIGIN_BYTES>(bytes, at::ORIGIN)).ok_or(SealError::Text)?,
            signature: part(bytes, at::SIGNATURE),
        })
    }

    /// The words that [`Seal::parse`] reads as this seal.
    pub fn to_words(&self) -> [Word; SEAL_WORDS] {
        let mut words = [0; SEAL_WORDS];
        bytemuck::cast_slice_mut::<Word, u8>(&mut words).copy_from_slice(&self.to_bytes());
        words
    }

    fn to_bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..4].copy_from_slice(&SEAL_MAGIC);
        let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
        put(at::FORMAT, &SEAL_FORMAT.to_le_bytes());
        put(at::BOARD, &self.board.to_le_bytes());
        put(at::KEY, &self.key.0);
        put(at::HASH, &self.hash);
        put(at::VERSION, &self.version.to_le_bytes());
        put(at::MODULE, self.module.as_bytes());
        put(at::ORIGIN, self.origin.as_bytes());
        put(at::SIGNATURE, &self.signature);
        bytes
    }

    /// The bytes that the signature speaks for.
    pub(crate) fn message(&self) -> [u8; SIGNED_BYTES] {
        part(&self.to_bytes(), 0)
    }

    /// Returns whether the signature is this key's, by the strict rules of Ed25519.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verifies(&self.message(), &self.signature)
    }
}

/// Splits words into an image and the seal behind it, without a look at the image: the last [`SEAL_WORDS`]
/// are a seal if they begin as one. `None` where they do not.
pub fn sealed(words: &[Word]) -> Option<(&[Word], &[Word])> {
    let (image, seal) = words.split_at_checked(words.len().checked_sub(SEAL_WORDS)?)?;
    (seal.first()?.to_le_bytes() == SEAL_MAGIC).then_some((image, seal))
}

/// `N` bytes of a seal; the places are constants within it.
fn part<const N: usize>(bytes: &[u8; BYTES], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

/// Text up to the zeros that fill its place.
fn text<const N: usize>(bytes: &[u8; N]) -> Option<String<N>> {
    let len = bytes.iter().position(|byte| *byte == 0).unwrap_or(N);
    let (text, rest) = bytes.split_at(len);
    let text = core::str::from_utf8(text).ok().filter(|text| is_well_formed(text))?;
    if rest.iter().any(|byte| *byte != 0) {
        return None;
    }
    String::try_from(text).ok()
}

/// Returns whether a name or an origin may stand in a seal: it is printed where an image is refused, so
/// nothing in it acts on what shows it.
pub fn is_well_formed(text: &str) -> bool {
    !text.is_empty() && is_plain(text)
}
