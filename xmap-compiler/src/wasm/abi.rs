//! The guest ABI: what a module may import (docs/guest.md).

use wasmparser::ValType::{self, I32, I64};

/// A native function of the guest ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Native {
    /// `gpio.set(pin, val)`.
    Set,
    /// `gpio.get(pin) -> level`.
    Get,
    /// `gpio.toggle(pin)`.
    Toggle,
    /// `gpio.write(bank, set, clear)`.
    Write,
    /// `gpio.read(bank) -> levels`.
    Read,
    /// `gpio.direction(pin, out)`.
    Direction,
    /// `gpio.pull(pin, pull)`.
    Pull,
    /// `time.now_us() -> i64`.
    NowUs,
    /// `time.delay_us(us)`.
    DelayUs,
    /// `log.message(level, ptr, len)`.
    Message,
}

/// An import that exists.
#[derive(Debug)]
pub struct NativeImport {
    /// The native function.
    pub native: Native,
    /// The import's module.
    pub module: &'static str,
    /// The import's name.
    pub name: &'static str,
    /// WebAssembly types of the parameters.
    pub params: &'static [ValType],
    /// WebAssembly types of the results.
    pub results: &'static [ValType],
}

const fn import(
    native: Native,
    module: &'static str,
    name: &'static str,
    params: &'static [ValType],
    results: &'static [ValType],
) -> NativeImport {
    NativeImport { native, module, name, params, results }
}

/// Every import that a module may have.
pub const IMPORTS: &[NativeImport] = &[
    import(Native::Set, "gpio", "set", &[I32, I32], &[]),
    import(Native::Get, "gpio", "get", &[I32], &[I32]),
    import(Native::Toggle, "gpio", "toggle", &[I32], &[]),
    import(Native::Write, "gpio", "write", &[I32, I32, I32], &[]),
    import(Native::Read, "gpio", "read", &[I32], &[I32]),
    import(Native::Direction, "gpio", "direction", &[I32, I32], &[]),
    import(Native::Pull, "gpio", "pull", &[I32, I32], &[]),
    import(Native::NowUs, "time", "now_us", &[], &[I64]),
    import(Native::DelayUs, "time", "delay_us", &[I32], &[]),
    import(Native::Message, "log", "message", &[I32, I32, I32], &[]),
];

impl Native {
    /// The import, as a module names it.
    pub fn import(self) -> &'static NativeImport {
        IMPORTS.iter().find(|i| i.native == self).expect("IMPORTS lists every native function")
    }
}

/// The import with this module and name, if it exists.
pub fn find(module: &str, name: &str) -> Option<&'static NativeImport> {
    IMPORTS.iter().find(|i| i.module == module && i.name == name)
}
