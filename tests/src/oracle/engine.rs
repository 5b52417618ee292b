//! The module in wasmi.

use std::fmt;

use anyhow::{Context, Result, anyhow, bail, ensure};
use wasmi::errors::HostError;
use wasmi::{
    Caller, Config, Engine, Extern, Func, Instance, Linker, Memory, Module, Store, TrapCode, Val, ValType,
};

use super::board::{BAD_ARGUMENT, Board, Stop};
use super::hosted;
use super::{Arg, Keep, Manifest, Stretch, Ty};
use crate::bare;

/// Units of wasmi's fuel, about one for each instruction, that one call may burn.
pub const FUEL: u64 = 200_000;

impl HostError for Stop {}

/// How a call ended: its results, or the code of its trap.
pub(super) type Outcome = Result<Vec<Val>, &'static str>;

/// Why a module was not mounted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// A function that belongs to the mount trapped.
    Trapped { name: &'static str, code: &'static str },
    /// `on_mount` said no.
    Said(i32),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Trapped { name, code } => write!(f, "{name} trapped: {code}"),
            Refusal::Said(result) => write!(f, "on_mount refused: {result}"),
        }
    }
}

/// A module, and what it does to a board.
pub(super) struct Guest {
    module: Module,
    linker: Linker<Board>,
    pub(super) store: Store<Board>,
    instance: Option<Instance>,
    /// Units that one call may burn.
    fuel: u64,
}

impl Guest {
    pub(super) fn new(manifest: &Manifest, wasm: &[u8]) -> Result<Guest> {
        let mut config = Config::default();
        config.consume_fuel(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, wasm)?;
        let store = Store::new(&engine, Board::new(manifest));
        let mut linker = imports(&engine)?;
        hosted::link(&mut linker, &module, &manifest.strings)?;
        Ok(Guest { module, linker, store, instance: None, fuel: (manifest.fuel * 4).max(FUEL) })
    }

    /// Returns whether the module has this function.
    pub(super) fn has(&self, name: &str) -> bool {
        self.func(name).is_ok()
    }

    /// Begins anew: memory and globals as at load, then the functions that belong to the mount. What is kept
    /// is taken over from the instance before.
    pub(super) fn mount(&mut self, keep: Option<&Keep>) -> Result<Result<(), Refusal>> {
        let before = self.instance;
        self.store.set_fuel(self.fuel)?;
        self.store.data_mut().begin_call();
        self.store.data_mut().memory = None;
        let instance = match self.linker.instantiate_and_start(&mut self.store, &self.module) {
            Ok(instance) => instance,
            Err(error) => return Ok(Err(Refusal::Trapped { name: "start", code: code(error)? })),
        };
        self.instance = Some(instance);
        let memory = instance.get_memory(&self.store, "memory");
        self.store.data_mut().memory = memory;
        // A program runs once, in the place of what initialises a library.
        let first =
            if instance.get_func(&self.store, "_initialize").is_some() { "_initialize" } else { "_start" };
        for name in [first, "on_mount"] {
            if let (Some(keep), Some(before), "on_mount") = (keep, before, name) {
                self.carry(keep, before, instance)?;
            }
            if instance.get_func(&self.store, name).is_none() {
                continue;
            }
            match self.call(name, &[])? {
                Ok(results) => match results[..] {
                    [] | [Val::I32(0)] => {}
                    [Val::I32(result)] => return Ok(Err(Refusal::Said(result))),
                    _ => bail!("{name} has other results than it may"),
                },
                Err(code) if name == "_start" && code == hosted::ENDED.0 => {}
                Err(code) => return Ok(Err(Refusal::Trapped { name, code })),
            }
        }
        Ok(Ok(()))
    }

    fn carry(&mut self, keep: &Keep, from: Instance, to: Instance) -> Result<()> {
        let store = &mut self.store;
        for name in &keep.globals {
            let global =
                |of: Instance, store: &Store<Board>| of.get_global(store, name).context("no such global");
            let value = global(from, store)?.get(&*store);
            global(to, store)?.set(&mut *store, value)?;
        }
        for Stretch { symbol, from: address, bytes } in &keep.memory {
            let place = |of: Instance, store: &Store<Board>| -> Result<(Memory, usize)> {
                let memory = of.get_memory(store, "memory").context("no memory")?;
                let at = match (symbol, address) {
                    (Some(symbol), None) => {
                        let global = of.get_global(store, symbol).context("no such symbol")?;
                        global.get(store).i32().context("no address")? as u32
                    }
                    (None, Some(address)) => *address,
                    _ => bail!("a stretch has one place"),
                };
                Ok((memory, at as usize))
            };
            let mut kept = vec![0; *bytes as usize];
            let (memory, at) = place(from, store)?;
            memory.read(&*store, at, &mut kept)?;
            let (memory, at) = place(to, store)?;
            memory.write(&mut *store, at, &kept)?;
        }
        Ok(())
    }

