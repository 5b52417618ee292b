//! Runs a panel's script on the simulator.

use std::fs;

use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_sim::{Script, Sim};

use crate::Panel;

/// Reads a panel's manifest.
///
/// # Panics
/// Where it does not hold.
pub fn manifest(panel: &Panel) -> Manifest {
    Manifest::read(&panel.manifest_path()).unwrap_or_else(|e| panic!("{}: {e}", panel.name))
}

/// Compiles a panel with a manifest and returns the plain trace of its script.
///
/// # Panics
/// Where the panel does not compile, or its script does not run.
pub fn trace(panel: &Panel, manifest: &Manifest) -> String {
    let compiled = compile(manifest, &panel.wasm).unwrap_or_else(|e| panic!("{}:\n{e}", panel.name));
    let mut sim = Sim::from_words(compiled.words).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
    assert_eq!(sim.image().board(), manifest.module.board.value.id);
    let text = fs::read_to_string(panel.script_path()).unwrap();
    let script = Script::parse(&text, &sim.image()).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
    let mut trace = String::new();
    xmap_sim::run(&mut sim, &script, &mut |shown| trace += &format!("{shown}\n"))
        .unwrap_or_else(|e| panic!("{}: {e}", panel.name));
    trace
}
