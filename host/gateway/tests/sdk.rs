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

use rig::{Gateway, stairwell};

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

/// The folder of npm's packages, where it has all of these files.
fn node_modules(files: &[&str]) -> Option<PathBuf> {
    let given = std::env::var_os("XMAP_NODE_MODULES").map(PathBuf::from);
    let local =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node/node_modules").canonicalize().ok();
    let mut folders = given.into_iter().chain(local);
    folders.find(|folder| files.iter().all(|file| folder.join(file).is_file()))
}

/// Writes the client of the stairwell in a language.
fn write(folder: &Path, language: sdk::Language) -> xmap_compiler::compile::Compiled {
    let built = xmap_project::build(Path::new(&stairwell()), None, &mut |_| ()).unwrap();
    let document = openapi::document(&built.compiled.contract, &Place::File("panel.toml".into())).unwrap();
    let api =
        sdk::model::Api::read(&document).unwrap_or_else(|error| panic!("{}: {}", error.pointer, error.why));
    for (name, text) in sdk::write(&api, language) {
        fs::create_dir_all(folder.join(&name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }
    built.compiled
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
    let compiled = write(folder, sdk::Language::TypeScript);
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
    let run = |command: &mut Command| {
        let output = command.current_dir(folder).output().unwrap();
        let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{command:?}\n{text}");
        text
    };
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
    // The same calls on the simulator, as `xmap sim` makes them.
    let mut sim = Sim::from_words(compiled.words).unwrap();
    let from = sim.board().accesses().count();
    sim.call("lamp_on", &[]).unwrap();
    sim.call("floor_light", &[Value::U8(2), Value::Bool(true)]).unwrap();
    let expected: Vec<String> =
        sim.board().accesses().skip(from).filter(|access| access.drives()).map(ToString::to_string).collect();
    assert!(expected.len() >= 2, "{expected:?}");
    for store in expected {
        events.until("store", |found| found["text"] == store.as_str());
    }
    // A component connects, subscribes and cleans up by itself.
    let said = run(Command::new("node").args(["hook.mjs", &gateway.address, &gateway.token]));
    assert!(said.contains("done"), "{said}");
}

#[test]
fn a_screen_in_kotlin_gives_back_what_it_holds() {
    let java = Command::new("java").arg("-version").output().is_ok_and(|output| output.status.success());
    let Some(modules) = node_modules(&["kotlin-compiler/bin/kotlinc"]).filter(|_| java) else {
        println!("skipped the client in Kotlin: no kotlinc or no java");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, sdk::Language::Kotlin);
    let mut sources: Vec<String> = ["Api", "Runtime", "Session"]
        .map(|name| format!("src/main/kotlin/xmap/stairwell/{name}.kt"))
        .into_iter()
        .chain(["android/Lifecycle.kt".to_string()])
        .collect();
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
    let run = |command: &mut Command| {
        let output = command.current_dir(folder).output().unwrap();
        let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{command:?}\n{text}");
        text
    };
    let kotlin = modules.join("kotlin-compiler");
    run(Command::new("bash").arg(kotlin.join("bin/kotlinc")).args(["-d", "out"]).args(&sources));
    let gateway = Gateway::stairwell();
    let classes = format!("out:{}", kotlin.join("lib/kotlin-stdlib.jar").display());
    let main = ["-cp", &classes, "xmap.stairwell.MainKt", &gateway.address, &gateway.token];
    assert_eq!(run(Command::new("java").args(main)), "done\n");
}
