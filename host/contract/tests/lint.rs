//! `xmap lint`: true declarations have no finding, seeded faults have theirs, and what the linter takes a
//! type for is what the language's own compiler takes it for.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use xmap_compiler::contract::{Contract, ContractExport, ContractParam};
use xmap_compiler::diagnostic::{Place, Source};
use xmap_compiler::manifest::{Owner, Typed, Value};
use xmap_contract::lint::{Finding, Language, Rule, Verdict, json, lint, sarif};
use xmap_image::Ty;

const SCALARS: [&str; 11] = ["bool", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"];

/// Exports: name, parameters, result.
fn exports() -> Vec<ContractExport> {
    let mut all = Vec::new();
    let mut add = |name: &str, params: &[(&str, &str)], results: &[&str]| {
        let typed = |text: &&str| Typed::parse(text).unwrap();
        all.push(ContractExport {
            key: format!("hall.{name}"),
            name: name.to_string(),
            params: params
                .iter()
                .map(|(name, ty)| ContractParam { name: name.to_string(), ty: typed(ty) })
                .collect(),
            results: results.iter().map(typed).collect(),
            needs: Vec::new(),
            idempotent: false,
        });
    };
    for ty in SCALARS {
        add(&format!("take_{ty}"), &[("level", ty)], &[]);
        add(&format!("give_{ty}"), &[], &[ty]);
        add(&format!("turn_{ty}"), &[("from", ty), ("into", "u8")], &[ty]);
    }
    add("export_read", &[("key", "str")], &["bytes[2]"]);
    add("export_compress", &[("img", "own bytes"), ("q", "f32 0..=1")], &["u32"]);
    add("show_line", &[("row", "u8"), ("text", "str")], &["bool"]);
    add("show_frame", &[("pixels", "copy bytes")], &[]);
    add("name_of", &[("place", "u16")], &["own bytes[12]"]);
    add("mix_three", &[("red", "u8"), ("green", "i16"), ("blue", "f64")], &["i32"]);
    add("set_lamp", &[("pin", "u8"), ("val", "bool")], &[]);
    add("wait_until", &[("time", "u64 us")], &["bool"]);
    add("open_door", &[], &[]);
    all
}

fn contract() -> Contract {
    Contract { panel: "hall".into(), version: 1, exports: exports(), lines: Vec::new(), logs: false }
}

/// A declaration's parts in one language.
#[derive(Clone)]
struct Parts {
    name: String,
    params: Vec<(String, String)>,
    result: Option<String>,
    owners: Vec<(String, &'static str)>,
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_string();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// The true declaration.
fn parts(language: Language, export: &ContractExport) -> Parts {
    let cased = |name: &str| match language {
        Language::C | Language::Rust => name.to_string(),
        _ => camel(name),
    };
    let mut parts = Parts { name: cased(&export.name), params: Vec::new(), result: None, owners: Vec::new() };
    let buffer = |is_text: bool, owner: Owner, result: bool| match language {
        Language::Kotlin => Some(if is_text { "String" } else { "ByteArray" }),
        Language::Swift => Some(if is_text { "String" } else { "[UInt8]" }),
        Language::TypeScript => Some(if is_text { "string" } else { "Uint8Array" }),
        Language::Rust if owner == Owner::Own && !result => Some(if is_text { "String" } else { "Vec<u8>" }),
        _ => None,
    };
    for param in &export.params {
        match param.ty.value {
            Value::Scalar(ty) => parts.params.push((cased(&param.name), language.scalar(ty).into())),
            value => {
                let owner = value.owner().unwrap();
                if let Some(ty) = buffer(matches!(value, Value::Str(_)), owner, false) {
                    parts.params.push((cased(&param.name), ty.into()));
                    continue;
                }
                let pointer = if language == Language::C { "const uint8_t *" } else { "*const u8" };
                parts.params.push((param.name.clone(), pointer.into()));
                parts.params.push((format!("{}_len", param.name), language.scalar(Ty::U32).into()));
                parts.owners.push((param.name.clone(), owner.name()));
            }
        }
    }
    parts.result = export.results.first().map(|ty| match ty.value {
        Value::Scalar(ty) => language.scalar(ty).to_string(),
        value => match buffer(matches!(value, Value::Str(_)), value.owner().unwrap(), true) {
            Some(ty) => ty.to_string(),
            None => {
                parts.owners.push(("result".into(), value.owner().unwrap().name()));
                if language == Language::C { "const uint8_t *".into() } else { "*const u8".into() }
            }
        },
    });
    parts
}

/// The declaration as a file.
fn file(language: Language, parts: &Parts) -> String {
    let owners: Vec<String> = parts.owners.iter().map(|(name, owner)| format!("{name} {owner}")).collect();
    let comment = |open: &str, close: &str| match owners.is_empty() {
        true => String::new(),
        false => format!("{open} xmap: {}{close}\n", owners.join(", ")),
    };
    let list =
        |f: &dyn Fn(&(String, String)) -> String| parts.params.iter().map(f).collect::<Vec<_>>().join(", ");
    let name = &parts.name;
    match language {
        Language::C => {
            let params = if parts.params.is_empty() {
                "void".into()
            } else {
                list(&|(name, ty)| format!("{ty} {name}"))
            };
            let result = parts.result.as_deref().unwrap_or("void");
            format!(
                "#include <stdint.h>\n#include <stdbool.h>\n{}{result} {name}({params});\n",
                comment("/*", " */")
            )
        }
        Language::Kotlin => {
            let result = parts.result.as_ref().map(|ty| format!(": {ty}")).unwrap_or_default();
            let params = list(&|(name, ty)| format!("{name}: {ty}"));
            format!("object Panel {{\n{}    external fun {name}({params}){result}\n}}\n", comment("//", ""))
        }
        Language::Swift => {
            let result = parts.result.as_ref().map(|ty| format!(" -> {ty}")).unwrap_or_default();
            let params = list(&|(name, ty)| format!("_ {name}: {ty}"));
            format!("protocol Panel {{\n{}    func {name}({params}){result}\n}}\n", comment("///", ""))
        }
        Language::TypeScript => {
            let result = parts.result.as_deref().unwrap_or("void");
            let params = list(&|(name, ty)| format!("{name}: {ty}"));
            format!("{}export declare function {name}({params}): {result};\n", comment("//", ""))
        }
        Language::Rust => {
            let result = parts.result.as_ref().map(|ty| format!(" -> {ty}")).unwrap_or_default();
            let params = list(&|(name, ty)| format!("{name}: {ty}"));
            format!("unsafe extern \"C\" {{\n{}    fn {name}({params}){result};\n}}\n", comment("///", ""))
        }
    }
}

fn ending(language: Language) -> &'static str {
    match language {
        Language::C => "h",
        Language::Kotlin => "kt",
        Language::Swift => "swift",
        Language::TypeScript => "ts",
        Language::Rust => "rs",
    }
}

fn findings(language: Language, text: &str) -> Vec<Finding> {
    let source = Source::new(format!("panel.{}", ending(language)), text);
    lint(&contract(), &|_| Place::File("panel.toml".into()), language, &source)
}

#[test]
fn true_declarations_have_no_finding() {
    let mut count = 0;
    for language in Language::ALL {
        for export in exports() {
            let text = file(language, &parts(language, &export));
            let found = findings(language, &text);
            assert!(found.is_empty(), "{text}{}", self::text(&found));
            count += 1;
        }
    }
    for (language, text) in LIVES {
        let text = text.replace("RELEASE", "export_cleanup(handle)");
        assert!(findings(language, &text).is_empty(), "{text}{}", self::text(&findings(language, &text)));
        count += 1;
    }
    println!("{count} declarations");
    assert!(count >= 200, "{count}");
}

fn text(findings: &[Finding]) -> String {
    xmap_contract::lint::text(findings, false)
}

/// What holds a handle, in the languages that have ends of lives.
const LIVES: [(Language, &str); 4] = [
    (
        Language::Kotlin,
        "class Screen(private val handle: UInt) {\n    fun onDestroy() {\n        RELEASE\n    }\n}\n",
    ),
    (Language::Swift, "final class Screen {\n    let handle: UInt32\n    deinit { RELEASE }\n}\n"),
    (
        Language::TypeScript,
        "class Screen {\n  constructor(private handle: number) {}\n  dispose(): void { RELEASE; }\n}\n",
    ),
    (
        Language::Rust,
        "struct Screen { handle: u32 }\nimpl Drop for Screen {\n    fn drop(&mut self) { RELEASE }\n}\n",
    ),
];

/// A declaration with one fault each, and the rule that it breaks.
fn faults(language: Language, export: &ContractExport) -> Vec<(Parts, Rule)> {
    let right = parts(language, export);
    let mut faults = Vec::new();
    let mut fault = |rule: Rule, change: &dyn Fn(&mut Parts)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        faults.push((wrong, rule));
    };
    // Another type, by turns: never one that TypeScript has for the same.
    let other = |ty: &str| -> String {
        let position =
            SCALARS.iter().position(|of| language.scalar(Typed::parse(of).unwrap().value.types()[0]) == ty);
        match (position, ty) {
            (_, "number") => "boolean".into(),
            (_, "boolean" | "bigint") => "number".into(),
            (Some(n), _) => {
                language.scalar(Typed::parse(SCALARS[(n + 1) % 11]).unwrap().value.types()[0]).into()
            }
            _ => language.scalar(Ty::U8).into(),
        }
    };
    let first_scalar = export.params.first().is_some_and(|param| matches!(param.ty.value, Value::Scalar(_)));
    if first_scalar {
        fault(Rule::ParamType, &|p| p.params[0].1 = other(&p.params[0].1));
        fault(Rule::ParamType, &|p| p.params[0].1 = "Mystery".into());
    }
    if !right.params.is_empty() {
        fault(Rule::ParamCount, &|p| _ = p.params.pop());
    }
    fault(Rule::ParamCount, &|p| p.params.push(("more".into(), language.scalar(Ty::U8).into())));
    if right.params.len() >= 2 && export.params.len() >= 2 && first_scalar {
        fault(Rule::ParamOrder, &|p| p.params.swap(0, 1));
    }
    let missing = |ty: &str| match language {
        Language::Kotlin | Language::Swift => Some(format!("{ty}?")),
        Language::TypeScript => Some(format!("{ty} | null")),
        Language::Rust => Some(format!("Option<{ty}>")),
        Language::C => None,
    };
    if first_scalar && missing("").is_some() {
        fault(Rule::Nullable, &|p| p.params[0].1 = missing(&p.params[0].1).unwrap());
    }
    if right.result.is_some() {
        fault(Rule::ResultCount, &|p| p.result = None);
        if matches!(export.results[0].value, Value::Scalar(_)) {
            fault(Rule::ResultType, &|p| p.result = p.result.take().map(|ty| other(&ty)));
        }
    } else {
        fault(Rule::ResultCount, &|p| p.result = Some(language.scalar(Ty::U8).into()));
    }
    if !right.owners.is_empty() {
        fault(Rule::OwnershipMissing, &|p| _ = p.owners.remove(0));
        fault(Rule::OwnershipDiffers, &|p| {
            p.owners[0].1 = if p.owners[0].1 == "own" { "borrow" } else { "own" }
        });
    }
    fault(Rule::UnknownExport, &|p| p.name.insert(3, 'x'));
    faults
}

#[test]
fn seeded_faults_are_all_found() {
    let mut counts = [0; 5];
    let mut missed = String::new();
    for (n, language) in Language::ALL.into_iter().enumerate() {
        for export in exports() {
            for (parts, rule) in faults(language, &export) {
                let text = file(language, &parts);
                let found = findings(language, &text);
                counts[n] += 1;
                if !found.iter().any(|finding| finding.rule == rule) {
                    _ = writeln!(missed, "{rule:?}: {text}{}", self::text(&found));
                }
            }
        }
    }
    for (language, text) in LIVES {
        let text = text.replace("RELEASE", "forget(handle)");
        let found = findings(language, &text);
        if !found.iter().any(|finding| finding.rule == Rule::CleanupMissing) {
            _ = writeln!(missed, "{text}");
        }
    }
    println!("{counts:?} faults");
    assert!(missed.is_empty(), "{missed}");
    assert!(counts.iter().sum::<i32>() >= 200 && counts.iter().all(|count| *count >= 40), "{counts:?}");
}

#[test]
fn what_cannot_be_read_is_not_fine() {
    for (language, text) in [
        (Language::C, "void take_u8(uint8_t level;\n"),
        (Language::C, "void take_u8(uint8_t?? level);\n"),
        (Language::Kotlin, "object P { external fun takeU8(level UByte) }\n"),
        (Language::Swift, "protocol P { func takeU8(_ level UInt8) }\n"),
        (Language::TypeScript, "export declare function takeU8(level: number void;\n"),
        (Language::Rust, "unsafe extern \"C\" { fn take_u8(level u8); }\n"),
    ] {
        let found = findings(language, text);
        assert!(!found.is_empty(), "{text}");
        let unknown = found.iter().any(|f| f.verdict == Some(Verdict::Unknown) || f.rule == Rule::ParamCount);
        assert!(unknown, "{text}{}", self::text(&found));
    }
    // A file of another language, or of none, is not fine either; one without declarations is.
    for language in Language::ALL {
        for text in ["package xmap:hall@1.0.0; world panel { export p: func(%x: u8 }", &"\u{0}".repeat(999)] {
            let found = findings(language, text);
            assert!(found.iter().any(|finding| finding.rule == Rule::Unreadable), "{language:?} {text:.9}");
        }
        assert!(findings(language, "").is_empty());
    }
    // Any text ends with findings or none, never with a panic.
    for language in Language::ALL {
        let all: String = exports().iter().map(|export| file(language, &parts(language, export))).collect();
        for end in (0..all.len()).step_by(41).filter(|end| all.is_char_boundary(*end)) {
            findings(language, &all[..end]);
        }
        findings(language, &"(".repeat(20_000));
        let ty = language.scalar(Ty::U8);
        let name = if language == Language::C || language == Language::Rust { "take_u8" } else { "takeU8" };
        for (open, close) in [("(", ")"), ("", "?"), ("Option<", ">")] {
            let nested = format!("{}{ty}{}", open.repeat(20_000), close.repeat(20_000));
            let params = vec![("level".to_string(), nested)];
            let parts = Parts { name: name.into(), params, result: None, owners: Vec::new() };
            assert!(!findings(language, &file(language, &parts)).is_empty(), "{language:?} {close}");
        }
        findings(language, &"\u{e9}\u{0}{".repeat(5_000));
    }
}

#[test]
fn reports_have_both_places() {
    let found = findings(Language::C, "#include <stdint.h>\nvoid take_u8(uint16_t level);\n");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].verdict, Some(Verdict::Widening));
    let text = text(&found);
    for part in [
        "X1607",
        "param-type: parameter `level` of `take_u8` is `uint16_t`",
        "panel.h:2:14",
        "panel.toml",
        "1 finding",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let json = json(&found);
    assert_eq!(
        (json[0]["place"]["line"].as_u64(), json[0]["contract"]["file"].as_str()),
        (Some(2), Some("panel.toml"))
    );
    let sarif = sarif(&found);
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(result["ruleId"], "param-type");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
    assert_eq!(result["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"], "panel.toml");
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap().len(), Rule::ALL.len());
}

