//! A recording as a file: what a device's flight recorder noted, and the register stores that the device
//! made of it.
//!
//! ```text
//! "XREC"  2  number of the first store, stores, bytes noted, flags (1: the recorder has ended)   4 bytes each
//! each store: time in us (8), register offset (4), value (4)
//! the bytes that were noted
//! CRC-32 over all of it
//! ```
//!
//! A file that a device writes while it goes on ([`xmap_device::GROWING`]) has no stores, all bits of the
//! third number set, and no checksum: it ends where the device ended, in the middle of an operation after a
//! loss of power.

use std::fmt;

use crc::{CRC_32_ISO_HDLC, Crc};
use xmap_boards::BoardId;
use xmap_device::{FORMAT, GROWING, Noted, Reader};
use xmap_link::{Access, TraceEntry};

const MAGIC: [u8; 4] = *b"XREC";
const VERSION: u8 = FORMAT;
const HEAD: usize = GROWING.len();
const STORE: usize = 16;
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// What a device was told, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The board.
    pub board: BoardId,
    /// What the flight recorder noted, from the device's start or from a snapshot on.
    pub noted: Vec<u8>,
    /// The recorder has ended: a snapshot had no room, or another policy holds.
    pub ended: bool,
    /// The device wrote it as it went, so that it ends where that did, and the last operation may be cut.
    pub growing: bool,
    /// The number of the first store that is known; stores are numbered from 0 at the start.
    pub first_store: u32,
    /// The stores to set and clear registers that are known.
    pub stores: Vec<TraceEntry>,
}

/// Why a file is no recording that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingError {
    /// It is something else.
    NoRecording,
    /// It is of a version that this program does not know.
    Version(u8),
    /// It was cut, or changed: its length or its checksum is wrong.
    Damaged,
    /// It is of a board that this program does not know.
    Board(u16),
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecording => f.write_str("it is no recording"),
            Self::Version(version) => {
                write!(f, "it is a recording of version {version}, and this program knows {VERSION}")
            }
            Self::Damaged => f.write_str("the recording was cut or changed: its checksum is wrong"),
            Self::Board(board) => write!(f, "it is of board {board}, which this program does not know"),
        }
    }
}

impl std::error::Error for RecordingError {}

impl Recording {
    /// A recording of these bytes alone, as a recorder has them; no store is known.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn new(noted: Vec<u8>, ended: bool) -> Result<Self, RecordingError> {
        if let Some(version) = Reader::version(&noted).filter(|version| *version != FORMAT) {
            return Err(RecordingError::Version(version));
        }
        let (_, board) = Reader::new(&noted).map_err(|_| RecordingError::Damaged)?;
        let board = BoardId::from_u16(board).ok_or(RecordingError::Board(board))?;
        Ok(Self { board, noted, ended, growing: false, first_store: 0, stores: Vec::new() })
    }

    /// A recording of what a recorder holds.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn of(noted: Noted<'_>, ended: bool) -> Result<Self, RecordingError> {
        Self::new(noted.parts.concat(), ended)
    }

    /// Writes the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &[VERSION]].concat();
        let numbers =
            [self.first_store, self.stores.len() as u32, self.noted.len() as u32, self.ended.into()];
        numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        for store in &self.stores {
            bytes.extend(store.time_us.to_le_bytes());
            bytes.extend(u32::from(store.offset).to_le_bytes());
            bytes.extend(store.value.to_le_bytes());
        }
        bytes.extend(&self.noted);
        bytes.extend(CRC.checksum(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordingError> {
        let damaged = RecordingError::Damaged;
        let rest = bytes.strip_prefix(&MAGIC).ok_or(RecordingError::NoRecording)?;
        match rest.first() {
            None => return Err(damaged),
            Some(&VERSION) => {}
            Some(other) => return Err(RecordingError::Version(*other)),
        }
        if let Some(noted) = bytes.strip_prefix(&GROWING) {
            return Ok(Self { growing: true, ..Self::new(noted.to_vec(), false)? });
        }
        let (covered, sum) = bytes.split_last_chunk::<4>().ok_or(damaged)?;
        if CRC.checksum(covered) != u32::from_le_bytes(*sum) {
            return Err(damaged);
        }
        let (head, rest) = covered.split_at_checked(HEAD).ok_or(damaged)?;
        let number = |at: usize| {
            head.get(5 + 4 * at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_le_bytes(*four))
        };
        let [first_store, stores, noted, ended] = [0, 1, 2, 3].map(number);
        let split = (stores as usize).checked_mul(STORE).ok_or(damaged)?;
        let (stores, rest) = rest.split_at_checked(split).ok_or(damaged)?;
        if rest.len() != noted as usize {
            return Err(damaged);
        }
        let store = |of: &[u8; STORE]| {
            let [time_low, time_high, offset, value] =
                [0, 4, 8, 12].map(|at| of[at..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four)));
            let time_us = u64::from(time_low) | u64::from(time_high) << 32;
            TraceEntry { time_us, access: Access::Write, offset: offset as _, value }
        };
        let stores = stores.as_chunks::<STORE>().0.iter().map(store).collect();
        Ok(Self { first_store, stores, ..Self::new(rest.to_vec(), ended != 0)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written_and_a_damaged_one_is_refused() {
        let store = TraceEntry { time_us: 1 << 40, access: Access::Write, offset: 0x1c, value: 1 << 17 };
        let recording = Recording {
            first_store: 7,
            stores: vec![store; 3],
            ..Recording::new(vec![FORMAT, BoardId::Rpi4b as u8, 1, 5], true).unwrap()
        };
        let bytes = recording.to_bytes();
        assert_eq!(Recording::from_bytes(&bytes), Ok(recording));
        for at in 0..bytes.len() {
            assert!(Recording::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(Recording::from_bytes(&changed).is_err(), "changed at {at}");
        }
        // One that grew: whatever is there.
        let noted = [FORMAT, BoardId::Rpi4b as u8, 1];
        let grown = Recording::from_bytes(&[&GROWING[..], &noted].concat()).unwrap();
        assert_eq!((grown.growing, &grown.noted[..]), (true, &noted[..]));
        // One of a recorder that speaks otherwise.
        assert_eq!(Recording::new(vec![1, 1, 1], false), Err(RecordingError::Version(1)));
        assert_eq!(Recording::from_bytes(&GROWING), Err(RecordingError::Damaged));
        assert_eq!(Recording::from_bytes(b"\0asm"), Err(RecordingError::NoRecording));
    }
}
