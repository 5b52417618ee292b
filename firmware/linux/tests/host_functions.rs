//! Host functions beyond lines, clock and messages, on the service.
//!
//! With `--features uptime` that is also the function of ARCHITECTURE.md's example.

mod common;

use common::{Device, build};

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
