//! A running emulator's process, and the connections that it makes to us.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::process;

/// How long the emulator may take to connect.
const START_LIMIT: Duration = Duration::from_secs(120);

/// An end of the emulator that it connects to us, so that no port has to be guessed.
#[derive(Debug)]
pub(crate) struct Wire(TcpListener);

impl Wire {
    /// A new one.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?))
    }

    /// Returns where the emulator has to connect, as its options `-serial` and `-monitor` take it.
    ///
    /// # Errors
    ///
    /// The operating system does not say.
    pub(crate) fn option(&self) -> Result<String> {
        Ok(format!("tcp:{},nodelay=on", self.0.local_addr()?))
    }
}

/// The emulator's process; ended when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// What the emulator itself printed.
    messages: File,
}

impl Running {
    /// Starts the emulator.
    ///
    /// # Errors
    ///
    /// It cannot be run.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let messages = tempfile::tempfile()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(messages.try_clone()?)
            .stderr(messages.try_clone()?)
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))?;
        Ok(Self { child, messages })
    }

    /// Waits until the emulator has connected a wire.
    ///
    /// # Errors
    ///
    /// It ends or hangs before that; the error has what it printed.
    pub(crate) fn accept(&mut self, wire: &Wire) -> Result<TcpStream> {
        wire.0.set_nonblocking(true)?;
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match wire.0.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the emulator ended at once ({status}):\n{}", self.messages());
            }
            ensure!(Instant::now() < deadline, "the emulator did not start:\n{}", self.messages());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns what the emulator itself printed so far.
    pub(crate) fn messages(&mut self) -> String {
        let mut text = String::new();
        _ = self.messages.rewind();
        _ = self.messages.read_to_string(&mut text);
        text
    }

    /// Waits for its end; `None` when it still runs after `limit`.
    ///
    /// # Errors
    ///
    /// The operating system does not say.
    pub(crate) fn wait(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        process::wait(&mut self.child, limit)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
