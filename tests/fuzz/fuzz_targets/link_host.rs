//! Any bytes at the host's end of the link: what decodes is a message, and the rest an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // What it tells, whether the input got anywhere, is for the stable test.
    _ = xmap_bodies::link::link_host(data);
});
