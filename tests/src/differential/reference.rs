//! One side: the module in wasmi, and the guest ABI as docs/guest.md has it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tiny_mapper::{Clock as _, Function, Gpio as _, Log as _, LogLevel, Random as _};
use wasmi::errors::HostError;
use wasmi::{
    Caller, Config, Engine, Extern, ExternType, Func, Global, Instance, Linker, Memory, Module, Store,
    StoreLimits, StoreLimitsBuilder, TrapCode, Val,
};
use xmap_abi::{TEXT_NUMBER, TEXT_WIDE};
use xmap_boards::{Bank, Line, RPI4B};
use xmap_image::{Pull, limits};

use super::compare::{End, TABLE, panic_text};
use super::opaque::through_locals;
use super::world::World;
use crate::bare;

/// Units of wasmi's fuel for a call, about one an instruction.
const FUEL: u64 = 2_000_000;
/// Lines that a bare module may use: 2 to 13 and 16 to 27, all of the first bank.
pub(super) const LINES: u32 = 0x0fff_3ffc;

/// Why the reference cannot say what is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// wasmi panicked; its message.
    Panicked(String),
    /// It stopped for a reason that this side does not know: its message.
    Stopped(String),
}

/// Why a native function refused; the text is the trap's name.
#[derive(Debug)]
struct Stop(&'static str);

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl HostError for Stop {}

/// What native functions work on.
struct Host {
    world: World,
    /// Microseconds that the call may still wait.
    left_us: u32,
    /// The module's memory, once it is instantiated.
    memory: Option<Memory>,
    limits: StoreLimits,
}

/// The module in wasmi.
pub(super) struct Reference {
    store: Store<Host>,
    instance: Option<Instance>,
    memory: Option<Memory>,
}

impl Reference {
    /// Instantiates a module, whose memory may grow to so many bytes, and runs its start function. The second
    /// part says how that ended.
    ///
    /// # Errors
    /// Where the module cannot even be instantiated.
    pub(super) fn load(wasm: &[u8], memory_bytes: usize) -> Result<(Self, End), Broken> {
        caught(|| Self::instantiate(&through_locals(wasm)?, memory_bytes))?.map_err(Broken::Stopped)
    }

    /// The same without what works around wasmi: it may say something else, and then one of the two is wrong.
    ///
    /// # Errors
    /// As [`Reference::load`].
    pub(super) fn load_as_it_is(wasm: &[u8], memory_bytes: usize) -> Result<(Self, End), Broken> {
        caught(|| Self::instantiate(wasm, memory_bytes))?.map_err(Broken::Stopped)
    }

    fn instantiate(wasm: &[u8], memory_bytes: usize) -> Result<(Self, End), String> {
        let mut config = Config::default();
        config.consume_fuel(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, wasm).map_err(|e| e.to_string())?;
        let host = Host {
            world: World::default(),
            left_us: limits::DEFAULT_TIME_US,
            memory: None,
            limits: StoreLimitsBuilder::new().memory_size(memory_bytes).build(),
        };
        let mut store = Store::new(&engine, host);
        store.limiter(|host| &mut host.limits);
        store.set_fuel(FUEL).map_err(|e| e.to_string())?;
        let mut linker = imports(&engine).map_err(|e| e.to_string())?;
        unlinked(&mut linker, &mut store, &module);
        match linker.instantiate_and_start(&mut store, &module) {
            Ok(instance) => {
                let memory = instance.get_memory(&store, "memory");
                store.data_mut().memory = memory;
                Ok((Self { store, instance: Some(instance), memory }, End::Results(Vec::new())))
            }
            Err(error) => {
                let end = end(&error).ok_or_else(|| error.to_string())?;
                Ok((Self { store, instance: None, memory: None }, end))
            }
        }
    }

    /// Returns whether there is an instance: not where the start function trapped.
    pub(super) fn is_alive(&self) -> bool {
        self.instance.is_some()
    }

    /// Calls an export. Behind an error there is nothing to be called any more.
    ///
    /// # Errors
    /// Where wasmi does not say how the call ends.
    ///
    /// # Panics
    /// Where there is no such export.
    pub(super) fn call(&mut self, name: &str, args: &[u64]) -> Result<End, Broken> {
        let func = self.instance.and_then(|i| i.get_func(&self.store, name));
        let func = func.expect("calls name exports of the module");
        let ty = func.ty(&self.store);
        let args: Vec<Val> = ty.params().iter().zip(args).map(|(ty, bits)| value(*ty, *bits)).collect();
        let mut results: Vec<Val> = ty.results().iter().map(|ty| value(*ty, 0)).collect();
        self.store.set_fuel(FUEL).expect("the engine counts fuel");
        self.store.data_mut().left_us = limits::DEFAULT_TIME_US;
        match caught(|| func.call(&mut self.store, &args, &mut results))? {
            Ok(()) => Ok(End::Results(results.iter().map(bits).collect())),
            Err(error) => end(&error).ok_or_else(|| Broken::Stopped(error.to_string())),
        }
    }

    /// Puts the reference's NaN into `other` wherever both are one.
    pub(super) fn take_nans(&self, name: &str, mine: &[u64], other: &mut [u64]) {
        let Some(func) = self.instance.and_then(|i| i.get_func(&self.store, name)) else { return };
        for ((ty, mine), other) in func.ty(&self.store).results().iter().zip(mine).zip(other) {
            let is_nan = |bits: u64| match ty {
                wasmi::ValType::F32 => f32::from_bits(bits as u32).is_nan(),
                wasmi::ValType::F64 => f64::from_bits(bits).is_nan(),
                _ => false,
            };
            if is_nan(*mine) && is_nan(*other) {
                *other = *mine;
            }
        }
    }

    /// All of linear memory.
    pub(super) fn memory(&self) -> &[u8] {
        self.memory.as_ref().map_or(&[], |memory| memory.data(&self.store))
    }

    /// A mutable global by its index in the module; nothing where it is immutable or a reference,
    /// which each engine numbers in its own way.
    pub(super) fn global(&self, index: u32) -> Option<u64> {
        match self.find(index)?.get(&self.store) {
            Val::FuncRef(_) | Val::ExternRef(_) => None,
            value => Some(bits(&value)),
        }
    }

    /// Sets a mutable global of type `i32`.
    pub(super) fn set_global(&mut self, index: u32, value: u32) {
        if let Some(global) = self.find(index) {
            global.set(&mut self.store, Val::I32(value as i32)).expect("it is a mutable i32");
        }
    }

    fn find(&self, index: u32) -> Option<Global> {
        self.instance?.get_global(&self.store, &format!("g{index}"))
    }

    /// Returns what happened on the board.
    pub(super) fn world(&self) -> &World {
        &self.store.data().world
    }
}

/// Does what is wasmi's alone.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Broken> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Broken::Panicked(panic_text(&*panic).into()))
}

