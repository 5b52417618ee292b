//! Spans of modules, and what a device notes by itself: on the simulator.

use std::fs;

use xmap_client::Noted;
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::manifest::Manifest;
use xmap_image::Image;
use xmap_link::RingPage;
use xmap_link::ring::{Misuse, ModuleEvent, RingEvent, RingText, RingValue};
use xmap_sim::{Script, Sim, Value};
use xmap_tests::{Panel, simulated};

const HEAD: &str = r#"module = { name = "hall", board = "rpi4b", wasm = "hall.wasm" }
pins = { 17 = { name = "light", mode = "out", safe = "low" } }
"#;

/// Imports of `trace`, and `gpio.set`; a memory with texts.
const IMPORTS: &str = r#"
    (import "trace" "start_span" (func $start (param i32 i32) (result i32)))
    (import "trace" "end_span" (func $end (param i32)))
    (import "trace" "set_attr_i64" (func $i64 (param i32 i32 i32 i64)))
    (import "trace" "set_attr_f64" (func $f64 (param i32 i32 i32 f64)))
    (import "trace" "set_attr_str" (func $str (param i32 i32 i32 i32 i32)))
    (import "gpio" "set" (func $gpio (param i32 i32)))
    (memory 1)
    (data (i32.const 64) "pumplevelwater\ff\fe\fd\fc")
    (data (i32.const 132) "\08\00\00\00p\00u\00m\00p")
"#;

fn build(head: &str, body: &str) -> Compiled {
    let manifest = Manifest::parse("panel.toml", &format!("{head}{HEAD}")).unwrap();
    compile(&manifest, &wat::parse_str(format!("(module {IMPORTS} {body})")).unwrap())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn sim(built: &Compiled) -> Sim {
    Sim::from_words(built.words.clone()).unwrap_or_else(|error| panic!("{error}"))
}

/// Reads what was noted since it was read last.
fn noted(sim: &mut Sim, since: &mut Noted) -> Noted {
    while since.take(sim.device().ring(since.next()).expect("the simulator notes")) {}
    since.split()
}

fn texts(noted: &Noted, built: &Compiled) -> Vec<String> {
    let text = |text: RingText<'_>| match text {
        RingText::Number(number) => built.map.texts[usize::from(number)].clone(),
        RingText::Bytes(bytes, cut) => {
            format!("'{}'{}", String::from_utf8_lossy(bytes), if cut { ".." } else { "" })
        }
    };
    let shown = |event: RingEvent<'_>| match event {
        RingEvent::Call { export } => format!("call {}", built.map.exports[usize::from(export)]),
        RingEvent::Span(name) => format!("span {}", text(name)),
        RingEvent::Attribute { place, key, value } => {
            let value = match value {
                RingValue::I64(value) => value.to_string(),
                RingValue::F64(value) => format!("{value:?}"),
                RingValue::Text(value) => text(value),
            };
            format!("{place} {} = {value}", text(key))
        }
        RingEvent::Misuse { how, count } => format!("{} {count}", how.name()),
        RingEvent::Trapped { code, .. } => format!("trapped {code}"),
        other => format!("{other:?}"),
    };
    noted.events().map(|(_, _, event)| shown(event)).collect()
}

