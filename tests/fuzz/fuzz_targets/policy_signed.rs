//! Any signed policy: only what the root key signed is decoded.
#![no_main]

#[path = "../src/changes.rs"]
mod changes;
#[path = "../src/entropy.rs"]
// The other targets use the rest.
#[allow(dead_code)]
mod entropy;
#[path = "../src/policy.rs"]
mod policy;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    _ = policy::policy_signed(data);
});
