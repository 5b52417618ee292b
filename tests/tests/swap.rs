//! A panel is swapped between any two steps of its script: for itself, and for its next version. The oracle
//! does the same with its own account of what carries over, and the two traces are one: so what the swap
//! itself stores, which the oracle does not know, is nothing.

use std::panic::resume_unwind;
use std::{fs, thread};

use xmap_boards::{Register, RegisterKind};
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_image::OwnedImage;
use xmap_link::DeviceEventKind;
use xmap_sim::{Script, Sim};
use xmap_tests::Panel;
use xmap_tests::oracle::{self, Step};

/// What came of a panel's swaps.
#[derive(Default)]
struct Tally {
    swaps: usize,
    /// With an output high.
    lit: usize,
    /// After a fault.
    rested: usize,
    /// After which the panel did what it would have done without, but for what its own hooks did.
    unnoticed: usize,
}

/// A panel and the two images that take its place.
struct Subject {
    panel: Panel,
    words: Vec<u32>,
    images: [OwnedImage; 2],
    lines: Vec<String>,
    /// The trace without a swap.
    undisturbed: String,
}

impl Subject {
    fn new(panel: Panel) -> Self {
        let mut manifest = Manifest::read(&panel.manifest_path()).unwrap();
        let [words, next] = [0, 1].map(|newer| {
            manifest.module.version.value += newer;
            compile(&manifest, &panel.wasm).unwrap_or_else(|e| panic!("{}:\n{e}", panel.name)).words
        });
        let text = fs::read_to_string(panel.script_path()).unwrap();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        assert_eq!(lines.len(), panel.script.steps.len());
        let images = [words.clone(), next].map(|words| OwnedImage::new(words).unwrap());
        assert_ne!(images[0].image().hash(), images[1].image().hash());
        let undisturbed = fs::read_to_string(panel.expected_path()).unwrap();
        Self { panel, words, images, lines, undisturbed }
    }

    /// The trace with a swap before step `at`, on the simulator.
    fn swapped(&self, at: usize, tally: &mut Tally) -> String {
        let place = format!("{}, before step {}", self.panel.name, at + 1);
        let mut sim = Sim::from_words(self.words.clone()).unwrap();
        let mut trace = String::new();
        let (before, after) = self.lines.split_at(at);
        play(&mut sim, before, &mut trace);

        tally.swaps += 1;
        let outputs = sim.image().writable();
        tally.lit += usize::from(!(sim.board().levels() & outputs).is_empty());
        let rested = sim.status().life != xmap_link::Life::Running;
        tally.rested += usize::from(rested);
        let (accesses, floats) = (sim.trace().count(), !rested);
        let directions = sim.board().gpio().driving();
        sim.happened();
        let image = self.images[at % 2].image();
        sim.swap(&image).unwrap_or_else(|failure| panic!("{place}: {failure}"));
        sim.device().confirm(0).unwrap_or_else(|refusal| panic!("{place}: {refusal}"));
        assert_eq!(sim.image().hash(), image.hash(), "{place}");
        let happened: Vec<_> = sim.happened().into_iter().map(|happening| happening.what).collect();
        assert_eq!(happened, [DeviceEventKind::Swapped, DeviceEventKind::Confirmed], "{place}");
        if floats {
            let sets_up =
                |register: Register| matches!(register.kind, RegisterKind::Select | RegisterKind::Pull);
            let touched =
                sim.trace().skip(accesses).filter(|access| access.write && sets_up(access.register));
            assert_eq!(touched.count(), 0, "{place}: both declare the same lines");
            assert_eq!(sim.board().gpio().driving(), directions, "{place}");
        }
        let mut hooks = String::new();
        sim.show_new(&mut |shown| hooks += &format!("{shown}\n"));
        let at = trace.len();
        play(&mut sim, after, &mut trace);
        tally.unnoticed += usize::from(trace == self.undisturbed);
        trace.insert_str(at, &hooks);
        trace
    }

    /// The same, as the oracle has it.
    fn expected(&self, at: usize) -> String {
        let mut script = self.panel.script.clone();
        script.steps.insert(at, Step::Swap);
        let run = oracle::run(&self.panel.manifest, &self.panel.wasm, &script);
        run.unwrap_or_else(|e| panic!("{}, before step {}: {e:#}", self.panel.name, at + 1)).trace
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for at in 0..=self.lines.len() {
            let (found, expected) = (self.swapped(at, &mut tally), self.expected(at));
            let differs = expected.lines().zip(found.lines()).position(|(a, b)| a != b);
            assert_eq!(found, expected, "{}, before step {}: line {differs:?}", self.panel.name, at + 1);
        }
        tally
    }
}

fn play(sim: &mut Sim, lines: &[String], trace: &mut String) {
    let script = Script::parse(&lines.join("\n"), &sim.image()).unwrap();
    xmap_sim::run(sim, &script, &mut |shown| *trace += &format!("{shown}\n")).unwrap();
}

#[test]
fn a_panel_is_swapped_between_any_two_steps() {
    let subjects: Vec<Subject> = Panel::all().unwrap().into_iter().map(Subject::new).collect();
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let runs: Vec<_> = subjects.iter().map(|subject| scope.spawn(|| subject.tally())).collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    println!("{:<10}{:>7}{:>7}{:>9}{:>11}", "panel", "swaps", "lit", "rested", "unnoticed");
    for (subject, tally) in subjects.iter().zip(&tallies) {
        let Tally { swaps, lit, rested, unnoticed } = tally;
        println!("{:<10}{swaps:>7}{lit:>7}{rested:>9}{unnoticed:>11}", subject.panel.name);
        assert!(*lit > 0, "{}: lamps are on", subject.panel.name);
    }
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    assert!(sum(|tally| tally.rested) > 0, "a swap wakes a module that rests");
    assert!(sum(|tally| tally.unnoticed) > 100, "where there is no state, or all of it is kept");
}
