//! Miller and Rabin's test of 64-bit numbers, with products of 128 bits by halves.
#![cfg_attr(target_arch = "wasm32", no_std, no_main)]

include!("../kernel.rs");

/// `a * b % m` by doubling, for m below 2^63.
fn mul_mod(mut a: u64, mut b: u64, m: u64) -> u64 {
    let mut sum = 0;
    a %= m;
    while b != 0 {
        if b & 1 != 0 {
            sum += a;
            if sum >= m {
                sum -= m;
            }
        }
        a <<= 1;
        if a >= m {
            a -= m;
        }
        b >>= 1;
    }
    sum
}

fn pow_mod(mut base: u64, mut exponent: u64, m: u64) -> u64 {
    let mut power = 1;
    while exponent != 0 {
        if exponent & 1 != 0 {
            power = mul_mod(power, base, m);
        }
        base = mul_mod(base, base, m);
        exponent >>= 1;
    }
    power
}

fn probably_prime(n: u64) -> bool {
    let shift = (n - 1).trailing_zeros();
    [2u64, 3].iter().all(|base| {
        let mut x = pow_mod(*base, (n - 1) >> shift, n);
        x == 1 || x == n - 1 || (1..shift).any(|_| { x = mul_mod(x, x, n); x == n - 1 })
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u32 {
    let mut sum = 0u32;
    for round in 0..n {
        let number = 1_000_000_007u64 + u64::from(round) * 2;
        sum = sum.wrapping_mul(3).wrapping_add(u32::from(probably_prime(number)));
    }
    sum
}
