//! The example of ARCHITECTURE.md, *How to add a host function*: `time.uptime_s` is a row of the table, a
//! method of the clock with a default for all boards, and a line of the mapper's dispatch; all else is
//! derived. `cargo test -p xmap-tests --features uptime --test uptime`

#![cfg(feature = "uptime")]

use xmap_boards::RPI4B;
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_image::{Image, Op, decode};
use xmap_sim::{Sim, Value};
use xmap_trust::{OpClass, class_of};

const MODULE: &str = r#"(module
    (import "time" "uptime_s" (func $uptime (result i32)))
    (export "uptime" (func $uptime))
    (func (export "twice") (result i32) (i32.add (call $uptime) (call $uptime))))"#;

fn words() -> Vec<u32> {
    let manifest = Manifest::bare(&RPI4B, "uptime.wasm".as_ref());
    compile(&manifest, &wat::parse_str(MODULE).unwrap()).unwrap_or_else(|errors| panic!("{errors}")).words
}

#[test]
fn the_simulator_has_it() {
    let mut sim = Sim::from_words(words()).unwrap();
    assert_eq!(sim.call("uptime", &[]), Ok(vec![Value::I32(0)]));
    sim.advance(7_999_999);
    assert_eq!(sim.call("uptime", &[]), Ok(vec![Value::I32(7)]));
    sim.advance(1);
    assert_eq!(sim.call("twice", &[]), Ok(vec![Value::I32(16)]));
}

#[test]
fn its_class_is_that_of_the_row() {
    let words = words();
    let image = Image::verify(&words).unwrap();
    let calls = decode(image.code()).filter(|(_, op, _)| *op == Op::HostCall);
    let classes: Vec<_> = calls.map(|(_, op, words)| class_of(op, words[0])).collect();
    assert_eq!(classes, [Some(OpClass::TimeNow); 2]);
}
