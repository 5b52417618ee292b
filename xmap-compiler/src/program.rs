//! From the exports to all that they need: which functions of a module are compiled, in the intermediate
//! form.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use xmap_image::{Op, Ty};

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::hooks::Hooked;
use crate::ir::{ENTRY, Func, Inst, Kind, Messages, Term};
use crate::lower::{Failure, lower};
use crate::manifest::MappedExport;
use crate::opt::{Inlined, ParamRanges, inline, settle};
use crate::wasm::{ConstExpr, Import, LineTable, WasmModule, foreign};
use crate::work::Exhausted;

/// What is compiled of a module.
pub(crate) struct Program {
    /// The functions that the exports and the start function need, optimised.
    pub(crate) funcs: Inlined,
    /// Those among them that are called through tables and globals.
    pub(crate) shared: BTreeSet<u32>,
    /// The steps that this took.
    pub(crate) steps: u64,
    /// What is said of traps whose text is known, by the offset of the call.
    pub(crate) messages: Messages,
}

/// Collects the functions that exports and start function reach, lowers them and optimises them together.
///
/// # Errors
/// What does not lower, each with its place; imports that something reaches and nobody has.
pub(crate) fn program<'m>(
    file: &str,
    module: &WasmModule<'m>,
    hooked: &Hooked,
    lines: &LineTable<'m>,
    exports: &[MappedExport],
) -> Result<Program, Diagnostics> {
    let mut roots: BTreeSet<u32> = exports.iter().map(|e| e.function).chain(module.start).collect();
    let mut shared: BTreeSet<u32> = module.globals.iter().filter_map(|g| function(&g.init)).collect();
    let mut funcs = Inlined::new();
    let mut errors = Vec::new();
    let mut foreign: BTreeSet<u32> = BTreeSet::new();
    // Imported globals that something reaches, and the instruction that does; segments need theirs at load.
    let mut foreign_globals: BTreeMap<u32, Option<(u32, u32)>> =
        placed(module).filter_map(imported).map(|global| (global, None)).collect();
    let mut reach = Reach { file, module, lines, exports, by: HashMap::new() };
    let mut work: Vec<u32> = roots.union(&shared).copied().collect();
    let mut tables = false;
    let mut messages = Messages::new();
    while let Some(index) = work.pop() {
        if funcs.contains_key(&index) {
            continue;
        }
        let mut func = match module.imports.get(index as usize) {
            Some(Import::Host(_)) => forwarder(module, index),
            Some(Import::Foreign(_)) => {
                foreign.insert(index);
                Func::new(index, 0, 0, 0)
            }
            None if hooked.has(index) => hooked.func(module, index),
            Some(Import::Library(_)) | None => match lowered(file, module, index) {
                Ok(func) => func,
                Err(error) => {
                    errors.push(error);
                    Func::new(index, 0, 0, 0)
                }
            },
        };
        for inst in func.blocks.iter().flat_map(|b| &b.insts) {
            let before = work.len();
            match inst.kind {
                Kind::Call(callee) => work.push(callee),
                Kind::RefFunc(function) => {
                    shared.insert(function);
                    work.push(function);
                }
                Kind::GlobalGet(global) | Kind::GlobalSet(global) => {
                    if let Some(global) = imported(&module.globals[global as usize].init) {
                        foreign_globals.entry(global).or_insert(Some((index, inst.offset)));
                    }
                }
                kind if uses_tables(kind) && !std::mem::replace(&mut tables, true) => {
                    // Now everything that stands in a table can be called.
                    let items = || module.elements.iter().flat_map(|e| &e.items);
                    let new: Vec<u32> = items().filter_map(function).filter(|f| shared.insert(*f)).collect();
                    for global in items().filter_map(imported) {
                        foreign_globals.entry(global).or_insert(Some((index, inst.offset)));
                    }
                    work.extend(new);
                }
                _ => {}
            }
            for callee in &work[before..] {
                reach.by.entry(*callee).or_insert((index, inst.offset));
            }
        }
        messages.append(&mut func.messages);
        funcs.insert(index, func);
    }
    errors.extend(foreign::errors(file, module, foreign.iter().map(|index| (*index, reach.note(*index)))));
    errors.extend(foreign_globals.into_iter().map(|(global, by)| {
        foreign::global(file, &module.foreign_globals[global as usize], by.map(|by| reach.at(by, "uses")))
    }));
    if !errors.is_empty() {
        errors.sort_by_key(|e: &Diagnostic| e.place.to_string());
        return Err(Diagnostics(errors));
    }
    let mut ranges = ranges(exports);
    ranges.retain(|index, _| !shared.contains(index));
    roots.extend(&shared);
    match inline(funcs, &roots, &ranges) {
        Ok((funcs, steps)) => Ok(Program { funcs, shared, steps, messages }),
        Err((index, exhausted)) => Err(too_complex(file, module, index, exhausted).into()),
    }
}

