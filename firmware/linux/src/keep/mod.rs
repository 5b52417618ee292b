//! What outlives a restart: images that count as good, the state that they retain, and what an owner's device
//! remembers.
//!
//! Each is a [`Pair`] of files in one folder. What is on the disk counted as good: an image on trial is not
//! written, so a restart in the middle of a trial brings the image before it. An answer that says that
//! something is good leaves when that is on the disk ([`Items::fate`]), or with the word that it is not.

pub mod disk;
#[cfg(test)]
mod fake;
mod memory;
pub mod pair;
pub mod records;
mod source;
mod starts;
#[cfg(test)]
mod tests;
pub mod writer;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use xmap_device::{Budget, Images, Intervals, Items, Place, places};
pub use xmap_device::{Fate, PAUSE_US};
use xmap_image::Persist;
use xmap_link::limits::MAX_MODULES;
use xmap_link::{KeepFault, Thing};

use self::disk::{Disk, Folder};
pub use self::memory::DiskMemory;
use self::pair::{Found, Pair};
use self::records::{ImageRecord, Parts, STATE_BYTES_MAX, StateRecord, TrustRecord};
pub use self::source::Source;
pub use self::starts::Starts;
use self::writer::{Ended, WriteError, Writer};
use crate::config::{Config, Forget};
use crate::error::{Code, Error, Result};
use crate::log;
use crate::mount::hash_of;

/// The pairs in the order of [`Writer::write`]: images, states, the memory of trust.
const STATES: usize = MAX_MODULES;
const TRUST: usize = 2 * MAX_MODULES;

/// The errno of a file that is too large.
const EFBIG: u16 = 27;

/// The records on the disk when the service started.
#[derive(Debug, Default)]
pub struct Kept {
    /// For each module its newest image, and the one before.
    pub images: [[Option<ImageRecord>; 2]; MAX_MODULES],
    /// For each module its state; none where it keeps nothing over a restart.
    pub states: [Option<StateRecord>; MAX_MODULES],
}

/// A job that the writer has: what each part of it is, and the change that it carries.
#[derive(Debug)]
struct Job {
    ticket: u64,
    things: Vec<(Place, u64)>,
    /// The record of trust, if this is one.
    trust: Option<TrustRecord>,
}

/// Keeps a device on a disk.
#[derive(Debug)]
pub struct Keeper {
    writer: Writer,
    memory: DiskMemory,
    items: Items,
    jobs: VecDeque<Job>,
    images: Images,
    /// The state of each module that was given to the writer last; `None` where that is not known.
    states: [Option<StateRecord>; MAX_MODULES],
    /// The changes of policy and versions that were seen.
    seen: (u64, u64),
    budget: Budget,
    /// When states are looked at.
    intervals: Intervals,
    /// When failed writes are tried again; 0 where none failed.
    retry_us: u64,
    /// Writes wait for the budget.
    starved: bool,
    /// What is to be told: a thing that is not on the disk, or is there again.
    news: Vec<(Place, Option<KeepFault>)>,
}

/// A folder of slots, and what it had.
#[derive(Debug)]
pub struct Opened {
    /// What keeps up what is in it.
    pub keeper: Keeper,
    /// The images and states.
    pub kept: Kept,
    /// The starts of images.
    pub starts: Starts,
    /// The folder, for recordings.
    pub recordings: Folder,
}

impl Keeper {
    /// Opens the folder and reads what it has. `keep_every_s` is how often changed state is written at most
    /// where an image does not say it; 0 is at the end only, whatever images say.
    ///
    /// # Errors
    /// Those of [`Folder::open`].
    pub fn open(path: &Path, keep_every_s: u32) -> Result<Opened> {
        let folder = Folder::open(path)?;
        let starts = Starts::open(folder.share()?);
        let recordings = folder.share()?;
        let tell = |found: &Found| {
            for bad in &found.bad {
                log::error(format_args!("{}/{bad}: left out", path.display()));
            }
        };
        let (keeper, kept) = Self::with(folder, keep_every_s, tell)?;
        Ok(Opened { keeper, kept, starts, recordings })
    }

