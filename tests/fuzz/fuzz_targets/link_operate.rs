//! Hosts that ask a whole device for anything in any order: what runs stays, or goes for a good reason.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // What it tells, how far the input got, is for the stable test.
    _ = xmap_bodies::operate::link_operate(data);
});
