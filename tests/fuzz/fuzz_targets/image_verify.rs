//! Any bytes: verification answers, and what it lets through has what it promises.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| xmap_fuzz::image_verify(data));
