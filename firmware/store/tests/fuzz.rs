//! The body of the fuzz target `store_card` (`tests/fuzz`) on stable Rust, over seeded inputs.

#[path = "../../../tests/fuzz/src/entropy.rs"]
#[allow(dead_code, unreachable_pub)]
mod entropy;
#[path = "../../../tests/fuzz/src/store.rs"]
#[allow(unreachable_pub)]
mod store;

use store::{Stored, store_card};

#[test]
fn whatever_stands_on_a_card_a_record_is_what_its_header_says() {
    let mut all = Stored::default();
    for seed in 0..1500u32 {
        let one = store_card(&seed.to_le_bytes());
        all.read += one.read;
        all.damaged += one.damaged;
    }
    println!("{all:?}");
    // Were nearly all refused at their first bytes, this would show nothing of the rest.
    assert!(all.read > 500 && all.damaged > 500, "{all:?}");
}
