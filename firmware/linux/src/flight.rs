//! The recording on the disk: a service that ends, however it ends, leaves what it was told, to be played.
//!
//! A thread of its own appends to the file, so that the panel's events do not wait for the disk. Nothing is
//! synced: what a loss of power takes is the last half minute, as the system has it. What the recorder gives
//! up goes out of the file, too, which so is never longer than the recorder's memory.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use xmap_device::{GROWING, Noted};

use crate::error::{Error, Result};
use crate::keep::disk::{Disk as _, Folder, write_all};
use crate::log;

/// The file of this start, and that of the start before it.
const NOW: &str = "recording.xrec";
const BEFORE: &str = "recording.before.xrec";
/// The next file of this start, until it is whole.
const NEXT: &str = "recording.next.xrec";

/// The least time between two writes, however much happens.
const PAUSE_US: u64 = 1_000_000;

/// What the thread is given.
#[derive(Debug)]
struct Part {
    /// How many bytes at the file's beginning the recorder has given up.
    gone: u32,
    /// What follows.
    bytes: Vec<u8>,
}

/// The file that a recording grows in.
#[derive(Debug)]
pub struct FlightFile {
    /// `None` once the disk has refused.
    parts: Option<SyncSender<Part>>,
    thread: Option<JoinHandle<()>>,
    every_us: u64,
    /// The numbers of the bytes that the file has: the first, and that behind the last.
    given: (u32, u32),
    given_us: Option<u64>,
    /// Something has happened that must not be lost.
    hurry: bool,
}

impl FlightFile {
    /// Begins a file in the folder when the first of it comes, which is when a start has come to its main
    /// loop; that of the last start gets another name then. It is written every so many seconds, with 0 only
    /// when something has happened and at the end.
    ///
    /// # Errors
    /// [`crate::error::Code::System`] where there is no thread to be had. What the disk refuses is in the
    /// journal.
    pub fn begin(folder: Folder, every_s: u32) -> Result<Self> {
        let (parts, taken) = sync_channel(1);
        let work = move || {
            if let Err(error) = grow(folder, &taken) {
                log::warn(format_args!("the recording is not written any more: {error}"));
            }
        };
        let thread = thread::Builder::new().name("xmapd-recording".into()).spawn(work);
        let thread = thread.map_err(|error| Error::system("the thread that writes the recording", error))?;
        let every_us = if every_s == 0 { u64::MAX } else { u64::from(every_s) * 1_000_000 };
        let (parts, thread) = (Some(parts), Some(thread));
        Ok(Self { parts, thread, every_us, given: (0, 0), given_us: None, hurry: false })
    }

    /// Gives the thread what was noted, where it is time for that or something has happened. Returns when to
    /// look again, where nothing comes before.
    pub fn look(&mut self, noted: Noted<'_>, now_us: u64, happened: bool) -> u64 {
        self.hurry |= happened;
        let new = noted.since(self.given.1);
        let (Some(parts), false) = (&self.parts, new.is_empty()) else { return u64::MAX };
        let wait_us = if self.hurry { PAUSE_US } else { self.every_us };
        let due_us = self.given_us.map_or(now_us, |given_us| given_us.saturating_add(wait_us));
        if now_us < due_us {
            return due_us;
        }
        match parts.try_send(self.part(noted, new)) {
            Ok(()) => {
                self.given = (noted.first, noted.next());
                (self.given_us, self.hurry) = (Some(now_us), false);
            }
            // The disk is slow.
            Err(TrySendError::Full(_)) => return now_us.saturating_add(PAUSE_US),
            Err(TrySendError::Disconnected(_)) => self.parts = None,
        }
        u64::MAX
    }

    /// Returns what the thread has to do, so that the file has what was noted.
    fn part(&self, noted: Noted<'_>, new: Noted<'_>) -> Part {
        Part { gone: noted.first.wrapping_sub(self.given.0), bytes: new.parts.concat() }
    }

    /// Writes the rest, and waits for it.
    pub fn finish(mut self, noted: Noted<'_>) {
        let rest = noted.since(self.given.1);
        // Nothing begins no file. The thread is gone where the disk has refused.
        if let Some(parts) = self.parts.take().filter(|_| !rest.is_empty()) {
            _ = parts.send(self.part(noted, rest));
        }
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            _ = thread.join();
        }
    }
}

/// Writes what comes until no more does.
fn grow(mut folder: Folder, parts: &Receiver<Part>) -> io::Result<()> {
    // Starts that fail, one after another, leave the file of the one that worked.
    let Ok(first) = parts.recv() else { return Ok(()) };
    match folder.rename(NOW, BEFORE) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = folder.make(NOW)?;
    write_all(&mut file, &GROWING)?;
    write_all(&mut file, &first.bytes)?;
    for Part { gone, bytes } in parts {
        if gone > 0 {
            file = shorten(&mut folder, file, gone)?;
        }
        write_all(&mut file, &bytes)?;
    }
    Ok(())
}

