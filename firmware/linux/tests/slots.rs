//! What outlives the program: images that count as good, and the state that they keep.

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use common::{Device, HELD, LOW, panel};
use xmap_client::{Client, Error, ErrorCode, Options, Switch};
use xmap_device::BURST;
use xmap_image::OwnedImage;
use xmap_link::{Life, Thing};

/// What the answer to a swap of module 0 is about.
const IMAGE: u16 = Thing::Image.bit(0) | Thing::Versions.bit(0);
/// No trial: a swap is good at once.
const AT_ONCE: &str = "confirm_ms = 0";
/// A host says what is good.
const BY_HOST: &str = "confirm = \"host\"\nconfirm_ms = 600000";
/// The device says so after a moment.
const BY_ITSELF: &str = "confirm_ms = 50";

fn swap(host: &mut common::Host, image: &[u8]) -> Switch {
    let image = OwnedImage::from_bytes(image).unwrap();
    host.0.swap(0, &image.image(), &mut |_| ()).unwrap()
}

fn swapped(host: &mut common::Host, image: &[u8]) {
    let switch = swap(host, image);
    assert!(switch.is_ok(), "{switch:?}");
}

/// The number of the write that made the newest file of a pair; 0 where there is none.
fn number(device: &Device, name: &str) -> u64 {
    let of = |file: &str| {
        let bytes = fs::read(device.path(&format!("state/{name}.{file}"))).unwrap_or_default();
        bytes.get(16..24).map_or(0, |number| u64::from_le_bytes(number.try_into().unwrap()))
    };
    of("a").max(of("b"))
}

/// Changes a bit of a file of a pair.
fn damage(device: &Device, file: &str) {
    let path = device.path(&format!("state/{file}"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, bytes).unwrap();
}

#[test]
fn a_swap_leaves_the_lamp_on_and_a_restart_brings_the_new_image() {
    let (mut device, mut host) = Device::running(&panel(1, AT_ONCE));
    host.call("held", &[1]);
    host.call("low", &[1]);
    host.call("add", &[7]);
    let before = host.0.trace(0).unwrap().len();
    swapped(&mut host, &panel(2, AT_ONCE));
    assert_eq!(host.0.trace(0).unwrap().len(), before, "the swap stores nothing");
    assert_eq!(device.levels() & (HELD | LOW), HELD | LOW);
    assert_eq!((host.version(), host.count()), (Some(2), 7));
    // The answer came after the image was on the disk.
    let mut host = device.cut_power();
    assert_eq!((host.version(), host.life()), (Some(2), Life::Running));
    assert_eq!(device.levels() & (HELD | LOW), HELD, "the safe states of version 2");
}

#[test]
fn an_image_on_trial_does_not_outlive_a_restart_and_a_confirmed_one_does() {
    let (mut device, mut host) = Device::running(&panel(1, BY_HOST));
    swapped(&mut host, &panel(2, BY_HOST));
    assert_eq!(host.version(), Some(2));
    let mut host = device.cut_power();
    assert_eq!(host.version(), Some(1), "the trial had not ended");
    swapped(&mut host, &panel(2, BY_HOST));
    host.0.confirm(0).unwrap();
    assert_eq!(device.cut_power().version(), Some(2));
}

#[test]
fn what_the_device_confirms_by_itself_is_kept_too() {
    let (mut device, mut host) = Device::running(&panel(1, BY_ITSELF));
    swapped(&mut host, &panel(2, BY_ITSELF));
    let folder = device.path("state");
    device.until("the write", || common::has(&folder, "image-0.a"));
    assert_eq!(device.cut_power().version(), Some(2));
}

#[test]
fn a_rollback_outlives_a_restart_as_well() {
    let (mut device, mut host) = Device::running(&panel(1, AT_ONCE));
    swapped(&mut host, &panel(2, AT_ONCE));
    assert!(host.0.rollback(0).unwrap().is_ok());
    assert_eq!(host.version(), Some(1));
    assert_eq!(device.cut_power().version(), Some(1));
}

#[test]
fn kept_state_comes_back_after_the_end_and_after_a_kill() {
    let mut device = Device::new(&panel(1, AT_ONCE));
    fs::write(device.path("xmapd.toml"), "realtime_priority = 0\nkeep_every_s = 1\n").unwrap();
    device.start();
    let mut host = device.host();
    host.call("add", &[5]);
    host.call("poke", &[77]);
    let mut host = device.restart();
    assert_eq!((host.count(), host.call("peek", &[])), (5, vec![77]));
    let before = number(&device, "state-0");
    host.call("add", &[1]);
    let at = device.path("state");
    device.until("the write", || {
        let newest =
            ["a", "b"].map(|file| fs::metadata(at.join(format!("state-0.{file}"))).map(|m| m.len()).ok());
        newest.iter().all(Option::is_some)
    });
    assert_eq!(number(&device, "state-0"), before + 1);
    assert_eq!(device.cut_power().count(), 6);
}

/// A new version that keeps something else begins with its own values, also where the state of the one before
/// is on the disk.
#[test]
fn state_of_another_layout_is_left_alone() {
    let other = |version: u32| {
        let manifest = format!(
            "module = {{ name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\", version = {version} }}\n\
             [exports]\ncount = {{ results = [\"u32\"] }}\n[keep]\nglobals = [\"presses\"]\n[policy]\nconfirm_ms = 0\n"
        );
        let wat = r#"(module (global $presses (mut i32) (i32.const 40)) (export "presses" (global $presses))
            (func (export "count") (result i32) (global.set $presses (i32.add (global.get $presses) (i32.const 1)))
                (global.get $presses)))"#;
        common::build(&manifest, wat)
    };
    let mut device = Device::new(&panel(1, AT_ONCE));
    device.start();
    device.host().call("add", &[5]);
    device.stop();
    fs::write(device.path("panel.xmap"), other(2)).unwrap();
    device.start();
    assert_eq!(device.host().count(), 41, "not 6: another layout");
    assert_eq!(device.restart().count(), 42, "its own");
}

