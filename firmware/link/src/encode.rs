//! Messages to frames, into the caller's buffer.

use core::fmt;

use cobs::CobsEncoder;
use crc::{Digest, Table};
use postcard::ser_flavors::Flavor;
use serde::Serialize;

use crate::frame::CRC;
use crate::limits::MAX_PAYLOAD;
use crate::{Channel, Request, Response, Text, text_payload};

/// Why a frame was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The payload is longer than [`MAX_PAYLOAD`].
    PayloadTooLong,
    /// The buffer is too small; [`crate::limits::MAX_FRAME`] bytes always suffice.
    BufferTooSmall,
    /// The session has had as many requests as it can number.
    Exhausted,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PayloadTooLong => "the payload is too long for a frame",
            Self::BufferTooSmall => "the buffer is too small for the frame",
            Self::Exhausted => "the session's numbers are used up",
        })
    }
}

impl core::error::Error for EncodeError {}

/// Writes a request with its sequence number; gives the part of `out` that is the frame.
///
/// # Errors
///
/// [`EncodeError::BufferTooSmall`]; every request fits a frame.
pub fn encode_request<'o>(seq: u16, request: &Request, out: &'o mut [u8]) -> Result<&'o [u8], EncodeError> {
    encode_message(Channel::Request, Some(seq), request, out)
}

/// Writes a response with the sequence number of its request; gives the part of `out` that is the frame.
///
/// # Errors
///
/// [`EncodeError::BufferTooSmall`]; every response fits a frame.
pub fn encode_response<'o>(
    seq: u16,
    response: &Response,
    out: &'o mut [u8],
) -> Result<&'o [u8], EncodeError> {
    encode_message(Channel::Response, Some(seq), response, out)
}

/// Writes one piece of a module's message; gives the part of `out` that is the frame.
///
/// # Errors
///
/// [`EncodeError::PayloadTooLong`] where the text is not cut into [`crate::pieces`].
pub fn encode_text<'o>(text: &Text<'_>, out: &'o mut [u8]) -> Result<&'o [u8], EncodeError> {
    let mut payload = [0; MAX_PAYLOAD];
    let payload = text_payload(text, &mut payload).ok_or(EncodeError::PayloadTooLong)?;
    encode_bytes(Channel::Text, payload, out)
}

/// Writes raw bytes, such as a stretch of a defmt stream; gives the part of `out` that is the frame.
///
/// # Errors
///
/// [`EncodeError::PayloadTooLong`] where `payload` has more than [`MAX_PAYLOAD`] bytes.
pub fn encode_bytes<'o>(
    channel: Channel,
    payload: &[u8],
    out: &'o mut [u8],
) -> Result<&'o [u8], EncodeError> {
    encode_with(channel, out, |body| payload.iter().try_for_each(|byte| body.push(*byte)))
}

fn encode_message<'o>(
    channel: Channel,
    seq: Option<u16>,
    message: &impl Serialize,
    out: &'o mut [u8],
) -> Result<&'o [u8], EncodeError> {
    encode_with(channel, out, |body| {
        for byte in seq.iter().flat_map(|seq| seq.to_le_bytes()) {
            body.push(byte)?;
        }
        // Of what postcard may report, only a full output can happen: no message holds a sequence
        // of unknown length. `body` has noted which limit it was.
        let written = postcard::serialize_with_flavor(message, &mut *body);
        written.map_err(|_| body.failed.unwrap_or(EncodeError::PayloadTooLong))
    })
}

fn encode_with(
    channel: Channel,
    out: &mut [u8],
    write: impl FnOnce(&mut Body<'_>) -> Result<(), EncodeError>,
) -> Result<&[u8], EncodeError> {
    let (first, rest) = out.split_first_mut().ok_or(EncodeError::BufferTooSmall)?;
    // The leading delimiter ends whatever noise stands before the frame.
    *first = 0;
    let mut body = Body {
        cobs: CobsEncoder::new(rest),
        digest: CRC.digest(),
        // The channel is no payload.
        room: MAX_PAYLOAD + 1,
        failed: None,
    };
    body.push(channel as u8)?;
    write(&mut body)?;
    let checksum = body.digest.finalize().to_le_bytes();
    body.cobs.push(&checksum).map_err(|_| EncodeError::BufferTooSmall)?;
    let end = 1 + body.cobs.finalize();
    *out.get_mut(end).ok_or(EncodeError::BufferTooSmall)? = 0;
    out.get(..=end).ok_or(EncodeError::BufferTooSmall)
}

/// The inside of a frame while it is written: each byte goes to the checksum and to COBS, so that
/// no second buffer is needed.
struct Body<'a> {
    cobs: CobsEncoder<'a>,
    digest: Digest<'static, u32, Table<1>>,
    room: usize,
    failed: Option<EncodeError>,
}

impl Body<'_> {
    fn push(&mut self, byte: u8) -> Result<(), EncodeError> {
        let pushed = match self.room.checked_sub(1) {
            None => Err(EncodeError::PayloadTooLong),
            Some(room) => {
                self.room = room;
                self.digest.update(&[byte]);
                self.cobs.push(&[byte]).map_err(|_| EncodeError::BufferTooSmall)
            }
        };
        self.failed = pushed.err();
        pushed
    }
}

impl Flavor for &mut Body<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.push(byte).map_err(|_| postcard::Error::SerializeBufferFull)
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
