//! The firmware's log: defmt's frames, and the ELF file that has their texts.

use std::path::Path;

use defmt_decoder::{DecodeError, Location, Locations, StreamDecoder, Table};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;

use super::monitor::Entry;

/// Bytes of an ELF file that are read: the firmware with its debug information has a few million.
const MAX_ELF_BYTES: u64 = 256 << 20;

/// The texts of a firmware's log.
pub(super) struct Texts {
    table: Table,
    locations: Locations,
}

impl Texts {
    /// Reads them out of the ELF file that was flashed.
    pub(super) fn read(path: &Path) -> Result<Self, Diagnostic> {
        let elf = input::read_at_most(path, MAX_ELF_BYTES)?;
        let error = |what: String| {
            let message = format!("{}: {what}", path.display());
            Diagnostic::new(Code::NoLogTexts, Place::file(path), message)
        };
        let table = match Table::parse(&elf) {
            Ok(Some(table)) => table,
            Ok(None) => return Err(error("no defmt section".into())),
            Err(reason) => return Err(error(format!("no texts of a log can be read: {reason}"))),
        };
        // Without debug information there are no places; that is no error.
        let locations = table.get_locations(&elf).unwrap_or_default();
        Ok(Self { table, locations })
    }

    /// A log that begins now.
    pub(super) fn log(&self) -> Log<'_> {
        Log { texts: self, decoder: self.table.new_stream_decoder() }
    }

    fn entry(&self, frame: &defmt_decoder::Frame<'_>) -> Entry {
        let place = |at: &Location| Some(format!("{}:{}", at.file.file_name()?.display(), at.line));
        Entry::Message {
            level: frame.level().map_or("", |level| level.as_str()).to_uppercase(),
            time: frame.display_timestamp().map(|time| time.to_string()),
            text: frame.display_message().to_string(),
            place: self.locations.get(&frame.index()).and_then(place),
        }
    }
}

/// A log that is being received.
pub(super) struct Log<'t> {
    texts: &'t Texts,
    decoder: Box<dyn StreamDecoder + Send + Sync + 't>,
}

impl Log<'_> {
    /// Takes bytes of the log; the messages that are whole now.
    pub(super) fn received(&mut self, bytes: &[u8]) -> Vec<Entry> {
        self.decoder.received(bytes);
        let mut entries = Vec::new();
        loop {
            match self.decoder.decode() {
                Ok(frame) => entries.push(self.texts.entry(&frame)),
                Err(DecodeError::UnexpectedEof) => return entries,
                Err(DecodeError::Malformed) => {
                    // What came before and after it stays readable.
                    entries.push(Entry::Unknown);
                    self.decoder = self.texts.table.new_stream_decoder();
                    return entries;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_firmware_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no ELF").unwrap();
        assert_eq!(Texts::read(file.path()).map(drop).unwrap_err().code, Code::NoLogTexts);
        // This very test is an ELF file without a log.
        let this = std::env::current_exe().unwrap();
        assert_eq!(Texts::read(&this).map(drop).unwrap_err().code, Code::NoLogTexts);
    }
}
