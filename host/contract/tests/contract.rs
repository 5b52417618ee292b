//! `xmap contract`: what it prints is read back, what is no contract says why, and the image has the hashes.

use std::fs;
use std::path::Path;
use std::process::Command;

use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::contract::compare;
use xmap_compiler::diagnostic::{Code, Place};
use xmap_compiler::manifest::Manifest;
use xmap_contract::wit;
use xmap_image::{ExportId, Image};

const WAT: &str = r#"(module
  (import "log" "message" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "open") (call $log (i32.const 1) (i32.const 0) (i32.const 0)))
  (func (export "duty") (param i32 i32 i32) (result i32) (local.get 0))
  (func (export "pair") (param f64) (result i64 i32) (i64.const 1) (i32.const 2))
  (func (export "name") (result i32) (i32.const 16)))"#;

const HEAD: &str = "module = { name = \"Hall 2\", namespace = \"hall\", version = 7, board = \"rpi4b\", \
                    wasm = \"hall.wat\" }\n[pins]\n17 = { name = \"lamp\", mode = \"out\" }\n\
                    18 = { mode = \"out\" }\n[exports]\n";
const EXPORTS: &str = r#"
open = {}
duty = { params = ["list: u8 0..=100 %", "text: own str"], results = ["bool"], needs = ["open"] }
pair = { key = "The Pair", params = ["at: f64 -40.5..=125 degC"], results = ["i64 us", "i32"] }
name = { results = ["bytes[12]"], idempotent = true }
"#;

fn compiled(exports: &str) -> Compiled {
    let manifest = Manifest::parse("panel.toml", &format!("{HEAD}{exports}")).unwrap();
    compile(&manifest, &wat::parse_str(WAT).unwrap()).unwrap()
}

fn place() -> Place {
    Place::File("panel.toml".into())
}

