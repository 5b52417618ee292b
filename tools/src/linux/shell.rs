//! The guest's shell, over its first serial line.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

/// What stands around a command's exit status, behind its output. A text has no such byte.
const MARK: u8 = 1;

/// Silence after which the line is nudged. The emulated UART may hold back the end of what it received until
/// more comes: seen with QEMU 10 and Linux 6.1, on both UARTs. An empty line means nothing to a shell.
const NUDGE: Duration = Duration::from_millis(100);

/// The output and the status of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit status; 128 and a signal's number where that ended it.
    pub status: i32,
    /// What it printed, on both streams.
    pub text: String,
}

#[derive(Debug)]
pub(super) struct Shell {
    line: TcpStream,
}

impl Shell {
    pub(super) fn new(line: TcpStream) -> Self {
        Self { line }
    }

    /// Waits for a text; gives what came up to it.
    pub(super) fn expect(&mut self, text: &str, limit: Duration) -> Result<String> {
        let found = self.until(limit, false, |sent| sent.ends_with(text.as_bytes()))?;
        let sent = String::from_utf8_lossy(&found.0).into_owned();
        ensure!(
            found.1,
            "waited {} s for {text:?} of the guest's shell, which said:\n{sent}",
            limit.as_secs()
        );
        Ok(sent)
    }

    /// Runs a command, of one line or several, and waits for its end. Its input is empty.
    pub(super) fn run(&mut self, command: &str, limit: Duration) -> Result<Output> {
        ensure!(command.len() < 3000, "a command longer than the guest's line takes");
        self.line.write_all(format!("{{ {command}\n}} </dev/null\nprintf '\\001%d\\001' $?\n").as_bytes())?;
        let (sent, done) = self.until(limit, true, |sent| {
            sent.last() == Some(&MARK) && sent[..sent.len() - 1].contains(&MARK)
        })?;
        let text = String::from_utf8_lossy(&sent).into_owned();
        ensure!(
            done,
            "`{command}` took the guest longer than {} s, and had printed:\n{text}",
            limit.as_secs()
        );
        let mut parts = text.split(char::from(MARK));
        match (parts.next(), parts.next().and_then(|status| status.parse().ok())) {
            (Some(printed), Some(status)) => Ok(Output { status, text: printed.to_owned() }),
            _ => bail!("the guest's shell answers what nobody asked:\n{text}"),
        }
    }

    /// Reads until `done`, and says whether that was it.
    fn until(
        &mut self,
        limit: Duration,
        nudge: bool,
        done: impl Fn(&[u8]) -> bool,
    ) -> Result<(Vec<u8>, bool)> {
        let deadline = Instant::now() + limit;
        let mut sent = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok((sent, false));
            }
            self.line.set_read_timeout(Some(left.min(NUDGE)))?;
            // One byte at a time: what follows is left for the next reader.
            let mut byte = [0];
            match self.line.read(&mut byte) {
                Ok(0) => {
                    bail!("the guest has ended; its shell had said:\n{}", String::from_utf8_lossy(&sent))
                }
                Ok(_) => sent.extend(byte),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                    ) =>
                {
                    if nudge {
                        self.line.write_all(b"\n")?;
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if done(&sent) {
                return Ok((sent, true));
            }
        }
    }
}
