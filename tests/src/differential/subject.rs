//! The other side: the image of the module, run by the mapper.

use std::collections::HashMap;
use std::path::Path;

use tiny_mapper::{CallError, Mapper, Store, Trap, TrapCode};
use xmap_abi::HostFunction;
use xmap_compiler::codes::Code;
use xmap_compiler::compile::compile;
use xmap_compiler::diagnostic::Diagnostics;
use xmap_compiler::manifest::Manifest;
use xmap_compiler::report::How;
use xmap_image::{Op, OwnedImage, fuel};

use super::Skip;
use super::compare::{End, TABLE};
use super::world::World;

/// Words of code that a call without a bound may run.
const FUEL: u32 = 400_000;
/// Slots of the register stack: so many that calls run out of fuel first, mostly.
const STACK_SLOTS: usize = 64 * 1024;

/// A module that has been compiled.
pub(super) struct Program {
    image: OwnedImage,
    /// For each global of the image, its index in the module.
    pub(super) globals: Vec<u32>,
    /// Bytes that linear memory may grow to.
    memory_bytes: usize,
    /// By export: the most fuel that a call can use, where the compiler knows it.
    bounds: HashMap<String, u64>,
}

/// Why there is no image.
pub(super) enum Refused {
    /// For a reason that the compiler may have.
    Skip(Skip),
    /// Because a segment does not fit, which must be so in wasmi too.
    Data,
    /// For a reason that it must not have with a valid module.
    Wrong(String),
}

impl Program {
    /// Compiles a module without a manifest, whose memory may grow to so many bytes.
    ///
    /// # Errors
    /// Where the compiler refuses it, or has made an image that does not verify.
    pub(super) fn compile(wasm: &[u8], memory_bytes: usize) -> Result<Self, Refused> {
        let mut manifest = Manifest::bare(&xmap_boards::RPI4B, Path::new("module.wasm"));
        manifest.limits.memory_bytes.value = memory_bytes as u64;
        manifest.limits.fuel.value = FUEL;
        let compiled = compile(&manifest, wasm).map_err(refusal)?;
        let globals = compiled.map.globals;
        let bounds = compiled.report.exports.iter().filter_map(|export| match export.how {
            How::Bounded(bound) => Some((export.name.clone(), bound.fuel)),
            // A direct entry pays for a long text alone.
            How::Direct(Op::LogMessage) => {
                Some((export.name.clone(), fuel::of_text(memory_bytes as u32).into()))
            }
            How::Direct(Op::HostCall) => {
                let most = |function: &HostFunction| function.row().cost.fuel(memory_bytes as u32);
                let most = HostFunction::ALL.iter().map(most).max().unwrap_or(0);
                Some((export.name.clone(), most.into()))
            }
            How::Direct(_) => Some((export.name.clone(), 0)),
            How::Fuelled(_) => None,
        });
        let bounds = bounds.collect();
        let image = OwnedImage::new(compiled.words)
            .map_err(|error| Refused::Wrong(format!("the image does not verify: {error}")))?;
        Ok(Self { image, globals, memory_bytes, bounds })
    }

    /// The slot of the shadow stack's pointer among the image's globals, where it is known.
    pub(super) fn stack_pointer(&self) -> Option<usize> {
        self.image.image().stack_pointer()
    }
}

/// Returns whether a refusal is allowed: the first that is not decides.
fn refusal(errors: Diagnostics) -> Refused {
    let mut refused = None;
    for error in &errors.0 {
        let one = match error.code {
            Code::Unsupported => {
                let what = error.message.split(" is not").next().unwrap_or_default();
                Refused::Skip(Skip::Unsupported(what.to_string()))
            }
            Code::NoSuchLine | Code::ReservedLine | Code::UndeclaredLine | Code::ConstantTrap => {
                Refused::Skip(Skip::ConstantLine)
            }
            Code::TooManyRegisters => Refused::Skip(Skip::Registers),
            Code::FunctionTooLong => Refused::Skip(Skip::Length),
            Code::DataOutside | Code::ElementsOutside => Refused::Data,
            _ => return Refused::Wrong(format!("the compiler refuses a valid module:\n{error}")),
        };
        refused.get_or_insert(one);
    }
    refused.unwrap_or_else(|| Refused::Wrong("the compiler refuses without an error".into()))
}

