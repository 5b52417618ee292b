//! An image cannot keep its device down: starts that do not go well, calls that do not end, and what a host
//! gets meanwhile.

mod common;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use common::{Device, LOW, panel};
use xmap_client::{Client, Options};
use xmap_image::OwnedImage;
use xmap_link::{DeviceEventKind, Life};

const AT_ONCE: &str = "confirm_ms = 0";

fn swapped(device: &Device, version: u32) {
    let image = OwnedImage::from_bytes(&panel(version, AT_ONCE)).unwrap();
    let mut host = device.host();
    let switch = host.0.swap(0, &image.image(), &mut |_| ()).unwrap();
    assert!(switch.is_ok(), "{switch:?}");
    assert!(host.0.must_keep("hall", 1).unwrap().is_some());
}

/// A start that is killed before it can have gone well.
fn cut_short(device: &mut Device) {
    device.start();
    device.kill();
}

/// The newest image, the one before, the default panel: each has three starts. Then nothing runs, the outputs
/// are safe, and a host can bring another image, which stays.
#[test]
fn three_starts_that_do_not_end_well_bring_the_image_before_and_then_safe_outputs() {
    let mut device = Device::new(&panel(1, AT_ONCE));
    device.start();
    device.host().call("low", &[1]);
    swapped(&device, 2);
    swapped(&device, 3);
    device.stop();
    for version in [3, 2, 1] {
        for _ in 0..3 {
            cut_short(&mut device);
            device.says(&format!("hall, version {version}, "));
        }
    }
    device.start();
    device.says("its newest image was set aside: 3 starts with it did not end well");
    device.says("nothing is mounted, its outputs are safe");
    assert_eq!(device.levels() & LOW, 0);
    let mut host = device.host();
    assert_eq!((host.version(), host.life()), (None, Life::Unloaded));
    assert_eq!(host.0.kept().unwrap().unwrap().set_aside, 1);
    let (happened, _) = host.0.happenings(0).unwrap();
    assert!(happened.iter().any(|(_, event)| event.what == DeviceEventKind::SetAside { starts: 3 }));
    let start = Instant::now();
    swapped(&device, 3);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(host.0.kept().unwrap().unwrap().set_aside, 0, "that is over");
    assert_eq!(device.cut_power().version(), Some(3), "a host's own choice has its starts again");
}

/// The newest image is set aside and the one before runs. A host sends that one once more: it is the newest
/// now, nothing is set aside any longer, and a restart brings it from its slot.
#[test]
fn the_image_that_runs_takes_the_mark_away_when_a_host_sends_it_again() {
    let mut device = Device::new(&panel(1, AT_ONCE));
    device.start();
    swapped(&device, 2);
    swapped(&device, 3);
    device.stop();
    for _ in 0..3 {
        cut_short(&mut device);
    }
    device.start();
    let mut host = device.host();
    assert_eq!((host.version(), host.0.kept().unwrap().unwrap().set_aside), (Some(2), 1));
    swapped(&device, 2);
    assert_eq!(host.0.kept().unwrap().unwrap().set_aside, 0, "a host has chosen it");
    device.stop();
    device.start();
    device.says("hall, version 2, ");
    device.says("mounted from its slot");
    assert_eq!(device.host().0.kept().unwrap().unwrap().set_aside, 0);
}

#[test]
fn a_start_that_served_a_host_or_ended_in_order_counts_for_nothing() {
    let mut device = Device::new(&panel(1, AT_ONCE));
    device.start();
    swapped(&device, 2);
    device.kill();
    for round in 0..8 {
        device.start();
        match round % 4 {
            // Two in a row do not go well, and the next one does.
            0 | 1 => device.kill(),
            2 => {
                assert_eq!(device.host().version(), Some(2), "{round}");
                device.kill();
            }
            _ => device.stop(),
        }
    }
    device.start();
    assert_eq!(device.host().version(), Some(2));
}

