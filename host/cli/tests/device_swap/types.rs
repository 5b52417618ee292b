//! Every type that a manifest offers, with each word that says whose bytes are, at each place among
//! parameters and among results: built, verified, called in the simulator and over the link, with the same
//! answer.

use std::fmt::Write;
use std::path::PathBuf;

use xmap_client::{Client, ErrorCode, Options, Outcome, run_call};
use xmap_image::ExportId;
use xmap_link::Export;
use xmap_sim::{CallError, Script, Sim, Value, run};

use crate::rig::{Panels, Rig, done};

/// A type: its name in a manifest, the WebAssembly type, and a value as WebAssembly text and as it is
/// printed.
const SCALARS: [(&str, &str, &str, &str); 11] = [
    ("bool", "i32", "1", "true"),
    ("u8", "i32", "255", "255"),
    ("i8", "i32", "-128", "-128"),
    ("u16", "i32", "65535", "65535"),
    ("i16", "i32", "-32768", "-32768"),
    ("u32", "i32", "-1", "4294967295"),
    ("i32", "i32", "-2147483648", "-2147483648"),
    ("u64", "i64", "-1", "18446744073709551615"),
    ("i64", "i64", "-9223372036854775808", "-9223372036854775808"),
    ("f32", "f32", "0.1", "0.1"),
    ("f64", "f64", "-2.5e-300", "-0.00"),
];

/// What stands at address 64: a text, which are bytes as well.
const TEXT: &str = "h\u{e9}llo \"x\"\n";

/// One parameter or result.
struct Item {
    /// Its type in the manifest.
    ty: String,
    /// Its WebAssembly types.
    wasm: &'static str,
    /// Instructions that push it.
    push: String,
    /// How a caller writes it.
    given: String,
    /// How it is printed.
    shown: String,
    /// Whether it is an address and a length.
    pointer: bool,
}

