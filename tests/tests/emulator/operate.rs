//! What an operator does with a running board, over its UART: a new image while the lamp is on, the way back,
//! what happened, a fault and its end.

use std::fs;
use std::path::Path;

use xmap::text::{Maps, trap_text};
use xmap_boards::RPI4B;
use xmap_client::{Client, Outcome, Swapped, Trial};
use xmap_compiler::compile::compile;
use xmap_compiler::input;
use xmap_compiler::manifest::Manifest;
use xmap_compiler::map::SourceMap;
use xmap_image::OwnedImage;
use xmap_link::{Access, DeviceEventKind, Export, Life, Refusal, RollbackReason};
use xmap_sim::{Played, Recording, Replay};

use crate::board::{Board, REHEARSE, boot, until};

const LAMP: u8 = 17;

/// A lamp, presses that outlive a swap, and a handler that runs each millisecond.
const MANIFEST: &str = r#"
[module]
name = "hall"
board = "rpi4b"
wasm = "hall.wat"

[pins]
17 = { name = "lamp", mode = "out", safe = "low" }

[exports]
lamp_on = {}
press = {}
presses = {}
version = {}
trip = {}
tick = { on = { every_us = 1000 } }

[keep]
globals = ["presses"]
"#;

/// `data` makes it take several frames, `tick` is what its handler does.
fn image(version: u32, policy: &str, tick: &str, data: usize) -> (OwnedImage, SourceMap) {
    let wat = xmap_rig::hall::wat(version, tick, data, "");
    let folder = tempfile::tempdir().unwrap();
    let toml = folder.path().join("panel.toml");
    fs::write(&toml, format!("{MANIFEST}{policy}")).unwrap();
    fs::write(folder.path().join("hall.wat"), wat).unwrap();
    build(&toml)
}

fn build(manifest: &Path) -> (OwnedImage, SourceMap) {
    let manifest = Manifest::read(manifest).unwrap();
    let module = input::read_module(&manifest.wasm_path()).unwrap();
    let compiled = compile(&manifest, &module).unwrap_or_else(|errors| panic!("{errors}"));
    (OwnedImage::new(compiled.words).unwrap(), compiled.map)
}

fn start(image: &OwnedImage) -> Board {
    boot(Some(image.image().bytes()), "")
}

fn call(client: &mut Client, name: &str) -> Option<u64> {
    match client.call(&Export::name(name).unwrap(), &[]).unwrap() {
        Outcome::Returned(results) => results.first().copied(),
        Outcome::Trapped(trap) => panic!("{name}: {trap:?}"),
    }
}

fn swap(client: &mut Client, image: &OwnedImage) -> Swapped {
    client.swap(0, &image.image(), &mut |_| {}).unwrap().unwrap_or_else(|state| panic!("{state:?}"))
}

/// The stores to the lamp's set and clear registers since access `from`, by value.
fn lamp_stores(client: &mut Client, from: u32) -> Vec<u32> {
    let drives = |offset| RPI4B.register_at(offset).is_some_and(|register| register.kind.drives());
    let trace = client.trace(from).unwrap();
    let stores = trace.iter().filter(|(_, entry)| entry.access == Access::Write && drives(entry.offset));
    stores.map(|(_, entry)| entry.value).filter(|value| value & 1 << LAMP != 0).collect()
}

fn whats(client: &mut Client) -> Vec<DeviceEventKind> {
    client.happenings(0).unwrap().0.into_iter().map(|(_, happening)| happening.what).collect()
}

#[test]
fn a_lamp_stays_on_over_a_swap_and_back() {
    let (first, _) = image(1, "", "", 100);
    let (second, _) = image(2, "[policy]\nconfirm_ms = 200\n", "", 2000);
    let mut board = start(&first);
    let client = &mut board.client;
    call(client, "lamp_on");
    for _ in 0..3 {
        call(client, "press");
    }
    let from = client.status().unwrap().trace_next;
    let since = client.next_happening().unwrap();

    let swapped = swap(client, &second);
    assert_eq!(swapped.generation, 2);
    // The trial runs already when the answer is made.
    assert!((1..=200).contains(&swapped.trial_ms), "{swapped:?}");
    assert_eq!((call(client, "version"), call(client, "presses")), (Some(2), Some(3)));
    let trial = client.await_trial(&swapped, &second.image().hash(), since).unwrap();
    assert_eq!(trial, Trial::Confirmed);
    call(client, "press");
    assert_eq!(client.rollback(0).unwrap().unwrap().generation, 3);
    assert_eq!((call(client, "version"), call(client, "presses")), (Some(1), Some(3)));

    assert_ne!(client.levels().unwrap()[0] & 1 << LAMP, 0);
    assert_eq!(lamp_stores(client, from), [0u32; 0], "stores to the lamp's line");
    let back = DeviceEventKind::RolledBack(RollbackReason::Asked);
    assert_eq!(
        whats(client),
        [DeviceEventKind::Mounted, DeviceEventKind::Swapped, DeviceEventKind::Confirmed, back]
    );
    until("events of the timer", || client.module(0).unwrap().unwrap().events > 20);
}

