//! Bytes to frames.

use cobs::{DecodeResult, DecoderState};
use crc::{CRC_32_ISO_HDLC, Crc};

use crate::limits::{CHECKSUM_BYTES, MAX_CONTENT};

/// The checksum: CRC-32 as in Ethernet and zip, over the channel byte and the payload.
pub(crate) static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// The channel of a frame: its first byte. A receiver ignores a channel that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Channel {
    /// Host to device: a sequence number and a [`crate::Request`].
    Request = 0,
    /// Device to host: raw defmt bytes, a stretch of its stream.
    Defmt = 1,
    /// Device to host: a [`crate::Text`].
    Text = 2,
    /// Device to host: the request's sequence number and a [`crate::Response`]. A channel of its own,
    /// so that a host whose wires are shorted does not take its own request for an answer.
    Response = 3,
    /// Host to device: a request of an authenticated session, between a counter and a tag.
    TaggedRequest = 4,
    /// Device to host: the answer to one, with its counter.
    TaggedResponse = 5,
    /// Device to host: what comes unasked in an authenticated session. Behind the counter stands the
    /// channel's number that it would have without one.
    TaggedStream = 6,
}

impl Channel {
    /// The channel with this number, if there is one.
    pub const fn from_u8(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Request),
            1 => Some(Self::Defmt),
            2 => Some(Self::Text),
            3 => Some(Self::Response),
            4 => Some(Self::TaggedRequest),
            5 => Some(Self::TaggedResponse),
            6 => Some(Self::TaggedStream),
            _ => None,
        }
    }
}

/// A frame that arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The channel's number; see [`Channel::from_u8`].
    pub channel: u8,
    /// What it carries, at most [`crate::limits::MAX_PAYLOAD`] bytes.
    pub payload: &'a [u8],
    /// Its CRC-32: equal for a frame that was sent again.
    pub checksum: u32,
}

/// Counters of frames since the reader was made. Each counter stops at its largest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameCounters {
    /// Frames handed out.
    pub good: u32,
    /// Frames whose checksum is wrong.
    pub checksum: u32,
    /// Stretches between two zero bytes that are no COBS, or too short for a frame: noise, or a
    /// frame that lost bytes.
    pub malformed: u32,
    /// Frames longer than the reader's buffer.
    pub too_long: u32,
}

impl FrameCounters {
    /// Everything that was dropped.
    pub const fn bad(&self) -> u32 {
        self.checksum.saturating_add(self.malformed).saturating_add(self.too_long)
    }
}

/// Finds frames in a stream of bytes, whatever else is in it.
///
/// `N` is how many bytes a frame may carry, channel and checksum included. After noise, a lost byte
/// or a frame that is too long, the reader is in step again at the next zero byte; since each frame
/// starts with one, noise never takes a good frame with it.
#[derive(Debug)]
pub struct FrameReader<const N: usize = MAX_CONTENT> {
    state: DecoderState,
    content: [u8; N],
    len: usize,
    counters: FrameCounters,
}

impl<const N: usize> FrameReader<N> {
    /// A reader between two frames.
    pub const fn new() -> Self {
        const { assert!(N > CHECKSUM_BYTES, "a frame has a channel and a checksum") };
        Self {
            state: DecoderState::Idle,
            content: [0; N],
            len: 0,
            counters: FrameCounters { good: 0, checksum: 0, malformed: 0, too_long: 0 },
        }
    }

    /// Takes the next byte; hands out the frame that it ends. Never panics, for any bytes.
    pub fn feed(&mut self, byte: u8) -> Option<Frame<'_>> {
        // The decoder reports an error at a zero byte only and is idle after it.
        match self.state.feed(byte) {
            Ok(DecodeResult::NoData) => None,
            Ok(DecodeResult::DataStart) => {
                self.len = 0;
                None
            }
            Ok(DecodeResult::DataContinue(data)) => {
                if let Some(slot) = self.content.get_mut(self.len) {
                    *slot = data;
                }
                // One past the end says that the frame is too long; nothing counts further.
                self.len = self.len.saturating_add(1).min(N + 1);
                None
            }
            Ok(DecodeResult::DataComplete) => self.finish(),
            Err(_) => {
                count(if self.len > N { &mut self.counters.too_long } else { &mut self.counters.malformed });
                None
            }
        }
    }

    fn finish(&mut self) -> Option<Frame<'_>> {
        let Some(content) = self.content.get(..self.len) else {
            count(&mut self.counters.too_long);
            return None;
        };
        let Some((covered, sum)) = content.split_last_chunk::<CHECKSUM_BYTES>() else {
            count(&mut self.counters.malformed);
            return None;
        };
        let Some((channel, payload)) = covered.split_first() else {
            count(&mut self.counters.malformed);
            return None;
        };
        let checksum = u32::from_le_bytes(*sum);
        if CRC.checksum(covered) != checksum {
            count(&mut self.counters.checksum);
            return None;
        }
        count(&mut self.counters.good);
        Some(Frame { channel: *channel, payload, checksum })
    }

    /// Returns how frames fared so far.
    pub const fn counters(&self) -> FrameCounters {
        self.counters
    }
}

impl<const N: usize> Default for FrameReader<N> {
    fn default() -> Self {
        Self::new()
    }
}

fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
