//! What the oracle needs of panel.toml.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use xmap_boards::{Board, RPI4B, by_name};

use super::Ty;
use super::clock::{Daily, Zone};
use super::hosted::Strings;

/// A manifest, read just far enough to run a module.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The board that it is for.
    pub board: &'static Board,
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
    /// Words of fuel of one call.
    pub fuel: u64,
    /// The zone of local time.
    pub zone: Zone,
    /// Arguments and environment of a program.
    pub(super) strings: Strings,
    /// What follows a fault.
    pub policy: Policy,
    /// What outlives a swap.
    pub keep: Keep,
}

/// One declared line.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    /// What the module may do with it.
    pub mode: Mode,
    /// What it does before the module runs and after a fault.
    pub safe: Safe,
    /// Whether its resistor pulls up.
    pub pull_up: bool,
}

/// The use of a line that a module declares.
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

/// What an output does when the module cannot say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Safe {
    /// It goes low.
    Low,
    /// It goes high.
    High,
    /// It stays.
    #[default]
    Hold,
    /// It becomes an input.
    Float,
}

/// The part of `[policy]` that one module with one image meets.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// What follows a trap.
    pub on_trap: OnFault,
    /// What follows the end of a call's fuel, if it is something else.
    pub on_fuel: Option<OnFault>,
    /// How often `restart` is done.
    pub restarts: u32,
    /// Whether a timer that runs out makes no event while its last one waits.
    pub coalesce: bool,
    /// Milliseconds without a host; a script has none.
    pub link_timeout_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { on_trap: OnFault::Hold, on_fuel: None, restarts: 3, coalesce: true, link_timeout_ms: 0 }
    }
}

/// `[keep]`, as far as modules export what it names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keep {
    /// Exported mutable globals.
    pub globals: Vec<String>,
    /// Stretches of memory.
    pub memory: Vec<Stretch>,
}

/// A stretch of memory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// The exported global whose value is its address.
    pub symbol: Option<String>,
    /// Its address.
    pub from: Option<u32>,
    /// Its length.
    pub bytes: u32,
}

/// What is done after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFault {
    /// Nothing.
    Hold,
    /// Outputs become safe, the module rests.
    Safe,
    /// Outputs become safe, the module is loaded anew.
    Restart,
}

/// The source of an event, which calls a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// A level that changed and then held.
    Edge {
        /// The line.
        line: u8,
        /// Whether a rising edge calls it.
        rising: bool,
        /// Whether a falling edge does.
        falling: bool,
        /// Microseconds that the new level must hold.
        debounce_us: u64,
    },
    /// Every so many microseconds.
    Every(u64),
    /// Once, so many microseconds after the mount.
    After(u64),
    /// At a time of the day.
    At(Daily),
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
    /// What calls it beside a script.
    pub on: Option<On>,
}

#[derive(Deserialize)]
struct Raw {
    module: RawModule,
    #[serde(default)]
    pins: BTreeMap<String, RawPin>,
    exports: Option<BTreeMap<String, RawExport>>,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    policy: Policy,
    #[serde(default)]
    keep: Keep,
    #[serde(default)]
    wasi: RawWasi,
    clock: Option<RawClock>,
}

