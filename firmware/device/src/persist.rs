//! Keeps a device in a store on a card, on a target without an operating system.
//!
//! What is in the store counted as good: an image on trial is not written, so a loss of power in the middle
//! of a trial brings the image before it. A write goes on some sectors at a time, between two turns of the
//! main loop; an answer that says that something is good waits for it ([`Keeper::fate`]).

mod budget;
mod images;
mod intervals;
mod items;
mod mount;
mod remembered;
mod started;

use heapless::Vec;
use xmap_image::Persist;
use xmap_link::limits::MAX_MODULES;
use xmap_link::{KeepFault, Thing};
use xmap_store::{Disk, Header, Store, StoreError, Writing, digest};

pub use self::budget::{BURST, Budget, PAUSE_US, REFILL_US, WRITES_A_DAY};
pub use self::images::Images;
pub use self::intervals::Intervals;
pub use self::items::{Fate, Item, Items, Place, places};
pub use self::mount::{Mounting, Tried, install_counted};
pub use self::remembered::Remembered;
use self::remembered::{Versions, decode, encode, highest};
use self::started::Started;
use crate::{Board, Device, Ram, Trust};

/// The errno of an input or output error: what a host knows of cards.
const EIO: u16 = 5;

/// Words of the buffer that a keeper works with: an image with its seal, and a state behind it.
pub const SCRATCH_WORDS: usize = 2 * HALF;
/// Words of each half: 4 MiB, and room for the seal.
const HALF: usize = (4 << 20) / 4 + 64;

/// A record on its way, and what it is of.
#[derive(Debug)]
struct Job {
    writing: Writing,
    bytes: usize,
    /// The thing and its change; `None` for the account of starts.
    thing: Option<(Place, u64)>,
    /// The versions, if it has those.
    versions: Option<Versions>,
}

/// What the store has of a module's state, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Known {
    /// Whatever it has, a look at the module has to write.
    #[default]
    Unknown,
    /// Nothing that a restart would take: no record, or an empty one.
    Nothing,
    /// The state that has this digest.
    State([u8; 32]),
}

/// Keeps a device in a store.
#[derive(Debug)]
pub struct Keeper<'m, D> {
    store: Store<D>,
    scratch: &'m mut [u32],
    items: Items,
    job: Option<Job>,
    images: Images,
    /// What the store has of the state of each module, or is given.
    states: [Known; MAX_MODULES],
    /// The versions that the store has.
    written: Versions,
    /// The changes of policy and versions that were seen.
    seen: (u32, u32),
    /// The account of starts.
    started: Started,
    budget: Budget,
    /// Writes wait for the budget.
    starved: bool,
    /// When states are looked at.
    intervals: Intervals,
    /// When failed writes are tried again; 0 where none failed.
    retry_us: u64,
    /// What is to be recorded: a thing that is not in the store, or is there again.
    news: Vec<(Place, Option<KeepFault>), { 2 * MAX_MODULES + 2 }>,
}

impl<'m, D: Disk> Keeper<'m, D> {
    /// A keeper of a store. `keep_every_us` is how often changed state is written at most where an image does
    /// not say it. `scratch` has [`SCRATCH_WORDS`].
    pub fn new(store: Store<D>, scratch: &'m mut [u32], keep_every_us: u64) -> Self {
        Self {
            store,
            scratch,
            items: Items::default(),
            job: None,
            images: Images::default(),
            states: [Known::Unknown; MAX_MODULES],
            written: Versions::new(),
            seen: (0, 0),
            started: Started::default(),
            budget: Budget::default(),
            starved: false,
            intervals: Intervals::new(keep_every_us),
            retry_us: 0,
            news: Vec::new(),
        }
    }

    /// Returns what the store has of an owner's memory.
    pub fn remembered(&mut self) -> Remembered {
        let (versions_half, policy_half) = halves(self.scratch);
        let versions = newest(&mut self.store, xmap_store::Place::VERSIONS, versions_half);
        let policy = newest(&mut self.store, xmap_store::Place::POLICY, policy_half);
        self.written = decode(versions).unwrap_or_default();
        Remembered::new(versions, policy)
    }

    /// Returns what is known of the things: their latest change, and how it fares.
    pub const fn items(&self) -> &Items {
        &self.items
    }

    /// Tries once more what could not be written of some things, by [`Thing::bit`]: a host waits for it.
    pub fn hurry(&mut self, things: u16) {
        self.items.hurry(things);
    }

