//! What an owner's device remembers, as a store has it: the policy that was sent last, and the highest
//! version of each module.

use heapless::Vec;
use xmap_trust::{MAX_POLICY_BYTES, ModuleName};

use crate::{Memory, NotKept, REMEMBERED};

/// Names of modules, each with a version.
pub(super) type Versions = Vec<(ModuleName, u32), REMEMBERED>;

/// An owner's memory, which a [`super::Keeper`] keeps in its store.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    pub(super) versions: Versions,
    policy: Vec<u8, MAX_POLICY_BYTES>,
    /// How often the policy changed since the start, and how often a version did.
    pub(super) changes: (u32, u32),
}

impl Remembered {
    /// The memory that these records were written of; what is none counts for an empty one.
    pub fn new(versions: &[u8], policy: &[u8]) -> Self {
        let policy = Vec::from_slice(policy).unwrap_or_default();
        Self { versions: decode(versions).unwrap_or_default(), policy, changes: (0, 0) }
    }
}

impl Remembered {
    /// Returns the names of the modules whose versions are remembered.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.versions.iter().map(|(name, _)| name.as_str())
    }
}

impl Memory for Remembered {
    fn highest(&self, module: &str) -> u32 {
        highest(&self.versions, module)
    }

    fn remember(&mut self, module: &str, version: u32) -> Result<(), NotKept> {
        if version > self.highest(module) {
            self.changes.1 += 1;
        }
        set(&mut self.versions, module, version)
    }

    fn policy(&self) -> &[u8] {
        &self.policy
    }

    fn keep_policy(&mut self, signed: &[u8]) -> Result<(), NotKept> {
        // It holds at once, whatever the card does: a revocation does not wait for it. The answer to the host
        // says whether a restart brings it.
        self.policy = Vec::from_slice(signed).map_err(|_| NotKept)?;
        self.changes.0 += 1;
        Ok(())
    }
}

/// Returns the version of a module; 0 where there is none.
pub(super) fn highest(versions: &Versions, module: &str) -> u32 {
    versions.iter().find(|(name, _)| name == module).map_or(0, |(_, version)| *version)
}

/// Sets the version of a module, unless it has a higher one.
fn set(versions: &mut Versions, module: &str, version: u32) -> Result<(), NotKept> {
    if let Some((_, highest)) = versions.iter_mut().find(|(name, _)| name == module) {
        *highest = version.max(*highest);
        return Ok(());
    }
    let name = ModuleName::try_from(module).map_err(|_| NotKept)?;
    versions.push((name, version)).map_err(|_| NotKept)
}

/// Writes versions to the beginning of a buffer; returns how many bytes they take (docs/format.md).
pub(super) fn encode(versions: &Versions, into: &mut [u8]) -> usize {
    let mut at = 0;
    for (name, version) in versions {
        let end = at + 1 + name.len() + 4;
        let Some(([length, rest @ ..], name_bytes)) = into.get_mut(at..end).and_then(|row| {
            let (head, version_bytes) = row.split_at_mut_checked(1 + name.len())?;
            version_bytes.copy_from_slice(&version.to_le_bytes());
            Some((head, name.as_bytes()))
        }) else {
            break;
        };
        *length = name_bytes.len() as u8;
        rest.copy_from_slice(name_bytes);
        at = end;
    }
    at
}

/// Reads versions; `None` where they are none.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Versions> {
    let mut versions = Versions::new();
    while let [length, rest @ ..] = bytes {
        let (name, rest) = rest.split_at_checked((*length).into())?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let name = core::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
        set(&mut versions, name, u32::from_le_bytes(*version)).ok()?;
        bytes = rest;
    }
    Some(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_as_they_went() {
        let mut memory = Remembered::default();
        for (name, version) in [("hall", 7), ("gärten", u32::MAX), ("hall", 3), ("porch", 0)] {
            memory.remember(name, version).unwrap();
        }
        assert_eq!(memory.changes, (0, 2));
        let mut bytes = [0; 64];
        let length = encode(&memory.versions, &mut bytes);
        assert_eq!(&bytes[..9], b"\x04hall\x07\0\0\0");
        let again = Remembered::new(&bytes[..length], b"policy");
        assert_eq!((again.highest("hall"), again.highest("gärten"), again.highest("x")), (7, u32::MAX, 0));
        assert_eq!((again.policy(), again.changes), (&b"policy"[..], (0, 0)));
        for cut in (1..length).filter(|cut| ![9, 9 + 12].contains(cut)) {
            assert_eq!(decode(&bytes[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn as_many_as_are_remembered_fit_a_record() {
        let mut versions = Versions::new();
        for n in 0..REMEMBERED {
            set(&mut versions, &std::format!("{n:032}"), 9).unwrap();
        }
        let mut bytes = [0; 4096];
        let length = encode(&versions, &mut bytes);
        assert_eq!(decode(&bytes[..length]), Some(versions));
    }
}