fn value(ty: wasmi::ValType, bits: u64) -> Val {
    match ty {
        wasmi::ValType::I32 => Val::I32(bits as i32),
        wasmi::ValType::I64 => Val::I64(bits as i64),
        wasmi::ValType::F32 => Val::F32(f32::from_bits(bits as u32).into()),
        wasmi::ValType::F64 => Val::F64(f64::from_bits(bits).into()),
        other => panic!("no export has {other:?}"),
    }
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(n) => u64::from(*n as u32),
        Val::I64(n) => *n as u64,
        Val::F32(x) => u64::from(x.to_bits()),
        Val::F64(x) => x.to_bits(),
        other => panic!("no export has {other:?}"),
    }
}

/// Returns how a call ended that did not return. The names are those of `tiny_mapper::TrapCode`.
fn end(error: &wasmi::Error) -> Option<End> {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        if stop.0 == UNLINKED {
            return Some(End::Stopped);
        }
        return Some(End::Trap(stop.0.to_string()));
    }
    let name = match error.as_trap_code()? {
        TrapCode::UnreachableCodeReached => "unreachable",
        TrapCode::MemoryOutOfBounds => "out_of_bounds",
        TrapCode::IntegerDivisionByZero => "divide_by_zero",
        TrapCode::IntegerOverflow => "integer_overflow",
        TrapCode::BadConversionToInteger => "invalid_conversion",
        TrapCode::TableOutOfBounds => TABLE,
        TrapCode::IndirectCallToNull => "null_element",
        TrapCode::BadSignature => "signature_mismatch",
        TrapCode::StackOverflow | TrapCode::OutOfFuel => return Some(End::Stopped),
        _ => return None,
    };
    Some(End::Trap(name.to_string()))
}

