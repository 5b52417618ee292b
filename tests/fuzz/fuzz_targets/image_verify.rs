//! Any bytes: verification answers, and what it lets through has what it promises.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // What it tells, whether the input got anywhere, is for the stable test.
    _ = xmap_bodies::image::image_verify(data);
});
