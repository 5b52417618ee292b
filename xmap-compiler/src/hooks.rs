//! Hooks of exports: each export that has some becomes a function that calls them around it. Where the hooks
//! fold away, nothing of that function is left.

use std::collections::BTreeMap;

use wasmparser::{BinaryReader, FunctionBody};
use xmap_abi::HostFunction;

use crate::ir::{BlockId, Compare, ENTRY, Edge, Func, Inst, Kind, Term, Value, Width};
use crate::manifest::{Manifest, MappedExport};
use crate::opt::Inlined;
use crate::wasm::{ExportedFunction, WasmModule};

/// The functions that were put in the place of exports, by their numbers in the module.
#[derive(Debug, Default)]
pub(crate) struct Hooked(BTreeMap<u32, Around>);

/// What one of them calls.
#[derive(Debug)]
struct Around {
    export: u32,
    before: Option<u32>,
    after: Option<u32>,
}

/// No locals, and the end: the body that the module is given for a function that is made here.
const EMPTY: &[u8] = &[0, 0x0b];

/// Puts functions in the place of the exports that have hooks. A hook that the module lacks is left out, and
/// is an error later.
pub(crate) fn hooked(module: &mut WasmModule<'_>, manifest: &Manifest) -> Hooked {
    // A hook is the function itself, whatever hooks that has.
    let functions: BTreeMap<&str, u32> = module.exports.iter().map(|e| (e.name, e.function)).collect();
    let function = |name: &str| functions.get(name).copied();
    let mut hooked = Hooked::default();
    for hooks in &manifest.hooks {
        let Some(at) = module.exports.iter().position(|export| export.name == hooks.export.value) else {
            continue;
        };
        let ExportedFunction { name, function: export } = module.exports[at];
        let [before, after] =
            [&hooks.before, &hooks.after].map(|hook| hook.as_ref().and_then(|hook| function(&hook.value)));
        let ty = module.function_type(export).clone();
        let offset = module.body(export).map_or(0, |body| body.range().start);
        let body = FunctionBody::new(BinaryReader::new(EMPTY, offset));
        let function = module.add_function(name, ty, body);
        module.exports[at] = ExportedFunction { name, function };
        hooked.0.insert(function, Around { export, before, after });
    }
    hooked
}

impl Hooked {
    /// Returns whether a function was put in the place of an export.
    pub(crate) fn has(&self, function: u32) -> bool {
        self.0.contains_key(&function)
    }

    /// The function of this number, which [`Hooked::has`].
    pub(crate) fn func(&self, module: &WasmModule<'_>, index: u32) -> Func {
        let Around { export, before, after } = self.0[&index];
        let ty = module.function_type(index);
        let mut func = Func::new(index, ty.params().len(), ty.results().len(), 0);
        let params = func.params.clone();
        let mut block = ENTRY;
        if let Some(before) = before {
            let answer = call(&mut func, module, block, before, params.clone());
            if let Some(answer) = answer.first() {
                block = refuse(&mut func, module, block, before, *answer);
            }
        }
        let results = call(&mut func, module, block, export, params.clone());
        if let Some(after) = after {
            let args = results.iter().chain(&params).copied().collect();
            call(&mut func, module, block, after, args);
        }
        func.at_mut(block).term = Term::Return(results);
        func
    }

    /// Gives exports their own functions back: the number of one that was taken in, and the function itself
    /// where nothing else is left. So hooks that fold away leave the image that there is without them.
    pub(crate) fn settle(&self, funcs: &mut Inlined, exports: &mut [MappedExport]) {
        for mapped in exports {
            let (function, Some(around)) = (mapped.function, self.0.get(&mapped.function)) else { continue };
            let is_taken_in = !funcs.contains_key(&around.export);
            if !is_taken_in && !funcs.get(&function).is_some_and(|func| forwards(func, around.export)) {
                continue;
            }
            if let Some(mut func) = funcs.remove(&function).filter(|_| is_taken_in) {
                func.index = around.export;
                funcs.insert(around.export, func);
            }
            mapped.function = around.export;
        }
    }
}

/// Returns whether a function calls another one with its own arguments, returns its results, and does nothing
/// else.
fn forwards(func: &Func, to: u32) -> bool {
    let entry = func.at(ENTRY);
    let ([inst], Term::Return(results)) = (&entry.insts[..], &entry.term) else { return false };
    inst.kind == Kind::Call(to) && inst.args == func.params && inst.results == *results
}

/// Returns where a function begins in the module: what stands for it in the map.
fn position(module: &WasmModule<'_>, function: u32) -> u32 {
    module.body(function).map_or(0, |body| body.range().start as u32)
}

/// Puts a call behind what a block has. Returns its results.
fn call(
    func: &mut Func,
    module: &WasmModule<'_>,
    block: BlockId,
    function: u32,
    args: Vec<Value>,
) -> Vec<Value> {
    let kind = module.host_function(function).map_or(Kind::Call(function), Kind::Host);
    let count = module.function_type(function).results().len();
    let results: Vec<Value> = (0..count).map(|_| func.value()).collect();
    let inst = Inst { kind, args, results: results.clone(), offset: position(module, function) };
    func.at_mut(block).insts.push(inst);
    results
}

/// Ends a block with a branch: where the hook's answer is 0, the block that is returned goes on.
fn refuse(func: &mut Func, module: &WasmModule<'_>, block: BlockId, before: u32, answer: Value) -> BlockId {
    let offset = position(module, before);
    let [refused, on] = [func.block(), func.block()];
    func.layout.extend([on, refused]);
    let zero = func.constant(0);
    let edge = |to| Edge { to, args: Vec::new() };
    let from = func.at_mut(block);
    from.term = Term::Branch {
        compare: Compare::Eq,
        width: Width::W32,
        args: [answer, zero],
        then: edge(on),
        other: edge(refused),
    };
    from.term_offset = offset;
    let kind = Kind::Host(HostFunction::CallRefuse);
    let end = func.at_mut(refused);
    end.insts.push(Inst { kind, args: vec![answer], results: Vec::new(), offset });
    end.term_offset = offset;
    func.messages.insert(offset, format!("{} said no", module.function_name(before)));
    on
}
