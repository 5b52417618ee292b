//! Clients that `xmap sdk` made of a panel's document, against the gateway with that panel on the simulated
//! board: what they store is what the command line stores, and what they hold at the device is given back
//! when a screen goes away, by the device's own count. Where a compiler is missing a test says so and ends:
//! `cargo xtask setup` installs them in target/node, or XMAP_NODE_MODULES=FOLDER has them.

#[path = "gateway/rig.rs"]
mod rig;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xmap_compiler::diagnostic::Place;
use xmap_contract::{openapi, sdk};
use xmap_sim::{Sim, Value};

use rig::{Events, Gateway, stairwell};

const CALLER: &str = r#"
import assert from "node:assert/strict";
import { ApiError, Panel, TrapError } from "./src/index.js";

const options = { baseUrl: `http://${process.argv[2]}/v1/devices/sim`, token: process.argv[3]! };
const panel = new Panel(options);
await panel.lampOn();
const lit: boolean = await panel.floorLight({ floor: 2, on: true });
assert.equal(lit, true);
assert.equal(await panel.buttonDown(), false);
await assert.rejects(panel.floorLight({ floor: 256, on: true }), (error: ApiError<{ code: string }>) => error.status === 422 && error.body?.code === "X0910");
await assert.rejects(new Panel({ ...options, token: "no" }).lampOn(), (error: ApiError) => error.status === 401);
assert.ok(TrapError.name);
console.log("done");
"#;

/// Texts, bytes and floats there and back, as the panel in `sdk/words` has them.
const WORDS: &str = r#"
import assert from "node:assert/strict";
import { ApiError, CutError, Panel } from "./src/index.js";

const panel = new Panel({ baseUrl: `http://${process.argv[2]}/v1/devices/sim`, token: process.argv[3]! });
for (const text of ["", "\u00e9 \"x\" \u{1f600}\n", "0x00", "17", "x".repeat(240)]) {
  assert.equal(await panel.echo({ text }), text);
}
await assert.rejects(panel.echo({ text: "x".repeat(241) }), (error: ApiError<{ code: string }>) => error.body?.code !== undefined);
for (const first of [new Uint8Array(), new Uint8Array([0, 9, 127, 128, 255])]) {
  const turned: [string, number, Uint8Array] = await panel.turn({ first, n: 7, then: "\u00e9" });
  assert.deepEqual(turned, ["\u00e9", 7, first]);
}
assert.deepEqual(await panel.serial(), new Uint8Array([0, 255, 127, 128]));
assert.equal((await panel.many({ count: 200 })).length, 200);
await assert.rejects(panel.many({ count: 300 }), (error: CutError) => error instanceof CutError && error.missingBytes === 44);
assert.equal(await panel.half({ of: 3 }), 1.5);
assert.equal(await panel.constructor_({ class: 9, client: 2 }), 7);
assert.equal(await panel.client({ all: new Uint8Array([1, 2]), request: 3, timeout: 9, cancel: 1 }), 7);
assert.equal(await panel.delete({ in: 1, fun: 1, timeoutMs: 2, options: 1, args: 9 }), 7);
for (const of of [Infinity, -Infinity, NaN, 0.1]) assert.deepEqual(await panel.pair({ of }), [of, -9007199254740993n]);
console.log("done");
"#;

/// The panel that the program above is for.
fn words() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/words/panel.toml").display().to_string()
}

/// The folder of npm's packages, where it has all of these files.
fn node_modules(files: &[&str]) -> Option<PathBuf> {
    let given = std::env::var_os("XMAP_NODE_MODULES").map(PathBuf::from);
    let local =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node/node_modules").canonicalize().ok();
    let mut folders = given.into_iter().chain(local);
    folders.find(|folder| files.iter().all(|file| folder.join(file).is_file()))
}

/// Kotlin's compiler, and Java for what it made.
struct Kotlin(PathBuf);

impl Kotlin {
    /// Returns them where both are there; a test is skipped, and says so, where not.
    fn find() -> Option<Self> {
        let java = Command::new("java").arg("-version").output().is_ok_and(|output| output.status.success());
        let modules = node_modules(&["kotlin-compiler/bin/kotlinc"]).filter(|_| java);
        if modules.is_none() {
            println!("skipped the client in Kotlin: no kotlinc or no java");
        }
        modules.map(|modules| Self(modules.join("kotlin-compiler")))
    }

