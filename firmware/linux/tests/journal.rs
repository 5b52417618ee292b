//! The log holds nobody up and ends nothing, is bounded, and says in words what an operator looks for.

mod common;

use std::fs;
use std::io::{PipeReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Device, Host, panel};
use xmap_client::{Client, Options, Outcome};
use xmap_image::OwnedImage;
use xmap_link::{Export, Life};

/// A panel whose handler traps every millisecond, and that answers.
fn trapping() -> Vec<u8> {
    let manifest = "module = { name = \"noisy\", board = \"rpi4b\", wasm = \"noisy.wasm\" }\n\
        [exports]\nanswer = { results = [\"u32\"] }\nbad = { on = { every_us = 1000 } }\n";
    let wat = r#"(module
        (func (export "answer") (result i32) (i32.const 42))
        (func (export "bad") (unreachable)))"#;
    common::build(manifest, wat)
}

/// Starts the program with this as its standard error.
fn start(device: &Device, stderr: Stdio) -> Running {
    let mut command: Command = device.command();
    let child = command.stderr(stderr).stdin(Stdio::null()).spawn().unwrap();
    let running = Running(child);
    let begun = Instant::now();
    while std::os::unix::net::UnixStream::connect(device.path("socket")).is_err() {
        assert!(begun.elapsed() < common::LIMIT, "it does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    running
}

struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// The panel answers, its handler traps again and again, and the program runs.
fn works(device: &Device, running: &mut Running) {
    let mut host = Host(Client::connect(&device.port(), &Options::default()).unwrap());
    let before = host.module().traps;
    let begun = Instant::now();
    while host.module().traps < before + 300 {
        assert!(begun.elapsed() < common::LIMIT, "{:?}", host.module());
        assert_eq!(host.call("answer", &[]), [42]);
    }
    assert_eq!((host.life(), running.0.try_wait().unwrap()), (Life::Running, None));
}

#[test]
fn a_closed_standard_error_ends_nothing() {
    let device = Device::new(&trapping());
    let (reader, writer) = std::io::pipe().unwrap();
    let mut running = start(&device, writer.into());
    drop::<PipeReader>(reader);
    works(&device, &mut running);
    works(&device, &mut running);
}

#[test]
fn a_standard_error_that_nobody_reads_holds_nobody_up() {
    let device = Device::new(&trapping());
    let (_reader, writer) = std::io::pipe().unwrap();
    // Full from the beginning.
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while rustix::io::write(&writer, &[b'.'; 512]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let mut running = start(&device, writer.into());
    works(&device, &mut running);
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    let begun = Instant::now();
    while running.0.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < common::LIMIT, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_module_that_traps_all_the_time_writes_few_lines_and_they_are_counted() {
    let device = Device::new(&trapping());
    let log = device.path("log");
    let begun = Instant::now();
    let mut running = start(&device, fs::File::create(&log).unwrap().into());
    let mut host = Host(Client::connect(&device.port(), &Options::default()).unwrap());
    while host.module().traps < 1000 {
        assert!(begun.elapsed() < common::LIMIT, "{:?}", host.module());
    }
    let lines = fs::read_to_string(&log).unwrap().lines().count() as u64;
    // 100 at once and 10 a second of the module, and those of the start.
    assert!(lines <= 130 + 10 * begun.elapsed().as_secs(), "{lines} lines");
    let counts = host.0.host_counts().unwrap();
    assert!(counts.lines_lost > 0, "{counts:?}");
    let said = || fs::read_to_string(&log).unwrap();
    while !said().contains(" lines of the log were left out") {
        assert!(begun.elapsed() < common::LIMIT, "{}", said());
    }
    assert!(said().contains("module 0 noisy: default.bad: trap unreachable at op "), "{}", said());
    assert_eq!(running.0.try_wait().unwrap(), None);
}

#[test]
fn the_log_says_in_words_what_happened() {
    let (mut device, mut host) = Device::running(&panel(1, ""));
    host.call("say", &[]);
    device.says("info: module 0 says: hello");
    // A trial that traps.
    let manifest = "module = { name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\", version = 2 }\n\
        [pins]\n17 = { name = \"held\", mode = \"out\", safe = \"hold\" }\n\
        [exports]\nbad = {}\nset = { params = [\"line: u8\", \"on: bool\"] }\n[policy]\nconfirm_ms = 600000\n";
    let wat = r#"(module (import "gpio" "set" (func $set (param i32 i32)))
        (func (export "bad") (unreachable))
        (func (export "set") (param i32 i32) (call $set (local.get 0) (local.get 1))))"#;
    let image = OwnedImage::from_bytes(&common::build(manifest, wat)).unwrap();
    assert!(host.0.swap(0, &image.image(), &mut |_| ()).unwrap().is_ok());
    device.says("module 0 hall: swapped: a new image runs");
    let mut call = |name: &str, args: &[u64]| host.0.call(&Export::name(name).unwrap(), args).unwrap();
    // A typo is its host's, and the trial goes on.
    assert!(matches!(call("set", &[27, 1]), Outcome::Trapped(_)));
    device.says("module 0 hall: a host's argument was refused: default.set: trap undeclared_line, detail 27");
    assert!(matches!(call("set", &[17, 1]), Outcome::Returned(_)));
    assert!(matches!(call("bad", &[]), Outcome::Trapped(_)));
    device.says("warning: module 0 hall: rolled back: default.bad: trap unreachable at op ");
    assert_eq!(host.version(), Some(1));
    assert_eq!(host.0.host_counts().unwrap().mistakes, 1);
    // One that is refused.
    let small = OwnedImage::from_bytes(&panel(3, "confirm_ms = 0")).unwrap();
    assert!(host.0.swap(1, &small.image(), &mut |_| ()).unwrap().is_err());
    device.says("warning: module 1: not mounted: ");
    assert!(!device.said().contains("reason "), "{}", device.said());
    host.0.reset(Some(0)).unwrap();
    device.says("module 0 hall: reset by a host");
    // What cannot start says so once.
    let output = device.command().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("xmapd: error[X1207]: ") && !said.contains("error: error"), "{said}");
}

/// Wakes of the program in a time, without what asks for them.
fn wakes(running: &Running, time: Duration) -> u64 {
    let count = || {
        let mut status = String::new();
        fs::File::open(format!("/proc/{}/status", running.0.id()))
            .unwrap()
            .read_to_string(&mut status)
            .unwrap();
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
        line.split_whitespace().next_back().unwrap().parse::<u64>().unwrap()
    };
    let before = count();
    std::thread::sleep(time);
    count() - before
}

#[test]
fn a_service_that_has_nothing_to_do_sleeps() {
    let quiet = "module = { name = \"quiet\", board = \"rpi4b\", wasm = \"quiet.wasm\" }\n\
        [pins]\n27 = { name = \"button\", mode = \"in\" }\n[exports]\nanswer = { results = [\"u32\"] }\n";
    let wat = r#"(module (func (export "answer") (result i32) (i32.const 42)))"#;
    let device = Device::new(&common::build(quiet, wat));
    let running = start(&device, Stdio::null());
    std::thread::sleep(Duration::from_millis(200));
    // Once a second for the guard, and some for the machine's own reasons.
    let woken = wakes(&running, Duration::from_secs(3));
    assert!(woken <= 30, "{woken} wakes in 3 s");
    // Edges of a file have to be looked for, but not a thousand times a second while nothing moves.
    let device = Device::new(&panel(1, ""));
    let running = start(&device, Stdio::null());
    std::thread::sleep(Duration::from_millis(1500));
    let woken = wakes(&running, Duration::from_secs(2));
    assert!(woken <= 500, "{woken} wakes in 2 s");
}
