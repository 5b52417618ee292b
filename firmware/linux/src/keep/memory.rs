//! What an owner's device remembers: the policy that was sent last, and the highest version of each module.
//!
//! The device program gives both to [`DiskMemory`] and goes on; the [`super::Keeper`] writes them, and says
//! whether they are on the disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xmap_device::{Memory, NotKept};

use super::records::TrustRecord;

/// An owner's memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct DiskMemory {
    shared: Arc<Mutex<Shared>>,
    /// A copy of the policy, for a caller that borrows it.
    policy: Vec<u8>,
}

#[derive(Debug, Default)]
struct Shared {
    record: TrustRecord,
    /// The record on the disk.
    written: TrustRecord,
    /// How often the policy changed since the start, and how often a version did.
    policies: u64,
    versions: u64,
}

/// A record to write.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) record: TrustRecord,
    /// Whether it has every version: none waits for its image.
    pub(super) whole: bool,
}

impl DiskMemory {
    pub(super) fn new(record: TrustRecord) -> Self {
        let policy = record.signed().unwrap_or_default();
        let shared = Shared { written: record.clone(), record, ..Shared::default() };
        Self { shared: Arc::new(Mutex::new(shared)), policy }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Nobody panics with it in hand.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how often the policy and the versions changed since the start.
    pub(super) fn changes(&self) -> (u64, u64) {
        let shared = self.shared();
        (shared.policies, shared.versions)
    }

    /// Returns whether a module's version is higher than the one on the disk.
    pub(super) fn is_ahead(&self, module: &str) -> bool {
        let shared = self.shared();
        shared.record.highest.get(module) > shared.written.highest.get(module)
    }

    /// Returns the record without the versions of modules whose images are not on the disk. With such a
    /// version there and the image not, a restart would find an image that is older than it may be, and run
    /// none.
    pub(super) fn draft(&self, waiting: &[String]) -> Draft {
        let shared = self.shared();
        let mut record = shared.record.clone();
        for module in waiting {
            match shared.written.highest.get(module) {
                Some(version) => _ = record.highest.insert(module.clone(), *version),
                None => _ = record.highest.remove(module),
            }
        }
        let whole = record == shared.record;
        Draft { record, whole }
    }

    /// Notes that a record is on the disk.
    pub(super) fn note_written(&self, record: TrustRecord) {
        self.shared().written = record;
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
            shared.versions += 1;
        }
        Ok(())
    }

    fn policy(&self) -> &[u8] {
        &self.policy
    }

    fn keep_policy(&mut self, signed: &[u8]) -> Result<(), NotKept> {
        // It holds at once, whatever the disk does: a revocation does not wait for room there. The answer to
        // the host says whether a restart brings it.
        let mut shared = self.shared();
        shared.record.set_signed(signed);
        shared.policies += 1;
        drop(shared);
        self.policy = signed.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_waits_for_its_image_and_a_policy_for_nothing() {
        let mut memory = DiskMemory::default();
        memory.remember("hall", 7).unwrap();
        memory.remember("porch", 2).unwrap();
        memory.keep_policy(&[1, 2]).unwrap();
        assert_eq!(memory.changes(), (1, 2));
        let draft = memory.draft(&["hall".into()]);
        assert!(!draft.whole && memory.is_ahead("hall"));
        assert_eq!(draft.record.highest.get("hall"), None);
        assert_eq!((draft.record.highest["porch"], draft.record.signed()), (2, Some(vec![1, 2])));
        memory.note_written(draft.record);
        assert!(memory.is_ahead("hall") && !memory.is_ahead("porch"));
        let draft = memory.draft(&[]);
        assert!(draft.whole);
        memory.note_written(draft.record);
        assert!(!memory.is_ahead("hall"));
        // On the disk is the version before, while the next image is on its way there.
        memory.remember("hall", 8).unwrap();
        memory.remember("hall", 3).unwrap();
        assert_eq!(memory.draft(&["hall".into()]).record.highest["hall"], 7);
        assert_eq!((memory.highest("hall"), memory.changes().1), (8, 3));
    }
}
