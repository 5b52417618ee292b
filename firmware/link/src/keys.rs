//! The keys that a device knows: for each a role, and the exports that it may call.

use core::fmt;

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::frame::CRC;
use crate::limits::{CHECKSUM_BYTES, MAX_NAME, MAX_PATTERNS, MAX_ROLE_KEYS};
use crate::{Role, RoleKeyId, Secret};

/// The first four bytes of a table of keys.
pub const KEYS_MAGIC: [u8; 4] = *b"XKEY";
/// The format that this crate reads and writes.
pub const KEYS_FORMAT: u16 = 1;
/// Bytes of a table: a full one with patterns of full length.
pub const MAX_KEYS_BYTES: usize = 8192;
/// Bytes before the keys: magic, format, two zeros, the keys' length.
const HEAD: usize = 12;

/// Exports by key, as `panel.*`: a star stands for any characters, none among them. Letters count as they
/// are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern(String<MAX_NAME>);

impl Pattern {
    /// A pattern; `None` where it is empty, too long, or has a control character.
    pub fn new(text: &str) -> Option<Self> {
        let sound = !text.is_empty() && !text.chars().any(char::is_control);
        String::try_from(text).ok().filter(|_| sound).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether an export's key is one of these. Takes at most as many steps as the product of both
    /// lengths.
    pub fn matches(&self, key: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.as_bytes(), key.as_bytes());
        // Behind the last star, and what that star has not yet been taken for.
        let mut back: Option<(&[u8], &[u8])> = None;
        loop {
            match (pattern, rest) {
                ([b'*', behind @ ..], _) => {
                    back = Some((behind, rest));
                    pattern = behind;
                }
                ([p, behind @ ..], [k, after @ ..]) if p == k => (pattern, rest) = (behind, after),
                ([], []) => return true,
                _ => {
                    // The star stands for one more byte.
                    let Some((behind, [_, after @ ..])) = back else { return false };
                    back = Some((behind, after));
                    (pattern, rest) = (behind, after);
                }
            }
        }
    }
}

/// A key and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleKey {
    /// What both sides share.
    pub secret: Secret,
    /// What its holder may do.
    pub role: Role,
    /// The exports that its holder may call, from [`Role::Call`] up. Empty: none.
    pub exports: Vec<Pattern, MAX_PATTERNS>,
}

impl RoleKey {
    /// Returns whether its holder may call this export.
    pub fn allows(&self, export: &str) -> bool {
        self.role >= Role::Call && self.exports.iter().any(|pattern| pattern.matches(export))
    }
}

/// The keys of a device. One without any lets nobody in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleKeys {
    keys: Vec<RoleKey, MAX_ROLE_KEYS>,
    /// Their names, worked out once.
    ids: Vec<RoleKeyId, MAX_ROLE_KEYS>,
}

/// Why bytes are no table of keys, or a key does not fit one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeysError {
    /// They do not start with `XKEY`, or there are not as many as the head says.
    Form,
    /// A format that this crate does not know.
    Format(u16),
    /// The checksum is not that of the bytes before it.
    Damaged,
    /// The keys do not decode, or a pattern is none.
    Content,
    /// The same key twice: its role would be in doubt.
    Twice(RoleKeyId),
    /// More than [`MAX_ROLE_KEYS`].
    TooMany,
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("not a table of role keys"),
            Self::Format(format) => write!(f, "keys of format {format}, and {KEYS_FORMAT} is known"),
            Self::Damaged => f.write_str("the table of role keys is damaged"),
            Self::Content => f.write_str("the table of role keys does not decode"),
            Self::Twice(id) => write!(f, "the key {id} stands there twice"),
            Self::TooMany => write!(f, "more than {MAX_ROLE_KEYS} keys"),
        }
    }
}

impl core::error::Error for KeysError {}

impl RoleKeys {
    /// No keys.
    pub const fn new() -> Self {
        Self { keys: Vec::new(), ids: Vec::new() }
    }

    /// Adds a key.
    ///
    /// # Errors
    ///
    /// [`KeysError::Twice`], [`KeysError::TooMany`]; the table is as before.
    pub fn add(&mut self, key: RoleKey) -> Result<RoleKeyId, KeysError> {
        let id = key.secret.id();
        if self.ids.contains(&id) {
            return Err(KeysError::Twice(id));
        }
        self.keys.push(key).map_err(|_| KeysError::TooMany)?;
        self.ids.push(id).map_err(|_| KeysError::TooMany)?;
        Ok(id)
    }

    /// Takes a key out; whether it was there.
    pub fn remove(&mut self, id: RoleKeyId) -> bool {
        let Some(at) = self.ids.iter().position(|of| *of == id) else { return false };
        self.keys.remove(at);
        self.ids.remove(at);
        true
    }

    /// The keys, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (RoleKeyId, &RoleKey)> {
        self.ids.iter().copied().zip(self.keys.iter())
    }

    /// The place of a key.
    pub(crate) fn find(&self, id: RoleKeyId) -> Option<usize> {
        self.ids.iter().position(|of| *of == id)
    }

    /// The key at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&RoleKey> {
        self.keys.get(place)
    }

    /// Reads a table.
    ///
    /// # Errors
    ///
    /// See [`KeysError`]. Never panics, for any bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeysError> {
        let (covered, sum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(KeysError::Form)?;
        let (head, block) = covered.split_first_chunk::<HEAD>().ok_or(KeysError::Form)?;
        let [magic @ .., f0, f1, 0, 0, a, b, c, d] = *head else { return Err(KeysError::Form) };
        if magic != KEYS_MAGIC {
            return Err(KeysError::Form);
        }
        let format = u16::from_le_bytes([f0, f1]);
        if format != KEYS_FORMAT {
            return Err(KeysError::Format(format));
        }
        if bytes.len() > MAX_KEYS_BYTES || u32::from_le_bytes([a, b, c, d]) as usize != block.len() {
            return Err(KeysError::Form);
        }
        if CRC.checksum(covered).to_le_bytes() != *sum {
            return Err(KeysError::Damaged);
        }
        let keys = match postcard::take_from_bytes::<Vec<RoleKey, MAX_ROLE_KEYS>>(block) {
            Ok((keys, [])) => keys,
            _ => return Err(KeysError::Content),
        };
        let mut table = Self::new();
        for key in keys {
            if !key.exports.iter().all(|pattern| Pattern::new(pattern.as_str()).is_some()) {
                return Err(KeysError::Content);
            }
            table.add(key)?;
        }
        Ok(table)
    }

    /// Writes the table; the part of the buffer that it takes. `None` where the buffer is too small, which
    /// [`MAX_KEYS_BYTES`] excludes.
    pub fn write<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let (head, rest) = buffer.split_first_chunk_mut::<HEAD>()?;
        let len = postcard::to_slice(&self.keys, rest).ok()?.len();
        let [m0, m1, m2, m3] = KEYS_MAGIC;
        let [f0, f1] = KEYS_FORMAT.to_le_bytes();
        let [a, b, c, d] = u32::try_from(len).ok()?.to_le_bytes();
        *head = [m0, m1, m2, m3, f0, f1, 0, 0, a, b, c, d];
        let end = HEAD + len;
        let sum = CRC.checksum(buffer.get(..end)?).to_le_bytes();
        buffer.get_mut(end..end + CHECKSUM_BYTES)?.copy_from_slice(&sum);
        buffer.get(..end + CHECKSUM_BYTES)
    }
}
