//! The program as an operator meets it: on a file of registers, over its socket.

mod common;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use common::{Device, HELD, HIGH, LOW, panel};
use xmap_client::{Client, ErrorCode, Options, PortName};
use xmap_link::{Life, features};
use xmapd::registers::file;

#[test]
fn calls_reach_the_registers() {
    let (mut device, mut host) = Device::running(&panel(1, ""));
    let hello = host.0.hello();
    assert_eq!(hello.features & features::LINUX, features::LINUX);
    assert_eq!(hello.features & features::SIMULATED, features::SIMULATED, "no pin moves, and it says so");
    assert_eq!((host.life(), host.version()), (Life::Running, Some(1)));
    assert!(device.is_output(17) && device.is_output(22) && !device.is_output(27));
    assert_eq!(device.levels() & (HELD | LOW | HIGH), HIGH, "each output's safe state");
    host.call("held", &[1]);
    assert_eq!(device.register(0x1c), HELD, "GPSET0");
    assert_eq!(device.levels() & (HELD | LOW | HIGH), HELD | HIGH);
    assert_eq!(host.0.levels().unwrap()[0] & HELD, HELD, "read back over the link");
    host.call("held", &[0]);
    assert_eq!(device.register(0x28), HELD, "GPCLR0");
    let trace = host.0.trace(0).unwrap();
    let stores: Vec<_> = trace.iter().map(|(_, entry)| (entry.offset, entry.value)).collect();
    // The levels at load come first: the one that is held was low.
    assert_eq!(stores, [(0x28, HELD), (0x28, LOW), (0x1c, HIGH), (0x1c, HELD), (0x28, HELD)]);
    device.says("simulated registers: ");
}

/// A relay that picks up when its line is low: a resistor holds it high until the service comes, and the
/// service goes on.
#[test]
fn a_line_that_a_resistor_holds_high_stays_high() {
    let mut device = Device::new(&panel(1, ""));
    fs::write(device.path("registers"), [0; 4096]).unwrap();
    device.drive((HELD | LOW).into(), (HELD | LOW).into());
    device.start();
    let mut host = device.host();
    assert!(device.is_output(17));
    assert_eq!(device.register(file::LATCH) & (HELD | LOW), HELD);
    assert_eq!(device.levels() & (HELD | LOW | HIGH), HELD | HIGH);
    let stores: Vec<_> =
        host.0.trace(0).unwrap().iter().map(|(_, entry)| (entry.offset, entry.value)).collect();
    assert_eq!(stores, [(0x1c, HELD), (0x28, LOW), (0x1c, HIGH)]);
    // The next start finds an output, and keeps what it drives.
    device.drive(0, 0);
    let mut host = device.cut_power();
    assert_eq!(device.levels() & (HELD | LOW | HIGH), HELD | HIGH);
    let stores: Vec<_> =
        host.0.trace(0).unwrap().iter().map(|(_, entry)| (entry.offset, entry.value)).collect();
    assert_eq!(stores, [(0x28, LOW), (0x1c, HIGH)]);
}

#[test]
fn the_end_leaves_outputs_in_their_safe_states() {
    let (mut device, mut host) = Device::running(&panel(1, ""));
    host.call("held", &[1]);
    host.call("low", &[1]);
    assert_eq!(device.levels() & (HELD | LOW), HELD | LOW);
    device.signal("HUP");
    assert_eq!(host.version(), Some(1), "SIGHUP does nothing");
    device.stop();
    assert_eq!(device.levels() & (HELD | LOW | HIGH), HELD | HIGH, "hold holds, low is low");
    assert!(device.is_output(17) && device.is_output(22), "an output stays one");
    assert!(!device.path("socket").exists());
}

#[test]
fn a_killed_service_leaves_the_lamp_on_and_so_does_the_next_one() {
    let (mut device, mut host) = Device::running(&panel(1, ""));
    host.call("held", &[1]);
    host.call("low", &[1]);
    device.kill();
    assert_eq!(device.levels() & (HELD | LOW), HELD | LOW, "nobody resets a pin");
    // What the mount does to the lamp that holds is seen by somebody who looks all the time.
    let registers = device.path("registers");
    let watch = thread::spawn(move || {
        let start = Instant::now();
        let mut dark = 0;
        while start.elapsed() < Duration::from_millis(800) {
            let bytes = fs::read(&registers).unwrap();
            dark += u32::from(bytes[0x36] & 2 == 0);
        }
        dark
    });
    device.start();
    let mut host = device.host();
    assert_eq!(host.life(), Life::Running);
    assert_eq!(watch.join().unwrap(), 0, "the lamp was on at each look");
    assert_eq!(device.levels() & (HELD | LOW | HIGH), HELD | HIGH, "and the other is safe");
    assert!(device.is_output(17));
}

