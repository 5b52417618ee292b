//! `[policy]` and `[keep]`: what the compiler makes of them, and what it refuses.

use std::path::Path;

use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::diagnostic::{Code, Diagnostics};
use xmap_compiler::manifest::Manifest;
use xmap_image::{FaultPolicy, Image, Keep, OnFault, Persist};

/// What compilers make of variables: globals that the module changes, and addresses in memory.
const WAT: &str = r#"(module
    (memory (export "memory") 1)
    (global $unused (mut i32) (i32.const 7))
    (global $presses (export "presses") (mut i32) (i32.const 0))
    (global $level (mut f64) (f64.const 1))
    (global $twice (mut i64) (i64.const 0))
    (global $written (mut i32) (i32.const 0))
    (global $later (mut i32) (i32.const 0))
    (global $callback (export "callback") (mut funcref) (ref.null func))
    (global $limit (mut i32) (i32.const 9))
    (global (export "table") i32 (i32.const 1024))
    (global (export "end") i32 (i32.const 65532))
    (global (export "wide") i64 (i64.const 1024))
    (global (export "other") i32 (i32.const 1026))
    (data (i32.const 1024) "\01\02\03\04")
    (func (export "count") (result i32)
        (global.set $presses (i32.add (global.get $presses) (i32.const 1)))
        (global.set $level (f64.add (global.get $level) (f64.const 1)))
        (global.set $twice (i64.const 2))
        (i32.add (global.get $presses) (global.get $limit)))
    (func (export "write") (global.set $written (i32.const 1)))
    (func (export "call") (global.set $callback (ref.func 0)))
    (func $never (export "never") (global.set $later (i32.const 1))))"#;

fn module(wat: &str) -> Vec<u8> {
    let buffer = wast::parser::ParseBuffer::new(wat).unwrap();
    wast::parser::parse::<wast::Wat<'_>>(&buffer).unwrap().encode().unwrap()
}

fn build_of(wat: &str, tables: &str) -> Result<Compiled, Diagnostics> {
    let head = "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n";
    let exports = "[exports]\ncount = {}\nwrite = {}\ncall = {}\n";
    compile(&Manifest::parse("panel.toml", &format!("{head}{exports}{tables}\n")).unwrap(), &module(wat))
}

fn build(tables: &str) -> Result<Compiled, Diagnostics> {
    build_of(WAT, tables)
}

fn policy(tables: &str) -> FaultPolicy {
    Image::admit(&build(tables).unwrap().words).unwrap().manifest().unwrap().policy
}

/// The code and the first line of each error, and the help of the first.
fn refused(tables: &str) -> (Vec<(Code, String)>, String) {
    let errors = build(tables).unwrap_err();
    assert!(errors.0.iter().all(|e| e.place.to_string().starts_with("panel.toml:")), "{errors}");
    let help = errors.0[0].help.clone().unwrap_or_default();
    (errors.0.into_iter().map(|e| (e.code, e.message)).collect(), help)
}

#[test]
fn a_manifest_without_them_is_an_image_without_a_policy() {
    let plain = build("").unwrap();
    assert_eq!(Image::admit(&plain.words).unwrap().manifest().unwrap().policy, FaultPolicy::default());
    assert_eq!(
        build("[policy]\non_trap = \"hold\"\n[keep]\nglobals = []\nmemory = []").unwrap().words,
        plain.words
    );
    assert!(!plain.report.to_string().contains("\npolicy\n") && !plain.map.to_json().contains("kept"));
}

#[test]
fn the_policy_stands_in_the_image() {
    let found = policy("[policy]\non_trap = \"restart\"\nrestarts = 9\nlink_timeout_ms = 250");
    let expected = FaultPolicy {
        on_trap: OnFault::Restart,
        on_fuel: OnFault::Restart,
        restarts: 9,
        link_timeout_ms: 250,
        ..FaultPolicy::default()
    };
    assert_eq!(found, expected);
}

