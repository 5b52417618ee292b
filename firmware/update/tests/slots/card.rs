//! A model of a card with two firmwares: it loses power at any write, and is wrong then in the ways that
//! cards are.

use std::collections::BTreeMap;
use std::io::{Cursor, Seek as _, SeekFrom, Write as _};
use std::rc::Rc;

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use xmap_store::{Disk, SECTOR, Sector};
use xmap_update::{Slot, autoboot};

/// Random numbers: the same ones for the same seed (xorshift64*).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end.max(1)
    }
}

/// Where the three partitions begin, and their sectors.
pub(crate) const PARTITIONS: [(u32, u32); 3] = [(2048, 8192), (10_240, 16_384), (26_624, 16_384)];
/// Sectors of the card.
const SECTORS: u32 = 43_008;
/// Sectors of a slot: small, so that a history is short.
pub(crate) const SLOT_SECTORS: u32 = 12;

/// Why a card did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has no power.
    Off,
    /// It has no such sector.
    Range,
}

/// Returns the bytes of a FAT16 or FAT32 partition with these files, one behind the other.
pub(crate) fn partition(sectors: u32, fat: FatType, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; sectors as usize * SECTOR];
    let mut cursor = Cursor::new(&mut bytes[..]);
    format_volume(&mut cursor, FormatVolumeOptions::new().fat_type(fat).bytes_per_cluster(512)).unwrap();
    cursor.seek(SeekFrom::Start(0)).unwrap();
    let volume = FileSystem::new(cursor, FsOptions::new()).unwrap();
    for (name, content) in files {
        volume.root_dir().create_file(name).unwrap().write_all(content).unwrap();
    }
    drop(volume);
    bytes
}

/// A card.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    /// What it had when it was laid out.
    laid_out: Rc<Vec<u8>>,
    /// What outlives a loss of power, where it is another than that.
    pub(crate) kept: BTreeMap<u32, Sector>,
    /// What was written since the last flush.
    waiting: Vec<(u32, Sector)>,
    /// Sector writes until the power goes.
    pub(crate) cut_after: Option<u64>,
    pub(crate) off: bool,
    pub(crate) random: Random,
    /// Sectors that were written.
    pub(crate) writes: u64,
}

impl Card {
    /// A card that boots slot A; the slots are zeros.
    pub(crate) fn new(seed: u64) -> Self {
        let kernel = vec![0; SLOT_SECTORS as usize * SECTOR];
        let start: &[u8] = b"the Raspberry Pi's own";
        let first = partition(PARTITIONS[0].1, FatType::Fat16, &[("autoboot.txt", &autoboot(Slot::A))]);
        let boot = partition(
            PARTITIONS[1].1,
            FatType::Fat16,
            &[("start4.elf", start), ("kernel8.img", &kernel), ("config.txt", b"arm_64bit=1\n")],
        );
        let mut all = vec![0; SECTORS as usize * SECTOR];
        for (number, (at, sectors)) in PARTITIONS.into_iter().enumerate() {
            let entry = 446 + 16 * number;
            all[entry + 4] = 0x0e;
            all[entry + 8..entry + 12].copy_from_slice(&at.to_le_bytes());
            all[entry + 12..entry + 16].copy_from_slice(&sectors.to_le_bytes());
            let bytes = if number == 0 { &first } else { &boot };
            all[at as usize * SECTOR..][..bytes.len()].copy_from_slice(bytes);
        }
        all[510..512].copy_from_slice(&[0x55, 0xaa]);
        Self::of(all, seed)
    }

    /// A card with these bytes.
    pub(crate) fn of(bytes: Vec<u8>, seed: u64) -> Self {
        Self {
            laid_out: Rc::new(bytes),
            kept: BTreeMap::new(),
            waiting: Vec::new(),
            cut_after: None,
            off: false,
            random: Random::new(seed),
            writes: 0,
        }
    }

    /// The power comes back.
    pub(crate) fn on(&mut self) {
        (self.off, self.cut_after) = (false, None);
    }

    /// All bytes of the card, as a reader on a PC has them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = (*self.laid_out).clone();
        for at in self.kept.keys().copied().chain(self.waiting.iter().map(|(at, _)| *at)) {
            bytes[at as usize * SECTOR..][..SECTOR].copy_from_slice(&self.at(at));
        }
        bytes
    }

    pub(crate) fn at(&self, sector: u32) -> Sector {
        let waiting = self.waiting.iter().rev().find(|(at, _)| *at == sector);
        waiting
            .map(|(_, now)| *now)
            .or_else(|| self.kept.get(&sector).copied())
            .unwrap_or_else(|| *self.laid_out[sector as usize * SECTOR..].first_chunk().unwrap())
    }

    /// The power goes while this sector is written: of what was not flushed some is there, in any order, and
    /// the sector itself is old, new, torn or neither.
    fn cut(&mut self, sector: u32, new: &Sector) {
        let mut torn = self.at(sector);
        match self.random.below(4) {
            0 => {}
            1 => torn = *new,
            2 => {
                let at = self.random.below(SECTOR as u64) as usize;
                torn[..at].copy_from_slice(&new[..at]);
            }
            _ => torn.iter_mut().for_each(|byte| *byte = self.random.next() as u8),
        }
        self.lose();
        self.kept.insert(sector, torn);
    }

    /// The power goes: of what was not flushed some is there.
    pub(crate) fn lose(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        while !waiting.is_empty() {
            let (at, now) = waiting.swap_remove(self.random.below(waiting.len() as u64) as usize);
            if self.random.below(2) == 0 {
                self.kept.insert(at, now);
            }
        }
        self.off = true;
    }
}

impl Disk for Card {
    type Error = Fault;

    fn sectors(&self) -> u32 {
        (self.laid_out.len() / SECTOR) as u32
    }

    fn read(&mut self, first: u32, into: &mut [Sector]) -> Result<(), Fault> {
        for (at, to) in (first..).zip(into) {
            match () {
                () if self.off => return Err(Fault::Off),
                () if at >= self.sectors() => return Err(Fault::Range),
                () => *to = self.at(at),
            }
        }
        Ok(())
    }

    fn write(&mut self, first: u32, sectors: &[Sector]) -> Result<(), Fault> {
        for (at, sector) in (first..).zip(sectors) {
            match () {
                () if self.off => return Err(Fault::Off),
                () if at >= self.sectors() => return Err(Fault::Range),
                () if self.cut_after == Some(0) => {
                    self.cut(at, sector);
                    return Err(Fault::Off);
                }
                () => {}
            }
            self.cut_after = self.cut_after.map(|left| left - 1);
            self.writes += 1;
            self.waiting.push((at, *sector));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        if self.off {
            return Err(Fault::Off);
        }
        self.kept.extend(self.waiting.drain(..));
        Ok(())
    }
}
