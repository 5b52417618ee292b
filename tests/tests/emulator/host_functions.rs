//! Host functions beyond lines, clock and messages, on the flashed program.
//!
//! With the features `uptime` of this package and of `xtask` that is also the function of ARCHITECTURE.md's
//! example.

use std::io::Write as _;

use tempfile::NamedTempFile;
use tiny_mapper::TrapCode;
use xmap_abi::HostFunction;
use xmap_boards::RPI4B;
use xmap_client::{Client, Outcome, PortName, run_call};
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_link::Export;
use xmap_tools::emulator::Machine;

use crate::board::{bytes, flashed, patient};

const RANDOM: &str = r#"(module
    (import "random" "get" (func $get (param i32 i32)))
    (memory 1)
    (func (export "word") (result i64)
        (call $get (i32.const 8) (i32.const 8))
        (i64.load (i32.const 8))))"#;

/// The panel's file, compiled from its text.
fn panel(text: &str) -> NamedTempFile {
    let manifest = Manifest::bare(&RPI4B, "panel.wasm".as_ref());
    let compiled = compile(&manifest, &wat::parse_str(text).unwrap()).unwrap_or_else(|e| panic!("{e}"));
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&bytes(&compiled.words)).unwrap();
    file
}

/// Calls an export without arguments some times on a board that has or has not a seed.
fn outcomes(text: &str, export: &str, seeded: bool, calls: usize) -> Vec<Outcome> {
    let panel = panel(text);
    let machine = Machine { panel: Some(panel.path()), seeded, ..Machine::new(flashed()) };
    let emulator = machine.start().unwrap_or_else(|error| panic!("{error:#}"));
    let port = PortName::Tcp { host: "127.0.0.1".into(), port: emulator.listen().unwrap() };
    let mut client = Client::connect(&port, &patient()).unwrap_or_else(|error| panic!("{error}"));
    let export = Export::name(export).unwrap();
    (0..calls).map(|_| client.call(&export, &[]).unwrap_or_else(|error| panic!("{error}"))).collect()
}

#[test]
fn random_numbers_come_from_the_seed_of_the_start() {
    let outcomes = outcomes(RANDOM, "word", true, 3);
    let mut words: Vec<u64> = Vec::new();
    for outcome in outcomes {
        let Outcome::Returned(word) = outcome else { panic!("{outcome:?}") };
        words.extend(word);
    }
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 3);
}

#[test]
fn text_of_a_host_lands_in_the_module() {
    const MANIFEST: &str = "module = { name = \"echo\", board = \"rpi4b\", wasm = \"echo.wasm\" }\n\
                            exports = { echo = { params = [\"text: str\"], results = [\"str\"] } }\n";
    const ECHO: &str = r#"(module (memory 1)
        (func (export "on_arguments") (param i32) (result i32) (i32.const 1024))
        (func (export "echo") (param i32 i32) (result i32 i32) (local.get 0) (local.get 1)))"#;
    let manifest = Manifest::parse("panel.toml", MANIFEST).unwrap_or_else(|e| panic!("{e}"));
    let compiled = compile(&manifest, &wat::parse_str(ECHO).unwrap()).unwrap_or_else(|e| panic!("{e}"));
    let mut panel = NamedTempFile::new().unwrap();
    panel.write_all(&bytes(&compiled.words)).unwrap();
    let machine = Machine { panel: Some(panel.path()), ..Machine::new(flashed()) };
    let emulator = machine.start().unwrap_or_else(|error| panic!("{error:#}"));
    let port = PortName::Tcp { host: "127.0.0.1".into(), port: emulator.listen().unwrap() };
    let mut client = Client::connect(&port, &patient()).unwrap_or_else(|error| panic!("{error}"));
    let called = run_call(&mut client, "echo", &["gr\u{fc}n".into()]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(called.to_string(), "echo -> \"gr\u{fc}n\"");
}

