//! What the records have in them.

use serde::{Deserialize, Serialize};

/// An image of a module, as [`xmap_panel::Device::install_from`] takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRecord {
    /// Where it came from, at most 255 bytes.
    pub origin: String,
    /// Its bytes, and those of its seal behind them.
    pub bytes: Vec<u8>,
}

impl ImageRecord {
    /// As it is kept: a byte with the origin's length, the origin, the image.
    pub fn encode(&self) -> Vec<u8> {
        let origin = self.origin.as_bytes().get(..255).unwrap_or(self.origin.as_bytes());
        [&[origin.len() as u8], origin, &self.bytes].concat()
    }

    /// Reads it; `None` where it is none.
    pub fn decode(kept: &[u8]) -> Option<Self> {
        let (len, rest) = kept.split_first()?;
        let (origin, bytes) = rest.split_at_checked((*len).into())?;
        Some(Self { origin: std::str::from_utf8(origin).ok()?.into(), bytes: bytes.to_vec() })
    }
}

/// The state that an image kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRecord {
    /// Its layout (docs/manifest.md).
    pub layout: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl StateRecord {
    /// As it is kept: the layout, 32 bits, little-endian; the bytes.
    pub fn encode(&self) -> Vec<u8> {
        [&self.layout.to_le_bytes(), &self.bytes[..]].concat()
    }

    /// Reads it; `None` where it is none.
    pub fn decode(kept: &[u8]) -> Option<Self> {
        let (layout, bytes) = kept.split_first_chunk()?;
        Some(Self { layout: u32::from_le_bytes(*layout), bytes: bytes.to_vec() })
    }
}

/// What a device with an owner has to remember.
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
    pub fn encode(&self) -> Vec<u8> {
        // Names, numbers and a text: there is nothing that TOML has no form for.
        toml::to_string(self).unwrap_or_default().into_bytes()
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
        assert_eq!(ImageRecord::decode(&image.encode()), Some(image));
        let state = StateRecord { layout: 0xdead_beef, bytes: vec![9; 8] };
        assert_eq!(StateRecord::decode(&state.encode()), Some(state));
        let mut trust = TrustRecord::default();
        assert_eq!(TrustRecord::decode(&trust.encode()), Some(trust.clone()));
        trust.highest.insert("hall \"1\"".into(), u32::MAX);
        trust.set_signed(&[0, 0xff, 0x10]);
        let back = TrustRecord::decode(&trust.encode()).unwrap();
        assert_eq!((back.signed(), &back), (Some(vec![0, 0xff, 0x10]), &trust));
    }

    #[test]
    fn what_is_no_record_is_none() {
        assert_eq!(ImageRecord::decode(&[]), None);
        assert_eq!(ImageRecord::decode(&[3, b'a']), None);
        assert_eq!(ImageRecord::decode(&[1, 0xff]), None);
        assert_eq!(StateRecord::decode(&[0; 3]), None);
        for text in
            [&b"\xff"[..], b"", b"highest = 3", b"policy = 'abc'\n[highest]\n", b"policy = 'zz'\n[highest]\n"]
        {
            assert_eq!(TrustRecord::decode(text), None, "{text:?}");
        }
    }
}
