//! What the service says of itself: a line each on standard error, which the journal keeps.

use std::env;
use std::fmt::Display;
use std::sync::OnceLock;

/// How much a line matters; the numbers are those of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something does not work.
    Error = 3,
    /// It works, and not as it should.
    Warning = 4,
    /// What an operator wants to know once.
    Info = 6,
}

/// Whether standard error is the journal: it reads the level from the line's beginning (sd-daemon(3)).
fn journal() -> bool {
    static JOURNAL: OnceLock<bool> = OnceLock::new();
    *JOURNAL.get_or_init(|| env::var_os("JOURNAL_STREAM").is_some())
}

/// Writes a line.
pub fn log(level: Level, text: impl Display) {
    let text = text.to_string();
    for line in text.lines() {
        if journal() {
            eprintln!("<{}>{line}", level as u8);
        } else {
            let name = match level {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Info => "info",
            };
            eprintln!("xmapd: {name}: {line}");
        }
    }
}

/// Something does not work.
pub fn error(text: impl Display) {
    log(Level::Error, text);
}

/// Something works, and not as it should.
pub fn warn(text: impl Display) {
    log(Level::Warning, text);
}

/// What an operator wants to know once.
pub fn info(text: impl Display) {
    log(Level::Info, text);
}
