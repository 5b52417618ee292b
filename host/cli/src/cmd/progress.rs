//! How far a transfer is, on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

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
    fn a_bar_grows() {
        assert_eq!(bar(0, 1000, 0.0), "[..............................]   0 %  0.0 KiB/s");
        assert_eq!(bar(5120, 10_240, 2.0), "[###############...............]  50 %  2.5 KiB/s");
        assert_eq!(bar(10_240, 10_240, 1.0), "[##############################] 100 %  10.0 KiB/s");
        // More than all of nothing is all.
        assert_eq!((percent(1, 0), percent(9, 3)), (100, 100));
    }
}
