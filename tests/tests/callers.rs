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
