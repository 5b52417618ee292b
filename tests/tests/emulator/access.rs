//! Callers of a release build on the emulated Pi, over its UART: nobody without a key, and each with one as
//! far as its role goes.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use tempfile::NamedTempFile;
use xmap_client::{Admission, Client, Error, ErrorCode, Options, PortName};
use xmap_link::limits::MAX_FRAME;
use xmap_link::*;
use xmap_tools::emulator::{Emulator, Machine};
use xmap_tools::link;

use crate::board::{LIMIT, patient};
use crate::trust::{USB, module, release, sealed};

/// The key of a role.
pub(crate) fn secret(role: Role) -> Secret {
    Secret::new(core::array::from_fn(|n| n as u8 ^ (0x80 | role as u8)))
}

/// The table of the release build, as a file: who calls may call `lamp` alone.
pub(crate) fn keys_file() -> NamedTempFile {
    let mut keys = RoleKeys::new();
    for (role, allow) in
        [(Role::Observe, "*"), (Role::Call, "hall.lamp"), (Role::Operate, "hall.*"), (Role::Own, "*")]
    {
        let exports = [Pattern::new(allow).unwrap()].into_iter().collect();
        keys.add(RoleKey { secret: secret(role), role, exports }).unwrap();
    }
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(keys.write(&mut [0; MAX_KEYS_BYTES]).unwrap()).unwrap();
    file
}

/// A board with a panel.
struct Board {
    emulator: Emulator,
    /// The emulator reads it when it has started.
    _panel: NamedTempFile,
}

fn start(seeded: bool) -> Board {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&sealed(&module("hall", 7, 17), "usb").1).unwrap();
    let machine =
        Machine { panel: Some(file.path()), boot_mode: Some(USB), seeded, ..Machine::new(release()) };
    let emulator = machine.start().unwrap_or_else(|error| panic!("{error:#}"));
    Board { emulator, _panel: file }
}

/// The board for this caller.
fn connect(board: &Board, key: Option<Secret>) -> Result<Client, Error> {
    let port = board.emulator.listen().unwrap();
    Client::connect(&PortName::Tcp { host: "127.0.0.1".into(), port }, &Options { key, ..patient() })
}

/// Calls that are not those of the module's timer.
fn asked_for(module: &ModuleStatus) -> u32 {
    module.calls - module.events
}

fn lamp(client: &mut Client) -> Result<(), Error> {
    client.call(&Export::name("lamp").unwrap(), &[1]).map(drop)
}

#[test]
fn without_a_key_a_release_says_hello_and_no_more() {
    let board = start(true);
    let mut client = connect(&board, None).unwrap();
    assert_eq!(client.admission(), Admission::KeyRequired);
    let bits = features::GUARDED | features::TRUST;
    assert_eq!(client.hello().features & bits, bits);
    assert_eq!(client.status().unwrap_err().code, ErrorCode::KeyRequired);
    assert_eq!(lamp(&mut client).unwrap_err().code, ErrorCode::KeyRequired);
    assert_eq!(client.levels().unwrap_err().code, ErrorCode::KeyRequired);
    assert_eq!(client.reset(None).unwrap_err().code, ErrorCode::KeyRequired);
    let hall = module("hall", 8, 17);
    let swapped = client.swap_sealed(0, &hall.image(), Some(&sealed(&hall, "uart").0), &mut |_| ());
    assert_eq!(swapped.unwrap_err().code, ErrorCode::KeyRequired);
    // Not even its log, which waits since the boot.
    assert_eq!(client.listen(Duration::from_millis(500)).unwrap().count(), 0);
}

#[test]
fn who_has_no_key_of_the_table_is_not_let_in() {
    let board = start(true);
    let stranger = connect(&board, Some(Secret::new([3; 32]))).err().unwrap();
    assert_eq!(stranger.code, ErrorCode::KeyUnknown);
}

#[test]
fn who_observes_reads_and_runs_nothing() {
    let board = start(true);
    let mut client = connect(&board, Some(secret(Role::Observe))).unwrap();
    assert_eq!(client.admission(), Admission::Role(Role::Observe));
    let (before, called) = (client.status().unwrap(), asked_for(&client.module(0).unwrap().unwrap()));
    assert_eq!(before.image, ImageState::Mounted);
    assert!(client.take_incoming().count() > 0, "what it logged while it started");
    assert_eq!(lamp(&mut client).unwrap_err().code, ErrorCode::RoleTooLow);
    assert_eq!(client.reset(None).unwrap_err().code, ErrorCode::RoleTooLow);
    assert_eq!(client.status().unwrap().refused - before.refused, 2);
    assert_eq!(asked_for(&client.module(0).unwrap().unwrap()), called);
}

