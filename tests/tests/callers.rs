//! The call stack of a trap: by which calls a module came to it, from the links that stand on the stack.

use tiny_mapper::Trap;
use xmap_boards::RPI4B;
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::manifest::Manifest;
use xmap_sim::{CallError, Sim, Value};

/// `down` calls itself `n` times and divides by zero then; `table` comes to it through a table. Each calls
/// `noise` before, whose links stay on the stack behind it.
const MODULE: &str = r#"(module
    (import "gpio" "get" (func $get (param i32) (result i32)))
    (table 1 1 funcref)
    (elem (i32.const 0) $down)
    (func $noise (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (i32.add (call $get (i32.const 4)) (call $noise (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.const 0))))
    (func $down (param i32) (result i32)
        (drop (call $noise (i32.const 3)))
        (drop (call $get (i32.const 4)))
        (drop (call $get (i32.const 5)))
        (drop (call $get (i32.const 6)))
        (drop (call $get (i32.const 7)))
        (drop (call $get (i32.const 8)))
        (drop (call $get (i32.const 9)))
        (drop (call $get (i32.const 10)))
        (drop (call $get (i32.const 11)))
        (drop (call $get (i32.const 12)))
        (drop (call $get (i32.const 13)))
        (if (result i32) (local.get 0)
            (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
            (else (i32.div_u (i32.const 1) (local.get 0)))))
    (func $here (export "here") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func $direct (export "direct") (param i32) (result i32)
        (drop (call $noise (i32.const 5)))
        (i32.add (call $down (local.get 0)) (i32.const 1)))
    (func $table (export "table") (param i32) (result i32)
        (drop (call $noise (i32.const 5)))
        (i32.add (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)) (i32.const 2))))"#;

