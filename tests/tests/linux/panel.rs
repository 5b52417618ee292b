//! The panel of these tests, and a host of it.

use std::time::{Duration, Instant};

use xmap_client::{Client, Options, Outcome};
use xmap_compiler::compile::compile;
use xmap_compiler::manifest::Manifest;
use xmap_link::{Export, Life};

use crate::connect::connect;

/// How long anything here may take on a machine that does much else.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A lamp that holds its level when the panel rests, a line that is low then, and one that is high.
pub(crate) const LAMP: u32 = 1 << 17;
pub(crate) const LOW: u32 = 1 << 22;
pub(crate) const HIGH: u32 = 1 << 23;

/// Registers, in bytes from the block's start.
pub(crate) const GPFSEL1: u16 = 0x04;
pub(crate) const GPFSEL2: u16 = 0x08;
pub(crate) const GPSET0: u16 = 0x1c;
pub(crate) const GPCLR0: u16 = 0x28;

/// The panel's image.
pub(crate) fn image(version: u32) -> Vec<u8> {
    let manifest = format!(
        "module = {{ name = \"hall\", board = \"rpi4b\", wasm = \"hall.wasm\", version = {version} }}\n\
         [pins]\n\
         17 = {{ name = \"lamp\", mode = \"out\", safe = \"hold\" }}\n\
         22 = {{ name = \"low\", mode = \"out\", safe = \"low\" }}\n\
         23 = {{ name = \"high\", mode = \"out\", safe = \"high\" }}\n\
         [exports]\n\
         lamp = {{ params = [\"on: bool\"] }}\n\
         low = {{ params = [\"on: bool\"] }}\n\
         ticks = {{ results = [\"u32\"] }}\n\
         tick = {{ on = {{ every_us = 10000 }} }}\n"
    );
    let wat = r#"(module
        (import "gpio" "set" (func $set (param i32 i32)))
        (global $ticks (mut i32) (i32.const 0))
        (func (export "lamp") (param i32) (call $set (i32.const 17) (local.get 0)))
        (func (export "low") (param i32) (call $set (i32.const 22) (local.get 0)))
        (func (export "ticks") (result i32) (global.get $ticks))
        (func (export "tick") (global.set $ticks (i32.add (global.get $ticks) (i32.const 1)))))"#;
    let manifest = Manifest::parse("panel.toml", &manifest).unwrap_or_else(|error| panic!("{error:?}"));
    let compiled =
        compile(&manifest, &wat::parse_str(wat).unwrap()).unwrap_or_else(|error| panic!("{error}"));
    compiled.words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The image of the panel that the package brings.
pub(crate) fn of_the_package() -> Vec<u8> {
    let path = xmap_tools::deb::panel_manifest();
    let manifest = Manifest::read(&path).unwrap_or_else(|error| panic!("{error}"));
    let wasm = wat::parse_file(path.with_file_name("idle.wat")).unwrap();
    let compiled = compile(&manifest, &wasm).unwrap_or_else(|error| panic!("{error}"));
    compiled.words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A host that has greeted the service.
pub(crate) struct Host(pub(crate) Client);

impl Host {
    /// Connects, and tries again while the service is not there yet or is busy.
    pub(crate) fn connect(port: &str) -> Self {
        let client = connect(&port.parse().unwrap(), &Options::default(), LIMIT);
        Self(client.unwrap_or_else(|error| panic!("{error}")))
    }

    pub(crate) fn call(&mut self, name: &str, args: &[u64]) -> Vec<u64> {
        match self
            .0
            .call(&Export::name(name).unwrap(), args)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
        {
            Outcome::Returned(results) => results,
            Outcome::Trapped(trap) => panic!("{name}: {trap:?}"),
        }
    }

    /// The panel's timer runs.
    pub(crate) fn asserts_runs(&mut self) {
        assert_eq!(self.0.module(0).unwrap().unwrap().life, Life::Running);
        let before = self.call("ticks", &[]);
        let start = Instant::now();
        while self.call("ticks", &[]) == before {
            assert!(start.elapsed() < LIMIT, "no timer event");
        }
    }

    pub(crate) fn version(&mut self) -> Option<u32> {
        self.0.module(0).unwrap().and_then(|module| module.image).map(|image| image.version)
    }

    /// The register stores that the service itself has recorded: offset and value.
    pub(crate) fn recorded(&mut self) -> Vec<(u16, u32)> {
        self.0.trace(0).unwrap().iter().map(|(_, entry)| (entry.offset, entry.value)).collect()
    }
}