/// A function in the intermediate form, without what lowering has made too much of.
fn lowered(file: &str, module: &WasmModule<'_>, index: u32) -> Result<Func, Diagnostic> {
    let func = lower(file, module, index).and_then(|mut func| {
        settle(&mut func)?;
        Ok(func)
    });
    func.map_err(|failure| match failure {
        Failure::Unsupported(error) => *error,
        Failure::Exhausted(exhausted) => too_complex(file, module, index, exhausted),
    })
}

/// A function that takes more of the compiler's time and memory than one of its size may.
pub(crate) fn too_complex(
    file: &str,
    module: &WasmModule<'_>,
    index: u32,
    Exhausted { phase, allowed }: Exhausted,
) -> Diagnostic {
    let function = module.function_name(index);
    let body = module.body(index).map(|body| body.range());
    let message = format!("{function} is too complex: {} takes more than {allowed} steps", phase.name());
    let place = Place::Wasm {
        file: file.to_string(),
        function: Some(function),
        offset: body.map(|range| range.start),
        source: None,
    };
    Diagnostic::new(Code::TooComplex, place, message).help(
        "split the function, or have it assign fewer locals in deeply nested loops and blocks".to_string(),
    )
}

/// Which instruction was the first to reach a function.
struct Reach<'a, 'm> {
    file: &'a str,
    module: &'a WasmModule<'m>,
    lines: &'a LineTable<'m>,
    exports: &'a [MappedExport],
    /// For each function, the one that names it, and the instruction's offset.
    by: HashMap<u32, (u32, u32)>,
}

impl Reach<'_, '_> {
    /// Returns what reaches a function, and where; `None` for an import that is mapped itself.
    fn note(&self, index: u32) -> Option<(Place, String)> {
        Some(self.at(*self.by.get(&index)?, "calls"))
    }

    /// Returns the place of an instruction, and which export comes to it: `verb` is what the instruction
    /// does.
    fn at(&self, (caller, offset): (u32, u32), verb: &str) -> (Place, String) {
        let place = Place::Wasm {
            file: self.file.to_string(),
            function: Some(self.module.function_name(caller)),
            offset: Some(u64::from(offset)),
            source: self.lines.find(offset),
        };
        let mut root = caller;
        while let Some((above, _)) = self.by.get(&root).filter(|_| !self.is_root(root)) {
            root = *above;
        }
        let who = match self.exports.iter().find(|export| export.function == root) {
            Some(export) => format!("`{}`", export.name),
            None => "the start function".to_string(),
        };
        (place, format!("{who} {} it", if root == caller { verb } else { "reaches" }))
    }

    fn is_root(&self, index: u32) -> bool {
        self.module.start == Some(index) || self.exports.iter().any(|export| export.function == index)
    }
}

fn uses_tables(kind: Kind) -> bool {
    match kind {
        Kind::CallIndirect { .. } => true,
        Kind::Plain { op, .. } => op >= Op::TableGet && op <= Op::TableInit,
        _ => false,
    }
}

/// The places of what stands in memory and tables at load.
fn placed<'m>(module: &'m WasmModule<'_>) -> impl Iterator<Item = &'m ConstExpr> {
    let data = module.data.iter().filter_map(|segment| segment.address.as_ref());
    data.chain(module.elements.iter().filter_map(|segment| segment.place.as_ref().map(|(_, offset)| offset)))
}

/// The imported global that a constant is the value of, by its number.
fn imported(init: &ConstExpr) -> Option<u32> {
    match init {
        ConstExpr::Imported(global) => Some(*global),
        _ => None,
    }
}

/// The function that a constant refers to.
fn function(init: &ConstExpr) -> Option<u32> {
    match init {
        ConstExpr::Function(function) => Some(*function),
        _ => None,
    }
}

/// The body of an import that is exported again.
fn forwarder(module: &WasmModule<'_>, index: u32) -> Func {
    let ty = module.function_type(index);
    let mut func = Func::new(index, ty.params().len(), ty.results().len(), 0);
    let results: Vec<_> = ty.results().iter().map(|_| func.value()).collect();
    let function = module.host_function(index).expect("the caller has asked");
    let args = func.params.clone();
    let block = func.at_mut(ENTRY);
    block.insts.push(Inst { kind: Kind::Host(function), args, results: results.clone(), offset: 0 });
    block.term = Term::Return(results);
    func
}

/// Returns what the declared types say of each exported function's parameters.
fn ranges(exports: &[MappedExport]) -> HashMap<u32, ParamRanges> {
    let largest = |ty: &Ty| match ty {
        Ty::Bool => 1,
        Ty::U8 => 0xff,
        Ty::U16 => 0xffff,
        Ty::U64 | Ty::I64 | Ty::F64 => u64::MAX,
        _ => u64::from(u32::MAX),
    };
    let mut all: HashMap<u32, ParamRanges> = HashMap::new();
    for export in exports {
        let new: ParamRanges = export.params.iter().map(largest).collect();
        // A function under two names may be called with what either allows.
        all.entry(export.function)
            .and_modify(|old| old.iter_mut().zip(&new).for_each(|(o, n)| *o = (*o).max(*n)))
            .or_insert(new);
    }
    all
}
