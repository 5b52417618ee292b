//! What is known of each thing that outlives a restart: the change that a restart has to find, and the one
//! that it would find.

use xmap_link::limits::MAX_MODULES;
use xmap_link::{KeepFault, KeepStatus, Thing};

/// A thing of a module, or one of the whole device (module 0).
pub type Place = (Thing, u8);

/// Every thing, in the order of the bits of [`Thing::bit`].
pub fn places() -> impl Iterator<Item = Place> {
    let of = |thing| (0..MAX_MODULES as u8).map(move |module| (thing, module));
    of(Thing::Image).chain(of(Thing::State)).chain([(Thing::Versions, 0), (Thing::Policy, 0)])
}

/// One thing. Its changes are numbered, over all things together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Item {
    /// The latest change; 0 where none came since the start.
    pub changed: u64,
    /// The change that was given to the writer last.
    pub given: u64,
    /// The change that is on the disk.
    pub kept: u64,
    /// Whether the writer has not done with it yet.
    pub flying: bool,
    /// Why it is not on the disk.
    pub fault: Option<KeepFault>,
}

/// The fate of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on the disk.
    Kept,
    /// It is being written, or is about to be.
    Pending,
    /// It could not be written.
    Failed,
}

impl Item {
    /// Returns whether the disk has the latest change.
    pub const fn is_kept(&self) -> bool {
        self.kept == self.changed
    }

    /// Returns whether the writer has to be given it: a change that it never had, or, `again`, one that it
    /// could not write.
    pub const fn is_due(&self, again: bool) -> bool {
        !self.is_kept() && !self.flying && (self.given != self.changed || again)
    }

