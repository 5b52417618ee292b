//! Swaps, trials and happenings against a device on a socket, with everything that can go wrong.

use std::time::{Duration, Instant};

use xmap_image::OwnedImage;
use xmap_link::limits::MAX_CHUNK;
use xmap_link::{DeviceEvent, DeviceEventKind, ImageState, PROTOCOL, Retry, RollbackReason, TrapReport};

use super::fake::{Fake, Faults, image};
use super::fake_slots::{End, KEPT, SLOT, Slots};
use super::*;
use crate::error::{Error, ErrorCode};

/// Requests before the first chunk of a swap: the greeting, the module's status, begin.
const BEFORE: u32 = 3;

fn bytes(image: &OwnedImage) -> Vec<u8> {
    image.image().words().iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// How long a client waits for what is lost, in microseconds.
const LOSSY_US: u64 = 100_000;

fn connect(faults: Faults) -> (Fake, Client) {
    Fake::connected(faults, LOSSY_US)
}

fn with(change: impl FnOnce(&mut Slots)) -> Faults {
    let mut slots = Slots::new();
    change(&mut slots);
    Faults { swaps: Some(slots), ..Faults::default() }
}

fn swap(client: &mut Client, image: &OwnedImage) -> Result<Switch, Error> {
    client.swap(0, &image.image(), &mut |_| {})
}

fn trap() -> TrapReport {
    TrapReport { image: 0, export: 2, code: tiny_mapper::TrapCode::DivideByZero as u8, op: 7, detail: 0 }
}

#[test]
fn an_image_arrives_whole() {
    let (mut fake, mut client) = connect(with(|slots| slots.trial_ms = 3000));
    let image = image(1800);
    let mut seen = Vec::new();
    let switch = client.swap(0, &image.image(), &mut |done| seen.push(done)).unwrap();
    assert_eq!(switch, Ok(Swapped { module: 0, generation: 2, trial_ms: 3000 }));
    let sent = bytes(&image);
    assert_eq!(seen[..3], [0, MAX_CHUNK, 2 * MAX_CHUNK]);
    assert_eq!(seen.last(), Some(&sent.len()));
    // The other module is as it was.
    assert_eq!(client.module(1).unwrap().unwrap().generation, 1);
    drop(client);
    let slots = fake.slots();
    assert_eq!((&slots.running[0].bytes, slots.running[0].hash), (&sent, image.image().hash()));
    assert_eq!((slots.running[1].generation, slots.begun), (1, 1));
}

#[test]
fn each_lost_or_garbled_frame_costs_time_and_nothing_else() {
    let image = image(900);
    let sent = bytes(&image);
    let frames = BEFORE + sent.len().div_ceil(MAX_CHUNK) as u32 + 1;
    for frame in 0..frames {
        for how in 0..3 {
            let mut faults = with(|_| {});
            match how {
                0 => faults.lose_requests = vec![frame],
                1 => faults.lose_answers = vec![frame],
                _ => faults.garble_answers = vec![frame],
            }
            let (mut fake, mut client) = connect(faults);
            assert_eq!(swap(&mut client, &image).unwrap().unwrap().generation, 2, "frame {frame}, {how}");
            drop(client);
            let slots = fake.slots();
            assert_eq!((&slots.running[0].bytes, slots.begun), (&sent, 1), "frame {frame}, {how}");
        }
    }
}

#[test]
fn a_transfer_that_is_cut_at_any_frame_changes_nothing_but_its_last() {
    let image = image(900);
    let frames = BEFORE + bytes(&image).len().div_ceil(MAX_CHUNK) as u32 + 1;
    for frame in 1..frames {
        let (mut fake, mut client) = connect(Faults { close_at: Some(frame), ..with(|_| {}) });
        assert_eq!(swap(&mut client, &image).unwrap_err().code, ErrorCode::LinkBroken);
        drop(client);
        assert_eq!(fake.slots().running, Slots::new().running, "frame {frame}");
    }
}

#[test]
fn noise_changes_nothing() {
    let (mut fake, mut client) = connect(Faults { noise: true, ..with(|_| {}) });
    let image = image(5000);
    swap(&mut client, &image).unwrap().unwrap();
    drop(client);
    assert_eq!(fake.slots().running[0].bytes, bytes(&image));
}

#[test]
fn a_device_that_restarts_once_gets_the_image_again() {
    let image = image(900);
    let frames = BEFORE + bytes(&image).len().div_ceil(MAX_CHUNK) as u32 + 1;
    // From begin on: what comes before is not yet a transfer.
    for frame in BEFORE - 1..frames {
        let (mut fake, mut client) = connect(Faults { restart_at: vec![frame], ..with(|_| {}) });
        assert_eq!(swap(&mut client, &image).unwrap().unwrap().generation, 2, "frame {frame}");
        drop(client);
        assert_eq!(fake.slots().running[0].bytes, bytes(&image), "frame {frame}");
    }
}

#[test]
fn a_device_that_restarts_again_and_again_is_an_error() {
    // The first chunk; then greeting, begin, and the first chunk again.
    let faults = Faults { restart_at: vec![BEFORE, BEFORE + 3], ..with(|_| {}) };
    let (mut fake, mut client) = connect(faults);
    let error = swap(&mut client, &image(900)).unwrap_err();
    assert_eq!(error.code, ErrorCode::DeviceRestarted);
    assert!(error.message.contains("lost the transfer twice"), "{error}");
    drop(client);
    assert_eq!(fake.slots().running, Slots::new().running);
}

#[test]
fn a_device_that_lost_patience_gets_the_image_again() {
    let (mut fake, mut client) = connect(with(|slots| slots.impatient = true));
    let image = image(1800);
    swap(&mut client, &image).unwrap().unwrap();
    drop(client);
    let slots = fake.slots();
    assert_eq!((slots.begun, &slots.running[0].bytes), (2, &bytes(&image)));
}

#[test]
fn a_chunk_that_was_refused_is_sent_from_where_the_device_is() {
    let (mut fake, mut client) = connect(with(|slots| slots.half = true));
    let image = image(1800);
    swap(&mut client, &image).unwrap().unwrap();
    drop(client);
    assert_eq!(fake.slots().running[0].bytes, bytes(&image));
}

#[test]
fn a_device_that_wants_the_same_byte_for_ever_is_an_error() {
    for (wants, message) in [(0, "wants byte 0 again and again"), (1 << 20, "wants byte 1048576 of ")] {
        let (_fake, mut client) = connect(with(|slots| slots.wants = Some(wants)));
        let error = swap(&mut client, &image(900)).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadAnswer);
        assert!(error.message.contains(message), "{error}");
    }
}

