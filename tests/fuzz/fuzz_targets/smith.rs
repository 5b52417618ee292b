//! Any valid module: what compiles verifies.
#![no_main]

#[path = "../src/compiler.rs"]
// The other targets use the rest.
#[allow(dead_code)]
mod compiler;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    _ = compiler::smith(data);
});
