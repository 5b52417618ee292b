//! The device's side of the rules where callers have to show who they are.

use crate::limits::MAX_FRAME;
use crate::lock::Lock;
use crate::tagged::{Tagged, encode_message, encode_stream};
use crate::{
    Channel, DecodeError, EncodeError, Frame, Nonce, Nonces, PROTOCOL, Refusal, Request, Response, Role,
    RoleKey, RoleKeyId, RoleKeys, decode_request, encode_response,
};

/// Bytes of a frame that is no session's: a greeting is the longest.
const MAX_PLAIN_FRAME: usize = 160;
/// When a host that found no room may try again, in milliseconds.
pub const FULL_RETRY_MS: u32 = 1000;

/// Turns frames into answers for those who have a key, as [`crate::Responder`] does for everybody.
///
/// - A greeting is answered, and [`Request::Open`]; every other request without a session is refused
///   ([`Refusal::KeyRequired`], before a greeting [`Refusal::HelloFirst`]).
/// - A session begins with its first request: until then the one before goes on, so that nobody ends it who
///   has no key.
/// - Each request has a counter that is higher than the one before. The one before itself is answered from
///   memory: its answer was lost, and it is not run again. Any other frame gets [`Refusal::NoSession`] and
///   does nothing.
/// - The key's role must include the request ([`Request::needs`]).
///
/// What has no tag in an answer to a session's request, a host cannot believe: anybody may have written it.
#[derive(Debug)]
pub struct AuthResponder {
    keys: RoleKeys,
    nonces: Option<Nonces>,
    greeted: bool,
    /// Keys up to this role are refused a session for want of room.
    full: Option<Role>,
    /// Sessions that have begun.
    sessions: u32,
    active: Option<Session>,
    /// Opened, and nothing has come of it.
    next: Option<Opened>,
    refused: u32,
    /// The answer to the session's latest request, or nothing.
    tagged: [u8; MAX_FRAME],
    tagged_len: usize,
    plain: [u8; MAX_PLAIN_FRAME],
    plain_len: usize,
}

/// The holder of a key, as the request that is being answered shows it.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'k> {
    /// The key.
    pub key: &'k RoleKey,
    /// The session's number, from 1: another number is another session, which owns nothing of the one before.
    pub session: u32,
}

#[derive(Debug)]
struct Session {
    /// The place of its key.
    key: usize,
    from_host: Lock,
    to_host: Lock,
    /// The counter of the latest request.
    counter: u64,
    /// The counter of the latest frame that went unasked.
    stream: u64,
}

#[derive(Debug)]
struct Opened {
    id: RoleKeyId,
    host: Nonce,
    device: Nonce,
    session: Session,
}

/// The frame to send, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing: the frame was no request.
    None,
    /// An answer that anybody may have asked for.
    Plain,
    /// An answer of the session: a host with a key has asked, just now or again.
    Tagged,
}

impl AuthResponder {
    /// A device that has just started. Without `nonces` it begins no session, and says so.
    pub const fn new(keys: RoleKeys, nonces: Option<Nonces>) -> Self {
        Self {
            keys,
            nonces,
            greeted: false,
            full: None,
            sessions: 0,
            active: None,
            next: None,
            refused: 0,
            tagged: [0; MAX_FRAME],
            tagged_len: 0,
            plain: [0; MAX_PLAIN_FRAME],
            plain_len: 0,
        }
    }

    /// Returns how many requests were refused, by these rules or by `serve`.
    pub const fn refused(&self) -> u32 {
        self.refused
    }

    /// Returns whether a session is under way.
    pub const fn in_session(&self) -> bool {
        self.active.is_some()
    }

    /// Returns whether the holder of a key, or whoever knows a key's id, has asked for a session.
    pub const fn is_opened(&self) -> bool {
        self.next.is_some() || self.active.is_some()
    }

    /// Refuses new sessions to keys whose role is at most this ([`Refusal::Busy`]); `None` refuses none. A
    /// session that is under way goes on.
    pub const fn set_full(&mut self, full: Option<Role>) {
        self.full = full;
    }

    /// The key of the session that is under way.
    pub fn caller(&self) -> Option<&RoleKey> {
        self.active.as_ref().and_then(|session| self.keys.at(session.key))
    }

