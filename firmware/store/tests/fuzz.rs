//! The body of the fuzz target `store_card` (`tests/fuzz`) on stable Rust, over seeded inputs.

use xmap_bodies::store::{Stored, store_card};

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