fn scalar((ty, wasm, value, shown): (&str, &'static str, &str, &str)) -> Item {
    let (ty, push) = (ty.to_string(), format!("({wasm}.const {value})"));
    let shown = if shown == "-0.00" { (-2.5e-300f64).to_string() } else { shown.to_string() };
    Item { ty, wasm, push, given: shown.clone(), shown, pointer: false }
}

fn items() -> Vec<Item> {
    let mut items: Vec<Item> = SCALARS.into_iter().map(scalar).collect();
    let hex = TEXT.bytes().fold("0x".to_string(), |text, byte| format!("{text}{byte:02x}"));
    for (ty, shown) in [("str", format!("{TEXT:?}")), ("bytes", hex)] {
        for owner in ["", "own ", "copy ", "borrow "] {
            let push = format!("(i32.const 64) (i32.const {})", TEXT.len());
            let given = format!("64 {}", TEXT.len());
            let (ty, shown) = (format!("{owner}{ty}"), shown.clone());
            items.push(Item { ty, wasm: "i32 i32", push, given, shown, pointer: true });
        }
    }
    items
}

/// The item alone, and at each place beside two others.
fn rows(items: &[Item]) -> Vec<(String, Vec<&Item>, usize)> {
    let beside = |ty: &str| items.iter().find(|item| item.ty == ty).unwrap();
    let mut rows = Vec::new();
    for (n, item) in items.iter().enumerate() {
        rows.push((format!("f{n}_alone"), vec![item], 0));
        for place in 0..3 {
            let mut row = vec![beside("i8"), beside("u64")];
            row.insert(place, item);
            rows.push((format!("f{n}_{place}"), row, place));
        }
    }
    rows
}

/// A module and its manifest, and for each call its line of a script and what is printed.
#[derive(Default)]
struct Panel {
    functions: String,
    exports: String,
    calls: Vec<(String, String)>,
}

impl Panel {
    fn of_params(items: &[Item]) -> Self {
        let mut panel = Self::default();
        for (name, row, place) in rows(items) {
            let list = |f: &dyn Fn(&Item) -> String| row.iter().map(|i| f(i)).collect::<Vec<_>>();
            let before: usize = row[..place].iter().map(|item| item.wasm.split(' ').count()).sum();
            let item = row[place];
            // What an address leads to: the first byte and the length.
            let (result, ty, body, shown) = match item.pointer {
                true => (
                    "i32",
                    "u32",
                    format!("(i32.add (i32.load8_u (local.get {before})) (local.get {}))", before + 1),
                    (usize::from(TEXT.as_bytes()[0]) + TEXT.len()).to_string(),
                ),
                false => (item.wasm, &*item.ty, format!("(local.get {before})"), item.shown.clone()),
            };
            let params = list(&|item| item.wasm.to_string()).join(" ");
            writeln!(panel.functions, "(func (export \"{name}\") (param {params}) (result {result}) {body})")
                .unwrap();
            let params: Vec<String> =
                row.iter().enumerate().map(|(n, item)| format!("\"p{n}: {}\"", item.ty)).collect();
            writeln!(panel.exports, "{name} = {{ params = [{}], results = [\"{ty}\"] }}", params.join(", "))
                .unwrap();
            let given = list(&|item| item.given.clone()).join(" ");
            panel.calls.push((format!("{name} {given}"), format!("{name} -> {shown}")));
        }
        panel
    }

    fn of_results(items: &[Item]) -> Self {
        let mut panel = Self::default();
        for (name, row, _) in rows(items) {
            let list = |f: &dyn Fn(&Item) -> String| row.iter().map(|i| f(i)).collect::<Vec<_>>();
            let (wasm, push) =
                (list(&|item| item.wasm.to_string()).join(" "), list(&|item| item.push.clone()).join(" "));
            writeln!(panel.functions, "(func (export \"{name}\") (result {wasm}) {push})").unwrap();
            let types = list(&|item| format!("\"{}\"", item.ty)).join(", ");
            writeln!(panel.exports, "{name} = {{ results = [{types}] }}").unwrap();
            panel
                .calls
                .push((name.clone(), format!("{name} -> {}", list(&|item| item.shown.clone()).join(" "))));
        }
        panel
    }

    /// Results that are none of their type, and those at its edge.
    fn of_edges() -> Self {
        let mut panel = Self::default();
        let rows = [
            ("outside", "str", "i32 i32", "(i32.const 65535) (i32.const 2)", "trap out_of_bounds"),
            ("far", "own bytes", "i32 i32", "(i32.const -1) (i32.const -1)", "trap out_of_bounds"),
            ("no_text", "copy str", "i32 i32", "(i32.const 200) (i32.const 1)", "trap bad_text"),
            ("cut_text", "str", "i32 i32", "(i32.const 64) (i32.const 2)", "trap bad_text"),
            ("any_bytes", "bytes", "i32 i32", "(i32.const 200) (i32.const 2)", "-> 0xff00"),
            ("last", "borrow bytes", "i32 i32", "(i32.const 65535) (i32.const 1)", "-> 0x00"),
            ("empty", "str", "i32 i32", "(i32.const 65536) (i32.const 0)", "-> \"\""),
            ("nothing", "bytes", "i32 i32", "(i32.const 0) (i32.const 0)", "-> 0x"),
            ("wide", "u8", "i32", "(i32.const 256)", "trap bad_argument"),
        ];
        for (name, ty, wasm, push, shown) in rows {
            writeln!(panel.functions, "(func (export \"{name}\") (result {wasm}) {push})").unwrap();
            writeln!(panel.exports, "{name} = {{ results = [\"{ty}\"] }}").unwrap();
            panel.calls.push((name.to_string(), format!("{name} {shown}")));
        }
        panel
    }

    /// Builds and verifies the image.
    fn build(&self, panels: &Panels) -> PathBuf {
        let text: String = TEXT.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        let functions = &self.functions;
        let wat = format!(
            "(module (memory 1 1) (data (i32.const 64) \"{text}\") (data (i32.const 200) \"\\ff\")\n{functions})"
        );
        let manifest = format!("[limits]\nmax_bytes = 65536\n[exports]\n{}", self.exports);
        let image = panels.build("types", "types", &manifest, &wat);
        done(&["verify", image.to_str().unwrap()]);
        image
    }

    /// Calls each export in the simulator and over the link.
    fn check(&self) -> usize {
        let panels = Panels::new();
        let image = self.build(&panels);
        let mut sim = Sim::load(&std::fs::read(&image).unwrap()).unwrap();
        let script: String = self.calls.iter().map(|(call, _)| format!("call {call}\n")).collect();
        let script = Script::parse(&script, &sim.image()).unwrap_or_else(|e| panic!("{e}"));
        let mut shown = Vec::new();
        run(&mut sim, &script, &mut |what| shown.push(what.to_string())).unwrap();
        let rig = Rig::start(&[&image]);
        let mut client = Client::connect(&rig.port.parse().unwrap(), &Options::default()).unwrap();
        for ((call, expected), simulated) in self.calls.iter().zip(&shown) {
            assert_eq!(simulated, expected, "in the simulator");
            let mut words = call.split(' ').map(str::to_string);
            let name = words.next().unwrap();
            let called =
                run_call(&mut client, &name, &words.collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(&called.to_string(), expected, "over the link");
        }
        assert_eq!(shown.len(), self.calls.len());
        rig.stop();
        shown.len()
    }
}

#[test]
fn every_type_works_as_a_parameter() {
    assert_eq!(Panel::of_params(&items()).check(), 19 * 4);
}

#[test]
fn every_type_works_as_a_result() {
    assert_eq!(Panel::of_results(&items()).check(), 19 * 4);
}

#[test]
fn results_are_checked_and_edges_are_taken() {
    assert_eq!(Panel::of_edges().check(), 9);
}

/// More than an answer holds is cut, and said.
#[test]
fn a_long_result_says_what_is_missing() {
    let mut panel = Panel::default();
    panel.functions += "(func (export \"long\") (result i32 i32 i32 i32)
        (i32.const 64) (i32.const 10) (i32.const 1024) (i32.const 300))";
    panel.exports += "long = { results = [\"bytes\", \"bytes\"] }\n";
    let panels = Panels::new();
    let rig = Rig::start(&[&panel.build(&panels)]);
    let out = done(&["call", "--port", &rig.port, "long"]);
    assert!(out.ends_with("00 (and 54 bytes that do not fit an answer)\n"), "{out}");
    let out = done(&["call", "--port", &rig.port, "--json", "long"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["missing_bytes"], 54);
    assert_eq!(json["results"][1], format!("0x{}", "00".repeat(246)));
}

/// A module that takes up to 64 bytes of a host at address 4096, and gives back what it was given.
fn taking() -> Panel {
    let mut panel = Panel::default();
    panel.functions += "(func (export \"on_arguments\") (param i32) (result i32)
        (if (i32.eq (local.get 0) (i32.const 13)) (then unreachable))
        (if (i32.eq (local.get 0) (i32.const 14)) (then (return (i32.const 65530))))
        (select (i32.const 0) (i32.const 4096) (i32.gt_u (local.get 0) (i32.const 64))))\n";
    let rows = [
        ("echo", "\"text: str\"", "\"str\"", "i32 i32", "i32 i32", "(local.get 0) (local.get 1)"),
        (
            "two",
            "\"n: u8\", \"a: own bytes\", \"b: copy str\", \"m: i64\"",
            "\"str\", \"i64\", \"bytes\", \"u8\"",
            "i32 i32 i32 i32 i32 i64",
            "i32 i32 i64 i32 i32 i32",
            "(local.get 3) (local.get 4) (local.get 5) (local.get 1) (local.get 2) (local.get 0)",
        ),
    ];
    for (name, params, results, takes, gives, body) in rows {
        writeln!(panel.functions, "(func (export \"{name}\") (param {takes}) (result {gives}) {body})")
            .unwrap();
        writeln!(panel.exports, "{name} = {{ params = [{params}], results = [{results}] }}").unwrap();
    }
    panel
}

/// Calls with their texts, and what they print in the simulator and over the link alike.
#[test]
fn text_and_bytes_of_a_host_land_in_the_module() {
    let long = "\u{e9}".repeat(32);
    let rows: [(&str, &[&str], String); 5] = [
        ("echo", &[TEXT], format!("echo -> {TEXT:?}")),
        ("echo", &[""], "echo -> \"\"".into()),
        ("echo", &[&long], format!("echo -> {long:?}")),
        ("two", &["255", "0x00ff80", "\u{1f980} 2", "-5"], "two -> \"\u{1f980} 2\" -5 0x00ff80 255".into()),
        ("two", &["1", "0x", "", "0"], "two -> \"\" 0 0x 1".into()),
    ];
    let panels = Panels::new();
    let image = taking().build(&panels);
    let mut sim = Sim::load(&std::fs::read(&image).unwrap()).unwrap();
    let rig = Rig::start(&[&image]);
    let mut client = Client::connect(&rig.port.parse().unwrap(), &Options::default()).unwrap();
    for (name, words, expected) in &rows {
        let places = [(*name == "echo").then_some(0), (*name == "two").then_some(2)];
        let quoted = |(n, word): (usize, &&str)| match places.contains(&Some(n)) {
            true => format!("{word:?}"),
            false => (*word).to_string(),
        };
        let line: Vec<String> = words.iter().enumerate().map(quoted).collect();
        let script = format!("call {name} {}", line.join(" "));
        let script = Script::parse(&script, &sim.image()).unwrap_or_else(|e| panic!("{e}"));
        let mut shown = Vec::new();
        run(&mut sim, &script, &mut |what| shown.push(what.to_string())).unwrap();
        assert_eq!(shown, std::slice::from_ref(expected), "in the simulator");
        let given: Vec<String> = words.iter().map(|word| (*word).to_string()).collect();
        let called = run_call(&mut client, name, &given).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(called.to_string(), *expected, "over the link");
        let mut arguments = vec!["call", "--port", &rig.port, "--", name];
        arguments.extend(words.iter().copied());
        assert_eq!(done(&arguments), format!("{expected}\n"), "from the command line");
    }
    rig.stop();
}

/// What finds no place runs nothing, and the module goes on.
#[test]
fn what_finds_no_place_is_refused() {
    let panels = Panels::new();
    let image = taking().build(&panels);
    let mut sim = Sim::load(&std::fs::read(&image).unwrap()).unwrap();
    let rig = Rig::start(&[&image]);
    let mut client = Client::connect(&rig.port.parse().unwrap(), &Options::default()).unwrap();
    let echo = |sim: &mut Sim, bytes: usize| sim.call("echo", &[Value::Str("x".repeat(bytes))]);
    let mut ask = |bytes: usize| run_call(&mut client, "echo", &["x".repeat(bytes)]);
    // The module says that it has no room; the place that it names is not in its memory.
    for bytes in [65, 14] {
        assert!(matches!(echo(&mut sim, bytes), Err(CallError::Unplaced(_))), "{bytes}");
        let error = ask(bytes).unwrap_err();
        assert_eq!(error.code, ErrorCode::DeviceRefused);
        assert!(error.message.contains("has no room for this text"), "{}", error.message);
    }
    let error = ask(241).unwrap_err();
    assert_eq!(error.code, ErrorCode::CallArgument);
    assert!(error.message.contains("241 bytes of text and bytes, at most 240"), "{}", error.message);
    // A trap of `on_arguments` is one of the module, and not of the host's arguments.
    assert!(matches!(echo(&mut sim, 13), Err(CallError::Trap(_))));
    assert_eq!(ask(13).unwrap().to_string(), "echo trap unreachable");
    let trap = sim.call("echo", &[1.into(), 2.into()]);
    assert_eq!(trap, Ok(vec![Value::Str("\0\0".into())]), "an address and a length are taken, too");
    assert_eq!(ask(64).unwrap().to_string(), format!("echo -> {:?}", "x".repeat(64)));
    // What no `xmap` sends: a text that is none, and lengths that do not add up.
    let export = Export::name("echo").unwrap();
    assert!(matches!(client.call_with(&export, &[0, 2], &[0xc3, 0x28]), Ok((Outcome::Trapped(_), _))));
    for lengths in [3, 1, u64::MAX] {
        let refused = client.call_with(&export, &[0, lengths], b"xx").unwrap_err();
        assert_eq!(refused.code, ErrorCode::DeviceRefused);
    }
    assert_eq!(client.call_with(&export, &[0, 2], b"ok").unwrap().1, b"ok");
    rig.stop();

    let mut none = Panel::default();
    none.functions += "(func (export \"echo\") (param i32 i32) (result i32) (local.get 1))";
    none.exports += "echo = { params = [\"text: str\"] }\n";
    let panels = Panels::new();
    let image = none.build(&panels);
    let mut sim = Sim::load(&std::fs::read(&image).unwrap()).unwrap();
    assert!(echo(&mut sim, 2).unwrap_err().to_string().contains("exports no `on_arguments`"));
    assert_eq!(echo(&mut sim, 0), Ok(vec![Value::I32(0)]), "nothing needs no place");
    assert_eq!(sim.image().find("echo"), Some(ExportId(0)));
}
