//! A host: one request at a time, sent again until it is answered, by the rules that the client goes by
//! ([`Exchange`]).

use std::collections::VecDeque;

use xmap_bodies::card::Random;
use xmap_link::limits::{MAX_CHUNK, MAX_FRAME};
use xmap_link::{
    Args, Channel, Exchange, Export, FrameReader, ImageState, PROTOCOL, PolicyState, Refusal, Request,
    Response, Retry, Step, decode_response, encode_request,
};

use crate::images::{Kind, stated_hash};

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Greet,
    Plain,
    Pulse,
    Send,
}

/// Something on its way to the device: an image or a policy.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    /// The module's number and the image's version and kind; of a policy its version.
    pub(crate) what: What,
    pub(crate) bytes: Vec<u8>,
    pub(crate) token: u32,
    begun: bool,
    at: usize,
    /// How often a busy device is asked again.
    pub(crate) patience: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Image { module: u8, version: u32, kind: Kind },
    Policy { version: u32 },
}

impl Sending {
    pub(crate) fn new(what: What, bytes: &[u8], token: u32) -> Self {
        Self { what, bytes: bytes.to_vec(), token, begun: false, at: 0, patience: 3 }
    }

    fn begin(&self) -> Request {
        let (bytes, token) = (self.bytes.len() as u32, self.token);
        match self.what {
            What::Image { module, kind, .. } => {
                let module = if kind == Kind::Misplaced { 1 - module } else { module };
                Request::Begin { module, bytes, hash: stated_hash(&self.bytes), token }
            }
            What::Policy { .. } => Request::Policy { bytes, token },
        }
    }

    fn next(&self) -> Request {
        if self.at >= self.bytes.len() {
            return Request::Commit { token: self.token };
        }
        let data = self.bytes.iter().skip(self.at).take(MAX_CHUNK).copied().collect();
        Request::Chunk { token: self.token, offset: self.at as u32, data }
    }
}

/// What a host learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A new call of `pulse` is on its way.
    Pulsing,
    /// One returned.
    Pulsed,
    /// A host is about to say that what a module runs is good.
    Confirming(u8),
    /// What was asked last has come, and all that was asked before.
    Answered,
    /// An image runs.
    Swapped(What),
    /// An image does not.
    NotSwapped(What, ImageState),
    /// A policy holds.
    PolicyTaken(u32),
    /// A new session has begun.
    Greeted,
    /// A handle is asked for.
    Binding,
    /// A transfer begins.
    Beginning,
    /// A transfer is not there any more, and this host has not ended it.
    Lost(What),
    /// A request had no answer; when it was sent last.
    GaveUp(u64),
    /// An answer that fits no rule.
    Wrong(String),
}

/// A request under way.
struct Asking {
    request: Request,
    frame: Vec<u8>,
    exchange: Exchange,
    purpose: Purpose,
    /// When it was sent last.
    sent_us: u64,
}