#[test]
fn a_new_image_that_traps_goes_by_itself() {
    let (first, _) = image(1, "", "", 10);
    let trap = "(drop (i32.div_u (i32.const 1) (global.get $zero)))";
    let (second, map) = image(2, "", trap, 10);
    let mut board = start(&first);
    let client = &mut board.client;
    call(client, "lamp_on");
    let from = client.status().unwrap().trace_next;
    let since = client.next_happening().unwrap();
    let swapped = swap(client, &second);
    let trial = client.await_trial(&swapped, &second.image().hash(), since).unwrap();
    let Trial::RolledBack(Some(RollbackReason::Trap(trap))) = trial else { panic!("{trial:?}") };
    let mut maps = Maps::default();
    maps.add(map);
    let text = trap_text(&trap, &maps);
    assert!(text.starts_with("default.tick: trap divide_by_zero at op ") && text.contains("$tick"), "{text}");
    assert_eq!(call(client, "version"), Some(1));
    assert_eq!(lamp_stores(client, from), [0u32; 0], "stores to the lamp's line");
}

#[test]
fn a_faulted_module_is_safe_until_it_is_reset() {
    let (strict, _) = image(4, "[policy]\non_trap = \"safe\"\n", "", 10);
    let mut board = start(&strict);
    let client = &mut board.client;
    call(client, "lamp_on");
    let trapped = client.call(&Export::name("trip").unwrap(), &[]).unwrap();
    assert!(matches!(trapped, Outcome::Trapped(_)), "{trapped:?}");
    assert_eq!(client.levels().unwrap()[0] & 1 << LAMP, 0, "the safe state");
    let error = client.call(&Export::name("version").unwrap(), &[]).unwrap_err();
    assert!(error.message.contains(&Refusal::Faulted.to_string()), "{error}");
    assert_eq!(client.module(0).unwrap().unwrap().life, Life::Faulted);
    client.reset(Some(0)).unwrap();
    assert_eq!(call(client, "version"), Some(4));
}

#[test]
fn a_transfer_that_nobody_goes_on_with_is_forgotten() {
    let (first, _) = image(1, "", "", 10);
    let (second, _) = image(2, "[policy]\nconfirm_ms = 0\n", "", 2000);
    // The clock is the host's, so that a claim lasts as long as this test wants.
    let mut board = boot(Some(first.image().bytes()), REHEARSE);
    let client = &mut board.client;
    // The host is gone after its second chunk: its line is the only one, so it is this process that stops.
    let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let stop = |done| {
            if done > 448 {
                std::panic::resume_unwind(Box::new(()))
            }
        };
        drop(client.swap(0, &second.image(), &mut { stop }));
    }));
    assert!(stopped.is_err());
    assert_eq!(call(client, "version"), Some(1));
    let error = client.swap(0, &second.image(), &mut |_| {}).unwrap_err();
    assert!(error.message.contains("another host is sending an image"), "{error}");
    client.rehearse([0; 2], [0; 2], 5_500_000).unwrap();
    assert_eq!(swap(client, &second).generation, 2);
    assert_eq!(whats(client)[1..], [DeviceEventKind::TransferEnded, DeviceEventKind::Swapped]);
}

/// A recorder that is full goes on, with what happened last, and that plays on the simulator: over a swap, a
/// trap and the way back.
#[test]
fn a_full_recorder_has_what_happened_last() {
    const BYTES: usize = 16 << 10;
    let policy = "[policy]\non_trap = \"hold\"\nconfirm_ms = 0\n";
    let images = [1, 2].map(|version| image(version, policy, "", 0).0);
    let mut board = boot(Some(images[0].image().bytes()), &format!("xmap.record={BYTES}"));
    let play = |client: &mut Client| -> Played {
        let (noted, ended) = client.recording().unwrap();
        assert!(!ended && noted.len() <= BYTES, "{} bytes", noted.len());
        let recording = Recording::new(noted, ended).unwrap();
        let mut replay = Replay::new(&recording, &images).unwrap();
        replay.run(u64::MAX).unwrap_or_else(|difference| panic!("{difference} at {:?}", replay.played()))
    };
    let client = &mut board.client;
    assert_eq!(play(client).from_us, 0);
    let mut from_us = 0;
    for round in 0..3 {
        // A timer of 1 ms: some seconds fill a half.
        until("the older half is gone", || play(client).from_us > from_us);
        let played = play(client);
        assert!(played.checks > 10 && played.operations > 1000, "{round}: {played:?}");
        from_us = played.from_us;
        match round {
            0 => _ = swap(client, &images[1]),
            1 => assert!(matches!(client.call(&Export::name("trip").unwrap(), &[]), Ok(Outcome::Trapped(_)))),
            _ => _ = client.rollback(0).unwrap(),
        }
        call(client, "lamp_on");
        play(client);
    }
}