    /// Returns whether a record is on its way: [`Keeper::step`] goes on with it.
    pub const fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    /// Returns when to look again at the latest, in microseconds.
    pub fn next_us(&self) -> u64 {
        let retry_us = if self.retry_us == 0 { u64::MAX } else { self.retry_us };
        let budget_us = if self.starved { self.budget.next_us() } else { u64::MAX };
        self.intervals.next_us().min(retry_us).min(budget_us)
    }

    /// Returns the store, for its counters and its card.
    pub const fn store(&mut self) -> &mut Store<D> {
        &mut self.store
    }

    /// Looks at what counts as good now, and begins to write what a restart should find: first the policy,
    /// which what an operator does cannot keep off the card, then images, then the versions of the images
    /// that are there, then states. `memory` is that of an owner's device.
    pub fn look<R: Ram, B: Board, T: Trust>(
        &mut self,
        device: &Device<R, B, T>,
        memory: Option<&Remembered>,
        now_us: u64,
    ) {
        self.note_changes(device, memory);
        (0..MAX_MODULES as u8).for_each(|module| self.note_state(device, module, now_us));
        if self.job.is_some() {
            return;
        }
        if self.retry_us != 0 && now_us >= self.retry_us {
            self.retry_us = 0;
            // One write begins at a time: what else failed stays due until its turn comes.
            self.hurry(u16::MAX);
            self.started.hurry();
        }
        if self.starved && now_us >= self.budget.next_us() {
            self.starved = false;
        }
        self.give_starts(now_us);
        self.give_policy(memory, now_us);
        (0..MAX_MODULES as u8).for_each(|module| self.give_image(device, module, now_us));
        self.give_versions(device, memory, now_us);
        (0..MAX_MODULES as u8).for_each(|module| self.give_state(device, module, now_us));
    }

    fn note_changes<R: Ram, B: Board, T: Trust>(
        &mut self,
        device: &Device<R, B, T>,
        memory: Option<&Remembered>,
    ) {
        for module in 0..MAX_MODULES as u8 {
            if self.images.is_new(module, device.stored(module).as_ref()) {
                self.items.change((Thing::Image, module));
            }
        }
        let now = memory.map_or((0, 0), |memory| memory.changes);
        if now.0 != self.seen.0 {
            self.items.change((Thing::Policy, 0));
        }
        if now.1 != self.seen.1 {
            self.items.change((Thing::Versions, 0));
        }
        self.seen = now;
    }

    fn give_policy(&mut self, memory: Option<&Remembered>, now_us: u64) {
        let place = (Thing::Policy, 0);
        let Some(memory) = memory.filter(|_| self.is_due(place)) else { return };
        let policy = crate::Memory::policy(memory);
        self.put(0, policy);
        self.give(xmap_store::Place::POLICY, &[], policy.len(), place, now_us);
    }

    fn give_image<R: Ram, B: Board, T: Trust>(&mut self, device: &Device<R, B, T>, module: u8, now_us: u64) {
        let place = (Thing::Image, module);
        let Some(stored) = device.stored(module).filter(|stored| !stored.on_trial) else { return };
        if !self.is_due(place) {
            return;
        }
        // A version that its owner has signed and that is higher than any before is written whatever
        // operators have used up: there are no more of those than seals.
        let newer = !stored.seal.is_empty()
            && device.image(module).is_some_and(|image| {
                let version = image.header().version;
                image.manifest().is_ok_and(|manifest| version > highest(&self.written, manifest.module))
            });
        if !newer && !self.may_write(place, now_us) {
            return;
        }
        let (image, seal) = (bytemuck::cast_slice(stored.image), bytemuck::cast_slice(stored.seal));
        let end = self.put(0, image);
        let end = self.put(end, seal);
        let mut meta: Vec<u8, 128> = Vec::from_slice(&stored.hash).unwrap_or_default();
        // An origin has at most 64 bytes.
        _ = meta.extend_from_slice(stored.origin.as_bytes());
        self.give(xmap_store::Place::image(module), &meta, end, place, now_us);
    }

    fn give_versions<R: Ram, B: Board, T: Trust>(
        &mut self,
        device: &Device<R, B, T>,
        memory: Option<&Remembered>,
        now_us: u64,
    ) {
        let place = (Thing::Versions, 0);
        let Some(memory) = memory.filter(|_| self.is_due(place)) else { return };
        // With a version there and its image not, a restart would find an image that is older than it may be,
        // and run none. So versions wait for their images.
        let waits = |module: u8| {
            if self.items.at((Thing::Image, module)).is_kept() {
                return false;
            }
            let Some(image) = device.image(module) else { return false };
            image.manifest().is_ok_and(|manifest| {
                crate::Memory::highest(memory, manifest.module) > highest(&self.written, manifest.module)
            })
        };
        if (0..MAX_MODULES as u8).any(waits) {
            return;
        }
        let end = encode(&memory.versions, halves(self.scratch).0);
        self.give(xmap_store::Place::VERSIONS, &[], end, place, now_us);
        if let Some(job) = &mut self.job {
            // Nothing else was on its way.
            job.versions = Some(memory.versions.clone());
        }
    }

