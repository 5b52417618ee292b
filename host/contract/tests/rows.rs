//! `export_read` and `export_compress` as rows, from C, Rust and Zig: what arrives, what comes back, and
//! whose the bytes are.

use std::fs;
use std::path::{Path, PathBuf};

use xmap_compiler::contract::Contract;
use xmap_project::tools;
use xmap_sim::{Sim, Value};

const EXPORTS: &str = r#"
[exports]
export_alloc = { params = ["len: u32"], results = ["u32"] }
export_free = { params = ["at: own bytes"] }
export_freed = { results = ["u32"] }
export_poke = { params = ["at: u32", "byte: u8"] }
export_read = { params = ["key: str"], results = ["bytes[2]"], idempotent = true }
export_compress = { params = ["img: own bytes", "q: f32 0..=1"], results = ["u32"], needs = ["export_alloc"] }
"#;

const COMMANDS: [(&str, &str, &str); 3] = [
    (
        "rows.c",
        "clang",
        "clang --target=wasm32 -mbulk-memory -O2 -nostdlib -I INCLUDE rows.c -o rows.wasm \
         -Wl,--no-entry,--stack-first,-z,stack-size=4096",
    ),
    (
        "rows.rs",
        "rustc",
        "rustc --target wasm32-unknown-unknown --edition 2024 --crate-type cdylib -C opt-level=2 -C panic=abort \
         -C link-arg=-zstack-size=4096 -C link-arg=--initial-memory=65536 rows.rs -o rows.wasm",
    ),
    (
        "rows.zig",
        "zig",
        "zig build-exe -target wasm32-freestanding -O ReleaseSmall -fno-entry -rdynamic --stack 4096 \
         --initial-memory=65536 --max-memory=65536 rows.zig -femit-bin=rows.wasm",
    ),
];

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rows")
}

/// The panel in each language whose compiler is on this machine; the others are named.
fn panels() -> Vec<(&'static str, Sim, Contract)> {
    let mut panels = Vec::new();
    for (source, tool, command) in COMMANDS {
        let has_target = tool != "rustc" || tools::has_rust_target() == Some(true);
        if tools::command(tool, Path::new(".")).is_none() || !has_target {
            println!("skipped {source}: no `{tool}` that compiles it");
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::copy(here().join(source), folder.join(source)).unwrap();
        let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests/c").canonicalize().unwrap();
        let command = command.replace("INCLUDE", guests.to_str().unwrap());
        let manifest = format!(
            "module = {{ name = \"rows\", board = \"rpi4b\" }}\n[build]\ncommand = {command:?}\n\
             output = \"rows.wasm\"\nsources = [\"{source}\"]\n{EXPORTS}"
        );
        fs::write(folder.join("panel.toml"), manifest).unwrap();
        let built = xmap_project::build(&folder.join("panel.toml"), None, &mut |_| ());
        let compiled = built.unwrap_or_else(|errors| panic!("{source}: {errors}")).compiled;
        panels.push((source, Sim::from_words(compiled.words).unwrap(), compiled.contract));
    }
    panels
}

/// Puts bytes into the module's memory as a caller does: into what the module's allocator gives.
fn given(sim: &mut Sim, bytes: &[u8]) -> [Value; 2] {
    let len = Value::U32(bytes.len() as u32);
    let [Value::U32(at)] = sim.call("export_alloc", std::slice::from_ref(&len)).unwrap()[..] else {
        panic!()
    };
    for (n, byte) in (0..).zip(bytes) {
        sim.call("export_poke", &[Value::U32(at + n), Value::U8(*byte)]).unwrap();
    }
    [Value::U32(at), len]
}

fn freed(sim: &mut Sim) -> Vec<Value> {
    sim.call("export_freed", &[]).unwrap()
}

#[test]
fn bytes_arrive_and_come_back_and_are_freed_by_whom_they_belong_to() {
    for (source, mut sim, contract) in panels() {
        let key = given(&mut sim, "\u{e9}".as_bytes());
        let read = sim.call("export_read", &key).unwrap();
        assert_eq!(read, [Value::Bytes(vec![0xc3, 0xa9])], "{source}: a lone address comes with its bytes");
        assert_eq!(freed(&mut sim), [Value::U32(0)], "{source}: what is borrowed is the caller's");
        sim.call("export_free", &key).unwrap();
        assert_eq!(freed(&mut sim), [Value::U32(1)], "{source}: who frees it once");

        let [at, len] = given(&mut sim, &[1, 2, 3]);
        let bits = sim.call("export_compress", &[at, len, Value::F32(0.8)]).unwrap();
        assert_eq!(bits, [Value::U32(0x3f4c_cccd)], "{source}");
        assert_eq!(freed(&mut sim), [Value::U32(2)], "{source}: what is owned is freed once, by the module");

        // A text is checked before the module sees it.
        let bad = given(&mut sim, &[0xc3]);
        assert!(sim.call("export_read", &bad).is_err(), "{source}");

        let line = |key: &str| contract.export(key).unwrap().to_string();
        assert_eq!(line("default.export_read"), "default.export_read(str) -> (bytes[2]); idempotent");
        assert_eq!(
            line("default.export_compress"),
            "default.export_compress(own bytes, f32 0..=1) -> (u32); needs default.export_alloc"
        );
    }
}

#[test]
fn each_language_gives_the_same_contract() {
    let panels = panels();
    for pair in panels.windows(2) {
        assert_eq!(pair[0].2, pair[1].2, "{} and {}", pair[0].0, pair[1].0);
    }
}