#[test]
fn a_commit_that_was_carried_out_and_forgotten_is_a_swap() {
    let (_fake, mut client) = connect(with(|slots| slots.forgetful = true));
    let image = image(500);
    assert_eq!(swap(&mut client, &image).unwrap(), Ok(Swapped { module: 0, generation: 2, trial_ms: 0 }));
    // The same again is one more.
    assert_eq!(swap(&mut client, &image).unwrap().unwrap().generation, 3);
}

#[test]
fn a_busy_device_says_who_and_how_long() {
    let (_fake, mut client) = connect(with(|slots| slots.busy = Some(9_500)));
    let error = swap(&mut client, &image(10)).unwrap_err();
    assert_eq!(error.code, ErrorCode::DeviceBusy);
    assert!(
        error
            .message
            .ends_with("another host is sending an image; its claim ends in 10 s if it falls silent"),
        "{error}"
    );
    let (_fake, mut client) = connect(with(|slots| (slots.trial_ms, slots.ends) = (3000, End::Never)));
    swap(&mut client, &image(10)).unwrap().unwrap();
    let error = swap(&mut client, &image(10)).unwrap_err();
    assert_eq!(error.code, ErrorCode::DeviceBusy);
    assert!(error.message.ends_with("module 0 (hall) is on trial for another 3.0 s"), "{error}");
    client.confirm(0).unwrap();
    swap(&mut client, &image(10)).unwrap().unwrap();
}

