//! Any signed policy: only what the root key signed is decoded.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    _ = xmap_bodies::policy::policy_signed(data);
});