#[test]
fn the_time_is_not_known_until_a_host_sets_it() {
    const CLOCK: &str = r#"(module
        (import "time" "unix_us" (func $unix (result i64)))
        (import "time" "local_minute" (func $minute (result i32)))
        (export "unix" (func $unix))
        (export "minute" (func $minute)))"#;
    /// 28 November 2026, 06:30 UTC.
    const SET_US: i64 = 1_795_847_400_000_000;
    let panel = panel(CLOCK);
    let machine = Machine { panel: Some(panel.path()), ..Machine::new(flashed()) };
    let emulator = machine.start().unwrap_or_else(|error| panic!("{error:#}"));
    let port = PortName::Tcp { host: "127.0.0.1".into(), port: emulator.listen().unwrap() };
    let mut client = Client::connect(&port, &patient()).unwrap_or_else(|error| panic!("{error}"));
    let call = |client: &mut Client, name: &str| {
        let outcome = client.call(&Export::name(name).unwrap(), &[]).unwrap();
        let Outcome::Returned(results) = outcome else { panic!("{outcome:?}") };
        results[0]
    };
    assert_eq!((call(&mut client, "unix") as i64, call(&mut client, "minute") as u32), (-1, u32::MAX));
    assert!(client.clock().unwrap().unwrap().unix_us < 0);
    assert!(client.set_clock(SET_US).unwrap().unix_us >= SET_US);
    let unix = call(&mut client, "unix") as i64;
    assert!((SET_US..SET_US + 60_000_000).contains(&unix), "{unix}");
    assert!([390, 391].contains(&call(&mut client, "minute")));
    assert!(call(&mut client, "unix") as i64 > unix, "it goes on");
    // What it was called for is counted, with times of its own clock.
    let metrics = client.metrics().unwrap();
    let row = |name: &str| {
        let row = metrics.exports.iter().find(|(key, _)| key.ends_with(name));
        row.unwrap_or_else(|| panic!("{name}: {metrics:?}")).1
    };
    let (unix, minute) = (row("unix"), row("minute"));
    assert_eq!((unix.calls, minute.calls, unix.traps), (3, 2, 0));
    assert_eq!(unix.times.iter().sum::<u32>(), 3);
    assert!(unix.time_us < 1_000_000, "{unix:?}");
}

#[test]
fn without_a_seed_there_are_none() {
    let outcomes = outcomes(RANDOM, "word", false, 1);
    let [Outcome::Trapped(trap)] = &outcomes[..] else { panic!("{outcomes:?}") };
    let expected = (TrapCode::Unavailable as u8, HostFunction::RandomGet as u32);
    assert_eq!((trap.code, trap.detail), expected);
}

#[test]
fn a_trap_has_the_calls_that_led_to_it() {
    let text = r#"(module
        (func $down (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
                (else (unreachable))))
        (func (export "five") (result i32) (call $down (i32.const 5))))"#;
    let panel = panel(text);
    let machine = Machine { panel: Some(panel.path()), ..Machine::new(flashed()) };
    let emulator = machine.start().unwrap_or_else(|error| panic!("{error:#}"));
    let port = PortName::Tcp { host: "127.0.0.1".into(), port: emulator.listen().unwrap() };
    let mut client = Client::connect(&port, &patient()).unwrap_or_else(|error| panic!("{error}"));
    let outcome = client.call(&Export::name("five").unwrap(), &[]).unwrap();
    let Outcome::Trapped(trap) = outcome else { panic!("{outcome:?}") };
    // As the simulator has it.
    let bytes = std::fs::read(panel.path()).unwrap();
    let mut sim = xmap_sim::Sim::load(&bytes).unwrap();
    let Err(xmap_sim::CallError::Trap(same)) = sim.call("five", &[]) else { panic!("it traps") };
    assert_eq!(client.callers(0, &trap).unwrap(), sim.callers(&same));
    assert!(sim.callers(&same).len() >= 3);
}

#[test]
fn a_call_that_the_module_refuses_has_its_reason() {
    let text = r#"(module
        (import "call" "refuse" (func $refuse (param i32)))
        (func (export "no") (call $refuse (i32.const -3))))"#;
    let outcomes = outcomes(text, "no", true, 2);
    let [Outcome::Trapped(trap), Outcome::Trapped(again)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((trap.code, trap.detail as i32), (TrapCode::Refused as u8, -3));
    assert_eq!(trap, again, "the panel goes on");
}

#[cfg(feature = "uptime")]
#[test]
fn the_uptime_is_that_of_the_clock() {
    let text = r#"(module
        (import "time" "uptime_s" (func $uptime (result i32)))
        (import "time" "delay_us" (func $delay (param i32)))
        (func (export "wait") (result i32) (local $before i32)
            (local.set $before (call $uptime))
            (call $delay (i32.const 1000000))
            (i32.sub (call $uptime) (local.get $before))))"#;
    assert_eq!(outcomes(text, "wait", true, 1), [Outcome::Returned(vec![1])]);
}
