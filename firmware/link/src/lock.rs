//! Keys of a session, and the tags that they make: HMAC-SHA256 and HKDF (RFC 2104, RFC 5869) of a vetted
//! crate.

use core::fmt;

use hmac_sha256::{HKDF, HMAC};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::Channel;
use crate::limits::{NONCE_BYTES, TAG_BYTES};

/// The secret of a role key: 32 random bytes that a host and a device share. It has no text.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secret([u8; 32]);

/// The short name of a role key, made of its secret by a one-way function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoleKeyId(pub [u8; 8]);

/// A number that is used once.
pub type Nonce = [u8; NONCE_BYTES];

/// The proof that a message is the other side's: the first half of an HMAC-SHA256 (RFC 2104, section 5,
/// allows as little).
pub type Tag = [u8; TAG_BYTES];

impl Secret {
    /// The secret with these bytes. They have to be random: whoever guesses them has the role.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the file that keeps them.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key's short name.
    pub fn id(&self) -> RoleKeyId {
        let [id @ .., _, _, _, _, _, _, _, _] = half(&HMAC::mac(b"xmap role key id 1", self.0));
        RoleKeyId(id)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.id())
    }
}

impl fmt::Display for RoleKeyId {
    /// 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The key of one direction of one session.
#[derive(Clone)]
pub(crate) struct Lock(HMAC);

impl Lock {
    /// The keys of a session: host to device, then device to host. Both nonces go in, so that neither side
    /// can bring an earlier session's keys back.
    pub(crate) fn pair(secret: &Secret, host: &Nonce, device: &Nonce) -> [Self; 2] {
        let mut salt = [0; 2 * NONCE_BYTES];
        let (first, second) = salt.split_at_mut(NONCE_BYTES);
        first.copy_from_slice(host);
        second.copy_from_slice(device);
        let key = HKDF::extract(salt, secret.0);
        [&b"xmap link 1 host to device"[..], b"xmap link 1 device to host"].map(|direction| {
            let mut bytes = [0; 32];
            HKDF::expand(&mut bytes, key, direction);
            Self(HMAC::new(bytes))
        })
    }

    /// The tag of a message. The channel and the counter have fixed lengths, so no two of these are the same
    /// bytes.
    pub(crate) fn tag(&self, channel: Channel, counter: u64, message: &[u8]) -> Tag {
        let mut mac = self.0.clone();
        let mut head = [0; 9];
        let (first, rest) = head.split_at_mut(1);
        first.fill(channel as u8);
        rest.copy_from_slice(&counter.to_le_bytes());
        mac.update(head);
        mac.update(message);
        half(&mac.finalize())
    }