/// A module whose `on_mount` or whose call takes minutes, as its manifest allows.
fn slow() -> Vec<u8> {
    let manifest = "module = { name = \"slow\", board = \"rpi4b\", wasm = \"slow.wasm\", version = 9 }\n\
        [pins]\n22 = { name = \"low\", mode = \"out\", safe = \"low\" }\n\
        [exports]\nspin = {}\nlow = { params = [\"on: bool\"] }\n\
        [limits]\nfuel = 4294967295\n[policy]\nconfirm_ms = 0\n";
    let wat = r#"(module (import "gpio" "set" (func $set (param i32 i32)))
        (func (export "low") (param i32) (call $set (i32.const 22) (local.get 0)))
        (func (export "spin") (local i32) (loop $again
            (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $again (i32.ne (local.get 0) (i32.const -1))))))"#;
    common::build(manifest, wat)
}

/// While a call does not end, another host is told so within its first request, and SIGTERM ends the service
/// with safe outputs.
#[test]
fn a_call_that_does_not_end_leaves_the_link_and_the_signals() {
    let (mut device, mut host) = Device::running(&slow());
    host.call("low", &[1]);
    assert_eq!(device.levels() & LOW, LOW);
    let asking = thread::spawn(move || host.0.call(&xmap_link::Export::name("spin").unwrap(), &[]).is_ok());
    let port = device.port();
    let start = Instant::now();
    let mut told = String::new();
    // The first one may come before the call has begun.
    while !told.contains("busy") {
        let answer = Client::connect(&port, &Options::default()).and_then(|mut client| client.status());
        told = answer.err().map(|error| error.message).unwrap_or_default();
        assert!(start.elapsed() < common::LIMIT, "{told}");
    }
    let asked = Instant::now();
    device.signal("TERM");
    let status = device.end();
    assert!(status.success(), "{status}");
    let took = asked.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(30), "{took:?}");
    assert_eq!(device.register(0x28) & LOW, LOW, "GPCLR0: the outputs are safe");
    assert!(device.said().contains("stopped in the middle of a module's call or mount"), "{}", device.said());
    _ = asking.join();
    // It was none of the starts: the image comes up again.
    device.start();
    assert_eq!(device.host().version(), Some(9));
}

/// A module that waits as long as a call may, in each of its events, and always has one due: hosts have their
/// turn between two of them, and another image takes its place.
#[test]
fn a_module_that_always_waits_gives_way_to_a_host() {
    let manifest = r#"[module]
name = "waits"
board = "rpi4b"
wasm = "waits.wat"
[exports]
on_tick = { on = { every_us = 200 } }
[limits]
time_us = 2000000
[policy]
confirm_ms = 0
"#;
    let wat = r#"(module (import "time" "delay_us" (func $delay (param i32)))
        (func (export "on_tick") (call $delay (i32.const 2000000))))"#;
    let mut device = Device::new(&common::build(manifest, wat));
    device.start();
    thread::sleep(Duration::from_secs(1));
    let start = Instant::now();
    // It may come within the first half second of a wait, and is told *busy* then.
    let swapped = |device: &Device| -> Option<()> {
        let mut client = Client::connect(&device.port(), &Options::default()).ok()?;
        let image = xmap_image::OwnedImage::from_bytes(&common::panel(7, "")).unwrap();
        client.swap(0, &image.image(), &mut |_| ()).ok()?.ok().map(drop)
    };
    while swapped(&device).is_none() {
        assert!(start.elapsed() < common::LIMIT, "{}", device.said());
    }
    assert_eq!(device.host().version(), Some(7));
}

/// A hang counts against the start, however long it went well before.
#[test]
fn three_starts_that_hang_bring_the_image_before() {
    let mut device = Device::new(&panel(1, AT_ONCE));
    device.start();
    swapped(&device, 2);
    let image = OwnedImage::from_bytes(&slow()).unwrap();
    let mut host = device.host();
    assert!(host.0.swap(0, &image.image(), &mut |_| ()).unwrap().is_ok());
    assert!(host.0.must_keep("slow", 1).unwrap().is_some());
    device.stop();
    for _ in 0..3 {
        device.start();
        let mut host = device.host();
        assert_eq!(host.version(), Some(9));
        let asking =
            thread::spawn(move || host.0.call(&xmap_link::Export::name("spin").unwrap(), &[]).is_ok());
        device.says("outputs were made safe: the device did nothing else for 5 s");
        let starts = device.path("state/starts");
        device.until("the counter", || fs::read_to_string(&starts).is_ok_and(|text| text.contains("= ")));
        device.kill();
        _ = asking.join();
    }
    device.start();
    assert_eq!(device.host().version(), Some(2));
}
