//! Any bytes on a card: what a store reads of them is what a header vouches for.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    _ = xmap_bodies::store::store_card(data);
});
