//! What outlives a restart: images that count as good, the state that they keep, and what an owner's device remembers.
//!
//! Each is a [`Pair`] of files in one folder. What is on the disk counted as good: an image on trial is not written, so a
//! restart in the middle of a trial brings the image before it.

pub mod budget;
pub mod disk;
#[cfg(test)]
mod fake;
pub mod pair;
pub mod records;
pub mod writer;

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xmap_link::limits::MAX_MODULES;
use xmap_panel::{Memory, NotKept};

use self::budget::Budget;
use self::disk::{Disk, Folder};
use self::pair::{Found, Pair};
use self::records::{ImageRecord, StateRecord, TrustRecord};
use self::writer::{Ended, Writer};
use crate::device::LinuxDevice;
use crate::error::Result;
use crate::log;

/// The pairs in the order of [`Writer::write`]: images, states, the memory of trust.
const STATES: usize = MAX_MODULES;
const TRUST: usize = 2 * MAX_MODULES;

/// Microseconds after a failed write until the next try.
const PAUSE_US: u64 = 10_000_000;

/// What was on the disk when the service started.
#[derive(Debug, Default)]
pub struct Kept {
    /// For each module its newest image, and the one before.
    pub images: [[Option<ImageRecord>; 2]; MAX_MODULES],
    /// For each module its state.
    pub states: [Option<StateRecord>; MAX_MODULES],
}

/// Keeps a device on a disk.
#[derive(Debug)]
pub struct Keeper {
    writer: Writer,
    memory: DiskMemory,
    /// The hash of the image that a restart would mount, as far as it was given to the writer.
    images: [Option<[u8; 32]>; MAX_MODULES],
    states: [Option<StateRecord>; MAX_MODULES],
    budget: Budget,
    keep_every_us: u64,
    /// When states are looked at next.
    states_us: u64,
    /// When failed writes are tried again; 0 where none failed.
    retry_us: u64,
    /// Writes wait for the budget.
    starved: bool,
    /// The highest job that has ended well or not.
    done: u64,
    failed: Option<u64>,
}

impl Keeper {
    /// Opens the folder and reads what it has. `keep_every_s` is how often changed state is written at most; 0 is at the
    /// end only.
    ///
    /// # Errors
    /// Those of [`Folder::open`].
    pub fn open(path: &Path, keep_every_s: u32) -> Result<(Self, Kept)> {
        let folder = Folder::open(path)?;
        let tell = |found: &Found| {
            for bad in &found.bad {
                log::error(format_args!("{}/{bad}: left out", path.display()));
            }
        };
        Self::with(folder, keep_every_s, tell)
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
            let found = load(format!("image-{module}"));
            let mut images = found.records.iter().map(|kept| ImageRecord::decode(kept));
            // Beside a file that was left out stands an image that another one may have followed.
            let newest = if found.bad.is_empty() { images.next().flatten() } else { None };
            [newest, images.flatten().next()]
        });
        let states = std::array::from_fn(|module| {
            load(format!("state-{module}")).records.iter().find_map(|kept| StateRecord::decode(kept))
        });
        let trust = load("trust".into()).records.iter().find_map(|kept| TrustRecord::decode(kept));
        let memory = DiskMemory::new(trust.unwrap_or_default());
        let keeper = Self {
            writer: Writer::start(disk, pairs)?,
            memory,
            images: [None; MAX_MODULES],
            states: Default::default(),
            budget: Budget::default(),
            keep_every_us: if keep_every_s == 0 { u64::MAX } else { u64::from(keep_every_s) * 1_000_000 },
            states_us: 0,
            retry_us: 0,
            starved: false,
            done: 0,
            failed: None,
        };
        Ok((keeper, Kept { images, states }))
    }

    /// What an owner's device remembers, kept here.
    pub fn memory(&self) -> DiskMemory {
        self.memory.clone()
    }

    /// The device was mounted: what it runs now, a restart would mount too.
    pub fn mounted(&mut self, device: &LinuxDevice, now_us: u64) {
        for module in 0..MAX_MODULES {
            self.images[module] = device.stored(module as u8).map(|stored| stored.hash);
            self.states[module] = state(device, module);
        }
        self.states_us = now_us.saturating_add(self.keep_every_us);
    }

    /// Has written what counts as good since this was last called, images before what is remembered of them: the
    /// other way round, a power cut between the two would leave an image that is older than it may be. What was given to
    /// the writer, if anything: until [`Keeper::is_done`] says so, nobody should be told.
    pub fn look(&mut self, device: &LinuxDevice, now_us: u64) -> Option<u64> {
        if now_us < self.retry_us || self.starved && now_us < self.budget.next_us() {
            return None;
        }
        (self.retry_us, self.starved) = (0, false);
        let before = self.writer.last_ticket();
        for module in 0..MAX_MODULES {
            let Some(stored) = device.stored(module as u8) else { continue };
            if stored.on_trial || self.images[module] == Some(stored.hash) {
                continue;
            }
            if !self.may_write(now_us) {
                break;
            }
            let bytes =
                [bytemuck::cast_slice(stored.image), bytemuck::cast_slice::<u32, u8>(stored.seal)].concat();
            let record = ImageRecord { origin: stored.origin.into(), bytes };
            self.writer.write(module, record.encode());
            self.images[module] = Some(stored.hash);
        }
        if self.memory.is_new() && !self.starved && self.may_write(now_us) {
            let record = self.memory.take();
            self.writer.write(TRUST, record);
        }
        if now_us >= self.states_us {
            self.states_us = now_us.saturating_add(self.keep_every_us);
            self.write_states(device, now_us);
        }
        let last = self.writer.last_ticket();
        (last != before).then_some(last)
    }

    fn may_write(&mut self, now_us: u64) -> bool {
        let may = self.budget.take(now_us);
        if !may && !self.starved {
            self.starved = true;
            log::warn(
                "the disk was written as often as it may be: what changes now is written within a minute, and \
                 lost where the power goes before",
            );
        }
        may
    }

    fn write_states(&mut self, device: &LinuxDevice, now_us: u64) {
        for module in 0..MAX_MODULES {
            let now = state(device, module);
            // The state of an image on trial would not fit the one that a restart brings.
            let good = device.stored(module as u8).is_some_and(|stored| !stored.on_trial);
            if good
                && let Some(record) = &now
                && now != self.states[module]
                && self.may_write(now_us)
            {
                self.writer.write(STATES + module, record.encode());
                self.states[module] = now;
            }
        }
    }

    /// Takes note of what was written. When to look again at the latest, in microseconds.
    pub fn settle(&mut self, now_us: u64) -> u64 {
        while let Some(ended) = self.writer.ended() {
            self.note(ended, now_us);
        }
        let retry_us = if self.retry_us == 0 { u64::MAX } else { self.retry_us };
        let budget_us = if self.starved { self.budget.next_us() } else { u64::MAX };
        self.states_us.min(retry_us).min(budget_us)
    }

    fn note(&mut self, ended: Ended, now_us: u64) {
        let Ended { ticket, pair, error } = ended;
        self.done = ticket;
        self.memory.set_sound(error.is_none());
        let Some(error) = error else { return };
        log::error(format_args!("not kept: {error}; tried again in {} s", PAUSE_US / 1_000_000));
        self.failed = Some(ticket);
        self.retry_us = now_us.saturating_add(PAUSE_US);
        // What the disk has is not what was thought.
        match pair {
            TRUST => self.memory.renew(),
            STATES.. => {
                self.states[pair - STATES] = None;
                self.states_us = self.retry_us;
            }
            _ => self.images[pair] = None,
        }
    }

    /// Whether a job has ended: `Some(true)` well, and all before it. A host that waits for one that failed is not answered: what it
    /// asked for holds only until a restart.
    pub fn is_done(&self, ticket: u64, since: u64) -> Option<bool> {
        let failed = self.failed.is_some_and(|failed| failed > since && failed <= ticket);
        if failed { Some(false) } else { (self.done >= ticket).then_some(true) }
    }

    /// The job that ended last.
    pub const fn done(&self) -> u64 {
        self.done
    }

    /// Writes what has changed, and waits for it: the service ends. Whether all of it was kept.
    pub fn finish(mut self, device: &LinuxDevice, now_us: u64) -> bool {
        self.retry_us = 0;
        // The end is one more write for each module, whatever was written before.
        self.budget = Budget::default();
        self.states_us = 0;
        self.look(device, now_us);
        let mut kept = true;
        for ended in self.writer.finish() {
            if let Some(error) = ended.error {
                log::error(format_args!("not kept: {error}"));
                kept = false;
            }
        }
        kept
    }
}