#[test]
fn what_a_device_refuses_is_said() {
    let (_fake, mut client) = connect(with(|_| {}));
    let error = swap(&mut client, &image(SLOT as usize)).unwrap_err();
    assert_eq!(error.code, ErrorCode::DeviceRefused);
    assert!(error.message.ends_with("the request was refused: a slot holds 65536 bytes"), "{error}");
    let error = client.swap(2, &image(10).image(), &mut |_| {}).unwrap_err();
    assert_eq!(error.code, ErrorCode::NoSuchModule);
    let error = client.find_module("halll").unwrap_err();
    assert_eq!(error.code, ErrorCode::NoSuchModule);
    assert_eq!(error.unknown.unwrap().known, ["hall", "pump"]);
    assert_eq!(client.find_module("pump").unwrap().module, 1);
    assert_eq!(client.find_module("1").unwrap().module, 1);
    assert_eq!(client.find_module("2").unwrap_err().code, ErrorCode::NoSuchModule);
    for error in [client.confirm(0).unwrap_err(), client.rollback(0).unwrap_err()] {
        assert_eq!(error.code, ErrorCode::DeviceRefused);
    }
    let (_fake, mut client) = connect(with(|slots| {
        slots.refuses = Some(ImageState::MountRefused { result: -3 });
    }));
    let switch = swap(&mut client, &image(10)).unwrap();
    assert_eq!(switch, Err(ImageState::MountRefused { result: -3 }));
}

#[test]
fn firmware_without_swaps_still_works() {
    let (_fake, mut client) = connect(Faults::default());
    assert!(!client.has_modules());
    let error = swap(&mut client, &image(10)).unwrap_err();
    assert_eq!(error.code, ErrorCode::NoFeature);
    let errors = [
        client.confirm(0).unwrap_err(),
        client.rollback(0).unwrap_err(),
        client.reset(None).unwrap_err(),
        client.happenings(0).unwrap_err(),
        client.modules().unwrap_err(),
        client.next_happening().unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.code == ErrorCode::NoFeature));
    assert_eq!(client.status().unwrap().calls, 0);
}

#[test]
fn a_device_of_another_protocol_gets_no_image() {
    let faults = Faults { protocol: Some(PROTOCOL + 1), ..with(|_| {}) };
    let fake = Fake::start(faults);
    let error = Client::connect(&fake.port, &Options::default()).err().unwrap();
    assert_eq!(error.code, ErrorCode::OtherProtocol);
}

#[test]
fn a_trial_ends_in_one_way_or_another() {
    let image = image(10);
    let hash = image.image().hash();
    for (ends, expected) in [
        (End::Confirmed, Trial::Confirmed),
        (End::Taken(RollbackReason::Trap(trap())), Trial::RolledBack(Some(RollbackReason::Trap(trap())))),
        (End::Taken(RollbackReason::Unconfirmed), Trial::RolledBack(Some(RollbackReason::Unconfirmed))),
        (End::Faulted, Trial::RolledBack(None)),
    ] {
        let (_fake, mut client) = connect(with(|slots| (slots.trial_ms, slots.ends) = (500, ends)));
        let since = client.next_happening().unwrap();
        let swapped = swap(&mut client, &image).unwrap().unwrap();
        assert_eq!(client.await_trial(&swapped, &hash, since).unwrap(), expected);
    }
}