    /// An export, and its parameters and results as text has them, for a `call` of a script. The inner error
    /// is the code of a trap.
    pub(super) fn call_by_text(
        &mut self,
        manifest: &Manifest,
        name: &str,
        args: &[Arg],
    ) -> Result<Result<String, &'static str>> {
        let (inner, export) = manifest.resolve(name);
        let ty = self.func(inner)?.ty(&self.store);
        let params = export.and_then(|e| e.params.as_deref());
        let results = export.and_then(|e| e.results.as_deref());
        ensure!(ty.params().len() == args.len(), "takes {} arguments", ty.params().len());
        ensure!(params.is_none_or(|p| p.len() == args.len()), "the manifest's params differ");
        ensure!(results.is_none_or(|r| r.len() == ty.results().len()), "the manifest's results differ");
        let values = values(ty.params(), params, args)?;
        Ok(self.call(inner, &values)?.and_then(|r| print(&r, results)))
    }

    fn func(&self, name: &str) -> Result<Func> {
        let instance = self.instance.context("not mounted")?;
        instance.get_func(&self.store, name).context("no such export")
    }

    pub(super) fn call(&mut self, name: &str, args: &[Val]) -> Result<Outcome> {
        let func = self.func(name)?;
        let mut results: Vec<Val> =
            func.ty(&self.store).results().iter().map(|t| Val::default_for_ty(*t)).collect();
        self.store.set_fuel(self.fuel)?;
        self.store.data_mut().begin_call();
        let pointer = self.instance.and_then(|of| of.get_global(&self.store, "__stack_pointer"));
        let before = pointer.map(|global| global.get(&self.store));
        match func.call(&mut self.store, args, &mut results) {
            Ok(()) => Ok(Ok(results)),
            Err(error) => {
                // What a call that traps had taken of the shadow stack is given back (docs/guest.md).
                if let (Some(global), Some(before)) = (pointer, before) {
                    global.set(&mut self.store, before)?;
                }
                Ok(Err(code(error)?))
            }
        }
    }
}

/// The trap code for what wasmi says.
fn code(error: wasmi::Error) -> Result<&'static str> {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return Ok(stop.0);
    }
    Ok(match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => "unreachable",
        Some(TrapCode::MemoryOutOfBounds) => "out_of_bounds",
        Some(TrapCode::IntegerDivisionByZero) => "divide_by_zero",
        Some(TrapCode::IntegerOverflow) => "integer_overflow",
        Some(TrapCode::StackOverflow) => "stack_overflow",
        Some(TrapCode::OutOfFuel) => "fuel",
        _ => return Err(anyhow!("{error}")),
    })
}

/// The arguments as the module takes them. Without a declared type, a number is taken with a sign or
/// without.
fn values(params: &[ValType], types: Option<&[Ty]>, args: &[Arg]) -> Result<Vec<Val>> {
    let mut values = Vec::new();
    for (i, (param, arg)) in params.iter().zip(args).enumerate() {
        let bits = match param {
            ValType::I32 => 32,
            ValType::I64 => 64,
            other => bail!("the oracle has no {other:?}"),
        };
        let fits = match types {
            Some(types) => types[i].holds(*arg),
            None => Ty::Signed(bits).holds(*arg) || Ty::Unsigned(bits).holds(*arg),
        };
        ensure!(fits, "{arg} does not fit argument {i}");
        values.push(if bits == 32 { Val::I32(*arg as i32) } else { Val::I64(*arg as i64) });
    }
    Ok(values)
}

/// The results as a trace has them: each with a space in front.
fn print(results: &[Val], types: Option<&[Ty]>) -> Result<String, &'static str> {
    let mut text = String::new();
    for (i, result) in results.iter().enumerate() {
        let (value, bits) = match result {
            Val::I32(n) => (i64::from(*n), 32),
            Val::I64(n) => (*n, 64),
            _ => return Err("unknown_type"),
        };
        let ty = types.map_or(Ty::Signed(bits), |t| t[i]);
        let printed = ty.print(value, bits == 32).ok_or(BAD_ARGUMENT.0)?;
        text.push(' ');
        text.push_str(&printed);
    }
    Ok(text)
}

/// Returns whether a text is inside the memory.
fn inside(c: &Caller<'_, Board>, at: u32, len: u32) -> std::result::Result<(), wasmi::Error> {
    let memory = c.get_export("memory").and_then(Extern::into_memory).or(c.data().memory);
    let there = memory.map_or(0, |memory| memory.data(c).len());
    if at as usize + len as usize <= there { Ok(()) } else { Err(wasmi::Error::host(Stop("out_of_bounds"))) }
}

