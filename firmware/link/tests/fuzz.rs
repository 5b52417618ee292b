//! The bodies of the link's fuzz targets (`tests/fuzz`) on stable Rust: over the committed seeds, over
//! streams of messages and noise, and over mutations of both.

mod common;

#[path = "../../../tests/fuzz/src/link.rs"]
#[allow(unreachable_pub)]
mod bodies;

use std::path::Path;

use bodies::{link_device, link_host};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use xmap_link::limits::MAX_FRAME;
use xmap_link::*;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let seeds: Vec<_> = files.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    seeds
}

/// A piece of an input, as the bodies take it apart.
fn piece(how: u8, payload: &[u8]) -> Vec<u8> {
    let head = how & !4 | u8::from(payload.len() > 255) << 2;
    [&[head, payload.len() as u8], payload].concat()
}

/// The payload of a frame.
fn payload(frame: &[u8]) -> Vec<u8> {
    common::read_all(&mut FrameReader::<517>::new(), frame).remove(0).1
}

/// Whole, whole, damaged, or the latest once more; and now and then raw bytes.
fn how() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(1), 2 => Just(3), 1 => any::<u8>()]
}

fn asked() -> impl Strategy<Value = Vec<u8>> {
    let hello = any::<(u32, bool)>()
        .prop_map(|(nonce, ours)| Request::Hello { protocol: PROTOCOL + u16::from(!ours), nonce });
    let request = prop_oneof![1 => hello, 4 => common::request()];
    prop_oneof![
        (any::<u16>(), request).prop_map(|(seq, request)| {
            payload(encode_request(seq, &request, &mut [0; MAX_FRAME]).unwrap())
        }),
        vec(any::<u8>(), 0..40),
    ]
}

fn answered() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (any::<u16>(), common::response()).prop_map(|(seq, response)| {
            payload(encode_response(seq, &response, &mut [0; MAX_FRAME]).unwrap())
        }),
        vec(any::<u8>(), 0..40),
    ]
}

fn input(of: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    vec((how(), of).prop_map(|(how, payload)| piece(how, &payload)), 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn seeds_hold() {
    let [device, host] = ["link_device", "link_host"].map(seeds);
    assert!(device.iter().map(|data| link_device(data)).sum::<u32>() >= 4);
    assert!(host.iter().map(|data| link_host(data)).sum::<u32>() >= 5);
    for data in device.iter().chain(&host) {
        for at in 0..data.len() {
            for bit in 0..8 {
                let mut data = data.clone();
                data[at] ^= 1 << bit;
                link_device(&data);
                link_host(&data);
            }
            link_device(&data[..at]);
            link_host(&data[at..]);
        }
    }
}

proptest! {
    #[test]
    fn a_device_holds_for_any_stream(
        data in input(asked()), changes in vec(any::<(Index, u8)>(), 0..3), greet: bool
    ) {
        // Most inputs get past the greeting.
        let hello = Request::Hello { protocol: PROTOCOL, nonce: 1 };
        let hello = payload(encode_request(0, &hello, &mut [0; MAX_FRAME]).unwrap());
        let mut data = [if greet { piece(1, &hello) } else { vec![] }, data].concat();
        let served = link_device(&data);
        prop_assert!(served >= u32::from(greet));
        for (at, value) in changes {
            if !data.is_empty() {
                let at = at.index(data.len());
                data[at] ^= value;
            }
        }
        link_device(&data);
    }

    #[test]
    fn a_host_holds_for_any_stream(
        data in input(answered()), changes in vec(any::<(Index, u8)>(), 0..3)
    ) {
        link_host(&data);
        let mut data = data;
        for (at, value) in changes {
            if !data.is_empty() {
                let at = at.index(data.len());
                data[at] ^= value;
            }
        }
        link_host(&data);
    }

    #[test]
    fn any_bytes_hold(data: Vec<u8>) {
        link_device(&data);
        link_host(&data);
    }
}

#[test]
fn a_message_that_arrives_whole_counts() {
    let status = payload(encode_request(3, &Request::Status, &mut [0; MAX_FRAME]).unwrap());
    let hello = Request::Hello { protocol: PROTOCOL, nonce: 1 };
    let hello = payload(encode_request(2, &hello, &mut [0; MAX_FRAME]).unwrap());
    let done = payload(encode_response(3, &Response::Done, &mut [0; MAX_FRAME]).unwrap());
    assert_eq!(link_device(&piece(1, &status)), 0, "not before a greeting");
    assert_eq!(link_device(&[piece(1, &hello), piece(1, &status), piece(3, &[])].concat()), 2);
    assert_eq!(link_device(&[piece(1, &hello), piece(2, &status)].concat()), 1, "damaged");
    assert_eq!(link_host(&[piece(1, &done), piece(3, &[]), piece(2, &done)].concat()), 2);
}
