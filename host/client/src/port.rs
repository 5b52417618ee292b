//! Ports: by name, and open.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, ErrorCode, reason};

/// The place of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortName {
    /// `tcp:HOST:PORT`: the emulator's serial line, or a serial server.
    Tcp {
        /// A name or an address; an IPv6 address without its brackets.
        host: String,
        /// The port's number.
        port: u16,
    },
    /// `unix:PATH`: a socket in the file system, as the emulator can offer its serial line too.
    #[cfg(unix)]
    Unix {
        /// The path.
        path: String,
    },
    /// Anything else: the path of a serial port.
    Serial {
        /// The path, or `COM3`.
        path: String,
    },
}

impl PortName {
    /// The serial ports that this machine has, in order of their names; none where they cannot be listed.
    #[cfg(feature = "serial")]
    pub fn serial_ports() -> Vec<Self> {
        let ports = serialport::available_ports().unwrap_or_default();
        let mut names: Vec<String> = ports.into_iter().map(|port| port.port_name).collect();
        names.sort();
        names.dedup();
        names.into_iter().map(|path| Self::Serial { path }).collect()
    }
}

/// # Examples
///
/// ```
/// use xmap_client::PortName;
///
/// let port: PortName = "tcp:localhost:5555".parse().unwrap();
/// assert_eq!(port, PortName::Tcp { host: "localhost".into(), port: 5555 });
/// assert!("tcp:localhost".parse::<PortName>().is_err());
/// ```
impl FromStr for PortName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |expected: &str| {
            let message = format!("{text}: not a port: expected {expected}");
            Error::new(ErrorCode::BadPort, text, message)
        };
        #[cfg(unix)]
        if let Some(path) = text.strip_prefix("unix:") {
            let path = Some(path).filter(|path| !path.is_empty());
            return path.map(|path| Self::Unix { path: path.into() }).ok_or_else(|| bad("unix:PATH"));
        }
        let Some(address) = text.strip_prefix("tcp:") else {
            return match text {
                "" => Err(bad("tcp:HOST:PORT, unix:PATH or the path of a serial port")),
                path => Ok(Self::Serial { path: path.into() }),
            };
        };
        let parts = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        let (host, port) = parts.ok_or_else(|| bad("tcp:HOST:PORT"))?;
        let port = match port.parse() {
            Ok(port @ 1..) => port,
            _ => return Err(bad("a port number of 1 to 65535")),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Ok(Self::Tcp { host: host.into(), port })
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
            #[cfg(unix)]
            Self::Unix { path } => write!(f, "unix:{path}"),
            Self::Serial { path } => f.write_str(path),
        }
    }
}

/// An open port.
pub struct Wire {
    name: String,
    stream: Stream,
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    #[cfg(feature = "serial")]
    Serial(Box<dyn serialport::SerialPort>),
}

impl Wire {
    /// Opens a port. `baud` is for a serial one: 8 data bits, no parity, 1 stop bit, no flow control.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::PortUnavailable`] where it is not there, nobody listens within `timeout`, or another
    /// program has it.
    pub fn open(port: &PortName, baud: u32, timeout: Duration) -> Result<Self, Error> {
        let name = port.to_string();
        let opened = match port {
            PortName::Tcp { host, port } => connect(host, *port, timeout).map(Stream::Tcp),
            #[cfg(unix)]
            PortName::Unix { path } => UnixStream::connect(path).map(Stream::Unix),
            #[cfg(feature = "serial")]
            PortName::Serial { path } => serialport::new(path, baud)
                .timeout(timeout)
                .open()
                .map(Stream::Serial)
                .map_err(io::Error::from),
            #[cfg(not(feature = "serial"))]
            PortName::Serial { .. } => {
                _ = baud;
                Err(io::Error::new(io::ErrorKind::Unsupported, "this program was built without serial ports"))
            }
        };
        match opened {
            Ok(stream) => Ok(Self { name, stream }),
            Err(error) => {
                let message = format!("{name}: cannot be opened: {}", reason(&error));
                Err(Error::new(ErrorCode::PortUnavailable, name, message).help(help(port, &error)))
            }
        }
    }

    /// Wraps a connection that is open already, as to a device in this process; `name` is what messages call
    /// it.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn over(name: impl Into<String>, stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { name: name.into(), stream: Stream::Tcp(stream) })
    }

    /// Wraps a connection to a program that has the port; `name` is the port's.
    #[cfg(unix)]
    pub fn borrowed(name: impl Into<String>, stream: UnixStream) -> Self {
        Self { name: name.into(), stream: Stream::Unix(stream) }
    }

    /// The port's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads what has come, at most `buffer`; waits for at most `timeout`. Zero bytes are no error:
    /// nothing has come.
    ///
    /// # Errors
    ///
    /// What the operating system says; [`io::ErrorKind::UnexpectedEof`] where the other side closed.
    pub fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        // Both kinds take zero for "no limit".
        let timeout = timeout.max(Duration::from_millis(1));
        let read = match &mut self.stream {
            Stream::Tcp(tcp) => tcp.set_read_timeout(Some(timeout)).and_then(|()| some(tcp.read(buffer))),
            #[cfg(unix)]
            Stream::Unix(unix) => unix.set_read_timeout(Some(timeout)).and_then(|()| some(unix.read(buffer))),
            #[cfg(feature = "serial")]
            Stream::Serial(serial) => {
                serial.set_timeout(timeout)?;
                serial.read(buffer)
            }
        };
        match read {
            Err(error) if is_pause(&error) => Ok(0),
            read => read,
        }
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    ///
    /// What the operating system says; [`io::ErrorKind::TimedOut`] where the other side takes
    /// nothing for `timeout`.
    pub fn write(&mut self, bytes: &[u8], timeout: Duration) -> io::Result<()> {
        let timeout = timeout.max(Duration::from_millis(1));
        let written = match &mut self.stream {
            Stream::Tcp(tcp) => tcp.set_write_timeout(Some(timeout)).and_then(|()| tcp.write_all(bytes)),
            #[cfg(unix)]
            Stream::Unix(unix) => unix.set_write_timeout(Some(timeout)).and_then(|()| unix.write_all(bytes)),
            #[cfg(feature = "serial")]
            Stream::Serial(serial) => {
                serial.set_timeout(timeout)?;
                serial.write_all(bytes)
            }
        };
        written.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
            _ => error,
        })
    }
}

