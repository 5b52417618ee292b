//! Host functions beyond lines, clock and messages, on the service.
//!
//! With `--features uptime` that is also the function of ARCHITECTURE.md's example.

mod common;

use std::time::UNIX_EPOCH;

use common::{Device, build};
use tiny_mapper::TrapCode;
use xmap_client::{ErrorCode, Outcome, run_call};
use xmap_link::{DeviceEventKind, Export};

#[test]
fn random_numbers_are_the_kernels() {
    let manifest = "module = { name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\" }\n\
                    [exports]\nword = { results = [\"u64\"] }\n";
    let wat = r#"(module
        (import "random" "get" (func $get (param i32 i32)))
        (memory 1)
        (func (export "word") (result i64)
            (call $get (i32.const 8) (i32.const 8))
            (i64.load (i32.const 8))))"#;
    let (_device, mut host) = Device::running(&build(manifest, wat));
    let mut words: Vec<u64> = (0..4).flat_map(|_| host.call("word", &[])).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 4);
}

#[test]
fn text_of_a_host_lands_in_the_module() {
    let manifest = "module = { name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\" }\n\
                    [exports]\necho = { params = [\"text: str\"], results = [\"str\"] }\n";
    let wat = r#"(module (memory 1)
        (func (export "on_arguments") (param i32) (result i32) (i32.const 1024))
        (func (export "echo") (param i32 i32) (result i32 i32) (local.get 0) (local.get 1)))"#;
    let (_device, mut host) = Device::running(&build(manifest, wat));
    let called = run_call(&mut host.0, "echo", &["gr\u{fc}n".into()]).unwrap();
    assert_eq!(called.to_string(), "echo -> \"gr\u{fc}n\"");
}

#[test]
fn the_wall_clock_is_the_systems_and_no_host_sets_it() {
    let manifest = "module = { name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\" }\n\
                    clock = { zone = \"Asia/Kathmandu\" }\n\
                    [exports]\nunix = { results = [\"u64\"] }\nminute = { results = [\"i32\"] }\n\
                    run = { on = { at = \"07:00\" } }\n";
    let wat = r#"(module
        (import "time" "unix_us" (func $unix (result i64)))
        (import "time" "local_minute" (func $minute (result i32)))
        (export "unix" (func $unix))
        (export "minute" (func $minute))
        (func (export "run")))"#;
    let system_us = || UNIX_EPOCH.elapsed().unwrap().as_micros() as u64;
    let (_device, mut host) = Device::running(&build(manifest, wat));
    let before = system_us();
    let unix = host.call("unix", &[])[0];
    let minute = host.call("minute", &[])[0];
    let after = system_us();
    assert!((before..=after).contains(&unix), "{before} {unix} {after}");
    // Five hours and three quarters ahead of UTC, in winter and in summer.
    let there = |us: u64| (us / 60_000_000 + 345) % 1440;
    assert!([there(before), there(after)].contains(&minute), "{minute}");
    let clock = host.0.clock().unwrap().unwrap();
    assert_eq!(clock.schedules, 1);
    let until = clock.next_us - clock.unix_us;
    assert!((0..=86_400_000_000).contains(&until), "{clock:?}");
    assert_eq!(there(clock.next_us as u64), 420);
    let refused = host.0.set_clock(1_000_000).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NoFeature);
    assert!(refused.help.unwrap().contains("timedatectl"));
}

#[test]
fn a_hook_refuses_a_call_and_the_service_goes_on() {
    let manifest = "module = { name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\" }\n\
                    [exports]\nhalf = { params = [\"n: u32\"], results = [\"u32\"] }\n\
                    [hooks]\nhalf = { before = \"odd\" }\n[policy]\non_trap = \"safe\"\n";
    let wat = r#"(module
        (func (export "odd") (param i32) (result i32) (i32.and (local.get 0) (i32.const 1)))
        (func (export "half") (param i32) (result i32) (i32.shr_u (local.get 0) (i32.const 1))))"#;
    let (_device, mut host) = Device::running(&build(manifest, wat));
    let half = Export::name("half").unwrap();
    let Outcome::Trapped(trap) = host.0.call(&half, &[7]).unwrap() else { panic!("7 is odd") };
    assert_eq!((TrapCode::from_u8(trap.code), trap.detail), (Some(TrapCode::Refused), 1));
    assert_eq!(host.call("half", &[8]), [4]);
    assert_eq!(host.0.status().unwrap().traps, 0, "a refused call is no trap of the module");
    let (happened, _) = host.0.happenings(0).unwrap();
    assert!(happened.iter().any(|(_, event)| event.what == DeviceEventKind::Refused(trap)), "{happened:?}");
}

#[cfg(feature = "uptime")]
#[test]
fn the_uptime_is_that_of_the_clock() {
    let manifest = "module = { name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\" }\n\
                    [exports]\nuptime = { results = [\"u32\"] }\nnow = { results = [\"u64\"] }\n";
    let wat = r#"(module
        (import "time" "uptime_s" (func $uptime (result i32)))
        (import "time" "now_us" (func $now (result i64)))
        (export "uptime" (func $uptime))
        (export "now" (func $now)))"#;
    let (_device, mut host) = Device::running(&build(manifest, wat));
    let before = host.call("now", &[])[0] / 1_000_000;
    let uptime = host.call("uptime", &[])[0];
    let after = host.call("now", &[])[0] / 1_000_000;
    assert!((before..=after).contains(&uptime), "{before} {uptime} {after}");
}
