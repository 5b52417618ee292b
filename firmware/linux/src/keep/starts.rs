//! The account of starts, in a file of the state's folder: an image cannot keep its device down.
//!
//! [`xmap_device::Starts`] is the account; a hang is noted by the guard, from its own thread.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use xmap_device::ImageHash;

use super::disk::{Disk, Folder};
use crate::log;

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
    account: xmap_device::Starts,
}

impl Starts {
    /// Reads the file. One that is damaged counts for none: it is only about starts.
    pub fn open(disk: Folder) -> Self {
        let text = disk.read(NAME).ok().flatten().unwrap_or_default();
        let record: Record =
            std::str::from_utf8(&text).ok().and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
        let rows = record.unclean.iter().filter_map(|(name, count)| Some((unhex(name)?, *count)));
        Self(Arc::new(Mutex::new(Shared { disk, account: xmap_device::Starts::new(rows) })))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Nobody panics with it in hand.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many starts with an image have not gone well if those are enough to set it aside.
    pub fn set_aside(&self, hash: &ImageHash) -> Option<u8> {
        self.shared().account.set_aside(hash)
    }

    /// See [`xmap_device::Starts::begin`].
    pub fn begin(&self, hash: &ImageHash) {
        self.shared().change(true, |account| account.begin(hash));
    }

    /// See [`xmap_device::Starts::gave_up`]. The next entry or the end of the mounts writes it.
    pub fn gave_up(&self, hash: &ImageHash) {
        self.shared().account.gave_up(hash);
    }

    /// See [`xmap_device::Starts::mounted`].
    pub fn mounted(&self) {
        self.shared().change(true, xmap_device::Starts::mounted);
    }

    /// See [`xmap_device::Starts::good`]. Not synced: where the power goes now, the start counts, which does
    /// no harm.
    pub fn good(&self) {
        self.shared().change(false, xmap_device::Starts::good);
    }

    /// See [`xmap_device::Starts::set_running`].
    pub fn set_running(&self, hashes: impl Iterator<Item = ImageHash>) {
        self.shared().change(false, |account| account.set_running(hashes));
    }

    /// The main loop hangs: if the service ends like this, the start has not gone well after all.
    pub fn note_hang(&self) {
        self.shared().change(true, xmap_device::Starts::mounted);
    }
}

impl Shared {
    fn change(&mut self, sync: bool, change: impl FnOnce(&mut xmap_device::Starts)) {
        change(&mut self.account);
        if let Err(error) = self.try_write(sync) {
            log::warn(format_args!("the counter of starts is not kept: {error}"));
        }
    }

    /// Writes the record, where the file has another one.
    fn try_write(&mut self, sync: bool) -> io::Result<()> {
        let unclean: BTreeMap<_, _> =
            self.account.rows().iter().map(|(hash, count)| (hex(hash), *count)).collect();
        let is_empty = unclean.is_empty();
        let text = toml::to_string(&Record { unclean }).unwrap_or_default();
        let have = self.disk.read(NAME)?;
        if have.as_deref() == Some(text.as_bytes()) || have.is_none() && is_empty {
            return Ok(());
        }
        if is_empty {
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

fn hex(hash: &ImageHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<ImageHash> {
    let digits = text.as_bytes().as_chunks::<2>();
    let byte = |two: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.0.iter().map(byte).collect();
    bytes?.try_into().ok().filter(|_| digits.1.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;
    use xmap_device::UNCLEAN_STARTS;

    const X: ImageHash = [1; 32];

    fn open(folder: &TempDir) -> Starts {
        Starts::open(Folder::open(folder.path()).unwrap())
    }

    #[test]
    fn counts_outlive_a_start_that_does_not_end_well() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..UNCLEAN_STARTS {
            let starts = open(&folder);
            assert_eq!(starts.set_aside(&X), None);
            starts.begin(&X);
        }
        let starts = open(&folder);
        assert_eq!(starts.set_aside(&X), Some(UNCLEAN_STARTS));
        starts.set_running([X].into_iter());
        assert!(!folder.path().join(NAME).exists(), "nothing is counted");
        starts.note_hang();
        starts.note_hang();
        assert_eq!(open_count(&folder), 1);
        starts.good();
        drop(starts);
        assert_eq!(open(&folder).set_aside(&X), None);
    }

    #[test]
    fn a_damaged_file_counts_for_none() {
        let folder = tempfile::tempdir().unwrap();
        for text in [&b"\xff"[..], b"unclean = 3", b"[unclean]\nx = 999\n", b"[unclean]\nx = 3\n"] {
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
