//! Authenticated sessions: everything that can go wrong with a wire, once more, and what only an enemy does
//! to one.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use xmap_link::limits::MAX_FRAME;
use xmap_link::*;

use super::fake::{Fake, Faults, image, secret};
use super::fake_slots::Slots;
use super::*;
use crate::error::{Error, ErrorCode};

/// How long a client waits for what is lost, in microseconds.
const LOSSY_US: u64 = 400_000;

/// A device and a client that has the key of its role.
fn connect(faults: Faults) -> (Fake, Client) {
    Fake::connected(faults, LOSSY_US)
}

fn guarded() -> Faults {
    Faults { guarded: Some(Role::Operate), swaps: Some(Slots::new()), ..Faults::default() }
}

fn refused(faults: Faults, key: Option<Role>) -> Error {
    let options = Options { key: key.map(secret), ..faults.options(LOSSY_US) };
    let fake = Fake::start(faults);
    Client::connect(&fake.port, &options).err().expect("no session")
}

fn count(client: &mut Client) -> Result<String, Error> {
    run_call(client, "count", &[]).map(|called| called.to_string())
}

#[test]
fn who_has_the_key_asks_as_ever() {
    let (fake, mut client) = connect(guarded());
    assert_eq!(client.admission(), Admission::Role(Role::Operate));
    assert_eq!(client.hello().image.unwrap().version, 3);
    assert_eq!(count(&mut client).unwrap(), "count -> 1");
    run_call(&mut client, "lamp", &["1".into()]).unwrap();
    let texts: Vec<_> = client.take_incoming().collect();
    assert!(matches!(&texts[..], [_, Incoming::Message(message)] if message.text == "done"), "{texts:?}");
    let image = image(1800);
    assert_eq!(client.swap(0, &image.image(), &mut |_| {}).unwrap().unwrap().generation, 2);
    assert_eq!(fake.calls(), 2);
}

#[test]
fn who_has_none_or_another_is_told() {
    let fake = Fake::start(guarded());
    let options = Options { key: None, ..guarded().options(LOSSY_US) };
    let mut client = Client::connect(&fake.port, &options).unwrap();
    assert_eq!(client.admission(), Admission::KeyRequired);
    for error in [client.status().unwrap_err(), client.need_access().unwrap_err()] {
        assert_eq!(error.code, ErrorCode::KeyRequired);
        assert!(error.help.unwrap().starts_with("--key FILE"));
    }
    let error = refused(guarded(), Some(Role::Own));
    assert_eq!(error.code, ErrorCode::KeyUnknown);
    assert!(error.message.ends_with(&secret(Role::Own).id().to_string()), "{error}");
    let (fake, mut client) = connect(Faults { guarded: Some(Role::Observe), ..guarded() });
    client.status().unwrap();
    let error = count(&mut client).unwrap_err();
    assert_eq!(error.code, ErrorCode::RoleTooLow);
    let message = ": this takes a key of the role call, and the key's role is observe";
    assert!(error.message.ends_with(message), "{error}");
    assert_eq!(client.swap(0, &image(400).image(), &mut |_| {}).unwrap_err().code, ErrorCode::RoleTooLow);
    assert_eq!(fake.calls(), 0);
}

#[test]
fn with_a_key_a_device_without_is_not_talked_to() {
    assert_eq!(refused(Faults::default(), Some(Role::Own)).code, ErrorCode::DeviceIsOpen);
}

#[test]
fn each_lost_or_garbled_frame_costs_time_and_nothing_else() {
    let image = image(900);
    // Greeting, opening, greeting, the module's status, begin, three chunks, commit; then a call.
    for frame in 0..11 {
        for how in 0..3 {
            let mut faults = guarded();
            match how {
                0 => faults.lose_requests = vec![frame],
                1 => faults.lose_answers = vec![frame],
                _ => faults.garble_answers = vec![frame],
            }
            let (mut fake, mut client) = connect(faults);
            let swapped = client.swap(0, &image.image(), &mut |_| {}).unwrap().unwrap();
            assert_eq!(swapped.generation, 2, "frame {frame}, {how}");
            assert_eq!(count(&mut client).unwrap(), "count -> 1", "frame {frame}, {how}");
            assert_eq!(fake.calls(), 1);
            drop(client);
            assert_eq!(fake.slots().begun, 1, "frame {frame}, {how}");
        }
    }
}

#[test]
fn noise_and_forgeries_change_nothing() {
    let (mut fake, mut client) = connect(Faults { noise: true, forged: true, ..guarded() });
    for n in 1..20 {
        assert_eq!(count(&mut client).unwrap(), format!("count -> {n}"));
    }
    let image = image(1800);
    assert_eq!(client.swap(0, &image.image(), &mut |_| {}).unwrap().unwrap().generation, 2);
    assert_eq!(client.take_incoming().count(), 0, "nothing unasked is believed without a tag");
    assert_eq!(fake.calls(), 19);
    drop(client);
    assert_eq!(fake.slots().begun, 1);
}

#[test]
fn a_device_that_restarted_knows_no_session_and_runs_nothing() {
    // Behind greeting, opening and greeting comes the description, then the call.
    let (fake, mut client) = connect(Faults { restart_at: vec![4], ..guarded() });
    let error = count(&mut client).unwrap_err();
    assert_eq!(error.code, ErrorCode::DeviceRestarted);
    assert!(error.help.unwrap().ends_with("whether the request was run is not known"));
    assert_eq!(fake.calls(), 0);
    client.greet().unwrap();
    assert_eq!(count(&mut client).unwrap(), "count -> 1");
    // A transfer begins anew by itself.
    let image = image(900);
    for frame in 4..9 {
        let (mut fake, mut client) = connect(Faults { restart_at: vec![frame], ..guarded() });
        assert_eq!(
            client.swap(0, &image.image(), &mut |_| {}).unwrap().unwrap().generation,
            2,
            "frame {frame}"
        );
        drop(client);
        assert_eq!(fake.slots().running[0].hash, image.image().hash());
    }
}

/// Somebody who has no key says that he does.
#[test]
fn an_impostor_is_found_out_before_anything_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port: PortName = format!("tcp:{}", listener.local_addr().unwrap()).parse().unwrap();
    let impostor = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader: FrameReader = FrameReader::new();
        let (mut byte, mut asked) = ([0], Vec::new());
        while stream.read_exact(&mut byte).is_ok() {
            let Some(frame) = reader.feed(byte[0]) else { continue };
            let (seq, request) = decode_request(frame.payload).unwrap();
            let answer = match &request {
                Request::Hello { nonce, .. } => Response::Hello(Hello {
                    protocol: PROTOCOL,
                    nonce: *nonce,
                    board: 1,
                    boot: Boot::Normal,
                    features: features::GUARDED | features::SWAP,
                    clock_hz: 1,
                    firmware: Default::default(),
                    image: None,
                }),
                _ => Response::Opened { nonce: [1; 32], role: Role::Own, proof: [2; 16] },
            };
            asked.push(request);
            stream.write_all(encode_response(seq, &answer, &mut [0; MAX_FRAME]).unwrap()).unwrap();
        }
        asked.len()
    });
    let options =
        Options { key: Some(secret(Role::Own)), total: Some(Duration::from_secs(20)), ..Options::default() };
    assert_eq!(Client::connect(&port, &options).err().unwrap().code, ErrorCode::NotTheDevice);
    assert_eq!(impostor.join().unwrap(), 2, "a greeting, an opening, and nothing else");
}