    fn note_state<R: Ram, B: Board, T: Trust>(&mut self, device: &Device<R, B, T>, module: u8, now_us: u64) {
        let persist = device.persist(module);
        if !self.intervals.is_due(module, persist, now_us) {
            return;
        }
        // The state of an image on trial would not fit the one that a restart brings.
        if device.stored(module).is_none_or(|stored| stored.on_trial) {
            return;
        }
        let now = match persist {
            Persist::Never => Some(Known::Nothing),
            _ => state_digest(device, module).map(Known::State),
        };
        let Some(known) = self.states.get_mut(usize::from(module)) else { return };
        if let Some(now) = now.filter(|now| now != known) {
            *known = now;
            self.items.change((Thing::State, module));
        }
    }

    fn give_state<R: Ram, B: Board, T: Trust>(&mut self, device: &Device<R, B, T>, module: u8, now_us: u64) {
        let place = (Thing::State, module);
        let good = device.stored(module).is_some_and(|stored| !stored.on_trial);
        if !good || !self.is_due(place) {
            return;
        }
        // Another image may count as good than when the change was noted.
        let never = device.persist(module) == Persist::Never;
        let keeps = !never && device.kept(module, &mut |_| ()).is_some();
        let Some(known) = self.states.get_mut(usize::from(module)) else { return };
        if never {
            *known = Known::Nothing;
        } else if !keeps || *known == Known::Nothing {
            *known = Known::Unknown;
        }
        if !never && !keeps {
            if self.items.give_up(place) {
                self.note(place, None);
            }
            return;
        }
        if !self.may_write(place, now_us) {
            return;
        }
        // Layout 0, an empty record, stands in front of what an earlier version has left: no start takes that
        // any more.
        let (mut end, mut layout) = (0, 0);
        if keeps {
            layout = device.kept(module, &mut |row| end = self.put(end, row)).unwrap_or_default();
        }
        self.give(xmap_store::Place::state(module), &layout.to_le_bytes(), end, place, now_us);
    }

    /// Returns whether a thing has to be written now: one at a time.
    fn is_due(&self, place: Place) -> bool {
        self.job.is_none() && self.items.at(place).is_due(self.is_fed(place))
    }

    /// Returns whether a thing waited for the budget, and there is some now.
    fn is_fed(&self, place: Place) -> bool {
        !self.starved && self.items.at(place).fault == Some(KeepFault::Budget)
    }

    fn may_write(&mut self, place: Place, now_us: u64) -> bool {
        if !self.starved && self.budget.take(now_us) {
            return true;
        }
        self.starved = true;
        let item = self.items.at_mut(place);
        item.given = item.changed;
        self.fail(place, KeepFault::Budget);
        false
    }

    /// Copies bytes to the buffer that a record is written from; returns where they end.
    fn put(&mut self, at: usize, bytes: &[u8]) -> usize {
        let end = at + bytes.len();
        if let Some(to) = halves(self.scratch).0.get_mut(at..end) {
            to.copy_from_slice(bytes);
        }
        end
    }

    /// Begins to write the first `bytes` of the buffer.
    fn give(&mut self, to: xmap_store::Place, meta: &[u8], bytes: usize, place: Place, now_us: u64) {
        let item = self.items.at_mut(place);
        (item.given, item.flying) = (item.changed, true);
        let change = item.changed;
        let length = u32::try_from(bytes).unwrap_or(u32::MAX);
        match self.store.begin(to, meta, length) {
            Ok(writing) => {
                self.job = Some(Job { writing, bytes, thing: Some((place, change)), versions: None });
            }
            Err(_) => self.note_failed(place, now_us),
        }
    }

    fn fail(&mut self, place: Place, fault: KeepFault) {
        if self.items.note_fault(place, fault) {
            self.note(place, Some(fault));
        }
    }

    /// Adds to what is to be recorded: the latest word of each thing.
    fn note(&mut self, place: Place, fault: Option<KeepFault>) {
        self.news.retain(|(of, _)| *of != place);
        // Each thing is there once.
        _ = self.news.push((place, fault));
    }