/// Calls `run` of a module with this body, and returns what it came to.
fn run(body: &str) -> Vec<String> {
    let built = build("", &format!(r#"(func (export "run") {body})"#));
    let (mut sim, mut since) = (sim(&built), Noted::new());
    _ = noted(&mut sim, &mut since);
    _ = sim.call("run", &[]);
    texts(&noted(&mut sim, &mut since), &built)
}

const PUMP: &str = "(call $start (i32.const 64) (i32.const 4))";

#[test]
fn spans_and_their_values_are_noted() {
    let body = format!(
        "(local $s i32) (local.set $s {PUMP})
         (call $i64 (local.get $s) (i32.const 68) (i32.const 5) (i64.const -3))
         (call $f64 (local.get $s) (i32.const 68) (i32.const 5) (f64.const 0.5))
         (call $str (local.get $s) (i32.const 68) (i32.const 5) (i32.const 73) (i32.const 5))
         (call $end (call $start (i32.const 136) (i32.const -2)))
         (call $end (local.get $s))"
    );
    let expected = [
        "call default.run",
        "span pump",
        "0 level = -3",
        "0 level = 0.5",
        "0 level = water",
        "span pump",
        "SpanEnd",
        "SpanEnd",
        "Returned",
    ];
    assert_eq!(run(&body), expected);
}

#[test]
fn wrong_uses_are_events_and_never_traps() {
    let twice =
        format!("(local $s i32) (local.set $s {PUMP}) (call $end (local.get $s)) (call $end (local.get $s))");
    let [first, last] = ["call default.run", "Returned"];
    assert_eq!(run(&twice), [first, "span pump", "SpanEnd", "span_not_open 0", last]);
    let order = format!(
        "(local $s i32) (local.set $s {PUMP}) (drop {PUMP}) (call $end (local.get $s))
         (call $i64 (local.get $s) (i32.const 68) (i32.const 5) (i64.const 1))"
    );
    let expected = [
        first,
        "span pump",
        "span pump",
        "span_ended_in_wrong_order 1",
        "SpanEnd",
        "attribute_of_no_span 0",
        last,
    ];
    assert_eq!(run(&order), expected);
    assert_eq!(run(&format!("(drop {PUMP})")), [first, "span pump", "span_never_ended 1", last]);
    let traps = format!("(drop {PUMP}) (drop {PUMP}) unreachable");
    assert_eq!(run(&traps)[..3], [first, "span pump", "span pump"]);
    assert!(run(&traps)[3].starts_with("trapped "));
    let deep = format!(
        "(local $n i32) (loop (drop {PUMP}) (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $n) (i32.const 18))))"
    );
    let deep = run(&deep);
    assert_eq!(
        deep[17..],
        ["span_too_deep 16", "span_too_deep 16", "span_never_ended 16", "Returned"],
        "{deep:?}"
    );
}

#[test]
fn texts_that_only_a_call_knows_travel_and_are_cut() {
    let built = build(
        "",
        r#"(func (export "run") (param i32 i32) (call $end (call $start (local.get 0) (local.get 1))))"#,
    );
    let (mut sim, mut since) = (sim(&built), Noted::new());
    for (from, len, span) in
        [(64_u32, 4_u32, "span 'pump'"), (78, 4, "span '\u{fffd}\u{fffd}\u{fffd}\u{fffd}'")]
    {
        _ = noted(&mut sim, &mut since);
        sim.call("run", &[Value::I32(from as i32), Value::I32(len as i32)]).unwrap();
        assert_eq!(texts(&noted(&mut sim, &mut since), &built)[1], span);
    }
    sim.call("run", &[Value::I32(64), Value::I32(200)]).unwrap();
    let long = &texts(&noted(&mut sim, &mut since), &built)[1];
    assert!(long.starts_with("span 'pumplevelwater") && long.ends_with("'.."), "{long}");
    // A text as AssemblyScript has it.
    sim.call("run", &[Value::I32(136), Value::I32(-2)]).unwrap();
    assert_eq!(texts(&noted(&mut sim, &mut since), &built)[1], "span 'pump'");
    // Outside the memory is a trap, as for any other function.
    for (from, len) in [(65_536, 1), (65_000, 10_000), (2, -2)] {
        assert!(sim.call("run", &[Value::I32(from), Value::I32(len)]).is_err(), "{from} {len}");
    }
}

fn has(words: &[u32], text: &str) -> bool {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_constant_text_is_in_the_map_and_not_in_the_image() {
    let span = format!("(call $end {PUMP})");
    // Loads from known places read nothing of it.
    let loads = "(drop (i32.load (i32.const 200)))";
    let built = build("", &format!(r#"(func (export "run") {span} {loads})"#));
    assert_eq!(built.map.texts, ["pump"]);
    assert!(!has(&built.words, "pump") && has(&built.words, "levelwater"));
    // What may be read is there: by a load of the place, by a load that only a call knows.
    for (load, is_there) in [
        ("(i32.load8_u (i32.const 66))", true),
        ("(i32.load8_u (local.get 0))", true),
        ("(i32.load offset=4 (i32.const 200))", false),
    ] {
        let built = build("", &format!(r#"(func (export "run") (param i32) (result i32) {span} {load})"#));
        assert_eq!((built.map.texts.len(), has(&built.words, "mp")), (1, is_there), "{load}");
        let mut sim = sim(&built);
        let read = sim.call("run", &[Value::I32(66)]).unwrap();
        assert_eq!(read, [Value::I32(if is_there { i32::from(b'm') } else { 0 })], "{load}");
    }
    // What the module writes is no constant.
    let written = format!(r#"(func (export "run") (i32.store8 (i32.const 65) (i32.const 101)) {span})"#);
    let built = build("", &written);
    assert_eq!(built.map.texts, Vec::<String>::new());
    let (mut sim, mut since) = (sim(&built), Noted::new());
    sim.call("run", &[]).unwrap();
    assert!(texts(&noted(&mut sim, &mut since), &built).contains(&"span 'pemp'".to_string()));
}

#[test]
fn a_constant_that_is_no_text_is_warned_of() {
    let built = build("", r#"(func (export "run") (call $end (call $start (i32.const 78) (i32.const 4))))"#);
    let warning = built.warnings.iter().find(|warning| warning.code.number() == 514).expect("a warning");
    assert_eq!(warning.message, "trace.start_span: these 4 bytes are no UTF-8");
    assert_eq!(built.map.texts, Vec::<String>::new());
}

#[test]
fn a_panel_that_is_not_to_be_traced_costs_nothing_and_notes_nothing() {
    let body =
        format!(r#"(func (export "run") (call $end {PUMP}) (call $gpio (i32.const 17) (i32.const 1)))"#);
    let plain = r#"(func (export "run") (call $gpio (i32.const 17) (i32.const 1)))"#;
    let [untraced, plain] = [build("trace = false\n", &body), build("trace = false\n", plain)];
    let image = Image::verify(&untraced.words).unwrap();
    assert!(image.is_untraced() && image.code() == Image::verify(&plain.words).unwrap().code());
    assert_eq!(untraced.map.texts, Vec::<String>::new());
    let (mut sim, mut since) = (sim(&untraced), Noted::new());
    sim.call("run", &[]).unwrap();
    assert_eq!(texts(&noted(&mut sim, &mut since), &untraced), Vec::<String>::new());
}

#[test]
fn swaps_and_safe_states_are_noted() {
    let manifest = "policy = { on_trap = \"safe\", confirm_ms = 0 }\n";
    let built = build(manifest, r#"(func (export "run") unreachable)"#);
    let (mut sim, mut since) = (sim(&built), Noted::new());
    let second = build(manifest, r#"(func (export "run") (call $gpio (i32.const 17) (i32.const 1)))"#);
    assert!(sim.call("run", &[]).is_err());
    sim.install(0, &Image::verify(&second.words).unwrap()).unwrap();
    let noted = noted(&mut sim, &mut since);
    let events: Vec<RingEvent<'_>> = noted.events().map(|(.., event)| event).collect();
    let image = |built: &Compiled| {
        let hash = Image::verify(&built.words).unwrap().hash();
        Some(u32::from_le_bytes(*hash.first_chunk().unwrap()))
    };
    let module = |what, image| RingEvent::Module { module: 0, what, image };
    assert_eq!(events[0], module(ModuleEvent::Mounted, image(&built)));
    assert!(matches!(events[1..3], [RingEvent::Call { export: 0 }, RingEvent::Trapped { .. }]), "{events:?}");
    let rest = [module(ModuleEvent::MadeSafe, None), module(ModuleEvent::Faulted, None)];
    assert_eq!(events[3..5], rest);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, RingEvent::Module { image: new, .. } if *new == image(&second)))
    );
}

/// Every misuse has words of its own.
#[test]
fn misuses_have_names() {
    let mut names: Vec<&str> = Misuse::ALL.iter().flat_map(|how| [how.name(), how.words()]).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 2 * Misuse::ALL.len());
}

/// An event of a test panel's script takes at most 8 bytes on average, the heads of blocks and what is left
/// free at their ends included.
#[test]
fn an_event_takes_eight_bytes_at_most() {
    let (mut all_bytes, mut all_events) = (0, 0);
    let panels = Panel::all().unwrap();
    for panel in &panels {
        let compiled = compile(&simulated::manifest(panel), &panel.wasm).unwrap();
        let mut sim = Sim::from_words(compiled.words).unwrap();
        let script = Script::parse(&fs::read_to_string(panel.script_path()).unwrap(), &sim.image()).unwrap();
        xmap_sim::run(&mut sim, &script, &mut |_| ()).unwrap();
        let noted = noted(&mut sim, &mut Noted::new());
        let bytes = |page: &RingPage| 16 + page.bytes.len();
        // What is full has no more room for anything.
        let last = noted.pages().last().map_or(0, bytes);
        let bytes = (noted.pages().len() - 1) * 256 + last;
        let events = noted.events().count();
        println!("{}: {events} events held, {} overwritten, {bytes} bytes", panel.name, noted.lost());
        (all_bytes, all_events) = (all_bytes + bytes, all_events + events);
    }
    println!("{:.2} bytes an event", all_bytes as f64 / all_events as f64);
    assert!(panels.len() > 10 && all_events > 1000, "{all_events} events");
    assert!(all_bytes <= 8 * all_events, "{all_bytes} bytes, {all_events} events");
}
