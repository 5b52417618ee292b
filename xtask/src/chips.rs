//! The chips of an emulated board, as QEMU's machine protocol sets what they have.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, ensure};

/// How long QEMU may take to answer.
const LIMIT: Duration = Duration::from_secs(60);

/// A connection to QEMU's machine protocol.
#[derive(Debug)]
pub(crate) struct Chips {
    stream: TcpStream,
    answers: BufReader<TcpStream>,
}

impl Chips {
    /// Greets QEMU.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub(crate) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_read_timeout(Some(LIMIT))?;
        let mut chips = Self { answers: BufReader::new(stream.try_clone()?), stream };
        chips.ask(r#"{"execute":"qmp_capabilities"}"#)?;
        Ok(chips)
    }

    /// Sets a property of the chip with this `id`.
    ///
    /// # Errors
    ///
    /// QEMU has no such chip or property.
    pub(crate) fn set(&mut self, id: &str, property: &str, value: i64) -> Result<()> {
        let path = format!("/machine/peripheral/{id}");
        self.ask(&format!(
            r#"{{"execute":"qom-set","arguments":{{"path":"{path}","property":"{property}","value":{value}}}}}"#
        ))
    }

    fn ask(&mut self, request: &str) -> Result<()> {
        writeln!(self.stream, "{request}")?;
        loop {
            let mut line = String::new();
            ensure!(self.answers.read_line(&mut line)? > 0, "QEMU is gone");
            ensure!(!line.contains("\"error\""), "QEMU refuses {request}: {line}");
            // Greetings and events are no answers.
            if line.contains("\"return\"") {
                return Ok(());
            }
        }
    }
}
