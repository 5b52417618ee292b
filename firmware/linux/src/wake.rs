//! Resting until something is to be done: one `poll` for timers, edges, hosts and signals.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::{Error, Result};

/// The kernel's alarm clock.
#[derive(Debug)]
pub struct Timer {
    fd: OwnedFd,
    /// What it is set to.
    at_ns: u64,
}

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// [`crate::error::Code::System`].
    pub fn new() -> Result<Self> {
        timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)
            .map(|fd| Self { fd, at_ns: u64::MAX })
            .map_err(|error| Error::system("timerfd", error))
    }

    /// Sets it to a time of the monotonic clock, in nanoseconds; `u64::MAX` is never. A time that has passed
    /// wakes at once.
    pub fn set(&mut self, at_ns: u64) {
        if at_ns == self.at_ns {
            return;
        }
        // All zeros would disarm it. What is beyond the clock's end is never.
        let at = match at_ns {
            u64::MAX => 0,
            at => at.max(1),
        };
        let second = 1_000_000_000;
        let value = Timespec { tv_sec: (at / second) as i64, tv_nsec: (at % second) as _ };
        let spec = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // Setting it again also takes back that it ran out.
        if timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &spec).is_ok() {
            self.at_ns = at_ns;
        }
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The signals that end a rest.
#[derive(Debug)]
pub struct Signals {
    pipe: UnixStream,
    stop: Arc<AtomicBool>,
}

impl Signals {
    /// SIGTERM and SIGINT ask for the end. SIGHUP does nothing: a changed configuration is for
    /// `systemctl restart`, which keeps the outputs.
    ///
    /// # Errors
    /// [`crate::error::Code::System`].
    pub fn take() -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (pipe, writer) = UnixStream::pair().map_err(|error| Error::system("socketpair", error))?;
        let registered = pipe.set_nonblocking(true).and_then(|()| {
            for signal in [SIGTERM, SIGINT] {
                signal_hook::flag::register(signal, stop.clone())?;
                signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
            }
            signal_hook::flag::register(SIGHUP, Arc::new(AtomicBool::new(false)))
        });
        registered.map_err(|error| Error::system("signals", error))?;
        Ok(Self { pipe, stop })
    }

    /// The flag that a signal sets which asks for the end.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Returns whether the end was asked for. What woke a rest is left in the pipe: nothing comes after the
    /// end.
    pub fn stop(&self) -> bool {
        self.stop.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Waits until one of these has something, or a signal came; not at all, where `rest` is false. Which have:
/// `true` in the order of `sources`.
pub fn wait(sources: &[(BorrowedFd<'_>, PollFlags)], rest: bool) -> Vec<bool> {
    let mut fds: Vec<_> = sources.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut fds, (!rest).then_some(&now)) {
        Ok(_) => fds.iter().map(|fd| !fd.revents().is_empty()).collect(),
        // Nothing is known of any; whoever is asked says that it has nothing.
        Err(Errno::INTR) => vec![false; sources.len()],
        // Memory is short, for a moment.
        Err(_) => vec![true; sources.len()],
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::clock::monotonic_ns;

    fn woken(timer: &Timer, rest: bool) -> bool {
        wait(&[(timer.as_fd(), PollFlags::IN)], rest)[0]
    }

    #[test]
    fn a_timer_wakes_at_its_time_and_not_before() {
        let mut timer = Timer::new().unwrap();
        assert!(!woken(&timer, false));
        let at = monotonic_ns() + 20_000_000;
        timer.set(at);
        assert!(!woken(&timer, false));
        assert!(woken(&timer, true));
        assert!(monotonic_ns() >= at);
        timer.set(u64::MAX);
        assert!(!woken(&timer, false), "set anew, it has not run out");
        timer.set(0);
        assert!(woken(&timer, true), "the past wakes at once");
    }

    #[test]
    fn what_has_something_is_told_by_its_place() {
        let (one, mut to_one) = UnixStream::pair().unwrap();
        let (two, _to_two) = UnixStream::pair().unwrap();
        to_one.write_all(b"x").unwrap();
        let sources = [(two.as_fd(), PollFlags::IN), (one.as_fd(), PollFlags::IN)];
        assert_eq!(wait(&sources, true), [false, true]);
    }
}
