//! Any bytes at the device's end of the link: the rules of a session hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // What it tells, whether the input got anywhere, is for the stable test.
    _ = xmap_bodies::link::link_device(data);
});
