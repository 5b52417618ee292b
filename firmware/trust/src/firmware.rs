//! The seal of a firmware: a block of fixed size behind its bytes. `docs/format.md` has it byte by byte.
//!
//! A firmware decides who the owner is, so only the owner's root key seals one. The seal begins with other
//! bytes than that of an image, so that neither passes for the other.

use core::fmt;

use crate::{KeyId, PublicKey};

/// The first four bytes.
pub const FIRMWARE_MAGIC: [u8; 4] = *b"XFWS";
/// The format that this crate reads and writes.
pub const FIRMWARE_FORMAT: u16 = 1;
/// Bytes of a seal.
pub const FIRMWARE_SEAL_BYTES: usize = SIGNED + 64;

/// What a firmware of xmap has somewhere, in front of its board's number.
const MARK: [u8; 14] = *b"xmap-firmware:";

/// Returns the mark of a firmware for a board: by it a host knows what it seals.
pub const fn firmware_mark(board: u16) -> [u8; 16] {
    let mut mark = [0; 16];
    let mut at = 0;
    while at < MARK.len() {
        mark[at] = MARK[at];
        at += 1;
    }
    [mark[14], mark[15]] = board.to_le_bytes();
    mark
}

/// Returns the board that a firmware is for; `None` where these bytes are none of xmap.
pub fn firmware_board(firmware: &[u8]) -> Option<u16> {
    let mark = firmware.windows(16).find(|part| part.starts_with(&MARK))?;
    Some(u16::from_le_bytes([mark[14], mark[15]]))
}

/// Bytes that the signature speaks for: all before it.
const SIGNED: usize = 56;

/// Where the fields begin, in bytes.
mod at {
    pub(super) const FORMAT: usize = 4;
    pub(super) const BOARD: usize = 6;
    pub(super) const KEY: usize = 8;
    pub(super) const VERSION: usize = 16;
    pub(super) const BYTES: usize = 20;
    pub(super) const HASH: usize = 24;
}

/// The statement of a key about a firmware. Only [`FirmwareSeal::is_signed_by`] shows that the key did say
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirmwareSeal {
    /// The board that it is for, by its number; any.
    pub board: u16,
    /// Whose signature it is.
    pub key: KeyId,
    /// Its version, which the owner counts.
    pub version: u32,
    /// Bytes of the firmware, the seal left out.
    pub bytes: u32,
    /// The SHA-256 of these bytes.
    pub hash: [u8; 32],
    /// Ed25519 over the bytes before it.
    pub signature: [u8; 64],
}

/// Why a device does not take a firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirmwareReject {
    /// There is no seal, or no well-formed one.
    Seal,
    /// A seal of a format that this crate does not know.
    Format(u16),
    /// The seal names another key than the owner's root key.
    UnknownKey,
    /// The signature is not that key's.
    BadSignature,
    /// It is for another board.
    Board {
        /// The seal's.
        found: u16,
        /// The device's.
        own: u16,
    },
    /// It is older than the firmware that counts as good.
    Rollback {
        /// Its version.
        found: u32,
        /// The lowest that is taken.
        have: u32,
    },
    /// It is longer than a slot, or has no bytes.
    Length {
        /// Its bytes.
        found: u32,
        /// The bytes of a slot.
        most: u32,
    },
    /// What came is not what was sealed.
    HashMismatch,
    /// The card did not take it, or does not have what was written.
    Card,
    /// The firmware that runs does not count as good itself.
    OnTrial,
}

impl fmt::Display for FirmwareReject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reject: ")?;
        match self {
            Self::Seal => f.write_str("no seal of a firmware"),
            Self::Format(format) => {
                write!(f, "seal of format {format}, and {FIRMWARE_FORMAT} is known")
            }
            Self::UnknownKey => f.write_str("not the owner's key"),
            Self::BadSignature => f.write_str("bad signature"),
            Self::Board { found, own } => write!(f, "for board {found}, and this is board {own}"),
            Self::Rollback { found, have } => write!(f, "rollback {found} < {have}"),
            Self::Length { found, most } => write!(f, "{found} bytes, a slot holds 1 to {most}"),
            Self::HashMismatch => f.write_str("hash mismatch"),
            Self::Card => f.write_str("the card does not have what was written"),
            Self::OnTrial => f.write_str("the firmware that runs does not count as good yet"),
        }
    }
}

impl core::error::Error for FirmwareReject {}

impl FirmwareReject {
    /// Its number, the same in every version, and the two numbers that tell the rest of it.
    pub const fn parts(&self) -> (u8, [u32; 2]) {
        match *self {
            Self::Seal => (1, [0; 2]),
            Self::Format(format) => (2, [format as u32, 0]),
            Self::UnknownKey => (3, [0; 2]),
            Self::BadSignature => (4, [0; 2]),
            Self::Board { found, own } => (5, [found as u32, own as u32]),
            Self::Rollback { found, have } => (6, [found, have]),
            Self::Length { found, most } => (7, [found, most]),
            Self::HashMismatch => (8, [0; 2]),
            Self::Card => (9, [0; 2]),
            Self::OnTrial => (10, [0; 2]),
        }
    }

