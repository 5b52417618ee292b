//! A table of names with open addressing and FNV-1a: strings, hashes, probes.
#![cfg_attr(target_arch = "wasm32", no_std, no_main)]

include!("../kernel.rs");

#[derive(Clone, Copy)]
struct Entry {
    key: [u8; 8],
    value: u32,
    used: bool,
}

struct Table {
    entries: [Entry; 256],
}

fn hash(key: &[u8; 8]) -> u32 {
    key.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

impl Table {
    fn slot(&self, key: &[u8; 8]) -> usize {
        let mut at = hash(key) as usize & 255;
        while self.entries[at].used && self.entries[at].key != *key {
            at = (at + 1) & 255;
        }
        at
    }

    fn add(&mut self, key: [u8; 8], value: u32) {
        let at = self.slot(&key);
        let entry = &mut self.entries[at];
        *entry = Entry { key, value: entry.value.wrapping_add(value), used: true };
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u32 {
    let mut state = 2_654_435_769;
    let mut sum = 0u32;
    for _ in 0..n {
        let mut table = Table { entries: [Entry { key: [0; 8], value: 0, used: false }; 256] };
        for _ in 0..300 {
            let number = next(&mut state);
            let mut key = *b"name0000";
            for (place, byte) in key[4..].iter_mut().enumerate() {
                *byte = b'a' + (number >> (place * 5) & 3) as u8;
            }
            table.add(key, number >> 24);
        }
        for entry in table.entries.iter().filter(|entry| entry.used) {
            sum = sum.rotate_left(5) ^ entry.value;
        }
    }
    sum
}