/// The guest ABI.
fn imports(engine: &Engine) -> Result<Linker<Board>> {
    type Host<'a> = Caller<'a, Board>;
    let stop = |stop: Stop| wasmi::Error::host(stop);
    let mut linker = Linker::new(engine);
    linker.func_wrap("gpio", "set", move |mut c: Host<'_>, pin: i32, val: i32| {
        c.data_mut().set(pin, val).map_err(stop)
    })?;
    linker.func_wrap("gpio", "get", move |mut c: Host<'_>, pin: i32| c.data_mut().get(pin).map_err(stop))?;
    linker.func_wrap("gpio", "toggle", move |mut c: Host<'_>, pin: i32| {
        c.data_mut().toggle(pin).map_err(stop)
    })?;
    linker.func_wrap("gpio", "write", move |mut c: Host<'_>, bank: i32, set: u32, clear: u32| {
        c.data_mut().write(bank, set, clear).map_err(stop)
    })?;
    linker.func_wrap("gpio", "read", move |c: Host<'_>, bank: i32| c.data().read(bank).map_err(stop))?;
    linker.func_wrap("gpio", "direction", move |mut c: Host<'_>, pin: i32, out: i32| {
        c.data_mut().direction(pin, out).map_err(stop)
    })?;
    linker.func_wrap("gpio", "pull", move |mut c: Host<'_>, pin: i32, pull: i32| {
        c.data_mut().pull(pin, pull).map_err(stop)
    })?;
    linker.func_wrap("time", "now_us", |c: Host<'_>| c.data().now_us() as i64)?;
    linker.func_wrap("time", "unix_us", |c: Host<'_>| c.data().clock.unix_us(c.data().now_us()))?;
    linker.func_wrap("time", "local_minute", |c: Host<'_>| c.data().clock.local_minute(c.data().now_us()))?;
    linker.func_wrap("time", "delay_us", move |mut c: Host<'_>, us: u32| {
        c.data_mut().delay(us).map_err(stop)
    })?;
    linker.func_wrap("log", "message", move |mut c: Host<'_>, level: i32, ptr: u32, len: u32| {
        // An import that is exported again is called without an instance around it.
        let own = c.get_export("memory").and_then(Extern::into_memory);
        let memory = own.or(c.data().memory);
        let bytes = memory.as_ref().map_or(&[][..], |m| m.data(&c));
        let text = text(bytes, ptr, len).map_err(stop)?;
        c.data_mut().log(level, &text);
        Ok::<(), wasmi::Error>(())
    })?;
    linker.func_wrap("call", "refuse", move |_: Host<'_>, _: i32| Err::<(), _>(stop(Stop("refused"))))?;
    // Spans leave nothing in a trace, and no panel shows their numbers.
    bare::spans(&mut linker, 1, inside)?;
    // No panel that the oracle plays declares a device.
    bare::devices(&mut linker, || wasmi::Error::host(BAD_ARGUMENT))?;
    linker.func_wrap("random", "get", move |mut c: Host<'_>, ptr: u32, len: u32| {
        let own = c.get_export("memory").and_then(Extern::into_memory);
        let memory = own.or(c.data().memory);
        let there = memory.as_ref().map_or(0, |memory| memory.data(&c).len());
        let (start, len) = (ptr as usize, len as usize);
        if start + len > there {
            return Err(stop(Stop("out_of_bounds")));
        }
        let bytes = c.data_mut().random(len);
        if let Some(memory) = memory {
            memory.data_mut(&mut c)[start..start + len].copy_from_slice(&bytes);
        }
        Ok::<(), wasmi::Error>(())
    })?;
    Ok(linker)
}

/// Text in the module's memory, which it must export for the oracle as all compilers do.
fn text(memory: &[u8], ptr: u32, len: u32) -> Result<String, Stop> {
    let start = ptr as usize;
    let bytes = memory.get(start..start + len as usize).ok_or(Stop("out_of_bounds"))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Stop("bad_text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The oracle is written from the documents; of the table it has names and types, all of them.
    #[test]
    fn the_oracle_has_the_whole_guest_abi() {
        let wasm = wat::parse_str(xmap_abi::Module.to_string()).unwrap();
        let engine = Engine::default();
        let module = wasmi::Module::new(&engine, wasm).unwrap();
        let manifest = Manifest::parse("[module]\nwasm = 'a.wat'").unwrap();
        let mut store = wasmi::Store::new(&engine, Board::new(&manifest));
        imports(&engine).unwrap().instantiate_and_start(&mut store, &module).unwrap();
    }
}
