//! Requests and their answers over a port.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use xmap_link::limits::{MAX_FRAME, NONCE_BYTES};
use xmap_link::{
    Channel, DecodeError, Exchange, FrameReader, Opening, PROTOCOL, Refusal, Request, Response, Retry, Role,
    Secret, Session as Tagged, Step, decode_response, encode_request,
};

use crate::error::{Error, ErrorCode, reason};
use crate::inbox::{Inbox, Incoming};
use crate::port::{PortName, Wire};

/// The options of a session.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bits a second of a serial port; the firmware's UART runs at 115,200.
    pub baud: u32,
    /// How long to wait for the connection.
    pub connect: Duration,
    /// How long to wait for an answer, and how often to ask.
    pub retry: Retry,
    /// After this time, counted from the opening of the port, no answer is awaited any more; `None` leaves
    /// it at the limit of each request.
    pub total: Option<Duration>,
    /// The role key. With one, only a device that has it is believed; without one, only a device that is open
    /// to everybody answers.
    pub key: Option<Secret>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            baud: 115_200,
            connect: Duration::from_secs(5),
            retry: Retry::default(),
            total: None,
            key: None,
        }
    }
}

/// An open port with the state of both directions.
pub(super) struct Session {
    wire: Wire,
    reader: FrameReader,
    retry: Retry,
    started: Instant,
    total: Option<Duration>,
    seq: u16,
    inbox: Inbox,
    seen: Seen,
    key: Option<Secret>,
    /// While there is one, nothing that comes without a tag is believed.
    tagged: Option<Tagged>,
    /// When somebody, maybe the device, has said that it knows no such session.
    forgotten: Option<Instant>,
}

/// How long to wait for an answer with a tag when one without a tag says that there will be none.
const DOUBT: Duration = Duration::from_millis(300);

/// What came since a request was sent: says why there is no answer.
#[derive(Clone, Copy, Default)]
struct Seen {
    bytes: usize,
    frames: usize,
    echoes: usize,
}

/// Which answer is awaited.
#[derive(Clone, Copy)]
struct Wanted {
    seq: u16,
    nonce: Option<u32>,
}

/// What to do without a key.
pub(super) const KEY_HELP: &str = "--key FILE (or XMAP_KEY=FILE) with a key that is in the device's table; \
    `xmap keygen --role ROLE` makes one, the device's owner adds it";

type Answer = Result<Response, DecodeError>;

impl Session {
    pub(super) fn open(port: &PortName, options: &Options) -> Result<Self, Error> {
        let started = Instant::now();
        let connect = options.total.map_or(options.connect, |total| total.min(options.connect));
        let wire = Wire::open(port, options.baud, connect)?;
        Ok(Self { started, ..Self::over(wire, options) })
    }

    pub(super) fn into_wire(self) -> Wire {
        self.wire
    }

    /// A session that has asked nothing yet.
    pub(super) fn over(wire: Wire, options: &Options) -> Self {
        Self {
            wire,
            reader: FrameReader::new(),
            retry: options.retry,
            started: Instant::now(),
            total: options.total,
            seq: 0,
            inbox: Inbox::default(),
            seen: Seen::default(),
            key: options.key.clone(),
            tagged: None,
            forgotten: None,
        }
    }

    pub(super) fn port(&self) -> &str {
        self.wire.name()
    }

    pub(super) fn take_incoming(&mut self) -> VecDeque<Incoming> {
        self.inbox.take()
    }

    /// Waits until something comes unasked, for at most `time`.
    pub(super) fn listen(&mut self, time: Duration) -> Result<VecDeque<Incoming>, Error> {
        let start = Instant::now();
        while self.inbox.is_empty() {
            let left = time.saturating_sub(start.elapsed());
            if left.is_zero() {
                break;
            }
            self.receive(left, None)?;
        }
        Ok(self.inbox.take())
    }