#[test]
fn names_become_slots_and_addresses() {
    let tables = "[keep]\nglobals = [\"level\", \"presses\"]\n\
                  memory = [{ symbol = \"table\", bytes = 4 }, { from = 65532, bytes = 4 }]";
    let compiled = build(tables).unwrap();
    let image = Image::admit(&compiled.words).unwrap();
    let slot = |index: u32| compiled.map.globals.iter().position(|g| *g == index).unwrap() as u16;
    // The module's globals 1 and 2; one that no code names has no slot.
    assert_eq!((slot(1), slot(2)), (0, 1));
    let expected = [
        Keep::Global(slot(2)),
        Keep::Global(slot(1)),
        Keep::Memory { from: 1024, bytes: 4 },
        Keep::Memory { from: 65532, bytes: 4 },
    ];
    assert_eq!(image.manifest().unwrap().policy.keep[..], expected);
    assert_eq!(compiled.map.kept, ["level", "presses", "table", ""]);
    let report = compiled.report.to_string();
    let layout = image.manifest().unwrap().policy.layout;
    let shown = format!(
        "\nkept by layout {layout:08x}\n  global 1  level\n  global 0  presses\n  0x0400 to 0x0404  table\n  0xfffc to 0x10000\n"
    );
    assert!(report.ends_with(&shown), "{report}");
}

#[test]
fn what_a_restart_brings_stands_in_the_image_where_it_is_no_default() {
    let keep = |words: &str| format!("[keep]\nglobals = [\"presses\"]\n{words}");
    let plain = build(&keep("")).unwrap().words;
    assert_eq!(build(&keep("restart = true")).unwrap().words, plain, "the default");
    for (words, persist, shown) in [
        ("every = \"60s\"", Persist::EveryS(60), ", every_s 60"),
        ("every_s = 60", Persist::EveryS(60), ", every_s 60"),
        ("restart = true\nevery = \"1 d\"", Persist::EveryS(86_400), ", every_s 86400"),
        ("every_s = \"1.5 min\"", Persist::EveryS(90), ", every_s 90"),
        ("restart = false", Persist::Never, ", restart false"),
    ] {
        let compiled = build(&keep(words)).unwrap();
        let policy = Image::admit(&compiled.words).unwrap().manifest().unwrap().policy;
        assert_eq!(policy.persist, persist, "{words}");
        // Over a swap it passes from one to the other.
        let layout = Image::admit(&plain).unwrap().manifest().unwrap().policy.layout;
        assert_eq!(policy.layout, layout);
        let report = compiled.report.to_string();
        assert!(report.contains(&format!("\nkept by layout {layout:08x}{shown}\n")), "{report}");
    }
}

/// A global that is set and never read is kept all the same: the next version may read it.
#[test]
fn a_kept_global_is_there_even_where_nothing_reads_it() {
    let compiled = build("[keep]\nglobals = [\"written\"]").unwrap();
    let image = Image::admit(&compiled.words).unwrap();
    let Keep::Global(slot) = image.manifest().unwrap().policy.keep[0] else { panic!("a global") };
    assert_eq!(compiled.map.globals[usize::from(slot)], 4);
}

#[test]
fn the_layout_is_that_of_names_and_not_of_places() {
    let tables = "[keep]\nglobals = [\"presses\"]\nmemory = [{ symbol = \"table\", bytes = 4 }]";
    let first = policy(tables);
    // The next build: another global in front, and the variable has moved.
    let moved = WAT
        .replace(
            "(global $unused (mut i32) (i32.const 7))",
            "(global $unused (mut i32) (i32.const 7)) (global $new (mut i32) (i32.const 1))",
        )
        .replace("(func (export \"write\")", "(func (export \"write\") (global.set $new (i32.const 5))")
        .replace(
            "(global (export \"table\") i32 (i32.const 1024))",
            "(global (export \"table\") i32 (i32.const 2048))",
        );
    let words = build_of(&moved, tables).unwrap().words;
    let second = Image::admit(&words).unwrap().manifest().unwrap().policy;
    assert_ne!(first.keep, second.keep);
    assert_eq!(first.layout, second.layout);
    assert_ne!(first.layout, 0);
    // Another length, order or type is another layout.
    let longer = policy(&tables.replace("bytes = 4", "bytes = 8"));
    let more = policy(&tables.replace("[\"presses\"]", "[\"presses\", \"level\"]"));
    let turned = policy(&tables.replace("[\"presses\"]", "[\"level\", \"presses\"]"));
    let layouts = std::collections::BTreeSet::from([&first, &longer, &more, &turned].map(|p| p.layout));
    assert_eq!(layouts.len(), 4);
    let wide =
        WAT.replace("$level (mut f64) (f64.const 1)", "$level (mut f32) (f32.const 1)").replace("f64", "f32");
    let words = build_of(&wide, "[keep]\nglobals = [\"level\"]").unwrap().words;
    let narrow = Image::admit(&words).unwrap().manifest().unwrap().policy.layout;
    assert_ne!(narrow, policy("[keep]\nglobals = [\"level\"]").layout);
}

