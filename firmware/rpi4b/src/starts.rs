//! The account of starts in memory that a reset leaves alone ([`xmap_bcm2711::LASTING_WORDS`]).
//!
//! After a loss of power there is none: the card's store may have one (`xmap_device::Keeper::starts`).

use xmap_bcm2711::LASTING_WORDS;
use xmap_device::{COUNTED, Count, Starts};

/// The words of the account.
pub type Words = [u32; LASTING_WORDS];

/// "XST1".
const MAGIC: u32 = u32::from_le_bytes(*b"XST1");
/// A content hash, and how many starts.
const ROW_WORDS: usize = 9;
/// Magic, number of rows; behind them the digest.
const HEAD_WORDS: usize = 2;
const DIGEST_AT: usize = LASTING_WORDS - 2;

const _: () = assert!(HEAD_WORDS + COUNTED * ROW_WORDS <= DIGEST_AT);

/// Writes an account.
pub fn encode(starts: &Starts) -> Words {
    let mut words = [0; LASTING_WORDS];
    words[0] = MAGIC;
    words[1] = starts.rows().len() as u32;
    let places = words.get_mut(HEAD_WORDS..DIGEST_AT).unwrap_or_default().as_chunks_mut::<ROW_WORDS>().0;
    for ([hash_words @ .., starts], (hash, count)) in places.iter_mut().zip(starts.rows()) {
        let bytes = hash.as_chunks::<4>().0;
        hash_words.iter_mut().zip(bytes).for_each(|(to, from)| *to = u32::from_le_bytes(*from));
        *starts = u32::from(*count);
    }
    let digest = digest(&words);
    (words[DIGEST_AT], words[DIGEST_AT + 1]) = (digest as u32, (digest >> 32) as u32);
    words
}

/// Reads an account; `None` where the words are none, as after a loss of power.
pub fn decode(words: &Words) -> Option<Starts> {
    let stated = u64::from(words[DIGEST_AT]) | u64::from(words[DIGEST_AT + 1]) << 32;
    if words[0] != MAGIC || stated != digest(words) {
        return None;
    }
    let rows = words.get(HEAD_WORDS..DIGEST_AT).unwrap_or_default().as_chunks::<ROW_WORDS>().0;
    Some(Starts::new(rows.iter().take(words[1] as usize).take(COUNTED).map(row)))
}

fn row([hash_words @ .., starts]: &[u32; ROW_WORDS]) -> Count {
    let mut hash = [0; 32];
    hash.as_chunks_mut::<4>().0.iter_mut().zip(hash_words).for_each(|(to, from)| *to = from.to_le_bytes());
    (hash, u8::try_from(*starts).unwrap_or(u8::MAX))
}

/// FNV-1a over all words in front of it: it is there against memory that was never written or has decayed,
/// not against anybody, as whoever writes there runs on the device.
fn digest(words: &Words) -> u64 {
    let words = words.iter().take(DIGEST_AT);
    words.fold(0xcbf2_9ce4_8422_2325, |d, word| (d ^ u64::from(*word)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_device::UNCLEAN_STARTS;

    fn starts() -> Starts {
        let mut starts = Starts::default();
        (0..3).for_each(|n| starts.begin(&[n; 32]));
        starts.mounted();
        starts
    }

    #[test]
    fn an_account_outlives_a_reset() {
        let mut starts = Starts::default();
        for _ in 0..UNCLEAN_STARTS {
            assert_eq!(starts.set_aside(&[5; 32]), None);
            starts.begin(&[5; 32]);
            starts = decode(&encode(&starts)).unwrap();
        }
        assert_eq!(starts.set_aside(&[5; 32]), Some(UNCLEAN_STARTS));
        let full = Starts::new((0..=u8::MAX).map(|n| ([n; 32], n)));
        assert_eq!(decode(&encode(&full)).unwrap().rows(), full.rows());
    }

    #[test]
    fn what_is_no_account_is_none() {
        assert_eq!(decode(&[0; LASTING_WORDS]), None);
        assert_eq!(decode(&[u32::MAX; LASTING_WORDS]), None);
        let words = encode(&starts());
        assert_eq!(decode(&words).unwrap().rows().len(), 3);
        for bit in 0..LASTING_WORDS * 32 {
            let mut words = words;
            words[bit / 32] ^= 1 << (bit % 32);
            assert_eq!(decode(&words), None, "bit {bit}");
        }
    }
}
