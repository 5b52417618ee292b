//! Machine code that leaves every op: the interpreter runs them one by one, and all is as it is in one go.
//! Code that runs ops itself needs an AArch64 machine (`tests/tests/linux/machine_code.rs`).

mod common;
use std::cell::Cell;

use common::Recorder;
use tiny_mapper::{Frame, Machine, Mapper, Store};
use xmap_bodies::{Entropy, generate};
use xmap_image::{ExportId, Image};

/// Runs nothing.
#[derive(Debug)]
struct Leaves;

impl Machine for Leaves {
    fn run(&self, _: &mut Frame<'_>) {}
}

/// Runs nothing, and sees each op.
#[derive(Debug, Default)]
struct Watches(Cell<u32>);

impl Machine for Watches {
    fn run(&self, frame: &mut Frame<'_>) {
        let op = frame.op().expect("a call goes on with an op");
        assert!((op as usize) < frame.image().code().len());
        self.0.set(self.0.get() + 1);
    }

    fn sees_all(&self) -> bool {
        true
    }
}

/// Returns what calls of each export give and leave behind.
fn trace(image: Image<'_>, machine: Option<&dyn Machine>, entropy: &mut Entropy<'_>) -> String {
    let mut stack = vec![0; image.stack_slots()];
    let mut memory = vec![0; image.header().memory_bytes as usize + 65_536];
    let mut slots = vec![0; image.slots()];
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut slots };
    let mut mapper =
        Mapper::load(image, Recorder::default(), store).expect("the store is as large as it says");
    mapper.set_fuel_cap(3000);
    mapper.set_machine(machine);
    let mut lines = String::new();
    for id in (0..image.exports().len() as u16).map(ExportId) {
        for _ in 0..3 {
            let params = image.exports()[usize::from(id.0)].params();
            let args: Vec<u64> = (0..params).map(|_| u64::from(entropy.below(70))).collect();
            let outcome = mapper.call(id, &args).map(<[u64]>::to_vec);
            lines += &format!("{outcome:?} {:?} {:?}\n", mapper.counters(), mapper.globals());
        }
    }
    let (_, board, store) = mapper.into_parts();
    let sum = store.memory.iter().fold(0u64, |sum, byte| sum.rotate_left(5) ^ u64::from(*byte));
    lines + &format!("{board:?} {:?} {sum}", store.stack)
}

#[test]
fn ops_one_by_one_are_ops_in_one_go() {
    let mut seen = 0;
    for seed in 0..300u32 {
        let seed = seed.to_le_bytes();
        let mut entropy = Entropy::of(&seed);
        let words = generate(&mut entropy);
        let image = Image::verify(&words).expect("a generated image verifies");
        let expected = trace(image, None, &mut entropy.clone());
        let watches = Watches::default();
        assert_eq!(trace(image, Some(&watches), &mut entropy.clone()), expected, "image {seed:?}");
        assert_eq!(trace(image, Some(&Leaves), &mut entropy), expected, "image {seed:?}");
        seen += watches.0.get();
    }
    assert!(seen > 10_000, "{seen} ops");
}
