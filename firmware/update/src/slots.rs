//! The two firmwares of a card: one runs, the other takes what is sent.

use hmac_sha256::Hash;
use xmap_store::{Disk, SECTOR, Sector};
use xmap_trust::{FirmwareReject, FirmwareSeal, PublicKey};

use crate::autoboot::{autoboot, default_of};
use crate::choice::{Choice, Content, Facts, Proof, Standing, Start, Verdict};
use crate::layout::{Layout, NoLayout, Slot};
use crate::tail::{Back, Fate, Note, Read, note, read_note, read_trailer, trailer};

/// Sectors that are read with one command: 8 KiB of the stack.
const CHUNK: usize = 16;

/// The firmwares of a card.
#[derive(Debug)]
pub struct Slots<D> {
    disk: D,
    layout: Layout,
    facts: Facts,
    start: Start,
    choice: Choice,
    /// The device's board, by its number.
    board: u16,
    /// The owner's root key; a development device has none.
    root: Option<PublicKey>,
    writing: Option<Writing>,
}

/// A firmware on its way.
#[derive(Debug)]
struct Writing {
    seal: FirmwareSeal,
    /// Bytes that have come.
    came: u32,
    /// The sector that is not full yet.
    sector: Sector,
}

/// What follows a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Stay,
    /// The chip is to be reset: the other firmware runs then.
    Reset,
}

impl<D: Disk> Slots<D> {
    /// Reads the slots of a card, and mends what a cut has left.
    ///
    /// # Errors
    /// The card was not laid out for two firmwares.
    pub fn open(
        mut disk: D,
        start: Start,
        board: u16,
        root: Option<PublicKey>,
    ) -> Result<(Self, Next), NoLayout<D::Error>> {
        let layout = Layout::find(&mut disk)?;
        let facts = read_facts(&mut disk, &layout).map_err(NoLayout::Disk)?;
        let choice = facts.choose(start);
        let mut slots = Self { disk, layout, facts, start, choice, board, root, writing: None };
        if choice.standing == Standing::Beside && slots.is_broken(choice.good) {
            // The slot that counted as good is not what it was: this one runs, so it is the good one now.
            (slots.choice.standing, slots.choice.good) = (Standing::Good, start.slot);
            slots.choice.reset = false;
        }
        let Choice { standing, good, .. } = slots.choice;
        if standing == Standing::Good && !matches!(slots.facts.of(good).fate(), Some(Fate::Good(_))) {
            // Without a trailer there is nothing to note: the slot was laid out without a seal.
            _ = slots.write_note(good, Fate::Good(slots.facts.next()));
        }
        let mended = slots.facts.default != Some(good) && slots.write_default(good);
        let next = if mended && slots.choice.reset { Next::Reset } else { Next::Stay };
        Ok((slots, next))
    }

    /// Returns the card.
    pub const fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    /// Gives the card back.
    pub fn into_disk(self) -> D {
        self.disk
    }

    /// Returns what the card has.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Returns what was decided.
    pub const fn choice(&self) -> &Choice {
        &self.choice
    }

    /// Returns the slot that runs.
    pub const fn runs(&self) -> Slot {
        self.start.slot
    }

    /// Returns the device's board, by its number.
    pub const fn board(&self) -> u16 {
        self.board
    }

    /// Returns the bytes of a firmware that the other slot has room for.
    pub const fn room(&self) -> u32 {
        self.layout.room(self.other())
    }

    /// Returns the version that a firmware has at least.
    pub fn have(&self) -> u32 {
        self.facts.of(self.choice.good).firmware.get().map_or(0, |seal| seal.version)
    }

