//! Pairs of panels, old and new: what the rules say breaks is what breaks. *Source* is shown by rustc, on
//! clients of the old contract and declarations of the new one; *wire* by the simulator, which runs the new
//! panel for a client that knows the old one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use xmap_compiler::compile::compile;
use xmap_compiler::contract::{Contract, ContractExport, Effect, compare};
use xmap_compiler::manifest::{Manifest, Owner, Typed, Value, ValueRange};
use xmap_image::Ty;
use xmap_sim::Sim;

/// An export as a manifest has it; none where there is no such export.
#[derive(Clone, Default)]
struct Side {
    params: Vec<String>,
    results: Vec<String>,
    needs: Vec<&'static str>,
    idempotent: bool,
    gone: bool,
}

fn side(params: &[&str], results: &[&str]) -> Side {
    let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    Side { params: texts(params), results: texts(results), ..Side::default() }
}

const SCALARS: [&str; 11] = ["bool", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"];
const BYTES: [&str; 6] = ["bytes", "own bytes", "copy bytes", "str", "own str", "copy str"];

/// The pairs, by families of rules.
fn pairs() -> Vec<(Side, Side)> {
    let mut pairs = Vec::new();
    let all: Vec<&str> = SCALARS.into_iter().chain(BYTES).collect();
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))) {
        pairs.push((side(&[&format!("a: {a}")], &[]), side(&[&format!("a: {b}")], &[])));
        pairs.push((side(&[], &[a]), side(&[], &[b])));
    }
    let refined =
        ["u8", "u8 0..=100", "u8 0..=200", "u8 50..=100", "u8 %", "u8 ms", "u8 0..=100 %", "u8 0..=255"];
    for (a, b) in refined.iter().flat_map(|a| refined.iter().map(move |b| (*a, *b))) {
        pairs.push((side(&[&format!("a: {a}")], &[]), side(&[&format!("a: {b}")], &[])));
        pairs.push((side(&[], &[a]), side(&[], &[b])));
    }
    for (a, b) in [
        ("f32", "f32 0..=1"),
        ("f32 0..=1", "f32"),
        ("f32 0..=1", "f32 -1..=1"),
        ("f64 0..=2", "f64 0..=1.5"),
    ] {
        pairs.push((side(&[&format!("a: {a}")], &[]), side(&[&format!("a: {b}")], &[])));
        pairs.push((side(&[], &[a]), side(&[], &[b])));
    }
    let lists: [&[&str]; 7] = [
        &[],
        &["a: u8"],
        &["b: u8"],
        &["a: u8", "b: u8"],
        &["b: u8", "a: u8"],
        &["a: u8", "c: u8"],
        &["b: u16", "a: u8"],
    ];
    for (a, b) in lists.iter().flat_map(|a| lists.iter().map(move |b| (*a, *b))) {
        pairs.push((side(a, &[]), side(b, &[])));
    }
    let lists: [&[&str]; 5] = [&[], &["u8"], &["u8", "bool"], &["bool"], &["u8", "bool", "bytes"]];
    for (a, b) in lists.iter().flat_map(|a| lists.iter().map(move |b| (*a, *b))) {
        pairs.push((side(&[], a), side(&[], b)));
    }
    for (a, b) in [("bytes[2]", "bytes[3]"), ("bytes[2]", "own bytes[2]"), ("bytes[2]", "bytes")] {
        pairs.push((side(&[], &[a]), side(&[], &[b])));
    }
    let lists: [&[&'static str]; 4] = [&[], &["one"], &["two"], &["one", "two"]];
    for (a, b) in lists.iter().flat_map(|a| lists.iter().map(move |b| (*a, *b))) {
        let with = |needs: &[&'static str]| Side { needs: needs.to_vec(), ..side(&["a: u8"], &[]) };
        pairs.push((with(a), with(b)));
    }
    for (a, b) in [(false, false), (false, true), (true, false), (true, true)] {
        let with = |idempotent| Side { idempotent, ..side(&["a: u8"], &[]) };
        pairs.push((with(a), with(b)));
    }
    let gone = Side { gone: true, ..Side::default() };
    pairs.push((side(&["a: u8"], &[]), gone.clone()));
    pairs.push((gone, side(&["a: u8"], &[])));
    pairs
}

impl Side {
    /// The panel: it keeps what each parameter was, gives results that the test sets, traps where a call that
    /// it needs was not made, and counts what it does.
    fn panel(&self) -> (Contract, Vec<u32>) {
        let mut manifest =
            "module = { name = \"p\", namespace = \"p\", board = \"rpi4b\", wasm = \"p.wat\" }\n\
                            [exports]\none = {}\ntwo = {}\neffects = {}\nset = {}\n"
                .to_string();
        let mut wat = String::from(
            "(module (memory (export \"memory\") 1)\n (global $one (mut i32) (i32.const 0))\n\
             (global $two (mut i32) (i32.const 0))\n (global $effects (mut i32) (i32.const 0))\n\
             (func (export \"one\") (global.set $one (i32.const 1)))\n\
             (func (export \"two\") (global.set $two (i32.const 1)))\n\
             (func (export \"effects\") (result i32) (global.get $effects))\n",
        );
        let types = |text: &str| Typed::parse(text).unwrap();
        let wasm = |ty: Ty| match ty {
            Ty::U64 | Ty::I64 => "i64",
            Ty::F32 => "f32",
            Ty::F64 => "f64",
            _ => "i32",
        };
        let lane = |typed: &Typed| -> Vec<&str> {
            let all = typed.value.types();
            let all = if typed.fixed.is_some() { &all[..1] } else { all };
            all.iter().map(|ty| wasm(*ty)).collect()
        };
        if !self.gone {
            let quoted =
                |list: &[String]| list.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ");
            _ = writeln!(
                manifest,
                "f = {{ params = [{}], results = [{}], needs = {:?}, idempotent = {} }}",
                quoted(&self.params),
                quoted(&self.results),
                self.needs,
                self.idempotent
            );
            let (mut params, mut body, mut at) = (String::new(), String::new(), 0);
            for param in &self.params {
                let (name, ty) = param.split_once(": ").unwrap();
                let typed = types(ty);
                for (n, lane) in lane(&typed).into_iter().enumerate() {
                    _ = write!(params, " {lane}");
                    if n == 0 {
                        _ = writeln!(wat, " (global $seen_{name} (mut {lane}) ({lane}.const 0))");
                        _ = writeln!(
                            wat,
                            " (func (export \"seen_{name}\") (result {lane}) (global.get $seen_{name}))"
                        );
                        _ = writeln!(manifest, "seen_{name} = {{}}");
                        _ = writeln!(body, "  (global.set $seen_{name} (local.get {at}))");
                    }
                    at += 1;
                }
            }
            for need in &self.needs {
                _ = writeln!(body, "  (if (i32.eqz (global.get ${need})) (then (unreachable)))");
            }
            let effect = if self.idempotent {
                "(i32.const 1)"
            } else {
                "(i32.add (global.get $effects) (i32.const 1))"
            };
            _ = writeln!(body, "  (global.set $effects {effect})");
            let mut results = String::new();
            for (n, result) in self.results.iter().enumerate() {
                let typed = types(result);
                for (k, lane) in lane(&typed).into_iter().enumerate() {
                    _ = write!(results, " {lane}");
                    if k == 0 {
                        let load = match lane {
                            "i32" => "i32.wrap_i64",
                            "f32" => "f32.reinterpret_i32 (i32.wrap_i64",
                            "f64" => "f64.reinterpret_i64",
                            _ => "",
                        };
                        let close = if lane == "f32" { ")" } else { "" };
                        let value = if load.is_empty() {
                            format!("(global.get $out{n})")
                        } else {
                            format!("({load} (global.get $out{n})){close}")
                        };
                        _ = writeln!(wat, " (global $out{n} (mut i64) (i64.const 0))");
                        _ = writeln!(body, "  {value}");
                    } else {
                        _ = writeln!(body, "  (i32.const 2)");
                    }
                }
            }
            _ = writeln!(wat, " (func (export \"f\") (param{params}) (result{results})\n{body} )");
        }
        let outs: String =
            (0..self.results.len()).map(|n| format!(" (global.set $out{n} (local.get {n}))")).collect();
        let set: String = " i64".repeat(self.results.len());
        _ = writeln!(wat, " (func (export \"set\") (param{set}){outs})");
        // A text at 16, no text at 32.
        _ = writeln!(wat, " (data (i32.const 16) \"ok\\00\") (data (i32.const 32) \"\\ff\\ff\\ff\"))");
        let manifest = Manifest::parse("panel.toml", &manifest).unwrap();
        let wasm = wat::parse_str(&wat).unwrap_or_else(|error| panic!("{error}\n{wat}"));
        let compiled = compile(&manifest, &wasm).unwrap_or_else(|error| panic!("{error}\n{wat}"));
        (compiled.contract, compiled.words)
    }
}

/// The contract without what the test itself calls.
fn told(contract: &Contract) -> Contract {
    let mut told = contract.clone();
    told.exports.retain(|export| matches!(export.name.as_str(), "f" | "one" | "two"));
    told
}

fn f(contract: &Contract) -> Option<&ContractExport> {
    contract.export("p.f")
}

#[test]
fn the_verdict_is_what_a_client_shows() {
    let pairs = pairs();
    assert!(pairs.len() >= 120, "{}", pairs.len());
    let panels: Vec<_> = pairs.iter().map(|(old, new)| (old.panel(), new.panel())).collect();
    let broken =
        broken_by_rustc(&panels.iter().map(|((old, _), (new, _))| (f(old), f(new))).collect::<Vec<_>>());
    let mut rules = BTreeSet::new();
    let mut wrong = String::new();
    for (n, ((old, _), (new, words))) in panels.iter().enumerate() {
        let changes = compare(&told(old), &told(new));
        rules.extend(changes.iter().map(|change| change.rule));
        let worst = |of: fn(&xmap_compiler::contract::Change) -> Effect| changes.iter().map(of).max();
        let says = (worst(|c| c.source) == Some(Effect::Breaks), worst(|c| c.wire) == Some(Effect::Breaks));
        let shows = (broken.contains(&n), f(old).is_some_and(|old| !works_on_the_wire(old, f(new), words)));
        if says != shows {
            let line = |export: Option<&ContractExport>| export.map(ToString::to_string).unwrap_or_default();
            _ = writeln!(
                wrong,
                "{} => {}: says {says:?}, shows {shows:?} {changes:?}",
                line(f(old)),
                line(f(new))
            );
        }
        let same_hash = f(old).map(ContractExport::hash) == f(new).map(ContractExport::hash);
        let named = changes.iter().any(|c| !matches!(c.rule.name(), "param-renamed" | "param-order"));
        // `0..=255` says of a u8 what its type says; the line has it all the same.
        assert!(!(same_hash && named), "{n}: {changes:?}");
    }
    assert!(wrong.is_empty(), "(source, wire) of {} pairs\n{wrong}", wrong.lines().count());
    println!("{} pairs, {} rules", pairs.len(), rules.len());
    // One has no pair: it is for images of which only the hash is known.
    assert_eq!(rules.len(), xmap_compiler::contract::Rule::ALL.len() - 1, "{rules:?}");
}

/// The pairs whose client does not compile: all of them in one crate, each in its module.
fn broken_by_rustc(pairs: &[(Option<&ContractExport>, Option<&ContractExport>)]) -> BTreeSet<usize> {
    let tag = |text: String| -> String {
        text.bytes().fold("T".to_string(), |tag, byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' => format!("{tag}{}", byte as char),
            _ => format!("{tag}_{byte:x}"),
        })
    };
    // Type, unit, owner and length; what is meant is no part of a type.
    let ty = |typed: &Typed| tag(Typed { range: None, ..typed.clone() }.to_string());
    let mut tags = BTreeSet::new();
    let mut code = String::from(
        "#![allow(warnings)]\nuse core::marker::PhantomData;\npub struct Arg<N, T>(PhantomData<(N, T)>);\n\
         impl<N, T> Arg<N, T> { pub fn new() -> Self { loop {} } }\npub trait Did<K> {}\npub struct One; pub struct Two;\n",
    );
    let mut begins = Vec::new();
    let need = |key: &String| if key.ends_with("one") { "One" } else { "Two" };
    for (n, (old, new)) in pairs.iter().enumerate() {
        begins.push(code.lines().count() + 1);
        _ = writeln!(code, "mod p{n} {{\n use crate::*;\n pub struct Api; pub struct State;\n impl Api {{");
        let result = |export: &ContractExport| {
            let all: Vec<String> = export.results.iter().map(ty).collect();
            if all.len() == 1 { all[0].clone() } else { format!("({})", all.join(", ")) }
        };
        if let Some(new) = new {
            let bounds: Vec<String> = new.needs.iter().map(|key| format!("Did<{}>", need(key))).collect();
            let bounds = if bounds.is_empty() { "Sized".to_string() } else { bounds.join(" + ") };
            let params: String = new
                .params
                .iter()
                .map(|p| format!(", _: Arg<{}, {}>", tag(p.name.clone()), ty(&p.ty)))
                .collect();
            _ = writeln!(
                code,
                "  pub fn f<S: {bounds}>(&self, _: &S{params}) -> {} {{ loop {{}} }}",
                result(new)
            );
            tags.extend(new.params.iter().flat_map(|p| [tag(p.name.clone()), ty(&p.ty)]));
            tags.extend(new.results.iter().map(ty));
        }
        _ = writeln!(code, " }}");
        if let Some(old) = old {
            for key in &old.needs {
                _ = writeln!(code, " impl Did<{}> for State {{}}", need(key));
            }
            let args: String = old
                .params
                .iter()
                .map(|p| format!(", Arg::<{}, {}>::new()", tag(p.name.clone()), ty(&p.ty)))
                .collect();
            let takes =
                if old.results.is_empty() { String::new() } else { format!("let _: {} = ", result(old)) };
            _ = writeln!(code, " fn client(api: &Api) {{ {takes}api.f(&State{args}); }}");
            tags.extend(old.params.iter().flat_map(|p| [tag(p.name.clone()), ty(&p.ty)]));
            tags.extend(old.results.iter().map(ty));
        }
        _ = writeln!(code, "}}");
    }
    for tag in tags {
        _ = writeln!(code, "pub struct {tag};");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clients.rs");
    std::fs::write(&file, &code).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--error-format", "json"])
        .arg("--out-dir")
        .arg(folder.path())
        .arg(&file)
        .output()
        .unwrap();
    let mut broken = BTreeSet::new();
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        if json["level"] != "error" {
            continue;
        }
        for span in json["spans"].as_array().unwrap().iter().filter(|span| span["is_primary"] == true) {
            let at = span["line_start"].as_u64().unwrap() as usize;
            let n = begins.partition_point(|begin| *begin <= at) - 1;
            // A mistake of the test itself is none of a client.
            let line = code.lines().nth(at - 1).unwrap();
            assert!(line.contains("fn client"), "{}", json["rendered"]);
            broken.insert(n);
        }
    }
    broken
}

/// A number, or what a register holds of one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Whole(i128),
    Float(f64),
}

