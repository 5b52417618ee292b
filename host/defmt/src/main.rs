#![forbid(unsafe_code)]
//! `xmap-defmt ELF`: explains the firmware's log, for `xmap monitor --elf`.
//!
//! The firmware logs with defmt: numbers travel, and the texts stand in the ELF file that was flashed.
//! Reading those takes more crates than all of `xmap` has, so it is a program of its own, which `xmap` finds
//! beside itself.
//!
//! On its standard input come chunks of the log: a line with the number of bytes, then as many bytes. For
//! each chunk it writes a line of JSON for each message that is whole now, and then an empty line. It writes
//! an empty line as soon as it has the texts. It ends with its input; with status 1 and a sentence on the
//! standard error where the file has no texts.

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;

use defmt_decoder::{DecodeError, Frame, Location, Locations, StreamDecoder, Table};
use serde_json::{Value as Json, json};

/// Bytes of an ELF file that are read: the firmware with its debug information has a few million.
const MAX_ELF_BYTES: u64 = 256 << 20;
/// Bytes of a chunk: the link's frames are far shorter.
const MAX_CHUNK_BYTES: usize = 1 << 16;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: xmap-defmt ELF (`xmap monitor --elf ELF` runs it)");
        return ExitCode::from(2);
    };
    let elf = fs::File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(MAX_ELF_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let done = elf.map_err(|error| error.to_string()).and_then(|elf| {
        let texts = Texts::read(&elf)?;
        explain(&texts, &mut io::stdin().lock(), &mut io::stdout().lock()).map_err(|error| error.to_string())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The texts of a firmware's log.
struct Texts {
    table: Table,
    locations: Locations,
}

impl Texts {
    /// Reads the texts out of the ELF file that was flashed.
    ///
    /// # Errors
    /// Why the file has none.
    fn read(elf: &[u8]) -> Result<Self, String> {
        let table = match Table::parse(elf) {
            Ok(Some(table)) => table,
            Ok(None) => return Err("no defmt section".into()),
            Err(reason) => return Err(format!("no texts of a log can be read: {reason}")),
        };
        // Without debug information there are no places; that is no error.
        let locations = table.get_locations(elf).unwrap_or_default();
        Ok(Self { table, locations })
    }

    fn message(&self, frame: &Frame<'_>) -> Json {
        let place = |at: &Location| Some(format!("{}:{}", at.file.file_name()?.display(), at.line));
        json!({
            "from": "firmware",
            "level": frame.level().map_or("", |level| level.as_str()).to_uppercase(),
            "time": frame.display_timestamp().map(|time| time.to_string()),
            "text": frame.display_message().to_string(),
            "place": self.locations.get(&frame.index()).and_then(place),
        })
    }
}

/// Explains chunk after chunk until the input ends.
fn explain(texts: &Texts, input: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
    let mut decoder = texts.table.new_stream_decoder();
    writeln!(out)?;
    out.flush()?;
    let mut line = String::new();
    while {
        line.clear();
        input.read_line(&mut line)?
    } > 0
    {
        let length = line.trim().parse().ok().filter(|length| *length <= MAX_CHUNK_BYTES);
        let length = length.ok_or_else(|| io::Error::other("the length of a chunk was expected"))?;
        let mut chunk = vec![0; length];
        input.read_exact(&mut chunk)?;
        decoder.received(&chunk);
        while let Some(message) = next(texts, &mut decoder) {
            writeln!(out, "{message}")?;
        }
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

/// Returns the next message that is whole; one without a text stands for a frame that the ELF file does not
/// explain.
fn next<'t>(texts: &'t Texts, decoder: &mut Box<dyn StreamDecoder + Send + Sync + 't>) -> Option<Json> {
    match decoder.decode() {
        Ok(frame) => Some(texts.message(&frame)),
        Err(DecodeError::UnexpectedEof) => None,
        Err(DecodeError::Malformed) => {
            // What comes after it stays readable.
            *decoder = texts.table.new_stream_decoder();
            Some(json!({ "from": "firmware", "text": null }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_firmware_is_an_error() {
        assert!(Texts::read(b"no ELF").is_err());
        // This very test is an ELF file without a log.
        let this = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(Texts::read(&this).map(drop).unwrap_err(), "no defmt section");
    }
}