/// Takes so many bytes away from the beginning, or all where there are fewer. The file is whole at any time.
fn shorten(folder: &mut Folder, mut before: File, gone: u32) -> io::Result<File> {
    let mut file = folder.make(NEXT)?;
    write_all(&mut file, &GROWING)?;
    before.seek(SeekFrom::Start(GROWING.len() as u64 + u64::from(gone)))?;
    io::copy(&mut before, &mut file)?;
    folder.rename(NEXT, NOW)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn noted(bytes: &[u8]) -> Noted<'_> {
        Noted { first: 0, parts: [bytes, &[]] }
    }

    fn folder() -> (tempfile::TempDir, Folder) {
        let path = tempfile::tempdir().unwrap();
        let folder = Folder::open(path.path()).unwrap();
        (path, folder)
    }

    #[test]
    fn it_is_written_in_time_at_once_and_at_the_end() {
        let (path, folder) = folder();
        let mut file = FlightFile::begin(folder.share().unwrap(), 10).unwrap();
        let written = |what: &[u8]| {
            let expected = [&GROWING[..], what].concat();
            let now = || fs::read(path.path().join(NOW)).unwrap_or_default();
            let tries = (0..200).any(|_| {
                now() == expected || {
                    thread::sleep(std::time::Duration::from_millis(10));
                    false
                }
            });
            assert!(tries, "{:?}", now());
        };
        assert_eq!(file.look(noted(b""), 5, false), u64::MAX);
        assert_eq!(file.look(noted(b"ab"), 10, false), u64::MAX);
        written(b"ab");
        assert_eq!(file.look(noted(b"abc"), 20, false), 10_000_010);
        assert_eq!(file.look(noted(b"abcd"), 30, true), PAUSE_US + 10, "not at every trap of a storm");
        assert_eq!(file.look(noted(b"abcd"), PAUSE_US + 10, false), u64::MAX);
        written(b"abcd");
        file.finish(noted(b"abcdef"));
        written(b"abcdef");
        // A start that fails leaves it, and another one keeps it.
        drop(FlightFile::begin(folder.share().unwrap(), 0).unwrap());
        FlightFile::begin(folder.share().unwrap(), 0).unwrap().finish(noted(b""));
        written(b"abcdef");
        FlightFile::begin(folder.share().unwrap(), 0).unwrap().finish(noted(b"g"));
        written(b"g");
        assert!(fs::read(path.path().join(BEFORE)).unwrap().ends_with(b"abcdef"));
    }

    #[test]
    fn what_the_recorder_gives_up_goes_out_of_the_file() {
        let (path, folder) = folder();
        let mut file = FlightFile::begin(folder, 0).unwrap();
        let look = |file: &mut FlightFile, first, parts, now_us, expected: &[u8]| {
            let expected = [&GROWING[..], expected].concat();
            let done = (0..200).any(|_| {
                // A trap: at once.
                file.look(Noted { first, parts }, now_us, true);
                thread::sleep(std::time::Duration::from_millis(10));
                fs::read(path.path().join(NOW)).is_ok_and(|now| now == expected)
            });
            assert!(done, "{expected:?}: {:?}", fs::read(path.path().join(NOW)));
        };
        look(&mut file, 0, [b"abc", b""], 0, b"abc");
        look(&mut file, 0, [b"abcd", b"EFG"], 2_000_000, b"abcdEFG");
        look(&mut file, 4, [b"EFGH", b"i"], 4_000_000, b"EFGHi");
        // More went than the file ever had.
        look(&mut file, 20, [b"", b"xyz"], 6_000_000, b"xyz");
        look(&mut file, 20, [b"xyz", b"a"], 8_000_000, b"xyza");
        file.finish(Noted { first: 23, parts: [b"ab", b""] });
        assert_eq!(fs::read(path.path().join(NOW)).unwrap(), [&GROWING[..], b"ab"].concat());
        assert_eq!(fs::read_dir(path.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_disk_that_refuses_ends_the_file_and_nothing_else() {
        let (path, folder) = folder();
        fs::create_dir(path.path().join(NOW)).unwrap();
        fs::create_dir_all(path.path().join(BEFORE).join("full")).unwrap();
        let mut file = FlightFile::begin(folder, 1).unwrap();
        let ended = (0..200u64).any(|n| {
            thread::sleep(std::time::Duration::from_millis(5));
            file.look(noted(&vec![0; n as usize + 1]), n * 2_000_000, false);
            file.parts.is_none()
        });
        assert!(ended);
        assert_eq!(file.look(noted(&[0; 500]), u64::MAX - 1, true), u64::MAX);
        file.finish(noted(&[0; 501]));
    }
}