    fn with(
        disk: impl Disk + Send + 'static,
        keep_every_s: u32,
        tell: impl Fn(&Found),
    ) -> Result<(Self, Kept)> {
        let mut pairs = Vec::new();
        let mut load = |name: String| {
            let (pair, found) = Pair::load(&disk, &name);
            tell(&found);
            pairs.push(pair);
            found
        };
        let images = std::array::from_fn(|module| {
            let found = load(image_name(module as u8));
            let mut images = found.records.into_iter().map(ImageRecord::decode);
            // Beside a file that was left out stands an image that another one may have followed.
            let newest = if found.bad.is_empty() { images.next().flatten() } else { None };
            [newest, images.flatten().next()]
        });
        let states = std::array::from_fn(|module| {
            let newest = load(state_name(module as u8)).records.into_iter().find_map(StateRecord::decode);
            newest.filter(|state| *state != StateRecord::default())
        });
        let trust = load("trust".into()).records.into_iter().find_map(|kept| TrustRecord::decode(&kept));
        let keep_every_us = if keep_every_s == 0 { u64::MAX } else { u64::from(keep_every_s) * 1_000_000 };
        let keeper = Self {
            writer: Writer::start(disk, pairs)?,
            memory: DiskMemory::new(trust.unwrap_or_default()),
            items: Items::default(),
            jobs: VecDeque::new(),
            images: Images::default(),
            states: Default::default(),
            seen: (0, 0),
            budget: Budget::default(),
            intervals: Intervals::new(keep_every_us),
            retry_us: 0,
            starved: false,
            news: Vec::new(),
        };
        Ok((keeper, Kept { images, states }))
    }

    /// Returns what an owner's device remembers, kept here.
    pub fn memory(&self) -> DiskMemory {
        self.memory.clone()
    }

    /// The device was mounted from what was kept, or from the default panel: what it runs now, a restart
    /// would mount too, as long as the default panel stays.
    pub fn mounted(&mut self, device: &impl Source, kept: &Kept, now_us: u64) {
        for module in 0..MAX_MODULES {
            let hash = device.stored(module as u8).map(|stored| stored.hash);
            let newest = kept.images[module][0].as_ref().and_then(|image| hash_of(&image.bytes));
            self.images.mounted(module as u8, hash, newest.is_some() && newest == hash);
            let persist = device.persist(module as u8);
            self.states[module] = match persist {
                Persist::Never => kept.states[module].is_none().then(StateRecord::default),
                _ => state(device, module as u8).ok().flatten(),
            };
            self.intervals.begin(module as u8, persist, now_us);
        }
    }

    /// Returns what is known of the things: their latest change, and how it fares.
    pub const fn items(&self) -> &Items {
        &self.items
    }

    /// Tries once more what could not be written of some things, by [`Thing::bit`]: a host waits for it.
    pub fn hurry(&mut self, things: u16) {
        self.items.hurry(things);
    }

    /// Looks at what counts as good now, and gives the writer what a restart should find: first the policy,
    /// which what an operator does cannot keep off the disk, then images, then the versions of the images
    /// that are there.
    pub fn look(&mut self, device: &impl Source, now_us: u64) {
        self.note_changes(device);
        let again = self.retry_us != 0 && now_us >= self.retry_us;
        if again {
            self.retry_us = 0;
        }
        if self.starved && now_us >= self.budget.next_us() {
            self.starved = false;
        }
        self.give_trust(device, again);
        for module in 0..MAX_MODULES as u8 {
            self.give_image(device, module, again, now_us);
        }
        (0..MAX_MODULES as u8).for_each(|module| self.note_state(device, module, now_us));
        for module in 0..MAX_MODULES as u8 {
            self.give_state(module, again, now_us);
        }
    }

    fn note_changes(&mut self, device: &impl Source) {
        for module in 0..MAX_MODULES as u8 {
            if self.images.is_new(module, device.stored(module).as_ref()) {
                self.items.change((Thing::Image, module));
            }
        }
        let now = self.memory.changes();
        if now.0 != self.seen.0 {
            self.items.change((Thing::Policy, 0));
        }
        if now.1 != self.seen.1 {
            self.items.change((Thing::Versions, 0));
        }
        self.seen = now;
    }

    fn give_trust(&mut self, device: &impl Source, again: bool) {
        let [policy, versions] = [(Thing::Policy, 0), (Thing::Versions, 0)];
        let due = [policy, versions].map(|place| self.items.at(place).is_due(again));
        if due == [false; 2] {
            return;
        }
        let waiting: Vec<_> = (0..MAX_MODULES as u8)
            .filter(|module| !self.items.at((Thing::Image, *module)).is_kept())
            .filter_map(|module| device.name(module))
            .collect();
        let draft = self.memory.draft(&waiting);
        let mut things = vec![policy];
        if draft.whole {
            things.push(versions);
        }
        // Versions wait for their images.
        if due[0] || draft.whole {
            self.give(TRUST, draft.record.encode(), &things, Some(draft.record));
        }
    }

