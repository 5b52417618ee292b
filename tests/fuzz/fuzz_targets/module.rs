//! Any module with any manifest: what compiles verifies.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    _ = xmap_bodies::compiler::module(data);
});
