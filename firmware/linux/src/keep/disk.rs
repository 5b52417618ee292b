//! The few things that are asked of a disk, and the folder that does them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::records::RECORD_BYTES_MAX;
use crate::error::{Code, Error, Result};

/// A folder of small files, one method for each call of the system that can fail or be the last one before
/// the power goes. Until [`Disk::sync`] has returned, what was written may be lost, in part too; until
/// [`Disk::sync_folder`] has, a rename may be undone.
pub trait Disk {
    /// Returns what a file has; `None` where there is none.
    ///
    /// # Errors
    /// Those of the system; a file that is none of this program's, such as a link or a pipe, is one.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Makes a file, in the place of any before, and writes the parts one behind the other.
    ///
    /// # Errors
    /// Those of the system; what the file has then is not known.
    fn write(&mut self, name: &str, parts: &[&[u8]]) -> io::Result<()>;

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

    /// Removes a file, and returns whether there was one.
    ///
    /// # Errors
    /// Those of the system.
    fn remove(&mut self, name: &str) -> io::Result<bool>;

    /// Waits until the names are on the disk.
    ///
    /// # Errors
    /// Those of the system.
    fn sync_folder(&mut self) -> io::Result<()>;
}

/// How often a call that a signal interrupted is made again. No signal comes to the thread that writes, so a
/// system that goes on saying so is one that fails.
const INTERRUPTED: u32 = 100;

/// Makes a call again that was interrupted, and not for ever.
fn patiently<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..INTERRUPTED {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
    call()
}

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

/// Writes all of it.
///
/// # Errors
/// Those of the system.
pub fn write_all(file: &mut File, mut left: &[u8]) -> io::Result<()> {
    while !left.is_empty() {
        match patiently(|| file.write(left))? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => left = left.get(count..).unwrap_or_default(),
        }
    }
    Ok(())
}

impl Folder {
    /// Makes a new file, to write and to read, whatever stands there: nobody else has it open, its mode
    /// is right from the first moment, and no link leads elsewhere.
    ///
    /// # Errors
    /// Those of the system.
    pub fn make(&mut self, name: &str) -> io::Result<File> {
        self.remove(name)?;
        let flags = OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o640).custom_flags(flags);
        options.open(self.path.join(name))
    }

    /// Another handle of the same folder, under the same lock.
    ///
    /// # Errors
    /// [`Code::System`].
    pub fn share(&self) -> Result<Self> {
        let folder = self.folder.try_clone().map_err(|error| Error::system("the folder of slots", error))?;
        Ok(Self { path: self.path.clone(), folder, written: None })
    }
}

impl Disk for Folder {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        // A link is not followed, and a pipe not waited for: others may have put them there.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(self.path.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if metadata.len() > RECORD_BYTES_MAX {
            return Err(io::Error::other(format!("{} bytes, more than any record has", metadata.len())));
        }
        let mut bytes = Vec::with_capacity(metadata.len() as usize);
        file.take(RECORD_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn write(&mut self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.written = None;
        let mut file = self.make(name)?;
        parts.iter().try_for_each(|part| write_all(&mut file, part))?;
        self.written = Some((name.to_owned(), file));
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let written = self.written.take_if(|(written, _)| written == name);
        let (_, file) = written.ok_or_else(|| io::Error::other("nothing was written"))?;
        patiently(|| Ok(rustix::fs::fsync(&file)?))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        patiently(|| fs::rename(self.path.join(from), self.path.join(to)))
    }

    fn remove(&mut self, name: &str) -> io::Result<bool> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => removed.map(|()| true),
        }
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        patiently(|| Ok(rustix::fs::fsync(&self.folder)?))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_is_one_services_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("var/lib/xmap");
        let mut folder = Folder::open(&path).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().code, Code::Running);
        assert_eq!(folder.read("a").unwrap(), None);
        folder.write("new", &[b"o", b"", b"ne"]).unwrap();
        folder.sync("new").unwrap();
        assert!(folder.sync("new").is_err(), "once for each write");
        folder.rename("new", "a").unwrap();
        folder.sync_folder().unwrap();
        assert_eq!(folder.read("a").unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!(folder.read("new").unwrap(), None);
        drop(folder);
        let mut folder = Folder::open(&path).unwrap();
        assert_eq!(folder.read("a").unwrap().as_deref(), Some(&b"one"[..]));
        assert!(folder.remove("a").unwrap() && !folder.remove("a").unwrap());
        assert_eq!(folder.read("a").unwrap(), None);
    }

    #[test]
    fn what_is_no_folder_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Folder::open(file.path()).unwrap_err();
        assert_eq!(error.code, Code::State);
        assert!(error.message.starts_with(&file.path().display().to_string()), "{error}");
    }

    /// Whatever somebody has put into the folder: nothing outside of it is read or written, and nothing is
    /// waited for.
    #[test]
    fn links_and_pipes_are_neither_followed_nor_waited_for() {
        let (outside, inside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = outside.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let mut folder = Folder::open(inside.path()).unwrap();
        let at = |name: &str| inside.path().join(name);
        symlink(&secret, at("a")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at("b")).status();
        let pipe = made.is_ok_and(|status| status.success());
        fs::create_dir(at("c")).unwrap();
        for name in ["a", "c"].into_iter().chain(pipe.then_some("b")) {
            assert!(folder.read(name).is_err(), "{name}");
        }
        for name in ["a", "b"] {
            folder.write(name, &[b"mine"]).unwrap();
            folder.sync(name).unwrap();
            assert_eq!(folder.read(name).unwrap().as_deref(), Some(&b"mine"[..]), "{name}");
            let mode = fs::symlink_metadata(at(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o027 & !0o640, 0, "{name}: {mode:o}");
        }
        assert!(folder.write("c", &[b"mine"]).is_err());
        assert_eq!(fs::read(&secret).unwrap(), b"secret");
        // A file that others may write is not written into: it is another one afterwards.
        fs::write(at("d"), "theirs").unwrap();
        let theirs = File::open(at("d")).unwrap();
        folder.write("d", &[b"mine"]).unwrap();
        assert_eq!(io::read_to_string(theirs).unwrap(), "theirs");
    }

    #[test]
    fn a_file_that_is_larger_than_any_record_is_not_read() {
        let path = tempfile::tempdir().unwrap();
        let folder = Folder::open(path.path()).unwrap();
        File::create(path.path().join("a")).unwrap().set_len(RECORD_BYTES_MAX + 1).unwrap();
        assert!(folder.read("a").unwrap_err().to_string().contains("more than any record has"));
    }
}
