//! The hosts that are connected: each has a session of its own, all have one device.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};

use xmap_device::{Service, Wire};
use xmap_link::{Role, decode_text};

use crate::device::LinuxDevice;
use crate::places::{Progress, Seat};
use crate::sockets::Stream;

/// Bytes that a host may leave unread. One that asks on and reads no answers is let go.
const UNREAD: usize = 64 * 1024;
/// Bytes of them that messages of modules may take: two seconds of them by default. What does not fit is left
/// out and counted, so that no module ends a host's connection by what it logs.
const UNREAD_TEXTS: usize = UNREAD / 2;
/// Bytes that are read at a time; the rest waits in the kernel, which makes a host wait that sends faster.
const READ: usize = 4096;

/// A connected host.
#[derive(Debug)]
pub struct Host {
    stream: Stream,
    received: VecDeque<u8>,
    sending: VecDeque<u8>,
    service: Box<Service>,
    gone: bool,
    /// Bytes of the latest answer, at the end of what is to be sent.
    answered: usize,
    /// An answer that waits for the disk.
    held: Option<Held>,
    /// The number of the socket that it came to.
    socket: usize,
    /// When it came, and when its latest request was answered.
    since_us: u64,
    heard_us: u64,
}

/// An answer that waits until what it says is on the disk. Everything else goes its way meanwhile.
#[derive(Debug)]
struct Held {
    /// What has to be there, by [`xmap_link::Thing::bit`], and the number of the change.
    things: u16,
    upto: u64,
    answer: Vec<u8>,
}

impl Host {
    /// A host that has just come to the socket of this number.
    pub fn new(stream: Stream, service: Service, socket: usize, now_us: u64) -> Self {
        Self {
            stream,
            received: VecDeque::new(),
            sending: VecDeque::new(),
            service: Box::new(service),
            gone: false,
            answered: 0,
            held: None,
            socket,
            since_us: now_us,
            heard_us: now_us,
        }
    }

    /// Returns whether it has a session, and with it a place.
    pub fn is_served(&self) -> bool {
        self.service.role().is_some()
    }

    /// Returns what its place depends on.
    pub fn seat(&self) -> Seat {
        Seat {
            role: self.service.role(),
            socket: self.socket,
            progress: match self.service.frames().good {
                0 => Progress::Silent,
                _ if self.service.is_opened() => Progress::Opened,
                _ => Progress::Spoken,
            },
            since_us: self.since_us,
            heard_us: self.heard_us,
            held: self.held.is_some(),
        }
    }

    /// The frames that came from it: good ones, bad ones.
    pub fn frames(&self) -> [u32; 2] {
        let counters = self.service.frames();
        [counters.good, counters.bad()]
    }

    /// Says up to which role there is no room for a new session.
    pub fn set_full(&mut self, full: Option<Role>) {
        self.service.set_full(full);
    }

    /// Returns when it came, or was answered last.
    pub const fn heard_us(&self) -> u64 {
        self.heard_us
    }

    /// Returns whether the connection is over.
    pub const fn is_gone(&self) -> bool {
        self.gone
    }

    /// Ends the connection, with what was not sent yet.
    pub fn let_go(&mut self) {
        self.gone = true;
    }

    /// Ends its session: nothing of it stays on the device.
    pub fn end(&mut self, device: &mut LinuxDevice) {
        self.service.end(device);
    }

    /// Returns whether there is something to do for it that nothing has to come for.
    pub fn has_received(&self) -> bool {
        !self.received.is_empty()
    }

    /// Returns whether something waits until the host reads.
    pub fn has_unsent(&self) -> bool {
        !self.sending.is_empty()
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

    /// Answers a request, if a whole one has come. Whether there was one; [`Host::wants_reset`] may hold
    /// then. Messages of modules that came with it are sent to this host alone.
    pub fn serve(&mut self, device: &mut LinuxDevice, now_us: u64) -> bool {
        let mut wire = HostWire::new(&self.stream, &mut self.received, &mut self.sending);
        let answered = self.service.poll(&mut wire, device);
        self.answered = wire.latest;
        if answered {
            self.heard_us = now_us;
        }
        answered
    }

    /// Returns what the latest request made count as good, by [`xmap_link::Thing::bit`].
    pub fn touched(&self) -> u16 {
        self.service.touched()
    }

    /// Holds the latest answer back until these things are on the disk, as the change of that number has
    /// them. Messages of modules that come meanwhile are sent.
    pub fn hold(&mut self, things: u16, upto: u64) {
        let from = self.sending.len().saturating_sub(std::mem::take(&mut self.answered));
        let answer = self.sending.drain(from..).collect();
        self.held = Some(Held { things, upto, answer });
    }

    /// Returns what its answer waits for: things, and the number of the change.
    pub fn held(&self) -> Option<(u16, u64)> {
        self.held.as_ref().map(|held| (held.things, held.upto))
    }

    /// Sends the answer that waited: what it says is on the disk.
    pub fn release(&mut self) {
        if let Some(held) = self.held.take() {
            self.sending.extend(held.answer);
        }
    }

    /// Ends the wait for a disk that refused. A host that knows how to ask what is on the disk gets its
    /// answer; any other would take it for the whole truth, and gets none.
    pub fn release_unkept(&mut self) {
        if self.service.edition() > 0 {
            self.release();
        } else {
            self.let_go();
        }
    }

    /// Returns whether it has asked for a restart of the device.
    pub const fn wants_reset(&self) -> bool {
        self.service.wants_reset()
    }

    /// Sends a module's message, the payload of a text frame, if the host may read it. Returns whether it was
    /// left out, as the host leaves too much unread.
    pub fn tell(&mut self, text: &[u8]) -> bool {
        if !self.is_served() {
            return false;
        }
        if self.sending.len() > UNREAD_TEXTS {
            return true;
        }
        let mut wire = HostWire::new(&self.stream, &mut self.received, &mut self.sending);
        decode_text(text).into_iter().for_each(|text| self.service.send_text(&mut wire, text));
        false
    }

    /// Sends as much as the host takes.
    pub fn send(&mut self) {
        while !self.sending.is_empty() && !self.gone {
            let (first, _) = self.sending.as_slices();
            match self.stream.write(first) {
                Ok(0) => break,
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
        self.gone |= !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
    }
}

impl AsFd for Host {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// A host as a session's wire.
struct HostWire<'h> {
    received: &'h mut VecDeque<u8>,
    sending: &'h mut VecDeque<u8>,
    /// Bytes that were written last at once.
    latest: usize,
    origin: &'static str,
}

impl<'h> HostWire<'h> {
    const fn new(stream: &Stream, received: &'h mut VecDeque<u8>, sending: &'h mut VecDeque<u8>) -> Self {
        let origin = match stream {
            Stream::Unix(_) => "unix",
            Stream::Tcp(_) => "tcp",
        };
        Self { received, sending, latest: 0, origin }
    }
}

impl Wire for HostWire<'_> {
    fn read(&mut self) -> Option<u8> {
        self.received.pop_front()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.latest = bytes.len();
        self.sending.extend(bytes);
    }

    fn origin(&self) -> &'static str {
        self.origin
    }
}