fn built() -> Compiled {
    let manifest = Manifest::bare(&RPI4B, "down.wasm".as_ref());
    compile(&manifest, &wat::parse_str(MODULE).unwrap()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Calls an export, which traps; returns the functions of its call stack, the innermost first.
fn stack(sim: &mut Sim, built: &Compiled, export: &str, arg: i32) -> Vec<String> {
    let Err(CallError::Trap(trap)) = sim.call(export, &[Value::I32(arg)]) else { panic!("{export}") };
    let name = |op: u32| built.map.find(op, Some(trap.export)).unwrap().function;
    std::iter::once(name(trap.op)).chain(sim.callers(&trap).iter().map(|op| name(*op))).collect()
}

#[test]
fn a_trap_has_the_calls_that_led_to_it() {
    let built = built();
    let mut sim = Sim::from_words(built.words.clone()).unwrap();
    for export in ["direct", "table"] {
        // Deep ones first, so that links of theirs are left on the stack.
        for depth in [9, 2, 0, 1, 5] {
            let stack = stack(&mut sim, &built, export, depth);
            let (outermost, inner) = stack.split_last().unwrap();
            assert!(outermost.contains(export), "{stack:?}");
            assert!(inner.iter().all(|name| name.contains("down")), "{stack:?}");
            assert_eq!(inner.len(), depth as usize + 1, "{export}, {depth}: {stack:?}");
        }
    }
    assert_eq!(stack(&mut sim, &built, "here", 0).len(), 1, "no call led there");
}

#[test]
fn a_long_one_is_cut_and_says_so() {
    let built = built();
    let mut sim = Sim::from_words(built.words.clone()).unwrap();
    assert_eq!(stack(&mut sim, &built, "direct", 20).len(), 17);
    assert!(sim.device().callers(0).unwrap().more);
}

#[test]
fn a_trap_before_the_first_op_leaves_the_one_before() {
    let built = built();
    let mut sim = Sim::from_words(built.words.clone()).unwrap();
    stack(&mut sim, &built, "direct", 1);
    let before = sim.device().callers(0).unwrap().clone();
    assert!(sim.call("direct", &[Value::I64(1)]).is_err());
    assert_eq!(sim.device().callers(0), Some(&before));
    let other = Trap {
        op: 0,
        ..match sim.call("here", &[Value::I32(0)]) {
            Err(CallError::Trap(trap)) => trap,
            other => panic!("{other:?}"),
        }
    };
    assert!(sim.callers(&other).is_empty(), "the stack of one trap is none of another");
}

/// Panics of Rust and assertions of C, as compilers call them: with constants for text and place.
const PANICS: &str = r#"(module
    (import "gpio" "get" (func $get (param i32) (result i32)))
    (memory 1)
    (data (i32.const 16) "p.rs\00no lamp\00n < 3\00")
    (data (i32.const 64) "\10\00\00\00\04\00\00\00\09\00\00\00\3d\00\00\00")
    (func $_RNvNtCsgXGp5Oqx2Ny_4core9panicking9panic_fmt (param i32 i32 i32) (drop (call $get (i32.const 4))) unreachable)
    (func $core::option::expect_failed::h0123456789abcdef (param i32 i32 i32)
        (call $_RNvNtCsgXGp5Oqx2Ny_4core9panicking9panic_fmt (local.get 0) (local.get 1) (local.get 2)))
    (func $_ZN4core9panicking18panic_bounds_check17h0123456789abcdefE (param i32 i32 i32)
        (call $_RNvNtCsgXGp5Oqx2Ny_4core9panicking9panic_fmt (i32.const 0) (i32.const 0) (local.get 2)))
    (func $_RNvNtCsgXGp5Oqx2Ny_4core6option13unwrap_failed (param i32)
        (call $_RNvNtCsgXGp5Oqx2Ny_4core9panicking9panic_fmt (i32.const 0) (i32.const 0) (local.get 0)))
    (func $__assert_fail (param i32 i32 i32 i32) (drop (call $get (i32.const 4))) unreachable)
    (func $core::panicking::panic (param i32) unreachable)
    (func (export "expect") (call $core::option::expect_failed::h0123456789abcdef (i32.const 21) (i32.const 7) (i32.const 64)))
    (func (export "index") (param i32)
        (call $_ZN4core9panicking18panic_bounds_check17h0123456789abcdefE (local.get 0) (i32.const 4) (i32.const 64)))
    (func (export "unwrap") (call $_RNvNtCsgXGp5Oqx2Ny_4core6option13unwrap_failed (i32.const 64)))
    (func (export "panic")
        (call $_RNvNtCsgXGp5Oqx2Ny_4core9panicking9panic_fmt (i32.const 21) (i32.const 15) (i32.const 64)))
    (func (export "formatted") (param i32)
        (call $_RNvNtCsgXGp5Oqx2Ny_4core9panicking9panic_fmt (i32.const 21) (local.get 0) (i32.const 64)))
    (func (export "assert") (call $__assert_fail (i32.const 29) (i32.const 16) (i32.const 12) (i32.const 16)))
    (func (export "nowhere") (call $core::panicking::panic (i32.const 16))))"#;

#[test]
fn a_panic_says_what_it_says() {
    says(PANICS);
}

/// Optimisers leave zeros at the end of a segment out.
#[test]
fn a_panic_says_it_where_memory_has_zeros_that_no_segment_has() {
    let packed = PANICS.replace("n < 3\\00\")", "n < 3\")").replace("\\3d\\00\\00\\00\")", "\\3d\")");
    assert_eq!(packed.len() + 4 * 3, PANICS.len());
    says(&packed);
}

fn says(module: &str) {
    let manifest = Manifest::bare(&RPI4B, "p.wasm".as_ref());
    let built = compile(&manifest, &wat::parse_str(module).unwrap()).unwrap_or_else(|e| panic!("{e}"));
    let mut sim = Sim::from_words(built.words.clone()).unwrap();
    let mut said = |export: &str, args: &[Value]| {
        let Err(CallError::Trap(trap)) = sim.call(export, args) else { panic!("{export}") };
        let ops: Vec<u32> = std::iter::once(trap.op).chain(sim.callers(&trap).iter().copied()).collect();
        ops.into_iter().find_map(|op| built.map.find(op, Some(trap.export)).unwrap().message)
    };
    for (export, args, expected) in [
        ("expect", &[][..], Some("no lamp in p.rs:9:61")),
        ("index", &[Value::I32(9)], Some("index out of bounds in p.rs:9:61")),
        ("unwrap", &[], Some("called `Option::unwrap()` on a `None` value in p.rs:9:61")),
        ("panic", &[], Some("no lamp in p.rs:9:61")),
        ("formatted", &[Value::I32(1)], Some("a panic in p.rs:9:61")),
        ("assert", &[], Some("assertion failed: n < 3 in p.rs:12")),
        ("nowhere", &[], None),
    ] {
        assert_eq!(said(export, args).as_deref(), expected, "{export}");
    }
}
