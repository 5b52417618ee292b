//! The firmware's log, by way of the program `xmap-defmt`, which has the texts.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value as Json;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};

use super::beside;

/// A log that is being received.
pub(super) struct Log {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Log {
    /// Starts the program with the ELF file that was flashed.
    ///
    /// # Errors
    /// X0101 to X0103 where the file cannot be read; X0912 where it has no texts, or the program is not
    /// there.
    pub(super) fn open(elf: &Path) -> Result<Self, Diagnostic> {
        std::fs::File::open(elf).map_err(|error| Diagnostic::reading(elf, &error))?;
        let error = |what: &str| {
            let message = format!("{}: {what}", elf.display());
            Diagnostic::new(Code::NoLogTexts, Place::file(elf), message)
        };
        let Some(program) = beside::find("defmt") else {
            let help = "`cargo build --release -p xmap-defmt` or `cargo install --locked --path host/defmt` makes it";
            return Err(error("the program xmap-defmt, which reads it, is not beside xmap, nor on the PATH")
                .help(help.to_string()));
        };
        let mut command = Command::new(program);
        command.arg(elf).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|reason| error(&reason.to_string()))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let mut log = Self { child, input, output };
        match log.answer() {
            Ok(_) => Ok(log),
            Err(_) => {
                let mut reason = String::new();
                let mut stderr = BufReader::new(log.child.stderr.take().expect("it is a pipe"));
                _ = stderr.read_line(&mut reason);
                Err(error(reason.trim_end()))
            }
        }
    }

    /// Takes bytes of the log; returns the messages that are whole now.
    ///
    /// # Errors
    /// The program has ended.
    pub(super) fn received(&mut self, bytes: &[u8]) -> io::Result<Vec<Json>> {
        let input = self.input.as_mut().expect("it is taken when the log is dropped");
        input.write_all(format!("{}\n", bytes.len()).as_bytes())?;
        input.write_all(bytes)?;
        input.flush()?;
        self.answer()
    }

    /// The lines up to an empty one.
    fn answer(&mut self) -> io::Result<Vec<Json>> {
        let mut messages = Vec::new();
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end() {
                "" => return Ok(messages),
                message => messages.push(serde_json::from_str(message)?),
            }
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // It ends with its input.
        self.input = None;
        _ = self.child.wait();
    }
}