#[test]
fn who_calls_calls_what_is_on_the_list_and_who_operates_swaps() {
    let board = start(true);
    let mut client = connect(&board, Some(secret(Role::Call))).unwrap();
    lamp(&mut client).unwrap();
    let tick = client.call(&Export::name("hall.tick").unwrap(), &[]).unwrap_err();
    assert_eq!(tick.code, ErrorCode::ExportNotAllowed);
    let next = module("hall", 8, 17);
    let seal = sealed(&next, "uart").0;
    let refused = client.swap_sealed(0, &next.image(), Some(&seal), &mut |_| ());
    assert_eq!(refused.unwrap_err().code, ErrorCode::RoleTooLow);
    assert_eq!(client.module(0).unwrap().unwrap().generation, 1);
    drop(client);

    let board = start(true);
    let mut client = connect(&board, Some(secret(Role::Operate))).unwrap();
    let swapped = client.swap_sealed(0, &next.image(), Some(&seal), &mut |_| ()).unwrap().unwrap();
    assert_eq!(swapped.generation, 2);
    client.confirm(0).unwrap();
    lamp(&mut client).unwrap();
    assert_eq!(client.module(0).unwrap().unwrap().generation, 2);
    let policy = client.send_policy(&[0; 100], &mut |_| ()).unwrap_err();
    assert_eq!(policy.code, ErrorCode::RoleTooLow, "whom it trusts is the owner's");
}

#[test]
fn without_a_seed_no_session_begins() {
    let board = start(false);
    assert_eq!(connect(&board, Some(secret(Role::Own))).err().unwrap().code, ErrorCode::NoSessions);
    let board = start(false);
    assert_eq!(connect(&board, None).unwrap().admission(), Admission::KeyRequired);
}

/// Sends a frame over the board's own UART; the channel and the payload of the answer.
fn ask(board: &mut Board, frame: &[u8]) -> (u8, Vec<u8>) {
    let uart = board.emulator.uart();
    uart.set_read_timeout(Some(LIMIT)).unwrap();
    uart.write_all(frame).unwrap();
    let mut reader: FrameReader = FrameReader::new();
    loop {
        let mut byte = [0];
        uart.read_exact(&mut byte).unwrap();
        let Some(frame) = reader.feed(byte[0]) else { continue };
        if [Channel::Response as u8, Channel::TaggedResponse as u8].contains(&frame.channel) {
            return (frame.channel, frame.payload.to_vec());
        }
    }
}

/// The bytes of a whole session, sent again to the board that has heard them, and to one that starts anew.
#[test]
fn a_session_that_was_recorded_runs_nothing_again() {
    let (mut recorded, mut answers) = (Vec::new(), Vec::new());
    let mut first = start(true);
    let mut buffer = [0; MAX_FRAME];
    let hello = Request::Hello { protocol: PROTOCOL, nonce: 1 };
    let opening = Opening::new(secret(Role::Operate), [9; 32]);
    for (seq, request) in [(1, hello), (2, opening.request())] {
        let frame = encode_request(seq, &request, &mut buffer).unwrap();
        recorded.push(frame.to_vec());
        answers.push(decode_response(&ask(&mut first, frame).1).unwrap().1);
    }
    let Some(Response::Opened { nonce, role, proof }) = answers.pop() else { panic!("not opened") };
    let mut session = opening.accept(&nonce, role, &proof).unwrap();
    let mut in_session = |board: &mut Board, request: &Request| {
        let frame = session.encode(7, request, &mut [0; MAX_FRAME]).unwrap().to_vec();
        let (channel, answer) = ask(board, &frame);
        assert_eq!(channel, Channel::TaggedResponse as u8);
        (frame, session.answer(&answer).expect("the device's").unwrap().1)
    };
    for on in [1, 0, 1] {
        let args = [on].into_iter().collect();
        let call = Request::Call { export: Export::name("lamp").unwrap(), args };
        let (frame, answer) = in_session(&mut first, &call);
        assert!(matches!(answer, Response::Returned { .. }), "{answer:?}");
        recorded.push(frame);
    }
    let mut calls = |board: &mut Board| match in_session(board, &Request::Module { module: 0 }).1 {
        Response::Module(status) => asked_for(&status),
        other => panic!("{other:?}"),
    };
    let before = calls(&mut first);
    // To the same board: its greeting and an opening with a new nonce, then nothing.
    for frame in &recorded {
        assert_eq!(ask(&mut first, frame).0, Channel::Response as u8, "no answer with a tag");
    }
    assert_eq!(calls(&mut first), before, "and its session goes on");
    drop(first);

    let mut second = start(true);
    let answers: Vec<_> = recorded
        .iter()
        .map(|frame| {
            let (channel, answer) = ask(&mut second, frame);
            assert_eq!(channel, Channel::Response as u8);
            decode_response(&answer).unwrap().1
        })
        .collect();
    assert!(matches!(&answers[1], Response::Opened { nonce: other, .. } if *other != nonce), "a new nonce");
    assert!(answers[2..].iter().all(|answer| *answer == Response::Refused(Refusal::NoSession)));
}

/// What a session adds to a call, in the emulator's instructions.
#[test]
fn a_session_costs_little_beside_the_wire() {
    let counted = link::run().unwrap_or_else(|error| panic!("{error:#}"));
    let of = |name: &str| *counted.get(name).unwrap_or_else(|| panic!("no {name} in {counted:?}"));
    println!("{counted:?}");
    // A call and its answer take 3 ms on the wire, which is some million instructions.
    assert!(of("call_open") < of("call") && of("call") < 100_000, "{counted:?}");
    assert!(of("stranger") < of("call") && of("open") < 250_000, "{counted:?}");
}
