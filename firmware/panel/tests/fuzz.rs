//! The body of the fuzz target `link_operate` (`tests/fuzz`) on stable Rust: some hundred sessions of two hosts with
//! one device.

#[path = "../../../tests/fuzz/src/entropy.rs"]
#[allow(dead_code, unreachable_pub)]
mod entropy;
#[path = "../../../tests/fuzz/src/operate.rs"]
#[allow(unreachable_pub)]
mod operate;

use operate::{Reached, link_operate};

#[test]
#[cfg_attr(miri, ignore = "thousands of inputs")]
fn any_session_leaves_every_module_what_it_had_or_something_better() {
    let mut all = Reached::default();
    for seed in 0..600u32 {
        let reached = link_operate(&seed.to_le_bytes());
        all.swapped += reached.swapped;
        all.taken_back += reached.taken_back;
        all.refused += reached.refused;
        all.trapped += reached.trapped;
        all.stale += reached.stale;
        all.busy += reached.busy;
    }
    println!("{all:?}");
    // Were most sessions over before anything ran, this would show little.
    assert!(all.swapped > 200 && all.taken_back > 10 && all.refused > 200, "{all:?}");
    assert!(all.trapped > 100 && all.stale > 10 && all.busy > 200, "{all:?}");
}
