//! Every message comes back as it was sent, and no bytes make the readers panic.

mod common;

use proptest::collection::vec;
use proptest::prelude::*;
use xmap_link::limits::MAX_FRAME;
use xmap_link::*;

proptest! {
    #[test]
    fn a_request_comes_back(seq: u16, request in common::request()) {
        let mut buffer = [0xaa; MAX_FRAME];
        let sent = encode_request(seq, &request, &mut buffer).unwrap();
        let frames = common::read_all(&mut FrameReader::<517>::new(), sent);
        prop_assert_eq!(frames.len(), 1);
        prop_assert_eq!(frames[0].0, Channel::Request as u8);
        prop_assert_eq!(decode_request(&frames[0].1), Ok((seq, request)));
    }

    #[test]
    fn a_response_comes_back(seq: u16, response in common::response()) {
        let mut buffer = [0xaa; MAX_FRAME];
        let sent = encode_response(seq, &response, &mut buffer).unwrap();
        let frames = common::read_all(&mut FrameReader::<517>::new(), sent);
        prop_assert_eq!(frames.len(), 1);
        prop_assert_eq!(frames[0].0, Channel::Response as u8);
        prop_assert_eq!(decode_response(&frames[0].1), Ok((seq, response)));
    }

    #[test]
    fn a_text_comes_back_in_pieces(trace_at: u32, module: Option<u8>, text: String, times in 1usize..40) {
        let text = text.repeat(times);
        let mut together = String::new();
        let mut more = true;
        for piece in pieces(trace_at, Level::Warn, module, &text) {
            prop_assert!(more, "a piece after the last");
            let mut buffer = [0; MAX_FRAME];
            let sent = encode_text(&piece, &mut buffer).unwrap();
            let frames = common::read_all(&mut FrameReader::<517>::new(), sent);
            let got = decode_text(&frames[0].1).unwrap();
            prop_assert_eq!(got, piece);
            prop_assert_eq!((got.trace_at, got.level, got.module), (trace_at, Level::Warn, module));
            prop_assert_eq!(got.in_edition(2).module, None);
            together.push_str(got.text);
            more = got.more;
        }
        prop_assert!(!more);
        prop_assert_eq!(together, text);
    }

    #[test]
    fn any_payload_decodes_or_is_an_error(
        // Small numbers are kinds and lengths that exist.
        payload in prop_oneof![vec(any::<u8>(), 0..600), vec(0u8..9, 0..60)]
    ) {
        // What decodes is exactly one message: it encodes to a payload that decodes to it again.
        let mut buffer = [0; MAX_FRAME];
        if let Ok((seq, request)) = decode_request(&payload) {
            let sent = encode_request(seq, &request, &mut buffer).unwrap();
            let frames = common::read_all(&mut FrameReader::<517>::new(), sent);
            prop_assert_eq!(decode_request(&frames[0].1), Ok((seq, request)));
        }
        if let Ok((seq, response)) = decode_response(&payload) {
            let sent = encode_response(seq, &response, &mut buffer).unwrap();
            let frames = common::read_all(&mut FrameReader::<517>::new(), sent);
            prop_assert_eq!(decode_response(&frames[0].1), Ok((seq, response)));
        }
        decode_text(&payload);
    }

    #[test]
    fn a_cut_or_lengthened_message_is_an_error(
        seq: u16, response in common::response(), tail in 1u8..
    ) {
        let mut buffer = [0; MAX_FRAME];
        let sent = encode_response(seq, &response, &mut buffer).unwrap();
        let mut payload = common::read_all(&mut FrameReader::<517>::new(), sent).remove(0).1;
        for len in 0..payload.len() {
            prop_assert!(decode_response(&payload[..len]).is_err());
        }
        payload.push(tail);
        prop_assert_eq!(decode_response(&payload), Err(DecodeError::Malformed { seq }));
    }
}

#[test]
fn a_greeting_of_another_protocol_is_known_as_one() {
    // Sequence number 5, kind 0, protocol 2, nonce 77, and then what this version cannot know.
    let payload = [5, 0, 0, 2, 77, 0xff, 0xff, 0xff];
    let other = DecodeError::OtherProtocol { seq: 5, nonce: 77, protocol: 2 };
    assert_eq!(decode_response(&payload), Err(other));
    assert_eq!(other.to_string(), "protocol version 2 instead of 1");
    // A newer host's greeting is answered, so that it learns what this device speaks.
    assert_eq!(decode_request(&payload), Ok((5, Request::Hello { protocol: 2, nonce: 77 })));
}

#[test]
fn a_name_that_is_too_long_is_no_name() {
    assert!(Export::name(&"n".repeat(64)).is_some());
    assert!(Export::name(&"n".repeat(65)).is_none());
}
