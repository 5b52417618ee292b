//! A trap leaves a module sound: modules of each compiler, whose calls trap a hundred thousand times, work on
//! as before.

use std::path::Path;

use tiny_mapper::{CallError, Mapper, STACK_SLOTS, Store, TrapCode};
use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::input::read_module;
use xmap_compiler::manifest::Manifest;
use xmap_image::Image;
use xmap_sim::{Sim, SimBoard};

/// Traps of each module.
const TRAPS: usize = 100_000;

/// A module of `tests/traps`: a call that traps, and calls with what they return.
struct Case {
    folder: &'static str,
    trap: (&'static str, u64),
    /// What returns the same every time.
    good: &'static [(&'static str, &'static [u64], u64)],
    /// What has to be called once, first.
    before: &'static [&'static str],
    /// Whether the module is whole wherever its fuel ends. A garbage collector is not, in the middle of its
    /// work.
    whole_anywhere: bool,
}

const C: &[(&str, &[u64], u64)] = &[("measure", &[10], 170), ("check", &[], u32::MAX as u64)];

const CASES: [Case; 5] = [
    Case { folder: "c", trap: ("measure", 2000), good: C, before: &["fill"], whole_anywhere: true },
    // The source of `c`, linked with the stack below the data.
    Case {
        folder: "c-stack-first",
        trap: ("measure", 2000),
        good: C,
        before: &["fill"],
        whole_anywhere: true,
    },
    Case {
        folder: "rust",
        trap: ("measure", 9),
        good: &[("sum", &[], 112)],
        before: &[],
        whole_anywhere: true,
    },
    Case {
        folder: "zig",
        trap: ("measure", 96),
        good: &[("measure", &[5], 5), ("sum", &[], 112)],
        before: &[],
        whole_anywhere: true,
    },
    Case {
        folder: "assemblyscript",
        trap: ("mapit", u32::MAX as u64),
        good: &[("mapit", &[4], 18), ("mapit", &[0], 0)],
        before: &[],
        whole_anywhere: false,
    },
];

fn build(case: &Case) -> Compiled {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traps").join(case.folder);
    let manifest = Manifest::read(&folder.join("panel.toml")).unwrap_or_else(|e| panic!("{e}"));
    let module = read_module(&manifest.wasm_path()).unwrap_or_else(|e| panic!("{e}"));
    let compiled = compile(&manifest, &module).unwrap_or_else(|e| panic!("{e}"));
    assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
    let image = Image::verify(&compiled.words).unwrap();
    assert!(image.stack_pointer().is_some(), "{}: no pointer", case.folder);
    compiled
}

/// In the simulator, which is the device program: calls trap, and the next ones are right.
#[test]
fn a_hundred_thousand_traps_take_nothing() {
    for case in &CASES {
        let mut sim = Sim::from_words(build(case).words).unwrap_or_else(|e| panic!("{}: {e}", case.folder));
        sim.board_mut().record(false);
        let id = |sim: &Sim, name: &str| sim.image().find(name).unwrap();
        for name in case.before {
            sim.call_raw(id(&sim, name), &[]).unwrap();
        }
        let (name, arg) = case.trap;
        let trap = id(&sim, name);
        let mut codes = Vec::new();
        for n in 1..=TRAPS {
            match sim.call_raw(trap, &[arg]) {
                Err(CallError::Trap(trap)) => codes.push(trap.code),
                other => panic!("{}: no trap: {other:?}", case.folder),
            }
            if n % 5000 == 0 || n < 100 {
                for (name, args, result) in case.good {
                    let got = sim.call_raw(id(&sim, name), args);
                    assert_eq!(got, Ok(vec![*result]), "{}: {name} after {n} traps", case.folder);
                }
            }
        }
        codes.dedup();
        assert_eq!(codes.len(), 1, "{}: the traps change: {codes:?}", case.folder);
    }
}

/// The fuel ends at every place where it can, which is at every depth of the stack.
#[test]
fn fuel_that_ends_anywhere_takes_nothing() {
    for case in CASES.iter().filter(|case| case.whole_anywhere) {
        let words = build(case).words;
        let image = Image::verify(&words).unwrap();
        let (mut stack, mut globals) =
            (vec![0; image.stack_slots().max(STACK_SLOTS)], vec![0; image.slots()]);
        let mut memory = vec![0; image.header().memory_bytes as usize];
        let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
        let mut mapper = Mapper::load(image, SimBoard::new(), store).unwrap();
        mapper.port_mut().record(false);
        for name in case.before {
            let id = mapper.find(name).unwrap();
            mapper.call(id, &[]).unwrap();
        }
        let mut traps = 0;
        while traps < TRAPS {
            for (name, args, result) in case.good {
                let id = mapper.find(name).unwrap();
                mapper.set_fuel_cap(u32::MAX);
                assert_eq!(mapper.call(id, args), Ok(&[*result][..]), "{}: after {traps} traps", case.folder);
                let before = mapper.globals().to_vec();
                for fuel in 0..mapper.counters().fuel {
                    mapper.set_fuel_cap(fuel);
                    match mapper.call(id, args) {
                        Err(CallError::Trap(trap)) => assert_eq!(trap.code, TrapCode::Fuel),
                        other => panic!("{}: no trap with {fuel} of fuel: {other:?}", case.folder),
                    }
                    assert_eq!(mapper.globals(), before, "{}: with {fuel} of fuel", case.folder);
                    traps += 1;
                }
            }
        }
    }
}
