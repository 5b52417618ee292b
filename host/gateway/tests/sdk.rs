//! A client that `xmap sdk` made of a panel's document, against the gateway with that panel on the simulated
//! board: what it stores is what the command line stores. Where there is no compiler of TypeScript the test
//! says so and ends: `npm install typescript @types/node` in target/node, or XMAP_NODE_MODULES=FOLDER.

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

fn node_modules() -> Option<PathBuf> {
    let given = std::env::var_os("XMAP_NODE_MODULES").map(PathBuf::from);
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node/node_modules");
    given.into_iter().chain([local]).find(|folder| folder.join("typescript/bin/tsc").is_file())
}

#[test]
fn a_client_stores_what_the_command_line_stores() {
    let built = xmap_project::build(Path::new(&stairwell()), None, &mut |_| ()).unwrap();
    let document = openapi::document(&built.compiled.contract, &Place::File("panel.toml".into())).unwrap();
    let api =
        sdk::model::Api::read(&document).unwrap_or_else(|error| panic!("{}: {}", error.pointer, error.why));
    let files = sdk::write(&api, sdk::Language::TypeScript);
    let Some(modules) = node_modules() else {
        println!("skipped the client in TypeScript: no tsc");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, text) in
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).chain([("caller.ts", CALLER)])
    {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), text.replace("\"include\": [", "\"include\": [\"caller.ts\", "))
            .unwrap();
    }
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
    let mut sim = Sim::from_words(built.compiled.words).unwrap();
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
