//! Random numbers from the seed that the boot stage hands over for this start.
//!
//! The Raspberry Pi's firmware fills `/chosen/rng-seed` from the chip's own generator, which needs a
//! millisecond to warm up and gives some bytes in a hundred microseconds: a module would wait for it. So a
//! key is made of the seed, and HMAC-SHA256 under that key of a counter gives 32 bytes in some microseconds.
//! Sessions have another key of the same seed (`xmap_link::Nonces`), so that no module sees what they use.

#[cfg(target_os = "none")]
use core::cell::RefCell;
use core::fmt;

#[cfg(target_os = "none")]
use critical_section::Mutex;
use hmac_sha256::{HKDF, HMAC};
use tiny_mapper::Random;
use xmap_link::Nonces;

/// Bytes that one HMAC gives.
const BLOCK: usize = 32;

/// A generator for one start of the device.
#[derive(Clone)]
pub struct Seeded {
    key: HMAC,
    next: u64,
}

impl Seeded {
    /// Returns the generator of a seed that was never used before; `None` where it is none, as for sessions.
    pub fn from_seed(seed: &[u8]) -> Option<Self> {
        Nonces::from_seed(seed)?;
        let mut key = [0; 32];
        HKDF::expand(&mut key, HKDF::extract(b"xmap random 1", seed), b"key");
        Some(Self { key: HMAC::new(key), next: 0 })
    }
}

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        for chunk in bytes.chunks_mut(BLOCK) {
            let mut mac = self.key.clone();
            mac.update(self.next.to_le_bytes());
            self.next = self.next.wrapping_add(1);
            chunk.iter_mut().zip(mac.finalize()).for_each(|(byte, random)| *byte = random);
        }
        true
    }
}

impl fmt::Debug for Seeded {
    /// Shows no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seeded({})", self.next)
    }
}

/// The generator of this start: of the whole program, so that a board that is handed on takes nothing along.
#[cfg(target_os = "none")]
static SEEDED: Mutex<RefCell<Option<Seeded>>> = Mutex::new(RefCell::new(None));

/// Begins with the seed of this start; without one there are no random numbers.
#[cfg(target_os = "none")]
pub fn seed(seed: &[u8]) {
    critical_section::with(|held| SEEDED.replace(held, Seeded::from_seed(seed)));
}

/// Returns whether there was a seed.
#[cfg(target_os = "none")]
pub fn is_seeded() -> bool {
    critical_section::with(|held| SEEDED.borrow_ref(held).is_some())
}

/// Fills the bytes, where there was a seed.
#[cfg(target_os = "none")]
pub fn fill(bytes: &mut [u8]) -> bool {
    // Interrupts wait for one block at a time.
    bytes.chunks_mut(BLOCK).all(|block| {
        critical_section::with(|held| {
            SEEDED.borrow_ref_mut(held).as_mut().is_some_and(|seeded| seeded.fill(block))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(random: &mut Seeded, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        assert!(random.fill(&mut bytes));
        bytes
    }

    #[test]
    fn numbers_follow_from_the_seed_and_never_repeat() {
        let seed: [u8; 64] = core::array::from_fn(|n| n as u8);
        let mut other = seed;
        other[63] ^= 1;
        let [mut first, mut again, mut second] =
            [seed, seed, other].map(|seed| Seeded::from_seed(&seed).unwrap());
        let long = bytes(&mut first, 100);
        assert_eq!(bytes(&mut again, 100), long);
        assert_ne!(bytes(&mut second, 100), long);
        let mut blocks: Vec<_> = long.chunks(32).map(<[u8]>::to_vec).collect();
        blocks.push(bytes(&mut first, 32));
        blocks.dedup();
        assert_eq!(blocks.len(), 5);
        assert!(first.fill(&mut []));
    }

    #[test]
    fn what_is_no_seed_gives_no_numbers() {
        for seed in [&[][..], &[7; 15], &[0; 64]] {
            assert!(Seeded::from_seed(seed).is_none());
        }
    }
}
