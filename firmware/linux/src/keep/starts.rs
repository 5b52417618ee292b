//! A counter of starts that lasts: an image cannot keep its device down.
//!
//! Before an image is mounted, its hash is in a file of the state's folder, with the number of starts that
//! have not gone well since it last ran. Once the device has served a host, or has run for [`GOOD_US`], or
//! ends in order, the entry goes. A start that hangs or crashes leaves it there. An image with [`MOST`] of
//! them is set aside: the one before it is mounted, then the default panel, then nothing; the link is up in
//! each case.
//!
//! A hang that comes later is noticed by the guard, which writes the entries of what runs once more
//! ([`Starts::note_hang`]).

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::disk::{Disk, Folder};
use crate::log;

/// Starts that do not go well, one after another, before an image is set aside.
const MOST: u8 = 3;
/// Microseconds of running after which a start has gone well, though no host came.
pub const GOOD_US: u64 = 5_000_000;

/// The file, and the one that takes its place.
const NAME: &str = "starts";
const NEW: &str = "starts.new";

/// What the file has: for each image, by its hash, starts that have not gone well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Record {
    unclean: BTreeMap<String, u8>,
}

/// The counter. Clones share it.
#[derive(Clone, Debug)]
pub struct Starts(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    disk: Folder,
    /// Starts that had not gone well when this one began.
    before: Record,
    /// What the file has now.
    now: Record,
    /// Images that run, or are being mounted.
    running: Vec<String>,
}

impl Starts {
    /// Reads the file. One that is damaged counts for none: it is only about starts.
    pub fn open(disk: Folder) -> Self {
        let text = disk.read(NAME).ok().flatten().unwrap_or_default();
        let before: Record =
            std::str::from_utf8(&text).ok().and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
        Self(Arc::new(Mutex::new(Shared { disk, now: before.clone(), before, running: Vec::new() })))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Nobody panics with it in hand.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many starts with an image have not gone well, where those are enough to set it aside.
    pub fn set_aside(&self, hash: &[u8; 32]) -> Option<u8> {
        let shared = self.shared();
        shared.before.unclean.get(&hex(hash)).copied().filter(|starts| *starts >= MOST)
    }

    /// An image is about to be mounted: a start that does not go on from here counts against it, and no
    /// longer against those that are mounted already.
    pub fn begin(&self, hash: &[u8; 32]) {
        let mut shared = self.shared();
        let shared = &mut *shared;
        for mounted in &shared.running {
            shared.now.unclean.remove(mounted);
        }
        shared.running.push(hex(hash));
        shared.count(&[hex(hash)]);
        shared.write(true);
    }

    /// An image was not mounted; it is none that runs.
    pub fn gave_up(&self, hash: &[u8; 32]) {
        let mut shared = self.shared();
        let name = hex(hash);
        shared.running.retain(|running| *running != name);
        shared.now.unclean.remove(&name);
    }

    /// All that is to run is mounted: a start that does not go on from here counts against all of it.
    pub fn mounted(&self) {
        let mut shared = self.shared();
        let running = shared.running.clone();
        shared.count(&running);
        shared.write(true);
    }

    /// The start has gone well. Not synced: where the power goes now, the start counts, which does no harm.
    pub fn good(&self) {
        let mut shared = self.shared();
        let shared = &mut *shared;
        for running in &shared.running {
            shared.now.unclean.remove(running);
        }
        shared.write(false);
    }

    /// Images that a host has brought run now: what hangs from here on counts against them.
    pub fn set_running(&self, hashes: impl Iterator<Item = [u8; 32]>) {
        let mut shared = self.shared();
        let shared = &mut *shared;
        shared.running = hashes.map(|hash| hex(&hash)).collect();
        // A host's own choice has all its starts again.
        for running in &shared.running {
            shared.before.unclean.remove(running);
            shared.now.unclean.remove(running);
        }
        shared.write(false);
    }

    /// The main loop hangs: if the service ends like this, the start has not gone well after all.
    pub fn note_hang(&self) {
        let mut shared = self.shared();
        let running = shared.running.clone();
        shared.count(&running);
        shared.write(true);
    }

    /// Forgets what was counted against images that are not there any more.
    pub fn prune(&self, known: impl Iterator<Item = [u8; 32]>) {
        let known: Vec<_> = known.map(|hash| hex(&hash)).collect();
        let mut shared = self.shared();
        shared.now.unclean.retain(|hash, _| known.contains(hash));
    }
}

impl Shared {
    fn count(&mut self, hashes: &[String]) {
        for hash in hashes {
            let before = self.before.unclean.get(hash).copied().unwrap_or(0);
            self.now.unclean.insert(hash.clone(), before.saturating_add(1));
        }
    }

