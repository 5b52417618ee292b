#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// `kernel N` prints the checksum of n rounds.
#[cfg(not(target_arch = "wasm32"))]
fn main() {
    let n = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    println!("{}", run(n));
}

/// The next of a sequence of pseudo-random numbers (Marsaglia's xorshift).
#[allow(dead_code)]
fn next(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}
