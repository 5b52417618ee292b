//! A host, a guarded device, and somebody between them; and any table of keys.
#![no_main]

#[path = "../src/changes.rs"]
mod changes;
#[path = "../src/entropy.rs"]
mod entropy;
#[path = "../src/guard.rs"]
mod guard;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    match data.split_first() {
        Some((0, rest)) => _ = guard::role_keys(rest),
        _ => _ = guard::link_guard(data),
    }
});
