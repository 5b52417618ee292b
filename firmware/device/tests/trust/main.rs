//! A device that has an owner: what it takes, what it refuses, and what a new policy does to what runs.

#[path = "../common/mod.rs"]
mod common;
mod kept;
mod owner;
mod persist;
mod policies;

use common::{bytes, call, happened, pass, stores};
use owner::*;
use xmap_boards::Line;
use xmap_device::{Device, Failure, Memory, NotKept, REMEMBERED, Volatile};
use xmap_image::{Confirm, EventSource, FaultPolicy, Op, PinMode, Pull, Safe};
use xmap_link::{DeviceEventKind, ImageState, Life, POLICY_CODES, Refusal};
use xmap_sim::SimBoard;
use xmap_trust::{HashPin, Reject, SEAL_WORDS, SecretKey};

use crate::common::{Says, room, small_named};

/// Whatever is refused: nothing was stored, the one that ran goes on, and it is counted and told.
fn refused(device: &mut Own, image: &[u8], expected: &str) {
    let (from, before) = (device.board().accesses().count(), device.trust_status().rejected);
    let events = device.status(0).unwrap().events;
    let outcome = swap(device, 0, image);
    assert_eq!(line_of(outcome), expected);
    let accesses: Vec<String> = device.board().accesses().skip(from).map(|a| a.to_string()).collect();
    assert_eq!(accesses, [""; 0], "{expected}");
    let status = device.trust_status();
    assert_eq!(status.rejected, before + 1);
    let last = status.last.unwrap();
    let told = Reject::from_parts(last.code, last.details, &last.text).unwrap();
    assert_eq!((last.module, told.to_string().as_str()), (0, expected), "a host can say the same");
    assert!(matches!(
        happened(device).last(),
        Some(DeviceEventKind::NotMounted(ImageState::Rejected { code, .. })) if *code == POLICY_CODES + u16::from(last.code)
    ));
    assert_eq!(device.life(0), Life::Running);
    pass(device, 2000);
    assert_eq!(device.status(0).unwrap().events, events + 2, "the device was not stopped");
}

#[test]
fn what_the_owner_allows_runs() {
    let mut device = device(&policy());
    assert!(!device.is_development());
    device.install_from(0, &sealed_by(&hall(7), "usb", &signer()), "usb").unwrap();
    swap(&mut device, 0, &sealed(&hall(8))).unwrap().unwrap();
    assert_eq!(device.image(0).unwrap().header().version, 8);
    assert_eq!((device.trust_status().policy, device.trust_status().rejected), (Some(3), 0));
    let mut development = Device::new(SimBoard::new(), core::array::from_fn(|_| [room(), room()]));
    development.install(0, &common::bytes(&hall(1))).unwrap();
    assert!(development.is_development());
    assert_eq!(development.trust_status().policy, None);
}

#[test]
fn every_refusal_says_why_and_touches_nothing() {
    let mut device = running(&hall(8));
    let stranger = SecretKey::from_seed(&[9; 32]);
    let plain = common::bytes(&hall(9));
    let mut changed = sealed(&hall(9));
    let at = plain.len() / 2;
    changed[at] ^= 1;
    let mut forged = sealed(&hall(9));
    let last = forged.len() - 1;
    forged[last] ^= 1;
    for (image, expected) in [
        (plain, "reject: no seal"),
        (sealed_by(&hall(9), WIRE, &stranger), "reject: unknown key"),
        (forged, "reject: bad signature"),
        (changed, "reject: hash mismatch"),
        (sealed_by(&hall(9), "https://evil.example", &signer()), "reject: untrusted origin uart"),
        (sealed_by(&hall(9), "usb", &signer()), "reject: untrusted origin uart"),
        (sealed(&hall(7)), "reject: rollback 7 < 8"),
        (sealed(&small_named("door", 9)), "reject: key not allowed for this module"),
        (sealed(&hall(9).pin(24, "", PinMode::Out, Safe::Low, Pull::None)), "reject: line 24 not allowed"),
        (
            sealed(&hall(9).pin(23, "", PinMode::In, Safe::Hold, Pull::Up).reads(23)),
            "reject: operation gpio.get_line not allowed",
        ),
    ] {
        refused(&mut device, &image, expected);
    }
    // At the place where an image really came from, whatever its seal says.
    let evil = device.install_from(0, &sealed(&hall(9)), "https://evil.example");
    assert_eq!(evil.unwrap_err().to_string(), "reject: untrusted origin https://evil.example");
}