/// Version 1 keeps its state over a restart, 2 does not, 3 does again.
#[test]
fn a_restart_brings_no_state_where_the_manifest_says_so() {
    let of = |version: u32, restart: bool| {
        let manifest = format!(
            "module = {{ name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\", version = {version} }}\n\
             [exports]\ncount = {{ results = [\"u32\"] }}\n[keep]\nglobals = [\"presses\"]\nrestart = {restart}\n\
             [policy]\nconfirm_ms = 0\n"
        );
        let wat = r#"(module (global $presses (mut i32) (i32.const 40)) (export "presses" (global $presses))
            (func (export "count") (result i32) (global.set $presses (i32.add (global.get $presses) (i32.const 1)))
                (global.get $presses)))"#;
        common::build(&manifest, wat)
    };
    let mut device = Device::new(&of(1, true));
    let mut found = Vec::new();
    for panel in [of(1, true), of(1, true), of(2, false), of(2, false), of(3, true), of(3, true)] {
        fs::write(device.path("panel.xmap"), panel).unwrap();
        device.start();
        found.push(device.host().count());
        device.stop();
    }
    assert_eq!(found, [41, 42, 41, 41, 41, 42]);
}

#[test]
fn state_that_does_not_change_is_not_written_and_a_swap_takes_few_writes() {
    let mut device = Device::new(&panel(1, AT_ONCE));
    fs::write(device.path("xmapd.toml"), "realtime_priority = 0\nkeep_every_s = 1\n").unwrap();
    device.start();
    let mut host = device.host();
    std::thread::sleep(std::time::Duration::from_millis(2500));
    // The recording is another thread's, and grows with what happens.
    let kept = || {
        let files = fs::read_dir(device.path("state")).unwrap().map(Result::unwrap);
        files.filter(|file| file.file_name() != "recording.xrec").collect::<Vec<_>>()
    };
    assert!(kept().is_empty(), "nothing changed, nothing is written: {:?}", kept());
    for version in 2..=5 {
        swapped(&mut host, &panel(version, AT_ONCE));
        assert_eq!(number(&device, "image-0"), u64::from(version) - 1, "one write for a swap");
    }
    let bytes: u64 = kept().iter().map(|file| file.metadata().unwrap().size()).sum();
    let image = panel(5, AT_ONCE).len() as u64;
    assert!(bytes <= 2 * (image + 57 + 4), "{bytes} bytes for two images of {image}");
}

/// A host that swaps without end wears the card no further than the budget goes, and the panel goes on.
#[test]
fn who_swaps_without_end_does_not_write_without_end() {
    let (mut device, mut host) = Device::running(&panel(1, AT_ONCE));
    let start = std::time::Instant::now();
    let images = [2, 3].map(|version| panel(version, AT_ONCE));
    for image in images.iter().cycle().take(80) {
        swapped(&mut host, image);
    }
    assert_eq!(host.version(), Some(3));
    device.says("the disk was written as often as it may be");
    let written = number(&device, "image-0");
    // One more has come for each minute that this took.
    let most = u64::from(BURST) + start.elapsed().as_secs() / 60 + 1;
    assert!((u64::from(BURST)..=most).contains(&written), "{written} writes for 80 swaps");
    // The end writes what is left.
    assert_eq!(device.restart().version(), Some(3));
}

#[test]
fn a_damaged_slot_gives_way_to_the_one_before() {
    let (mut device, mut host) = Device::running(&panel(1, AT_ONCE));
    swapped(&mut host, &panel(2, AT_ONCE));
    swapped(&mut host, &panel(3, AT_ONCE));
    device.kill();
    // The second write went to the other file.
    damage(&device, "image-0.b");
    device.start();
    assert_eq!(device.host().version(), Some(2));
    device.says("image-0.b: damaged: left out");
    // Both damaged: the default panel.
    device.kill();
    for file in ["a", "b"] {
        fs::write(device.path(&format!("state/image-0.{file}")), "nothing").unwrap();
    }
    device.start();
    assert_eq!(device.host().version(), Some(1));
}

