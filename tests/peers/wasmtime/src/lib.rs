//! wasmtime: Cranelift compiles to the machine's code, or to the bytecode of Pulley, which is interpreted;
//! either way when a module is loaded. `precompiled` loads what Cranelift compiled beforehand.

use std::path::Path;

use peer_common::{Peer, modules, put};
use wasmtime::{Config, Engine, Error, Instance, Linker, Module, Store, WasmParams, WasmResults};

/// How modules run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Compiled by Cranelift when they are loaded.
    Cranelift,
    /// Compiled to Pulley's bytecode when they are loaded.
    Pulley,
    /// Compiled by Cranelift beforehand.
    Precompiled,
}

/// The engine that all modules share, and how they run on it.
#[derive(Debug)]
pub struct Wasmtime(Engine, How);

impl Wasmtime {
    fn new(how: How) -> Result<Self, Error> {
        let mut config = Config::new();
        if how == How::Pulley {
            config.target("pulley64")?;
        }
        Ok(Self(Engine::new(&config)?, how))
    }

    /// Returns what `bytes` is loaded from: itself, or the module compiled.
    fn prepared(&self, bytes: &[u8]) -> Vec<u8> {
        match self.1 {
            How::Precompiled => self.0.precompile_module(bytes).expect("the module compiles"),
            How::Cranelift | How::Pulley => bytes.to_vec(),
        }
    }

    fn load(&self, prepared: &[u8]) -> Result<(Store<()>, Instance), Error> {
        let module = match self.1 {
            // SAFETY: the bytes come from `prepared`, that is from this very engine.
            How::Precompiled => unsafe { Module::deserialize(&self.0, prepared) },
            How::Cranelift | How::Pulley => Module::new(&self.0, prepared),
        }?;
        let mut store = Store::new(&self.0, ());
        let mut linker = Linker::new(&self.0);
        linker.func_wrap("gpio", "set", |line: u32, value: u32| put(line, value != 0).map_err(Error::new))?;
        let instance = linker.instantiate(&mut store, &module)?;
        Ok((store, instance))
    }

    /// Prepares and loads a module.
    fn fresh(&self, bytes: &[u8]) -> Result<(Store<()>, Instance), Error> {
        self.load(&self.prepared(bytes))
    }

    peer_common::typed_function!();

    fn call_once(&self, prepared: &[u8]) -> Result<(), Error> {
        let (mut store, instance) = self.load(prepared)?;
        let set = instance.get_typed_func::<(u32, u32), ()>(&mut store, "call_gpio_set")?;
        set.call(&mut store, (17, 1))
    }
}

impl Peer for Wasmtime {
    fn name(&self) -> &'static str {
        match self.1 {
            How::Cranelift => "wasmtime, Cranelift",
            How::Pulley => "wasmtime, Pulley",
            How::Precompiled => "wasmtime, precompiled",
        }
    }

    peer_common::typed_calls!();

    fn crc(&self) -> Option<impl FnMut() -> u32> {
        let (mut store, instance) = self.fresh(modules::CRC).ok()?;
        instance.get_typed_func::<(), ()>(&mut store, "prepare").ok()?.call(&mut store, ()).ok()?;
        let crc = instance.get_typed_func::<(), u32>(&mut store, "crc32").ok()?;
        Some(move || crc.call(&mut store, ()).expect("the call ends well"))
    }

    fn kernel(&self, module: &Path) -> Option<impl FnMut(u32) -> u32> {
        Some(self.function(&std::fs::read(module).ok()?, "run"))
    }

    fn first_call(&self) -> Option<impl FnMut()> {
        let prepared = self.prepared(modules::PANEL);
        Some(move || self.call_once(&prepared).expect("the call ends well"))
    }

    /// Returns what wasmtime maps (its code and its linear memory) is not on the heap.
    fn hold(&self) -> Option<(impl Sized + use<>, usize)> {
        Some((self.fresh(modules::PANEL).ok()?, 0))
    }
}

/// Runs `run` with the peer that the command line names, and the rest of the command line.
pub fn with<R>(args: &[String], run: impl FnOnce(&Wasmtime, &[String]) -> R) -> R {
    let how = |name: &str| match name {
        "cranelift" => Some(How::Cranelift),
        "pulley" => Some(How::Pulley),
        "precompiled" => Some(How::Precompiled),
        _ => None,
    };
    let Some((how, rest)) = args.split_first().and_then(|(name, rest)| Some((how(name)?, rest))) else {
        panic!("the first argument is cranelift, pulley or precompiled")
    };
    run(&Wasmtime::new(how).expect("the configuration exists"), rest)
}

/// One call of a panel.
pub fn mini(bytes: &[u8]) -> i32 {
    Wasmtime::new(How::Cranelift).and_then(|engine| engine.call_once(bytes)).map_or(1, |()| 0)
}