fn scalar(typed: &Typed) -> Option<Ty> {
    match typed.value {
        Value::Scalar(ty) => Some(ty),
        _ => None,
    }
}

/// Values that are meant: the ends, and what lies between.
fn meant(typed: &Typed) -> Vec<Number> {
    let Some(ty) = scalar(typed) else { return Vec::new() };
    match typed.range.or_else(|| ValueRange::of(ty)) {
        Some(ValueRange::Whole(least, most)) => {
            let probes =
                [least, most, 0, 1, -1, 100, 101, 255, 1 << 15, 1 << 31, 1 << 40, least + (most - least) / 2];
            probes.into_iter().filter(|n| (least..=most).contains(n)).map(Number::Whole).collect()
        }
        Some(ValueRange::Float(least, most)) => vec![Number::Float(least), Number::Float(most)],
        None if ty == Ty::Bool => vec![Number::Whole(0), Number::Whole(1)],
        None => vec![Number::Float(0.5), Number::Float(-1e30), Number::Float(1e30)],
    }
}

fn is_meant(typed: &Typed, number: Number) -> bool {
    match (typed.range, number) {
        (Some(ValueRange::Whole(least, most)), Number::Whole(n)) => (least..=most).contains(&n),
        (Some(ValueRange::Float(least, most)), Number::Float(n)) => (least..=most).contains(&n),
        (None, _) => true,
        _ => false,
    }
}

