//! The device of [`super::panel`] in a thread of the test, behind a real socket, with a wire that can
//! misbehave.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use xmap_boards::BoardId;
use xmap_image::{ImageBuilder, OwnedImage};
use xmap_link::limits::MAX_FRAME;
use xmap_link::*;

use super::fake_slots::Slots;
use super::panel::Panel;
use super::{Client, Options, PortName};

/// What goes wrong. Requests are counted from 0, the greeting included.
#[derive(Clone, Default)]
pub(super) struct Faults {
    /// These requests do not arrive.
    pub(super) lose_requests: Vec<u32>,
    /// The answers to these requests do not arrive.
    pub(super) lose_answers: Vec<u32>,
    /// Before each answer come answers to somebody else, defmt, half a frame and random bytes.
    pub(super) noise: bool,
    /// The connection closes instead of answering this request.
    pub(super) close_at: Option<u32>,
    /// The answers to these requests arrive with a byte that changed on its way.
    pub(super) garble_answers: Vec<u32>,
    /// The device restarts before these requests.
    pub(super) restart_at: Vec<u32>,
    /// What it is like as a device whose images can be swapped; none is one of earlier firmware.
    pub(super) swaps: Option<Slots>,
    /// The device says it speaks this protocol.
    pub(super) protocol: Option<u16>,
    /// The device answers nothing but gives back what it gets.
    pub(super) echo: bool,
    /// Each page of the trace is the first.
    pub(super) rewinds: bool,
    /// The answer to this request has another kind.
    pub(super) mixed_up_at: Option<u32>,
    /// It answers to those alone who have the key of this role.
    pub(super) guarded: Option<Role>,
    /// Before each answer come forged ones: without a tag, of an earlier request, with a changed bit, and the
    /// request itself.
    pub(super) forged: bool,
}

impl Faults {
    /// Returns how often to ask: until an answer comes, however late a busy machine makes it, where one comes
    /// at all.
    pub(super) fn attempts(&self) -> u32 {
        if self.echo || self.lose_requests.len() > 8 { 3 } else { 100 }
    }

    /// Returns the options of a session, with the key that the device asks for. Where something is lost on
    /// purpose, the test has to wait for `lossy_us`; where nothing is, a busy machine must not make the
    /// client ask twice.
    pub(super) fn options(&self, lossy_us: u64) -> Options {
        let lost = [&self.lose_requests, &self.lose_answers, &self.garble_answers];
        let is_lossy = self.echo || lost.iter().any(|lost| !lost.is_empty());
        let timeout_us = if is_lossy { lossy_us } else { 20_000_000 };
        let retry = Retry { timeout_us, attempts: self.attempts() };
        Options { retry, key: self.guarded.map(secret), ..Options::default() }
    }
}

/// The key of a role on a guarded device.
pub(super) fn secret(role: Role) -> Secret {
    Secret::new([0x30 + role as u8; 32])
}

/// An image of this many bytes of data and a little more.
pub(super) fn image(bytes: usize) -> OwnedImage {
    let mut b = ImageBuilder::new(BoardId::Rpi4b);
    (b.memory_bytes, b.memory_pages, b.memory_max_pages) = (bytes.next_multiple_of(65_536) as u32, 2, 2);
    b.data = vec![(0, (0..bytes).map(|n| (n * 7 + n / 251) as u8 | 1).collect())];
    OwnedImage::new(b.build().unwrap()).unwrap()
}

/// The rules of the link, of either kind. There is one of it.
#[allow(clippy::large_enum_variant)]
enum Rules {
    Open(Responder),
    Guarded(AuthResponder),
}

impl Rules {
    /// Those of a device that starts for this time.
    fn new(faults: &Faults, start: u8) -> Self {
        let Some(role) = faults.guarded else { return Self::Open(Responder::new()) };
        let mut keys = RoleKeys::new();
        let exports = [Pattern::new("*").unwrap()].into_iter().collect();
        keys.add(RoleKey { secret: secret(role), role, exports }).unwrap();
        let seed: [u8; 32] = std::array::from_fn(|n| n as u8 ^ start);
        Self::Guarded(AuthResponder::new(keys, Nonces::from_seed(&seed)))
    }

    fn respond(&mut self, frame: &Frame<'_>, serve: impl FnOnce(Request) -> Response) -> Vec<u8> {
        match self {
            Self::Open(responder) => responder.respond(frame, serve).to_vec(),
            Self::Guarded(guard) => {
                let reply = guard.respond(frame, 0, |_, request| serve(request));
                guard.bytes(reply).to_vec()
            }
        }
    }

