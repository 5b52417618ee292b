//! The engine that runs the module: the only file that names it.

use wasmi::errors::HostError;
use wasmi::{
    AsContext, AsContextMut, Caller, Config, Extern, ExternType, FuncType, Instance, Linker, Module, Store,
    TypedFunc, Val, ValType,
};
use xmap_image::Ty;

use crate::Error;
use crate::imports::{self, IMPORTS};
use crate::memory::Memory;
use crate::reenter::Machine;

impl HostError for Error {}

/// How deep a module's functions may call each other; the bytes that their frames take are limited, too.
const MOST_CALLS: usize = 1 << 20;

/// Exports that belong to the runtime of Go, and not to the program.
const RUNTIME_EXPORTS: [&str; 4] = ["run", "resume", "getsp", "mem"];

/// What the module's instance is asked for; it is there once the module is instantiated.
#[derive(Default)]
struct Parts {
    memory: Option<wasmi::Memory>,
    stack_pointer: Option<TypedFunc<(), i32>>,
    resume: Option<TypedFunc<(), ()>>,
}

/// A module that can run.
pub(crate) struct Engine {
    store: Store<Parts>,
    instance: Instance,
    exports: Vec<Export>,
}

/// A function of the program that the module exports: `//go:wasmexport`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) name: String,
    /// The types; `None` for one that no number of a caller has.
    pub(crate) params: Option<Vec<Ty>>,
    pub(crate) results: Option<Vec<Ty>>,
}

impl Engine {
    /// Compiles a module and links it with the imports.
    pub(crate) fn new(wasm: &[u8], stack_bytes: usize) -> Result<Self, Error> {
        let mut config = Config::default();
        config.set_max_recursion_depth(MOST_CALLS).set_max_stack_height(stack_bytes);
        let engine = wasmi::Engine::new(&config);
        let module = Module::new(&engine, wasm).map_err(module_error)?;
        let mut linker = Linker::new(&engine);
        // Go's linker has an import once for each package that names it.
        linker.allow_shadowing(true);
        link(&module, &mut linker)?;
        for missing in RUNTIME_EXPORTS {
            module.get_export(missing).ok_or(Error::NotGo { missing })?;
        }
        let mut store = Store::new(&engine, Parts::default());
        let instance = linker.instantiate_and_start(&mut store, &module).map_err(stopped)?;
        let parts = Parts {
            memory: instance.get_memory(&store, "mem"),
            stack_pointer: instance.get_typed_func(&store, "getsp").ok(),
            resume: instance.get_typed_func(&store, "resume").ok(),
        };
        let missing = [
            (parts.memory.is_none(), "mem"),
            (parts.stack_pointer.is_none(), "getsp"),
            (parts.resume.is_none(), "resume"),
        ];
        if let Some((_, missing)) = missing.into_iter().find(|(is_missing, _)| *is_missing) {
            return Err(Error::NotGo { missing });
        }
        *store.data_mut() = parts;
        let exports = module.exports().filter_map(|export| match export.ty() {
            ExternType::Func(ty) if !RUNTIME_EXPORTS.contains(&export.name()) => Some(Export {
                name: export.name().to_owned(),
                params: ty.params().iter().map(number_type).collect(),
                results: ty.results().iter().map(number_type).collect(),
            }),
            _ => None,
        });
        Ok(Self { exports: exports.collect(), store, instance })
    }

    /// The functions that the program exports.
    pub(crate) fn exports(&self) -> &[Export] {
        &self.exports
    }

    /// Starts the program.
    pub(crate) fn start(&mut self, argc: i32, argv: i32) -> Result<(), Error> {
        let run = self.instance.get_typed_func::<(i32, i32), ()>(&self.store, "run");
        let run = run.map_err(|_| Error::NotGo { missing: "run" })?;
        run.call(&mut self.store, (argc, argv)).map_err(stopped)
    }

    /// Calls an exported function with the bits of its arguments.
    pub(crate) fn call(&mut self, export: &Export, args: &[u64]) -> Result<Vec<u64>, Error> {
        let function = self.instance.get_func(&self.store, &export.name);
        let function = function.expect("the export is one of the module's");
        let params = export.params.iter().flatten().zip(args);
        let params: Vec<Val> = params
            .map(|(ty, bits)| match ty {
                Ty::I64 => Val::I64(*bits as i64),
                Ty::F32 => Val::F32(f32::from_bits(*bits as u32).into()),
                Ty::F64 => Val::F64(f64::from_bits(*bits).into()),
                _ => Val::I32(*bits as i32),
            })
            .collect();
        let mut results = vec![Val::I32(0); export.results.as_ref().map_or(0, Vec::len)];
        function.call(&mut self.store, &params, &mut results).map_err(stopped)?;
        Ok(results.iter().map(bits).collect())
    }
}

