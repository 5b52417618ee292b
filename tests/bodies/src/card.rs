//! A model of a card: it loses power at any write, and is wrong in the ways that cards are.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use xmap_store::{AREA_SECTORS, Disk, SECTOR, Sector, area_sector};

/// Random numbers: the same ones for the same seed (xorshift64*).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns the next number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number below an end; 0 where that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.draw() >> 16) % end.max(1)
    }
}

/// Why a card did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has no power.
    Off,
    /// The sector is bad.
    Bad,
}

/// A card.
#[derive(Clone, Debug)]
pub struct Card {
    /// What it had when it was laid out; zeros behind it.
    laid_out: Rc<Vec<u8>>,
    sectors: u32,
    /// What outlives a loss of power, where it is another than that.
    pub kept: BTreeMap<u32, Sector>,
    /// What was written since the last flush.
    waiting: Vec<(u32, Sector)>,
    /// Sector writes until the power goes.
    pub cut_after: Option<u64>,
    /// It has no power.
    pub off: bool,
    /// What decides what a cut leaves.
    pub random: Random,
    /// Sectors that give an error when they are written.
    pub bad: BTreeSet<u32>,
    /// Sectors that give an error when they are read.
    pub unreadable: BTreeSet<u32>,
    /// Sectors that take a write without an error, and keep what they had.
    pub deaf: BTreeSet<u32>,
    /// Sectors that were written.
    pub writes: u64,
}

impl Card {
    /// A card whose area was laid out.
    pub fn new(seed: u64) -> Self {
        let mut card = Self::blank(seed);
        card.kept.insert(0, area_sector());
        card.kept.insert(128, area_sector());
        card
    }

    /// A card with nothing on it, as large as a store's area.
    pub fn blank(seed: u64) -> Self {
        Self { sectors: AREA_SECTORS, ..Self::of(Vec::new(), seed) }
    }

    /// A card with these bytes, whole sectors.
    pub fn of(bytes: Vec<u8>, seed: u64) -> Self {
        Self {
            sectors: (bytes.len() / SECTOR) as u32,
            laid_out: Rc::new(bytes),
            kept: BTreeMap::new(),
            waiting: Vec::new(),
            cut_after: None,
            off: false,
            random: Random::new(seed),
            bad: BTreeSet::new(),
            unreadable: BTreeSet::new(),
            deaf: BTreeSet::new(),
            writes: 0,
        }
    }

    /// The power goes while nothing is written: of what was not flushed some is there, in any order.
    pub fn lose_power(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        while !waiting.is_empty() {
            let (at, now) = waiting.swap_remove(self.random.below(waiting.len() as u64) as usize);
            if self.random.below(2) == 0 {
                self.kept.insert(at, now);
            }
        }
        self.off = true;
    }

    /// The power comes back.
    pub fn on(&mut self) {
        (self.off, self.cut_after) = (false, None);
    }

    /// Returns a sector as a read gives it.
    pub fn at(&self, sector: u32) -> Sector {
        let waiting = self.waiting.iter().rev().find(|(at, _)| *at == sector).map(|(_, now)| *now);
        let laid_out = || self.laid_out.get(sector as usize * SECTOR..)?.first_chunk().copied();
        waiting.or_else(|| self.kept.get(&sector).copied()).or_else(laid_out).unwrap_or([0; SECTOR])
    }

    /// Returns some sectors as a reader on a PC has them.
    pub fn bytes(&self, first: u32, count: u32) -> Vec<u8> {
        (first..first + count).flat_map(|sector| self.at(sector)).collect()
    }

    /// The power goes while this sector is written: of what was not flushed some is there, in any order, and
    /// the sector itself is old, new, torn or neither.
    fn cut(&mut self, sector: u32, new: &Sector) {
        let old = self.at(sector);
        let mut torn = old;
        match self.random.below(4) {
            0 => {}
            1 => torn = *new,
            2 => {
                let at = self.random.below(SECTOR as u64) as usize;
                torn[..at].copy_from_slice(&new[..at]);
            }
            _ => torn.iter_mut().for_each(|byte| *byte = self.random.draw() as u8),
        }
        self.lose_power();
        self.kept.insert(sector, torn);
    }
}

impl Disk for Card {
    type Error = Fault;

    fn sectors(&self) -> u32 {
        self.sectors
    }

    fn read(&mut self, first: u32, into: &mut [Sector]) -> Result<(), Fault> {
        for (at, to) in (first..).zip(into) {
            match () {
                () if self.off => return Err(Fault::Off),
                () if at >= self.sectors || self.unreadable.contains(&at) => return Err(Fault::Bad),
                () => *to = self.at(at),
            }
        }
        Ok(())
    }

    fn write(&mut self, first: u32, sectors: &[Sector]) -> Result<(), Fault> {
        for (at, sector) in (first..).zip(sectors) {
            if self.off {
                return Err(Fault::Off);
            }
            if self.cut_after == Some(0) {
                self.cut(at, sector);
                return Err(Fault::Off);
            }
            self.cut_after = self.cut_after.map(|left| left - 1);
            self.writes += 1;
            if at >= self.sectors || self.bad.contains(&at) {
                return Err(Fault::Bad);
            }
            if !self.deaf.contains(&at) {
                self.waiting.push((at, *sector));
            }
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
