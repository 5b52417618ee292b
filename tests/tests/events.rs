//! Events, bounces and faults that no script has thought of: random ones, to the simulator and to the oracle,
//! which shares no code with it.

use std::fmt::Write as _;

use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_sim::Sim;
use xmap_tests::Panel;
use xmap_tests::differential::Rng;
use xmap_tests::oracle::{self, Mode, Ty};

/// Scripts for each panel, and steps of each.
const SCRIPTS: u64 = 24;
const STEPS: usize = 50;

/// Times on both sides of the panels' own: debounces, periods, delays, a restart forgiven.
const TIMES_US: [u64; 16] = [
    0, 1, 2000, 4999, 5000, 9999, 10_000, 19_999, 20_000, 49_999, 50_000, 100_000, 499_999, 500_000,
    3_000_000, 60_000_001,
];

/// Times that a clock is set to: around changes to summer time and back, and around schedules; some are
/// within a correction of each other.
const CLOCKS: [&str; 10] = [
    "2026-03-27T19:29:59+01:00",
    "2026-03-27T21:00:00+01:00",
    "2026-03-28T06:59:00+01:00",
    "2026-03-29T01:30:00+01:00",
    "2026-03-29T03:10:00+02:00",
    "2026-03-29T07:00:00+02:00",
    "2026-10-25T02:10:00+02:00",
    "2026-10-25T02:50:00+02:00",
    "2026-10-25T02:05:00+01:00",
    "2026-10-25T05:04:00+01:00",
];

/// A world for a panel: presses, bounces, pauses, calls, some of which trap.
fn script(panel: &Panel, random: &mut Rng) -> String {
    let inputs: Vec<u8> =
        panel.manifest.pins.iter().filter(|(_, pin)| pin.mode == Mode::In).map(|(line, _)| *line).collect();
    let exports = panel.manifest.exports.as_deref().unwrap_or_default();
    let mut text = String::new();
    for _ in 0..STEPS {
        match random.below(10) {
            // A panel without inputs is one that goes by the clock.
            0..2 if inputs.is_empty() => {
                writeln!(text, "clock {}", CLOCKS[random.below(CLOCKS.len())]).unwrap();
            }
            2..4 if inputs.is_empty() => {
                writeln!(text, "advance {}", 1 + random.below(7 * 3600) as u64 * 1_000_000).unwrap();
            }
            0..4 => {
                writeln!(text, "level {} {}", inputs[random.below(inputs.len())], random.below(2)).unwrap();
            }
            4..8 => writeln!(text, "advance {}", TIMES_US[random.below(TIMES_US.len())]).unwrap(),
            8 => writeln!(text, "advance {}", random.below(200_000)).unwrap(),
            _ => {
                let export = &exports[random.below(exports.len())];
                write!(text, "call {}", export.name).unwrap();
                for ty in export.params.iter().flatten() {
                    let most = if *ty == Ty::Bool { 2 } else { 7 };
                    write!(text, " {}", random.below(most)).unwrap();
                }
                text.push('\n');
            }
        }
    }
    text
}

#[test]
fn random_worlds_leave_the_oracles_trace() {
    let panels = Panel::all().unwrap();
    let driven: Vec<_> = panels.iter().filter(|panel| !panel.manifest.handlers().is_empty()).collect();
    assert!(driven.len() >= 2, "panels with handlers");
    let mut some_rest = 0;
    for panel in driven {
        let manifest = Manifest::read(&panel.manifest_path()).unwrap();
        let words = compile(&manifest, &panel.wasm).unwrap_or_else(|e| panic!("{}:\n{e}", panel.name)).words;
        let (mut handled, mut handler_traps, mut resting) = (0, 0, 0);
        for seed in 1..=SCRIPTS {
            let text = script(panel, &mut Rng::new(seed));
            let mut sim = Sim::from_words(words.clone()).unwrap();
            let steps = xmap_sim::Script::parse(&text, &sim.image()).unwrap();
            let mut trace = String::new();
            xmap_sim::run(&mut sim, &steps, &mut |shown| {
                handler_traps += u32::from(matches!(shown, xmap_sim::Shown::HandlerTrapped { .. }));
                trace += &format!("{shown}\n");
            })
            .unwrap();
            let steps = oracle::Script::parse(&text).unwrap();
            let expected = oracle::run(&panel.manifest, &panel.wasm, &steps).unwrap().trace;
            let differs = expected.lines().zip(trace.lines()).position(|(a, b)| a != b);
            assert_eq!(trace, expected, "{}, seed {seed}, line {differs:?} of\n{text}", panel.name);
            handled += sim.status().events;
            resting += u32::from(sim.status().life == xmap_link::Life::Faulted);
        }
        println!(
            "{}: {handled} events, {handler_traps} traps of handlers, {resting} of {SCRIPTS} runs ended at rest",
            panel.name
        );
        // What happens once in a world is no more than that.
        let once = panel.manifest.handlers().iter().all(|(_, on)| matches!(on, oracle::On::After(_)));
        let least = if once { SCRIPTS as u32 / 2 } else { 1000 };
        assert!(handled > least, "{}", panel.name);
        some_rest += u32::from(resting > 0 && resting < SCRIPTS as u32);
    }
    assert!(some_rest >= 2, "panels that some worlds bring to rest, and others do not");
}