    fn give_image(&mut self, device: &impl Source, module: u8, again: bool, now_us: u64) {
        let place = (Thing::Image, module);
        let Some(stored) = device.stored(module).filter(|stored| !stored.on_trial) else { return };
        if !self.items.at(place).is_due(again || self.is_fed(place)) {
            return;
        }
        // A version that its owner has signed and that is higher than any before is written whatever
        // operators have used up: there are no more of those than seals.
        let newer = !stored.seal.is_empty() && device.name(module).is_some_and(|n| self.memory.is_ahead(&n));
        if !newer && !self.may_write(place, now_us) {
            return;
        }
        let bytes =
            [bytemuck::cast_slice(stored.image), bytemuck::cast_slice::<u32, u8>(stored.seal)].concat();
        let record = ImageRecord { origin: stored.origin.into(), bytes };
        self.give(module.into(), record.encode(), &[place], None);
    }

    fn note_state(&mut self, device: &impl Source, module: u8, now_us: u64) {
        let persist = device.persist(module);
        if !self.intervals.is_due(module, persist, now_us) {
            return;
        }
        // The state of an image on trial would not fit the one that a restart brings.
        if device.stored(module).is_none_or(|stored| stored.on_trial) {
            return;
        }
        let known = &mut self.states[usize::from(module)];
        if persist == Persist::Never {
            // An empty record in front of what an earlier version has left: no start takes that any more.
            let nothing = Some(StateRecord::default());
            if *known != nothing {
                *known = nothing;
                self.items.change((Thing::State, module));
            }
            return;
        }
        if known.as_ref().is_some_and(|known| is_same(device, module, known)) {
            return;
        }
        match state(device, module) {
            Ok(None) => {}
            Ok(now) => {
                *known = now;
                self.items.change((Thing::State, module));
            }
            Err(fault) => {
                self.items.change((Thing::State, module));
                self.fail((Thing::State, module), fault);
            }
        }
    }

    fn give_state(&mut self, module: u8, again: bool, now_us: u64) {
        let place = (Thing::State, module);
        let Some(record) = &self.states[usize::from(module)] else { return };
        let parts = record.encode();
        if self.items.at(place).is_due(again || self.is_fed(place)) && self.may_write(place, now_us) {
            self.give(STATES + usize::from(module), parts, &[place], None);
        }
    }

    /// Returns whether a thing waited for the budget, and there is some now.
    fn is_fed(&self, place: Place) -> bool {
        !self.starved && self.items.at(place).fault == Some(KeepFault::Budget)
    }

    fn may_write(&mut self, place: Place, now_us: u64) -> bool {
        if !self.starved && self.budget.take(now_us) {
            return true;
        }
        if !self.starved {
            self.starved = true;
            log::warn(
                "the disk was written as often as it may be: what changes now is written within a minute, and \
                 lost where the power goes before",
            );
        }
        let changed = self.items.at(place).changed;
        self.items.at_mut(place).given = changed;
        self.fail(place, KeepFault::Budget);
        false
    }

    fn give(&mut self, pair: usize, parts: Parts, things: &[Place], trust: Option<TrustRecord>) {
        let ticket = self.writer.write(pair, parts);
        let things = things.iter().map(|place| {
            let item = self.items.at_mut(*place);
            (item.given, item.flying) = (item.changed, true);
            (*place, item.changed)
        });
        self.jobs.push_back(Job { ticket, things: things.collect(), trust });
    }

    fn fail(&mut self, place: Place, fault: KeepFault) {
        if self.items.note_fault(place, fault) {
            self.news.push((place, Some(fault)));
        }
    }

    /// Takes note of what was written. When to look again at the latest, in microseconds.
    pub fn settle(&mut self, now_us: u64) -> u64 {
        while let Some(ended) = self.writer.ended() {
            self.note(ended, now_us);
        }
        let retry_us = if self.retry_us == 0 { u64::MAX } else { self.retry_us };
        let budget_us = if self.starved { self.budget.next_us() } else { u64::MAX };
        self.intervals.next_us().min(retry_us).min(budget_us)
    }

