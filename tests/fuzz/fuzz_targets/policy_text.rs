//! Any `policy.toml`: errors have places, and what is taken can be signed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    _ = xmap_bodies::compiler::policy_text(data);
});
