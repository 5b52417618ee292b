//! Real files, below the folders that the program was given.
//!
//! A path is resolved with all of its links before it is used, and what lies outside those folders is
//! answered with `EACCES`. Nobody but the program moves things between the check and the use.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps};

/// The name of an error number, as Node has it in `code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub &'static str);

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        let known = ERRNOS.iter().find(|(number, _)| Some(number.raw_os_error()) == error.raw_os_error());
        Self(known.map_or("EIO", |(_, name)| name))
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Self {
        io::Error::from(error).into()
    }
}

macro_rules! errnos {
    ($($rust:ident $name:literal,)*) => { &[$((rustix::io::Errno::$rust, $name),)*] };
}

const ERRNOS: &[(rustix::io::Errno, &str)] = errnos! {
    ACCESS "EACCES", AGAIN "EAGAIN", BADF "EBADF", BUSY "EBUSY", DQUOT "EDQUOT", EXIST "EEXIST", FBIG "EFBIG",
    INTR "EINTR", INVAL "EINVAL", IO "EIO", ISDIR "EISDIR", LOOP "ELOOP", MFILE "EMFILE", MLINK "EMLINK",
    NAMETOOLONG "ENAMETOOLONG", NFILE "ENFILE", NODEV "ENODEV", NOENT "ENOENT", NOSPC "ENOSPC", NOSYS "ENOSYS",
    NOTDIR "ENOTDIR", NOTEMPTY "ENOTEMPTY", NOTSUP "ENOTSUP", NXIO "ENXIO", OVERFLOW "EOVERFLOW", PERM "EPERM",
    PIPE "EPIPE", ROFS "EROFS", SPIPE "ESPIPE", TXTBSY "ETXTBSY", XDEV "EXDEV",
};

type Done<T> = Result<T, Errno>;

/// Descriptors of open files, the folders that may be used, and the current one.
#[derive(Debug)]
pub struct Files {
    folders: Vec<PathBuf>,
    current: PathBuf,
    open: BTreeMap<i32, File>,
}

/// The first descriptor behind standard input, output and error.
const FIRST: i32 = 3;

impl Files {
    /// The files below these folders. The program begins in this process's folder, where that is one of
    /// them or below one, or else in the first of them.
    ///
    /// # Errors
    /// The folder that is none, and the system's reason.
    pub fn new(folders: &[PathBuf]) -> Result<Self, (PathBuf, io::Error)> {
        let real = |folder: &PathBuf| {
            let path = fs::canonicalize(folder).map_err(|error| (folder.clone(), error))?;
            fs::read_dir(&path).map_err(|error| (folder.clone(), error))?;
            Ok(path)
        };
        let folders: Vec<PathBuf> = folders.iter().map(real).collect::<Result<_, _>>()?;
        let first = folders.first().cloned().unwrap_or_else(|| PathBuf::from("/"));
        let here = std::env::current_dir().ok().filter(|here| is_inside(&folders, here));
        Ok(Self { current: here.unwrap_or(first), folders, open: BTreeMap::new() })
    }

    /// The current folder.
    pub fn current(&self) -> &Path {
        &self.current
    }

    /// Moves to another folder.
    pub(crate) fn change_folder(&mut self, path: &str) -> Done<()> {
        let path = self.follow(path)?;
        if !fs::metadata(&path)?.is_dir() {
            return Err(Errno("ENOTDIR"));
        }
        self.current = path;
        Ok(())
    }

