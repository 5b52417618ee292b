//! What boots, and what counts as good: decided from what the card has and what the boot loader says.
//!
//! Nothing here reads or writes. The rules, in the order in which they hold:
//!
//! 1. The note with the highest number says which slot counts as good. `autoboot.txt` only tells the boot
//!    loader so, and is written anew where it says another: a cut between the two leaves nothing to guess.
//!    Where the default's own note is damaged, the default stays; where no slot has a note, it counts.
//! 2. A start with `tryboot` from the other slot, whose trial was noted, is its trial.
//! 3. Any other start from a slot that does not count as good is none of ours: by hand, or because the boot
//!    loader could not read `autoboot.txt`. If that was the reason, it is mended, and one reset later the
//!    slot that counts as good runs. A reset follows a change only, so that there are never two in a row for
//!    nothing.

use xmap_trust::FirmwareSeal;

use crate::tail::{Fate, Note, Read};
use crate::{Back, Slot};

/// What a slot has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// What its trailer says stands there.
    pub firmware: Read<FirmwareSeal>,
    /// What its note says.
    pub note: Read<Note>,
}

impl Content {
    /// Returns what became of the firmware that stands there.
    pub fn fate(&self) -> Option<Fate> {
        let firmware = self.firmware.get()?;
        self.note.get().filter(|note| note.hash == firmware.hash).map(|note| note.fate)
    }

    /// Returns the number of the change since which its firmware counts as good.
    fn good(&self) -> Option<u64> {
        match self.fate()? {
            Fate::Good(sequence) => Some(sequence),
            Fate::Begun(_) | Fate::Back(_) => None,
        }
    }
}

/// What the boot loader says of a start (`/chosen/bootloader` of the device tree).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The slot that runs.
    pub slot: Slot,
    /// It was started with the flag `tryboot`.
    pub tryboot: bool,
}

/// The state of a card at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The slot that `autoboot.txt` has as the default; `None` where it is not readable.
    pub default: Option<Slot>,
    /// What each slot has.
    pub slots: [Content; 2],
}

/// Why a firmware runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts as good.
    Good,
    /// It is on trial.
    Trial,
    /// Neither: another one counts as good.
    Beside,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Why the firmware runs that runs.
    pub standing: Standing,
    /// The slot that counts as good.
    pub good: Slot,
    /// `autoboot.txt` is to be written.
    pub mend: bool,
    /// Once it is written, and the good slot is shown to be whole, a reset brings that one.
    pub reset: bool,
}

impl Facts {
    /// Returns what a slot has.
    pub const fn of(&self, slot: Slot) -> &Content {
        &self.slots[slot.index()]
    }

    /// Returns the slot that counts as good; `None` where nothing says so.
    pub fn good(&self) -> Option<Slot> {
        let noted = Slot::BOTH.into_iter().filter_map(|slot| Some((self.of(slot).good()?, slot)));
        let noted = noted.max_by_key(|(sequence, _)| *sequence).map(|(_, slot)| slot);
        let is_damaged = |slot: Slot| self.of(slot).note == Read::Damaged;
        match (self.default, noted) {
            (Some(default), Some(noted)) if default != noted && is_damaged(default) => Some(default),
            (default, noted) => noted.or(default),
        }
    }

    /// Returns the number of the next change.
    pub fn next(&self) -> u64 {
        self.slots.iter().filter_map(Content::good).max().unwrap_or(0).saturating_add(1)
    }

    /// Decides.
    pub fn choose(&self, start: Start) -> Choice {
        let good = self.good().unwrap_or(start.slot);
        let mend = self.default != Some(good);
        let standing = match self.of(start.slot).fate() {
            _ if start.slot == good => Standing::Good,
            Some(Fate::Begun(_)) if start.tryboot => Standing::Trial,
            _ => Standing::Beside,
        };
        // On a trial the default is what it was: it is mended, and the trial goes on.
        Choice { standing, good, mend, reset: mend && standing == Standing::Beside }
    }

    /// Returns how the trial of the slot that does not count as good ended, where it had one.
    pub fn went_back(&self, choice: &Choice) -> Option<Back> {
        match self.of(choice.good.other()).fate()? {
            Fate::Back(back) => Some(back),
            Fate::Begun(_) if choice.standing != Standing::Trial => Some(Back::Reset),
            Fate::Begun(_) | Fate::Good(_) => None,
        }
    }
}

/// Microseconds that a firmware on trial runs until it counts as good without a host that asks: ten minutes.
pub const UNASKED_US: u64 = 600_000_000;

/// What a firmware on trial has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Every module that ran when its trial began runs again.
    pub mounted: bool,
    /// A host was answered over the link.
    pub asked: bool,
    /// Microseconds since its start.
    pub ran_us: u64,
}

/// The verdict on a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Wait,
    /// The firmware counts as good.
    Good,
    /// The one before runs after a reset.
    Back(Back),
}

impl Proof {
    /// Returns the verdict: the link answers and the modules are there, or ten minutes have passed with them.
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self { mounted: false, .. } => Verdict::Back(Back::NotMounted),
            Self { asked: true, .. } => Verdict::Good,
            Self { ran_us, .. } if *ran_us >= UNASKED_US => Verdict::Good,
            _ => Verdict::Wait,
        }
    }
}
