//! Any bytes on a card: what a store reads of them is what a header vouches for.
#![no_main]

#[path = "../src/entropy.rs"]
// The other targets use the rest.
#[allow(dead_code)]
mod entropy;
#[path = "../src/store.rs"]
mod store;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    _ = store::store_card(data);
});