#[test]
fn what_is_printed_is_read_back() {
    let contract = compiled(EXPORTS).contract;
    let text = wit::print(&contract, &place()).unwrap();
    let back = wit::parse(Path::new("hall.wit"), &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(back, contract, "{text}");
    for part in [
        "package xmap:hall-2@7.0.0;",
        "    /// - key: hall.duty\n",
        "    /// - param list: u8 0..=100 %\n",
        "    /// - needs: hall.open\n",
        "    duty: func(%list: u8, text: string) -> result<bool, trap>;\n",
        "    pair: func(at: f64) -> result<tuple<s64, s32>, trap>;\n",
        "    name: func() -> result<list<u8>, trap>;\n",
        "    enum line {\n        lamp,\n        line-18,\n",
        "    log: func(severity: severity, text: string);\n",
        "        divide-by-zero,\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn what_is_no_contract_says_why() {
    let contract = compiled(EXPORTS).contract;
    let text = wit::print(&contract, &place()).unwrap();
    let wrong = |text: &str| {
        let error = wit::parse(Path::new("hall.wit"), text).unwrap_err();
        assert_eq!(error.code, Code::NotAContract);
        assert!(error.message.starts_with("hall.wit: "), "{}", error.message);
        error.message
    };
    // A contract of another tool, of another version, or cut: never a panic, and never a half.
    for end in (0..text.len()).step_by(7).filter(|end| text.is_char_boundary(*end)) {
        if text[end..].contains("func") {
            wrong(&text[..end]);
        }
    }
    for (from, to, says) in [
        ("list: u8 0..=100 %\n", "list: u16\n", "the comment says `u16`, the signature `u8`"),
        ("- key: hall.duty\n", "\n", "does not say its key"),
        ("- needs: ", "- wants: ", "`- wants` means nothing"),
        ("duty: func", "duty: fun", "hall.wit:"),
        ("world panel", "world other", "no world `panel`"),
        ("- key: hall.duty\n", "- key: hall.open\n", "two functions have the key hall.open"),
    ] {
        let message = wrong(&text.replacen(from, to, 1));
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn names_that_become_one_are_refused() {
    let mut contract = compiled(EXPORTS).contract;
    contract.exports[0].name = "na-me".into();
    contract.exports[1].name = "na_me".into();
    let error = wit::print(&contract, &place()).unwrap_err();
    assert_eq!(error.code, Code::OneName);
}

#[test]
fn an_image_has_the_hash_of_each_line() {
    let contracts = |compiled: &Compiled| {
        let image = Image::admit(&compiled.words).unwrap();
        let ids = (0..image.exports().len() as u16).map(ExportId);
        let pairs = ids.map(|id| (image.key(id).unwrap().to_string(), image.contract(id).unwrap()));
        (pairs.collect::<Vec<_>>(), image.carried_contracts().len(), image.bytes().len())
    };
    let full = compiled(EXPORTS);
    let (hashes, carried, _) = contracts(&full);
    assert_eq!(carried, 4);
    for (key, hash) in &hashes {
        assert_eq!(full.contract.export(key).unwrap().hash(), *hash, "{key}");
    }
    // Types alone: nothing is carried, and the hash is the same as if it were.
    let plain = compiled("open = {}\nduty = { params = [\"a: u8\", \"b: str\"], results = [\"bool\"] }");
    let (derived, carried, bytes) = contracts(&plain);
    assert_eq!(carried, 0);
    for (key, hash) in &derived {
        assert_eq!(plain.contract.export(key).unwrap().hash(), *hash, "{key}");
    }
    let more = compiled(
        "open = { idempotent = true }\nduty = { params = [\"a: u8\", \"b: str\"], results = [\"bool\"] }",
    );
    let (changed, carried, larger) = contracts(&more);
    assert_eq!((carried, larger - bytes), (2, 4 + 2 * 8), "a word of the header and 8 bytes for each export");
    assert_eq!(changed[0], derived[0], "an unrelated change breaks nobody");
    assert_ne!(changed[1], derived[1]);
    assert_eq!(more.map.contracts[1], "hall.open() -> (); idempotent");
}

#[test]
fn the_program_prints_checks_and_compares() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("hall.wat"), WAT).unwrap();
    fs::write(folder.join("panel.toml"), format!("{HEAD}{EXPORTS}")).unwrap();
    let run = |line: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_xmap-contract"))
            .args(line.split(' '))
            .current_dir(folder)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
    };
    assert_eq!(run("panel.toml -o hall.wit"), (String::new(), String::new(), 0));
    assert_eq!(run("panel.toml").0, fs::read_to_string(folder.join("hall.wit")).unwrap());
    assert_eq!(run("panel.toml --check hall.wit"), (String::new(), String::new(), 0));
    assert_eq!(run("diff hall.wit panel.toml"), ("source fine, wire fine\n".into(), String::new(), 0));
    let changed = EXPORTS.replace("u8 0..=100 %", "u8 0..=255 us").replace("open = {}", "");
    let changed = changed.replace(", needs = [\"open\"]", "");
    fs::write(folder.join("panel.toml"), format!("{HEAD}{changed}")).unwrap();
    let (out, error, status) = run("panel.toml --check hall.wit");
    assert_eq!((out.as_str(), status), ("", 1));
    assert!(error.contains("error[X1602]") && error.contains("hall.open: export-removed"), "{error}");
    let (out, _, status) = run("diff hall.wit panel.toml");
    assert_eq!(status, 1);
    assert!(out.contains("hall.duty: unit-changed: parameter `list` was `u8 0..=100 %`, and is `u8 0..=255 us` (source breaks, wire breaks)\n"), "{out}");
    assert!(out.ends_with("source breaks, wire breaks\n"), "{out}");
    fs::write(
        folder.join("allow.txt"),
        "unit-changed:hall.duty:ours\nexport-removed:hall.open:unused # yes\n",
    )
    .unwrap();
    let (out, error, status) = run("diff hall.wit panel.toml --allow-file allow.txt");
    assert_eq!(status, 0, "{out}{error}");
    assert!(out.contains("allowed: ours") && out.ends_with("source fine, wire fine\n"), "{out}");
    let (out, _, _) = run("diff hall.wit panel.toml --json");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (json["wire"].as_str(), json["changes"][0]["rule"].as_str()),
        (Some("breaks"), Some("unit-changed"))
    );
    assert_eq!(
        run("diff hall.wit panel.toml --allow unit-changed:hall.duty").2,
        2,
        "a reason has to be there"
    );
    assert_eq!(run("").2, 2);
    assert_eq!(run("rules").0.lines().count(), xmap_compiler::contract::Rule::ALL.len());
}