#[test]
fn hosts_are_served_side_by_side_and_the_ninth_is_told() {
    let mut device = Device::new(&panel(1, ""));
    device.start();
    let mut hosts: Vec<_> = (0..8).map(|_| device.host()).collect();
    for (n, host) in (1..).zip(&mut hosts) {
        host.call("add", &[1]);
        assert_eq!(host.count(), n);
    }
    let error = device.host().0.module(0).expect_err("the ninth");
    assert!(matches!(error.code, ErrorCode::DeviceRefused | ErrorCode::DeviceBusy), "{error}");
    assert!(error.message.ends_with("the device is busy with other hosts; try again in 1 s"), "{error}");
    hosts.pop();
    let port = device.port();
    device.until("the place of one that left", || {
        Client::connect(&port, &Options::default()).unwrap().module(0).is_ok()
    });
    assert_eq!(hosts[0].count(), 8);
}

#[test]
fn a_message_of_a_module_reaches_every_host() {
    let mut device = Device::new(&panel(1, ""));
    device.start();
    let (mut one, mut other) = (device.host(), device.host());
    one.call("say", &[]);
    for host in [&mut one, &mut other] {
        let heard = host.0.listen(Duration::from_secs(20)).unwrap().next();
        let Some(xmap_client::Incoming::Message(message)) = heard else { panic!("{heard:?}") };
        assert_eq!(message.text, "hello");
    }
}

#[test]
fn an_edge_from_outside_runs_its_handler() {
    let (mut device, mut host) = Device::running(&panel(1, ""));
    device.press(false);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(host.count(), 0);
    device.press(true);
    device.until("the edge", || host.count() == 1000);
}

#[test]
fn a_reset_of_the_device_starts_it_anew() {
    let (mut device, mut host) = Device::running(&panel(1, ""));
    host.call("held", &[1]);
    host.call("low", &[1]);
    host.0.reset(None).unwrap();
    let port = device.port();
    device.until("the restart", || Client::connect(&port, &Options::default()).is_ok());
    assert_eq!(device.host().life(), Life::Running);
    assert_eq!(device.levels() & (HELD | LOW | HIGH), HELD | HIGH);
}

#[test]
fn its_firmware_is_its_package() {
    let mut device = Device::new(&panel(1, ""));
    device.start();
    let error = device.host().0.firmware().unwrap_err();
    assert_eq!(error.code, ErrorCode::NoFirmwareSlots);
    assert!(error.message.ends_with("a service under Linux, which its package updates"), "{error}");
}

#[test]
fn the_link_speaks_tcp_too() {
    let mut device = Device::new(&panel(1, ""));
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    device.arguments = vec!["--tcp".into(), free.to_string()];
    device.start();
    let port: PortName = format!("tcp:{free}").parse().unwrap();
    let mut host = common::Host(Client::connect(&port, &Options::default()).unwrap());
    host.call("held", &[1]);
    assert_eq!(device.levels() & HELD, HELD);
}

