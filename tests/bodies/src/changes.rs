//! Changes to something genuine, so that a fuzzer does not have to guess what a signature speaks for.

use super::entropy::Entropy;

/// Up to eight changes that the choices name: bits, bytes, stretches that go, come or are written again.
pub fn change(bytes: &mut Vec<u8>, entropy: &mut Entropy<'_>) {
    for _ in 0..entropy.below(9) {
        let len = bytes.len() as u32;
        if len == 0 {
            return;
        }
        let at = (entropy.u32() % len) as usize;
        let most = bytes.len() - at;
        match entropy.below(6) {
            0 => bytes[at] ^= 1 << entropy.below(8),
            1 => bytes[at] = entropy.u8(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..at + most.min(entropy.below(64) as usize))),
            4 => {
                let piece: Vec<u8> = (0..entropy.below(16)).map(|_| entropy.u8()).collect();
                bytes.splice(at..at, piece);
            }
            _ => {
                let piece = bytes[at..at + most.min(entropy.below(64) as usize)].to_vec();
                let to = (entropy.u32() % len) as usize;
                let to = to..(to + piece.len()).min(bytes.len());
                bytes.splice(to, piece);
            }
        }
    }
}
