//! Any image, seal and policy: what is taken is what the rules allow.
#![no_main]

#[path = "../src/changes.rs"]
mod changes;
#[path = "../src/entropy.rs"]
// The other targets use the rest.
#[allow(dead_code)]
mod entropy;
#[path = "../src/seal.rs"]
mod seal;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    _ = seal::seal_check(data);
});
