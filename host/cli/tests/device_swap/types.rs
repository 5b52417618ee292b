//! Every type that a manifest offers, with each word that says whose bytes are, at each place among
//! parameters and among results: built, verified, called in the simulator and over the link, with the same
//! answer.

use std::fmt::Write;
use std::path::PathBuf;

use xmap_client::{Client, Options, run_call};
use xmap_sim::{Script, Sim, run};

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