#[test]
fn globals_that_are_not_there_or_never_change() {
    for (name, code, message, help) in [
        ("pressed", Code::NoSuchState, "a.wasm has no global `pressed`", "did you mean `presses`?"),
        ("limit", Code::NotKeepable, "`limit` never changes: no function of the image sets it", "[exports]"),
        // Only a function that is not mapped sets it.
        ("later", Code::NotKeepable, "`later` never changes: no function of the image sets it", "[exports]"),
        ("table", Code::NotKeepable, "`table` never changes: the global is immutable", "symbol = \"table\""),
        ("wide", Code::NotKeepable, "`wide` never changes: the global is immutable", "leave it out"),
        (
            "callback",
            Code::NotKeepable,
            "`callback` holds a reference, which means nothing in another image",
            "a number",
        ),
    ] {
        let (errors, found) = refused(&format!("[keep]\nglobals = [\"{name}\"]"));
        assert_eq!(errors, [(code, message.to_string())]);
        assert!(found.contains(help), "{found}");
    }
}

#[test]
fn memory_that_is_not_there() {
    for (entry, code, message, help) in [
        (
            "symbol = \"tabel\"",
            Code::NoSuchState,
            "a.wasm exports no variable `tabel`",
            "did you mean `table`?",
        ),
        (
            "symbol = \"humidity\"",
            Code::NoSuchState,
            "a.wasm exports no variable `humidity`",
            "--export=humidity",
        ),
        // A function is no variable, and a name of the name section is no address.
        ("symbol = \"count\"", Code::NoSuchState, "a.wasm exports no variable `count`", "--export=count"),
        (
            "symbol = \"presses\"",
            Code::NotKeepable,
            "`presses` is no address: the global is mutable",
            "globals = [\"presses\"]",
        ),
        ("symbol = \"wide\"", Code::NotKeepable, "`wide` is no address: the global is no i32", "globals"),
        (
            "symbol = \"end\"",
            Code::KeepOutside,
            "`end` takes 0xfffc to 0x10004, the memory has 0x10000 bytes at load",
            "fewer",
        ),
        (
            "from = 65529",
            Code::KeepOutside,
            "0xfff9 takes 0xfff9 to 0x10001, the memory has 0x10000 bytes at load",
            "fewer",
        ),
    ] {
        let (errors, found) = refused(&format!("[keep]\nmemory = [{{ {entry}, bytes = 8 }}]"));
        assert_eq!(errors, [(code, message.to_string())]);
        assert!(found.contains(help), "{found}");
    }
    // The manifest's limit counts, and a module may have no memory at all.
    let (errors, _) = refused("[keep]\nmemory = [{ from = 1040, bytes = 4 }]\n[limits]\nmemory_bytes = 1040");
    assert_eq!(errors[0].1, "0x410 takes 0x410 to 0x414, the memory has 0x410 bytes at load");
}

#[test]
fn state_that_is_kept_twice() {
    let (errors, _) = refused("[keep]\nglobals = [\"presses\", \"level\", \"presses\"]");
    assert_eq!(errors, [(Code::KeepOverlap, "`presses` is kept twice".to_string())]);
    let memory = "[keep]\nmemory = [\
        { symbol = \"table\", bytes = 4 }, { symbol = \"other\", bytes = 2 }, { from = 1028, bytes = 4 }, \
        { from = 1020, bytes = 4 }, { from = 0, bytes = 1030 }]";
    let (errors, _) = refused(memory);
    let messages: Vec<_> = errors.iter().map(|(_, message)| message.as_str()).collect();
    let expected = [
        "0x402 to 0x404 are kept twice",
        "0x400 to 0x404 are kept twice",
        "0x402 to 0x404 are kept twice",
        "0x404 to 0x406 are kept twice",
        "0x3fc to 0x400 are kept twice",
    ];
    assert_eq!(messages, expected);
    assert!(errors.iter().all(|(code, _)| *code == Code::KeepOverlap));
    // One global under its exported name and under another one.
    let aliased = WAT.replace("(export \"presses\")", "(export \"presses\") (export \"also\")");
    let errors = build_of(&aliased, "[keep]\nglobals = [\"presses\", \"also\"]").unwrap_err();
    assert_eq!(errors.0[0].message, "`presses` and `also` are one global");
    assert_eq!(errors.0[0].notes[0].0.to_string(), "panel.toml:7:12");
}

