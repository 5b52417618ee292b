//! Any image that verifies: its calls end, within their fuel and on their own lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // What it tells, whether the input got anywhere, is for the stable test.
    _ = xmap_bodies::image::image_run(data);
});
