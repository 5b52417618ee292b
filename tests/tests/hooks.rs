//! Hooks of exports: they run around an export, refuse calls of hosts and of events, and cost nothing where
//! there are none.

use tiny_mapper::TrapCode;
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::manifest::Manifest;
use xmap_image::Image;
use xmap_link::{DeviceEventKind, Life};
use xmap_sim::{CallError, Sim, Value};

const HEAD: &str = r#"module = { name = "hall", board = "rpi4b", wasm = "hall.wasm" }
pins = { 17 = { name = "lamp", mode = "out", safe = "low" } }
"#;

/// `set` notes that it ran, `check` says no to levels above 3, `note` adds up results and arguments.
const MODULE: &str = r#"(module
    (import "gpio" "set" (func $gpio (param i32 i32)))
    (global $order (mut i32) (i32.const 0))
    (global $sum (mut i32) (i32.const 0))
    (func $step (param i32)
        (global.set $order (i32.add (i32.mul (global.get $order) (i32.const 10)) (local.get 0))))
    (func (export "check") (param i32 i32) (result i32)
        (call $step (i32.const 1))
        (select (i32.const 7) (i32.const 0) (i32.gt_u (local.get 1) (i32.const 3))))
    (func (export "watch") (param i32 i32) (call $step (i32.const 4)))
    (func (export "note") (param i64 i32 i32)
        (call $step (i32.const 3))
        (global.set $sum (i32.add (i32.wrap_i64 (local.get 0)) (i32.add (local.get 1) (local.get 2)))))
    (func (export "yes") (param i32 i32) (result i32) (i32.const 0))
    (func (export "none") (param i64 i32 i32))
    (func $set (export "set") (param i32 i32) (result i64)
        (call $step (i32.const 2))
        (call $gpio (i32.const 17) (i32.const 1))
        (i64.extend_i32_u (i32.mul (local.get 0) (local.get 1))))
    (func (export "twice") (param i32) (result i64)
        (i64.add (call $set (local.get 0) (i32.const 1)) (call $set (local.get 0) (i32.const 2))))
    (func (export "never") (result i32) (i32.const -5))
    (func (export "tick") (call $gpio (i32.const 17) (i32.const 1)))
    (func (export "order") (result i32) (global.get $order))
    (func (export "sum") (result i32) (global.get $sum))
    (export "lamp" (func $gpio)))"#;

const EXPORTS: &str = r#"[exports]
set = { params = ["a: u32", "b: u32"] }
twice = {}
order = {}
sum = {}
lamp = { params = ["line: u8", "high: bool"] }
"#;

fn build(manifest: &str) -> Result<Compiled, String> {
    let manifest = Manifest::parse("panel.toml", &format!("{HEAD}{manifest}")).map_err(|e| e.to_string())?;
    compile(&manifest, &wat::parse_str(MODULE).unwrap()).map_err(|errors| errors.to_string())
}

fn sim(manifest: &str) -> Sim {
    let built = build(manifest).unwrap_or_else(|errors| panic!("{errors}"));
    Sim::from_words(built.words).unwrap_or_else(|error| panic!("{error}"))
}

