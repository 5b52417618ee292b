//! Any image, seal and policy: what is taken is what the rules allow.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    _ = xmap_bodies::seal::seal_check(data);
});
