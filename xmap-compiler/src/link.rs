//! Puts the functions that are left into one code section: numbers them, resolves calls and globals,
//! and turns exports that are one native operation into direct entries.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use xmap_image::{Function, Op, Word, decode};

use crate::emit::{Emitted, as_direct};
use crate::manifest::MappedExport;
use crate::wasm::WasmModule;

/// What a call of an export does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkedEntry {
    /// A native operation: its first word and its immediate word.
    Direct(Word, Word),
    /// A function of the image.
    Function(u32),
}

/// Where a function of the image came from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Its index in the module.
    pub index: u32,
    /// For each op: its first word's index in the function, and its offset in the module.
    pub offsets: Vec<(u32, u32)>,
}

/// A program with all its references resolved.
#[derive(Clone, Debug)]
pub(crate) struct Linked {
    /// The functions of the image.
    pub functions: Vec<Function>,
    /// Where each came from.
    pub sources: Vec<Origin>,
    /// For each exported function of the module, what a call does.
    pub entries: HashMap<u32, LinkedEntry>,
    /// The module's indices of the globals that are left.
    pub globals: Vec<u32>,
    /// The start function's number.
    pub start: Option<u32>,
}

/// Links a program.
pub(crate) fn link(
    module: &WasmModule<'_>,
    exports: &[MappedExport],
    emitted: BTreeMap<u32, Emitted>,
) -> Linked {
    let mut entries = HashMap::new();
    let mut needed: Vec<u32> = module.start.into_iter().collect();
    for export in exports {
        match as_direct(&emitted[&export.function].function) {
            Some((first, second)) => _ = entries.insert(export.function, LinkedEntry::Direct(first, second)),
            None => needed.push(export.function),
        }
    }
    let mut reached: BTreeSet<u32> = BTreeSet::new();
    while let Some(index) = needed.pop() {
        if reached.insert(index) {
            needed.extend(references(&emitted[&index].function.code, Op::Call));
        }
    }
    let number: HashMap<u32, u32> = reached.iter().zip(0..).map(|(index, n)| (*index, n)).collect();
    let globals: BTreeSet<u32> = reached
        .iter()
        .flat_map(|index| {
            let code = &emitted[index].function.code;
            references(code, Op::GlobalGet).chain(references(code, Op::GlobalSet))
        })
        .collect();
    let global: HashMap<u32, u32> = globals.iter().zip(0..).map(|(index, n)| (*index, n)).collect();

    let mut linked = Linked {
        functions: Vec::new(),
        sources: Vec::new(),
        entries,
        globals: globals.into_iter().collect(),
        start: module.start.map(|start| number[&start]),
    };
    for export in exports {
        if let Some(n) = number.get(&export.function) {
            linked.entries.entry(export.function).or_insert(LinkedEntry::Function(*n));
        }
    }
    for (index, one) in emitted.into_iter().filter(|(index, _)| reached.contains(index)) {
        let mut function = one.function;
        resolve(&mut function.code, &number, &global);
        linked.functions.push(function);
        linked.sources.push(Origin { index, offsets: one.offsets });
    }
    linked
}

/// The 16-bit references of all ops of one kind.
fn references(code: &[Word], kind: Op) -> impl Iterator<Item = u32> {
    decode(code).filter(move |(_, op, _)| *op == kind).map(|(_, _, words)| words[0] >> 16)
}

fn resolve(code: &mut [Word], number: &HashMap<u32, u32>, global: &HashMap<u32, u32>) {
    let places: Vec<(usize, Op)> = decode(code).map(|(at, op, _)| (at, op)).collect();
    for (at, op) in places {
        let table = match op {
            Op::Call => number,
            Op::GlobalGet | Op::GlobalSet => global,
            _ => continue,
        };
        code[at] = code[at] & 0xffff | table[&(code[at] >> 16)] << 16;
    }
}
