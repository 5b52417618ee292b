//! The last two sectors of a slot: what stands in it, and what became of it.
//!
//! The *trailer* is the seal of the firmware that the slot has. It is erased before the first sector of
//! another one is written, and written when all of that was read back: a slot with a trailer is whole. The
//! *note* says that a trial of this firmware has begun, how it ended, or that it counts as good.

use hmac_sha256::Hash;
use xmap_store::{SECTOR, Sector};
use xmap_trust::{FIRMWARE_SEAL_BYTES, FirmwareSeal};

const TRAILER_MAGIC: [u8; 8] = *b"XMAPFWT1";
const NOTE_MAGIC: [u8; 8] = *b"XMAPFWN1";
/// Where the digest of what stands before it is.
const DIGEST: usize = 480;
/// Where the seal is in a trailer.
const SEAL: usize = 16;

/// Why a trial ended without a firmware that counts as good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Back {
    /// It was reset before it counted as good: by a fault, the watchdog, or a loss of power.
    Reset = 1,
    /// A module of the card was not mounted.
    NotMounted = 2,
    /// What the card has is not what was sealed.
    Damaged = 3,
}

impl Back {
    /// Returns the reason with this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Reset),
            2 => Some(Self::NotMounted),
            3 => Some(Self::Damaged),
            _ => None,
        }
    }
}

/// What became of a firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its trial has begun, while these modules ran, bit *n* for module *n*.
    Begun(u8),
    /// It counts as good since this change; they grow.
    Good(u64),
    /// It went back.
    Back(Back),
}

/// A note: of which firmware, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The hash of the firmware.
    pub hash: [u8; 32],
    /// What became of it.
    pub fate: Fate,
}

/// What a sector of the tail has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read<T> {
    /// Nothing: zeros.
    Blank,
    /// Something that was never written whole, or is not what it was.
    Damaged,
    /// This.
    Is(T),
}

impl<T> Read<T> {
    /// Returns what it has.
    pub fn get(self) -> Option<T> {
        match self {
            Self::Is(this) => Some(this),
            Self::Blank | Self::Damaged => None,
        }
    }
}

/// Returns the trailer of a slot with this firmware.
pub fn trailer(seal: &FirmwareSeal) -> Sector {
    let mut sector = [0; SECTOR];
    sector[..8].copy_from_slice(&TRAILER_MAGIC);
    sector[SEAL..SEAL + FIRMWARE_SEAL_BYTES].copy_from_slice(&seal.to_bytes());
    close(sector)
}

/// Reads a trailer. Who signed the seal is not looked at: the device did so before it wrote it.
pub fn read_trailer(sector: &Sector) -> Read<FirmwareSeal> {
    open(sector, &TRAILER_MAGIC, |sector| FirmwareSeal::parse(&sector[SEAL..SEAL + FIRMWARE_SEAL_BYTES]).ok())
}

/// Returns the sector of a note.
pub fn note(note: &Note) -> Sector {
    let mut sector = [0; SECTOR];
    let (fate, back, sequence) = match note.fate {
        Fate::Begun(modules) => (1, modules, 0),
        Fate::Good(sequence) => (2, 0, sequence),
        Fate::Back(back) => (3, back as u8, 0),
    };
    sector[..8].copy_from_slice(&NOTE_MAGIC);
    (sector[8], sector[9]) = (fate, back);
    sector[16..24].copy_from_slice(&sequence.to_le_bytes());
    sector[24..56].copy_from_slice(&note.hash);
    close(sector)
}

/// Reads a note.
pub fn read_note(sector: &Sector) -> Read<Note> {
    open(sector, &NOTE_MAGIC, |sector| {
        let fate = match (sector[8], sector[9]) {
            (1, modules) => Fate::Begun(modules),
            (2, 0) => Fate::Good(u64::from_le_bytes(*sector[16..].first_chunk()?)),
            (3, back) => Fate::Back(Back::from_number(back)?),
            _ => return None,
        };
        Some(Note { hash: *sector[24..].first_chunk()?, fate })
    })
}

fn close(mut sector: Sector) -> Sector {
    let digest = Hash::hash(&sector[..DIGEST]);
    sector[DIGEST..].copy_from_slice(&digest);
    sector
}

fn open<T>(sector: &Sector, magic: &[u8; 8], read: impl FnOnce(&Sector) -> Option<T>) -> Read<T> {
    if *sector == [0; SECTOR] {
        return Read::Blank;
    }
    let whole = sector[..8] == *magic && sector[DIGEST..] == Hash::hash(&sector[..DIGEST]);
    match whole.then(|| read(sector)).flatten() {
        Some(this) => Read::Is(this),
        None => Read::Damaged,
    }
}
