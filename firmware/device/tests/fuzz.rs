//! The body of the fuzz target `link_operate` (`tests/fuzz`) on stable Rust: some hundred sessions of two
//! hosts with one device, and a long run.

use xmap_bodies::Entropy;
use xmap_bodies::operate::{Reached, link_operate, operate};

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn any_session_leaves_every_module_what_it_had_or_something_better() {
    let mut all = Reached::default();
    for seed in 0..400u32 {
        all.add(link_operate(&seed.to_le_bytes()));
    }
    println!("{all:?}");
    // Were most sessions over before anything ran, this would show little.
    assert!(all.swapped > 200 && all.taken_back > 10 && all.refused > 200, "{all:?}");
    assert!(all.trapped > 100 && all.stale > 10 && all.busy > 200, "{all:?}");
    assert!(all.rolled_back > 10 && all.beside_active > 20 && all.beside_returning > 5, "{all:?}");
    assert!(all.replayed[0] == 400 && all.replayed[1] > 30, "{all:?}");
    assert!(all.resting > 200 && all.side_by_side > 1000 && all.foreign > 50, "{all:?}");
}

/// Steps of the long run, and of each of its sessions.
const STEPS: u32 = 2_600_000;
const SESSION: u32 = 50;

/// `cargo test --release -p xmap-device --test fuzz -- --ignored --nocapture`: some minutes.
#[test]
#[ignore = "millions of steps"]
fn two_million_steps_with_two_hundred_thousand_swaps() {
    let mut all = Reached::default();
    for seed in 0..STEPS / SESSION {
        let data = (seed | 1 << 31).to_le_bytes();
        all.add(operate(&mut Entropy::of(&data), SESSION));
    }
    println!("{STEPS} steps: {all:?}");
    assert!(all.swapped >= 200_000, "{all:?}");
}
