//! A fault at every op: each op of every panel is replaced by a trap in its turn, and the panel's script runs
//! until it meets it. From there on no op runs, and each output is in its safe state, with one store for it
//! and none for any other line.

use std::panic::resume_unwind;
use std::{fs, thread};

use xmap_boards::RegisterKind;
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_device::MountError;
use xmap_image::{Image, OnFault, Op, PinMode, Safe, Word, decode, reseal};
use xmap_link::{DeviceEventKind, Life};
use xmap_sim::{Access, Action, Script, Sim, SimBoard, SimError, Step};
use xmap_tests::Panel;

/// A panel whose policy is `safe`, its script, and what it does to registers undisturbed.
struct Subject {
    name: String,
    words: Vec<Word>,
    script: Script,
    undisturbed: Vec<Access>,
}

/// What became of a panel's ops.
#[derive(Default)]
struct Tally {
    ops: usize,
    /// Replaced, and the image verifies.
    injected: usize,
    /// Of these, met by the mount or by the script.
    reached: usize,
    /// The most stores with which a trap made all outputs safe.
    worst_stores: usize,
}

impl Subject {
    fn new(panel: &Panel) -> Self {
        let mut manifest =
            Manifest::read(&panel.manifest_path()).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
        (manifest.policy.on_trap, manifest.policy.on_fuel) = (OnFault::Safe, OnFault::Safe);
        let words = compile(&manifest, &panel.wasm).unwrap_or_else(|e| panic!("{}:\n{e}", panel.name)).words;
        let text = fs::read_to_string(panel.script_path()).unwrap();
        let image = Image::verify(&words).unwrap();
        let script = Script::parse(&text, &image).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
        let mut sim = Sim::from_words(words.clone()).unwrap_or_else(|e| panic!("{}: {e}", panel.name));
        for step in script.steps() {
            // Where the script itself traps, the module rests as well, and somebody resets it.
            if act(&mut sim, step) {
                sim.device().reset(0).unwrap();
            }
        }
        let undisturbed = sim.trace().copied().collect();
        Self { name: panel.name.clone(), words, script, undisturbed }
    }

    /// The ops of the code section: where each begins, in words, and how many it has.
    fn ops(&self) -> Vec<(usize, usize)> {
        let image = Image::verify(&self.words).unwrap();
        let ops: Vec<_> = decode(image.code()).map(|(at, _, words)| (at, words.len())).collect();
        let words: usize = ops.iter().map(|(_, words)| words).sum();
        assert_eq!(words, image.code().len(), "{}: every word of the code is an op's", self.name);
        ops
    }

    /// The image with a trap in the place of an op; `None` where it does not verify any more.
    fn injected(&self, (at, words): (usize, usize)) -> Option<Vec<Word>> {
        let image = Image::verify(&self.words).unwrap();
        let code = image.code().as_ptr().addr() - self.words.as_ptr().addr();
        let mut changed = self.words.clone();
        changed[code / size_of::<Word>() + at..][..words].fill(Op::Unreachable.abc(0, 0, 0));
        reseal(&mut changed);
        Image::verify(&changed).is_ok().then_some(changed)
    }

    fn inject(&self, op: (usize, usize), tally: &mut Tally) {
        tally.ops += 1;
        let Some(words) = self.injected(op) else { return };
        tally.injected += 1;
        let place = format!("{}, op at word {}", self.name, op.0);
        let image = Image::verify(&words).unwrap();
        let mut sim = match Sim::from_words(words.clone()) {
            Ok(sim) => sim,
            Err(SimError::Mount { error: MountError::Trap(_, trap), board }) => {
                assert_eq!(trap.op as usize, op.0, "{place}");
                tally.reached += 1;
                self.check_safe(&image, &board, &place, tally);
                return;
            }
            Err(error) => panic!("{place}: {error}"),
        };
        for (n, step) in self.script.steps().iter().enumerate() {
            let before = sim.counters().traps;
            if !act(&mut sim, step) {
                assert_eq!(sim.counters().traps, before, "{place}");
                continue;
            }
            let traps = sim.happened().into_iter().filter_map(|happening| match happening.what {
                // A script's wrong argument is its host's mistake, and counted apart.
                DeviceEventKind::Trapped(trap)
                | DeviceEventKind::Mistaken(trap)
                | DeviceEventKind::Refused(trap) => Some(trap),
                _ => None,
            });
            let traps: Vec<_> = traps.collect();
            assert_eq!(traps.len(), 1, "{place}: one trap, and nothing ran that could have been another");
            if traps[0].op as usize != op.0 {
                sim.device().reset(0).unwrap();
                continue;
            }
            tally.reached += 1;
            self.check_safe(&image, sim.board(), &place, tally);
            self.check_rest(&mut sim, &self.script.steps()[n + 1..], &place);
            return;
        }
    }

