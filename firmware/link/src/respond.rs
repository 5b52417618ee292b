//! The device's side of the rules.

use crate::limits::MAX_FRAME;
use crate::{
    Channel, DecodeError, Frame, PROTOCOL, Refusal, Request, Response, decode_request, encode_response,
};

/// Turns a request's frame into a response's frame.
///
/// - Until a greeting of this protocol version has come, every other request is refused
///   ([`Refusal::HelloFirst`]).
/// - A request that was sent again, because its answer was lost, is not run again: the answer is
///   kept and repeated. One answer is enough, since a host has one request at a time.
/// - What does not decode is refused.
#[derive(Debug)]
pub struct Responder {
    greeted: bool,
    /// Sequence number and checksum of the request that `answer` answers.
    answered: Option<(u16, u32)>,
    answer: [u8; MAX_FRAME],
    answer_len: usize,
    refused: u32,
}

impl Responder {
    /// A device that has just started.
    pub const fn new() -> Self {
        Self { greeted: false, answered: None, answer: [0; MAX_FRAME], answer_len: 0, refused: 0 }
    }

    /// Returns how many requests were refused, by these rules or by `serve`.
    pub const fn refused(&self) -> u32 {
        self.refused
    }

    /// Answers one frame. `serve` runs the request, and is not called for a request that these rules
    /// answer by themselves. The bytes are to be sent as they are; there are none for a frame that is
    /// not a request.
    ///
    /// `serve` answers [`Request::Hello`] with [`Response::Hello`], whatever version the host speaks.
    pub fn respond(&mut self, frame: &Frame<'_>, serve: impl FnOnce(Request) -> Response) -> &[u8] {
        if frame.channel != Channel::Request as u8 {
            return &[];
        }
        let (seq, response) = match decode_request(frame.payload) {
            Err(DecodeError::NoSequence) => return &[],
            Err(DecodeError::Unknown { seq, .. }) => (seq, Response::Refused(Refusal::Unsupported)),
            Err(
                DecodeError::Malformed { seq }
                | DecodeError::OtherProtocol { seq, .. }
                | DecodeError::UnknownRefusal { seq, .. },
            ) => (seq, Response::Refused(Refusal::BadMessage)),
            Ok((seq, request @ Request::Hello { protocol, .. })) => {
                self.greeted = protocol == PROTOCOL;
                (seq, serve(request))
            }
            Ok((seq, _)) if !self.greeted => (seq, Response::Refused(Refusal::HelloFirst)),
            Ok((seq, request)) => {
                if self.answered == Some((seq, frame.checksum)) {
                    return self.answer();
                }
                (seq, serve(request))
            }
        };
        if matches!(response, Response::Refused(_)) {
            self.refused = self.refused.saturating_add(1);
        }
        // The buffer takes the longest response (tests/sizes.rs), so this cannot fail.
        self.answer_len = encode_response(seq, &response, &mut self.answer).map_or(0, <[u8]>::len);
        self.answered = Some((seq, frame.checksum));
        self.answer()
    }

    /// The latest answer once more.
    pub fn answer(&self) -> &[u8] {
        self.answer.get(..self.answer_len).unwrap_or(&[])
    }
}

impl Default for Responder {
    fn default() -> Self {
        Self::new()
    }
}