    /// Begins to write a firmware to the other slot; what stood there is none any more.
    ///
    /// # Errors
    /// The first thing that does not hold. Nothing was written then.
    pub fn begin(&mut self, seal: &[u8]) -> Result<(), FirmwareReject> {
        self.writing = None;
        if self.choice.standing != Standing::Good {
            return Err(FirmwareReject::OnTrial);
        }
        let seal = FirmwareSeal::parse(seal)?;
        let slot = self.other();
        seal.check(self.root.as_ref(), self.board, self.have(), self.layout.room(slot))?;
        let blank = [0; SECTOR];
        self.put(self.layout.trailer(slot), &blank)?;
        self.facts.slots[slot.index()].firmware = Read::Blank;
        self.put(self.layout.note(slot), &blank)?;
        self.facts.slots[slot.index()].note = Read::Blank;
        self.writing = Some(Writing { seal, came: 0, sector: blank });
        Ok(())
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`FirmwareReject::Length`] where there are more than were sealed, [`FirmwareReject::Card`]. The
    /// firmware that runs is not touched.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), FirmwareReject> {
        let first = self.layout.slots[self.other().index()].first;
        let writing = self.writing.as_mut().ok_or(FirmwareReject::Length { found: 0, most: 0 })?;
        let most = writing.seal.bytes;
        let end = u32::try_from(bytes.len()).ok().and_then(|more| writing.came.checked_add(more));
        let end = end.filter(|end| *end <= most);
        end.ok_or(FirmwareReject::Length { found: writing.came.saturating_add(1), most })?;
        for byte in bytes {
            let at = writing.came as usize % SECTOR;
            writing.sector[at] = *byte;
            writing.came += 1;
            if at + 1 == SECTOR || writing.came == most {
                writing.sector[at + 1..].fill(0);
                let sector = first + (writing.came - 1) / SECTOR as u32;
                let done = self.disk.write(sector, &[writing.sector]);
                done.map_err(|_| FirmwareReject::Card)?;
            }
        }
        Ok(())
    }

    /// Reads back what was written, and makes it a firmware.
    ///
    /// # Errors
    /// [`FirmwareReject::Length`] where bytes are missing, [`FirmwareReject::HashMismatch`],
    /// [`FirmwareReject::Card`]. The slot has none then.
    pub fn finish(&mut self) -> Result<Slot, FirmwareReject> {
        let slot = self.other();
        let missing = FirmwareReject::Length { found: 0, most: 0 };
        let Writing { seal, came, .. } = self.writing.take().ok_or(missing)?;
        if came != seal.bytes {
            return Err(FirmwareReject::Length { found: came, most: seal.bytes });
        }
        self.disk.flush().map_err(|_| FirmwareReject::Card)?;
        if self.hash(slot, seal.bytes).ok_or(FirmwareReject::Card)? != seal.hash {
            return Err(FirmwareReject::HashMismatch);
        }
        self.put(self.layout.trailer(slot), &trailer(&seal))?;
        self.facts.slots[slot.index()].firmware = Read::Is(seal);
        Ok(slot)
    }

    /// Forgets what is on its way.
    pub fn abort(&mut self) {
        self.writing = None;
    }

    /// Returns whether a firmware is on its way.
    pub const fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Notes that the trial of the other slot begins, while these modules run: a reset with `tryboot` is to
    /// follow.
    ///
    /// # Errors
    /// [`FirmwareReject::Seal`] where that slot has no firmware, [`FirmwareReject::Rollback`] where it has an
    /// older one, [`FirmwareReject::OnTrial`], [`FirmwareReject::HashMismatch`], [`FirmwareReject::Card`].
    pub fn begin_trial(&mut self, modules: u8) -> Result<(), FirmwareReject> {
        let slot = self.other();
        if self.choice.standing != Standing::Good {
            return Err(FirmwareReject::OnTrial);
        }
        let seal = self.facts.of(slot).firmware.get().ok_or(FirmwareReject::Seal)?;
        // What stood there since the slots were laid out was never held against this owner.
        seal.check(self.root.as_ref(), self.board, self.have(), self.layout.room(slot))?;
        if !self.is_whole(slot) {
            return Err(FirmwareReject::HashMismatch);
        }
        if self.facts.default != Some(self.choice.good) && !self.write_default(self.choice.good) {
            return Err(FirmwareReject::Card);
        }
        self.write_note(slot, Fate::Begun(modules))
    }

    /// Returns the modules that ran when the trial of the slot that runs began.
    pub fn modules_before(&self) -> u8 {
        match self.facts.of(self.start.slot).fate() {
            Some(Fate::Begun(modules)) => modules,
            _ => 0,
        }
    }

    /// Takes note of what a firmware on trial has done, and decides about it.
    pub fn judge(&mut self, proof: &Proof) -> Next {
        if self.choice.standing != Standing::Trial {
            return Next::Stay;
        }
        match proof.verdict() {
            Verdict::Wait => Next::Stay,
            Verdict::Good => self.confirm(),
            Verdict::Back(back) => {
                _ = self.write_note(self.start.slot, Fate::Back(back));
                Next::Reset
            }
        }
    }

    /// Makes the slot that runs the good one: the note first, which counts, then `autoboot.txt`.
    fn confirm(&mut self) -> Next {
        let slot = self.start.slot;
        if !self.is_whole(slot) {
            _ = self.write_note(slot, Fate::Back(Back::Damaged));
            return Next::Reset;
        }
        if self.write_note(slot, Fate::Good(self.facts.next())).is_ok() {
            (self.choice.standing, self.choice.good) = (Standing::Good, slot);
            // A start without it goes by the note, and writes it then.
            self.write_default(slot);
        }
        Next::Stay
    }

    /// Returns the slot that takes what is sent: never the one that runs.
    const fn other(&self) -> Slot {
        self.start.slot.other()
    }

    /// Writes `autoboot.txt`. Returns whether the card has it now.
    fn write_default(&mut self, slot: Slot) -> bool {
        let done = self.put(self.layout.autoboot, &autoboot(slot)).is_ok();
        let mut now = [[0; SECTOR]];
        let read = self.disk.read(self.layout.autoboot, &mut now).is_ok();
        self.facts.default = if read { default_of(&now[0]) } else { None };
        done
    }

    fn write_note(&mut self, slot: Slot, fate: Fate) -> Result<(), FirmwareReject> {
        let seal = self.facts.of(slot).firmware.get().ok_or(FirmwareReject::Seal)?;
        let this = Note { hash: seal.hash, fate };
        self.put(self.layout.note(slot), &note(&this))?;
        self.facts.slots[slot.index()].note = Read::Is(this);
        Ok(())
    }

    /// Writes a sector, and reads it back.
    fn put(&mut self, at: u32, sector: &Sector) -> Result<(), FirmwareReject> {
        let mut now = [[0; SECTOR]];
        let done = self.disk.write(at, &[*sector]).and_then(|()| self.disk.flush());
        done.and_then(|()| self.disk.read(at, &mut now)).map_err(|_| FirmwareReject::Card)?;
        if now[0] == *sector { Ok(()) } else { Err(FirmwareReject::Card) }
    }

    /// Returns whether a slot has the firmware that its trailer names.
    fn is_whole(&mut self, slot: Slot) -> bool {
        let seal = self.facts.of(slot).firmware.get();
        let seal = seal.filter(|seal| seal.bytes <= self.layout.room(slot));
        seal.is_some_and(|seal| self.hash(slot, seal.bytes) == Some(seal.hash))
    }

    /// Returns whether a slot had a firmware, and is not what it was.
    fn is_broken(&mut self, slot: Slot) -> bool {
        match self.facts.of(slot).firmware {
            Read::Blank => false,
            Read::Damaged => true,
            Read::Is(_) => !self.is_whole(slot),
        }
    }

    /// Returns the SHA-256 of the first bytes of a slot; `None` where they are not read.
    fn hash(&mut self, slot: Slot, bytes: u32) -> Option<[u8; 32]> {
        let mut hash = Hash::new();
        let mut left = bytes as usize;
        let mut at = self.layout.slots[slot.index()].first;
        let mut sectors = [[0; SECTOR]; CHUNK];
        while left > 0 {
            let count = left.div_ceil(SECTOR).min(CHUNK);
            let part = sectors.get_mut(..count)?;
            self.disk.read(at, part).ok()?;
            let part = part.as_flattened();
            let part = part.get(..left.min(part.len()))?;
            hash.update(part);
            left -= part.len();
            at += count as u32;
        }
        Some(hash.finalize())
    }
}

/// Reads what a card has.
fn read_facts<D: Disk>(disk: &mut D, layout: &Layout) -> Result<Facts, D::Error> {
    let mut sector = [[0; SECTOR]];
    disk.read(layout.autoboot, &mut sector)?;
    let default = default_of(&sector[0]);
    let mut slots = [Content { firmware: Read::Blank, note: Read::Blank }; 2];
    for slot in Slot::BOTH {
        let of = &mut slots[slot.index()];
        of.firmware =
            disk.read(layout.trailer(slot), &mut sector).map_or(Read::Damaged, |()| read_trailer(&sector[0]));
        of.note = disk.read(layout.note(slot), &mut sector).map_or(Read::Damaged, |()| read_note(&sector[0]));
    }
    Ok(Facts { default, slots })
}
