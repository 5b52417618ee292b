//! The hosts that are connected: each has a session of its own, all have one device.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};

use xmap_link::{Channel, FrameReader, Hello, PROTOCOL, Refusal, Request, Responder, Response};
use xmap_panel::{Identity, Service, Wire};

use crate::device::LinuxDevice;
use crate::sockets::Stream;

/// Hosts that are served at a time: an operator, a monitor, some programs.
pub const MAX_HOSTS: usize = 8;
/// Hosts beyond those that are told that there is no room; more wait in the kernel.
pub const MAX_WAITING: usize = 4;
/// When a host that found no room may try again, in milliseconds.
const RETRY_MS: u32 = 1000;
/// How long a host without a session keeps its place on a guarded device while others wait, in microseconds: a session
/// begins within milliseconds.
const STRANGER_US: u64 = 5_000_000;
/// Bytes that a host may leave unread: a second of a panel's messages. One that reads less is let go.
const UNREAD: usize = 64 * 1024;
/// Bytes that are read at a time; the rest waits in the kernel, which makes a host wait that sends faster.
const READ: usize = 4096;

/// A connected host.
#[derive(Debug)]
pub struct Host {
    stream: Stream,
    received: VecDeque<u8>,
    sending: VecDeque<u8>,
    session: Session,
    gone: bool,
    /// The last job of the disk when it asked, and the one that its answer waits for.
    held: Option<(u64, u64)>,
    /// When it came.
    since_us: u64,
}

#[derive(Debug)]
enum Session {
    /// It is served.
    Served(Box<Service>),
    /// There is no room: it is greeted, and whatever else it asks is refused.
    Refused(Box<(FrameReader, Responder)>, Identity),
}

impl Host {
    /// A host that is served from now on.
    pub fn served(stream: Stream, session: Service, now_us: u64) -> Self {
        Self { since_us: now_us, ..Self::new(stream, Session::Served(Box::new(session))) }
    }

    /// A host that there is no room for.
    pub fn refused(stream: Stream, identity: Identity) -> Self {
        Self::new(stream, Session::Refused(Box::new((FrameReader::new(), Responder::new())), identity))
    }

    fn new(stream: Stream, session: Session) -> Self {
        Self {
            stream,
            received: VecDeque::new(),
            sending: VecDeque::new(),
            session,
            gone: false,
            held: None,
            since_us: 0,
        }
    }

    /// Whether it is served.
    pub const fn is_served(&self) -> bool {
        matches!(self.session, Session::Served(_))
    }

    /// Whether it has had the time to show a key, and has not: on an open device nobody is a stranger.
    pub fn is_stranger(&self, now_us: u64) -> bool {
        let waits = matches!(&self.session, Session::Served(service) if !service.has_reader());
        waits && now_us.saturating_sub(self.since_us) >= STRANGER_US
    }

    /// Whether the connection is over.
    pub const fn is_gone(&self) -> bool {
        self.gone
    }

    /// Ends the connection, with what was not sent yet.
    pub fn let_go(&mut self) {
        self.gone = true;
    }

    /// Whether there is something to do for it that nothing has to come for.
    pub fn has_received(&self) -> bool {
        !self.received.is_empty()
    }

    /// Whether something waits until the host reads.
    pub fn has_unsent(&self) -> bool {
        !self.sending.is_empty() && self.held.is_none()
    }

    /// Takes what has come.
    pub fn receive(&mut self) {
        let mut buffer = [0; READ];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.gone = true,
            Ok(count) => self.received.extend(buffer.get(..count).unwrap_or_default()),
            Err(error) => self.failed(&error),
        }
    }

    /// Answers a request, if a whole one has come. Whether there was one; [`Host::wants_reset`] may hold then. Messages of modules
    /// that came with it are sent to this host alone.
    pub fn serve(&mut self, device: &mut LinuxDevice) -> bool {
        let mut wire = HostWire::new(&self.stream, &mut self.received, &mut self.sending);
        match &mut self.session {
            Session::Served(service) => service.poll(&mut wire, device),
            Session::Refused(parts, identity) => {
                let (reader, responder) = parts.as_mut();
                while let Some(byte) = wire.read() {
                    let Some(frame) = reader.feed(byte) else { continue };
                    wire.write(responder.respond(&frame, |request| refuse(&request, identity)));
                    return true;
                }
                false
            }
        }
    }

    /// Keeps what is to be sent until a job of the disk has ended; `since` is the one that ended before the host asked.
    pub fn hold(&mut self, since: u64, ticket: u64) {
        self.held = Some((since, ticket));
    }

    /// What its answer waits for.
    pub const fn held(&self) -> Option<(u64, u64)> {
        self.held
    }

    /// Its answer waits no longer.
    pub fn release(&mut self) {
        self.held = None;
    }

    /// Whether it has asked for a restart of the device.
    pub fn wants_reset(&self) -> bool {
        matches!(&self.session, Session::Served(service) if service.wants_reset())
    }

    /// Sends a module's message, the payload of a text frame, if the host may read it.
    pub fn tell(&mut self, text: &[u8]) {
        let mut wire = HostWire::new(&self.stream, &mut self.received, &mut self.sending);
        if let Session::Served(service) = &mut self.session {
            service.send_bytes(&mut wire, Channel::Text, text);
        }
    }

    /// Sends as much as the host takes.
    pub fn send(&mut self) {
        while !self.sending.is_empty() && !self.gone && self.held.is_none() {
            let (first, _) = self.sending.as_slices();
            match self.stream.write(first) {
                Ok(count) => drop(self.sending.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => self.failed(&error),
            }
        }
        if self.sending.len() > UNREAD {
            self.gone = true;
        }
    }

    fn failed(&mut self, error: &io::Error) {
        self.gone = !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
    }
}

impl AsFd for Host {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The answer to a host that there is no room for. A greeting is answered, as nothing else could be told before.
fn refuse(request: &Request, identity: &Identity) -> Response {
    let Request::Hello { nonce, .. } = request else {
        return Response::Refused(Refusal::Busy { retry_ms: RETRY_MS });
    };
    Response::Hello(Hello {
        protocol: PROTOCOL,
        nonce: *nonce,
        board: identity.board,
        boot: identity.boot,
        features: identity.features | xmap_link::features::SWAP,
        clock_hz: identity.clock_hz,
        firmware: identity.firmware.try_into().unwrap_or_default(),
        image: None,
    })
}

/// A host as a session's wire.
struct HostWire<'h> {
    received: &'h mut VecDeque<u8>,
    sending: &'h mut VecDeque<u8>,
    origin: &'static str,
}

impl<'h> HostWire<'h> {
    const fn new(stream: &Stream, received: &'h mut VecDeque<u8>, sending: &'h mut VecDeque<u8>) -> Self {
        let origin = match stream {
            Stream::Unix(_) => "unix",
            Stream::Tcp(_) => "tcp",
        };
        Self { received, sending, origin }
    }
}

impl Wire for HostWire<'_> {
    fn read(&mut self) -> Option<u8> {
        self.received.pop_front()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.sending.extend(bytes);
    }

    fn origin(&self) -> &'static str {
        self.origin
    }
}