/// A host.
pub(crate) struct Host {
    reader: FrameReader,
    seq: u16,
    greeted: bool,
    asking: Option<Asking>,
    pub(crate) sending: Option<Sending>,
    /// Requests to come, before anything new is thought of.
    pub(crate) next: VecDeque<Request>,
    pub(crate) rests_until_us: u64,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self {
            reader: FrameReader::new(),
            seq: 0,
            greeted: false,
            asking: None,
            sending: None,
            next: VecDeque::new(),
            rests_until_us: 0,
        }
    }

    /// Returns whether it has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.asking.is_none() && self.sending.is_none() && self.next.is_empty()
    }

    /// Gives up what is on its way to another module's place.
    pub(crate) fn forget_misplaced(&mut self) {
        self.sending.take_if(|sending| matches!(sending.what, What::Image { kind: Kind::Misplaced, .. }));
    }

    /// Gives up to ask for a restart of the device.
    pub(crate) fn forget_restart(&mut self) {
        let restarts = |request: &Request| matches!(request, Request::Reset { module: None });
        self.next.retain(|request| !restarts(request));
        self.asking.take_if(|asking| restarts(&asking.request));
    }

    /// Takes a byte of the device's.
    pub(crate) fn hear(&mut self, byte: u8, now_us: u64, random: &mut Random, news: &mut Vec<News>) {
        let Some(frame) = self.reader.feed(byte) else { return };
        if frame.channel != Channel::Response as u8 {
            return;
        }
        let wanted = self.asking.as_ref().map(|asking| asking.exchange.seq());
        match decode_response(frame.payload) {
            Ok((seq, response)) if wanted == Some(seq) => {
                if let Some(asking) = self.asking.take() {
                    self.answered(asking, response, now_us, random, news);
                }
            }
            Ok(_) => {}
            Err(error) => news.push(News::Wrong(format!("a frame with the right sum: {error:?}"))),
        }
    }

    /// Does what is due. Returns what to send now, if anything.
    pub(crate) fn step(&mut self, now_us: u64, random: &mut Random, news: &mut Vec<News>) -> Option<Vec<u8>> {
        if self.asking.is_none() && now_us >= self.rests_until_us {
            let (purpose, request) = if !self.greeted {
                (Purpose::Greet, Request::Hello { protocol: PROTOCOL, nonce: random.draw() as u32 })
            } else if let Some(sending) = &self.sending {
                (Purpose::Send, if sending.begun { sending.next() } else { sending.begin() })
            } else if let Some(request) = self.next.pop_front() {
                let pulse = matches!(&request, Request::Call { export: Export::Name(name), .. }
                    if name == "pump.pulse");
                (if pulse { Purpose::Pulse } else { Purpose::Plain }, request)
            } else {
                return None;
            };
            self.seq = self.seq.wrapping_add(1);
            let mut buffer = [0; MAX_FRAME];
            let frame = encode_request(self.seq, &request, &mut buffer).expect("a request fits").to_vec();
            if purpose == Purpose::Pulse {
                news.push(News::Pulsing);
            }
            match request {
                Request::Confirm { module } => news.push(News::Confirming(module)),
                Request::BindContract { .. } => news.push(News::Binding),
                Request::Begin { .. } | Request::Policy { .. } => news.push(News::Beginning),
                _ => {}
            }
            let exchange = Exchange::new(self.seq, Retry::default());
            self.asking = Some(Asking { request, frame, exchange, purpose, sent_us: now_us });
        }
        let asking = self.asking.as_mut()?;
        match asking.exchange.step(now_us) {
            Step::Send => {
                asking.sent_us = now_us;
                Some(asking.frame.clone())
            }
            Step::WaitUntil { .. } => None,
            Step::GiveUp => {
                news.push(News::GaveUp(asking.sent_us));
                (self.asking, self.sending, self.greeted) = (None, None, false);
                self.next.clear();
                self.rests_until_us = now_us + random.below(2_000_000);
                None
            }
        }
    }

    /// Returns when there is something to do without an answer.
    pub(crate) fn wake_us(&self, now_us: u64) -> u64 {
        match &self.asking {
            Some(asking) => match asking.exchange.clone().step(now_us) {
                Step::WaitUntil { time_us } => time_us,
                _ => now_us,
            },
            None if self.greeted && self.sending.is_none() && self.next.is_empty() => u64::MAX,
            None => self.rests_until_us,
        }
    }

    fn answered(
        &mut self,
        asking: Asking,
        response: Response,
        now_us: u64,
        random: &mut Random,
        news: &mut Vec<News>,
    ) {
        self.rests_until_us = now_us;
        news.push(News::Answered);
        let request = &asking.request;
        if matches!(response, Response::Refused(Refusal::HelloFirst)) && asking.purpose != Purpose::Greet {
            // It has restarted: what was under way is gone.
            (self.greeted, self.sending) = (false, None);
            self.next.clear();
            return;
        }
        let wrong = |response| News::Wrong(format!("{request:?} was answered by {response:?}"));
        match (asking.purpose, response) {
            (Purpose::Greet, Response::Hello(_)) => {
                self.greeted = true;
                news.push(News::Greeted);
            }
            (Purpose::Pulse, Response::Returned { .. }) => news.push(News::Pulsed),
            (
                Purpose::Pulse,
                Response::Refused(Refusal::UnknownExport | Refusal::NoImage | Refusal::Faulted),
            ) => {}
            (Purpose::Send, response) => self.sent(response, now_us, random, news),
            (Purpose::Plain, response) if fits(request, &response) => {}
            (_, response) => news.push(wrong(response)),
        }
    }

    /// Goes on with what is on its way.
    fn sent(&mut self, response: Response, now_us: u64, random: &mut Random, news: &mut Vec<News>) {
        let Some(sending) = &mut self.sending else { return };
        let what = sending.what;
        match response {
            Response::Staging { next } | Response::Refused(Refusal::BadChunk { expected: next }) => {
                (sending.begun, sending.at) = (true, next as usize);
                if sending.at > sending.bytes.len() {
                    news.push(News::Wrong(format!("{} bytes of {}", next, sending.bytes.len())));
                }
                // Now and then a host forgets what it began.
                if random.below(40) == 0 {
                    self.sending = None;
                }
            }
            Response::Refused(Refusal::Busy { retry_ms }) if sending.patience > 0 => {
                sending.patience -= 1;
                sending.begun = false;
                self.rests_until_us = now_us + u64::from(retry_ms).clamp(1, 6000) * 1000;
            }
            Response::Swapped { trial_ms, .. } => {
                self.sending = None;
                news.push(News::Swapped(what));
                let What::Image { module, .. } = what else { return };
                if trial_ms > 0 {
                    match random.below(10) {
                        0 => self.next.push_back(Request::Rollback { module }),
                        1 => {}
                        _ => self.next.push_back(Request::Confirm { module }),
                    }
                }
            }
            Response::NotSwapped { state } => {
                self.sending = None;
                news.push(News::NotSwapped(what, state));
            }
            Response::Refused(Refusal::NoTransfer) => {
                self.sending = None;
                news.push(News::Lost(what));
            }
            Response::Policy(state) => {
                self.sending = None;
                match (what, state) {
                    (What::Policy { version }, PolicyState::Taken { version: taken, .. })
                        if taken == version =>
                    {
                        news.push(News::PolicyTaken(version));
                    }
                    (What::Policy { .. }, PolicyState::Refused { .. }) => {}
                    (what, state) => news.push(News::Wrong(format!("{what:?}: {state:?}"))),
                }
            }
            Response::Refused(_) => self.sending = None,
            other => news.push(News::Wrong(format!("{what:?} was answered by {other:?}"))),
        }
    }
}

