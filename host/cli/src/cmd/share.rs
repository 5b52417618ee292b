//! A port that one program has, for others: `xmap monitor` lends its port to the verbs that want it
//! meanwhile, through a Unix socket in a folder of the user's.
//!
//! One verb has the port at a time. Bytes go through as they are, so that a session with a role key is the
//! verb's own; messages that pass by are shown by the monitor all the same.

#[cfg(unix)]
pub(super) use unix::{Guest, Share, borrow};

#[cfg(not(unix))]
pub(super) use elsewhere::{Guest, Share, borrow};

#[cfg(unix)]
mod unix {
    use std::env;
    use std::fs::{self, DirBuilder};
    use std::io::{self, ErrorKind, Read, Write};
    use std::os::unix::fs::DirBuilderExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::PathBuf;
    use std::time::Duration;

    use xmap_client::{Inbox, Incoming, PortName, Wire};
    use xmap_link::FrameReader;
    use xmap_link::limits::MAX_FRAME;

    /// How long each side is listened to before the other one is.
    const TURN: Duration = Duration::from_millis(2);
    /// How long either side may take no bytes.
    const STALLED: Duration = Duration::from_secs(5);

    /// The socket of a port; none of a port that takes several hosts by itself, or where the user has no
    /// folder.
    fn socket(port: &PortName) -> Option<PathBuf> {
        let named = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let own = || named("XDG_DATA_HOME").or_else(|| Some(named("HOME")?.join(".local/share")));
        let folder = named("XDG_RUNTIME_DIR").or_else(own)?.join("xmap");
        let name = match port {
            PortName::Unix { .. } => return None,
            // Links such as those of /dev/serial/by-id lead to the port.
            PortName::Serial { path } => fs::canonicalize(path).ok()?.display().to_string(),
            PortName::Tcp { .. } => port.to_string(),
        };
        let name = name.trim_start_matches('/').replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        Some(folder.join(format!("{name}.sock")))
    }

    /// Returns a wire to a port that a monitor of the same user has; `None` where none has it.
    pub(in super::super) fn borrow(port: &PortName) -> Option<Wire> {
        let stream = UnixStream::connect(socket(port)?).ok()?;
        Some(Wire::borrowed(port.to_string(), stream))
    }

    /// The offer of a port.
    pub(in super::super) struct Share {
        listener: UnixListener,
        path: PathBuf,
    }

    impl Drop for Share {
        fn drop(&mut self) {
            _ = fs::remove_file(&self.path);
        }
    }

    impl Share {
        /// Offers a port; `None` where it cannot be shared.
        pub(in super::super) fn offer(port: &PortName) -> Option<Self> {
            let path = socket(port)?;
            DirBuilder::new().recursive(true).mode(0o700).create(path.parent()?).ok()?;
            // What stands there is of a monitor that was killed: this one has the port.
            _ = fs::remove_file(&path);
            let listener = UnixListener::bind(&path).ok()?;
            listener.set_nonblocking(true).ok()?;
            Some(Self { listener, path })
        }

        /// Returns the verb that waits for the port, if one does.
        pub(in super::super) fn guest(&self) -> Option<Guest> {
            self.listener.accept().ok().map(|(stream, _)| Guest(stream))
        }
    }

    /// A verb that has the port for a time.
    pub(in super::super) struct Guest(UnixStream);

    impl Guest {
        /// Passes bytes on between a port and the verb until the verb is done, and hands out the messages
        /// that pass by.
        ///
        /// # Errors
        /// The port is gone.
        pub(in super::super) fn serve(
            mut self,
            wire: &mut Wire,
            each: &mut dyn FnMut(Incoming),
        ) -> io::Result<()> {
            self.0.set_nonblocking(false)?;
            self.0.set_read_timeout(Some(TURN))?;
            self.0.set_write_timeout(Some(STALLED))?;
            let (mut reader, mut inbox) = (FrameReader::<MAX_FRAME>::new(), Inbox::default());
            let mut buffer = [0; 4096];
            loop {
                match self.0.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(count) => wire.write(&buffer[..count], STALLED)?,
                    Err(error) if is_pause(&error) => {}
                    // A verb that was killed.
                    Err(_) => return Ok(()),
                }
                let count = wire.read(&mut buffer, TURN)?;
                if self.0.write_all(&buffer[..count]).is_err() {
                    return Ok(());
                }
                for byte in &buffer[..count] {
                    if let Some(frame) = reader.feed(*byte) {
                        inbox.unasked(frame.channel, frame.payload);
                    }
                }
                inbox.take().into_iter().for_each(&mut *each);
            }
        }
    }

    fn is_pause(error: &io::Error) -> bool {
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
    }
}

/// Systems without Unix sockets: a port is its program's alone.
#[cfg(not(unix))]
mod elsewhere {
    use std::convert::Infallible;
    use std::io;

    use xmap_client::{Incoming, PortName, Wire};

    pub(in super::super) fn borrow(_: &PortName) -> Option<Wire> {
        None
    }

    pub(in super::super) struct Share(Infallible);

    impl Share {
        pub(in super::super) fn offer(_: &PortName) -> Option<Self> {
            None
        }

        pub(in super::super) fn guest(&self) -> Option<Guest> {
            match self.0 {}
        }
    }

    pub(in super::super) struct Guest(Infallible);

    impl Guest {
        pub(in super::super) fn serve(self, _: &mut Wire, _: &mut dyn FnMut(Incoming)) -> io::Result<()> {
            match self.0 {}
        }
    }
}
