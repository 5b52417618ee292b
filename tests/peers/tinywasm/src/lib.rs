#![forbid(unsafe_code)]
//! tinywasm: an interpreter in safe Rust.

use std::path::Path;

use peer_common::{Peer, modules, put};
use tinywasm::{Error, FuncContext, HostFunction, Imports, ModuleInstance, Store};

/// There is nothing that modules share.
#[derive(Debug)]
pub struct TinyWasm;

/// A function whose parameters and results the macro's caller names.
macro_rules! function {
    ($bytes:expr, $name:literal, $params:ty, $results:ty) => {{
        let (mut store, instance) = load($bytes).expect("the module loads");
        let function = instance.func::<$params, $results>(&store, $name).expect("the module exports it");
        move |params| function.call(&mut store, params).expect("the call ends well")
    }};
}

fn load(bytes: &[u8]) -> Result<(Store, ModuleInstance), Error> {
    let module = tinywasm::parse_bytes(bytes)?;
    let mut store = Store::default();
    let set = HostFunction::from(&mut store, |_: FuncContext<'_>, (line, value): (i32, i32)| {
        put(line as u32, value != 0).map_err(|error| Error::Other(error.to_string()))
    });
    let mut imports = Imports::new();
    imports.define("gpio", "set", set);
    let instance = ModuleInstance::instantiate(&mut store, &module, Some(imports))?;
    Ok((store, instance))
}

impl Peer for TinyWasm {
    fn name(&self) -> &'static str {
        "tinywasm"
    }

    fn call(&self) -> Option<impl FnMut(u32, u32)> {
        let mut f = function!(modules::GPIO, "call_gpio_set", (i32, i32), ());
        Some(move |line, value| f((line as i32, value as i32)))
    }

    fn blink(&self) -> Option<impl FnMut(u32)> {
        let mut f = function!(modules::GPIO, "blink", i32, ());
        Some(move |n| f(n as i32))
    }

    fn blink_line(&self) -> Option<impl FnMut(u32, u32)> {
        let mut f = function!(modules::GPIO, "blink_line", (i32, i32), ());
        Some(move |line, n| f((line as i32, n as i32)))
    }

    fn fib(&self) -> Option<impl FnMut(u32) -> u32> {
        let mut f = function!(modules::FIB, "fib", i32, i32);
        Some(move |n| f(n as i32) as u32)
    }

    fn crc(&self) -> Option<impl FnMut() -> u32> {
        let (mut store, instance) = load(modules::CRC).ok()?;
        instance.func::<(), ()>(&store, "prepare").ok()?.call(&mut store, ()).ok()?;
        let crc = instance.func::<(), i32>(&store, "crc32").ok()?;
        Some(move || crc.call(&mut store, ()).expect("the call ends well") as u32)
    }

    fn kernel(&self, module: &Path) -> Option<impl FnMut(u32) -> u32> {
        let mut f = function!(&std::fs::read(module).ok()?, "run", i32, i32);
        Some(move |n| f(n as i32) as u32)
    }

    fn first_call(&self) -> Option<impl FnMut()> {
        Some(|| assert_eq!(mini(modules::PANEL), 0))
    }

    fn hold(&self) -> Option<(impl Sized + use<>, usize)> {
        const PAGE: usize = 65_536;
        Some((load(modules::PANEL).ok()?, PAGE))
    }
}

/// Runs `run` with the peer that the command line names, and the rest of the command line.
pub fn with<R>(args: &[String], run: impl FnOnce(&TinyWasm, &[String]) -> R) -> R {
    run(&TinyWasm, args)
}

/// One call of a panel.
pub fn mini(bytes: &[u8]) -> i32 {
    let Ok((mut store, instance)) = load(bytes) else { return 1 };
    let set = instance.func::<(i32, i32), ()>(&store, "call_gpio_set");
    set.and_then(|set| set.call(&mut store, (17, 1))).map_or(1, |()| 0)
}
