//! What was read of a device, as a file that keeps it: JSON with a hash over all of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use xmap_client::Noted;
use xmap_compiler::map::hex;
use xmap_link::RingPage;

/// The version of the file.
const FORMAT: u64 = 1;

/// What was read of a device, and what is needed to make something of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// What the device was reached by.
    pub(crate) device: String,
    /// Microseconds since 1970 at the device's boot, as this machine's clock has it.
    pub(crate) boot_unix_us: i64,
    /// A random number that the names of traces and spans are made of: the same for each use of a file.
    pub(crate) seed: [u8; 16],
    /// The modules, by their numbers.
    pub(crate) modules: BTreeMap<u8, Module>,
    /// The keys of the exports that events name, by their numbers on the link.
    pub(crate) keys: BTreeMap<u16, String>,
    /// The events.
    pub(crate) noted: Noted,
    /// Events that were overwritten before the first that was read.
    pub(crate) lost: u64,
}

/// A module when its device was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Module {
    /// Its name.
    pub(crate) name: String,
    /// The hash of its image, in hexadecimal; empty where it has none.
    pub(crate) image: String,
}

impl Reading {
    /// The file's text.
    pub(crate) fn to_text(&self) -> String {
        let page = |page: &RingPage| {
            json!({
                "first": page.first, "next": page.next, "time_us": page.time_us, "events": hex(&page.bytes),
            })
        };
        let modules = self.modules.iter().map(|(number, module)| {
            (number.to_string(), json!({ "name": module.name, "image": module.image }))
        });
        let keys = self.keys.iter().map(|(number, key)| (number.to_string(), json!(key)));
        let content = json!({
            "format": FORMAT,
            "device": self.device,
            "boot_unix_us": self.boot_unix_us,
            "seed": hex(&self.seed),
            "modules": modules.collect::<Map<_, _>>(),
            "exports": keys.collect::<Map<_, _>>(),
            "lost": self.lost,
            "pages": self.noted.pages().map(page).collect::<Vec<_>>(),
        });
        let hash = hash(&content);
        let mut whole = content;
        whole["sha256"] = json!(hash);
        serde_json::to_string_pretty(&whole).expect("it has nothing that JSON cannot say") + "\n"
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// Why it is none, in a few words.
    pub(crate) fn from_text(text: &str) -> Result<Self, &'static str> {
        const NONE: &str = "not what `xmap trace --raw` writes";
        const DAMAGED: &str = "damaged: its content has another hash than it says";
        let mut content: Json = serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Eof => "it ends in the middle",
            _ => NONE,
        })?;
        let stated = content.as_object_mut().and_then(|object| object.remove("sha256")).ok_or(NONE)?;
        if content["pages"].as_array().is_none() {
            return Err(NONE);
        }
        if content["format"] != json!(FORMAT) {
            return Err("of another version of `xmap trace`");
        }
        if stated != json!(hash(&content)) {
            return Err(DAMAGED);
        }
        Self::of(&content).ok_or(DAMAGED)
    }

    fn of(content: &Json) -> Option<Self> {
        let text = |of: &Json| of.as_str().map(str::to_string);
        let mut reading = Self {
            device: text(&content["device"])?,
            boot_unix_us: content["boot_unix_us"].as_i64()?,
            seed: unhex(content["seed"].as_str()?)?.try_into().ok()?,
            lost: content["lost"].as_u64()?,
            ..Self::default()
        };
        for (number, module) in content["modules"].as_object()? {
            let module = Module { name: text(&module["name"])?, image: text(&module["image"])? };
            reading.modules.insert(number.parse().ok()?, module);
        }
        for (number, key) in content["exports"].as_object()? {
            reading.keys.insert(number.parse().ok()?, text(key)?);
        }
        let pages = content["pages"].as_array()?;
        let number = |page: &Json, key: &str| u32::try_from(page[key].as_u64()?).ok();
        if let Some(first) = pages.first() {
            reading.noted = Noted::since(number(first, "first")?);
        }
        for page in pages {
            let bytes = unhex(page["events"].as_str()?)?;
            let page = RingPage {
                first: number(page, "first")?,
                next: number(page, "next")?,
                time_us: page["time_us"].as_u64()?,
                bytes: bytes.as_slice().try_into().ok()?,
            };
            if page.events().any(|event| event.is_err()) {
                return None;
            }
            reading.noted.take(page);
        }
        Some(reading)
    }
}

/// Returns the hash of a content, whatever its text looks like.
fn hash(content: &Json) -> String {
    hex(&hmac_sha256::Hash::hash(content.to_string().as_bytes()))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        let mut noted = Noted::new();
        noted.take(RingPage { first: 0, next: 2, time_us: 7, bytes: [0, 1, 0, 3].into_iter().collect() });
        Reading {
            device: "tcp:127.0.0.1:1".into(),
            boot_unix_us: -5,
            seed: [9; 16],
            modules: BTreeMap::from([(1, Module { name: "hall".into(), image: "ab".into() })]),
            keys: BTreeMap::from([(1, "hall.dim".into())]),
            noted,
            lost: 3,
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let text = reading().to_text();
        let read = Reading::from_text(&text).unwrap();
        assert_eq!((read.to_text(), read.noted.events().count()), (text, 2));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let text = reading().to_text();
        for at in 0..text.len() {
            // Cut anywhere, and each byte another one: none of it is taken for what was read.
            let cut = Reading::from_text(&text[..at]);
            assert!(cut.is_err() || at + 1 == text.len(), "{at}: only the end of the last line is missing");
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).unwrap();
            if let Ok(read) = Reading::from_text(&changed) {
                assert_eq!(read.to_text(), text, "{at}: only a space between two words");
            }
        }
        assert_eq!(Reading::from_text("{}").unwrap_err(), "not what `xmap trace --raw` writes");
        assert_eq!(Reading::from_text("XMAP").unwrap_err(), "not what `xmap trace --raw` writes");
        let other = text.replace("\"format\": 1", "\"format\": 2");
        assert_eq!(Reading::from_text(&other).unwrap_err(), "of another version of `xmap trace`");
    }
}