/// Returns whether a text is inside the memory.
fn inside(c: &Caller<'_, Host>, at: u32, len: u32) -> Result<(), wasmi::Error> {
    let memory = c.get_export("memory").and_then(Extern::into_memory).or(c.data().memory);
    let bytes = memory.as_ref().map_or(&[][..], |memory| memory.data(c));
    let range = |at: usize, len: usize| bytes.get(at..at + len);
    let text = match len {
        TEXT_NUMBER => Some(&[][..]),
        TEXT_WIDE => (at as usize)
            .checked_sub(4)
            .and_then(|head| range(head, 4))
            .and_then(|head| range(at as usize, u32::from_le_bytes(head.try_into().ok()?) as usize)),
        len => range(at as usize, len as usize),
    };
    text.map(drop).ok_or_else(|| stop("out_of_bounds"))
}

/// The guest ABI.
fn imports(engine: &Engine) -> Result<Linker<Host>, wasmi::Error> {
    type Guest<'a> = Caller<'a, Host>;
    let mut linker = Linker::new(engine);
    linker.func_wrap("gpio", "set", |mut c: Guest<'_>, pin: u32, value: u32| {
        drive(&mut c.data_mut().world, allowed(pin)?, value != 0);
        Ok::<_, wasmi::Error>(())
    })?;
    linker.func_wrap("gpio", "get", |mut c: Guest<'_>, pin: u32| {
        let pin = allowed(pin)?;
        Ok::<_, wasmi::Error>(c.data_mut().world.level(Bank::Zero) >> pin & 1)
    })?;
    linker.func_wrap("gpio", "toggle", |mut c: Guest<'_>, pin: u32| {
        let pin = allowed(pin)?;
        let world = &mut c.data_mut().world;
        let high = world.level(Bank::Zero) >> pin & 1 == 0;
        drive(world, pin, high);
        Ok::<_, wasmi::Error>(())
    })?;
    linker.func_wrap("gpio", "write", |mut c: Guest<'_>, number: u32, set: u32, clear: u32| {
        let bank = bank(number)?;
        let lines = if bank == Bank::Zero { LINES } else { 0 };
        if (set | clear) & !lines != 0 {
            return Err(stop("undeclared_line"));
        }
        let world = &mut c.data_mut().world;
        if clear != 0 {
            world.clear(bank, clear);
        }
        if set != 0 {
            world.set(bank, set);
        }
        Ok(())
    })?;
    linker.func_wrap("gpio", "read", |mut c: Guest<'_>, number: u32| {
        let bank = bank(number)?;
        let lines = if bank == Bank::Zero { LINES } else { 0 };
        Ok::<_, wasmi::Error>(c.data_mut().world.level(bank) & lines)
    })?;
    linker.func_wrap("gpio", "direction", |mut c: Guest<'_>, pin: u32, out: u32| {
        let line = line(allowed(pin)?)?;
        c.data_mut().world.select(line, if out != 0 { Function::Output } else { Function::Input });
        Ok::<_, wasmi::Error>(())
    })?;
    linker.func_wrap("gpio", "pull", |mut c: Guest<'_>, pin: u32, pull: u32| {
        let line = line(allowed(pin)?)?;
        let pull = match pull {
            0 => Pull::None,
            1 => Pull::Up,
            2 => Pull::Down,
            _ => return Err(stop("bad_argument")),
        };
        c.data_mut().world.pull(line, pull);
        Ok(())
    })?;
    linker.func_wrap("time", "now_us", |mut c: Guest<'_>| c.data_mut().world.now_us())?;
    // Nobody sets the clock.
    linker.func_wrap("time", "unix_us", |mut c: Guest<'_>| c.data_mut().world.unix_us())?;
    linker.func_wrap("time", "local_minute", |_: Guest<'_>| -1)?;
    linker.func_wrap("time", "delay_us", |mut c: Guest<'_>, us: u32| {
        let host = c.data_mut();
        host.left_us = host.left_us.checked_sub(us).ok_or_else(|| stop("time"))?;
        host.world.delay_us(us);
        Ok::<_, wasmi::Error>(())
    })?;
    linker.func_wrap("log", "message", |mut c: Guest<'_>, level: i32, at: u32, len: u32| {
        // An import that is exported again is called without an instance around it.
        let memory = c.get_export("memory").and_then(Extern::into_memory).or(c.data().memory);
        let bytes = memory.as_ref().map_or(&[][..], |memory| memory.data(&c));
        let bytes = bytes.get(at as usize..at as usize + len as usize);
        let text = String::from_utf8(bytes.ok_or_else(|| stop("out_of_bounds"))?.to_vec());
        let text = text.map_err(|_| stop("bad_text"))?;
        let level = match level {
            0 => LogLevel::Debug,
            1 => LogLevel::Info,
            _ => LogLevel::Warn,
        };
        c.data_mut().world.log(level, &text);
        Ok::<_, wasmi::Error>(())
    })?;
    linker.func_wrap("call", "refuse", |_: Guest<'_>, _: i32| Err::<(), _>(stop("refused")))?;
    // The board notes no spans: 0.
    bare::spans(&mut linker, 0, inside)?;
    // No random module declares a device.
    bare::devices(&mut linker, || stop("bad_argument"))?;
    linker.func_wrap("random", "get", |mut c: Guest<'_>, at: u32, len: u32| {
        let memory = c.get_export("memory").and_then(Extern::into_memory).or(c.data().memory);
        let there = memory.as_ref().map_or(0, |memory| memory.data(&c).len());
        let (at, len) = (at as usize, len as usize);
        if at + len > there {
            return Err(stop("out_of_bounds"));
        }
        let mut bytes = vec![0; len];
        c.data_mut().world.fill(&mut bytes);
        match memory {
            Some(memory) => memory.write(&mut c, at, &bytes).map_err(|_| stop("out_of_bounds")),
            None => Ok(()),
        }
    })?;
    Ok(linker)
}

