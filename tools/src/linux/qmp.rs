//! The emulator's own protocol, as far as it is needed: lines of JSON (QEMU's docs/interop/qmp-spec).

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

const LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(crate) struct Qmp {
    stream: BufReader<TcpStream>,
}

impl Qmp {
    /// Takes over a connection: the emulator greets and wants to be asked for nothing more than that.
    pub(crate) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_read_timeout(Some(LIMIT))?;
        let mut qmp = Self { stream: BufReader::new(stream) };
        let greeting = qmp.line()?;
        ensure!(greeting.contains("\"QMP\""), "the emulator greets with {greeting}");
        qmp.execute("{\"execute\": \"qmp_capabilities\"}")?;
        Ok(qmp)
    }

    /// Turns a trace event on or off. Afterwards it is.
    pub(crate) fn trace(&mut self, event: &str, on: bool) -> Result<()> {
        self.execute(&format!(
            "{{\"execute\": \"trace-event-set-state\", \"arguments\": {{\"name\": \"{event}\", \"enable\": {on}}}}}"
        ))
    }

    /// Sets a property of the device with this `id`.
    ///
    /// # Errors
    ///
    /// There is no such device or property, or the emulator is gone.
    pub(crate) fn set(&mut self, id: &str, property: &str, value: i64) -> Result<()> {
        self.execute(&format!(
            "{{\"execute\": \"qom-set\", \"arguments\": {{\"path\": \"/machine/peripheral/{id}\", \
             \"property\": \"{property}\", \"value\": {value}}}}}"
        ))
    }

    fn execute(&mut self, command: &str) -> Result<()> {
        self.stream.get_mut().write_all(format!("{command}\n").as_bytes())?;
        loop {
            let line = self.line()?;
            // What else comes is events.
            if line.starts_with("{\"return\"") {
                return Ok(());
            }
            ensure!(!line.starts_with("{\"error\""), "the emulator refuses {command}: {line}");
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the emulator has ended");
        }
        Ok(line)
    }
}
