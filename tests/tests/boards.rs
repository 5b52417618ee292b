//! A board is data: the panels run on another one too, and one panel has lines of a third bank.
//!
//! `BLESS=1 cargo test -p xmap-tests --test boards` rewrites the trace of the panel with a third bank, which
//! is the oracle's.

use std::fs;
use std::path::Path;

use xmap_boards::{Board, RPI4B, SIM96};
use xmap_compiler::manifest::Manifest;
use xmap_tests::{Panel, oracle, simulated};

/// Returns the plain trace of a panel's script on a board.
fn trace(panel: &Panel, board: &'static Board) -> String {
    let mut manifest = simulated::manifest(panel);
    manifest.module.board.value = board;
    simulated::trace(panel, &manifest)
}

#[test]
fn panels_do_the_same_on_a_board_with_more_lines() {
    let panels = Panel::all().unwrap();
    for panel in &panels {
        let expected = fs::read_to_string(panel.expected_path()).unwrap();
        let [from, to] = [&RPI4B.gpio, &SIM96.gpio];
        let expected = expected.replace(from.set.name, to.set.name).replace(from.clear.name, to.clear.name);
        assert!(trace(panel, &SIM96) == expected, "{}", panel.name);
    }
    assert!(panels.len() >= 12);
}

#[test]
fn a_panel_has_lines_of_three_banks() {
    let panel = Panel::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/rack")).unwrap();
    let expected = oracle::run(&panel.manifest, &panel.wasm, &panel.script).unwrap().trace;
    if std::env::var_os("BLESS").is_some() {
        fs::write(panel.expected_path(), &expected).unwrap();
    }
    assert_eq!(expected, fs::read_to_string(panel.expected_path()).unwrap(), "the oracle's trace");
    assert_eq!(trace(&panel, &SIM96), expected, "the simulator's trace");
    for register in ["SET0", "CLR1", "SET2", "CLR2"] {
        assert!(expected.lines().any(|line| line.starts_with(register)), "no store to {register}");
    }
}

#[test]
fn a_board_without_the_lines_has_no_image_of_the_panel() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/rack");
    let text = fs::read_to_string(dir.join("panel.toml")).unwrap().replace("sim96", "rpi4b");
    let errors = Manifest::parse("panel.toml", &text).unwrap_err().0;
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    for line in [63, 64, 65, 79, 90, 95] {
        let message = format!("rpi4b has no line {line}");
        assert!(messages.contains(&message.as_str()), "{messages:?}");
    }
}
