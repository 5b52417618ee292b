//! Requests and their answers over a port.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use xmap_link::limits::MAX_FRAME;
use xmap_link::{
    Channel, DecodeError, Exchange, FrameReader, PROTOCOL, Refusal, Request, Response, Retry, Step,
    decode_response, encode_request,
};

use super::inbox::{Inbox, Incoming};
use super::port::{PortName, Wire};
use crate::diagnostic::{Code, Diagnostic, Place, reason};

/// How to talk to a device.
#[derive(Clone, Copy, Debug)]
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
}

impl Default for Options {
    fn default() -> Self {
        Self { baud: 115_200, connect: Duration::from_secs(5), retry: Retry::default(), total: None }
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
}

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

type Answer = Result<Response, DecodeError>;

impl Session {
    pub(super) fn open(port: &PortName, options: &Options) -> Result<Self, Diagnostic> {
        let started = Instant::now();
        let connect = options.total.map_or(options.connect, |total| total.min(options.connect));
        Ok(Self {
            wire: Wire::open(port, options.baud, connect)?,
            reader: FrameReader::new(),
            retry: options.retry,
            started,
            total: options.total,
            seq: 0,
            inbox: Inbox::default(),
            seen: Seen::default(),
        })
    }

    pub(super) fn port(&self) -> &str {
        self.wire.name()
    }

    pub(super) fn take_incoming(&mut self) -> VecDeque<Incoming> {
        self.inbox.take()
    }

    /// Waits until something comes unasked, for at most `time`.
    pub(super) fn listen(&mut self, time: Duration) -> Result<VecDeque<Incoming>, Diagnostic> {
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
    pub(super) fn ask(&mut self, request: &Request) -> Result<Response, Diagnostic> {
        self.seq = self.seq.wrapping_add(1);
        let mut buffer = [0; MAX_FRAME];
        let frame = encode_request(self.seq, request, &mut buffer).expect("every request fits a frame");
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
                    let wait = Duration::from_micros(time_us.saturating_sub(self.now_us())).min(left);
                    if let Some(answer) = self.receive(wait, Some(wanted))? {
                        return self.judge(answer);
                    }
                }
                Step::GiveUp => return Err(self.no_answer(exchange.sent(), asked.elapsed())),
            }
        }
    }

    /// What is left of the time for everything; `None` where there is no limit.
    pub(super) fn left(&self) -> Option<Duration> {
        self.total.map(|total| total.saturating_sub(self.started.elapsed()))
    }

    pub(super) fn time_is_up(&self) -> Diagnostic {
        let total = self.total.unwrap_or_default().as_secs_f64();
        self.error(Code::TimeIsUp, &format!("not done within {total} s, and given up"))
    }

    fn now_us(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    /// Reads once and sorts what came; gives the answer that is wanted if it is among it.
    fn receive(&mut self, wait: Duration, wanted: Option<Wanted>) -> Result<Option<Answer>, Diagnostic> {
        let mut buffer = [0; 4096];
        let read = self.wire.read(&mut buffer, wait).map_err(|error| self.broken(&error))?;
        self.seen.bytes += read;
        let mut answer = None;
        for byte in &buffer[..read] {
            let Some(frame) = self.reader.feed(*byte) else { continue };
            self.seen.frames += 1;
            match Channel::from_u8(frame.channel) {
                Some(Channel::Response) => {
                    let decoded = decode_response(frame.payload);
                    if answer.is_none() && wanted.is_some_and(|wanted| wanted.is(&decoded)) {
                        answer = Some(decoded.map(|(_, response)| response));
                    }
                }
                Some(Channel::Request) => self.seen.echoes += 1,
                Some(Channel::Defmt) => self.inbox.defmt(frame.payload),
                Some(Channel::Text) => self.inbox.text(frame.payload),
                // No session of ours, or a channel of a later version.
                Some(Channel::TaggedRequest | Channel::TaggedResponse | Channel::TaggedStream) | None => {}
            }
        }
        Ok(answer)
    }

    /// The answer, or what is wrong with it.
    fn judge(&self, answer: Answer) -> Result<Response, Diagnostic> {
        match answer {
            Ok(Response::Refused(Refusal::HelloFirst)) => {
                Err(self.error(Code::DeviceRestarted, "the device has restarted since it was greeted"))
            }
            Ok(response) => Ok(response),
            Err(DecodeError::OtherProtocol { protocol, .. }) => {
                let message = format!("the device speaks protocol {protocol}, this xmap speaks {PROTOCOL}");
                let help = if protocol < PROTOCOL {
                    "the firmware is older: flash the one that belongs to this xmap"
                } else {
                    "xmap is older: use the one that belongs to the firmware"
                };
                Err(self.error(Code::OtherProtocol, &message).help(help.to_string()))
            }
            Err(DecodeError::UnknownRefusal { refusal, .. }) => {
                let message =
                    format!("the request was refused for a reason that this xmap does not know ({refusal})");
                let help = "xmap is older: use the one that belongs to the firmware";
                Err(self.error(Code::DeviceRefused, &message).help(help.to_string()))
            }
            Err(error) => Err(self.error(Code::BadAnswer, &format!("the answer is {error}"))),
        }
    }

    /// An error of this port.
    pub(super) fn error(&self, code: Code, message: &str) -> Diagnostic {
        let port = self.wire.name();
        Diagnostic::new(code, Place::File(port.into()), format!("{port}: {message}"))
    }

    fn broken(&self, error: &io::Error) -> Diagnostic {
        let message = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the other side closed the connection".into(),
            io::ErrorKind::TimedOut => "the other side takes no more bytes".into(),
            _ => format!("the link broke: {}", reason(error)),
        };
        self.error(Code::LinkBroken, &message)
    }

    fn no_answer(&self, sent: u32, after: Duration) -> Diagnostic {
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
        self.error(Code::NoAnswer, &message).help(help)
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