/// A program of this machine, by its names; `XMAP_NODE_MODULES` is a folder of npm's packages.
fn program(names: &[&str]) -> Option<std::path::PathBuf> {
    let modules = std::env::var_os("XMAP_NODE_MODULES").map(std::path::PathBuf::from);
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node/node_modules");
    let folders = modules
        .into_iter()
        .chain([local])
        .flat_map(|folder| [folder.join(".bin"), folder.join("kotlin-compiler/bin")]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = folders.chain(std::env::split_paths(&path)).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()))
}

/// What each compiler says of the types that the linter knows: width, sign, or that they are what they are.
#[test]
fn types_are_what_the_compilers_take_them_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = |command: &mut Command| {
        let output = command.current_dir(folder.path()).output().unwrap();
        let text = [&output.stdout[..], &output.stderr].concat();
        assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&text));
    };
    let whole = |ty: Ty| match ty {
        Ty::U8 => Some((8, false)),
        Ty::I8 => Some((8, true)),
        Ty::U16 => Some((16, false)),
        Ty::I16 => Some((16, true)),
        Ty::U32 => Some((32, false)),
        Ty::I32 => Some((32, true)),
        Ty::U64 => Some((64, false)),
        Ty::I64 => Some((64, true)),
        _ => None,
    };
    let types: Vec<Ty> = SCALARS.iter().map(|ty| Typed::parse(ty).unwrap().value.types()[0]).collect();
    let mut asked = Vec::new();
    if let Some(clang) = program(&["clang-19", "clang", "gcc", "cc"]) {
        let mut code = "#include <stdint.h>\n#include <stdbool.h>\n".to_string();
        for ty in &types {
            let name = Language::C.scalar(*ty);
            if let Some((bits, signed)) = whole(*ty) {
                _ = writeln!(
                    code,
                    "_Static_assert(sizeof({name}) == {} && (({name})-1 < 0) == {}, \"\");",
                    bits / 8,
                    u8::from(signed)
                );
            }
        }
        code += "_Static_assert(sizeof(float) == 4 && sizeof(double) == 8 && sizeof(bool) == 1 && (bool)2 == 1, \"\");\n\
                 _Static_assert(sizeof(int) == 4 && (int)-1 < 0 && sizeof(short) == 2 && sizeof(long long) == 8, \"\");\n";
        fs::write(folder.path().join("types.c"), code).unwrap();
        run(Command::new(clang).args(["-std=c11", "-fsyntax-only", "types.c"]));
        asked.push("C");
    } else {
        println!("skipped the types of C: no clang, gcc or cc");
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut code = "#![crate_type = \"lib\"]\n".to_string();
    for ty in &types {
        let name = Language::Rust.scalar(*ty);
        if let Some((bits, signed)) = whole(*ty) {
            _ = writeln!(
                code,
                "const _: () = assert!({name}::BITS == {bits} && ({name}::MIN != 0) == {signed});"
            );
        }
    }
    code += "const _: () = assert!(size_of::<f32>() == 4 && size_of::<f64>() == 8 && core::ffi::c_int::BITS == 32);\n";
    fs::write(folder.path().join("types.rs"), code).unwrap();
    run(Command::new(rustc).args(["--edition", "2024", "--emit", "metadata", "types.rs"]));
    asked.push("Rust");
    match program(&["tsc"]) {
        Some(tsc) => {
            // `number` has no other value than numbers and is none of the others; a whole number of 53 bits
            // is.
            let code = "const a: number = 9007199254740991; const b: bigint = 2n ** 64n; const c: boolean = true;\n\
                        type Not<A, B> = A extends B ? never : true;\n\
                        const d: [Not<number, bigint>, Not<bigint, number>, Not<boolean, number>, Not<null, number>, Not<string, Uint8Array>] = [true, true, true, true, true];\n";
            fs::write(folder.path().join("types.ts"), code).unwrap();
            run(Command::new(tsc)
                .args(["--strict", "--noEmit", "--target", "es2020", "--types", "", "types.ts"]));
            asked.push("TypeScript");
        }
        None => println!("skipped the types of TypeScript: no tsc"),
    }
    match program(&["kotlinc"]).filter(|_| program(&["java"]).is_some()) {
        Some(kotlinc) => {
            let mut code = "fun main() {\n".to_string();
            for ty in &types {
                let name = Language::Kotlin.scalar(*ty);
                if let Some((bits, signed)) = whole(*ty) {
                    _ = writeln!(
                        code,
                        "    val a{bits}{signed}: IsTrue = {name}.SIZE_BITS.let {{ IsTrue(it == {bits}) }}"
                    );
                    let (least, most) = match (bits, signed) {
                        (_, false) => ("0".to_string(), ((1u128 << bits) - 1).to_string() + "u"),
                        (64, true) => ("-9223372036854775807L - 1".to_string(), i64::MAX.to_string()),
                        _ => (format!("-{}", 1u64 << (bits - 1)), ((1u64 << (bits - 1)) - 1).to_string()),
                    };
                    let least = if signed { least } else { format!("{least}u") };
                    _ = writeln!(
                        code,
                        "    val least{bits}{signed}: {name} = {least}; val most{bits}{signed}: {name} = {most}"
                    );
                }
            }
            code += "    val f: Float = 1.5f; val d: Double = 1.5; val b: Boolean = true\n}\nclass IsTrue(val it: Boolean)\n";
            fs::write(folder.path().join("types.kt"), code).unwrap();
            run(Command::new(kotlinc).args(["-nowarn", "-d", "out", "types.kt"]));
            asked.push("Kotlin");
        }
        None => println!("skipped the types of Kotlin: no kotlinc"),
    }
    println!(
        "asked the compilers of {}; no compiler of Swift runs here, its types are its reference's",
        asked.join(", ")
    );
}

