//! The few things that are asked of a disk, and the folder that does them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};

/// A folder of small files, one method for each call of the system that can fail or be the last one before the power
/// goes. Until [`Disk::sync`] has returned, what was written may be lost, in part too; until [`Disk::sync_folder`] has,
/// a rename may be undone.
pub trait Disk {
    /// What a file has; `None` where there is none.
    ///
    /// # Errors
    /// Those of the system.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Makes a file, in the place of any before, and writes it.
    ///
    /// # Errors
    /// Those of the system; what the file has then is not known.
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Waits until what a file has is on the disk.
    ///
    /// # Errors
    /// Those of the system.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Gives a file another name, in the place of any before: in one step, or not at all.
    ///
    /// # Errors
    /// Those of the system.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Waits until the names are on the disk.
    ///
    /// # Errors
    /// Those of the system.
    fn sync_folder(&mut self) -> io::Result<()>;
}

/// Bytes that are read of a file: more than any record has. The largest is that of kept state; one of an image has less, and
/// so has what an owner's device remembers.
const MOST: u64 = xmap_image::limits::MAX_KEPT_BYTES as u64 + 4096;

/// A folder of the file system, which no other service uses at the same time.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    folder: File,
    /// The file that was written last, until it is synced.
    written: Option<(String, File)>,
}

impl Folder {
    /// Opens a folder, and makes one that is not there. It is this program's until it ends, however it ends.
    ///
    /// # Errors
    /// [`Code::State`], [`Code::Running`].
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::new(Code::State, format!("{}: {error}", path.display()))
                .help("`state` in xmapd.toml names the folder; \"\" keeps nothing")
        };
        DirBuilder::new().recursive(true).mode(0o750).create(path).map_err(failed)?;
        let folder = File::open(path).map_err(failed)?;
        match rustix::fs::flock(&folder, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path: path.to_owned(), folder, written: None }),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let message = format!("{}: another xmapd keeps its slots there", path.display());
                Err(Error::new(Code::Running, message))
            }
            Err(error) => Err(failed(error.into())),
        }
    }
}

impl Disk for Folder {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match File::open(self.path.join(name)) {
            Ok(file) => file.take(MOST).read_to_end(&mut bytes).map(|_| Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path.join(name);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(path)?;
        file.write_all(bytes)?;
        self.written = Some((name.to_owned(), file));
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        match self.written.take_if(|(written, _)| written == name) {
            Some((_, file)) => file.sync_all(),
            None => File::open(self.path.join(name))?.sync_all(),
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.folder.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_services_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("var/lib/xmap");
        let mut folder = Folder::open(&path).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().code, Code::Running);
        assert_eq!(folder.read("a").unwrap(), None);
        folder.write("new", b"one").unwrap();
        folder.sync("new").unwrap();
        folder.rename("new", "a").unwrap();
        folder.sync_folder().unwrap();
        assert_eq!(folder.read("a").unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(folder.read("new").unwrap(), None);
        drop(folder);
        assert_eq!(Folder::open(&path).unwrap().read("a").unwrap().as_deref(), Some(&b"one"[..]));
    }

    #[test]
    fn what_is_no_folder_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Folder::open(file.path()).unwrap_err();
        assert_eq!(error.code, Code::State);
        assert!(error.message.starts_with(&file.path().display().to_string()), "{error}");
    }
}