fn to_bits(ty: Ty, number: Number) -> u64 {
    match (ty, number) {
        (Ty::U64 | Ty::I64, Number::Whole(n)) => n as u64,
        (_, Number::Whole(n)) => u64::from(n as u32),
        (Ty::F32, Number::Float(n)) => u64::from((n as f32).to_bits()),
        (_, Number::Float(n)) => n.to_bits(),
    }
}

fn of_bits(ty: Ty, bits: u64) -> Number {
    match ty {
        Ty::I8 | Ty::I16 | Ty::I32 => Number::Whole(i128::from(bits as u32 as i32)),
        Ty::I64 => Number::Whole(i128::from(bits as i64)),
        Ty::F32 => Number::Float(f64::from(f32::from_bits(bits as u32))),
        Ty::F64 => Number::Float(f64::from_bits(bits)),
        _ => Number::Whole(i128::from(bits)),
    }
}

/// Returns whether a client that was made for `old` fares with the new panel as with the old one.
fn works_on_the_wire(old: &ContractExport, new: Option<&ContractExport>, words: &[u32]) -> bool {
    let Some(new) = new else { return false };
    let mut rounds = old.params.iter().map(|p| meant(&p.ty).len()).max().unwrap_or(0);
    rounds = rounds.max(new.results.iter().map(|ty| meant(ty).len()).max().unwrap_or(0)).max(2);
    (0..rounds).all(|round| works_once(old, new, words, round))
}

