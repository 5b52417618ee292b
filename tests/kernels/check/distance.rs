//! Levenshtein's distance of two words of 48 letters, one row at a time.
#![cfg_attr(target_arch = "wasm32", no_std, no_main)]

include!("../kernel.rs");

const LEN: usize = 48;

fn distance(a: &[u8; LEN], b: &[u8; LEN]) -> u32 {
    let mut row = [0u32; LEN + 1];
    for (n, cost) in row.iter_mut().enumerate() {
        *cost = n as u32;
    }
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i as u32 + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (above + 1).min(row[j] + 1).min(diagonal + u32::from(x != y));
            diagonal = above;
        }
    }
    row[LEN]
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u32 {
    let mut state = 1_234_567;
    let mut sum = 0u32;
    for _ in 0..n {
        let mut words = [[0u8; LEN]; 2];
        for byte in words.iter_mut().flatten() {
            *byte = b'a' + (next(&mut state) >> 13 & 7) as u8;
        }
        sum = sum.wrapping_mul(17).wrapping_add(distance(&words[0], &words[1]));
    }
    sum
}