impl AsFd for Keeper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }
}

/// What the active image of a module keeps now.
fn state(device: &LinuxDevice, module: usize) -> Option<StateRecord> {
    let mut bytes = Vec::new();
    let layout = device.kept(module as u8, &mut |row| bytes.extend_from_slice(row))?;
    Some(StateRecord { layout, bytes })
}

/// An owner's memory on the disk. What it is given to remember is written by the [`Keeper`] before a host hears of it.
#[derive(Clone, Debug)]
pub struct DiskMemory {
    shared: Arc<Mutex<Shared>>,
    /// A copy of the policy, for who wants it borrowed.
    policy: Vec<u8>,
}

#[derive(Debug)]
struct Shared {
    record: TrustRecord,
    is_new: bool,
    sound: bool,
}

impl Default for DiskMemory {
    fn default() -> Self {
        Self::new(TrustRecord::default())
    }
}

impl DiskMemory {
    fn new(record: TrustRecord) -> Self {
        let policy = record.signed().unwrap_or_default();
        Self { shared: Arc::new(Mutex::new(Shared { record, is_new: false, sound: true })), policy }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Nobody panics with it in hand.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_new(&self) -> bool {
        self.shared().is_new
    }

    fn take(&self) -> Vec<u8> {
        let mut shared = self.shared();
        shared.is_new = false;
        shared.record.encode()
    }

    fn renew(&self) {
        self.shared().is_new = true;
    }

    fn set_sound(&self, sound: bool) {
        self.shared().sound = sound;
    }
}

impl Memory for DiskMemory {
    fn highest(&self, module: &str) -> u32 {
        self.shared().record.highest.get(module).copied().unwrap_or(0)
    }

    fn remember(&mut self, module: &str, version: u32) -> Result<(), NotKept> {
        let mut shared = self.shared();
        if shared.record.highest.get(module).copied().unwrap_or(0) < version {
            shared.record.highest.insert(module.into(), version);
            shared.is_new = true;
        }
        if shared.sound { Ok(()) } else { Err(NotKept) }
    }

    fn policy(&self) -> &[u8] {
        &self.policy
    }

    fn keep_policy(&mut self, signed: &[u8]) -> Result<(), NotKept> {
        {
            let mut shared = self.shared();
            if !shared.sound {
                return Err(NotKept);
            }
            shared.record.set_signed(signed);
            shared.is_new = true;
        }
        self.policy = signed.to_vec();
        Ok(())
    }
}
