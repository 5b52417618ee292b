//! What the service says of itself: a line each on standard error, which the journal keeps.
//!
//! Whoever logs never waits and never fails. A thread of its own writes the lines: one that stands, because
//! nobody reads standard error, keeps nothing else from going on, and where standard error is closed the
//! lines go. Lines are bounded a second, those that modules cause apart from the service's own, so that a
//! module which traps all the time pushes nothing out; what is left out is counted, said as a line, and shown
//! by `xmap status`. No line has a character that would end it or act on a terminal.

use std::env;
use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use xmap_image::Plain;

use crate::clock::monotonic_ns;
use crate::error::Error;

/// Bytes of a line; a longer one is cut.
const LINE_BYTES: usize = 512;
/// Lines that wait for the thread: more than any moment has, and 128 KiB.
const WAITING: usize = 256;
/// How long what was left out is counted until it is said.
const TELL_LOST: Duration = Duration::from_secs(1);

/// The severity of a line; the numbers are those of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something does not work.
    Error = 3,
    /// It works, and not as it should.
    Warning = 4,
    /// Writes what an operator wants to know once.
    Info = 6,
    /// What a module says for its author.
    Debug = 7,
}

/// The cause of a line, whose share of lines it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The service itself.
    Service = 0,
    /// A module: its traps, its messages.
    Module = 1,
    /// A host: swaps, resets, mistakes.
    Host = 2,
}

/// Lines at once and lines a second, by [`Cause`]: an operator's day has fewer, and a card takes these for
/// years.
const SHARES: [(u64, u64); 3] = [(400, 40), (100, 10), (100, 10)];

#[derive(Debug)]
enum Entry {
    Line(String),
    /// Answered once all before it is written.
    Mark(SyncSender<()>),
}

#[derive(Debug)]
struct Log {
    queue: SyncSender<Entry>,
    shares: Mutex<[Share; 3]>,
}

/// How much of a share is used up: the time at which all of it will be there again.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    whole_ns: u64,
}

impl Share {
    fn take(&mut self, now_ns: u64, (at_once, a_second): (u64, u64)) -> bool {
        let line_ns = 1_000_000_000 / a_second;
        let whole_ns = self.whole_ns.max(now_ns) + line_ns;
        let there = whole_ns - now_ns <= at_once * line_ns;
        if there {
            self.whole_ns = whole_ns;
        }
        there
    }
}

static LOG: OnceLock<Log> = OnceLock::new();
static LOST: AtomicU64 = AtomicU64::new(0);

impl Log {
    fn start() -> Self {
        let (queue, entries) = sync_channel(WAITING);
        // Without the thread each line is one that is left out.
        _ = thread::Builder::new().name("xmapd-log".into()).spawn(move || write_all(&entries));
        Self { queue, shares: Mutex::default() }
    }
}

/// Lines that were left out since the program started.
pub fn lost() -> u32 {
    LOST.load(Ordering::Relaxed).try_into().unwrap_or(u32::MAX)
}

/// Waits until the lines are written, for at most this long: before the program ends.
pub fn flush(limit: Duration) {
    let Some(log) = LOG.get() else { return };
    let end = Instant::now() + limit;
    let (mark, written) = sync_channel(1);
    let mut entry = Entry::Mark(mark);
    while let Err(TrySendError::Full(back)) = log.queue.try_send(entry) {
        if Instant::now() >= end {
            return;
        }
        entry = back;
        thread::sleep(Duration::from_millis(5));
    }
    _ = written.recv_timeout(end.saturating_duration_since(Instant::now()));
}