/// No bytes from a socket that had some say that the other side closed.
fn some(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        read => read,
    }
}

/// Nothing has come within the time, which is no error.
fn is_pause(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

fn connect(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                // A request is one small packet and its answer is awaited.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn help(port: &PortName, error: &io::Error) -> Option<String> {
    match (port, error.kind()) {
        (PortName::Tcp { .. }, io::ErrorKind::ConnectionRefused) => {
            Some("does the emulator run? `cargo xtask qemu` prints its port".into())
        }
        #[cfg(unix)]
        (PortName::Unix { .. }, io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => Some(
            "does xmapd run? `systemctl status xmapd` says so; `link.socket` in xmapd.toml is its path"
                .into(),
        ),
        #[cfg(unix)]
        (PortName::Unix { .. }, io::ErrorKind::PermissionDenied) => {
            Some("members of the group `xmap` may use xmapd's socket".into())
        }
        (PortName::Serial { .. }, io::ErrorKind::PermissionDenied) => {
            Some("on most systems the group `dialout` may use serial ports".into())
        }
        (PortName::Serial { .. }, _) => Some(serial_help(&error.to_string().to_lowercase())),
        _ => None,
    }
}

/// Returns what to do about a serial port that cannot be opened, by the operating system's words.
fn serial_help(reason: &str) -> String {
    if reason.contains("typewriter") || reason.contains("inappropriate ioctl") {
        "it is a file, and no serial port; `xmap devices --list` has the ports of this machine"
    } else if reason.contains("lock") || reason.contains("busy") {
        "another program has it; `xmap monitor` lends it to the other verbs of its user, `events --follow` does not"
    } else {
        "is the adapter plugged in? `xmap devices --list` has the ports of this machine"
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ports() {
        let tcp = |host: &str, port| PortName::Tcp { host: host.into(), port };
        for (text, expected) in [
            ("tcp:127.0.0.1:5555", tcp("127.0.0.1", 5555)),
            ("tcp:[::1]:65535", tcp("::1", 65535)),
            #[cfg(unix)]
            ("unix:/tmp/pi", PortName::Unix { path: "/tmp/pi".into() }),
            ("/dev/ttyUSB0", PortName::Serial { path: "/dev/ttyUSB0".into() }),
            ("COM3", PortName::Serial { path: "COM3".into() }),
        ] {
            let port: PortName = text.parse().unwrap();
            assert_eq!(port, expected);
            assert_eq!(port.to_string(), text);
        }
        for (text, message) in [
            ("", ": not a port: expected tcp:HOST:PORT, unix:PATH or the path of a serial port"),
            #[cfg(unix)]
            ("unix:", "unix:: not a port: expected unix:PATH"),
            ("tcp:", "tcp:: not a port: expected tcp:HOST:PORT"),
            ("tcp:5555", "tcp:5555: not a port: expected tcp:HOST:PORT"),
            ("tcp::5555", "tcp::5555: not a port: expected tcp:HOST:PORT"),
            ("tcp:a:0", "tcp:a:0: not a port: expected a port number of 1 to 65535"),
            ("tcp:a:65536", "tcp:a:65536: not a port: expected a port number of 1 to 65535"),
        ] {
            let error = text.parse::<PortName>().unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (ErrorCode::BadPort, message));
        }
    }

    #[test]
    fn a_port_that_is_not_there() {
        let port = PortName::Serial { path: "/no/such/tty".into() };
        let error = Wire::open(&port, 115_200, Duration::from_secs(1)).err().unwrap();
        assert_eq!(error.code, ErrorCode::PortUnavailable);
        assert!(error.message.starts_with("/no/such/tty: cannot be opened: no such file"), "{error}");
        assert!(error.help.unwrap().contains("xmap devices --list"));
        let plain = std::env::temp_dir().join(format!("xmap-no-port-{}", std::process::id()));
        std::fs::write(&plain, "").unwrap();
        let port = PortName::Serial { path: plain.display().to_string() };
        let error = Wire::open(&port, 115_200, Duration::from_secs(1)).err().unwrap();
        assert!(error.help.unwrap().starts_with("it is a file"), "{}", error.message);
        _ = std::fs::remove_file(plain);
    }
}
