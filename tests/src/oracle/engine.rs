//! The module in wasmi.

use std::fmt::Write as _;

use anyhow::{Context, Result, anyhow, bail, ensure};
use wasmi::errors::HostError;
use wasmi::{Caller, Config, Engine, Extern, Instance, Linker, Module, Store, TrapCode, Val, ValType};

use super::board::{BAD_ARGUMENT, Board, Stop};
use super::{Arg, Manifest, Script, Step, Ty};

/// Units of wasmi's fuel, about one for each instruction, that one call may burn.
pub const FUEL: u64 = 5_000_000;

impl HostError for Stop {}

/// Loads a module, mounts it, runs a script, and returns the plain trace.
///
/// # Errors
///
/// Where the module cannot be loaded or mounted, or the script does not fit it. A trap in a call of
/// the script is no error: it stands in the trace.
pub fn run(manifest: &Manifest, wasm: &[u8], script: &Script) -> Result<String> {
    let mut guest = Guest::load(manifest, wasm)?;
    for (i, step) in script.steps.iter().enumerate() {
        match step {
            Step::Level { line, high } => {
                let free = guest.store.data_mut().drive_from_outside(*line, *high);
                ensure!(free, "step {}: line {line} is an output", i + 1);
            }
            Step::Advance(us) => guest.store.data_mut().advance(*us),
            Step::Call { name, args } => {
                guest.step(name, args).with_context(|| format!("step {}: `{name}`", i + 1))?;
            }
        }
    }
    Ok(guest.store.into_data().trace)
}

/// How a call ended: its results, or the code of its trap.
type Outcome = Result<Vec<Val>, &'static str>;

struct Guest<'m> {
    manifest: &'m Manifest,
    store: Store<Board>,
    instance: Instance,
}

impl<'m> Guest<'m> {
    fn load(manifest: &'m Manifest, wasm: &[u8]) -> Result<Guest<'m>> {
        let mut config = Config::default();
        config.consume_fuel(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, wasm)?;
        let mut store = Store::new(&engine, Board::new(manifest));
        store.set_fuel(FUEL)?;
        let linker = imports(&engine)?;
        let instance = linker.instantiate_and_start(&mut store, &module)?;
        let memory = instance.get_memory(&store, "memory");
        store.data_mut().memory = memory;
        let mut guest = Guest { manifest, store, instance };
        for name in ["_initialize", "on_mount"] {
            if guest.instance.get_func(&guest.store, name).is_none() {
                continue;
            }
            match guest.call(name, &[])? {
                Ok(results) if matches!(results[..], [] | [Val::I32(0)]) => {}
                Ok(results) => bail!("{name} refused: {results:?}"),
                Err(code) => bail!("{name} trapped: {code}"),
            }
        }
        Ok(guest)
    }

    /// One `call` of a script, with its line in the trace.
    fn step(&mut self, name: &str, args: &[Arg]) -> Result<()> {
        let (inner, export) = self.manifest.resolve(name);
        let func = self.instance.get_func(&self.store, inner).context("no such export")?;
        let ty = func.ty(&self.store);
        let params = export.and_then(|e| e.params.as_deref());
        let results = export.and_then(|e| e.results.as_deref());
        ensure!(ty.params().len() == args.len(), "takes {} arguments", ty.params().len());
        ensure!(params.is_none_or(|p| p.len() == args.len()), "the manifest's params differ");
        ensure!(results.is_none_or(|r| r.len() == ty.results().len()), "the manifest's results differ");

        let values = values(ty.params(), params, args)?;
        let outcome = self.call(inner, &values)?.and_then(|r| print(&r, results));
        let trace = &mut self.store.data_mut().trace;
        match outcome {
            Ok(text) => writeln!(trace, "{name} ->{text}")?,
            Err(code) => writeln!(trace, "{name} trap {code}")?,
        }
        Ok(())
    }

    fn call(&mut self, name: &str, args: &[Val]) -> Result<Outcome> {
        let func = self.instance.get_func(&self.store, name).context("no such export")?;
        let mut results: Vec<Val> =
            func.ty(&self.store).results().iter().map(|t| Val::default_for_ty(*t)).collect();
        self.store.set_fuel(FUEL)?;
        self.store.data_mut().begin_call();
        match func.call(&mut self.store, args, &mut results) {
            Ok(()) => Ok(Ok(results)),
            Err(error) => Ok(Err(code(error)?)),
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
    linker.func_wrap("time", "now_us", |c: Host<'_>| c.data().now_us())?;
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
    Ok(linker)
}

/// Text in the module's memory, which it must export for the oracle as all compilers do.
fn text(memory: &[u8], ptr: u32, len: u32) -> Result<String, Stop> {
    let start = ptr as usize;
    let bytes = memory.get(start..start + len as usize).ok_or(Stop("out_of_bounds"))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Stop("bad_text"))
}