#[test]
fn a_build_keeps_the_contract_that_the_manifest_names() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("hall.wat"), WAT).unwrap();
    let head = HEAD.replacen("name = ", "contract = \"hall.wit\", name = ", 1);
    assert_ne!(head, HEAD);
    let manifest = folder.join("panel.toml");
    let keeps = |exports: &str| {
        fs::write(&manifest, format!("{head}{exports}")).unwrap();
        xmap_project::build(&manifest, None, &mut |_| ()).unwrap().keeps_contract()
    };
    let missing = keeps(EXPORTS).unwrap_err().to_string();
    assert!(missing.contains("hall.wit") && missing.contains("xmap contract"), "{missing}");
    let text = wit::print(&compiled(EXPORTS).contract, &place()).unwrap();
    fs::write(folder.join("hall.wit"), &text).unwrap();
    keeps(EXPORTS).unwrap();
    // The facts that a build reads are those of the contract.
    let stated = xmap_compiler::contract::Stated::parse(Path::new("hall.wit"), &text).unwrap();
    assert_eq!(stated.exports, wit::parse(Path::new("hall.wit"), &text).unwrap().exports);
    // The sentence of a swap, whose hash it goes by.
    let broken = keeps(&EXPORTS.replace("u8 0..=100 %", "u16")).unwrap_err();
    assert_eq!(broken.0[0].code, Code::BreaksClients);
    let message = &broken.0[0].message;
    assert!(
        message.contains("hall.wit: hall.duty is in use: param-type-widened: parameter `list` was"),
        "{message}"
    );
    let gone = keeps(&EXPORTS.replacen("open = {}", "", 1).replace(", needs = [\"open\"]", "")).unwrap_err();
    assert!(gone.to_string().contains("hall.open is in use: export-removed: the export is gone"), "{gone}");
    fs::write(folder.join("hall.wit"), text.replace("- panel: Hall 2", "- panel: porch")).unwrap();
    assert_eq!(keeps(EXPORTS).unwrap_err().0[0].code, Code::ContractDiffers);
    fs::write(folder.join("hall.wit"), "package a:b@1.0.0;\n").unwrap();
    assert_eq!(keeps(EXPORTS).unwrap_err().0[0].code, Code::NotAContract);
    // A contract of fewer exports: what is new breaks nobody.
    let from = text.find("    /// - key: hall.open").unwrap();
    let end = from + text[from..].find(";\n").unwrap() + 2;
    fs::write(folder.join("hall.wit"), [&text[..from], &text[end..]].concat()).unwrap();
    keeps(EXPORTS).unwrap();
}

#[test]
fn what_needs_itself_or_nothing_that_is_there_is_refused() {
    let error = |exports: &str| {
        let manifest = Manifest::parse("panel.toml", &format!("{HEAD}{exports}")).unwrap();
        compile(&manifest, &wat::parse_str(WAT).unwrap()).unwrap_err().to_string()
    };
    assert!(error("open = { needs = [\"opne\"] }").contains("open needs a call of `opne` before it"));
    let circle = "open = { needs = [\"name\"] }\nname = { results = [\"u32\"], needs = [\"open\"] }";
    assert!(error(circle).contains("needs a call of itself"), "{}", error(circle));
    assert!(compare(&compiled(EXPORTS).contract, &compiled(EXPORTS).contract).is_empty());
}

/// docs/contract.md has each rule, in order, with what falls under it.
#[test]
fn the_document_has_every_rule() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/contract.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("<!-- rules -->").unwrap();
    let (table, _) = table.split_once("<!-- end -->").unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let rules = xmap_compiler::contract::Rule::ALL;
    assert_eq!(rows.len(), rules.len());
    for (row, rule) in rows.iter().zip(rules) {
        assert!(row.starts_with(&format!("| `{}` | {} | ", rule.name(), rule.meaning())), "{row}: {rule}");
    }
}
