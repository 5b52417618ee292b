//! Puts the functions that are left into one code section: numbers them, resolves calls, globals,
//! references, types and segments, and turns exports that are one host call into direct entries.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wasmparser::FuncType;
use xmap_image::{Function, Op, TypeRow, Word, decode};

use crate::emit::{Emitted, as_direct};
use crate::ir::Site;
use crate::manifest::MappedExport;
use crate::wasm::WasmModule;

/// What a call of an export does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkedEntry {
    /// A host call: its first word and its immediate word.
    Direct(Word, Word),
    /// A function of the image.
    Function(u32),
}

/// Where a function of the image came from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Its index in the module.
    pub(crate) index: u32,
    /// For each op: its first word's index in the function, and its position.
    pub(crate) offsets: Vec<(u32, u32)>,
    /// Positions of ops that were copied from other functions.
    pub(crate) sites: Vec<Site>,
    /// Loops with a constant number of rounds: their first word and the rounds.
    pub(crate) loops: Vec<(u32, u64)>,
}

/// A program with all its references resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Linked {
    /// The functions of the image.
    pub(crate) functions: Vec<Function>,
    /// Where each came from.
    pub(crate) sources: Vec<Origin>,
    /// For each exported function of the module, what a call does.
    pub(crate) entries: HashMap<u32, LinkedEntry>,
    /// The start function's number.
    pub(crate) start: Option<u32>,
    /// For each function of the module that is left, its number.
    pub(crate) numbers: HashMap<u32, u32>,
    /// The module's indices of the globals that are left.
    pub(crate) globals: Vec<u32>,
    /// The module's indices of those among them that code sets.
    pub(crate) changed: BTreeSet<u32>,
    /// The function types, where there are indirect calls.
    pub(crate) types: Vec<TypeRow>,
    /// The type of each function, where there are types.
    pub(crate) function_types: Vec<u16>,
    /// Whether the tables are used.
    pub(crate) tables: bool,
    /// The module's indices of the element segments that the code names.
    pub(crate) elements: Vec<u32>,
    /// The module's indices of the data segments that the code names.
    pub(crate) data: Vec<u32>,
    /// Tables that the code grows.
    pub(crate) grown: BTreeSet<u32>,
}

/// Links a program. `shared` are functions that are called other than by their number: those in
/// tables and globals.
pub(crate) fn link(
    module: &WasmModule<'_>,
    exports: &[MappedExport],
    emitted: BTreeMap<u32, Emitted>,
    shared: &BTreeSet<u32>,
) -> Linked {
    let mut linked = Linked::default();
    let mut needed: Vec<u32> = module.start.into_iter().chain(shared.iter().copied()).collect();
    for export in exports {
        match as_direct(&emitted[&export.function].function) {
            Some((first, second)) => {
                linked.entries.insert(export.function, LinkedEntry::Direct(first, second));
            }
            None => needed.push(export.function),
        }
    }
    let mut reached: BTreeSet<u32> = BTreeSet::new();
    while let Some(index) = needed.pop() {
        if reached.insert(index) {
            needed.extend(functions_named(&emitted[&index].function.code));
        }
    }
    linked.numbers = reached.iter().zip(0..).map(|(index, n)| (*index, n)).collect();
    linked.start = module.start.map(|start| linked.numbers[&start]);
    for export in exports {
        if let Some(n) = linked.numbers.get(&export.function) {
            linked.entries.entry(export.function).or_insert(LinkedEntry::Function(*n));
        }
    }
    let code: Vec<&[Word]> = reached.iter().map(|index| &emitted[index].function.code[..]).collect();
    let tables = Tables::of(module, &code, &reached);
    for (index, one) in emitted.into_iter().filter(|(index, _)| reached.contains(index)) {
        let mut function = one.function;
        tables.resolve(&mut function.code, &linked.numbers);
        linked.functions.push(function);
        linked.sources.push(Origin { index, offsets: one.offsets, sites: one.sites, loops: one.loops });
    }
    linked.globals = tables.globals;
    linked.changed = tables.changed;
    linked.types = tables.types;
    linked.function_types = tables.function_types;
    linked.tables = tables.used;
    linked.elements = tables.elements;
    linked.data = tables.data;
    linked.grown = tables.grown;
    linked
}