    /// Writes the record, where the file has another one.
    fn write(&mut self, sync: bool) {
        if let Err(error) = self.try_write(sync) {
            log::warn(format_args!("the counter of starts is not kept: {error}"));
        }
    }

    fn try_write(&mut self, sync: bool) -> io::Result<()> {
        let text = toml::to_string(&self.now).unwrap_or_default();
        let have = self.disk.read(NAME)?;
        if have.as_deref() == Some(text.as_bytes()) || have.is_none() && self.now.unclean.is_empty() {
            return Ok(());
        }
        if self.now.unclean.is_empty() {
            return self.disk.remove(NAME).map(drop);
        }
        self.disk.write(NEW, &[text.as_bytes()])?;
        if sync {
            self.disk.sync(NEW)?;
        }
        self.disk.rename(NEW, NAME)?;
        if sync { self.disk.sync_folder() } else { Ok(()) }
    }
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const X: [u8; 32] = [1; 32];
    const Y: [u8; 32] = [2; 32];

    fn open(folder: &TempDir) -> Starts {
        Starts::open(Folder::open(folder.path()).unwrap())
    }

    #[test]
    fn three_starts_that_do_not_end_well_set_an_image_aside() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..MOST {
            let starts = open(&folder);
            assert_eq!(starts.set_aside(&X), None);
            starts.begin(&X);
        }
        assert_eq!(open(&folder).set_aside(&X), Some(MOST));
        // The one before has its own starts, and the one that was set aside stays so.
        let starts = open(&folder);
        starts.begin(&Y);
        starts.mounted();
        starts.good();
        drop(starts);
        let starts = open(&folder);
        assert_eq!((starts.set_aside(&X), starts.set_aside(&Y)), (Some(MOST), None));
        // A host brings it again: it has all its starts.
        starts.set_running([X].into_iter());
        drop(starts);
        assert_eq!(open(&folder).set_aside(&X), None);
    }

    #[test]
    fn a_good_start_between_them_begins_anew_and_a_hang_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..9 {
            let starts = open(&folder);
            assert_eq!(starts.set_aside(&X), None, "{round}");
            starts.begin(&X);
            starts.mounted();
            if round % 3 == 2 {
                starts.good();
            }
        }
        for _ in 0..MOST {
            let starts = open(&folder);
            starts.begin(&X);
            starts.mounted();
            starts.good();
            (0..5).for_each(|_| starts.note_hang());
        }
        // The counter of the last start that went well is gone; each of these hung once.
        let starts = open(&folder);
        assert_eq!(starts.set_aside(&X), Some(MOST));
    }

    #[test]
    fn what_is_mounted_already_does_not_pay_for_the_next() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..MOST {
            let starts = open(&folder);
            starts.begin(&X);
            starts.begin(&Y);
        }
        let starts = open(&folder);
        assert_eq!((starts.set_aside(&X), starts.set_aside(&Y)), (None, Some(MOST)));
        starts.prune([X].into_iter());
        starts.begin(&X);
        drop(starts);
        assert_eq!(open(&folder).set_aside(&Y), None);
    }

    #[test]
    fn a_damaged_file_counts_for_none() {
        let folder = tempfile::tempdir().unwrap();
        for text in [&b"\xff"[..], b"unclean = 3", b"[unclean]\nx = 999\n"] {
            std::fs::write(folder.path().join(NAME), text).unwrap();
            let starts = open(&folder);
            assert_eq!(starts.set_aside(&X), None);
            starts.begin(&X);
            assert_eq!(open_count(&folder), 1);
        }
    }

    fn open_count(folder: &TempDir) -> usize {
        std::fs::read_to_string(folder.path().join(NAME))
            .unwrap()
            .lines()
            .filter(|l| l.contains("= 1"))
            .count()
    }
}