    fn compile(&self, folder: &Path, sources: &[String]) {
        let compiler = self.0.join("bin/kotlinc");
        run(folder, Command::new("bash").arg(compiler).args(["-d", "out"]).args(sources));
    }

    /// Runs a class against a gateway. Returns what it printed.
    fn run(&self, folder: &Path, class: &str, gateway: &Gateway) -> String {
        let classes = format!("out:{}", self.0.join("lib/kotlin-stdlib.jar").display());
        let main = ["-cp", &classes, class, &gateway.address, &gateway.token];
        run(folder, Command::new("java").args(main))
    }
}

/// The sources of a client in Kotlin.
fn kotlin_sources(package: &str) -> Vec<String> {
    ["Api", "Runtime", "Session"]
        .map(|name| format!("src/main/kotlin/xmap/{package}/{name}.kt"))
        .into_iter()
        .collect()
}

/// Writes the client of a panel in a language.
fn write(folder: &Path, panel: &str, language: sdk::Language) -> xmap_compiler::compile::Compiled {
    let built = xmap_project::build(Path::new(panel), None, &mut |_| ()).unwrap();
    let document = openapi::document(&built.compiled.contract, &Place::File("panel.toml".into())).unwrap();
    let api =
        sdk::model::Api::read(&document).unwrap_or_else(|error| panic!("{}: {}", error.pointer, error.why));
    for (name, text) in sdk::write(&api, language) {
        fs::create_dir_all(folder.join(&name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }
    built.compiled
}

/// Runs a program in a folder, and returns what it printed.
fn run(folder: &Path, command: &mut Command) -> String {
    let output = command.current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}\n{text}");
    text
}

/// Holds what a board stored against the same calls on the simulator, as `xmap sim` makes them.
fn stores_as_the_simulator(events: &mut Events, words: Vec<u32>) {
    let mut sim = Sim::from_words(words).unwrap();
    let from = sim.board().accesses().count();
    sim.call("lamp_on", &[]).unwrap();
    sim.call("floor_light", &[Value::U8(2), Value::Bool(true)]).unwrap();
    let expected: Vec<String> =
        sim.board().accesses().skip(from).filter(|access| access.drives()).map(ToString::to_string).collect();
    assert!(expected.len() >= 2, "{expected:?}");
    for store in expected {
        events.until("store", |found| found["text"] == store.as_str());
    }
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contract/examples/stairs").join(name);
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_client_stores_what_the_command_line_stores() {
    let files = ["typescript/bin/tsc", "@types/react/index.d.ts", "react-test-renderer/index.js"];
    let Some(modules) = node_modules(&files) else {
        println!("skipped the client in TypeScript: no tsc or no React");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let compiled = write(folder, &stairwell(), sdk::Language::TypeScript);
    // The example's screen is compiled as an application compiles it, by the package's name.
    fs::create_dir(folder.join("app")).unwrap();
    fs::write(folder.join("app/App.tsx"), example("App.tsx")).unwrap();
    fs::write(folder.join("caller.ts"), CALLER).unwrap();
    fs::write(folder.join("hook.mjs"), include_str!("sdk/hook.mjs")).unwrap();
    let config = fs::read_to_string(folder.join("tsconfig.json")).unwrap();
    let config = config.replace("\"include\": [", "\"include\": [\"caller.ts\", \"app\", ");
    let config = config.replace("\"compilerOptions\": {", "\"compilerOptions\": { \"jsx\": \"react-jsx\", ");
    fs::write(folder.join("tsconfig.json"), config).unwrap();
    std::os::unix::fs::symlink(&modules, folder.join("node_modules")).unwrap();
    let run = |command: &mut Command| run(folder, command);
    run(Command::new("node").arg(modules.join("typescript/bin/tsc")).args(["-p", "."]));
    let own = run(Command::new("node").args(["--test", "dist/test/client.test.js"]));
    assert!(own.contains("fail 0"), "{own}");

    let gateway = Gateway::stairwell();
    let mut events = gateway.events("/v1/devices/sim/events");
    assert_eq!(events.next().0, "device");
    // A client that was made for another contract is told so, and nothing runs.
    let hash = gateway.get("/v1/devices/sim")["exports"][0]["contract"].as_str().unwrap().to_string();
    assert_eq!(hash.len(), 16);
    let other = gateway.call("sim", "stairs.lamp_on", r#"{"args":[],"contract":"0000000000000000"}"#);
    assert_eq!((other.status, other.code().as_str()), (409, "X1606"), "{}", other.body);
    let said = run(Command::new("node").args(["dist/caller.js", &gateway.address, &gateway.token]));
    assert!(said.contains("done"), "{said}");
    stores_as_the_simulator(&mut events, compiled.words);
    // A component connects, subscribes and cleans up by itself.
    let said = run(Command::new("node").args(["hook.mjs", &gateway.address, &gateway.token]));
    assert!(said.contains("done"), "{said}");
}

#[test]
fn a_screen_in_kotlin_gives_back_what_it_holds() {
    let Some(kotlin) = Kotlin::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let compiled = write(folder, &stairwell(), sdk::Language::Kotlin);
    let mut sources = kotlin_sources("stairwell");
    sources.push("android/Lifecycle.kt".to_string());
    for (name, text) in [
        ("Main.kt", include_str!("sdk/Main.kt").to_string()),
        ("App.kt", example("App.kt")),
        ("androidx.kt", include_str!("sdk/androidx.kt").to_string()),
        ("compose.kt", include_str!("sdk/compose.kt").to_string()),
        ("material.kt", include_str!("sdk/material.kt").to_string()),
    ] {
        fs::write(folder.join(name), text).unwrap();
        sources.push(name.to_string());
    }
    kotlin.compile(folder, &sources);
    let gateway = Gateway::stairwell();
    let mut events = gateway.events("/v1/devices/sim/events");
    assert_eq!(events.next().0, "device");
    assert_eq!(kotlin.run(folder, "xmap.stairwell.MainKt", &gateway), "done\n");
    stores_as_the_simulator(&mut events, compiled.words);
}

#[test]
fn texts_and_bytes_are_texts_and_bytes_in_typescript() {
    let Some(modules) = node_modules(&["typescript/bin/tsc", "@types/react/index.d.ts"]) else {
        println!("skipped the client in TypeScript: no tsc or no React");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, &words(), sdk::Language::TypeScript);
    fs::write(folder.join("caller.ts"), WORDS).unwrap();
    let config = fs::read_to_string(folder.join("tsconfig.json")).unwrap();
    fs::write(
        folder.join("tsconfig.json"),
        config.replace("\"include\": [", "\"include\": [\"caller.ts\", "),
    )
    .unwrap();
    std::os::unix::fs::symlink(&modules, folder.join("node_modules")).unwrap();
    run(folder, Command::new("node").arg(modules.join("typescript/bin/tsc")).args(["-p", "."]));
    let own = run(folder, Command::new("node").args(["--test", "dist/test/client.test.js"]));
    assert!(own.contains("fail 0"), "{own}");
    let gateway = Gateway::start(&["--sim", &words()]);
    gateway.wait("/v1/devices/sim", |device| device["online"] == true);
    let said = run(folder, Command::new("node").args(["dist/caller.js", &gateway.address, &gateway.token]));
    assert!(said.contains("done"), "{said}");
}

#[test]
fn texts_and_bytes_are_texts_and_bytes_in_kotlin() {
    let Some(kotlin) = Kotlin::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, &words(), sdk::Language::Kotlin);
    fs::write(folder.join("Main.kt"), include_str!("sdk/words/Main.kt")).unwrap();
    let fails = include_str!("../../contract/tests/sdk/fails.kt").replace("PANEL", "words");
    fs::write(folder.join("fails.kt"), fails).unwrap();
    let mut sources = kotlin_sources("words");
    sources.extend(["Main.kt".to_string(), "fails.kt".to_string()]);
    kotlin.compile(folder, &sources);
    let gateway = Gateway::start(&["--sim", &words()]);
    gateway.wait("/v1/devices/sim", |device| device["online"] == true);
    assert!(kotlin.run(folder, "xmap.words.MainKt", &gateway).ends_with("done\n"));
}
