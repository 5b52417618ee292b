//! The command line: one file for each program, and what they share.

pub mod contract;
pub mod lint;
pub mod openapi;
pub mod sdk;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use tempfile::NamedTempFile;
use xmap_compiler::contract::Contract;
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input::read_text;
use xmap_project::Note;

use crate::wit;

/// Bytes of a contract or another document that are read.
const MAX_DOCUMENT_BYTES: u64 = 16 << 20;

/// Whether a verb found what it was asked for; the exit status is 0 or 1.
type Done = Result<bool, Diagnostics>;

/// Ends a program.
fn end(done: Done) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(errors) => {
            _ = writeln!(io::stderr(), "{}", errors.render(io::stderr().is_terminal()));
            ExitCode::FAILURE
        }
    }
}

/// Writes to the standard output; whoever has seen enough ends nothing.
fn show(text: &str) -> Result<(), Diagnostic> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Diagnostic::writing(Path::new("standard output"), &error))
        }
        _ => Ok(()),
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// X0102, X0106.
fn write_file(path: &Path, text: &str) -> Result<(), Diagnostic> {
    if fs::metadata(path).is_ok_and(|there| there.is_dir()) {
        let message = format!("{}: a directory, not a file", path.display());
        return Err(Diagnostic::new(Code::NotAFile, Place::file(path), message));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(|error| error.error)
    };
    write().map_err(|error| Diagnostic::writing(path, &error))
}

/// The contract of a panel, or one that stands in a file of WIT.
///
/// # Errors
/// Everything that is wrong with the input.
fn contract(path: &Path) -> Result<Contract, Diagnostics> {
    if path.extension().is_some_and(|ending| ending == "wit") {
        return Ok(wit::parse(path, &read_text(path, MAX_DOCUMENT_BYTES)?)?);
    }
    Ok(xmap_project::build(path, None, &mut tell)?.compiled.contract)
}

/// Tells a person what happens on the way.
fn tell(note: Note<'_>) {
    let mut err = io::stderr();
    _ = match note {
        Note::Runs(command) => writeln!(err, "running {command}"),
        Note::Said(text) => text.lines().try_for_each(|line| writeln!(err, "{}", xmap_image::Plain(line))),
        Note::Warnings(warnings) => writeln!(err, "{}", warnings.render(err.is_terminal())),
    };
}