    /// The real path of what is there, or of what would be made.
    fn follow(&self, path: &str) -> Done<PathBuf> {
        let joined = self.current.join(path);
        match fs::canonicalize(&joined) {
            Ok(real) => self.allowed(real),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A link to nowhere could make a file anywhere.
                if joined.is_symlink() {
                    return Err(Errno("ENOENT"));
                }
                self.beside(path)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The path of a name itself, even where it is a link.
    fn beside(&self, path: &str) -> Done<PathBuf> {
        let joined = self.current.join(path);
        let (Some(parent), Some(name)) = (joined.parent(), joined.file_name()) else {
            return self.allowed(fs::canonicalize(&joined)?);
        };
        self.allowed(fs::canonicalize(parent)?.join(name))
    }

    fn allowed(&self, path: PathBuf) -> Done<PathBuf> {
        if is_inside(&self.folders, &path) { Ok(path) } else { Err(Errno("EACCES")) }
    }

    fn file(&self, fd: i32) -> Done<&File> {
        self.open.get(&fd).ok_or(Errno("EBADF"))
    }

    pub(crate) fn open(&mut self, path: &str, flags: i32, mode: u32) -> Done<i32> {
        let path = self.follow(path)?;
        let flags = OFlags::from_bits_retain(flags as u32) | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::from_raw_mode(mode))?;
        let fd = (FIRST..).find(|fd| !self.open.contains_key(fd)).ok_or(Errno("EMFILE"))?;
        self.open.insert(fd, file.into());
        Ok(fd)
    }

    pub(crate) fn close(&mut self, fd: i32) -> Done<()> {
        match self.open.remove(&fd) {
            Some(_) => Ok(()),
            None if (0..FIRST).contains(&fd) => Ok(()),
            None => Err(Errno("EBADF")),
        }
    }

    pub(crate) fn read(&mut self, fd: i32, bytes: &mut [u8], at: Option<u64>) -> Done<usize> {
        match at {
            Some(at) => Ok(self.file(fd)?.read_at(bytes, at)?),
            None if fd == 0 => Ok(io::stdin().lock().read(bytes)?),
            None => Ok((&mut self.file(fd)?).read(bytes)?),
        }
    }

    pub(crate) fn write(&mut self, fd: i32, bytes: &[u8], at: Option<u64>) -> Done<usize> {
        match at {
            Some(at) => Ok(self.file(fd)?.write_at(bytes, at)?),
            None => Ok((&mut self.file(fd)?).write(bytes)?),
        }
    }

    pub(crate) fn stat_of(&self, fd: i32) -> Done<Metadata> {
        match fd {
            0 => Ok(standard(io::stdin().as_fd())?.metadata()?),
            1 => Ok(standard(io::stdout().as_fd())?.metadata()?),
            2 => Ok(standard(io::stderr().as_fd())?.metadata()?),
            _ => Ok(self.file(fd)?.metadata()?),
        }
    }

    pub(crate) fn stat(&self, path: &str) -> Done<Metadata> {
        Ok(fs::metadata(self.follow(path)?)?)
    }

    pub(crate) fn lstat(&self, path: &str) -> Done<Metadata> {
        Ok(fs::symlink_metadata(self.beside(path)?)?)
    }

    pub(crate) fn names(&self, path: &str) -> Done<Vec<String>> {
        let entries = fs::read_dir(self.follow(path)?)?;
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) fn make_folder(&self, path: &str, mode: u32) -> Done<()> {
        Ok(rustix::fs::mkdir(self.beside(path)?, Mode::from_raw_mode(mode))?)
    }

    pub(crate) fn remove_folder(&self, path: &str) -> Done<()> {
        Ok(fs::remove_dir(self.beside(path)?)?)
    }

    pub(crate) fn remove(&self, path: &str) -> Done<()> {
        Ok(rustix::fs::unlink(self.beside(path)?)?)
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> Done<()> {
        Ok(fs::rename(self.beside(from)?, self.beside(to)?)?)
    }

    pub(crate) fn link(&self, path: &str, link: &str) -> Done<()> {
        Ok(fs::hard_link(self.beside(path)?, self.beside(link)?)?)
    }

    pub(crate) fn symlink(&self, path: &str, link: &str) -> Done<()> {
        Ok(std::os::unix::fs::symlink(path, self.beside(link)?)?)
    }

    pub(crate) fn read_link(&self, path: &str) -> Done<String> {
        Ok(fs::read_link(self.beside(path)?)?.to_string_lossy().into_owned())
    }

    pub(crate) fn truncate(&self, path: &str, length: u64) -> Done<()> {
        Ok(File::options().write(true).open(self.follow(path)?)?.set_len(length)?)
    }

    pub(crate) fn truncate_open(&self, fd: i32, length: u64) -> Done<()> {
        Ok(self.file(fd)?.set_len(length)?)
    }

    pub(crate) fn sync(&self, fd: i32) -> Done<()> {
        Ok(self.file(fd)?.sync_all()?)
    }

    pub(crate) fn set_mode(&self, path: &str, mode: u32) -> Done<()> {
        Ok(fs::set_permissions(self.follow(path)?, fs::Permissions::from_mode(mode))?)
    }

    pub(crate) fn set_mode_open(&self, fd: i32, mode: u32) -> Done<()> {
        Ok(self.file(fd)?.set_permissions(fs::Permissions::from_mode(mode))?)
    }

    pub(crate) fn set_owner(&self, path: &str, user: u32, group: u32) -> Done<()> {
        Ok(std::os::unix::fs::chown(self.follow(path)?, Some(user), Some(group))?)
    }

    pub(crate) fn set_link_owner(&self, path: &str, user: u32, group: u32) -> Done<()> {
        Ok(std::os::unix::fs::lchown(self.beside(path)?, Some(user), Some(group))?)
    }

    pub(crate) fn set_owner_open(&self, fd: i32, user: u32, group: u32) -> Done<()> {
        Ok(std::os::unix::fs::fchown(self.file(fd)?, Some(user), Some(group))?)
    }

    /// Sets the times of the last access and change, in seconds.
    pub(crate) fn set_times(&self, path: &str, access: f64, change: f64) -> Done<()> {
        let time = |seconds: f64| Timespec {
            tv_sec: seconds.floor() as i64,
            tv_nsec: ((seconds - seconds.floor()) * 1e9) as i64,
        };
        let times = Timestamps { last_access: time(access), last_modification: time(change) };
        Ok(rustix::fs::utimensat(CWD, self.follow(path)?, &times, AtFlags::empty())?)
    }
}

/// A standard descriptor as a file of its own, for a look at its kind.
fn standard(fd: BorrowedFd<'_>) -> io::Result<File> {
    fd.try_clone_to_owned().map(File::from)
}

fn is_inside(folders: &[PathBuf], path: &Path) -> bool {
    folders.iter().any(|folder| path.starts_with(folder))
}

/// The numbers of a `Stats` object, by their names.
pub(crate) fn numbers(stat: &Metadata) -> [(&'static str, f64); 13] {
    let ms = |seconds: i64, ns: i64| seconds as f64 * 1e3 + ns as f64 / 1e6;
    [
        ("dev", stat.dev() as f64),
        ("ino", stat.ino() as f64),
        ("mode", stat.mode().into()),
        ("nlink", stat.nlink() as f64),
        ("uid", stat.uid().into()),
        ("gid", stat.gid().into()),
        ("rdev", stat.rdev() as f64),
        ("size", stat.size() as f64),
        ("blksize", stat.blksize() as f64),
        ("blocks", stat.blocks() as f64),
        ("atimeMs", ms(stat.atime(), stat.atime_nsec())),
        ("mtimeMs", ms(stat.mtime(), stat.mtime_nsec())),
        ("ctimeMs", ms(stat.ctime(), stat.ctime_nsec())),
    ]
}