#[test]
fn a_trial_without_an_end_is_given_up() {
    let faults = with(|slots| (slots.trial_ms, slots.ends) = (3000, End::Never));
    let options = Options { total: Some(Duration::from_millis(900)), ..faults.options(LOSSY_US) };
    let fake = Fake::start(faults);
    let mut client = Client::connect(&fake.port, &options).unwrap();
    let image = image(10);
    let start = Instant::now();
    let swapped = swap(&mut client, &image).unwrap().unwrap();
    let error = client.await_trial(&swapped, &image.image().hash(), 0).unwrap_err();
    assert_eq!(error.code, ErrorCode::TimeIsUp);
    assert!(error.message.ends_with(": not done within 0.9 s, and given up"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_time_for_everything_ends_a_request_that_waits() {
    let faults = Faults { lose_requests: (1..9).collect(), ..with(|_| {}) };
    let total = Some(Duration::from_millis(700));
    let retry = Retry { timeout_us: 60_000_000, attempts: 3 };
    let fake = Fake::start(faults);
    let mut client = Client::connect(&fake.port, &Options { total, retry, ..Options::default() }).unwrap();
    let start = Instant::now();
    assert_eq!(client.status().unwrap_err().code, ErrorCode::TimeIsUp);
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(client.status().unwrap_err().code, ErrorCode::TimeIsUp, "and stays up");
}

#[test]
fn what_happened_is_read_page_by_page() {
    let entry =
        |n: u8| DeviceEvent { time_us: n.into(), module: n % 2, what: DeviceEventKind::Trapped(trap()) };
    let (_fake, mut client) = connect(with(|slots| slots.log = (0..50).map(entry).collect()));
    let (all, next) = client.happenings(0).unwrap();
    assert_eq!((all.len(), next), (KEPT, 50));
    assert_eq!(all[0], (50 - KEPT as u32, entry(50 - KEPT as u8)));
    assert_eq!(all.last(), Some(&(49, entry(49))));
    let (rest, next) = client.happenings(45).unwrap();
    assert_eq!((rest.len(), next), (5, 50));
    assert_eq!(client.happenings(50).unwrap(), (vec![], 50));
    assert_eq!(client.next_happening().unwrap(), 50);
}

#[test]
fn a_device_to_which_more_and_more_happens_is_an_error() {
    let (_fake, mut client) = connect(with(|slots| slots.endless = true));
    let error = client.happenings(0).unwrap_err();
    assert_eq!(error.code, ErrorCode::BadAnswer);
    assert!(error.message.ends_with(": there is no end to what happened"), "{error}");
}

#[test]
fn a_rollback_and_a_reset_are_done() {
    let (_fake, mut client) = connect(with(|_| {}));
    let first = client.module(0).unwrap().unwrap().image;
    swap(&mut client, &image(10)).unwrap().unwrap();
    assert!(client.module(0).unwrap().unwrap().previous);
    assert_eq!(client.rollback(0).unwrap().unwrap().generation, 3);
    assert_eq!(client.module(0).unwrap().unwrap().image, first);
    client.reset(Some(1)).unwrap();
    client.reset(None).unwrap();
    let (log, _) = client.happenings(2).unwrap();
    let whats: Vec<DeviceEventKind> = log.iter().map(|(_, happening)| happening.what).collect();
    assert_eq!(
        whats,
        [
            DeviceEventKind::Swapped,
            DeviceEventKind::RolledBack(RollbackReason::Asked),
            DeviceEventKind::Reset
        ]
    );
}

#[test]
fn a_trial_of_another_host_is_confirmed_or_taken_back() {
    let (_fake, mut client) = connect(with(Slots::tried));
    client.confirm(0).unwrap();
    assert_eq!(client.module(0).unwrap().unwrap().trial_ms, 0);
    let (_fake, mut client) = connect(with(Slots::tried));
    assert_eq!(client.rollback(0).unwrap().unwrap().generation, 3);
    assert_eq!(client.confirm(0).unwrap_err().code, ErrorCode::DeviceRefused);
}

#[cfg(unix)]
#[test]
fn a_socket_in_the_file_system_works_alike() {
    let faults = Faults { noise: true, ..with(|_| {}) };
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::on_path(&folder.path().join("pi"), faults);
    let mut client = Client::connect(&fake.port, &Options::default()).unwrap();
    swap(&mut client, &image(900)).unwrap().unwrap();
    let gone = PortName::Unix { path: folder.path().join("none").display().to_string() };
    let error = Client::connect(&gone, &Options::default()).err().unwrap();
    assert_eq!(error.code, ErrorCode::PortUnavailable);
}