    /// Returns the reason with this number and these details, as another machine told them.
    pub fn from_parts(code: u8, [first, second]: [u32; 2]) -> Option<Self> {
        Some(match code {
            1 => Self::Seal,
            2 => Self::Format(first.try_into().ok()?),
            3 => Self::UnknownKey,
            4 => Self::BadSignature,
            5 => Self::Board { found: first.try_into().ok()?, own: second.try_into().ok()? },
            6 => Self::Rollback { found: first, have: second },
            7 => Self::Length { found: first, most: second },
            8 => Self::HashMismatch,
            9 => Self::Card,
            10 => Self::OnTrial,
            _ => return None,
        })
    }
}

impl FirmwareSeal {
    /// Reads a seal: exactly its bytes.
    ///
    /// # Errors
    /// [`FirmwareReject::Seal`], [`FirmwareReject::Format`].
    ///
    /// # Panics
    /// Never, for any bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, FirmwareReject> {
        let bytes: &[u8; FIRMWARE_SEAL_BYTES] = bytes.try_into().map_err(|_| FirmwareReject::Seal)?;
        if part::<4>(bytes, 0) != FIRMWARE_MAGIC {
            return Err(FirmwareReject::Seal);
        }
        let format = u16::from_le_bytes(part(bytes, at::FORMAT));
        if format != FIRMWARE_FORMAT {
            return Err(FirmwareReject::Format(format));
        }
        Ok(Self {
            board: u16::from_le_bytes(part(bytes, at::BOARD)),
            key: KeyId(part(bytes, at::KEY)),
            version: u32::from_le_bytes(part(bytes, at::VERSION)),
            bytes: u32::from_le_bytes(part(bytes, at::BYTES)),
            hash: part(bytes, at::HASH),
            signature: part(bytes, SIGNED),
        })
    }

    /// Returns the bytes that [`FirmwareSeal::parse`] reads as this seal.
    pub fn to_bytes(&self) -> [u8; FIRMWARE_SEAL_BYTES] {
        let mut bytes = [0; FIRMWARE_SEAL_BYTES];
        let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
        put(0, &FIRMWARE_MAGIC);
        put(at::FORMAT, &FIRMWARE_FORMAT.to_le_bytes());
        put(at::BOARD, &self.board.to_le_bytes());
        put(at::KEY, &self.key.0);
        put(at::VERSION, &self.version.to_le_bytes());
        put(at::BYTES, &self.bytes.to_le_bytes());
        put(at::HASH, &self.hash);
        put(SIGNED, &self.signature);
        bytes
    }

    /// Returns whether these bytes are what was sealed.
    pub fn is_of(&self, firmware: &[u8]) -> bool {
        firmware.len() == self.bytes as usize && hmac_sha256::Hash::hash(firmware) == self.hash
    }

    /// Returns whether the signature is this key's, by the strict rules of Ed25519.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verifies(&part::<SIGNED>(&self.to_bytes(), 0), &self.signature)
    }

    /// Holds the seal against a device, before a byte of the firmware is looked at: its owner, whose root key
    /// it is (a development device has none, and takes anybody's signature), its board, the version `have`
    /// that counts as good, and the bytes of a slot.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(
        &self,
        root: Option<&PublicKey>,
        own: u16,
        have: u32,
        most: u32,
    ) -> Result<(), FirmwareReject> {
        if let Some(root) = root {
            if self.key != root.id() {
                return Err(FirmwareReject::UnknownKey);
            }
            if !self.is_signed_by(root) {
                return Err(FirmwareReject::BadSignature);
            }
        }
        if self.board != own {
            return Err(FirmwareReject::Board { found: self.board, own });
        }
        if self.version < have {
            return Err(FirmwareReject::Rollback { found: self.version, have });
        }
        if !(1..=most).contains(&self.bytes) {
            return Err(FirmwareReject::Length { found: self.bytes, most });
        }
        Ok(())
    }
}

/// Splits a file into a firmware and the seal behind it; `None` where it ends in no seal.
pub fn sealed_firmware(file: &[u8]) -> Option<(&[u8], &[u8; FIRMWARE_SEAL_BYTES])> {
    let (firmware, seal) = file.split_last_chunk::<FIRMWARE_SEAL_BYTES>()?;
    seal.starts_with(&FIRMWARE_MAGIC).then_some((firmware, seal))
}

/// Returns `N` bytes of a seal; the places are constants within it.
fn part<const N: usize>(bytes: &[u8; FIRMWARE_SEAL_BYTES], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}