/// Returns whether a response is one to this request.
fn fits(request: &Request, response: &Response) -> bool {
    match (request, response) {
        (_, Response::Refused(refusal)) => !matches!(
            refusal,
            Refusal::BadMessage | Refusal::Unsupported | Refusal::KeyRequired | Refusal::NoSession
        ),
        (Request::Status, Response::Status(_))
        | (Request::Module { .. }, Response::Module(_))
        | (Request::Levels, Response::Levels { .. })
        | (Request::Happened { .. }, Response::Happened(_))
        | (Request::Trust, Response::Trust(_))
        | (Request::Metrics { .. }, Response::Metrics(_))
        | (Request::Kept, Response::Kept(_))
        | (Request::BindContract { .. }, Response::Bound { .. })
        | (Request::Confirm { .. } | Request::Reset { .. } | Request::Abort { .. }, Response::Done)
        | (Request::Rollback { .. }, Response::Swapped { .. } | Response::NotSwapped { .. })
        | (Request::Call { .. }, Response::Trapped(_)) => true,
        // What is called so always traps.
        (Request::Call { .. }, Response::Returned { .. }) => false,
        _ => false,
    }
}

/// A call of an export without arguments.
pub(crate) fn call(name: &str) -> Request {
    Request::Call { export: Export::name(name).expect("short"), args: Args::new() }
}
