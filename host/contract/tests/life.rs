//! One lifecycle in four languages: the same panel, written with each binding's own words for it, has the
//! same trace. A language whose compiler is not on this machine is named.

use std::fs;
use std::path::{Path, PathBuf};

use xmap_project::tools;
use xmap_sim::{Event, EventKind, Sim};

const MANIFEST: &str = "module = { name = \"life\", board = \"rpi4b\" }\n[pins]\n17 = { name = \"lamp\", mode = \"out\", safe = \"low\" }\n\
                        [exports]\non_tick = { on = { every = \"10ms\" } }\n[limits]\nmax_bytes = \"64 KiB\"\nfuel = 100000\n";

const CARGO: &str = "[package]\nname = \"life\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\npath = \"life.rs\"\n\
                     [dependencies]\nxmap-guest = { path = \"GUESTS/rust\" }\n[profile.release]\nopt-level = \"s\"\nlto = \"fat\"\n\
                     codegen-units = 1\npanic = \"abort\"\n[workspace]\n";

/// Source, tool, what the build is, and the module that it writes.
const LANGUAGES: [(&str, &str, &str, &str); 4] = [
    (
        "life.c",
        "clang",
        "clang --target=wasm32 -mbulk-memory -O2 -nostdlib -I GUESTS/c life.c -o life.wasm \
         -Wl,--no-entry,--stack-first,-z,stack-size=4096",
        "life.wasm",
    ),
    (
        "life.rs",
        "cargo",
        "cargo rustc --quiet --release --target wasm32-unknown-unknown --target-dir target -- \
         -C link-arg=-zstack-size=4096 -C link-arg=--initial-memory=65536",
        "target/wasm32-unknown-unknown/release/life.wasm",
    ),
    (
        "life.zig",
        "zig",
        "zig build-exe -target wasm32-freestanding -O ReleaseSmall -fno-entry -rdynamic --stack 4096 \
         --initial-memory=65536 --max-memory=65536 --dep xmap -Mroot=life.zig -Mxmap=GUESTS/zig/xmap.zig \
         -femit-bin=life.wasm",
        "life.wasm",
    ),
    (
        "life.ts",
        "asc",
        "asc life.ts -o life.wasm -O --runtime stub --noAssert --initialMemory 1",
        "life.wasm",
    ),
];

/// Returns where the set-up puts packages of npm (`cargo xtask setup`).
fn node() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node")
}

fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests").canonicalize().unwrap()
}

/// Returns what the panel did: messages and stores, to its unmount.
fn trace(source: &str, command: &str, output: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let guests = guests();
    let lives = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/lives");
    let from = fs::read_dir(lives).unwrap().map(|entry| entry.unwrap().path().join(source));
    let from = from.into_iter().find(|path| path.is_file()).unwrap_or_else(|| panic!("no {source}"));
    fs::copy(from, folder.join(source)).unwrap();
    fs::copy(guests.join("assemblyscript/xmap.ts"), folder.join("xmap.ts")).unwrap();
    if let Ok(packages) = node().join("node_modules").canonicalize() {
        std::os::unix::fs::symlink(packages, folder.join("node_modules")).unwrap();
    }
    fs::write(folder.join("Cargo.toml"), CARGO.replace("GUESTS", guests.to_str().unwrap())).unwrap();
    let command = command.replace("GUESTS", guests.to_str().unwrap());
    let build = format!("[build]\ncommand = {command:?}\noutput = {output:?}\nsources = [{source:?}]\n");
    fs::write(folder.join("panel.toml"), format!("{MANIFEST}{build}")).unwrap();
    let built = xmap_project::build(&folder.join("panel.toml"), None, &mut |_| ());
    let built = built.unwrap_or_else(|errors| panic!("{source}: {errors}"));
    let mut sim = Sim::from_words(built.compiled.words).unwrap_or_else(|error| panic!("{source}: {error}"));
    sim.advance(35_000);
    let (board, ended) = sim.unmount();
    ended.unwrap_or_else(|error| panic!("{source}: {error}"));
    let line = |event: &Event| match &event.kind {
        EventKind::Access(access) => access.write.then(|| format!("{} {access}", event.time_us)),
        EventKind::Log { text, .. } => Some(format!("{} {text}", event.time_us)),
        _ => None,
    };
    board.events().iter().filter_map(line).collect()
}

#[test]
fn a_panel_has_one_life_in_each_language() {
    let mut traces = Vec::new();
    for (source, tool, command, output) in LANGUAGES {
        let has_target = tool != "cargo" || tools::has_rust_target() == Some(true);
        if tools::command(tool, &node()).is_none() || !has_target {
            println!("skipped {source}: no `{tool}` that compiles it");
            continue;
        }
        traces.push((source, trace(source, command, output)));
    }
    for pair in traces.windows(2) {
        assert_eq!(pair[0].1, pair[1].1, "{} and {}", pair[0].0, pair[1].0);
    }
    let stores = |text: &str| {
        traces.first().map_or(1, |(_, trace)| trace.iter().filter(|line| line.contains(text)).count())
    };
    println!(
        "{} languages, {} events each",
        traces.len(),
        traces.first().map_or(0, |(_, trace)| trace.len())
    );
    assert!(stores("mounted") >= 1 && stores("GPSET0") >= 1, "{traces:?}");
}
