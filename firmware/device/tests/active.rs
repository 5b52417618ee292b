//! What becomes active: the check that every way there passes, and what an image that may come back keeps
//! reserved.

mod common;

use common::{Says, Small, bytes, call, device, happened, line, pass, put, ret, running, small_named};
use xmap_device::{Device, Failure, MountError};
use xmap_image::{Confirm, EventSource, FaultPolicy, OnFault, Op, PinMode, Pull, Safe};
use xmap_link::{DeviceEventKind, ImageState, Life, Refusal, RollbackReason};
use xmap_sim::{Heap, SimBoard};

type Sim = Device<Heap, SimBoard>;

/// Sends an image as a host does.
fn swap(device: &mut Sim, module: u8, small: &Small) -> Result<u8, Failure> {
    let image = bytes(small);
    let words: Vec<u32> = image.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let hash = xmap_image::Image::verify(&words).unwrap().hash();
    device.begin(module, image.len() as u32, hash, 1).unwrap();
    let mut next = 0;
    for chunk in image.chunks(100) {
        next = device.chunk(1, next, chunk).unwrap();
    }
    device.commit(1).unwrap()
}

fn out(small: Small, n: u8) -> Small {
    small.pin(n, "", PinMode::Out, Safe::Low, Pull::None)
}

/// A panel without lines, with an export that traps.
fn plain(name: &'static str, version: u32) -> Small {
    let mut small = Small::new().code("trip", &[], &[], &[Op::Unreachable.abc(0, 0, 0), ret()]).named(name);
    small.0.version = version;
    small
}