#[test]
fn errors_come_in_one_go() {
    let (errors, _) =
        refused("[keep]\nglobals = [\"a\", \"limit\"]\nmemory = [{ symbol = \"b\", bytes = 1 }]");
    let codes: Vec<Code> = errors.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [Code::NoSuchState, Code::NotKeepable, Code::NoSuchState]);
}

/// The name section is not validated: an index in it may be none, and a name may stand twice.
#[test]
fn damaged_names_of_globals() {
    let named = |names: &[(u32, &str)]| {
        let mut map = vec![names.len() as u8];
        for (index, name) in names {
            map.extend([*index as u8, name.len() as u8]);
            map.extend(name.as_bytes());
        }
        // A custom section `name` with the subsection of globals, number 7.
        let mut content = b"\x04name\x07".to_vec();
        content.push(map.len() as u8);
        content.extend(map);
        let mut wasm = module(
            "(module (global (mut i32) (i32.const 0)) (global (mut i32) (i32.const 0))
            (func (export \"count\") (global.set 0 (i32.const 1)) (global.set 1 (i32.const 1))))",
        );
        wasm.extend([0, content.len() as u8]);
        wasm.extend(content);
        let text =
            "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n[keep]\nglobals = [\"x\"]\n";
        compile(&Manifest::parse("panel.toml", text).unwrap(), &wasm)
            .map_err(|errors| errors.0[0].message.clone())
    };
    assert!(named(&[(1, "x")]).is_ok());
    assert!(named(&[(1, "x"), (9, "x")]).is_ok());
    assert_eq!(named(&[(9, "x")]).unwrap_err(), "a.wasm has no global `x`");
    assert_eq!(named(&[(0, "x"), (1, "x")]).unwrap_err(), "a.wasm has 2 globals named `x`");
}

/// Two builds by clang (tests/keep/counter.c): the variables keep their names and not their addresses.
#[test]
fn variables_of_c_are_found_in_each_build() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keep");
    let policy = |wasm: &str| {
        let text = "module = { name = \"a\", board = \"rpi4b\", wasm = \"a.wasm\" }\n[keep]\n\
                    memory = [{ symbol = \"counter\", bytes = 4 }, { symbol = \"history\", bytes = 16 }]\n";
        let wasm = std::fs::read(folder.join(wasm)).unwrap();
        let words = compile(&Manifest::parse("panel.toml", text).unwrap(), &wasm).unwrap().words;
        let image = Image::admit(&words).unwrap();
        let policy = image.manifest().unwrap().policy;
        // What stands there at load is what the source says.
        let initial: Vec<u32> = policy.keep.iter().map(|keep| first_word(&image, *keep)).collect();
        assert_eq!(initial, [7, 1]);
        policy
    };
    let (first, second) = (policy("counter.wasm"), policy("moved.wasm"));
    assert!(first.keep.iter().zip(&second.keep).all(|(a, b)| a != b), "{first:?} {second:?}");
    assert_eq!(first.layout, second.layout);
}

/// The number that stands at a kept address at load.
fn first_word(image: &Image<'_>, keep: Keep) -> u32 {
    let Keep::Memory { from, .. } = keep else { panic!("memory") };
    let (address, bytes) =
        image.data().find(|(at, bytes)| (*at..*at + bytes.len() as u32).contains(&from)).unwrap();
    let mut word = [0; 4];
    // Zeros at the end of a segment are left out.
    let there = &bytes[(from - address) as usize..];
    let n = there.len().min(4);
    word[..n].copy_from_slice(&there[..n]);
    u32::from_le_bytes(word)
}

/// More was written to the disk, and never read back.
#[test]
fn what_is_kept_is_no_more_than_a_device_reads_back() {
    let wat = WAT.replace("\"memory\") 1)", "\"memory\") 256)");
    let built = |bytes: u32| {
        let keep = format!(
            "[keep]\nglobals = [\"presses\"]\nmemory = [{{ from = 0, bytes = 64 }}, {{ from = 64, bytes = {bytes} }}]"
        );
        build_of(&wat, &format!("{keep}\n[limits]\nmemory_bytes = 16777216"))
    };
    let most = xmap_image::limits::MAX_KEPT_BYTES;
    assert!(built(most - 64 - 8).is_ok());
    let errors = built(most - 64 - 7).unwrap_err();
    assert_eq!(errors.0[0].code, Code::KeptTooLarge);
    assert_eq!(errors.0[0].message, format!("[keep] has {} bytes in all, at most {most}", most + 1));
    assert!(errors.0[0].place.to_string().starts_with("panel.toml:"), "{errors}");
}