    /// One request and its answer, which may be a refusal.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Response, Error> {
        self.seq = self.seq.wrapping_add(1);
        let mut buffer = [0; MAX_FRAME];
        let frame = match &mut self.tagged {
            Some(tagged) => tagged.encode(self.seq, request, &mut buffer),
            None => encode_request(self.seq, request, &mut buffer),
        };
        let frame = frame.expect("every request fits a frame, and nobody lives to see the last number");
        self.forgotten = None;
        let nonce = if let Request::Hello { nonce, .. } = request { Some(*nonce) } else { None };
        let wanted = Wanted { seq: self.seq, nonce };
        let timeout = Duration::from_micros(self.retry.timeout_us);
        let mut exchange = Exchange::new(self.seq, self.retry);
        self.seen = Seen::default();
        let asked = Instant::now();
        loop {
            let left = self.left().unwrap_or(timeout).min(timeout);
            if left.is_zero() {
                return Err(self.time_is_up());
            }
            match exchange.step(self.now_us()) {
                Step::Send => self.wire.write(frame, left).map_err(|error| self.broken(&error))?,
                Step::WaitUntil { time_us } => {
                    let mut wait = Duration::from_micros(time_us.saturating_sub(self.now_us())).min(left);
                    if let Some(since) = self.forgotten {
                        let doubt = DOUBT.saturating_sub(since.elapsed());
                        if doubt.is_zero() {
                            return Err(self.forgotten());
                        }
                        wait = wait.min(doubt);
                    }
                    if let Some(answer) = self.receive(wait, Some(wanted))? {
                        return self.judge(answer);
                    }
                }
                Step::GiveUp => return Err(self.no_answer(exchange.sent(), asked.elapsed())),
            }
        }
    }

    /// Returns what is left of the time for everything; `None` where there is no limit.
    pub(super) fn left(&self) -> Option<Duration> {
        self.total.map(|total| total.saturating_sub(self.started.elapsed()))
    }

    pub(super) fn time_is_up(&self) -> Error {
        let total = self.total.unwrap_or_default().as_secs_f64();
        self.error(ErrorCode::TimeIsUp, &format!("not done within {total} s, and given up"))
    }

    fn now_us(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    /// Reads once and sorts what came; gives the answer that is wanted if it is among it.
    fn receive(&mut self, wait: Duration, wanted: Option<Wanted>) -> Result<Option<Answer>, Error> {
        let mut buffer = [0; 4096];
        let read = self.wire.read(&mut buffer, wait).map_err(|error| self.broken(&error))?;
        self.seen.bytes += read;
        let mut answer = None;
        for byte in &buffer[..read] {
            let Some(frame) = self.reader.feed(*byte) else { continue };
            self.seen.frames += 1;
            match Channel::from_u8(frame.channel) {
                Some(Channel::Response) if self.tagged.is_some() => {
                    // Anybody can have written this. It is looked at to say sooner what silence would say
                    // later.
                    let lost = matches!(
                        decode_response(frame.payload),
                        Ok((seq, Response::Refused(Refusal::NoSession | Refusal::HelloFirst)))
                            if wanted.is_some_and(|wanted| wanted.seq == seq)
                    );
                    if lost {
                        self.forgotten.get_or_insert_with(Instant::now);
                    }
                }
                Some(Channel::Response) => {
                    let decoded = decode_response(frame.payload);
                    if answer.is_none() && wanted.is_some_and(|wanted| wanted.is(&decoded)) {
                        answer = Some(decoded.map(|(_, response)| response));
                    }
                }
                Some(Channel::Request) => self.seen.echoes += 1,
                Some(Channel::TaggedRequest) => self.seen.echoes += 1,
                Some(Channel::TaggedResponse) => {
                    let decoded = self.tagged.as_ref().and_then(|tagged| tagged.answer(frame.payload));
                    if let Some(decoded) = decoded
                        && answer.is_none()
                        && wanted.is_some_and(|wanted| wanted.is(&decoded))
                    {
                        answer = Some(decoded.map(|(_, response)| response));
                    }
                }
                Some(Channel::TaggedStream) => {
                    let unasked = self.tagged.as_mut().and_then(|tagged| tagged.unasked(frame.payload));
                    if let Some((channel, payload)) = unasked {
                        self.inbox.unasked(channel, payload);
                    }
                }
                Some(channel @ (Channel::Defmt | Channel::Text)) if self.tagged.is_none() => {
                    self.inbox.unasked(channel as u8, frame.payload);
                }
                // What anybody can have written, or a channel of a later version.
                Some(Channel::Defmt | Channel::Text) | None => {}
            }
        }
        Ok(answer)
    }

    /// The answer, or what is wrong with it.
    fn judge(&self, answer: Answer) -> Result<Response, Error> {
        match answer {
            Ok(Response::Refused(Refusal::HelloFirst)) => {
                Err(self.error(ErrorCode::DeviceRestarted, "the device has restarted since it was greeted"))
            }
            Ok(Response::Refused(refusal)) => self.judge_refusal(refusal),
            Ok(response) => Ok(response),
            Err(DecodeError::OtherProtocol { protocol, .. }) => {
                let message = format!("the device speaks protocol {protocol}, this xmap speaks {PROTOCOL}");
                let help = if protocol < PROTOCOL {
                    "the firmware is older: flash the one that belongs to this xmap"
                } else {
                    "xmap is older: use the one that belongs to the firmware"
                };
                Err(self.error(ErrorCode::OtherProtocol, &message).help(help.to_string()))
            }
            Err(DecodeError::UnknownRefusal { refusal, .. }) => {
                let message =
                    format!("the request was refused for a reason that this xmap does not know ({refusal})");
                let help = "xmap is older: use the one that belongs to the firmware";
                Err(self.error(ErrorCode::DeviceRefused, &message).help(help.to_string()))
            }
            Err(error) => Err(self.error(ErrorCode::BadAnswer, &format!("the answer is {error}"))),
        }
    }

    /// Refusals that say the same of every request.
    fn judge_refusal(&self, refusal: Refusal) -> Result<Response, Error> {
        let (code, message, help) = match refusal {
            Refusal::KeyRequired => {
                (ErrorCode::KeyRequired, "the device answers only to those who have a key".into(), KEY_HELP)
            }
            Refusal::UnknownKey => {
                let help = "the device's owner puts it into the table: `xmap keys FILE --add KEY`";
                (ErrorCode::KeyUnknown, format!("the device does not know the key {}", self.key_id()), help)
            }
            Refusal::RoleTooLow { needs } => {
                let role = self.role().map_or("none", Role::name);
                let message = format!("this takes a key of the role {needs}, and the key's role is {role}");
                (ErrorCode::RoleTooLow, message, "the role is the one in the device's table of keys")
            }
            Refusal::ExportNotAllowed => {
                let help = "the list is the one in the device's table of keys: `xmap keys FILE` shows it";
                (ErrorCode::ExportNotAllowed, "the export is not on the key's list".into(), help)
            }
            Refusal::NoRandom => {
                let help = "its device tree has no /chosen/rng-seed; nobody can begin a session until it starts with one";
                (ErrorCode::NoSessions, "the device has no random numbers for a session".into(), help)
            }
            other => return Ok(Response::Refused(other)),
        };
        Err(self.error(code, &message).help(help.to_string()))
    }

    /// Begins an authenticated session, if there is a key to do so with. `guarded` is what the device says of
    /// itself.
    ///
    /// # Errors
    ///
    /// X0920, X0923, X0924, X0925, X1107, and those of every request.
    pub(super) fn authenticate(&mut self, guarded: bool) -> Result<(), Error> {
        let Some(secret) = self.key.clone() else { return Ok(()) };
        if !guarded {
            let help = "leave out --key (and XMAP_KEY) for a development device";
            let message = "the device is open to everybody and takes no key";
            return Err(self.error(ErrorCode::DeviceIsOpen, message).help(help.to_string()));
        }
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| self.error(ErrorCode::NoRandom, &error.to_string()))?;
        let opening = Opening::new(secret, nonce);
        match self.ask(&opening.request())? {
            Response::Opened { nonce, role, proof } => {
                self.tagged = opening.accept(&nonce, role, &proof);
                if self.tagged.is_some() {
                    // What came before may be anybody's.
                    self.inbox = Inbox::default();
                    return Ok(());
                }
                let message = format!("what answers does not have the key {}", self.key_id());
                let help = "something else is on the wire, or changes what travels there";
                Err(self.error(ErrorCode::NotTheDevice, &message).help(help.to_string()))
            }
            Response::Refused(refusal) => {
                Err(self.error(ErrorCode::DeviceRefused, &format!("the request was refused: {refusal}")))
            }
            _ => Err(self.error(ErrorCode::BadAnswer, "the answer is one to another request")),
        }
    }

    /// Ends the session, for a greeting of a device that may have restarted.
    pub(super) fn forget(&mut self) {
        self.tagged = None;
    }

    /// The key's role on this device; `None` without a session.
    pub(super) fn role(&self) -> Option<Role> {
        self.tagged.as_ref().map(Tagged::role)
    }

    fn key_id(&self) -> String {
        self.key.as_ref().map_or_else(String::new, |key| key.id().to_string())
    }

    fn forgotten(&self) -> Error {
        let help =
            "it has restarted, or another host has begun a session; whether the request was run is not known";
        self.error(ErrorCode::DeviceRestarted, "the device does not know this session any more")
            .help(help.to_string())
    }

    /// An error of this port.
    pub(super) fn error(&self, code: ErrorCode, message: &str) -> Error {
        let port = self.wire.name();
        Error::new(code, port, format!("{port}: {message}"))
    }

    fn broken(&self, error: &io::Error) -> Error {
        let message = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the other side closed the connection".into(),
            io::ErrorKind::TimedOut => "the other side takes no more bytes".into(),
            _ => format!("the link broke: {}", reason(error)),
        };
        self.error(ErrorCode::LinkBroken, &message)
    }

    fn no_answer(&self, sent: u32, after: Duration) -> Error {
        let times = if sent == 1 { "1 request".into() } else { format!("{sent} requests") };
        let message = format!("no answer to {times} in {} ms", after.as_millis());
        let Seen { bytes, frames, echoes } = self.seen;
        let help = if echoes > 0 {
            "what was sent came back: the wires are shorted, or a program echoes".into()
        } else if frames > 0 {
            "frames came, but not the answer: the device may be busy with a long call".into()
        } else if bytes > 0 {
            format!("{bytes} bytes came and no frame was among them: another program, or another speed?")
        } else {
            "nothing came: is the device on, and does it run this firmware?".into()
        };
        self.error(ErrorCode::NoAnswer, &message).help(help)
    }
}

impl Wanted {
    fn is(self, decoded: &Result<(u16, Response), DecodeError>) -> bool {
        match decoded {
            Ok((seq, Response::Hello(hello))) => *seq == self.seq && Some(hello.nonce) == self.nonce,
            Err(DecodeError::OtherProtocol { seq, nonce, .. }) => {
                *seq == self.seq && Some(*nonce) == self.nonce
            }
            // While a greeting waits for its own nonce, any other answer is one to an earlier session.
            Ok((seq, _)) => *seq == self.seq && self.nonce.is_none(),
            Err(
                DecodeError::Unknown { seq, .. }
                | DecodeError::Malformed { seq }
                | DecodeError::UnknownRefusal { seq, .. },
            ) => *seq == self.seq,
            Err(DecodeError::NoSequence) => false,
        }
    }
}
