//! What the wire may do to frames.

mod common;

use common::{plain_frame, read_all};
use proptest::collection::vec;
use proptest::prelude::*;
use xmap_link::limits::{MAX_CONTENT, MAX_FRAME, MAX_PAYLOAD};
use xmap_link::*;

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut buffer = [0x55; MAX_FRAME];
    encode_bytes(Channel::Defmt, payload, &mut buffer).unwrap().to_vec()
}

/// Payloads with many zeros, with none, and of any length.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..=MAX_PAYLOAD), vec(1u8.., 0..=MAX_PAYLOAD), vec(0u8..2, 0..=MAX_PAYLOAD),]
}

proptest! {
    #[test]
    fn the_encoder_writes_what_the_definition_says(payload in payload()) {
        prop_assert_eq!(framed(&payload), plain_frame(Channel::Defmt as u8, &payload));
    }

    #[test]
    fn after_any_bytes_the_next_frame_arrives(noise: Vec<u8>, payload in payload()) {
        let mut reader: FrameReader = FrameReader::new();
        read_all(&mut reader, &noise);
        let frames = read_all(&mut reader, &framed(&payload));
        prop_assert_eq!(frames.last(), Some(&(Channel::Defmt as u8, payload)));
        prop_assert_eq!(reader.counters().good as usize, 1);
    }

    #[test]
    fn a_lost_byte_costs_one_frame(payload in payload(), at: prop::sample::Index) {
        let mut cut = framed(&payload);
        // The delimiters are not needed between two frames: the neighbour's does as well.
        let at = 1 + at.index(cut.len() - 2);
        cut.remove(at);
        let mut reader: FrameReader = FrameReader::new();
        prop_assert_eq!(read_all(&mut reader, &cut), []);
        prop_assert_eq!(reader.counters().bad(), 1);
        prop_assert_eq!(read_all(&mut reader, &framed(&payload)).len(), 1);
    }

    #[test]
    fn frames_without_a_pause_all_arrive(payloads in vec(payload(), 0..6)) {
        let stream: Vec<u8> = payloads.iter().flat_map(|payload| framed(payload)).collect();
        let mut reader: FrameReader = FrameReader::new();
        let got: Vec<_> = read_all(&mut reader, &stream).into_iter().map(|f| f.1).collect();
        prop_assert_eq!(got, payloads);
        prop_assert_eq!(reader.counters().bad(), 0);
    }

    #[test]
    fn a_smaller_reader_drops_what_is_too_long(payload in payload()) {
        let mut reader = FrameReader::<64>::new();
        let fits = payload.len() + 5 <= 64;
        prop_assert_eq!(read_all(&mut reader, &framed(&payload)).len(), usize::from(fits));
        prop_assert_eq!(reader.counters().too_long, u32::from(!fits));
        prop_assert_eq!(read_all(&mut reader, &framed(b"short")).len(), 1);
    }

    #[test]
    fn a_buffer_that_is_too_small_is_an_error(payload in payload(), len in 0..MAX_FRAME) {
        let whole = framed(&payload);
        let mut buffer = vec![0; len];
        let written = encode_bytes(Channel::Defmt, &payload, &mut buffer);
        if len < whole.len() {
            prop_assert_eq!(written, Err(EncodeError::BufferTooSmall));
        } else {
            prop_assert_eq!(written, Ok(whole.as_slice()));
        }
    }
}

proptest! {
    // Each case tries every bit of a frame, up to 4,160 of them.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    #[cfg_attr(miri, ignore = "hours under Miri")]
    fn no_flipped_bit_changes_what_arrives(payload in payload()) {
        flip_every_bit(&payload)?;
    }

    #[test]
    fn every_flipped_bit_of_a_call_is_noticed(seq: u16, request in common::request()) {
        let mut buffer = [0; MAX_FRAME];
        let good = encode_request(seq, &request, &mut buffer).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(read_all(&mut FrameReader::<MAX_CONTENT>::new(), &bad), [], "bit {}", bit);
        }
    }
}

/// A frame with a flipped bit is dropped, and its neighbours arrive: a flipped delimiter takes neither along.
fn flip_every_bit(payload: &[u8]) -> Result<(), TestCaseError> {
    let good = framed(payload);
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let mut reader: FrameReader = FrameReader::new();
        let mut got = read_all(&mut reader, &framed(b"before"));
        got.extend(read_all(&mut reader, &bad));
        got.extend(read_all(&mut reader, &framed(b"after")));
        let got: Vec<_> = got.iter().map(|f| f.1.as_slice()).collect();
        // COBS has one byte too many for contents that end with a full block: there the delimiter may
        // become 0x01, an empty block, and the frame arrives as it was sent.
        if last_block_is_full(&good) && bit == 8 * (good.len() - 1) {
            prop_assert_eq!(&got, &[&b"before"[..], payload, b"after"]);
        } else {
            prop_assert_eq!(&got, &[&b"before"[..], b"after"], "bit {}", bit);
            prop_assert!(reader.counters().bad() > 0);
        }
    }
    Ok(())
}

fn last_block_is_full(frame: &[u8]) -> bool {
    let mut code = 1;
    while code + usize::from(frame[code]) < frame.len() - 1 {
        code += usize::from(frame[code]);
    }
    frame[code] == 255
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn no_flipped_bit_changes_contents_that_end_with_a_full_block() {
    for blocks in [1, 2] {
        let payload = vec![3; 254 * blocks - 5];
        let frame = framed(&payload);
        // The channel and the checksum have no zero either, so the last block is full.
        assert!(last_block_is_full(&frame) && frame.len() == 255 * blocks + 2);
        flip_every_bit(&payload).unwrap();
    }
}

#[test]
fn a_payload_of_the_largest_size_fits_and_no_larger() {
    for byte in [0, 1, 0xff] {
        let payload = [byte; MAX_PAYLOAD + 1];
        let mut buffer = [0; MAX_FRAME];
        let frame = encode_bytes(Channel::Text, &payload[1..], &mut buffer).unwrap();
        assert_eq!(read_all(&mut FrameReader::<MAX_CONTENT>::new(), frame)[0].1, payload[1..]);
        assert_eq!(encode_bytes(Channel::Text, &payload, &mut buffer), Err(EncodeError::PayloadTooLong));
    }
}

#[test]
fn noise_without_an_end_is_dropped_and_counted_once() {
    let mut reader: FrameReader = FrameReader::new();
    // 0xff promises 254 bytes each time, for a megabyte.
    for _ in 0..if cfg!(miri) { 1 << 12 } else { 1 << 20 } {
        assert_eq!(reader.feed(0xff), None);
    }
    assert_eq!(read_all(&mut reader, &framed(b"x")).len(), 1);
    assert_eq!(reader.counters(), FrameCounters { good: 1, too_long: 1, ..Default::default() });
}

#[test]
fn the_shortest_contents_are_no_frames() {
    let mut reader: FrameReader = FrameReader::new();
    // COBS of 0 to 4 bytes: no room for a channel and a checksum.
    for content in [&[1u8][..], &[2, 9], &[3, 9, 9], &[4, 9, 9, 9], &[5, 9, 9, 9, 9]] {
        assert_eq!(read_all(&mut reader, content), []);
        assert_eq!(reader.feed(0), None);
    }
    assert_eq!(reader.counters(), FrameCounters { malformed: 5, ..Default::default() });
}
