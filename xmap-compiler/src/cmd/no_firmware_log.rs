//! In the place of `firmware_log`, where xmap is built without its decoder.

use std::convert::Infallible;
use std::path::Path;

use xmap_compiler::diagnostic::{Code, Diagnostic, Place};

use super::monitor::Entry;

/// The texts of a firmware's log, of which there are none.
pub(super) struct Texts(Infallible);

impl Texts {
    /// Says how to get an xmap that can.
    pub(super) fn read(path: &Path) -> Result<Self, Diagnostic> {
        let message = "this xmap was built without the decoder of the firmware's log";
        let help =
            String::from("`cargo install --path xmap-compiler --features firmware-log` builds it with");
        Err(Diagnostic::new(Code::NoLogTexts, Place::file(path), message).help(help))
    }

    pub(super) fn log(&self) -> Log {
        match self.0 {}
    }
}

/// A log that is being received.
pub(super) struct Log(Infallible);

impl Log {
    pub(super) fn received(&mut self, _: &[u8]) -> Vec<Entry> {
        match self.0 {}
    }
}