#[test]
fn the_program_lints_files() {
    let folder = tempfile::tempdir().unwrap();
    let wat = "(module (func (export \"duty\") (param i32) (result i32) (local.get 0)))";
    fs::write(folder.path().join("hall.wat"), wat).unwrap();
    let manifest = "module = { name = \"hall\", namespace = \"hall\", board = \"rpi4b\", wasm = \"hall.wat\" }\n[exports]\nduty = { params = [\"level: u8\"], results = [\"bool\"] }\n";
    fs::write(folder.path().join("panel.toml"), manifest).unwrap();
    fs::write(folder.path().join("good.ts"), "export declare function duty(level: number): boolean;\n")
        .unwrap();
    fs::write(folder.path().join("bad.kt"), "interface Panel {\n    fun duty(level: Int): Boolean\n}\n")
        .unwrap();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_xmap-lint"))
            .args(args)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let text = [&output.stdout[..], &output.stderr].concat();
        (String::from_utf8_lossy(&text).into_owned(), output.status.code().unwrap())
    };
    assert_eq!(run(&["panel.toml", "good.ts"]), ("0 findings\n".into(), 0));
    let (text, status) = run(&["panel.toml", "good.ts", "bad.kt"]);
    assert_eq!(status, 1);
    assert!(
        text.contains("bad.kt:2:21") && text.contains("panel.toml:3:1") && text.contains("UByte"),
        "{text}"
    );
    assert_eq!(run(&["panel.toml", "notes.txt"]).1, 1);
    assert_eq!(run(&["panel.toml"]).1, 2);
}

/// docs/contract.md has an example for each rule, and each example breaks its rule.
#[test]
fn the_examples_of_the_document_break_their_rules() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/contract.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("<!-- lint -->").unwrap();
    let (table, _) = table.split_once("<!-- end -->").unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    assert_eq!(rows.len(), Rule::ALL.len());
    for (row, rule) in rows.iter().zip(Rule::ALL) {
        let [name, meaning, language, example] = row[..] else { panic!("{row:?}") };
        assert_eq!((name, meaning), (rule.name(), rule.meaning()));
        let language = Language::of(Path::new(&format!("a.{language}"))).unwrap();
        let found = findings(language, &example.replace("\\n", "\n"));
        assert!(found.iter().any(|finding| finding.rule == *rule), "{example}: {}", self::text(&found));
    }
}
