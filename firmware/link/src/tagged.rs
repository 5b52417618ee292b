//! Frames of an authenticated session: `counter | message | tag`.

use postcard::ser_flavors::Slice;
use serde::Serialize;

use crate::encode::{EncodeError, encode_bytes};
use crate::limits::{MAX_PAYLOAD, MAX_TAGGED, MAX_TAGGED_STREAM, TAG_BYTES};
use crate::lock::Lock;
use crate::{Channel, Tag};

/// Bytes of a counter.
const COUNTER: usize = 8;

/// The parts of a tagged payload. Nothing of it is to be believed before its tag holds.
#[derive(Clone, Copy)]
pub(crate) struct Tagged<'a> {
    pub(crate) counter: u64,
    pub(crate) message: &'a [u8],
    tag: &'a Tag,
}

impl<'a> Tagged<'a> {
    /// Takes a payload apart; `None` where it is too short.
    pub(crate) fn split(payload: &'a [u8]) -> Option<Self> {
        let (counter, rest) = payload.split_first_chunk::<COUNTER>()?;
        let (message, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        Some(Self { counter: u64::from_le_bytes(*counter), message, tag })
    }

    /// Returns whether the other side wrote this.
    pub(crate) fn holds(&self, channel: Channel, lock: &Lock) -> bool {
        lock.holds(channel, self.counter, self.message, self.tag)
    }
}

/// A frame with a sequence number and a message.
pub(crate) fn encode_message<'o>(
    channel: Channel,
    lock: &Lock,
    counter: u64,
    seq: u16,
    message: &impl Serialize,
    out: &'o mut [u8],
) -> Result<&'o [u8], EncodeError> {
    encode_with(channel, lock, counter, out, |room| {
        let (head, body) = room.split_first_chunk_mut::<2>()?;
        *head = seq.to_le_bytes();
        let written = postcard::serialize_with_flavor::<_, Slice<'_>, &mut [u8]>(message, Slice::new(body));
        Some(2 + written.ok()?.len())
    })
}

/// A frame with what another channel would carry.
pub(crate) fn encode_stream<'o>(
    lock: &Lock,
    counter: u64,
    channel: Channel,
    payload: &[u8],
    out: &'o mut [u8],
) -> Result<&'o [u8], EncodeError> {
    if payload.len() > MAX_TAGGED_STREAM {
        return Err(EncodeError::PayloadTooLong);
    }
    encode_with(Channel::TaggedStream, lock, counter, out, |room| {
        let (first, body) = room.split_first_mut()?;
        *first = channel as u8;
        body.get_mut(..payload.len())?.copy_from_slice(payload);
        Some(1 + payload.len())
    })
}

fn encode_with<'o>(
    channel: Channel,
    lock: &Lock,
    counter: u64,
    out: &'o mut [u8],
    write: impl FnOnce(&mut [u8; MAX_TAGGED]) -> Option<usize>,
) -> Result<&'o [u8], EncodeError> {
    let mut payload = [0; MAX_PAYLOAD];
    let (head, rest) = payload.split_first_chunk_mut::<COUNTER>().ok_or(EncodeError::PayloadTooLong)?;
    *head = counter.to_le_bytes();
    let room = rest.first_chunk_mut::<MAX_TAGGED>().ok_or(EncodeError::PayloadTooLong)?;
    let len = write(room).ok_or(EncodeError::PayloadTooLong)?;
    let tag = lock.tag(channel, counter, room.get(..len).ok_or(EncodeError::PayloadTooLong)?);
    let place = rest.get_mut(len..len + TAG_BYTES).ok_or(EncodeError::PayloadTooLong)?;
    place.copy_from_slice(&tag);
    encode_bytes(channel, payload.get(..COUNTER + len + TAG_BYTES).unwrap_or_default(), out)
}
