//! Panels that bring the standard library of their language: what they cost, and that a panel in Go does what
//! the same panel in C does.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::manifest::Manifest;
use xmap_image::Image;
use xmap_sim::{Sim, Value};
use xmap_tests::Panel;

/// A module of Go, in percent of its image at most.
const IMAGE_PERCENT: usize = 115;
/// How long it may take to compile, with optimisation and alone; and steps for each byte of the module at
/// most, which are the same in each build and on each machine.
const COMPILE: Duration = Duration::from_secs(3);
const STEPS_A_BYTE: u64 = 20;

fn built(panel: &Panel) -> Compiled {
    let manifest = Manifest::read(&panel.manifest_path()).unwrap();
    compile(&manifest, &panel.wasm).unwrap_or_else(|e| panic!("{}: {e}", panel.name))
}

/// The panel in Go, compiled once, and how long that took.
fn go() -> &'static (Panel, Compiled, Duration) {
    static GO: OnceLock<(Panel, Compiled, Duration)> = OnceLock::new();
    GO.get_or_init(|| {
        let panel = panels().into_iter().find(|panel| panel.name == "go").unwrap();
        let start = Instant::now();
        let compiled = built(&panel);
        (panel, compiled, start.elapsed())
    })
}

fn panels() -> Vec<Panel> {
    let lamp = Panel::all().unwrap().into_iter().find(|panel| panel.name == "lamp");
    lamp.into_iter().chain(Panel::hosted().unwrap()).collect()
}

#[test]
fn a_panel_in_go_stores_what_the_same_panel_in_c_does() {
    let stores = |name: &str| -> Vec<String> {
        let panel = panels().into_iter().find(|panel| panel.name == name).unwrap();
        let trace = fs::read_to_string(panel.expected_path()).unwrap();
        trace.lines().filter(|line| line.starts_with("GP")).map(str::to_string).collect()
    };
    assert_eq!(stores("go"), stores("lamp"));
    assert!(stores("go").len() > 10);
}

#[test]
fn a_panic_in_go_says_what_and_where() {
    let mut sim = Sim::from_words(go().1.words.clone()).unwrap();
    sim.call("blinks_per_minute", &[Value::U32(0)]).unwrap_err();
    let log: Vec<&str> = sim.log().map(|(_, text)| text).collect();
    assert!(log.contains(&"panic: runtime error: integer divide by zero"), "{log:?}");
    assert!(log.iter().any(|line| line.contains("lamp/main.go:")), "{log:?}");
}

#[test]
fn large_modules_are_compiled_in_seconds_and_grow_little() {
    let (panel, Compiled { words, steps, .. }, took) = go();
    let (module, image) = (panel.wasm.len(), words.len() * 4);
    println!("{module} bytes of module, {image} of image, {steps} steps, {took:?}");
    assert!(image * 100 <= module * IMAGE_PERCENT, "{image}");
    assert!(*steps <= module as u64 * STEPS_A_BYTE, "{steps} steps");
    assert!(cfg!(debug_assertions) || *took <= COMPILE, "{took:?}");
}

/// The table of docs/guest.md, within a twentieth. Its counts of instructions are the emulator's to say
/// (`emulator/languages.rs`).
#[test]
fn the_table_of_languages_is_what_panels_cost() {
    let guest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guest.md")).unwrap();
    let mut wrong = String::new();
    for panel in panels() {
        let name = panel.dir.file_name().unwrap().to_string_lossy().into_owned();
        let words = if panel.name == "go" { go().1.words.clone() } else { built(&panel).words };
        let memory = Image::verify(&words).unwrap().header().memory_bytes;
        let mut sim = Sim::from_words(words.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
        sim.call("lamp_set", &[Value::Bool(true)]).unwrap();
        let costs = [panel.wasm.len() as u32, words.len() as u32 * 4, memory, sim.counters().fuel];
        let [module, image, memory, fuel] = costs;
        let row = format!("| `{name}` | {module} | {image} | {memory} | {fuel} | ...");
        println!("{row}");
        let printed =
            guest.lines().find(|line| line.starts_with(&format!("| `{name}` | "))).unwrap_or_default();
        let printed: Vec<u32> = printed.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
        let near = |(is, says): (&u32, &u32)| is.abs_diff(*says) * 20 <= *is;
        if printed.len() < costs.len() || !costs.iter().zip(&printed).all(near) {
            wrong += &format!("{row}\n");
        }
    }
    assert!(wrong.is_empty(), "docs/guest.md has other numbers than\n{wrong}");
}
