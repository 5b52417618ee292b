//! Hosts that ask a whole device for anything in any order: what runs stays, or goes for a good reason.
#![no_main]

#[path = "../src/entropy.rs"]
// The other targets use the rest.
#[allow(dead_code)]
mod entropy;
#[path = "../src/operate.rs"]
mod operate;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // What it tells, how far the input got, is for the stable test.
    _ = operate::link_operate(data);
});