/// The older image of module 0 has a line that module 1 got once nothing could go back to it.
#[test]
fn the_newest_images_come_back_before_an_older_one_takes_their_lines() {
    let of = |name: &str, version: u32, line: u8| {
        let manifest = format!(
            "module = {{ name = \"{name}\", namespace = \"{name}\", board = \"rpi4b\", wasm = \"x.wasm\", \
             version = {version} }}\n[pins]\n{line} = {{ mode = \"out\" }}\n[policy]\nconfirm_ms = 0\n"
        );
        common::build(&manifest, r#"(module (func (export "go")))"#)
    };
    let (mut device, mut host) = Device::running(&panel(1, AT_ONCE));
    swapped(&mut host, &of("first", 1, 5));
    swapped(&mut host, &of("first", 2, 6));
    let beside = OwnedImage::from_bytes(&of("second", 1, 5)).unwrap();
    let refused = host.0.swap(1, &beside.image(), &mut |_| ()).unwrap();
    assert!(refused.is_err(), "the image before may come back");
    swapped(&mut host, &of("first", 2, 6));
    assert!(host.0.swap(1, &beside.image(), &mut |_| ()).unwrap().is_ok());
    device.kill();
    damage(&device, "image-0.b");
    device.start();
    let mut host = device.host();
    let second = host.0.module(1).unwrap().unwrap();
    assert_eq!((second.name.as_str(), second.life), ("second", Life::Running));
    device.says("module 0: not mounted from the slot before: beside module 1: one drives line 5");
    assert_eq!(host.0.module(0).unwrap().unwrap().name.as_str(), "hall", "the default panel");
}

/// A swap under strace, which kills the program at the `nth` of these calls of the system that concern the
/// slots; what comes up after it. `None` where there is no such call any more.
fn cut(call: &str, fault: &str, nth: usize) -> Option<String> {
    let mut device = Device::new(&panel(1, AT_ONCE));
    device.start();
    device.host().call("held", &[1]);
    // From here on the disk has an image, so that the default panel is not the answer to everything.
    swapped(&mut device.host(), &panel(2, AT_ONCE));
    device.kill();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{fault}:when={nth}")]);
    // Calls are counted for each thread, and the one that starts the program opens the folder and reads.
    let names = ["/image-0.new", "", "/image-0.a", "/image-0.b"];
    for name in names.iter().take(if matches!(call, "openat" | "unlink") { 1 } else { names.len() }) {
        command.arg("-P").arg(format!("{}{name}", device.path("state").display()));
    }
    command.arg(env!("CARGO_BIN_EXE_xmapd"));
    device.give(&mut command);
    device.start_as(command);
    let socket = device.path("socket");
    let mut ended = false;
    device
        .until_or_end("the socket", &mut ended, || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let mut told = false;
    if !ended {
        let image = OwnedImage::from_bytes(&panel(3, AT_ONCE)).unwrap();
        let client = Client::connect(&device.port(), &Options::default());
        let kept = client.and_then(|mut client| {
            let switch = client.swap(0, &image.image(), &mut |_| ())?;
            assert!(switch.is_ok(), "{switch:?}");
            client.must_keep("hall", IMAGE)
        });
        assert!(!matches!(kept, Ok(None)), "the device has a disk");
        told = kept.is_ok();
        // A connection that broke is the end of a program that is killed, however long it takes; an error
        // ends none, and behind an answer a kill may still come.
        let broken = |error: &Error| matches!(error.code, ErrorCode::LinkBroken | ErrorCode::PortUnavailable);
        let killed = fault.contains("KILL") && kept.as_ref().is_err_and(broken);
        ended = if killed { device.ends() } else { device.has_ended_soon() };
    }
    if ended {
        device.end();
    } else {
        device.kill_group();
    }
    let failed = device.said().contains("not kept: ");
    device.start();
    let mut host = device.host();
    let version = host.version();
    let at = format!("{call} {nth} {fault}");
    assert!(matches!(version, Some(2 | 3)), "{at}: {version:?}");
    assert_eq!(host.life(), Life::Running, "{at}");
    assert_eq!(device.levels() & HELD, HELD, "{at}: the lamp is on");
    assert!(!told || version == Some(3), "{at}: a host was told of version 3, and {version:?} came up");
    (ended || failed).then(|| format!("{at}: version {}, told {told}", version.unwrap_or(0)))
}

#[test]
fn a_kill_and_an_error_at_every_call_of_the_system_leave_the_old_or_the_new() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!(
            "LEFT OUT: strace is not installed; the tests of firmware/linux/src/keep cut at each call of a disk in memory"
        );
        return;
    }
    let mut cuts = Vec::new();
    for fault in ["signal=KILL", "error=EIO"] {
        for call in ["unlink", "openat", "write", "fsync", "rename"] {
            for nth in 1.. {
                assert!(nth < 30, "{call}: it does not end");
                match cut(call, fault, nth) {
                    Some(what) => cuts.push(what),
                    None => break,
                }
            }
        }
    }
    println!("{}", cuts.join("\n"));
    for call in ["unlink", "openat", "write", "fsync", "rename"] {
        assert!(
            cuts.iter().any(|cut| cut.starts_with(&format!("{call} ")) && cut.contains("KILL")),
            "{call}: {cuts:?}"
        );
    }
}