    /// A frame that goes unasked.
    fn text(&mut self, piece: &Text<'_>) -> Vec<u8> {
        let (mut buffer, mut payload) = ([0; MAX_FRAME], [0; MAX_FRAME]);
        match self {
            Self::Open(_) => encode_text(piece, &mut buffer).unwrap().to_vec(),
            Self::Guarded(guard) => {
                let payload = text_payload(piece, &mut payload).unwrap();
                guard.stream(Channel::Text, payload, &mut buffer).unwrap().unwrap().to_vec()
            }
        }
    }

    fn features(&self) -> u32 {
        if matches!(self, Self::Guarded(_)) { features::GUARDED } else { 0 }
    }
}

/// A device that listens; it serves one connection.
pub(super) struct Fake {
    pub(super) port: PortName,
    /// How many calls were run.
    pub(super) calls: Arc<AtomicU32>,
    /// What its slots came to, once the client is gone.
    served: Option<JoinHandle<Option<Slots>>>,
}

impl Fake {
    /// Starts a device, and connects a client that waits for `lossy_us` where something is lost.
    pub(super) fn connected(faults: Faults, lossy_us: u64) -> (Self, Client) {
        let options = faults.options(lossy_us);
        let fake = Self::start(faults);
        let client = Client::connect(&fake.port, &options).unwrap();
        (fake, client)
    }

    pub(super) fn start(faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = PortName::Tcp { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
        let (device, calls) = Device::new(&faults);
        let served = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            drop(listener);
            serve(stream, device, &faults)
        });
        Self { port, calls, served: Some(served) }
    }

    /// Returns what the slots of the device came to. Waits until its client is gone.
    pub(super) fn slots(&mut self) -> Slots {
        self.served.take().unwrap().join().unwrap().unwrap()
    }

    /// A device on a socket in the file system.
    #[cfg(unix)]
    pub(super) fn on_path(path: &std::path::Path, faults: Faults) -> Self {
        let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
        let (device, calls) = Device::new(&faults);
        let served = thread::spawn(move || serve(listener.accept().unwrap().0, device, &faults));
        let path = path.display().to_string();
        Self { port: PortName::Unix { path }, calls, served: Some(served) }
    }

    /// A device on a pseudo-terminal, as QEMU's `-serial pty` gives one.
    #[cfg(target_os = "linux")]
    pub(super) fn on_terminal(faults: Faults) -> Self {
        use serialport::{SerialPort, TTYPort};
        use std::fs::File;
        use std::os::unix::fs::OpenOptionsExt;
        use std::time::Duration;

        /// `open(2)`: do not make it this process's controlling terminal.
        const O_NOCTTY: i32 = 0o400;

        let (mut master, mut slave) = TTYPort::pair().unwrap();
        let path = slave.name().unwrap();
        // The client wants the slave for itself; but it must stay open until the client has it, since
        // the master reads an error while it is closed.
        let held = File::options().read(true).write(true).custom_flags(O_NOCTTY).open(&path);
        slave.set_exclusive(false).unwrap();
        drop(slave);
        master.set_timeout(Duration::from_secs(60)).unwrap();
        let (device, calls) = Device::new(&faults);
        let served = thread::spawn(move || {
            let _held = held.unwrap();
            serve(master, device, &faults)
        });
        Self { port: PortName::Serial { path }, calls, served: Some(served) }
    }

    pub(super) fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: impl Read + Write, mut device: Device, faults: &Faults) -> Option<Slots> {
    let mut reader: FrameReader = FrameReader::new();
    let (mut rules, mut starts) = (Rules::new(faults, 0), 0);
    let mut forger = Forger::default();
    let mut number = 0;
    let mut byte = [0];
    // Ends when the client goes.
    while stream.read_exact(&mut byte).is_ok() {
        if faults.echo {
            stream.write_all(&byte).unwrap();
            continue;
        }
        let Some(frame) = reader.feed(byte[0]) else { continue };
        let this = number;
        number += 1;
        if faults.close_at == Some(this) {
            return device.slots;
        }
        if faults.lose_requests.contains(&this) {
            continue;
        }
        if faults.restart_at.contains(&this) {
            starts += 1;
            rules = Rules::new(faults, starts);
            device.slots.iter_mut().for_each(Slots::restart);
        }
        let guarded = rules.features();
        let answer = rules.respond(&frame, |request| {
            let mut response = device.serve(request);
            if let Response::Hello(hello) = &mut response {
                hello.features |= guarded;
            }
            if let (Response::Hello(hello), Some(protocol)) = (&mut response, faults.protocol) {
                hello.protocol = protocol;
            }
            if let (Response::Trace(page), true) = (&mut response, faults.rewinds) {
                page.first = 0;
            }
            if faults.mixed_up_at == Some(this) {
                response = Response::Levels { time_us: 0, banks: [0; 2] };
            }
            response
        });
        let mut out = Vec::new();
        if faults.noise {
            if this == 0 {
                // A session before this one got these too late; its first request had the same number.
                let mut buffer = [0; MAX_FRAME];
                for stale in [
                    device.serve(Request::Hello { protocol: PROTOCOL, nonce: 0 }),
                    Response::Refused(Refusal::NoImage),
                ] {
                    out.extend_from_slice(encode_response(1, &stale, &mut buffer).unwrap());
                }
            }
            noise(this, &mut out);
        }
        for text in device.panel.texts.drain(..) {
            for piece in pieces(text.0, Level::Info, Some(0), &text.1) {
                out.extend_from_slice(&rules.text(&piece));
            }
        }
        if faults.forged {
            forger.forge(frame.channel, frame.payload, &answer, &mut out);
        }
        if !faults.lose_answers.contains(&this) {
            out.extend_from_slice(&answer);
            if faults.garble_answers.contains(&this) {
                let at = out.len() - answer.len() / 2;
                out[at] ^= 0x10;
            }
        }
        // A client that has its answer may be gone.
        if stream.write_all(&out).is_err() {
            break;
        }
    }
    device.slots
}

