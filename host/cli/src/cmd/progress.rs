//! What takes its time says so: how far a transfer is, and that a compilation goes on.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Work that takes longer than this is named on a terminal.
const SLOW: Duration = Duration::from_secs(1);
/// Work that takes longer than this is named in a pipe, where each line is read.
const SLOW_IN_A_PIPE: Duration = Duration::from_secs(60);

/// Names work on the standard error that takes its time, in a line of its own, and at its end its seconds.
pub(super) struct Slow {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Slow {
    /// Begins work with this name: `compiling hall.toml`.
    pub(super) fn begin(name: String) -> Self {
        let after = if io::stderr().is_terminal() { SLOW } else { SLOW_IN_A_PIPE };
        Self::after(name, after, io::stderr)
    }

    fn after<W: Write>(name: String, after: Duration, out: impl FnOnce() -> W + Send + 'static) -> Self {
        let (done, ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            let began = Instant::now();
            if ended.recv_timeout(after) == Err(RecvTimeoutError::Timeout) {
                // It stands in nobody's way.
                let mut out = out();
                _ = writeln!(out, "{name} ...");
                _ = ended.recv();
                _ = writeln!(out, "{:>7.1} s", began.elapsed().as_secs_f64());
            }
        });
        Self { done: Some(done), thread: Some(thread) }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// Characters of the bar.
const BAR: usize = 30;

/// A bar on the standard error that is drawn over itself, and taken away at its end. Where the standard
/// error is no terminal there is none.
pub(super) struct Progress {
    total: usize,
    started: Instant,
    shown: bool,
    /// The latest that was drawn, in percent: a serial port is slower than a terminal, a socket is not.
    percent: Option<usize>,
}

impl Progress {
    /// A transfer of this many bytes; `wanted` is whether anybody wants to see it.
    pub(super) fn new(total: usize, wanted: bool) -> Self {
        let shown = wanted && io::stderr().is_terminal();
        Self { total, started: Instant::now(), shown, percent: None }
    }

    pub(super) fn at(&mut self, done: usize) {
        let percent = percent(done, self.total);
        if self.shown && self.percent != Some(percent) {
            self.percent = Some(percent);
            let line = bar(done, self.total, self.started.elapsed().as_secs_f64());
            _ = write!(io::stderr(), "\r{line}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.percent.is_some() {
            _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn percent(done: usize, total: usize) -> usize {
    (done * 100).checked_div(total).unwrap_or(100).min(100)
}

/// `[#####.....]  50 %  12.3 KiB/s`
fn bar(done: usize, total: usize, seconds: f64) -> String {
    let percent = percent(done, total);
    let full = percent * BAR / 100;
    let rate = if seconds > 0.0 { done as f64 / 1024.0 / seconds } else { 0.0 };
    format!("[{}{}] {percent:3} %  {rate:.1} KiB/s", "#".repeat(full), ".".repeat(BAR - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_work_is_named_and_quick_work_is_not() {
        use std::sync::{Arc, Mutex};
        #[derive(Clone, Default)]
        struct Text(Arc<Mutex<Vec<u8>>>);
        impl Write for Text {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let said = |after: Duration, takes: Duration| {
            let text = Text::default();
            let out = text.clone();
            let slow = Slow::after("compiling a".into(), after, move || out);
            thread::sleep(takes);
            drop(slow);
            String::from_utf8(text.0.lock().unwrap().clone()).unwrap()
        };
        assert_eq!(said(Duration::from_secs(60), Duration::ZERO), "");
        let slow = said(Duration::ZERO, Duration::from_millis(300));
        assert!(slow.starts_with("compiling a ...\n") && slow.ends_with(" s\n"), "{slow}");
    }

    #[test]
    fn a_bar_grows() {
        assert_eq!(bar(0, 1000, 0.0), "[..............................]   0 %  0.0 KiB/s");
        assert_eq!(bar(5120, 10_240, 2.0), "[###############...............]  50 %  2.5 KiB/s");
        assert_eq!(bar(10_240, 10_240, 1.0), "[##############################] 100 %  10.0 KiB/s");
        // More than all of nothing is all.
        assert_eq!((percent(1, 0), percent(9, 3)), (100, 100));
    }
}
