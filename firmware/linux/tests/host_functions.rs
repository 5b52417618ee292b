//! Host functions beyond lines, clock and messages, on the service.
//!
//! With `--features uptime` that is also the function of ARCHITECTURE.md's example.

mod common;

use std::time::UNIX_EPOCH;

use common::{Device, build};
use xmap_client::ErrorCode;

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
    let mut device = Device::new(&build(manifest, wat));
    device.start();
    let mut host = device.host();
    let mut words: Vec<u64> = (0..4).flat_map(|_| host.call("word", &[])).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 4);
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
    let mut device = Device::new(&build(manifest, wat));
    device.start();
    let mut host = device.host();
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
    let mut device = Device::new(&build(manifest, wat));
    device.start();
    let mut host = device.host();
    let before = host.call("now", &[])[0] / 1_000_000;
    let uptime = host.call("uptime", &[])[0];
    let after = host.call("now", &[])[0] / 1_000_000;
    assert!((before..=after).contains(&uptime), "{before} {uptime} {after}");
}