/// Writes a line.
pub fn log(cause: Cause, level: Level, text: impl Display) {
    let log = LOG.get_or_init(Log::start);
    let now_ns = monotonic_ns();
    let there = {
        // Nobody panics with them in hand.
        let mut shares = log.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let number = cause as usize;
        shares.get_mut(number).zip(SHARES.get(number)).is_some_and(|(share, size)| share.take(now_ns, *size))
    };
    if !there || log.queue.try_send(Entry::Line(line(level, &text))).is_err() {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

/// Something does not work.
pub fn error(text: impl Display) {
    log(Cause::Service, Level::Error, text);
}

/// Something works, and not as it should.
pub fn warn(text: impl Display) {
    log(Cause::Service, Level::Warning, text);
}

/// Writes what an operator wants to know once.
pub fn info(text: impl Display) {
    log(Cause::Service, Level::Info, text);
}

/// Writes what ends the program, and its way out on a line of its own.
pub fn failure(error: &Error) {
    self::error(format_args!("error[X{:04}]: {}", error.code as u16, error.message));
    error.help.iter().for_each(|help| self::error(format_args!("help: {help}")));
}

/// Returns whether standard error is the journal: it reads the level from the line's beginning
/// (sd-daemon(3)).
fn journal() -> bool {
    static JOURNAL: OnceLock<bool> = OnceLock::new();
    *JOURNAL.get_or_init(|| env::var_os("JOURNAL_STREAM").is_some())
}

fn line(level: Level, text: &impl Display) -> String {
    let text = text.to_string();
    let mut line = if journal() {
        format!("<{}>", level as u8)
    } else {
        let name = match level {
            // It says so itself.
            Level::Error if text.starts_with("error[") || text.starts_with("help: ") => "",
            Level::Error => "error: ",
            Level::Warning => "warning: ",
            Level::Info => "info: ",
            Level::Debug => "debug: ",
        };
        format!("xmapd: {name}")
    };
    _ = write!(line, "{}", Plain(&text));
    if line.len() > LINE_BYTES {
        line.truncate(line.floor_char_boundary(LINE_BYTES));
        line.push_str("...");
    }
    line.push('\n');
    line
}

/// The thread's work. It is the only one that writes to standard error.
fn write_all(entries: &Receiver<Entry>) {
    let (mut told, mut tell_at) = (0, Instant::now());
    loop {
        let waits = LOST.load(Ordering::Relaxed) != told;
        let came = match waits {
            true => entries.recv_timeout(TELL_LOST),
            false => entries.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let entry = match came {
            Ok(entry) => Some(entry),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if let Some(Entry::Line(line)) = &entry {
            put(line);
        }
        let lost = LOST.load(Ordering::Relaxed);
        if lost != told && (!matches!(entry, Some(Entry::Line(_))) || Instant::now() >= tell_at) {
            put(&line(
                Level::Warning,
                &format_args!("{} lines of the log were left out: there were too many", lost - told),
            ));
            (told, tell_at) = (lost, Instant::now() + TELL_LOST);
        }
        if let Some(Entry::Mark(mark)) = entry {
            _ = mark.send(());
        }
    }
}

/// Writes bytes to standard error. What it does not take goes: there is no other place for it.
fn put(line: &str) {
    _ = io::stderr().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_says_its_level_once() {
        assert_eq!(line(Level::Warning, &"a\nb\u{1b}[2J"), "xmapd: warning: a\\nb\\u{1b}[2J\n");
        assert_eq!(line(Level::Error, &"error[X1207]: runs"), "xmapd: error[X1207]: runs\n");
        assert_eq!(line(Level::Error, &"no panel"), "xmapd: error: no panel\n");
        let long = line(Level::Info, &"ä".repeat(1000));
        assert!(long.len() <= LINE_BYTES + 4 && long.ends_with("ä...\n"), "{}", long.len());
    }

    #[test]
    fn a_share_is_used_up_and_comes_back_by_time() {
        let (mut share, size, second) = (Share::default(), (100, 10), 1_000_000_000);
        let at = |share: &mut Share, now: u64| (0..1000).filter(|_| share.take(now, size)).count();
        assert_eq!(at(&mut share, 5 * second), 100);
        assert_eq!(at(&mut share, 5 * second), 0);
        assert_eq!(at(&mut share, 6 * second), 10);
        assert_eq!(at(&mut share, 60 * second), 100, "and no more than all of it");
    }
}