/// Returns what the first image of module 0 has beside a plain one, what an image for module 1 has, and the
/// code of their conflict.
fn kinds() -> Vec<(Small, Small, u16, u32)> {
    let reads = |small: Small, pull| small.pin(20, "", PinMode::In, Safe::Hold, pull);
    let beat = |mut small: Small, key: &str| {
        small = small.code("beat", &[], &[], &[ret()]);
        small.0.exports.iter_mut().filter(|e| e.name == "beat").for_each(|e| e.key = key.into());
        small
    };
    let edge = EventSource::Falling { line: 20, debounce_us: 0 };
    vec![
        (out(plain("a", 1), 17), out(plain("b", 1), 17), 3, 17),
        (out(plain("a", 1), 17), plain("b", 1).pin(17, "", PinMode::In, Safe::Hold, Pull::None), 3, 17),
        (plain("b", 1), plain("b", 1), 2, 0),
        (reads(plain("a", 1), Pull::Up), reads(plain("b", 1), Pull::Down), 4, 20),
        (
            beat(reads(plain("a", 1), Pull::Up), "a.beat").on("beat", edge),
            beat(reads(plain("b", 1), Pull::Up), "b.beat").on("beat", edge),
            5,
            20,
        ),
        (beat(plain("a", 1), "shared.beat"), beat(plain("b", 1), "shared.beat"), 6, 1),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Rollback,
    TrapInTrial,
    Unconfirmed,
}

#[test]
fn what_may_come_back_keeps_its_lines_keys_and_name() {
    for way in [Way::Rollback, Way::TrapInTrial, Way::Unconfirmed] {
        for (first, beside, code, place) in kinds() {
            let at = format!("{way:?}, conflict {code}");
            let confirm = if way == Way::Unconfirmed { Confirm::Host } else { Confirm::Device };
            let confirm_ms = if way == Way::Rollback { 0 } else { 60_000 };
            let second =
                out(plain("a", 2), 22).policy(FaultPolicy { confirm_ms, confirm, ..FaultPolicy::default() });

            let mut device = running(&first);
            let active = swap(&mut device, 1, &beside).unwrap_err();
            assert_eq!(active.state(), ImageState::Rejected { code: 270 + code, detail: place }, "{at}");
            assert_eq!(swap(&mut device, 0, &second), Ok(0), "{at}");

            // Not active any more, but it may be again.
            let from = device.board().accesses().count();
            let failure = swap(&mut device, 1, &beside).unwrap_err();
            let expected = ImageState::Rejected { code: 280 + code, detail: place };
            assert_eq!(failure.state(), expected, "{at}");
            assert!(matches!(failure, Failure::Mount(MountError::Conflict { with: 0, returning: true, .. })));
            assert!(failure.to_string().starts_with("beside the image that module 0 may go back to: "));
            assert_eq!(device.board().accesses().count(), from, "{at}: nothing was touched");
            assert_eq!(device.life(1), Life::Unloaded);
            assert_eq!(happened(&device).last(), Some(&DeviceEventKind::NotMounted(expected)));

            match way {
                Way::Rollback => assert_eq!(device.rollback(0), Ok(Ok(())), "{at}"),
                Way::TrapInTrial => assert!(call(&mut device, "a.trip", &[]).is_err()),
                Way::Unconfirmed => pass(&mut device, 60_000_000),
            }
            assert!(
                happened(&device).iter().any(|what| matches!(what, DeviceEventKind::RolledBack(_))),
                "{at}"
            );
            assert_eq!(device.image(0).unwrap().header().version, 1, "{at}");
            assert_eq!(device.life(0), Life::Running, "{at}");
        }
    }
}

#[test]
fn what_runs_once_more_in_its_own_place_frees_what_the_image_before_it_had() {
    let mut device = running(&out(plain("a", 1), 17));
    let second = out(plain("a", 2), 22).policy(FaultPolicy { confirm_ms: 0, ..FaultPolicy::default() });
    assert_eq!(swap(&mut device, 0, &second), Ok(0));
    assert!(swap(&mut device, 1, &out(plain("b", 1), 17)).is_err());
    assert_eq!(swap(&mut device, 0, &second), Ok(0));
    assert_eq!(swap(&mut device, 1, &out(plain("b", 1), 17)), Ok(1));
    // What it goes back to now stood beside module 1 all the time.
    assert_eq!(device.rollback(0), Ok(Ok(())));
    assert_eq!(device.image(0).unwrap().header().version, 2);
    assert_eq!([device.life(0), device.life(1)], [Life::Running; 2]);
}

/// The image before is held against what came meanwhile, too, and its own place does not count against it.
#[test]
fn a_new_image_is_held_against_both_images_of_a_neighbour_and_not_against_its_own() {
    let now = |small: Small| small.policy(FaultPolicy { confirm_ms: 0, ..FaultPolicy::default() });
    let mut device = running(&out(plain("a", 1), 17));
    assert_eq!(swap(&mut device, 1, &now(out(plain("b", 1), 22))), Ok(1));
    assert_eq!(swap(&mut device, 1, &now(out(plain("b", 2), 23))), Ok(1));
    // 22 is that of the image that module 1 may go back to, 23 that of the one which runs.
    for (taken, code) in [(22, 283), (23, 273)] {
        let failure = swap(&mut device, 0, &now(out(plain("a", 2), taken))).unwrap_err();
        assert_eq!(failure.state(), ImageState::Rejected { code, detail: 1 << 16 | u32::from(taken) });
    }
    assert_eq!(device.image(0).unwrap().header().version, 1);
    assert_eq!(swap(&mut device, 0, &now(out(plain("a", 2), 17))), Ok(0), "its own line");
    assert_eq!(device.rollback(1), Ok(Ok(())));
    assert_eq!(device.rollback(0), Ok(Ok(())));
}

#[test]
fn a_module_that_was_unloaded_waits_for_no_host() {
    let policy = FaultPolicy { link_timeout_ms: 2, ..FaultPolicy::default() };
    let mut device = running(&out(plain("a", 1), 17).policy(policy));
    device.heard();
    pass(&mut device, 2000);
    assert_eq!(device.life(0), Life::Faulted);
    assert_eq!(device.unload(0), Ok(()));
    let told = happened(&device).len();
    device.heard();
    assert_eq!((device.life(0), device.image(0).is_none()), (Life::Unloaded, true));
    assert_eq!(happened(&device).len(), told, "nobody is back");
    assert_eq!(device.reset(0), Err(Refusal::NoImage));
    device.install(1, &bytes(&out(plain("a", 1), 17))).unwrap();
}

#[test]
fn a_swap_that_fails_on_its_way_leaves_what_rested_at_rest() {
    let policy = FaultPolicy { on_trap: OnFault::Safe, ..FaultPolicy::default() };
    let mut device = running(&out(plain("a", 1), 17).policy(policy));
    assert!(call(&mut device, "a.trip", &[]).is_err());
    assert_eq!(device.life(0), Life::Faulted);
    let no = [put(22, true), Op::Const32.a16(1, 5), ret()];
    let refuses = out(plain("a", 2), 22).code("on_mount", &[], &[xmap_image::Ty::I32], &no);
    let mut refuses = refuses;
    refuses.0.exports.iter_mut().filter(|e| e.name == "on_mount").for_each(|e| e.key = "on_mount".into());
    assert!(swap(&mut device, 0, &refuses).is_err());
    assert_eq!((device.life(0), device.image(0).unwrap().header().version), (Life::Faulted, 1));
    assert!(!device.board().is_high(line(22)), "what the new one drove is safe");
    device.reset(0).unwrap();
    assert_eq!(device.life(0), Life::Running);
}

#[test]
fn a_trial_that_nobody_confirms_comes_back_beside_its_neighbours() {
    let mut device = device(SimBoard::new());
    device.install(0, &bytes(&out(plain("a", 1), 17))).unwrap();
    device.install(1, &bytes(&small_named("b", 1))).unwrap();
    let trial = FaultPolicy { confirm_ms: 3, confirm: Confirm::Host, ..FaultPolicy::default() };
    assert_eq!(swap(&mut device, 0, &out(plain("a", 2), 22).policy(trial)), Ok(0));
    pass(&mut device, 3000);
    assert!(happened(&device).contains(&DeviceEventKind::RolledBack(RollbackReason::Unconfirmed)));
    assert_eq!([device.life(0), device.life(1)], [Life::Running; 2]);
    assert!(device.board().is_output(line(17)) && device.board().is_output(line(23)));
}