/// A man on the wire between a guarded device and its host.
#[derive(Default)]
struct Forger {
    /// The answers that went by.
    seen: Vec<Vec<u8>>,
}

impl Forger {
    fn forge(&mut self, channel: u8, request: &[u8], answer: &[u8], out: &mut Vec<u8>) {
        if channel != Channel::TaggedRequest as u8 {
            return;
        }
        let mut buffer = [0; MAX_FRAME];
        let seq = u16::from_le_bytes([request[8], request[9]]);
        for forged in [
            Response::Returned { results: [666].into_iter().collect() },
            Response::Done,
            Response::Refused(Refusal::NotOnTrial),
            Response::Refused(Refusal::NoSession),
            Response::Staging { next: 0 },
        ] {
            out.extend_from_slice(encode_response(seq, &forged, &mut buffer).unwrap());
        }
        self.seen.iter().for_each(|seen| out.extend_from_slice(seen));
        // The request itself, as if it were the answer, and the answer with one bit changed and a checksum
        // that holds.
        let reflected = encode_bytes(Channel::TaggedResponse, request, &mut buffer).unwrap();
        out.extend_from_slice(reflected);
        let mut reader: FrameReader = FrameReader::new();
        for byte in answer {
            let Some(frame) = reader.feed(*byte) else { continue };
            let mut changed = frame.payload.to_vec();
            let at = self.seen.len() * 7 % changed.len();
            changed[at] ^= 1 << (self.seen.len() % 8);
            out.extend_from_slice(encode_bytes(Channel::TaggedResponse, &changed, &mut buffer).unwrap());
        }
        self.seen.push(answer.to_vec());
        let unasked = Text { trace_at: 0, level: Level::Warn, more: false, text: "forged", module: None };
        out.extend_from_slice(encode_text(&unasked, &mut buffer).unwrap());
    }
}

fn noise(number: u32, out: &mut Vec<u8>) {
    let mut buffer = [0; MAX_FRAME];
    let stranger = Response::Returned { results: [99].into_iter().collect() };
    out.extend_from_slice(encode_response(0x7777, &stranger, &mut buffer).unwrap());
    out.extend_from_slice(encode_bytes(Channel::Defmt, b"\x01\x00defmt", &mut buffer).unwrap());
    // An answer that loses its end, and a stretch of anything.
    let half = encode_response(number as u16 + 1, &stranger, &mut buffer).unwrap();
    out.extend_from_slice(&half[..half.len() / 2]);
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    for _ in 0..200 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        out.push(state as u8);
    }
}

/// The device program, and slots that a test scripts in the place of its own.
struct Device {
    panel: Panel,
    slots: Option<Slots>,
}

impl Device {
    fn new(faults: &Faults) -> (Self, Arc<AtomicU32>) {
        let calls = Arc::new(AtomicU32::new(0));
        (Self { panel: Panel::new(calls.clone()), slots: faults.swaps.clone() }, calls)
    }

    fn serve(&mut self, request: Request) -> Response {
        match request {
            // A device of earlier firmware has no slots, and says so.
            Request::Hello { .. } => match self.panel.serve(&request) {
                Response::Hello(mut hello) => {
                    hello.features &= features::TRACE | features::TEXT;
                    hello.features |= self.slots.as_ref().map_or(0, |_| features::SWAP);
                    Response::Hello(hello)
                }
                other => other,
            },
            Request::Status
            | Request::Call { .. }
            | Request::Trace { .. }
            | Request::Levels
            | Request::Rehearse { .. }
            | Request::Describe { .. } => self.panel.serve(&request),
            other => match &mut self.slots {
                Some(slots) => slots.serve(other),
                None => Response::Refused(Refusal::Unsupported),
            },
        }
    }
}