#[test]
fn revocations_and_pins_are_asked_on_the_way_in() {
    let image = sealed(&hall(8));
    let mut by_hash = policy();
    by_hash.revoked_images.push(stated_hash(&image)).unwrap();
    let mut by_key = policy();
    by_key.revoked_keys.push(signer().public().id()).unwrap();
    let mut pinned = policy();
    let hash = stated_hash(&sealed(&hall(9)));
    pinned
        .pins
        .push(HashPin { module: "hall".try_into().unwrap(), hash, origin: WIRE.try_into().unwrap() })
        .unwrap();
    for (policy, expected) in
        [(by_hash, "reject: revoked"), (by_key, "reject: revoked"), (pinned, "reject: hash mismatch")]
    {
        let mut device = device(&policy);
        let from = device.board().accesses().count();
        assert_eq!(line_of(swap(&mut device, 0, &image)), expected);
        assert_eq!((device.board().accesses().count(), device.life(0)), (from, Life::Unloaded));
    }
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_flipped_bit_of_a_sealed_image_is_refused_by_the_device() {
    let mut device = running(&hall(7));
    let image = sealed(&hall(8));
    let from = device.board().accesses().count();
    for bit in 0..image.len() * 8 {
        let mut changed = image.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        line_of(
            device.install_from(0, &changed, WIRE).map(|()| 0).map(Ok).or_else(|failure| Ok(Err(failure))),
        );
    }
    assert_eq!(device.board().accesses().count(), from, "nothing was stored or read");
    assert_eq!(device.trust_status().rejected as usize, image.len() * 8);
    swap(&mut device, 0, &image).unwrap().unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn every_truncation_and_extension_is_refused_by_the_device() {
    let mut device = running(&hall(7));
    let image = sealed(&hall(8));
    let from = device.board().accesses().count();
    for len in 0..image.len() {
        line_of(swap(&mut device, 0, &image[..len]));
        if len.is_multiple_of(4) && len > 0 {
            line_of(swap(&mut device, 0, &image[len..]));
        }
    }
    line_of(swap(&mut device, 0, &[&image[..], &[0; 4]].concat()));
    line_of(swap(&mut device, 0, &[&image[..], &image[image.len() - SEAL_WORDS * 4..]].concat()));
    assert_eq!(device.board().accesses().count(), from);
    assert_eq!(device.life(0), Life::Running);
    swap(&mut device, 0, &image).unwrap().unwrap();
}

#[test]
fn a_hash_that_the_host_did_not_announce_is_refused() {
    let mut device = running(&hall(7));
    let image = sealed(&hall(8));
    device.begin_from(0, image.len() as u32, [0; 32], TOKEN, WIRE).unwrap();
    device.chunk(TOKEN, 0, &image).unwrap();
    assert!(matches!(device.commit(TOKEN), Ok(Err(Failure::Image(xmap_image::VerifyError::Hash)))));
}

#[test]
fn a_version_counts_when_it_is_confirmed_and_nothing_older_comes_after_it() {
    let mut device = running(&on_trial(7, 5, Confirm::Device));
    // On trial it counts for nothing: the one before may come back.
    swap(&mut device, 0, &sealed(&on_trial(8, 5, Confirm::Device))).unwrap().unwrap();
    device.rollback(0).unwrap().unwrap();
    assert_eq!(device.image(0).unwrap().header().version, 7);
    swap(&mut device, 0, &sealed(&on_trial(8, 5, Confirm::Device))).unwrap().unwrap();
    pass(&mut device, 6000);
    assert!(happened(&device).ends_with(&[DeviceEventKind::Confirmed]));
    // Neither by a host's rollback nor by a swap, into whichever module.
    let from = device.board().accesses().count();
    let back = device.rollback(0).unwrap().unwrap_err();
    assert_eq!(back.to_string(), "reject: rollback 7 < 8");
    assert_eq!(device.image(0).unwrap().header().version, 8, "it goes on");
    let old = sealed(&on_trial(7, 5, Confirm::Device));
    assert_eq!(line_of(swap(&mut device, 0, &old)), "reject: rollback 7 < 8");
    assert_eq!(line_of(swap(&mut device, 2, &old)), "reject: rollback 7 < 8");
    assert_eq!(device.board().accesses().count(), from);
    assert_eq!(device.trust_status().rejected, 3);
    swap(&mut device, 0, &sealed(&on_trial(8, 5, Confirm::Device))).unwrap().unwrap();
}

/// A host goes back in the middle of a trial and forward again: the image has not become good by that.
#[test]
fn an_image_whose_trial_was_broken_off_has_it_anew_when_it_comes_back() {
    let mut device = running(&on_trial(7, 50, Confirm::Host));
    let state = |device: &mut Own| {
        let stored = device.stored(0).unwrap().on_trial;
        (device.image(0).unwrap().header().version, device.status(0).unwrap().trial_ms > 0, stored)
    };
    swap(&mut device, 0, &sealed(&on_trial(9, 50, Confirm::Host))).unwrap().unwrap();
    assert_eq!(state(&mut device), (9, true, true));
    device.rollback(0).unwrap().unwrap();
    assert_eq!(state(&mut device), (7, false, false));
    device.rollback(0).unwrap().unwrap();
    assert_eq!(state(&mut device), (9, true, true), "nobody has confirmed it");
    // Nobody does: the one before comes back, and a version between them is not too old.
    pass(&mut device, 60_000);
    assert_eq!(state(&mut device), (7, false, false));
    swap(&mut device, 0, &sealed(&on_trial(8, 50, Confirm::Host))).unwrap().unwrap();
    // Back, forward and confirmed: now it counts, and goes forward without a trial.
    device.rollback(0).unwrap().unwrap();
    device.rollback(0).unwrap().unwrap();
    device.confirm(0).unwrap();
    assert_eq!(state(&mut device), (8, false, false));
    assert_eq!(device.rollback(0).unwrap().unwrap_err().to_string(), "reject: rollback 7 < 8");
}

/// The device does nothing for longer than the trial, as a machine that is busy, or that was stopped.
#[test]
fn a_pause_confirms_no_image_whose_events_have_not_run() {
    let mut device = running(&on_trial(7, 50, Confirm::Device));
    let fails = |trap: bool| {
        let code = if trap { vec![Op::Unreachable.abc(0, 0, 0)] } else { vec![] };
        let policy = FaultPolicy { confirm_ms: 50, confirm: Confirm::Device, ..FaultPolicy::default() };
        let mut small = common::Small::new()
            .pin(17, "lamp", PinMode::Out, Safe::Low, Pull::None)
            .code("tick", &[], &[], &[code, vec![common::ret()]].concat())
            .named("hall");
        small.0.version = 8 + u32::from(!trap);
        sealed(&small.on("tick", EventSource::Every { every_us: 20_000 }).policy(policy))
    };
    for (trap, version) in [(true, 7), (false, 9)] {
        swap(&mut device, 0, &fails(trap)).unwrap().unwrap();
        device.board_mut().advance(1_000_000);
        while device.poll() {}
        assert_eq!(device.image(0).unwrap().header().version, version);
        assert_eq!(device.status(0).unwrap().trial_ms, 0);
    }
}

#[test]
fn an_image_that_does_not_mount_does_not_count() {
    let mut device = running(&hall(7));
    let no = [Op::Const32.a16(1, 9), common::ret()];
    let refuses = hall(9).code("on_mount", &[], &[xmap_image::Ty::I32], &no).named("hall");
    let state = swap(&mut device, 0, &sealed(&refuses)).unwrap().unwrap_err().state();
    assert_eq!(state, ImageState::MountRefused { result: 9 });
    swap(&mut device, 0, &sealed(&hall(8))).unwrap().unwrap();
}

#[test]
fn what_cannot_be_remembered_is_not_taken() {
    let mut full = Volatile::default();
    for n in 0..REMEMBERED {
        full.remember(&format!("m{n}"), 1).unwrap();
    }
    assert_eq!(full.remember("hall", 1), Err(NotKept));
    assert_eq!(full.remember("m3", 0), Ok(()), "one that is known has its place");
    assert_eq!(full.highest("m3"), 1, "and never goes back");
    let mut device = with_memory(&policy(), full);
    assert_eq!(line_of(swap(&mut device, 0, &sealed(&hall(8)))), Reject::Memory.to_string());
    assert_eq!(device.life(0), Life::Unloaded);
    assert!(!device.board().is_output(Line::new(17).unwrap()));
}

#[test]
fn a_seal_needs_room_beside_its_image_and_a_bundle_has_one_for_each() {
    let mut device = device(&policy());
    let most = room().words.len() as u32 * 4;
    assert_eq!(device.begin_from(0, most + 4, [0; 32], TOKEN, WIRE), Err(Refusal::TooLarge { most }));
    let two = [sealed(&hall(7)), sealed(&small_named("pump", 2))].concat();
    let words: Vec<u32> = two.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    for (number, piece) in (0..).zip(xmap_trust::pieces(&words)) {
        let bytes: Vec<u8> = piece.unwrap().whole.iter().flat_map(|word| word.to_le_bytes()).collect();
        device.install_from(number, &bytes, WIRE).unwrap();
    }
    assert_eq!([0, 1, 2].map(|n| device.life(n)), [Life::Running, Life::Running, Life::Unloaded]);
    assert!(call(&mut device, "pump.beat", &[]).is_ok());
    assert_eq!(stores(device.board(), 0).last().unwrap(), "GPSET0 0x00800000");
}

/// What kept its device from starting well is admitted as any other image, and only its outputs are touched.
#[test]
fn an_image_that_is_set_aside_has_safe_outputs_and_runs_nothing() {
    let levels = |device: &Own| [17, 22].map(|line| device.board().is_high(Line::new(line).unwrap()));
    let mut device = device(&policy());
    device.set_aside(0, &sealed(&hall(7)), WIRE, 3).unwrap();
    assert_eq!((device.life(0), levels(&device)), (Life::Unloaded, [false, true]));
    assert_eq!((device.calls(), device.keep_status().set_aside), ((0, 0), 1));
    assert!(happened(&device).contains(&DeviceEventKind::SetAside { starts: 3 }));
    device.install_from(0, &sealed(&hall(8)), WIRE).unwrap();
    assert_eq!(device.life(0), Life::Running);
    // One that nobody has sealed touches nothing.
    let mut device = owner::device(&policy());
    assert!(device.set_aside(0, &bytes(&hall(7)), WIRE, 3).is_err());
    assert_eq!((device.board().accesses().count(), device.keep_status().set_aside), (0, 1));
}