impl Machine for Engine {
    fn memory(&mut self) -> Memory<'_> {
        memory(&mut self.store)
    }

    fn stack_pointer(&mut self) -> Result<u32, Error> {
        stack_pointer(&mut self.store)
    }

    fn resume(&mut self) -> Result<(), Error> {
        resume(&mut self.store)
    }
}

/// A module that waits in one of its imports.
struct InImport<'c>(Caller<'c, Parts>);

impl Machine for InImport<'_> {
    fn memory(&mut self) -> Memory<'_> {
        memory(&mut self.0)
    }

    fn stack_pointer(&mut self) -> Result<u32, Error> {
        stack_pointer(&mut self.0)
    }

    fn resume(&mut self) -> Result<(), Error> {
        resume(&mut self.0)
    }
}

fn memory(store: &mut impl AsContextMut<Data = Parts>) -> Memory<'_> {
    match store.as_context().data().memory {
        Some(memory) => Memory(memory.data_mut(store)),
        // A start function, which no Go module has, ran before there was an instance.
        None => Memory(&mut []),
    }
}

fn stack_pointer(mut store: impl AsContextMut<Data = Parts>) -> Result<u32, Error> {
    let function = store.as_context().data().stack_pointer.ok_or(Error::NotGo { missing: "getsp" })?;
    function.call(&mut store, ()).map(|sp| sp as u32).map_err(stopped)
}

fn resume(mut store: impl AsContextMut<Data = Parts>) -> Result<(), Error> {
    let function = store.as_context().data().resume.ok_or(Error::NotGo { missing: "resume" })?;
    function.call(&mut store, ()).map_err(stopped)
}

/// Links what the module imports, and refuses what no dialect has.
fn link(module: &Module, linker: &mut Linker<Parts>) -> Result<(), Error> {
    for import in module.imports() {
        let (from, name) = (import.module(), import.name());
        let unknown = || Error::Import { module: from.to_owned(), name: name.to_owned() };
        let ExternType::Func(ty) = import.ty().clone() else { return Err(unknown()) };
        match (from, name) {
            ("gojs", _) => {
                let (_, run) = *IMPORTS.iter().find(|(known, _)| *known == name).ok_or_else(unknown)?;
                if !is(&ty, &[ValType::I32], &[]) {
                    return Err(unknown());
                }
                linker.func_new(from, name, ty, move |caller, params, _| {
                    let sp = params.first().and_then(Val::i32).unwrap_or_default();
                    imports::call(run, &mut InImport(caller), sp).map_err(wasmi::Error::host)
                })
            }
            // What the tests of `syscall/js` import.
            ("_gotest", "add") if is(&ty, &[ValType::I32; 2], &[ValType::I32]) => {
                linker.func_wrap(from, name, |a: i32, b: i32| a.wrapping_add(b))
            }
            ("_gotest", "callExport") if is(&ty, &[ValType::I32, ValType::I64], &[ValType::I64]) => {
                linker.func_wrap(from, name, call_test_export)
            }
            ("go", _) => return Err(Error::OldGo),
            _ => return Err(unknown()),
        }
        .map_err(|error| Error::Module(error.to_string()))?;
    }
    Ok(())
}

/// Calls two exports of the module from within an import, since Go 1.24.
fn call_test_export(mut caller: Caller<'_, Parts>, a: i32, b: i64) -> Result<i64, wasmi::Error> {
    let function = |caller: &Caller<'_, Parts>, name: &'static str| {
        let export = caller.get_export(name).and_then(Extern::into_func);
        export.ok_or_else(|| wasmi::Error::host(Error::NotGo { missing: name }))
    };
    let first = function(&caller, "testExport0")?.typed::<(), ()>(&caller)?;
    first.call(&mut caller, ())?;
    let second = function(&caller, "testExport")?.typed::<(i32, i64), i64>(&caller)?;
    second.call(&mut caller, (a, b))
}

fn is(ty: &FuncType, params: &[ValType], results: &[ValType]) -> bool {
    ty.params() == params && ty.results() == results
}

fn number_type(ty: &ValType) -> Option<Ty> {
    Some(match ty {
        ValType::I32 => Ty::I32,
        ValType::I64 => Ty::I64,
        ValType::F32 => Ty::F32,
        ValType::F64 => Ty::F64,
        _ => return None,
    })
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        Val::F32(value) => u64::from(value.to_bits()),
        Val::F64(value) => value.to_bits(),
        _ => 0,
    }
}

fn module_error(error: wasmi::Error) -> Error {
    Error::Module(error.to_string())
}

/// Returns why the module stopped: what an import answered, or a trap.
fn stopped(error: wasmi::Error) -> Error {
    match error.downcast_ref::<Error>() {
        Some(error) => error.clone(),
        None => Error::Trap(error.to_string()),
    }
}