    fn note_failed(&mut self, place: Place, now_us: u64) {
        self.retry_us = now_us.saturating_add(PAUSE_US);
        self.items.at_mut(place).flying = false;
        if !self.items.at(place).is_kept() {
            self.fail(place, KeepFault::System { errno: EIO });
        }
    }

    /// Goes on with the record that is on its way, by some sectors.
    ///
    /// # Errors
    /// Why the card did not take it: the record before stands, and the write is tried again later.
    pub fn step(&mut self, now_us: u64) -> Result<(), StoreError<D::Error>> {
        let Some(Job { mut writing, bytes, thing, versions }) = self.job.take() else { return Ok(()) };
        let body = halves(self.scratch).0.get(..bytes).unwrap_or_default();
        let mut from = |at: u32, to: &mut [u8]| {
            let at = at as usize;
            if let Some(part) = body.get(at..at + to.len()) {
                to.copy_from_slice(part);
            }
        };
        let outcome = self.store.step(&mut writing, &mut from);
        if let Ok(false) = outcome {
            self.job = Some(Job { writing, bytes, thing, versions });
            return Ok(());
        }
        let Some((place, change)) = thing else {
            self.started.ended(outcome.is_ok());
            if outcome.is_err() {
                self.retry_us = now_us.saturating_add(PAUSE_US);
            }
            return outcome.map(drop);
        };
        match outcome {
            Ok(_) => {
                if let Some(versions) = versions {
                    self.written = versions;
                }
                if self.items.note_kept(place, change, now_us) {
                    self.note(place, None);
                }
                Ok(())
            }
            Err(error) => {
                self.note_failed(place, now_us);
                Err(error)
            }
        }
    }

    /// Tells a device what became of its things since this was last called, and what of it outlives a
    /// restart.
    pub fn report<R: Ram, B: Board, T: Trust>(&mut self, device: &mut Device<R, B, T>, now_us: u64) {
        for (place, fault) in core::mem::take(&mut self.news) {
            device.note_kept(place.1, place.0, fault);
        }
        let status = self.items.status(device.keep_status(), now_us);
        device.set_keep_status(status);
    }

    /// Writes what has changed, and waits for it: the device is about to restart.
    pub fn finish<R: Ram, B: Board, T: Trust>(
        &mut self,
        device: &Device<R, B, T>,
        memory: Option<&Remembered>,
        mut feed: impl FnMut() -> u64,
    ) {
        // The end is one more write for each module, whatever was written before.
        (self.budget, self.starved) = (Budget::default(), false);
        self.intervals.hurry();
        self.hurry(u16::MAX);
        self.started.hurry();
        loop {
            let now_us = feed();
            self.look(device, memory, now_us);
            if self.job.is_none() {
                break;
            }
            // A write that fails is not given again; what is behind it is written all the same.
            _ = self.step(now_us);
            self.retry_us = 0;
        }
    }
}

/// The two halves of the buffer, as bytes.
fn halves(scratch: &mut [u32]) -> (&mut [u8], &mut [u8]) {
    let half = scratch.len() / 2;
    let (first, second) = scratch.split_at_mut(half);
    (bytemuck::cast_slice_mut(first), bytemuck::cast_slice_mut(second))
}

/// Reads the newest record of a place that is not damaged; nothing where there is none.
fn newest<'b, D: Disk>(store: &mut Store<D>, place: xmap_store::Place, into: &'b mut [u8]) -> &'b [u8] {
    newest_with(store, place, into).map_or(&[], |(_, body)| body)
}

/// [`newest`] with its header.
fn newest_with<'b, D: Disk>(
    store: &mut Store<D>,
    place: xmap_store::Place,
    into: &'b mut [u8],
) -> Option<(Header, &'b [u8])> {
    // A damaged record is passed over from then on, and the next one is the newest.
    let header = loop {
        let record = store.records(place).next()?;
        match store.read(&record, into) {
            Ok(header) => break header,
            Err(StoreError::TooLong) => return None,
            Err(_) => {}
        }
    };
    Some((header, into.get(..header.length as usize)?))
}

/// The digest of what the active image of a module retains now; `None` where it retains nothing.
fn state_digest<R: Ram, B: Board, T: Trust>(device: &Device<R, B, T>, module: u8) -> Option<[u8; 32]> {
    // Of digests, as nothing is copied: one that stands for all rows so far, and the next row.
    let mut all = [0; 32];
    let layout = device.kept(module, &mut |row| all = digest([&all[..], row]))?;
    Some(digest([&all[..], &layout.to_le_bytes()]))
}