/// The RAM that a mapper works in.
pub(super) struct Ram {
    stack: Vec<u64>,
    memory: Vec<u8>,
    globals: Vec<u64>,
}

impl Ram {
    /// Enough for any module that is compared.
    pub(super) fn new(program: &Program) -> Self {
        let globals = vec![0; program.image.image().slots()];
        // What was there before must not matter.
        Self { stack: vec![u64::MAX; STACK_SLOTS], memory: vec![0xa5; program.memory_bytes], globals }
    }
}

/// An image that is loaded.
pub(super) struct Subject<'a> {
    program: &'a Program,
    /// None only while a global is set.
    mapper: Option<Mapper<'a, World>>,
}

impl<'a> Subject<'a> {
    /// Loads an image and runs its start function, also where that is the hook `_initialize` because it
    /// needs more fuel than a start function has.
    pub(super) fn load(program: &'a Program, ram: &'a mut Ram) -> (Self, End) {
        let store = Store { stack: &mut ram.stack, memory: &mut ram.memory, globals: &mut ram.globals };
        let mapper = Mapper::load(program.image.image(), World::default(), store);
        let mut mapper = mapper.expect("there is room for any image");
        let end = match mapper.start() {
            Ok(()) => End::Results(Vec::new()),
            Err(trap) => end(trap),
        };
        let hook = mapper.find("_initialize").filter(|_| matches!(end, End::Results(_)));
        let end = match hook.map(|hook| mapper.call(hook, &[]).map(drop)) {
            Some(Err(CallError::Trap(trap))) => self::end(trap),
            Some(Err(error)) => panic!("the hook takes nothing: {error}"),
            Some(Ok(())) | None => end,
        };
        (Self { program, mapper: Some(mapper) }, end)
    }

    fn mapper(&self) -> &Mapper<'a, World> {
        self.mapper.as_ref().expect("it is only taken apart in set_global")
    }

    /// Calls an export.
    ///
    /// # Errors
    /// Where the mapper does what it must not: the call is refused, or takes more than its bound.
    pub(super) fn call(&mut self, name: &str, args: &[u64]) -> Result<End, String> {
        let mapper = self.mapper.as_mut().expect("it is only taken apart in set_global");
        let id = mapper.find(name).ok_or_else(|| format!("no export {name}"))?;
        let result = match mapper.call(id, args) {
            Ok(results) => End::Results(results.to_vec()),
            Err(CallError::Trap(trap)) => end(trap),
            Err(error) => return Err(error.to_string()),
        };
        let used = u64::from(mapper.counters().fuel);
        match self.program.bounds.get(name) {
            Some(bound) if used > *bound => Err(format!("the call used {used} words, its bound is {bound}")),
            Some(_) if result == End::Stopped => {
                Err(format!("a bounded call ran out of fuel or stack: {used} words"))
            }
            _ => Ok(result),
        }
    }

    /// All of linear memory.
    pub(super) fn memory(&self) -> &[u8] {
        self.mapper().memory()
    }

    /// The image's globals.
    pub(super) fn globals(&self) -> &[u64] {
        self.mapper().globals()
    }

    /// Sets a global by its index in the module, if the image has it left.
    pub(super) fn set_global(&mut self, index: u32, value: u32) {
        let slot = self.program.globals.iter().position(|global| *global == index);
        let Some(slot) = slot else { return };
        let mapper = self.mapper.take().expect("it is only taken apart here");
        let (world, store, state) = mapper.suspend();
        store.globals[slot] = value.into();
        let mapper = Mapper::resume(self.program.image.image(), world, store, state);
        self.mapper = Some(mapper.expect("the store was enough before"));
    }

    /// Returns what happened on the board.
    pub(super) fn world(&self) -> &World {
        self.mapper().port()
    }
}

fn end(trap: Trap) -> End {
    match trap.code {
        TrapCode::Fuel | TrapCode::StackOverflow => End::Stopped,
        // wasmi does not tell a call through a table from another access to it.
        TrapCode::UndefinedElement | TrapCode::TableOutOfBounds => End::Trap(TABLE.to_string()),
        code => End::Trap(code.name().to_string()),
    }
}
