//! A disk in memory that forgets what was not synced, for tests.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;

use super::disk::Disk;

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// Of a file's new bytes.
    bytes: Bytes,
    /// Of the renames: the first so many, or all.
    renames: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bytes {
    /// The file is as it was synced last; empty, if never.
    Old,
    /// All came.
    New,
    /// The first half came.
    Half,
    /// The length came, and nothing in it: what some file systems leave.
    Zeros,
}

impl Fate {
    /// Every fate that differs.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let bytes = [Bytes::Old, Bytes::New, Bytes::Half, Bytes::Zeros];
        bytes.into_iter().flat_map(|bytes| (0..5).map(move |renames| Self { bytes, renames }))
    }
}

#[derive(Clone, Debug, Default)]
struct Content {
    synced: Vec<u8>,
    now: Vec<u8>,
}

/// The disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fake {
    /// Files by their number: a rename moves the name, not what is in it.
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    /// The names on the disk, and what was done to them since.
    synced_names: BTreeMap<String, usize>,
    changes: Vec<(Option<String>, String, usize)>,
    /// Calls that still work.
    calls: Cell<Option<usize>>,
    /// What a call that fails says.
    errno: Option<i32>,
    /// Bytes and syncs so far: what wears the card.
    pub(crate) written: usize,
    pub(crate) syncs: usize,
}

impl Fake {
    /// Has every call fail after so many.
    pub(crate) fn fail_after(&mut self, calls: usize) {
        self.calls.set(Some(calls));
    }

    /// Has calls fail with an error of the system, from the one behind so many on.
    pub(crate) fn fail_with(&mut self, errno: i32, calls: usize) {
        self.errno = Some(errno);
        self.fail_after(calls);
    }

    /// All calls work again.
    pub(crate) fn mend(&mut self) {
        self.calls.set(None);
    }

    /// The power goes and comes back.
    pub(crate) fn cut(&mut self, fate: Fate) {
        for content in &mut self.contents {
            if content.now != content.synced {
                content.now = match fate.bytes {
                    Bytes::Old => content.synced.clone(),
                    Bytes::New => content.now.clone(),
                    Bytes::Half => content.now[..content.now.len() / 2].to_vec(),
                    Bytes::Zeros => vec![0; content.now.len()],
                };
                content.synced = content.now.clone();
            }
        }
        let mut names = self.synced_names.clone();
        for (from, to, file) in self.changes.drain(..).take(fate.renames) {
            from.map(|from| names.remove(&from));
            names.insert(to, file);
        }
        self.names = names.clone();
        self.synced_names = names;
        self.calls.set(None);
    }

    fn call(&self) -> io::Result<()> {
        match self.calls.get() {
            Some(0) => {
                Err(self.errno.map_or_else(|| io::Error::other("no power"), io::Error::from_raw_os_error))
            }
            Some(left) => {
                self.calls.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Disk for Fake {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.names.get(name).map(|file| self.contents[*file].now.clone()))
    }

    fn write(&mut self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let bytes = &parts.concat()[..];
        // One that fails has made the file, and written a part of it.
        let done = self.call();
        let bytes = if done.is_ok() { bytes } else { &bytes[..bytes.len() / 3] };
        self.written += bytes.len();
        match self.names.get(name) {
            Some(file) => self.contents[*file].now = bytes.to_vec(),
            None => {
                let file = self.contents.len();
                self.contents.push(Content { synced: Vec::new(), now: bytes.to_vec() });
                self.names.insert(name.into(), file);
                self.changes.push((None, name.into(), file));
            }
        }
        done
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.call()?;
        self.syncs += 1;
        let file = self.names[name];
        self.contents[file].synced = self.contents[file].now.clone();
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.call()?;
        let file = self.names.remove(from).unwrap();
        self.names.insert(to.into(), file);
        self.changes.push((Some(from.into()), to.into(), file));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<bool> {
        self.call()?;
        // The file is gone for a power cut, too: a test of what is left would be kinder otherwise.
        self.synced_names.remove(name);
        Ok(self.names.remove(name).is_some())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.call()?;
        self.syncs += 1;
        self.changes.clear();
        self.synced_names = self.names.clone();
        Ok(())
    }
}
