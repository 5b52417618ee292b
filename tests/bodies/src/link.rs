//! The link under the eyes of a host and of a device that believe nothing.

use xmap_link::limits::{MAX_CONTENT, MAX_FRAME, MAX_PAYLOAD};
use xmap_link::*;

/// Sends what an input makes of itself: bytes as they are, or frames around them, whole or damaged, so that
/// the fuzzer does not have to guess checksums.
fn stream(data: &[u8], channel: Channel, mut wire: impl FnMut(&[u8])) {
    let mut rest = data;
    let mut frame = [0; MAX_FRAME];
    let mut len = 0;
    while let Some(([head, size], after)) = rest.split_first_chunk() {
        // The head's two low bits say what becomes of the piece, the third is its length's ninth.
        let size = usize::from(*size) | usize::from(*head & 4) << 6;
        let (piece, after) = after.split_at(after.len().min(size));
        rest = after;
        match head & 3 {
            0 => wire(piece),
            1 => {
                len = encode_bytes(channel, piece, &mut frame).expect("a piece fits").len();
                wire(&frame[..len]);
            }
            2 => {
                len = encode_bytes(channel, piece, &mut frame).expect("a piece fits").len();
                let at = usize::from(*after.first().unwrap_or(&0)) % len;
                let mut damaged = frame;
                damaged[at] ^= 1 << (head >> 5);
                wire(&damaged[..len]);
            }
            // The latest once more, as a host does that got no answer.
            _ => wire(&frame[..len]),
        }
    }
}

fn frames(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut reader: FrameReader = FrameReader::new();
    let mut frames = Vec::new();
    for byte in bytes {
        if let Some(frame) = reader.feed(*byte) {
            frames.push((frame.channel, frame.payload.to_vec()));
        }
    }
    assert_eq!(reader.counters().bad(), 0, "a frame of ours that does not arrive");
    frames
}

/// A device's end, for any bytes: nothing but a greeting is served before one, each request gets one answer
/// that decodes and carries its number, and one that was sent again is not served again.
///
/// Returns how many requests were served.
pub fn link_device(data: &[u8]) -> u32 {
    let mut reader: FrameReader = FrameReader::new();
    let mut responder = Responder::new();
    let (mut greeted, mut served) = (false, 0u32);
    let mut answered: Option<(u32, Vec<u8>)> = None;
    let mut check = |byte: u8| {
        let Some(frame) = reader.feed(byte) else { return };
        assert!(frame.payload.len() <= MAX_PAYLOAD);
        let (channel, checksum, payload) = (frame.channel, frame.checksum, frame.payload.to_vec());
        let before = served;
        let answer = responder.respond(&frame, |request| {
            served += 1;
            match request {
                Request::Hello { protocol, nonce } => {
                    greeted = protocol == PROTOCOL;
                    Response::Hello(hello(nonce))
                }
                request => {
                    assert!(greeted, "{request:?} before a greeting");
                    serve(request, served)
                }
            }
        });
        let request = decode_request(&payload);
        if channel != Channel::Request as u8 || request == Err(DecodeError::NoSequence) {
            assert_eq!((answer.len(), before), (0, served));
            return;
        }
        let got = frames(answer);
        let [(channel, got)] = &got[..] else { panic!("{} answers to one request", got.len()) };
        assert_eq!(*channel, Channel::Response as u8);
        let (seq, response) = decode_response(got).expect("our own answer");
        assert_eq!(seq.to_le_bytes(), payload[..2]);
        match request {
            Ok((_, Request::Hello { nonce, .. })) => {
                assert!(matches!(response, Response::Hello(hello) if hello.nonce == nonce));
            }
            Ok(_) if !greeted => assert_eq!(response, Response::Refused(Refusal::HelloFirst)),
            Ok(_) if before == served => {
                // It was answered from memory: it is the one before, and so is the answer.
                assert_eq!(answered.as_ref(), Some(&(checksum, got.clone())));
            }
            Ok(_) => {}
            Err(DecodeError::Unknown { .. }) => {
                assert_eq!(response, Response::Refused(Refusal::Unsupported));
            }
            Err(_) => assert_eq!(response, Response::Refused(Refusal::BadMessage)),
        }
        answered = Some((checksum, got.clone()));
    };
    stream(data, Channel::Request, |bytes| bytes.iter().for_each(|byte| check(*byte)));
    let counters = reader.counters();
    assert!(counters.good >= served);
    served
}

/// A host's end, for any bytes: what decodes is a message that encodes to itself, and what does not is an
/// error that names the sequence number if there was one.
///
/// Returns how many answers there were.
pub fn link_host(data: &[u8]) -> u32 {
    let mut reader: FrameReader = FrameReader::new();
    let mut answers = 0;
    let mut check = |byte: u8| {
        let Some(frame) = reader.feed(byte) else { return };
        let payload = frame.payload;
        if let Some(text) = decode_text(payload) {
            _ = text.text.chars().count();
        }
        match decode_response(payload) {
            Ok((seq, response)) => {
                answers += 1;
                let mut buffer = [0; MAX_FRAME];
                // Longer numbers than need be decode too: the message is the same, its bytes may not be.
                let sent = encode_response(seq, &response, &mut buffer).expect("what came fits");
                let again = frames(sent);
                assert_eq!(decode_response(&again[0].1), Ok((seq, response)));
            }
            Err(DecodeError::NoSequence) => assert!(payload.len() < 2),
            Err(
                DecodeError::Unknown { seq, .. }
                | DecodeError::Malformed { seq }
                | DecodeError::UnknownRefusal { seq, .. }
                | DecodeError::OtherProtocol { seq, .. },
            ) => assert_eq!(seq.to_le_bytes(), payload[..2]),
        }
    };
    stream(data, Channel::Response, |bytes| bytes.iter().for_each(|byte| check(*byte)));
    // And a small reader, as a third program might have one.
    let mut small = FrameReader::<{ MAX_CONTENT / 8 }>::new();
    for byte in data {
        assert!(small.feed(*byte).is_none_or(|frame| frame.payload.len() < MAX_CONTENT / 8));
    }
    answers
}

fn hello(nonce: u32) -> Hello {
    Hello {
        protocol: PROTOCOL,
        nonce,
        board: 1,
        boot: Boot::Normal,
        features: features::SWAP,
        clock_hz: 54_000_000,
        firmware: Default::default(),
        image: None,
    }
}

/// Some answer: that it differs from the one before tells a repeated one from a new one.
fn serve(request: Request, served: u32) -> Response {
    match request {
        Request::Chunk { offset, data, .. } => {
            Response::Staging { next: offset.wrapping_add(data.len() as u32) ^ served << 16 }
        }
        Request::Call { args, .. } | Request::CallHandle { args, .. } => Response::Returned { results: args },
        Request::Begin { .. } => Response::Refused(Refusal::Busy { retry_ms: served }),
        _ => Response::Bound { handle: served },
    }
}
