//! `random.get` from a module to the board: the simulator's numbers are those of the seed, and those that the
//! oracle has from the documents; a forwarder is a direct entry.

use xmap_abi::HostFunction;
use xmap_boards::RPI4B;
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::manifest::Manifest;
use xmap_image::{Image, Op};
use xmap_sim::{Sim, Value};

const MODULE: &str = r#"(module
    (import "random" "get" (func $get (param i32 i32)))
    (memory (export "memory") 1)
    (export "fill" (func $get))
    (func (export "word") (result i64)
        (call $get (i32.const 8) (i32.const 8))
        (i64.load (i32.const 8)))
    ;; What lives on over the call, and arguments that only the call knows.
    (func (export "sum") (param $at i32) (param $len i32) (result i32) (local $sum i32)
        (local.set $sum (i32.mul (local.get $at) (i32.const 1000)))
        (call $get (local.get $at) (local.get $len))
        (i32.add (local.get $sum) (local.get $len))))"#;

fn compiled(text: &str) -> Result<Compiled, String> {
    let wasm = wat::parse_str(text).unwrap();
    let manifest = Manifest::bare(&RPI4B, "random.wasm".as_ref());
    compile(&manifest, &wasm).map_err(|errors| errors.to_string())
}

fn sim(seed: u64) -> Sim {
    let mut sim = Sim::from_words(compiled(MODULE).unwrap().words).unwrap();
    sim.board_mut().seed(seed);
    sim
}

#[test]
fn numbers_are_those_of_the_seed() {
    // SplitMix64 from state 0, as its authors give it.
    let known = [0xe220_a839_7b1d_cdafu64, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
    let known = known.map(|word| vec![Value::I64(word as i64)]);
    let mut first = sim(0);
    for word in &known {
        assert_eq!(first.call("word", &[]).as_ref(), Ok(word));
    }
    assert_eq!(sim(0).call("word", &[]).as_ref(), Ok(&known[0]));
    assert_ne!(sim(1).call("word", &[]).as_ref(), Ok(&known[0]));
}

#[test]
fn arguments_are_where_the_call_has_them() {
    let mut sim = sim(0);
    assert_eq!(sim.call("sum", &[16.into(), 4.into()]), Ok(vec![Value::I32(16_004)]));
    assert!(sim.call("sum", &[65_536.into(), 0.into()]).is_ok());
    assert!(sim.call("sum", &[65_536.into(), 1.into()]).is_err());
}

#[test]
fn a_forwarder_is_a_direct_entry() {
    let words = compiled(MODULE).unwrap().words;
    let image = Image::verify(&words).unwrap();
    let direct: Vec<_> = image.exports().iter().filter(|row| row.is_direct()).map(|row| row.first).collect();
    assert_eq!(direct, [Op::HostCall.abc(0, HostFunction::RandomGet as u8, 0)]);
}

#[test]
fn a_constant_range_outside_the_memory_is_found() {
    let text = r#"(module (import "random" "get" (func $get (param i32 i32))) (memory 1)
        (func (export "f") (call $get (i32.const 65530) (i32.const 7))))"#;
    let error = compiled(text).unwrap_err();
    assert!(error.contains("random.get fills 0xfffa to 0x10001"), "{error}");
}
