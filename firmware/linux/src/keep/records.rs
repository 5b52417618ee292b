//! What the records have in them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xmap_boards::RPI4B;
use xmap_image::limits::MAX_KEPT_BYTES;
use xmap_trust::{MAX_POLICY_BYTES, SEAL_WORDS};

use super::pair::OVERHEAD;

/// Bytes of the state that an image may retain. One that would retain more is refused where it comes in.
pub const STATE_BYTES_MAX: usize = MAX_KEPT_BYTES as usize;
/// Bytes of an image's record: origin, image, seal.
const IMAGE_RECORD_MAX: usize = 1 + 255 + RPI4B.limits.image_bytes + SEAL_WORDS * 4;
/// Bytes of a trust record: the policy in hexadecimal digits, and far more names of modules than a device
/// sees.
const TRUST_RECORD_MAX: usize = 2 * MAX_POLICY_BYTES + (256 << 10);
/// Bytes of the largest record with its frame. A file that has more is none of ours.
pub const RECORD_BYTES_MAX: u64 = {
    let mut most = 4 + STATE_BYTES_MAX;
    if most < IMAGE_RECORD_MAX {
        most = IMAGE_RECORD_MAX;
    }
    if most < TRUST_RECORD_MAX {
        most = TRUST_RECORD_MAX;
    }
    (most + OVERHEAD) as u64
};

/// The parts of a record: a small head and a body, which its owner may go on reading while it is written.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// What stands before the body.
    pub head: Vec<u8>,
    /// The body.
    pub body: Arc<Vec<u8>>,
}

impl Parts {
    /// The parts, in their order.
    pub fn slices(&self) -> [&[u8]; 2] {
        [&self.head, &self.body]
    }
}

/// An image of a module, as [`xmap_device::Device::install_from`] takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRecord {
    /// Where it came from, at most 255 bytes.
    pub origin: String,
    /// Its bytes, and those of its seal behind them.
    pub bytes: Vec<u8>,
}

impl ImageRecord {
    /// As it is kept: a byte with the origin's length, the origin, the image.
    pub fn encode(self) -> Parts {
        let origin = self.origin.as_bytes().get(..255).unwrap_or(self.origin.as_bytes());
        Parts { head: [&[origin.len() as u8], origin].concat(), body: self.bytes.into() }
    }

    /// Reads it; `None` where it is none.
    pub fn decode(mut kept: Vec<u8>) -> Option<Self> {
        let (len, rest) = kept.split_first()?;
        let head = 1 + usize::from(*len);
        let origin = std::str::from_utf8(rest.get(..usize::from(*len))?).ok()?.into();
        kept.drain(..head);
        Some(Self { origin, bytes: kept })
    }
}

/// The state that an image kept. The default is that of one that keeps nothing over a restart: no start takes
/// it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateRecord {
    /// Its layout (docs/manifest.md); 0 where nothing is kept.
    pub layout: u32,
    /// Its bytes.
    pub bytes: Arc<Vec<u8>>,
}

impl StateRecord {
    /// As it is kept: the layout, 32 bits, little-endian; the bytes.
    pub fn encode(&self) -> Parts {
        Parts { head: self.layout.to_le_bytes().into(), body: self.bytes.clone() }
    }

    /// Reads it; `None` where it is none.
    pub fn decode(mut kept: Vec<u8>) -> Option<Self> {
        let layout = u32::from_le_bytes(*kept.first_chunk()?);
        kept.drain(..4);
        Some(Self { layout, bytes: kept.into() })
    }
}

/// The memory of a device with an owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRecord {
    /// The highest version of each module that counted as good.
    pub highest: std::collections::BTreeMap<String, u32>,
    /// The signed policy that was sent last, in hexadecimal digits; empty where none was.
    pub policy: String,
}

impl TrustRecord {
    /// As it is kept: TOML.
    pub fn encode(&self) -> Parts {
        // Names, numbers and a text: there is nothing that TOML has no form for.
        Parts { head: Vec::new(), body: toml::to_string(self).unwrap_or_default().into_bytes().into() }
    }

    /// Reads it; `None` where it is none.
    pub fn decode(kept: &[u8]) -> Option<Self> {
        let record: Self = toml::from_str(std::str::from_utf8(kept).ok()?).ok()?;
        record.signed().map(|_| record.clone())
    }

    /// The signed policy's bytes; `None` where the text is none.
    pub fn signed(&self) -> Option<Vec<u8>> {
        let (pairs, rest) = self.policy.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
        rest.is_empty().then(|| pairs.iter().map(byte).collect())?
    }

    /// Takes a signed policy.
    pub fn set_signed(&mut self, signed: &[u8]) {
        self.policy = signed.iter().map(|byte| format!("{byte:02x}")).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let image = ImageRecord { origin: "https://panels.example".into(), bytes: vec![1, 2, 3, 4] };
        assert_eq!(ImageRecord::decode(image.clone().encode().slices().concat()), Some(image));
        let state = StateRecord { layout: 0xdead_beef, bytes: vec![9; 8].into() };
        assert_eq!(StateRecord::decode(state.encode().slices().concat()), Some(state));
        let nothing = StateRecord::default();
        assert_eq!(StateRecord::decode(nothing.encode().slices().concat()), Some(nothing));
        let mut trust = TrustRecord::default();
        assert_eq!(TrustRecord::decode(&trust.encode().body), Some(trust.clone()));
        trust.highest.insert("hall \"1\"".into(), u32::MAX);
        trust.set_signed(&[0, 0xff, 0x10]);
        let back = TrustRecord::decode(&trust.encode().body).unwrap();
        assert_eq!((back.signed(), &back), (Some(vec![0, 0xff, 0x10]), &trust));
    }

    #[test]
    fn what_is_no_record_is_none() {
        assert_eq!(ImageRecord::decode(vec![]), None);
        assert_eq!(ImageRecord::decode(vec![3, b'a']), None);
        assert_eq!(ImageRecord::decode(vec![1, 0xff]), None);
        assert_eq!(StateRecord::decode(vec![0; 3]), None);
        for text in
            [&b"\xff"[..], b"", b"highest = 3", b"policy = 'abc'\n[highest]\n", b"policy = 'zz'\n[highest]\n"]
        {
            assert_eq!(TrustRecord::decode(text), None, "{text:?}");
        }
    }
}
