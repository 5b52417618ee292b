//! The first sector of a record: whose it is, how long, how new, and the digest of its body.

use crate::area::{is_sealed, seal};
use crate::{Kind, Place, SECTOR, Sector};

/// The bytes that a header begins with.
pub const HEADER_MAGIC: [u8; 8] = *b"XMAPREC1";

/// Bytes of what a header says of its body: an image's hash and origin, a state's layout.
pub const META_BYTES: usize = 256;

/// Where each field is.
mod field {
    use core::ops::Range;

    pub(super) const KIND: usize = 8;
    pub(super) const MODULE: usize = 9;
    pub(super) const CELL: usize = 10;
    pub(super) const META_LENGTH: Range<usize> = 12..14;
    pub(super) const LENGTH: Range<usize> = 16..20;
    pub(super) const SEQUENCE: Range<usize> = 24..32;
    pub(super) const WRITTEN: Range<usize> = 32..40;
    pub(super) const DIGEST: Range<usize> = 40..72;
    pub(super) const META: usize = 72;
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose record it is.
    pub place: Place,
    /// The cell that it stands in.
    pub cell: u8,
    /// Bytes of the body.
    pub length: u32,
    /// Grows with each record of the store.
    pub sequence: u64,
    /// Sectors that were written to this store before, and by this record.
    pub written: u64,
    /// The SHA-256 of the body.
    pub digest: [u8; 32],
    meta: [u8; META_BYTES],
    meta_length: u16,
}

impl Header {
    /// A header; `None` where `meta` is longer than [`META_BYTES`].
    pub fn new(place: Place, meta: &[u8]) -> Option<Self> {
        let mut all = [0; META_BYTES];
        all.get_mut(..meta.len())?.copy_from_slice(meta);
        Some(Self {
            place,
            cell: 0,
            length: 0,
            sequence: 0,
            written: 0,
            digest: [0; 32],
            meta: all,
            meta_length: meta.len() as u16,
        })
    }

    /// Returns what the header says of its body.
    pub fn meta(&self) -> &[u8] {
        self.meta.get(..usize::from(self.meta_length)).unwrap_or_default()
    }

    /// Returns the sector.
    pub fn encode(&self) -> Sector {
        let mut sector = [0; SECTOR];
        sector[..8].copy_from_slice(&HEADER_MAGIC);
        sector[field::KIND] = self.place.kind as u8;
        sector[field::MODULE] = self.place.module;
        sector[field::CELL] = self.cell;
        sector[field::META_LENGTH].copy_from_slice(&self.meta_length.to_le_bytes());
        sector[field::LENGTH].copy_from_slice(&self.length.to_le_bytes());
        sector[field::SEQUENCE].copy_from_slice(&self.sequence.to_le_bytes());
        sector[field::WRITTEN].copy_from_slice(&self.written.to_le_bytes());
        sector[field::DIGEST].copy_from_slice(&self.digest);
        sector[field::META..field::META + META_BYTES].copy_from_slice(&self.meta);
        seal(&mut sector);
        sector
    }

    /// Reads a sector; `None` where it is no header.
    pub fn decode(sector: &Sector) -> Option<Self> {
        if sector[..8] != HEADER_MAGIC || !is_sealed(sector) {
            return None;
        }
        let u16_at = |at: core::ops::Range<usize>| sector[at].try_into().map_or(0, u16::from_le_bytes);
        let u64_at = |at: core::ops::Range<usize>| sector[at].try_into().map_or(0, u64::from_le_bytes);
        let meta_length = u16_at(field::META_LENGTH);
        if usize::from(meta_length) > META_BYTES {
            return None;
        }
        Some(Self {
            place: Place { kind: Kind::from_number(sector[field::KIND])?, module: sector[field::MODULE] },
            cell: sector[field::CELL],
            length: sector[field::LENGTH].try_into().map_or(0, u32::from_le_bytes),
            sequence: u64_at(field::SEQUENCE),
            written: u64_at(field::WRITTEN),
            digest: sector[field::DIGEST].try_into().ok()?,
            meta: sector[field::META..field::META + META_BYTES].try_into().ok()?,
            meta_length,
        })
    }
}
