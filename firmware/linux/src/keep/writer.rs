//! The thread that writes to the disk, so that the panel's events do not wait for it.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use super::disk::Disk;
use super::pair::Pair;
use super::records::Parts;
use crate::error::{Error, Result};

/// Something to write: which of the pairs, and what it shall have.
#[derive(Debug)]
struct Job {
    ticket: u64,
    pair: usize,
    kept: Parts,
}

/// A job that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The number that [`Writer::write`] gave it.
    pub ticket: u64,
    /// Why it failed.
    pub error: Option<WriteError>,
}

/// Why a write failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteError {
    /// The system's number; that of an input or output error where it gave none.
    pub errno: u16,
    /// What the system says.
    pub text: String,
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(rustix::io::Errno::IO.raw_os_error());
        Self { errno: errno as u16, text: error.to_string() }
    }
}

/// The thread's other end. Jobs are done one after another, in their order.
#[derive(Debug)]
pub struct Writer {
    jobs: Option<Sender<Job>>,
    ended: Receiver<Ended>,
    woken: UnixStream,
    thread: Option<JoinHandle<()>>,
    ticket: u64,
}

impl Writer {
    /// Starts the thread. It has the priority of the one that starts it.
    ///
    /// # Errors
    /// [`crate::error::Code::System`].
    pub fn start(mut disk: impl Disk + Send + 'static, mut pairs: Vec<Pair>) -> Result<Self> {
        let failed = |error| Error::system("the thread that writes", error);
        let (jobs, taken) = channel::<Job>();
        let (done, ended) = channel();
        let (woken, mut wake) = UnixStream::pair().map_err(failed)?;
        woken.set_nonblocking(true).map_err(failed)?;
        let work = move || {
            for Job { ticket, pair, kept } in taken {
                let stored = pairs.get_mut(pair).map_or(Ok(()), |pair| pair.store(&mut disk, &kept.slices()));
                let error = stored.err().map(WriteError::from);
                // The other ends are gone where one of these fails.
                _ = done.send(Ended { ticket, error });
                _ = wake.write_all(&[0]);
            }
        };
        let thread = thread::Builder::new().name("xmapd-disk".into()).spawn(work).map_err(failed)?;
        Ok(Self { jobs: Some(jobs), ended, woken, thread: Some(thread), ticket: 0 })
    }

    /// Enqueues a write behind all that were given before; returns its number, which grows.
    pub fn write(&mut self, pair: usize, kept: Parts) -> u64 {
        self.ticket += 1;
        if let Some(jobs) = &self.jobs {
            // The thread takes jobs until this value goes.
            _ = jobs.send(Job { ticket: self.ticket, pair, kept });
        }
        self.ticket
    }

    /// A job that has ended and was not asked for yet.
    pub fn ended(&mut self) -> Option<Ended> {
        let mut bytes = [0; 64];
        while self.woken.read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
        self.ended.try_recv().ok()
    }

    /// Waits for the next job to end; `None` where none is under way.
    pub fn wait(&mut self) -> Option<Ended> {
        self.ended.recv().ok()
    }

    /// Does what is left, and ends the thread; what ended meanwhile.
    pub fn finish(mut self) -> Vec<Ended> {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It does not panic: the disk's errors are values.
            _ = thread.join();
        }
        self.ended.try_iter().collect()
    }
}

impl AsFd for Writer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Folder;
    use super::*;

    fn parts(body: &[u8]) -> Parts {
        Parts { head: Vec::new(), body: body.to_vec().into() }
    }

    #[test]
    fn jobs_end_in_their_order_and_the_rest_is_done_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Folder::open(folder.path()).unwrap();
        let pairs = ["one", "two"].map(|name| Pair::load(&disk, name).0);
        let mut writer = Writer::start(disk, pairs.into()).unwrap();
        assert_eq!(writer.write(0, parts(b"first")), 1);
        assert_eq!(writer.write(1, parts(b"second")), 2);
        assert_eq!(writer.wait(), Some(Ended { ticket: 1, error: None }));
        assert_eq!(writer.write(0, parts(b"third")), 3);
        let rest = writer.finish();
        assert_eq!(rest.iter().map(|ended| ended.ticket).collect::<Vec<_>>(), [2, 3]);
        let disk = Folder::open(folder.path()).unwrap();
        assert_eq!(Pair::load(&disk, "one").1.records, [b"third".to_vec(), b"first".to_vec()]);
    }

    #[test]
    fn an_error_is_told_with_its_job() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Folder::open(folder.path()).unwrap();
        let pairs = vec![Pair::load(&disk, "missing/one").0];
        let mut writer = Writer::start(disk, pairs).unwrap();
        writer.write(0, Parts::default());
        let ended = writer.wait().unwrap();
        assert!(ended.error.unwrap().errno == 2, "the folder of that name is not there");
    }
}
