//! The sockets that hosts come to: one in the file system, one on the network.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Mode;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::error::{Code, Error, Result};

/// Connections of a socket that wait in the kernel: what is taken in a third of a second, however many there
/// are.
const WAITING: i32 = 4096;

/// A socket that is listened on.
#[derive(Debug)]
pub enum Listener {
    /// In the file system; the file goes when the listener does.
    Unix(UnixListener, PathBuf),
    /// On the network.
    Tcp(TcpListener),
}

impl Listener {
    /// Listens on a path. A socket that an earlier run left is removed; one that somebody listens on is not.
    ///
    /// # Errors
    /// [`Code::Running`], [`Code::Socket`].
    pub fn unix(path: &Path, mode: u32) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::new(Code::Socket, format!("{}: cannot be listened on: {error}", path.display()))
                .help("its folder has to be there, and the service's to write to: `link.socket` or `--socket` names another")
        };
        match fs::symlink_metadata(path) {
            Ok(metadata) if !metadata.file_type().is_socket() => {
                let message = format!("{}: something else than a socket stands there", path.display());
                return Err(Error::new(Code::Socket, message)
                    .help("take it away, or name another path: `link.socket` or `--socket`"));
            }
            Ok(_) if UnixStream::connect(path).is_ok() => {
                let message = format!("{}: another program listens there", path.display());
                return Err(Error::new(Code::Running, message).help("does another xmapd run?"));
            }
            Ok(_) => fs::remove_file(path).map_err(failed)?,
            Err(_) => {}
        }
        // Nobody can connect before its mode is set: it is made with none, under a name that nobody can
        // guess.
        let hidden = path.with_extension(format!("{:08x}", random().map_err(failed)?));
        let listener = closed(&hidden).map_err(failed)?;
        let named = fs::set_permissions(&hidden, Permissions::from_mode(mode))
            .and_then(|()| fs::rename(&hidden, path));
        if let Err(error) = named {
            _ = fs::remove_file(&hidden);
            return Err(failed(error));
        }
        Ok(Self::Unix(listener, path.to_owned()))
    }

    /// Listens on an address.
    ///
    /// # Errors
    /// [`Code::Socket`].
    pub fn tcp(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            net::listen(&listener, WAITING)?;
            Ok(listener)
        });
        listener.map(Self::Tcp).map_err(|error| {
            Error::new(Code::Socket, format!("tcp:{address}: cannot be listened on: {error}")).help(
                "`link.tcp` or `--tcp` has an address of this machine, and a port that no other program has",
            )
        })
    }

    /// The next host that waits; `None` where none does.
    pub fn accept(&self) -> Option<Stream> {
        let accepted = match self {
            Self::Unix(listener, _) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
            Self::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
        };
        let stream = accepted.ok()?;
        stream.prepare().ok()?;
        Some(stream)
    }

    /// The address, as `xmap --port` takes it.
    pub fn port(&self) -> String {
        match self {
            Self::Unix(_, path) => format!("unix:{}", path.display()),
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| "tcp".into(), |address| format!("tcp:{address}"))
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(listener, _) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            _ = fs::remove_file(path);
        }
    }
}

/// A socket at a path that does not exist yet. It has the mode 0 from its first moment: the file takes the
/// mode of the socket, less the program's mask.
fn closed(path: &Path) -> io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::fs::fchmod(&socket, Mode::empty())?;
    net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    net::listen(&socket, WAITING)?;
    Ok(socket.into())
}

/// A number that nobody can guess.
fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())?;
    Ok(u32::from_ne_bytes(bytes))
}

/// A connection to a host; nothing on it waits.
#[derive(Debug)]
pub enum Stream {
    /// Of this machine.
    Unix(UnixStream),
    /// Of the network.
    Tcp(TcpStream),
}

impl Stream {
    fn prepare(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_nonblocking(true),
            Self::Tcp(stream) => {
                stream.set_nonblocking(true)?;
                // An answer is one small packet, and is awaited.
                stream.set_nodelay(true)?;
                // A host that vanished without a word is noticed within a minute, and its place is free
                // again.
                sockopt::set_socket_keepalive(stream, true)?;
                sockopt::set_tcp_keepidle(stream, Duration::from_secs(30))?;
                sockopt::set_tcp_keepintvl(stream, Duration::from_secs(10))?;
                Ok(sockopt::set_tcp_keepcnt(stream, 3)?)
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_has_its_mode_and_goes_with_the_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("xmapd.sock");
        let listener = Listener::unix(&path, 0o640).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(listener.port(), format!("unix:{}", path.display()));
        assert!(listener.accept().is_none());
        let _host = UnixStream::connect(&path).unwrap();
        assert!(listener.accept().is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the hidden name is gone");
        drop(listener);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_socket_is_nobodys_until_it_has_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("closed");
        let _listener = closed(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0);
        assert_eq!(closed(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse, "and takes nobody's place");
    }

    #[test]
    fn a_link_to_a_socket_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("xmapd.sock"), folder.path().join("others.sock"));
        let _other = UnixListener::bind(&target).unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let error = Listener::unix(&path, 0o600).unwrap_err();
        assert_eq!(error.code, Code::Socket);
        let help = "take it away, or name another path: `link.socket` or `--socket`";
        assert_eq!(error.help.as_deref(), Some(help));
        assert!(target.exists() && path.is_symlink());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("xmapd.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "as after kill -9");
        let _listener = Listener::unix(&path, 0o600).unwrap();
        assert_eq!(Listener::unix(&path, 0o600).unwrap_err().code, Code::Running);
        let file = folder.path().join("file");
        fs::write(&file, "mine").unwrap();
        assert_eq!(Listener::unix(&file, 0o600).unwrap_err().code, Code::Socket);
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        let missing = folder.path().join("no/xmapd.sock");
        let error = Listener::unix(&missing, 0o600).unwrap_err();
        assert_eq!(error.code, Code::Socket);
        let help = error.help.unwrap_or_default();
        assert!(help.contains("folder has to be there") && help.contains("`--socket`"), "{help}");
    }

    #[test]
    fn an_address_in_use_is_an_error() {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = listener.port();
        let address = port.strip_prefix("tcp:").unwrap().parse().unwrap();
        let error = Listener::tcp(address).unwrap_err();
        assert_eq!(error.code, Code::Socket);
        let help = error.help.unwrap_or_default();
        assert!(help.contains("`--tcp`") && help.contains("a port that no other program has"), "{help}");
        let _host = TcpStream::connect(address).unwrap();
        while listener.accept().is_none() {}
    }
}
