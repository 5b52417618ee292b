//! What the service was told is on the disk: after a trap, an orderly end and a restart it can be played.

mod common;

use std::fs;

use common::{Device, LIMIT};
use xmap_client::Outcome;
use xmap_image::OwnedImage;
use xmap_link::Export;
use xmap_sim::{Played, Recording, Replay};

/// Plays a file of the folder of slots with the panel.
fn played(device: &Device, name: &str, image: &[u8]) -> Option<Played> {
    let recording = Recording::from_bytes(&fs::read(device.path("state").join(name)).ok()?).ok()?;
    let images = [OwnedImage::from_bytes(image).unwrap()];
    let mut replay = Replay::new(&recording, &images).unwrap();
    replay.run(u64::MAX).unwrap_or_else(|difference| panic!("{name}: {difference}"));
    Some(replay.played())
}

fn counter() -> Vec<u8> {
    let manifest = "module = { name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\", version = 1 }\n\
        [exports]\nadd = { params = [\"n: u32\"] }\nbad = {}\n[policy]\non_trap = \"hold\"\n";
    let wat = r#"(module
        (global $count (mut i32) (i32.const 0))
        (func (export "add") (param i32) (global.set $count (i32.add (global.get $count) (local.get 0))))
        (func (export "bad") (unreachable)))"#;
    common::build(manifest, wat)
}

#[test]
fn what_led_to_a_trap_outlives_a_kill_and_a_restart() {
    let image = counter();
    let mut device = Device::new(&image);
    // Written at a trap and at the end alone.
    fs::write(device.path("xmapd.toml"), "realtime_priority = 0\nkeep_every_s = 0\n").unwrap();
    device.start();
    let mut host = device.host();
    for n in 1..=300 {
        host.call("add", &[n]);
    }
    // The beginning is there, and nothing of this.
    let calls = |device: &Device, name, least: u64| {
        played(device, name, &image).is_some_and(|of| of.operations >= least)
    };
    assert!(!calls(&device, "recording.xrec", 300));
    let bad = host.0.call(&Export::name("bad").unwrap(), &[]).unwrap();
    assert!(matches!(bad, Outcome::Trapped(_)), "{bad:?}");
    let begun = std::time::Instant::now();
    while !calls(&device, "recording.xrec", 301) {
        assert!(begun.elapsed() < LIMIT, "{:?}", played(&device, "recording.xrec", &image));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(host);
    device.kill();

    device.start();
    assert!(played(&device, "recording.before.xrec", &image).unwrap().checks >= 4);
    device.host().call("add", &[5]);
    device.stop();
    // An orderly end writes the rest; the start before is the killed one still.
    let last = played(&device, "recording.xrec", &image).unwrap();
    assert!((2..100).contains(&last.operations), "{last:?}");
    assert!(calls(&device, "recording.before.xrec", 301));

    // What a loss of power leaves: a file that ends anywhere, or in zeros.
    let whole = fs::read(device.path("state/recording.before.xrec")).unwrap();
    for cut in [whole.len() - 1, whole.len() - 7, whole.len() / 2] {
        fs::write(device.path("state/cut.xrec"), &whole[..cut]).unwrap();
        assert!(played(&device, "cut.xrec", &image).unwrap().operations > 100, "{cut}");
    }
    fs::write(device.path("state/cut.xrec"), [&whole[..], &[0; 4096]].concat()).unwrap();
    assert_eq!(played(&device, "cut.xrec", &image), played(&device, "recording.before.xrec", &image));
}

/// Memory that is full holds what happened last, on the disk and for a host, and that plays alone.
#[test]
fn a_full_recorder_has_what_happened_last() {
    const BYTES: u64 = 8192;
    let image = counter();
    let mut device = Device::new(&image);
    let config = format!("realtime_priority = 0\nkeep_every_s = 1\nrecord_bytes = {BYTES}\n");
    fs::write(device.path("xmapd.toml"), config).unwrap();
    device.start();
    let mut host = device.host();
    let images = [OwnedImage::from_bytes(&image).unwrap()];
    let mut begun_us = Vec::new();
    for round in 0..4 {
        for n in 1..=500 {
            host.call("add", &[n]);
        }
        let (noted, ended) = host.0.recording().unwrap();
        assert!(!ended && noted.len() as u64 <= BYTES, "{round}: {} bytes", noted.len());
        let recording = Recording::new(noted, ended).unwrap();
        let mut replay = Replay::new(&recording, &images).unwrap();
        begun_us
            .push(replay.run(u64::MAX).unwrap_or_else(|difference| panic!("{round}: {difference}")).from_us);
    }
    assert!(begun_us.is_sorted() && begun_us[1] > 0 && begun_us[1] < begun_us[3], "{begun_us:?}");
    assert!(matches!(host.0.call(&Export::name("bad").unwrap(), &[]), Ok(Outcome::Trapped(_))));
    drop(host);
    std::thread::sleep(std::time::Duration::from_millis(2500));
    device.kill();
    device.start();
    let file = device.path("state/recording.before.xrec");
    // The thread that writes gives the file its name, when it has something to write.
    let begun = std::time::Instant::now();
    while !file.exists() {
        assert!(begun.elapsed() < LIMIT);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(fs::metadata(&file).unwrap().len() <= BYTES + 21, "no more than there is memory");
    let before = played(&device, "recording.before.xrec", &image).unwrap();
    assert!(before.from_us >= begun_us[3] && before.operations > 100, "{before:?}, {begun_us:?}");
    device.stop();
}