fn number(sim: &mut Sim, export: &str) -> i32 {
    match sim.call(export, &[]).unwrap_or_else(|error| panic!("{export}: {error}"))[..] {
        [Value::I32(number)] => number,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn hooks_run_around_their_export() {
    let mut sim = sim(&format!("{EXPORTS}[hooks]\nset = {{ before = \"check\", after = \"note\" }}\n"));
    assert_eq!(sim.call("set", &[5u32.into(), 3u32.into()]), Ok(vec![Value::I64(15)]));
    assert_eq!((number(&mut sim, "order"), number(&mut sim, "sum")), (123, 23));
    // The module's own calls of the function have no hooks.
    assert_eq!(sim.call("twice", &[Value::I32(2)]), Ok(vec![Value::I64(6)]));
    assert_eq!(number(&mut sim, "order"), 12322);
}

#[test]
fn a_hook_without_a_result_refuses_nothing() {
    let mut sim = sim(&format!("{EXPORTS}[hooks]\nset = {{ before = \"watch\" }}\n"));
    assert_eq!(sim.call("set", &[5u32.into(), 9u32.into()]), Ok(vec![Value::I64(45)]));
    assert_eq!(number(&mut sim, "order"), 42);
}

#[test]
fn a_refused_call_is_no_fault() {
    let manifest = format!(
        "{EXPORTS}[hooks]\nset = {{ before = \"check\", after = \"note\" }}\n[policy]\non_trap = \"safe\"\n"
    );
    let built = build(&manifest).unwrap();
    let mut sim = Sim::from_words(built.words.clone()).unwrap();
    // On trial, which a trap would end.
    sim.swap(&Image::verify(&built.words).unwrap()).unwrap();
    let Err(CallError::Trap(trap)) = sim.call("set", &[5u32.into(), 4u32.into()]) else { panic!() };
    assert_eq!((trap.code, trap.detail), (TrapCode::Refused, 7));
    let origin = built.map.find(trap.op, Some(trap.export)).unwrap();
    assert!(origin.message.unwrap().contains("check"), "{}", built.map.to_json());
    // Neither the export nor the hook behind it has run, and the module takes calls.
    assert_eq!((number(&mut sim, "order"), number(&mut sim, "sum")), (1, 0));
    assert_eq!(sim.device().life(0), Life::Running);
    let happened = sim.happened();
    assert!(happened.iter().all(|event| !matches!(
        event.what,
        DeviceEventKind::Trapped(_) | DeviceEventKind::RolledBack(_) | DeviceEventKind::MadeSafe
    )));
    assert!(matches!(happened.last().unwrap().what, DeviceEventKind::Refused(report) if report.detail == 7));
    assert_eq!(sim.device().calls().1, 0, "it is no trap of the module");
}

#[test]
fn a_handler_that_is_refused_does_not_run() {
    let mut sim = sim(
        "[exports]\ntick = { on = { every = \"10ms\" } }\n[hooks]\ntick = { before = \"never\" }\n[policy]\non_trap = \"safe\"\n",
    );
    sim.advance(55_000);
    let lamp = sim.line("lamp").unwrap();
    assert!(!sim.level(lamp));
    let happened = sim.happened();
    let reasons = happened.iter().filter_map(|event| match event.what {
        DeviceEventKind::Refused(report) => Some(report.detail as i32),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), [-5; 5]);
    assert_eq!(sim.device().life(0), Life::Running);
}

#[test]
fn what_folds_away_costs_nothing() {
    let words = |hooks: &str| build(&format!("{EXPORTS}{hooks}")).unwrap().words;
    let without = words("");
    assert_eq!(words("[hooks]\n"), without);
    assert_eq!(words("[hooks]\nset = {}\n"), without);
    assert_eq!(words("[hooks]\nset = { before = \"yes\", after = \"none\" }\n"), without);
    // A direct entry stays one.
    let built = build(
        "[exports]\nlamp = { params = [\"line: u8\", \"high: bool\"] }\n[hooks]\nlamp = { before = \"yes\" }\n",
    );
    let words = built.unwrap().words;
    let image = Image::verify(&words).unwrap();
    assert!(image.code().is_empty());
}

#[test]
fn hooks_alone_are_no_exports() {
    let built = build("[hooks]\nset = { before = \"check\", after = \"note\" }\n").unwrap();
    let names = built.contract.exports.iter().map(|export| export.name.as_str()).collect::<Vec<_>>();
    assert!(names.contains(&"set") && !names.contains(&"check") && !names.contains(&"note"), "{names:?}");
}

#[test]
fn what_does_not_fit_says_so() {
    for (hooks, expected) in [
        ("set = { before = \"chek\" }", "error[X0203]"),
        ("sett = { before = \"check\" }", "error[X0203]"),
        (
            "set = { before = \"never\" }",
            "never: expected (i32, i32) -> (i32) or (i32, i32) -> (), found () -> (i32)",
        ),
        ("set = { after = \"watch\" }", "watch: expected (i64, i32, i32) -> (), found (i32, i32) -> ()"),
        ("tick = { before = \"never\" }", "error[X0208]: tick has hooks, and is not mapped"),
        ("set = { befor = \"check\" }", "did you mean `before`?"),
        ("set = \"check\"", "expected a table"),
        ("set = { before = 1 }", "expected a string"),
    ] {
        let errors = build(&format!("{EXPORTS}[hooks]\n{hooks}\n")).unwrap_err();
        assert!(errors.contains(expected), "{hooks}: {errors}");
    }
}

/// Everything of a hook is code of its image: 10,000 times loaded and unloaded, nothing of it is left.
#[test]
fn ten_thousand_loads_leave_nothing() {
    let manifest = "[exports]\ntick = { on = { every = \"10ms\" } }\nset = {}\n\
                    [hooks]\ntick = { before = \"never\" }\nset = { before = \"check\", after = \"note\" }\n";
    let words = build(manifest).unwrap().words;
    let image = Image::verify(&words).unwrap();
    let mut sim = Sim::from_words(words.clone()).unwrap();
    let resident = || -> usize {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default()
    };
    let mut before = 0;
    for round in 0..10_000 {
        sim.call("set", &[Value::I32(1), Value::I32(1)]).unwrap();
        sim.device().unload(0).unwrap();
        assert!(!sim.is_mounted());
        assert_eq!(sim.device().next_wake_us(), u64::MAX, "no handler waits");
        sim.install(0, &image).unwrap();
        sim.board_mut().forget();
        if round == 1000 {
            before = resident();
        }
    }
    // A leak of one word a round would be 18 pages.
    assert!(resident() <= before + 16, "{before} pages, then {}", resident());
}
