//! What the oracle needs of panel.toml.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::Ty;

/// A manifest, read just far enough to run a module.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The module's file, relative to the manifest's folder.
    pub wasm: String,
    /// The namespace of keys.
    pub namespace: String,
    /// Lines and what the module may do with them.
    pub pins: BTreeMap<u8, Pin>,
    /// The exports that are listed; `None` where all are mapped.
    pub exports: Option<Vec<Export>>,
    /// Microseconds that one call may wait in all.
    pub time_us: u64,
}

/// One declared line.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    /// What the module may do with it.
    pub mode: Mode,
    /// Whether its safe state, which it takes before the module runs, is high.
    pub safe_high: bool,
    /// Whether its resistor pulls up.
    pub pull_up: bool,
}

/// What a module may do with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Read it and pull it.
    In,
    /// Drive it and read it back.
    Out,
    /// All of that, and turn it round; it begins as an input.
    InOut,
}

/// One listed export.
#[derive(Clone, Debug)]
pub struct Export {
    /// The name in the module.
    pub name: String,
    /// The whole key, namespace and all.
    pub key: String,
    /// Types of the parameters, if the manifest says them.
    pub params: Option<Vec<Ty>>,
    /// Types of the results, if the manifest says them.
    pub results: Option<Vec<Ty>>,
}

#[derive(Deserialize)]
struct Raw {
    module: RawModule,
    #[serde(default)]
    pins: BTreeMap<String, RawPin>,
    exports: Option<BTreeMap<String, RawExport>>,
    #[serde(default)]
    limits: RawLimits,
}

#[derive(Deserialize)]
struct RawModule {
    wasm: String,
    #[serde(default = "default_namespace")]
    namespace: String,
}

#[derive(Deserialize)]
struct RawPin {
    mode: Mode,
    #[serde(default)]
    safe: String,
    #[serde(default)]
    pull: String,
}

#[derive(Deserialize)]
struct RawExport {
    key: Option<String>,
    params: Option<Vec<String>>,
    results: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
struct RawLimits {
    time_us: Option<u64>,
}

fn default_namespace() -> String {
    "default".to_owned()
}

impl Manifest {
    /// Reads a manifest's text.
    ///
    /// # Errors
    ///
    /// Where it is not a manifest, or uses what the oracle does not know. Keys that do not matter
    /// here are not checked: that is the compiler's work.
    pub fn parse(text: &str) -> Result<Manifest> {
        let raw: Raw = toml::from_str(text)?;
        let namespace = raw.module.namespace;
        let mut pins = BTreeMap::new();
        for (line, pin) in raw.pins {
            let line = line.parse().with_context(|| format!("pin `{line}`"))?;
            let (safe_high, pull_up) = (pin.safe == "high", pin.pull == "up");
            pins.insert(line, Pin { mode: pin.mode, safe_high, pull_up });
        }
        let exports = match raw.exports {
            None => None,
            Some(list) => {
                let each = list.into_iter().map(|(name, raw)| export(&namespace, name, raw));
                Some(each.collect::<Result<_>>()?)
            }
        };
        let time_us = raw.limits.time_us.unwrap_or(1_000_000);
        Ok(Manifest { wasm: raw.module.wasm, namespace, pins, exports, time_us })
    }

    /// The name in the module of what a script calls `name`: the name itself, or a key.
    pub fn resolve<'a>(&'a self, name: &'a str) -> (&'a str, Option<&'a Export>) {
        let listed = self.exports.iter().flatten();
        match listed.clone().find(|e| e.name == name).or(listed.clone().find(|e| e.key == name)) {
            Some(export) => (&export.name, Some(export)),
            None => (name, None),
        }
    }
}

fn export(namespace: &str, name: String, raw: RawExport) -> Result<Export> {
    let types = |list: Option<Vec<String>>| -> Result<Option<Vec<Ty>>> {
        let parse = |s: &String| Ty::parse(s.rsplit(':').next().unwrap_or(s).trim());
        list.map(|l| l.iter().map(parse).collect()).transpose()
    };
    let key = key(namespace, raw.key.as_deref().unwrap_or(&name))?;
    let params = types(raw.params).with_context(|| name.clone())?;
    let results = types(raw.results).with_context(|| name.clone())?;
    Ok(Export { key, params, results, name })
}

/// A whole key, by the rules of the manifest.
fn key(namespace: &str, name: &str) -> Result<String> {
    let lower = name.trim().to_lowercase();
    let bare = lower.strip_prefix(&format!("{namespace}.")).unwrap_or(&lower);
    let words = bare.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
    let words: Vec<&str> = words.filter(|w| !w.is_empty()).collect();
    if words.is_empty() {
        bail!("`{name}` leaves nothing of a key");
    }
    Ok(format!("{namespace}.{}", words.join("_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_golden_list() {
        for (namespace, name, whole) in [
            ("user", "Theme Preference", "user.theme_preference"),
            ("cache", "redis.ttl.sec", "cache.redis_ttl_sec"),
            ("ext.paypal", "API Timeout (ms)", "ext.paypal.api_timeout_ms"),
            ("user", "  __Theme--Preference__  ", "user.theme_preference"),
            ("user", "profileName", "user.profilename"),
            ("pin", "GPIO-17", "pin.gpio_17"),
            ("user", "user.theme", "user.theme"),
        ] {
            assert_eq!(key(namespace, name).unwrap(), whole);
        }
        for nothing in ["", "!!!", "温度"] {
            assert!(key("user", nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn types_and_limits_are_read() {
        let text = "[module]\nwasm = 'a.wasm'\n[pins]\n4 = { mode = 'inout' }\n[exports]\n\
                    a = { key = 'B c', params = ['x: u8', 'y: bool'], results = ['i32'] }\n";
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.pins[&4].mode, Mode::InOut);
        assert_eq!(manifest.time_us, 1_000_000);
        let (name, export) = manifest.resolve("default.b_c");
        let export = export.unwrap();
        assert_eq!((name, &export.results), ("a", &Some(vec![Ty::Signed(32)])));
        assert_eq!(export.params, Some(vec![Ty::Unsigned(8), Ty::Bool]));
        assert!(manifest.resolve("b_c").1.is_none());
    }
}