#[test]
fn what_keeps_it_from_starting_touches_no_register() {
    let (mut device, mut host) = Device::running(&panel(1, ""));
    host.call("held", &[1]);
    // A second one with the same socket and the same registers.
    let output = device.command().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("error[X1207]: "), "{said}");
    // One with a folder and a socket of its own, and the same registers.
    device.arguments = vec!["--state".into(), device.path("others").display().to_string()];
    let mut other = std::process::Command::new(env!("CARGO_BIN_EXE_xmapd"));
    other.arg("--config").arg(device.path("xmapd.toml")).arg("--registers").arg(device.path("registers"));
    other.arg("--socket").arg(device.path("their")).args(&device.arguments);
    let output = other.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("error[X1207]: ") && said.contains("another xmapd drives these lines"), "{said}");
    assert_eq!(device.levels() & HELD, HELD);
    // The first one goes on.
    host.call("held", &[0]);
    assert_eq!(device.levels() & HELD, 0);
    // On this machine without a file.
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_xmapd"))
        .arg("--config")
        .arg(device.path("xmapd.toml"))
        .arg("--state")
        .arg(device.path("elsewhere"))
        .arg("--socket")
        .arg(device.path("other"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("error[X1202]: this machine is not a Raspberry Pi 4B"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_default_panel_that_is_none_leaves_a_link_that_works() {
    let mut device = Device::new(b"XMAP, but not really");
    // On the command line it ends the start; in the configuration it does not.
    let output = device.command().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error[X1210]: ") && said.contains("panel.xmap: not an image: "), "{said}");
    assert!(!device.path("registers").exists(), "nothing was touched");
    let config = format!("realtime_priority = 0\npanel = '{}'\n", device.path("panel.xmap").display());
    fs::write(device.path("xmapd.toml"), config).unwrap();
    device.names_panel = false;
    device.start();
    let mut host = device.host();
    assert_eq!(host.version(), None);
    let status = host.0.status().unwrap();
    assert!(matches!(status.image, xmap_link::ImageState::Rejected { .. }), "{status:?}");
}

/// A call that takes longer than the guard's patience, as its manifest allows: nobody can be asked to end it,
/// so the outputs become safe.
#[test]
fn a_main_loop_that_hangs_makes_the_outputs_safe() {
    let manifest = "module = { name = \"spin\", board = \"rpi4b\", wasm = \"spin.wasm\" }\n\
        [pins]\n17 = { name = \"held\", mode = \"out\", safe = \"hold\" }\n\
        22 = { name = \"low\", mode = \"out\", safe = \"low\" }\n23 = { name = \"high\", mode = \"out\", safe = \"high\" }\n\
        [exports]\nlow = { params = [\"on: bool\"] }\nheld = { params = [\"on: bool\"] }\nspin = {}\n\
        [limits]\nfuel = 4294967295\n";
    let wat = r#"(module (import "gpio" "set" (func $set (param i32 i32)))
        (func (export "low") (param i32) (call $set (i32.const 22) (local.get 0)))
        (func (export "held") (param i32) (call $set (i32.const 17) (local.get 0)))
        (func (export "spin") (local i32) (loop $again
            (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $again (i32.ne (local.get 0) (i32.const -1))))))"#;
    let (mut device, mut host) = Device::running(&common::build(manifest, wat));
    host.call("low", &[1]);
    host.call("held", &[1]);
    host.call("held", &[0]);
    assert_eq!((device.register(0x1c), device.register(0x28)), (HELD, HELD), "GPSET0, GPCLR0");
    let start = Instant::now();
    let asking = thread::spawn(move || host.0.call(&xmap_link::Export::name("spin").unwrap(), &[]).is_ok());
    thread::sleep(Duration::from_millis(2500));
    let cleared = device.register(0x28);
    // A machine that does much else may have slept longer than it should.
    assert!(
        cleared == HELD || start.elapsed() >= Duration::from_secs(5),
        "it has some patience: {cleared:#x}"
    );
    let registers = device.path("registers");
    device.until("safe outputs", || fs::read(&registers).unwrap()[0x28..0x2c] == LOW.to_le_bytes());
    assert_eq!(device.register(0x1c), HIGH, "what holds is not touched");
    device.says("outputs were made safe: the device did nothing else for 5 s");
    device.kill();
    _ = asking.join();
}

/// 400 bytes of image took 4 GiB.
#[test]
fn it_runs_with_a_memory_limit_over_a_restart_too() {
    let mut device = Device::new(&panel(1, ""));
    device.start();
    let limit = |device: &Device| {
        let limits = fs::read_to_string(format!("/proc/{}/limits", device.pid())).unwrap();
        limits.lines().find(|line| line.starts_with("Max data size")).unwrap().to_owned()
    };
    let most = xmapd::ceiling::MOST_BYTES.to_string();
    assert!(limit(&device).contains(&most), "{}", limit(&device));
    let unit = include_str!("../dist/xmapd.service");
    assert!(unit.contains(&format!("MemoryMax={}M", xmapd::ceiling::MOST_BYTES >> 20)));
}

#[test]
fn what_an_image_may_ask_for_is_the_configurations() {
    let mut device = Device::new(&panel(1, ""));
    fs::write(device.path("xmapd.toml"), "realtime_priority = 0\n[limits]\nimage_bytes = 100\n").unwrap();
    device.start();
    let mut host = device.host();
    let limits = host.0.limits().unwrap().unwrap();
    assert!(limits.contains(&(xmap_trust::Limit::Image, 100)), "{limits:?}");
    assert_eq!(host.0.module(0).unwrap().unwrap().life, Life::Unloaded);
    device.says("reject: limit image_bytes: ");
}