/// The name of a stop in a function that is not of the guest ABI.
const UNLINKED: &str = "unlinked";

/// Gives a module the functions that it imports beside the guest ABI: what they would do, this side does not
/// know, so that a call which comes to one is not compared. A memory that it imports is empty, as the
/// compiler has it.
fn unlinked(linker: &mut Linker<Host>, store: &mut Store<Host>, module: &Module) {
    for import in module.imports() {
        let item = match import.ty() {
            ExternType::Func(ty) => {
                Extern::from(Func::new(&mut *store, ty.clone(), |_, _, _| Err(stop(UNLINKED))))
            }
            ExternType::Memory(ty) => match Memory::new(&mut *store, *ty) {
                Ok(memory) => memory.into(),
                Err(_) => continue,
            },
            _ => continue,
        };
        // One that is there already stays.
        _ = linker.define(import.module(), import.name(), item);
    }
}

fn stop(name: &'static str) -> wasmi::Error {
    wasmi::Error::host(Stop(name))
}

fn allowed(pin: u32) -> Result<u32, wasmi::Error> {
    if pin < 32 && LINES >> pin & 1 != 0 { Ok(pin) } else { Err(stop("undeclared_line")) }
}

fn line(pin: u32) -> Result<Line, wasmi::Error> {
    u8::try_from(pin).ok().and_then(|pin| RPI4B.line(pin)).ok_or_else(|| stop("undeclared_line"))
}

fn bank(number: u32) -> Result<Bank, wasmi::Error> {
    RPI4B.bank(number).ok_or_else(|| stop("undeclared_line"))
}

fn drive(world: &mut World, pin: u32, high: bool) {
    if high { world.set(Bank::Zero, 1 << pin) } else { world.clear(Bank::Zero, 1 << pin) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_the_whole_guest_abi() {
        let loaded = Reference::load(&super::super::smith::all_imports(), 65_536);
        assert!(matches!(loaded, Ok((_, End::Results(_)))));
    }
}