    /// Returns whether this is the message's tag; takes the same time wherever they differ.
    pub(crate) fn holds(&self, channel: Channel, counter: u64, message: &[u8], tag: &Tag) -> bool {
        self.tag(channel, counter, message).ct_eq(tag).into()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

fn half(mac: &[u8; 32]) -> Tag {
    let [half @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *mac;
    half
}

/// Numbers that are used once, made of a seed that is used for one start of the device.
///
/// Each is HMAC-SHA256 under the seed of a counter and the time. They need not be secret, nor unpredictable:
/// the device shows that it has the key before the host sends anything under it. They must not repeat, over
/// restarts either, which is the seed's part.
#[derive(Clone)]
pub struct Nonces {
    seed: HMAC,
    next: u64,
}

impl Nonces {
    /// Bytes that a seed has at least.
    pub const MIN_SEED: usize = 16;

    /// Nonces from a seed that was never used before; more bytes than needed do no harm. `None` where it is
    /// none: too short, or one byte over and over, as memory has it that nobody filled.
    pub fn from_seed(seed: &[u8]) -> Option<Self> {
        let (first, rest) = seed.split_first()?;
        if seed.len() < Self::MIN_SEED || rest.iter().all(|byte| byte == first) {
            return None;
        }
        let mut key = [0; 32];
        HKDF::expand(&mut key, HKDF::extract(b"xmap link 1 nonces", seed), b"seed");
        Some(Self { seed: HMAC::new(key), next: 0 })
    }

    /// The next one. `now_us` is the time on the device's clock: where a boot stage hands over a seed again,
    /// the moment differs.
    pub fn take(&mut self, now_us: u64) -> Nonce {
        let mut mac = self.seed.clone();
        mac.update(self.next.to_le_bytes());
        mac.update(now_us.to_le_bytes());
        self.next = self.next.wrapping_add(1);
        mac.finalize()
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonces({})", self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2: the crate computes what its name says.
    #[test]
    fn the_crate_is_hmac_sha256() {
        let mac = HMAC::mac(b"what do ya want for nothing?", b"Jefe");
        assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(mac[28..], [0x64, 0xec, 0x38, 0x43]);
    }

    /// RFC 5869, test case 1.
    #[test]
    fn the_crate_is_hkdf_sha256() {
        let salt: [u8; 13] = core::array::from_fn(|n| n as u8);
        let info: [u8; 10] = core::array::from_fn(|n| 0xf0 + n as u8);
        let mut out = [0; 42];
        HKDF::expand(&mut out, HKDF::extract(salt, [0x0b; 22]), info);
        assert_eq!(out[..4], [0x3c, 0xb2, 0x5f, 0x25]);
        assert_eq!(out[38..], [0x87, 0x18, 0x58, 0x65]);
    }

    #[test]
    fn the_keys_of_a_session_depend_on_everything() {
        let tag = |secret: u8, host: u8, device: u8, direction: usize| {
            let locks = Lock::pair(&Secret::new([secret; 32]), &[host; 32], &[device; 32]);
            locks[direction].tag(Channel::TaggedRequest, 1, b"x")
        };
        let mut tags =
            vec![tag(1, 2, 3, 0), tag(1, 2, 3, 1), tag(4, 2, 3, 0), tag(1, 4, 3, 0), tag(1, 2, 4, 0)];
        // Swapped nonces are other ones.
        tags.push(tag(1, 3, 2, 0));
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 6);
        assert_eq!(tag(1, 2, 3, 0), tag(1, 2, 3, 0));
    }

    #[test]
    fn a_tag_is_one_of_its_channel_and_counter() {
        let [lock, _] = Lock::pair(&Secret::new([1; 32]), &[2; 32], &[3; 32]);
        let tag = lock.tag(Channel::TaggedRequest, 1, b"x");
        assert!(lock.holds(Channel::TaggedRequest, 1, b"x", &tag));
        assert!(!lock.holds(Channel::TaggedResponse, 1, b"x", &tag));
        assert!(!lock.holds(Channel::TaggedRequest, 2, b"x", &tag));
        assert!(!lock.holds(Channel::TaggedRequest, 1, b"", &tag));
    }

    #[test]
    #[cfg_attr(miri, ignore = "hours under Miri")]
    fn nonces_do_not_repeat() {
        let seed: [u8; 32] = core::array::from_fn(|n| n as u8);
        let mut other = seed;
        other[31] ^= 1;
        let mut seen = std::collections::HashSet::new();
        // As after a restart: the counter begins anew, the seed does not come again.
        for seed in [seed, other] {
            let mut nonces = Nonces::from_seed(&seed).unwrap();
            for _ in 0..1000 {
                assert!(seen.insert(nonces.take(7)));
            }
        }
        // A boot stage that hands over the same seed again meets another time.
        assert!(seen.insert(Nonces::from_seed(&seed).unwrap().take(8)));
    }

    #[test]
    fn what_is_no_seed_gives_no_nonces() {
        for seed in [&[][..], &[1], &[1, 2, 3], &[0; 32], &[0xff; 64]] {
            assert!(Nonces::from_seed(seed).is_none(), "{seed:?}");
        }
        let mut seed = [0; Nonces::MIN_SEED];
        seed[0] = 1;
        assert!(Nonces::from_seed(&seed).is_some());
        assert!(Nonces::from_seed(&seed[1..]).is_none());
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new([0xa5; 32]);
        let shown = format!("{secret:?}");
        assert_eq!(shown, format!("Secret({})", secret.id()));
        assert!(!shown.contains("a5a5") && !shown.contains("165"));
        assert_ne!(secret.id(), Secret::new([0xa4; 32]).id());
    }
}