#[derive(Deserialize)]
struct RawClock {
    zone: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawWasi {
    args: Vec<String>,
    env: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawModule {
    #[serde(default)]
    name: String,
    #[serde(default = "default_board")]
    board: String,
    wasm: String,
    #[serde(default = "default_namespace")]
    namespace: String,
}

#[derive(Deserialize)]
struct RawPin {
    mode: Mode,
    #[serde(default)]
    safe: Safe,
    #[serde(default)]
    pull: String,
}

#[derive(Deserialize)]
struct RawExport {
    key: Option<String>,
    params: Option<Vec<String>>,
    results: Option<Vec<String>>,
    on: Option<RawOn>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawOn {
    pin: Option<u8>,
    edge: String,
    debounce_us: u64,
    every_us: Option<u64>,
    after_us: Option<u64>,
    at: Option<String>,
    days: String,
}

impl RawOn {
    fn read(&self) -> Result<On> {
        if let Some(at) = &self.at {
            ensure!((self.pin, self.every_us, self.after_us) == (None, None, None), "`on` names one thing");
            return Ok(On::At(Daily::parse(at, &self.days)?));
        }
        Ok(match (self.pin, self.every_us, self.after_us) {
            (Some(line), None, None) => {
                let (rising, falling) = match self.edge.as_str() {
                    "rising" => (true, false),
                    "falling" => (false, true),
                    "both" => (true, true),
                    other => bail!("the edge `{other}`"),
                };
                On::Edge { line, rising, falling, debounce_us: self.debounce_us }
            }
            (None, Some(us), None) => On::Every(us),
            (None, None, Some(us)) => On::After(us),
            _ => bail!("`on` names one thing"),
        })
    }
}

#[derive(Default, Deserialize)]
struct RawLimits {
    time_us: Option<u64>,
    fuel: Option<u64>,
}

fn default_board() -> String {
    RPI4B.name.to_owned()
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
        let board =
            by_name(&raw.module.board).with_context(|| format!("the board `{}`", raw.module.board))?;
        let namespace = raw.module.namespace;
        let mut pins = BTreeMap::new();
        for (line, pin) in raw.pins {
            let line = line.parse().with_context(|| format!("pin `{line}`"))?;
            ensure!(line < board.lines, "{} has no line {line}", board.name);
            pins.insert(line, Pin { mode: pin.mode, safe: pin.safe, pull_up: pin.pull == "up" });
        }
        let exports = match raw.exports {
            None => None,
            Some(list) => {
                let each = list.into_iter().map(|(name, raw)| export(&namespace, name, raw));
                Some(each.collect::<Result<_>>()?)
            }
        };
        let time_us = raw.limits.time_us.unwrap_or(1_000_000);
        let policy = raw.policy;
        let env = raw.wasi.env.iter().map(|(name, value)| format!("{name}={value}"));
        let args = std::iter::once(raw.module.name).chain(raw.wasi.args).collect();
        let strings = Strings { args, env: env.collect() };
        ensure!(policy.link_timeout_ms == 0, "the oracle has no host that could be lost");
        Ok(Manifest {
            board,
            wasm: raw.module.wasm,
            namespace,
            pins,
            exports,
            time_us,
            fuel: raw.limits.fuel.unwrap_or_default(),
            zone: raw.clock.map(|clock| Zone::named(&clock.zone)).transpose()?.unwrap_or_default(),
            strings,
            policy,
            keep: raw.keep,
        })
    }

    /// The handlers, in the order of their keys.
    pub fn handlers(&self) -> Vec<(&Export, On)> {
        let mut all: Vec<_> =
            self.exports.iter().flatten().filter_map(|export| Some((export, export.on?))).collect();
        all.sort_by(|a, b| a.0.key.cmp(&b.0.key));
        all
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
    let on = raw.on.map(|on| on.read()).transpose().with_context(|| name.clone())?;
    Ok(Export { key, params, results, on, name })
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
        // The compiler's list.
        for line in include_str!("../../../xmap-compiler/src/keys.txt").lines() {
            let [namespace, name, whole] = line.split(" | ").collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            assert_eq!(key(namespace, name).unwrap(), whole);
        }
        assert_eq!(key("user", "user.theme").unwrap(), "user.theme");
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

    #[test]
    fn handlers_and_policies_are_read() {
        let text = "[module]\nwasm = 'a.wasm'\n[exports]\nb = { on = { every_us = 5 } }\n\
                    a = { on = { pin = 4, edge = 'both', debounce_us = 7 } }\nc = { on = { after_us = 0 } }\n\
                    [policy]\non_trap = 'restart'\nrestarts = 1\n";
        let manifest = Manifest::parse(text).unwrap();
        let handlers: Vec<_> = manifest.handlers().into_iter().map(|(e, on)| (e.name.as_str(), on)).collect();
        let edge = On::Edge { line: 4, rising: true, falling: true, debounce_us: 7 };
        assert_eq!(handlers, [("a", edge), ("b", On::Every(5)), ("c", On::After(0))]);
        let policy = manifest.policy;
        assert_eq!((policy.on_trap, policy.on_fuel, policy.restarts), (OnFault::Restart, None, 1));
        for bad in ["pin = 4, edge = 'up'", "every_us = 1, after_us = 2", "debounce_us = 3"] {
            let text = format!("[module]\nwasm = 'a'\n[exports]\na = {{ on = {{ {bad} }} }}\n");
            assert!(Manifest::parse(&text).is_err(), "{bad}");
        }
    }
}
