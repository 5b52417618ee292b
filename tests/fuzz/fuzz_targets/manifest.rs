//! Any manifest: errors have places, and what is taken is held against a module.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    _ = xmap_bodies::compiler::manifest(data);
});
