//! The parts of a card that has two firmwares, as the table in its first sector has them.
//!
//! Partition 1 has `autoboot.txt`, partitions 2 and 3 are boot partitions of the Raspberry Pi with a
//! `kernel8.img` of a fixed length each: a *slot*. Its last two sectors are not the program's: the note, and
//! the trailer.

use core::fmt;

use xmap_store::{Disk, SECTOR, Sector};

use crate::fat::{Misfit, Run, find};

/// One of the two firmwares of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// That on partition 2.
    A,
    /// That on partition 3.
    B,
}

impl Slot {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// Returns the other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Returns the number of its partition.
    pub const fn partition(self) -> u8 {
        match self {
            Self::A => 2,
            Self::B => 3,
        }
    }

    /// Returns the slot on this partition.
    pub fn on(partition: u32) -> Option<Self> {
        Self::BOTH.into_iter().find(|slot| u32::from(slot.partition()) == partition)
    }

    pub(crate) const fn digit(self) -> u8 {
        b'0' + self.partition()
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// Sectors of a slot that are not the program's.
pub const SLOT_TAIL: u32 = 2;

/// Where everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The sector of `autoboot.txt`.
    pub autoboot: u32,
    /// The sectors of each `kernel8.img`.
    pub slots: [Run; 2],
}

/// Why a card has no two firmwares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLayout<E> {
    /// The card's own reason.
    Disk(E),
    /// The first sector has no table of partitions, or not these three.
    NoPartitions,
    /// What is wrong with the file of this partition.
    File(u8, Misfit<E>),
}

const AUTOBOOT: &[u8; 11] = b"AUTOBOOTTXT";
const KERNEL: &[u8; 11] = b"KERNEL8 IMG";

impl Layout {
    /// Finds the parts of a card.
    ///
    /// # Errors
    /// What is not as `cargo xtask image --card` lays it out.
    pub fn find<D: Disk>(disk: &mut D) -> Result<Self, NoLayout<D::Error>> {
        let mut table = [[0; SECTOR]];
        disk.read(0, &mut table).map_err(NoLayout::Disk)?;
        let starts = partitions(&table[0]).ok_or(NoLayout::NoPartitions)?;
        let mut file = |number: u8, name| {
            find(disk, starts[usize::from(number) - 1], name).map_err(|misfit| match misfit {
                Misfit::Disk(error) => NoLayout::Disk(error),
                misfit => NoLayout::File(number, misfit),
            })
        };
        let autoboot = file(1, AUTOBOOT)?;
        let slots = [file(2, KERNEL)?, file(3, KERNEL)?];
        if autoboot.count != 1 {
            return Err(NoLayout::File(1, Misfit::Length));
        }
        if let Some(slot) = Slot::BOTH.into_iter().find(|slot| slots[slot.index()].count <= SLOT_TAIL) {
            return Err(NoLayout::File(slot.partition(), Misfit::Length));
        }
        Ok(Self { autoboot: autoboot.first, slots })
    }

    /// Returns the bytes of a firmware that a slot has room for.
    pub const fn room(&self, slot: Slot) -> u32 {
        let sectors = self.slots[slot.index()].count - SLOT_TAIL;
        match sectors.checked_mul(SECTOR as u32) {
            Some(bytes) => bytes,
            None => u32::MAX,
        }
    }

    /// Returns the sector of a slot's note.
    pub const fn note(&self, slot: Slot) -> u32 {
        let Run { first, count } = self.slots[slot.index()];
        first + count - 2
    }

    /// Returns the sector of a slot's trailer.
    pub const fn trailer(&self, slot: Slot) -> u32 {
        self.note(slot) + 1
    }
}

/// Returns where partitions 1 to 3 begin.
fn partitions(table: &Sector) -> Option<[u32; 3]> {
    if table[510..] != [0x55, 0xaa] {
        return None;
    }
    let mut starts = [0; 3];
    for (start, entry) in starts.iter_mut().zip(table[446..510].as_chunks::<16>().0) {
        *start = u32::from_le_bytes([entry[8], entry[9], entry[10], entry[11]]);
        if *start == 0 || entry[4] == 0 {
            return None;
        }
    }
    Some(starts)
}
