//! Eratosthenes' sieve over 16,384 bits, and a count of what is left.
#![cfg_attr(target_arch = "wasm32", no_std, no_main)]

include!("../kernel.rs");

const BITS: usize = 16_384;

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u32 {
    let mut sum = 0u32;
    for round in 0..n {
        let mut composite = [0u32; BITS / 32];
        composite[0] = 3;
        let mut i = 2 + (round & 1) as usize;
        while i * i < BITS {
            if composite[i / 32] >> (i % 32) & 1 == 0 {
                let mut multiple = i * i;
                while multiple < BITS {
                    composite[multiple / 32] |= 1 << (multiple % 32);
                    multiple += i;
                }
            }
            i += 1;
        }
        let left: u32 = composite.iter().map(|word| word.count_zeros()).sum();
        sum = sum.wrapping_mul(31).wrapping_add(left);
    }
    sum
}