    /// Returns how the change of number `upto` fares, or the latest before it.
    pub const fn fate(&self, upto: u64) -> Fate {
        let wanted = if self.changed < upto { self.changed } else { upto };
        if self.kept >= wanted {
            Fate::Kept
        } else if self.flying || self.fault.is_none() {
            Fate::Pending
        } else {
            Fate::Failed
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Items {
    items: [Item; 2 * MAX_MODULES + 2],
    /// The number of the latest change.
    pub latest: u64,
    /// Since when things are missing for a fault, in microseconds; 0 where none is.
    since_us: u64,
    /// When a thing was written last, in microseconds.
    written_us: u64,
}

impl Items {
    fn index((thing, module): Place) -> usize {
        thing.bit(module).trailing_zeros() as usize
    }

    /// Returns what is known of a thing.
    pub fn at(&self, place: Place) -> Item {
        self.items.get(Self::index(place)).copied().unwrap_or_default()
    }

    /// The same, to change it.
    pub fn at_mut(&mut self, place: Place) -> &mut Item {
        // Every place has an index within: `places` names them all, and a test counts them.
        let last = self.items.len() - 1;
        &mut self.items[Self::index(place).min(last)]
    }

    /// Notes that a thing has changed.
    pub fn change(&mut self, place: Place) {
        self.latest += 1;
        self.at_mut(place).changed = self.latest;
    }

    /// The things that are not on the disk, by [`Thing::bit`].
    pub fn missing(&self) -> u16 {
        places().filter(|place| !self.at(*place).is_kept()).map(|(thing, module)| thing.bit(module)).sum()
    }

    /// Tries once more what could not be written of some things, by [`Thing::bit`].
    pub fn hurry(&mut self, things: u16) {
        for place in places().filter(|(thing, module)| things & thing.bit(*module) != 0) {
            self.at_mut(place).given = 0;
        }
    }

    /// Notes that a change is on the disk; returns whether its thing had a fault until now.
    pub fn note_kept(&mut self, place: Place, change: u64, now_us: u64) -> bool {
        self.written_us = now_us;
        let item = self.at_mut(place);
        (item.flying, item.kept) = (false, change);
        // A later change that is not there yet has no fault of its own.
        item.fault.take().is_some()
    }

    /// Notes that there is nothing any more that could be written of a thing; returns whether it had a fault
    /// until now.
    pub fn give_up(&mut self, place: Place) -> bool {
        let item = self.at_mut(place);
        item.kept = item.changed;
        item.fault.take().is_some()
    }

    /// Notes why a thing is not on the disk; returns whether it had another reason until now, or none.
    pub fn note_fault(&mut self, place: Place, fault: KeepFault) -> bool {
        self.at_mut(place).fault.replace(fault) != Some(fault)
    }

    /// Returns whether versions wait for images that are not on their way: those could not be written.
    fn is_stuck(&self) -> bool {
        let images = (0..MAX_MODULES as u8).map(|module| self.at((Thing::Image, module)));
        let mut missing = images.filter(|item| !item.is_kept()).peekable();
        missing.peek().is_some() && missing.all(|item| item.fault.is_some() && !item.flying)
    }

    /// Returns how the changes up to a number fare of some things, by [`Thing::bit`]: the worst fate.
    pub fn fate(&self, things: u16, upto: u64) -> Fate {
        let mut fates = places()
            .filter(|(thing, module)| things & thing.bit(*module) != 0)
            .map(|place| self.at(place).fate(upto));
        // One that failed is not waited for, though another one is on its way.
        let worst = fates
            .try_fold(Fate::Kept, |all, one| match (all, one) {
                (_, Fate::Failed) => Err(Fate::Failed),
                (Fate::Kept, one) => Ok(one),
                (all, _) => Ok(all),
            })
            .unwrap_or_else(|failed| failed);
        match worst {
            Fate::Pending if things & Thing::Versions.bit(0) != 0 && self.is_stuck() => Fate::Failed,
            worst => worst,
        }
    }

    /// Returns the status of the storage, for a host that asks. `before` is the one until now: what a start
    /// found stays in it.
    pub fn status(&mut self, before: KeepStatus, now_us: u64) -> KeepStatus {
        let faults = places().filter_map(|place| self.at(place).fault);
        let fault = faults.max_by_key(|fault| matches!(fault, KeepFault::System { .. }));
        if fault.is_none() {
            self.since_us = 0;
        } else if self.since_us == 0 {
            self.since_us = now_us.max(1);
        }
        let stuck = self.is_stuck();
        let pending = places().any(|place| {
            let item = self.at(place);
            let waits = item.fault.is_none() && !(stuck && place.0 == Thing::Versions);
            !item.is_kept() && (item.flying || waits)
        });
        let (since_us, written_us, missing) = (self.since_us, self.written_us, self.missing());
        KeepStatus { storage: true, missing, pending, fault, since_us, written_us, ..before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_an_item_of_its_own() {
        let indices: std::vec::Vec<_> = places().map(Items::index).collect();
        assert_eq!(indices, (0..Items::default().items.len()).collect::<std::vec::Vec<_>>());
    }

    #[test]
    fn a_change_is_kept_once_it_or_a_later_one_is() {
        let mut item = Item { changed: 5, ..Item::default() };
        assert!(item.is_due(false) && !item.is_kept());
        (item.given, item.flying) = (5, true);
        assert_eq!((item.is_due(true), item.fate(5), item.fate(9)), (false, Fate::Pending, Fate::Pending));
        (item.flying, item.fault) = (false, Some(KeepFault::Budget));
        assert_eq!((item.is_due(false), item.is_due(true), item.fate(5)), (false, true, Fate::Failed));
        assert_eq!(item.fate(0), Fate::Kept, "who changed nothing waits for nothing");
        item.changed = 7;
        assert!(item.is_due(false), "a new change is tried at once");
        (item.kept, item.fault) = (7, None);
        assert_eq!((item.fate(5), item.fate(7)), (Fate::Kept, Fate::Kept));
    }

    #[test]
    fn what_is_given_up_is_missed_by_nobody() {
        let mut items = Items::default();
        let place = (Thing::State, 2);
        items.change(place);
        assert!(!items.give_up(place), "it had no fault");
        items.change(place);
        items.note_fault(place, KeepFault::Budget);
        assert!(items.give_up(place));
        assert_eq!((items.missing(), items.fate(place.0.bit(2), 2)), (0, Fate::Kept));
        assert!(!items.at(place).is_due(true));
    }

    #[test]
    fn one_that_failed_fails_all_that_are_asked_for() {
        let mut items = Items::default();
        let places = [(Thing::Image, 1), (Thing::Policy, 0)];
        places.iter().for_each(|place| items.change(*place));
        let [image, policy] = places.map(|(thing, module)| thing.bit(module));
        items.at_mut(places[1]).fault = Some(KeepFault::Budget);
        assert_eq!(items.missing(), image | policy);
        assert_eq!(items.fate(image, 2), Fate::Pending);
        assert_eq!(items.fate(image | policy, 2), Fate::Failed);
        assert_eq!(items.fate(image | policy, 0), Fate::Kept);
        assert_eq!(items.fate(0, 2), Fate::Kept);
    }
}