    /// Answers one frame; [`AuthResponder::bytes`] has the answer. `serve` runs the request of the key's
    /// holder, or a greeting of anybody, and is not called for a request that these rules answer by
    /// themselves.
    ///
    /// `now_us` is the time on the device's clock. `serve` answers [`Request::Hello`] with
    /// [`Response::Hello`].
    pub fn respond(
        &mut self,
        frame: &Frame<'_>,
        now_us: u64,
        serve: impl FnOnce(Option<Caller<'_>>, Request) -> Response,
    ) -> Reply {
        match Channel::from_u8(frame.channel) {
            Some(Channel::Request) => self.plain(frame.payload, now_us, serve),
            Some(Channel::TaggedRequest) => self.tagged(frame.payload, serve),
            _ => Reply::None,
        }
    }

    /// The bytes to send, as they are.
    pub fn bytes(&self, reply: Reply) -> &[u8] {
        let bytes = match reply {
            Reply::None => None,
            Reply::Plain => self.plain.get(..self.plain_len),
            Reply::Tagged => self.tagged.get(..self.tagged_len),
        };
        bytes.unwrap_or(&[])
    }

    /// Writes what goes unasked as a frame of the session. `None` while there is none: nobody may read it
    /// then.
    ///
    /// # Errors
    ///
    /// [`EncodeError::PayloadTooLong`] from more than [`crate::limits::MAX_TAGGED_STREAM`] bytes on.
    pub fn stream<'o>(
        &mut self,
        channel: Channel,
        payload: &[u8],
        out: &'o mut [u8],
    ) -> Option<Result<&'o [u8], EncodeError>> {
        let session = self.active.as_mut()?;
        session.stream = session.stream.checked_add(1)?;
        Some(encode_stream(&session.to_host, session.stream, channel, payload, out))
    }

    fn plain(
        &mut self,
        payload: &[u8],
        now_us: u64,
        serve: impl FnOnce(Option<Caller<'_>>, Request) -> Response,
    ) -> Reply {
        let (seq, response) = match decode_request(payload) {
            Err(DecodeError::NoSequence) => return Reply::None,
            Ok((seq, request @ Request::Hello { protocol, .. })) => {
                self.greeted = protocol == PROTOCOL;
                (seq, serve(None, request))
            }
            Ok((seq, Request::Open { key, nonce })) if self.greeted => (seq, self.open(key, nonce, now_us)),
            // What is behind a kind that is not known here is none of a stranger's business either.
            Ok((seq, _))
            | Err(
                DecodeError::Unknown { seq, .. }
                | DecodeError::Malformed { seq }
                | DecodeError::OtherProtocol { seq, .. }
                | DecodeError::UnknownRefusal { seq, .. },
            ) => {
                let refusal = if self.greeted { Refusal::KeyRequired } else { Refusal::HelloFirst };
                (seq, Response::Refused(refusal))
            }
        };
        self.answer_plainly(seq, &response)
    }

    fn answer_plainly(&mut self, seq: u16, response: &Response) -> Reply {
        self.count(response);
        // The buffer takes the longest of these (tests/sizes.rs), so this cannot fail.
        self.plain_len = encode_response(seq, response, &mut self.plain).map_or(0, <[u8]>::len);
        Reply::Plain
    }

    fn open(&mut self, id: RoleKeyId, host: Nonce, now_us: u64) -> Response {
        let Some(place) = self.keys.find(id) else { return Response::Refused(Refusal::UnknownKey) };
        let Some(key) = self.keys.at(place) else { return Response::Refused(Refusal::UnknownKey) };
        if self.active.is_none() && self.full.is_some_and(|full| key.role <= full) {
            return Response::Refused(Refusal::Busy { retry_ms: FULL_RETRY_MS });
        }
        let Some(nonces) = &mut self.nonces else { return Response::Refused(Refusal::NoRandom) };
        // The host asked again because the answer was lost; it knows one of two answers, and must not know
        // the wrong one.
        let again = self.next.as_ref().filter(|next| next.id == id && next.host == host);
        let device = again.map_or_else(|| nonces.take(now_us), |next| next.device);
        let [from_host, to_host] = Lock::pair(&key.secret, &host, &device);
        let proof = to_host.tag(Channel::Response, 0, &[key.role as u8]);
        let session = Session { key: place, from_host, to_host, counter: 0, stream: 0 };
        let role = key.role;
        self.next = Some(Opened { id, host, device, session });
        Response::Opened { nonce: device, role, proof }
    }

    fn tagged(
        &mut self,
        payload: &[u8],
        serve: impl FnOnce(Option<Caller<'_>>, Request) -> Response,
    ) -> Reply {
        let Some(tagged) = Tagged::split(payload) else { return Reply::None };
        let ours = |session: &Session| tagged.holds(Channel::TaggedRequest, &session.from_host);
        if !self.active.as_ref().is_some_and(ours) {
            match self.next.take() {
                Some(Opened { session, .. }) if ours(&session) => {
                    self.active = Some(session);
                    self.sessions = self.sessions.wrapping_add(1);
                    self.tagged_len = 0;
                }
                next => {
                    self.next = next;
                    return self.stranger(&tagged);
                }
            }
        }
        let Some(session) = &mut self.active else { return self.stranger(&tagged) };
        if tagged.counter == session.counter && self.tagged_len > 0 {
            return Reply::Tagged;
        }
        if tagged.counter <= session.counter {
            return self.stranger(&tagged);
        }
        session.counter = tagged.counter;
        self.tagged_len = 0;
        let Some(key) = self.keys.at(session.key) else { return self.stranger(&tagged) };
        let (seq, response) = match decode_request(tagged.message) {
            Err(DecodeError::NoSequence) => return Reply::None,
            Err(DecodeError::Unknown { seq, .. }) | Ok((seq, Request::Open { .. })) => {
                (seq, Response::Refused(Refusal::Unsupported))
            }
            Err(
                DecodeError::Malformed { seq }
                | DecodeError::OtherProtocol { seq, .. }
                | DecodeError::UnknownRefusal { seq, .. },
            ) => (seq, Response::Refused(Refusal::BadMessage)),
            Ok((seq, request)) => match request.needs() {
                Some(needs) if needs > key.role => (seq, Response::Refused(Refusal::RoleTooLow { needs })),
                _ => (seq, serve(Some(Caller { key, session: self.sessions }), request)),
            },
        };
        // The buffer takes the longest response (tests/sizes.rs), so this cannot fail.
        let written = encode_message(
            Channel::TaggedResponse,
            &session.to_host,
            session.counter,
            seq,
            &response,
            &mut self.tagged,
        );
        self.tagged_len = written.map_or(0, <[u8]>::len);
        self.count(&response);
        Reply::Tagged
    }

    /// Answers a frame that is not the session's, without a tag: there is no key to make one with.
    fn stranger(&mut self, tagged: &Tagged<'_>) -> Reply {
        let Some((seq, _)) = tagged.message.split_first_chunk() else { return Reply::None };
        let refusal = if self.greeted { Refusal::NoSession } else { Refusal::HelloFirst };
        self.answer_plainly(u16::from_le_bytes(*seq), &Response::Refused(refusal))
    }

    fn count(&mut self, response: &Response) {
        if matches!(response, Response::Refused(_)) {
            self.refused = self.refused.saturating_add(1);
        }
    }
}

const _: () = assert!(Role::Observe as u8 == 0, "the role's number is part of the proof");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_FRAME;
    use crate::{FrameReader, Secret};

    /// A guard in a session, and the key of each direction.
    fn in_session() -> (AuthResponder, [Lock; 2]) {
        let secret = Secret::new([1; 32]);
        let locks = Lock::pair(&secret, &[2; 32], &[3; 32]);
        let mut keys = RoleKeys::new();
        keys.add(RoleKey { secret, role: Role::Own, exports: Default::default() }).unwrap();
        let mut guard = AuthResponder::new(keys, None);
        let [from_host, to_host] = locks.clone();
        guard.active = Some(Session { key: 0, from_host, to_host, counter: 0, stream: 0 });
        (guard, locks)
    }

    fn ask(guard: &mut AuthResponder, lock: &Lock, counter: u64) -> (Reply, u32) {
        let mut buffer = [0; MAX_FRAME];
        let frame =
            encode_message(Channel::TaggedRequest, lock, counter, 1, &Request::Status, &mut buffer).unwrap();
        let (mut reader, mut ran, mut reply) = (FrameReader::<517>::new(), 0, Reply::None);
        for byte in frame {
            if let Some(frame) = reader.feed(*byte) {
                reply = guard.respond(&frame, 0, |_, _| {
                    ran += 1;
                    Response::Done
                });
            }
        }
        (reply, ran)
    }

    #[test]
    fn counters_may_leave_numbers_out_and_end_with_the_last() {
        let (mut guard, [lock, _]) = in_session();
        assert_eq!(ask(&mut guard, &lock, 0), (Reply::Plain, 0), "they begin at 1");
        assert_eq!(ask(&mut guard, &lock, 5), (Reply::Tagged, 1));
        for used in [1, 4] {
            assert_eq!(ask(&mut guard, &lock, used), (Reply::Plain, 0), "{used}");
        }
        assert_eq!(ask(&mut guard, &lock, u64::MAX), (Reply::Tagged, 1));
        assert_eq!(ask(&mut guard, &lock, u64::MAX), (Reply::Tagged, 0), "again");
        for used in [0, 6, u64::MAX - 1] {
            assert_eq!(ask(&mut guard, &lock, used), (Reply::Plain, 0), "{used}");
        }
    }

    #[test]
    fn what_goes_unasked_ends_with_the_last_number() {
        let (mut guard, _) = in_session();
        let mut buffer = [0; MAX_FRAME];
        guard.active.as_mut().unwrap().stream = u64::MAX - 1;
        assert!(matches!(guard.stream(Channel::Text, b"x", &mut buffer), Some(Ok(_))));
        for _ in 0..3 {
            assert!(guard.stream(Channel::Text, b"x", &mut buffer).is_none());
        }
    }
}