fn works_once(old: &ContractExport, new: &ContractExport, words: &[u32], round: usize) -> bool {
    let mut sim = Sim::from_words(words.to_vec()).unwrap();
    let raw = |sim: &mut Sim, key: &str, args: &[u64]| {
        let id = sim.image().find(key)?;
        sim.call_raw(id, args).ok()
    };
    // Values that stand side by side differ, so that it shows where two change places.
    let pick = |n: usize, all: &[Number]| all.get((round + n) % all.len().max(1)).copied();
    // The new panel gives what it may give.
    let outs: Vec<u64> = new
        .results
        .iter()
        .enumerate()
        .map(|(n, typed)| match (scalar(typed), pick(n, &meant(typed))) {
            (Some(ty), Some(number)) => to_bits(ty, number),
            // A text, or bytes that are none.
            _ => {
                if matches!(typed.value, Value::Bytes(_)) && round == 1 {
                    32
                } else {
                    16
                }
            }
        })
        .collect();
    raw(&mut sim, "p.set", &outs).unwrap();
    for key in &old.needs {
        raw(&mut sim, key, &[]).unwrap();
    }
    // The client gives what it may give.
    let mut args = Vec::new();
    for (n, param) in old.params.iter().enumerate() {
        match (scalar(&param.ty), pick(n, &meant(&param.ty))) {
            (Some(ty), Some(number)) => args.push(to_bits(ty, number)),
            _ => args
                .extend([if matches!(param.ty.value, Value::Bytes(_)) && round == 1 { 32 } else { 16 }, 2]),
        }
    }
    let calls = if old.idempotent { 2 } else { 1 };
    let mut results = None;
    for _ in 0..calls {
        results = raw(&mut sim, "p.f", &args);
    }
    let Some(results) = results else { return false };
    let effects = raw(&mut sim, "p.effects", &[]).unwrap()[0];
    if effects != 1 {
        return false;
    }
    // What the panel saw, by the name of the parameter or, where it has none of that name, by its position.
    let mut at = 0;
    for (n, param) in old.params.iter().enumerate() {
        let named = new.params.iter().position(|p| p.name == param.name);
        let seen = &new.params[named.unwrap_or(n)];
        let bits = raw(&mut sim, &format!("p.seen_{}", seen.name), &[]).unwrap()[0];
        let (Some(was), Some(is)) = (scalar(&param.ty), scalar(&seen.ty)) else {
            at += param.ty.value.types().len();
            if !is_freed_once(&param.ty, &seen.ty) {
                return false;
            }
            continue;
        };
        let sent = of_bits(was, args[at]);
        at += 1;
        // The number, what it counts, and whether it is meant.
        if of_bits(is, bits) != sent || param.ty.unit != seen.ty.unit || !is_meant(&seen.ty, sent) {
            return false;
        }
    }
    // What the client reads of the results.
    let mut at = 0;
    for (typed, is) in old.results.iter().zip(&new.results) {
        match (scalar(typed), scalar(is)) {
            (Some(was), Some(new)) => {
                let bits = results[at];
                let sent = of_bits(new, bits);
                let same = was.fits(bits) && of_bits(was, bits) == sent;
                if !same || typed.unit != is.unit || !is_meant(typed, sent) {
                    return false;
                }
                at += 1;
            }
            (None, None) => {
                let (from, len) = (results[at] as usize, results[at + 1] as usize);
                let bytes = &sim.memory()[from..from + len];
                let readable = matches!(typed.value, Value::Bytes(_)) || std::str::from_utf8(bytes).is_ok();
                let frees = |typed: &Typed| typed.value.owner() == Some(Owner::Own);
                if !readable || frees(typed) != frees(is) {
                    return false;
                }
                at += 2;
            }
            _ => return false,
        }
    }
    old.results.len() <= new.results.len()
}

/// Returns whether bytes that a client gives are freed by one side, and changed by nobody who may not.
fn is_freed_once(client: &Typed, panel: &Typed) -> bool {
    let (Some(client), Some(panel)) = (client.value.owner(), panel.value.owner()) else { return false };
    let frees = usize::from(client != Owner::Own) + usize::from(panel == Owner::Own);
    let changes = client == Owner::Borrow && panel == Owner::Copy;
    frees == 1 && !changes
}
