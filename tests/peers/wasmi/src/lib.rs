#![forbid(unsafe_code)]
//! wasmi: an interpreter of its own register code, to which modules are translated when they are loaded.

use std::path::Path;

use peer_common::{Peer, modules, put};
use wasmi::{Engine, Error, Instance, Linker, Module, Store, WasmParams, WasmResults};

/// The engine that all modules share.
#[derive(Debug)]
pub struct Wasmi(Engine);

impl Wasmi {
    fn new() -> Self {
        Self(Engine::default())
    }

    fn fresh(&self, bytes: &[u8]) -> Result<(Store<()>, Instance), Error> {
        let module = Module::new(&self.0, bytes)?;
        let mut store = Store::new(&self.0, ());
        let mut linker = Linker::new(&self.0);
        linker.func_wrap("gpio", "set", |line: u32, value: u32| {
            put(line, value != 0).map_err(|error| Error::new(error.to_string()))
        })?;
        let instance = linker.instantiate_and_start(&mut store, &module)?;
        Ok((store, instance))
    }

    peer_common::typed_function!();
}

impl Peer for Wasmi {
    fn name(&self) -> &'static str {
        "wasmi"
    }

    peer_common::typed_calls!();

    fn crc(&self) -> Option<impl FnMut() -> u32> {
        let (mut store, instance) = self.fresh(modules::CRC).ok()?;
        instance.get_typed_func::<(), ()>(&store, "prepare").ok()?.call(&mut store, ()).ok()?;
        let crc = instance.get_typed_func::<(), u32>(&store, "crc32").ok()?;
        Some(move || crc.call(&mut store, ()).expect("the call ends well"))
    }

    fn kernel(&self, module: &Path) -> Option<impl FnMut(u32) -> u32> {
        Some(self.function(&std::fs::read(module).ok()?, "run"))
    }

    fn first_call(&self) -> Option<impl FnMut()> {
        Some(|| {
            let (mut store, instance) = self.fresh(modules::PANEL).expect("the module loads");
            let set = instance.get_typed_func::<(u32, u32), ()>(&store, "call_gpio_set");
            set.and_then(|set| set.call(&mut store, (17, 1))).expect("the call ends well");
        })
    }

    fn hold(&self) -> Option<(impl Sized + use<>, usize)> {
        const PAGE: usize = 65_536;
        Some((self.fresh(modules::PANEL).ok()?, PAGE))
    }
}

/// Runs `run` with the peer that the command line names, and the rest of the command line.
pub fn with<R>(args: &[String], run: impl FnOnce(&Wasmi, &[String]) -> R) -> R {
    run(&Wasmi::new(), args)
}

/// One call of a panel.
pub fn mini(bytes: &[u8]) -> i32 {
    let Ok((mut store, instance)) = Wasmi::new().fresh(bytes) else { return 1 };
    let set = instance.get_typed_func::<(u32, u32), ()>(&store, "call_gpio_set");
    set.and_then(|set| set.call(&mut store, (17, 1))).map_or(1, |()| 0)
}