    fn note(&mut self, Ended { ticket, error }: Ended, now_us: u64) {
        let Some(Job { things, trust, .. }) = self.jobs.pop_front().filter(|job| job.ticket == ticket) else {
            return;
        };
        match error {
            None => {
                if let Some(record) = trust {
                    self.memory.note_written(record);
                }
                for (place, change) in things {
                    if self.items.note_kept(place, change, now_us) {
                        self.news.push((place, None));
                    }
                }
            }
            Some(WriteError { errno, text }) => {
                if self.retry_us == 0 {
                    // In the system's own words, which the events have no room for.
                    log::error(format_args!("the folder of slots cannot be written: {text}"));
                }
                self.retry_us = now_us.saturating_add(PAUSE_US);
                for (place, _) in things {
                    self.items.at_mut(place).flying = false;
                    if !self.items.at(place).is_kept() {
                        self.fail(place, KeepFault::System { errno });
                    }
                }
            }
        }
    }

    /// Tells a device what became of its things since this was last called, and what of it outlives a
    /// restart.
    pub fn tell(&mut self, device: &mut impl Source, now_us: u64) {
        for (place, fault) in std::mem::take(&mut self.news) {
            device.note_kept(place.1, place.0, fault);
        }
        let status = self.items.status(device.keep_status(), now_us);
        device.set_keep_status(status);
    }

    /// Writes what has changed, and waits for it: the service ends. Whether all of it was kept.
    pub fn finish(mut self, device: &impl Source, now_us: u64) -> bool {
        // The end is one more write for each module, whatever was written before.
        (self.budget, self.starved) = (Budget::default(), false);
        self.intervals.hurry();
        self.hurry(u16::MAX);
        self.look(device, now_us);
        // Versions follow their images, and what has changed since a write began is written behind it. A
        // write that fails is not given again.
        while let Some(ended) = (!self.jobs.is_empty()).then(|| self.writer.wait()).flatten() {
            self.note(ended, now_us);
            self.look(device, now_us);
        }
        self.writer.finish();
        for place in places().filter(|place| !self.items.at(*place).is_kept()) {
            log::error(format_args!("not kept: {}: a restart brings what was there before", describe(place)));
        }
        self.items.missing() == 0
    }
}

/// Forgets the slots of modules: their images and retained state. The service must not run.
///
/// # Errors
/// [`Code::Config`] where nothing is kept, [`Code::Running`], [`Code::State`].
pub fn forget(config: &Config, which: Forget) -> Result<()> {
    let Some(path) = &config.state else {
        return Err(Error::new(Code::Config, "state = \"\" keeps nothing: there is no slot to forget"));
    };
    let mut folder = Folder::open(path).map_err(|error| match error.code {
        Code::Running => error.help("stop the service first: `systemctl stop xmapd`"),
        _ => error,
    })?;
    let failed = |error: io::Error| Error::new(Code::State, format!("{}: {error}", path.display()));
    for module in which.modules() {
        let mut forgotten = 0;
        for name in [image_name(module), state_name(module)] {
            forgotten += pair::forget(&mut folder, &name).map_err(failed)?;
        }
        log::info(match forgotten {
            0 => format!("module {module}: its slot had nothing"),
            _ => format!(
                "module {module}: its slot is forgotten; the next start mounts the default panel there"
            ),
        });
    }
    folder.sync_folder().map_err(failed)
}

impl AsFd for Keeper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }
}

/// The name of the pair of a module's images.
pub fn image_name(module: u8) -> String {
    format!("image-{module}")
}

/// The name of the pair of a module's state.
pub fn state_name(module: u8) -> String {
    format!("state-{module}")
}

fn describe((thing, module): Place) -> String {
    match thing {
        Thing::Image | Thing::State => format!("{thing} of module {module}"),
        Thing::Versions | Thing::Policy => thing.to_string(),
    }
}

/// Returns what the active image of a module retains now.
///
/// # Errors
/// Where that is more than a record has room for.
fn state(device: &impl Source, module: u8) -> Result<Option<StateRecord>, KeepFault> {
    let mut total = 0;
    if device.kept(module, &mut |row| total += row.len()).is_none() {
        return Ok(None);
    }
    if total > STATE_BYTES_MAX {
        return Err(KeepFault::System { errno: EFBIG });
    }
    let mut bytes = Vec::with_capacity(total);
    let layout = device.kept(module, &mut |row| bytes.extend_from_slice(row));
    Ok(layout.map(|layout| StateRecord { layout, bytes: Arc::new(bytes) }))
}

/// Returns whether a module's state is still this one. Nothing is copied.
fn is_same(device: &impl Source, module: u8, known: &StateRecord) -> bool {
    let (mut left, mut same) = (&known.bytes[..], true);
    let layout = device.kept(module, &mut |row| {
        same &= left.starts_with(row);
        left = left.get(row.len()..).unwrap_or_default();
    });
    layout == Some(known.layout) && same && left.is_empty()
}