/// The functions that code calls or makes references to.
fn functions_named(code: &[Word]) -> impl Iterator<Item = u32> {
    let names = |op: &Op| matches!(op, Op::Call | Op::RefFunc);
    decode(code).filter(move |(_, op, _)| names(op)).map(|(_, _, words)| words[0] >> 16)
}

/// What the code names beside functions, in the order of the image.
#[derive(Default)]
struct Tables {
    globals: Vec<u32>,
    changed: BTreeSet<u32>,
    types: Vec<TypeRow>,
    function_types: Vec<u16>,
    /// For each type of the module, the number of the types that are equal to it.
    canonical: Vec<u32>,
    used: bool,
    elements: Vec<u32>,
    data: Vec<u32>,
    grown: BTreeSet<u32>,
}

impl Tables {
    fn of(module: &WasmModule<'_>, code: &[&[Word]], reached: &BTreeSet<u32>) -> Self {
        let mut tables = Self::default();
        let mut globals = BTreeSet::new();
        let (mut elements, mut data) = (BTreeSet::new(), BTreeSet::new());
        let mut indirect = false;
        for (_, op, words) in code.iter().flat_map(|code| decode(code)) {
            tables.used |= op >= Op::CallIndirect && op <= Op::TableInit;
            if op == Op::GlobalSet {
                tables.changed.insert(words[0] >> 16);
            }
            match op {
                Op::GlobalGet | Op::GlobalSet => _ = globals.insert(words[0] >> 16),
                Op::CallIndirect => indirect = true,
                Op::TableGrow => _ = tables.grown.insert(words[0] >> 24),
                Op::TableInit => _ = elements.insert(words[1] >> 16),
                Op::ElemDrop => _ = elements.insert(words[1]),
                Op::MemoryInit | Op::DataDrop => _ = data.insert(words[1]),
                _ => {}
            }
        }
        tables.globals = globals.into_iter().collect();
        tables.elements = elements.into_iter().collect();
        tables.data = data.into_iter().collect();
        if indirect {
            tables.number_types(module, reached);
        }
        tables
    }

    /// Gives equal types one number.
    fn number_types(&mut self, module: &WasmModule<'_>, reached: &BTreeSet<u32>) {
        let mut known: HashMap<&FuncType, u32> = HashMap::new();
        for ty in &module.types {
            let number = *known.entry(ty).or_insert_with(|| {
                // Types with more parameters than a window holds have no function and no call.
                let count = |types: usize| u8::try_from(types).unwrap_or(u8::MAX);
                let (params, results) = (count(ty.params().len()), count(ty.results().len()));
                self.types.push(TypeRow { params, results });
                self.types.len() as u32 - 1
            });
            self.canonical.push(number);
        }
        let ty = |index: &u32| self.canonical[module.functions[*index as usize] as usize] as u16;
        self.function_types = reached.iter().map(ty).collect();
    }

    fn resolve(&self, code: &mut [Word], numbers: &HashMap<u32, u32>) {
        let places: Vec<(usize, Op)> = decode(code).map(|(at, op, _)| (at, op)).collect();
        let among = |list: &[u32], index: u32| list.binary_search(&index).unwrap_or(0) as u32;
        for (at, op) in places {
            let upper = code[at] >> 16;
            match op {
                Op::Call | Op::RefFunc => code[at] = code[at] & 0xffff | numbers[&upper] << 16,
                Op::GlobalGet | Op::GlobalSet => {
                    code[at] = code[at] & 0xffff | among(&self.globals, upper) << 16;
                }
                Op::CallIndirect => code[at + 1] = self.canonical[code[at + 1] as usize],
                Op::TableInit => {
                    let segment = among(&self.elements, code[at + 1] >> 16);
                    code[at + 1] = code[at + 1] & 0xffff | segment << 16;
                }
                Op::ElemDrop => code[at + 1] = among(&self.elements, code[at + 1]),
                Op::MemoryInit | Op::DataDrop => code[at + 1] = among(&self.data, code[at + 1]),
                _ => {}
            }
        }
    }
}
