//! The bodies of the link's fuzz targets (`tests/fuzz`) on stable Rust: over the committed seeds, over
//! streams of messages and noise, and over mutations of both.

mod common;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use xmap_bodies::guard::{Guarded, link_guard, role_keys};
use xmap_bodies::link::{link_device, link_host};
use xmap_bodies::seeds::seeds;
use xmap_link::limits::MAX_FRAME;
use xmap_link::*;

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
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn seeds_hold() {
    let [device, host] = ["link_device", "link_host"]
        .map(|target| seeds(target).into_iter().map(|(_, data)| data).collect::<Vec<_>>());
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
    #[cfg_attr(miri, ignore = "thousands of inputs")]
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
    #[cfg_attr(miri, ignore = "thousands of inputs")]
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
    #[cfg_attr(miri, ignore = "thousands of inputs")]
    fn any_bytes_hold(data: Vec<u8>) {
        link_device(&data);
        link_host(&data);
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
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

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn whoever_has_no_key_gets_nothing_between_a_host_and_its_device() {
    let mut all = Guarded::default();
    let mut note = |data: &[u8]| {
        let one = link_guard(data);
        all.sessions += one.sessions;
        all.served += one.served;
        all.too_low += one.too_low;
        all.believed += one.believed;
        all.fended_off += one.fended_off;
    };
    seeds("link_guard").iter().for_each(|(_, data)| note(data));
    // Two bytes choose the roles, one the number of steps; the rest follows from them.
    (0..1000u16).for_each(|seed| note(&[&seed.to_le_bytes()[..], &[47]].concat()));
    println!("{all:?}");
    // Were there no sessions, or nothing to fend off, this would show nothing.
    assert!(all.sessions > 300 && all.served > 300 && all.believed > 300, "{all:?}");
    assert!(all.too_low > 50 && all.fended_off > 2000, "{all:?}");
}

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn any_bytes_are_a_table_of_keys_or_none() {
    let key = |n| RoleKey {
        secret: Secret::new([n; 32]),
        role: Role::ALL[usize::from(n) % 4],
        exports: ["panel.*", "hall.lamp"].iter().map(|text| Pattern::new(text).unwrap()).collect(),
    };
    let mut table = RoleKeys::new();
    (0..4).for_each(|n| _ = table.add(key(n)).unwrap());
    let mut buffer = [0; MAX_KEYS_BYTES];
    let written = table.write(&mut buffer).unwrap();
    let block = &written[12..written.len() - 4];
    assert!(role_keys(block));
    let mut held = 0;
    for at in 0..block.len() {
        for bit in 0..8 {
            let mut block = block.to_vec();
            block[at] ^= 1 << bit;
            held += u32::from(role_keys(&block));
        }
        role_keys(&block[..at]);
    }
    assert!(held > 500 && held < 8 * block.len() as u32, "{held}");
    seeds("link_guard")
        .iter()
        .filter_map(|(_, data)| data.split_first())
        .for_each(|(_, rest)| _ = role_keys(rest));
}