    /// Checks that what the board has recorded is what the undisturbed panel does up to some point, then the
    /// stores that make its outputs safe, and nothing else.
    fn check_safe(&self, image: &Image<'_>, board: &SimBoard, place: &str, tally: &mut Tally) {
        let chip = image.board().board();
        let mut record: Vec<Access> = board.accesses().copied().collect();
        // A module that rests asks for no edges. This comes after the outputs.
        let edges = |access: &Access| {
            use RegisterKind::{Events, Falling, Rising};
            matches!(access.register.kind, Rising | Falling | Events)
        };
        while record.last().is_some_and(edges) {
            record.pop();
        }
        let (mut stores, mut accesses) = (0, 0);
        for pin in image.pins().iter().rev().filter(|pin| matches!(pin.mode(), PinMode::Out | PinMode::InOut))
        {
            let line = pin.line();
            let last = record.last().copied();
            let done = match pin.safe() {
                Safe::Hold => continue,
                Safe::Low => (chip.register(RegisterKind::Clear, line.bank()), line.mask()),
                Safe::High => (chip.register(RegisterKind::Set, line.bank()), line.mask()),
                Safe::Float => {
                    accesses += 1;
                    let (store, load) = (record.pop().unwrap(), record[record.len() - 1]);
                    let select = chip.register_of(RegisterKind::Select, line);
                    let bits = chip.gpio.select.mask() << chip.gpio.select.shift(line);
                    assert_eq!(
                        (store.register, load.register, load.write),
                        (select, select, false),
                        "{place}"
                    );
                    assert_eq!(store.value, load.value & !bits, "{place}: line {line} alone is an input");
                    assert!(!board.is_output(line), "{place}: line {line} floats");
                    (select, load.value)
                }
            };
            if pin.safe() != Safe::Float {
                assert_eq!(last.map(|access| (access.register, access.value)), Some(done), "{place}");
                assert!(last.is_some_and(|access| access.write), "{place}");
            }
            record.pop();
            (stores, accesses) = (stores + 1, accesses + 1);
            if pin.safe() != Safe::Float && board.is_output(line) {
                assert_eq!(board.is_high(line), pin.safe() == Safe::High, "{place}: line {line}");
            }
        }
        let outputs = image.writable().len();
        assert!(stores <= outputs, "{place}: a store for each output at most");
        tally.worst_stores = tally.worst_stores.max(stores);
        assert!(accesses <= 2 * outputs, "{place}");
        let as_before = self.undisturbed.get(..record.len()) == Some(&record);
        assert!(as_before, "{place}: what came before is what the undisturbed panel does");
    }

    /// The module rests: whatever comes, it does nothing.
    fn check_rest(&self, sim: &mut Sim, rest: &[Step], place: &str) {
        assert_eq!(sim.status().life, Life::Faulted, "{place}");
        let (events, calls) = (sim.status().events, sim.counters().calls);
        let (accesses, memory) = (sim.trace().count(), sim.memory().to_vec());
        for step in rest {
            act(sim, step);
        }
        assert_eq!((sim.status().events, sim.counters().calls), (events, calls), "{place}: nothing runs");
        assert_eq!(sim.trace().count(), accesses, "{place}: no register is touched");
        assert!(sim.memory() == memory, "{place}: memory stays");
    }
}

/// Does a step. Whether the module fell into rest by it.
fn act(sim: &mut Sim, step: &Step) -> bool {
    let rests = |sim: &mut Sim| sim.device().life(0) == Life::Faulted;
    let before = rests(sim);
    match &step.action {
        Action::Call { export, args, .. } => {
            let outcome = sim.call_raw(*export, &args.raw);
            assert!(!before || outcome.is_err(), "a module that rests takes no calls");
        }
        Action::Level { line, high } => sim.set_input(*line, *high).unwrap(),
        Action::Advance { us } => sim.advance(*us),
        Action::SetClock { unix_us } => {
            sim.device().set_clock(*unix_us);
            sim.advance(0);
        }
        Action::AdvanceTo { unix_us } => {
            let us = unix_us - sim.device().clock().unix_us;
            sim.advance(us.try_into().unwrap());
        }
        other => panic!("no script of a panel has {other:?}"),
    }
    !before && rests(sim)
}

#[test]
fn a_trap_at_any_op_makes_the_outputs_safe() {
    let panels = Panel::all().unwrap();
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let runs: Vec<_> = panels.iter().map(|panel| scope.spawn(|| tally(panel))).collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    println!("{:<10}{:>6}{:>10}{:>9}{:>8}", "panel", "ops", "injected", "reached", "stores");
    let mut reached_in_all = 0;
    for (panel, tally) in panels.iter().zip(tallies) {
        let Tally { ops, injected, reached, worst_stores } = tally;
        println!("{:<10}{ops:>6}{injected:>10}{reached:>9}{worst_stores:>8}", panel.name);
        assert!(
            ops - injected <= ops / 20,
            "{}: only what spilled registers bind cannot be replaced",
            panel.name
        );
        assert!(reached * 10 >= injected * 8, "{}: scripts reach most ops", panel.name);
        reached_in_all += reached;
    }
    assert!(reached_in_all > 1500, "{reached_in_all} ops");
}

fn tally(panel: &Panel) -> Tally {
    let subject = Subject::new(panel);
    let mut tally = Tally::default();
    subject.ops().into_iter().for_each(|op| subject.inject(op, &mut tally));
    tally
}
