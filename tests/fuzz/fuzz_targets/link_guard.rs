//! A host, a guarded device, and somebody between them; and any table of keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // How far it got is for the stable test.
    match data.split_first() {
        Some((0, rest)) => _ = xmap_bodies::guard::role_keys(rest),
        _ => _ = xmap_bodies::guard::link_guard(data),
    }
});
