//! Finds the pointer of a module's shadow stack: the global in which its compiler keeps how much of a stack
//! in linear memory is taken.
//!
//! A function takes its frame when it begins and gives it back in front of each return. A call that traps
//! gets to no return, so the mapper gives back what the call had taken; for that the image names the global.
//!
//! Compilers that leave names name it. Others are known by what their functions do: a global whose value goes
//! down by a constant, comes back to what it was before each return, and is an address.

use std::collections::{BTreeMap, HashMap};

use wasmparser::ValType;
use xmap_image::{FaultPolicy, OnFault};

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Place};
use crate::ir::{Binary, ENTRY, Func, Inst, Kind, Term, Value, Width};
use crate::link::Linked;
use crate::opt::Inlined;
use crate::wasm::{ConstExpr, WasmModule};

/// What is known of a module's shadow stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shadow {
    /// The module has none, or none that could be seen.
    None,
    /// Its pointer is this global, by its index in the module.
    Pointer(u32),
    /// The module has one, and it is not clear which global is its pointer: why not.
    Unclear(String),
}

impl Shadow {
    /// The image's number of the pointer, where code is left that moves it.
    pub(crate) fn pointer(&self, linked: &Linked) -> Option<u32> {
        let Shadow::Pointer(index) = self else { return None };
        let slot = linked.globals.binary_search(index).ok()?;
        linked.changed.contains(index).then_some(slot as u32)
    }

    /// Warns of a module whose stack cannot be given back after a trap, where its policy is to go on.
    pub(crate) fn warning(&self, file: &str, policy: &FaultPolicy) -> Option<Diagnostic> {
        let Shadow::Unclear(why) = self else { return None };
        let keys: Vec<String> = [("on_trap", policy.on_trap), ("on_fuel", policy.on_fuel)]
            .into_iter()
            .filter(|(_, action)| *action == OnFault::Hold)
            .map(|(key, _)| format!("`{key} = \"restart\"`"))
            .collect();
        if keys.is_empty() {
            return None;
        }
        let message = format!("{file}: the shadow stack is not given back after a trap: {why}");
        let help = format!(
            "with \"hold\" each trap may leave the stack smaller, until the module corrupts its own variables or \
             traps for ever; write {} in [policy], or name the stack's pointer `__stack_pointer` (export it, or keep \
             the name section)",
            keys.join(" and ")
        );
        Some(Diagnostic::warning(Code::UnclearStack, Place::File(file.to_string()), message).help(help))
    }
}

/// The names that compilers give it: LLVM's (C, C++, Rust, Zig) and AssemblyScript's.
const NAMES: [&str; 2] = ["__stack_pointer", "~lib/memory/__stack_pointer"];

/// Globals that are looked at closely. A shadow stack's pointer is among those that most functions move.
const MOST_CANDIDATES: usize = 8;

/// Bytes that LLVM's frames are a multiple of.
const ALIGNMENT: i64 = 16;

/// Finds the pointer of a module's shadow stack in the functions that are left of it.
pub(crate) fn shadow(module: &WasmModule<'_>, funcs: &Inlined) -> Shadow {
    let moved = moved(module, funcs);
    let called = |index: &u32| {
        let exported = module.exported_globals.iter().filter(|(_, n)| n == index).map(|(name, _)| *name);
        exported.chain(module.global_names.get(index).copied()).any(|name| NAMES.contains(&name))
    };
    let named: Vec<u32> = moved.keys().copied().filter(called).collect();
    match named[..] {
        [one] => return Shadow::Pointer(one),
        [_, _, ..] => {
            return Shadow::Unclear(format!("{} are named as the pointer of one", list(module, &named)));
        }
        [] => {}
    }
    let mut most: Vec<(u32, usize)> = moved.into_iter().collect();
    most.sort_by_key(|(_, functions)| std::cmp::Reverse(*functions));
    let conduct: Vec<(u32, Conduct)> = most
        .iter()
        .take(MOST_CANDIDATES)
        .map(|(index, _)| (*index, Conduct::of(&module.globals[*index as usize].init, *index, funcs)))
        .collect();
    let stacks: Vec<u32> = conduct.iter().filter(|(_, c)| c.is_stack()).map(|(index, _)| *index).collect();
    let apart: Vec<u32> = conduct.iter().filter(|(_, c)| c.moves_apart()).map(|(index, _)| *index).collect();
    match (&stacks[..], &apart[..]) {
        ([one], _) => Shadow::Pointer(*one),
        ([], []) => Shadow::None,
        ([], apart) => Shadow::Unclear(format!(
            "{} is moved both ways and used as an address, but no function gives back what it took",
            list(module, apart)
        )),
        (several, _) => {
            Shadow::Unclear(format!("{} all behave as the pointer of one", list(module, several)))
        }
    }
}

/// Globals as a message names them.
fn list(module: &WasmModule<'_>, globals: &[u32]) -> String {
    let one = |index: &u32| match module.global_names.get(index) {
        Some(name) => format!("global ${name} ({index})"),
        None => format!("global {index}"),
    };
    globals.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The mutable i32 globals to which code adds a constant, and how many functions do.
fn moved(module: &WasmModule<'_>, funcs: &Inlined) -> BTreeMap<u32, usize> {
    let mut moved: BTreeMap<u32, usize> = BTreeMap::new();
    for func in funcs.values() {
        let mut definitions: HashMap<Value, &Inst> = HashMap::new();
        let mut here = Vec::new();
        let insts = || func.blocks.iter().flat_map(|block| &block.insts);
        for inst in insts() {
            definitions.extend(inst.results.iter().map(|result| (*result, inst)));
        }
        for inst in insts() {
            let Kind::GlobalSet(index) = inst.kind else { continue };
            let global = &module.globals[index as usize];
            let number = matches!(global.init, ConstExpr::Bits(bits) if bits != 0);
            if global.mutable
                && index < module.own_globals()
                && global.ty == ValType::I32
                && number
                && is_own(&definitions, inst.args[0], index)
            {
                here.push(index);
            }
        }
        here.sort_unstable();
        here.dedup();
        here.into_iter().for_each(|index| *moved.entry(index).or_default() += 1);
    }
    moved
}

/// Returns whether a value is computed from the global's own.
fn is_own(definitions: &HashMap<Value, &Inst>, value: Value, index: u32) -> bool {
    // A frame's size, and the alignment of one that is aligned to more than 16 bytes.
    const STEPS: usize = 4;
    let mut at = value;
    for _ in 0..STEPS {
        let Some(inst) = definitions.get(&at) else { return false };
        at = match inst.kind {
            Kind::GlobalGet(other) => return other == index,
            Kind::Binary(Binary::Add | Binary::Sub | Binary::And, Width::W32) => inst.args[0],
            _ => return false,
        };
    }
    false
}

/// What is known of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Known {
    /// Nothing yet.
    #[default]
    Unseen,
    /// The global's value when the function began, and this many bytes.
    Entry(i64),
    /// Computed from it.
    Derived,
    /// Something else.
    Other,
}

impl Known {
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Known::Unseen, known) | (known, Known::Unseen) => known,
            (a, b) if a == b => a,
            (Known::Other, _) | (_, Known::Other) => Known::Other,
            _ => Known::Derived,
        }
    }

    fn plus(self, bytes: i64) -> Self {
        match self {
            // Frames are small: a sum that goes on growing is that of a loop.
            Known::Entry(n) if (n + bytes).unsigned_abs() <= u64::from(u32::MAX) => Known::Entry(n + bytes),
            Known::Entry(_) => Known::Derived,
            known => known,
        }
    }

    fn is_of_the_global(self) -> bool {
        matches!(self, Known::Entry(_) | Known::Derived)
    }
}

/// What the functions of a module do with a global.
#[derive(Clone, Copy, Debug, Default)]
struct Conduct {
    /// A function moves it and puts it back before each of its returns.
    balanced: bool,
    /// It is an address as it is, but for a constant.
    address: bool,
    /// A value that is computed from it is an address, or goes to a function.
    passed: bool,
    /// Its first value, or a move, is no multiple of what frames are a multiple of.
    unaligned: bool,
    /// A function leaves it lower than it was, a function leaves it higher.
    left: [bool; 2],
}

impl Conduct {
    fn of(init: &ConstExpr, index: u32, funcs: &Inlined) -> Self {
        let first = match init {
            ConstExpr::Bits(bits) => *bits as i64,
            _ => 1,
        };
        let mut conduct = Self { unaligned: first % ALIGNMENT != 0, ..Self::default() };
        funcs.values().for_each(|func| Walk::over(func, index).judge(&mut conduct));
        conduct
    }

    /// Returns whether it is the pointer of a shadow stack.
    fn is_stack(&self) -> bool {
        self.balanced && (self.address || self.passed && !self.unaligned)
    }

    /// Returns whether it is like one, but for the functions that move it: none of them moves it back.
    fn moves_apart(&self) -> bool {
        self.address && self.left == [true; 2]
    }
}

/// One function, and what is known of its values.
struct Walk<'f> {
    func: &'f Func,
    global: u32,
    values: Vec<Known>,
    /// The global where each block begins.
    begins: Vec<Known>,
    /// The global where the function returns.
    returns: Known,
    changed: bool,
}

impl<'f> Walk<'f> {
    fn over(func: &'f Func, global: u32) -> Self {
        let uses = |inst: &Inst| matches!(inst.kind, Kind::GlobalGet(index) if index == global);
        let mut walk = Self {
            func,
            global,
            values: vec![Known::Unseen; func.values()],
            begins: vec![Known::Unseen; func.blocks.len()],
            returns: Known::Unseen,
            changed: func.blocks.iter().flat_map(|block| &block.insts).any(uses),
        };
        func.params.iter().for_each(|param| walk.values[param.0 as usize] = Known::Other);
        walk.begins[ENTRY.0 as usize] = Known::Entry(0);
        let order = func.order();
        // Each value and each block gets another state three times at most.
        while std::mem::take(&mut walk.changed) {
            order.iter().for_each(|block| walk.block(block.0 as usize, &mut |_, _| {}));
        }
        walk
    }

    /// Goes through a block; `each` is given the instructions with the global's state in front of each.
    fn block(&mut self, block: usize, each: &mut dyn FnMut(&Inst, &Self)) {
        let func = self.func;
        let mut state = self.begins[block];
        for inst in &func.blocks[block].insts {
            each(inst, self);
            match (inst.kind, &inst.args[..], &inst.results[..]) {
                (Kind::GlobalGet(index), _, [result]) if index == self.global => self.define(*result, state),
                (Kind::GlobalSet(index), [value], _) if index == self.global => state = self.known(*value),
                (Kind::Binary(op, Width::W32), [a, b], [result]) => {
                    let known = self.sum(op, *a, *b);
                    self.define(*result, known);
                }
                (Kind::Select, [_, a, b], [result]) => {
                    let known = self.known(*a).join(self.known(*b));
                    self.define(*result, known);
                }
                // A function that is called puts the global back itself.
                (_, _, results) => results.iter().for_each(|result| self.define(*result, Known::Other)),
            }
        }
        let term = &func.blocks[block].term;
        for edge in term.edges() {
            let to = edge.to.0 as usize;
            let begins = self.begins[to].join(state);
            self.changed |= begins != self.begins[to];
            self.begins[to] = begins;
            for (param, arg) in func.blocks[to].params.iter().zip(&edge.args) {
                let known = self.known(*arg);
                self.define(*param, known);
            }
        }
        if matches!(term, Term::Return(_)) {
            self.returns = self.returns.join(state);
        }
    }

    fn sum(&self, op: Binary, a: Value, b: Value) -> Known {
        let constant = |value| self.func.as_constant(value).map(|bits| i64::from(bits as u32 as i32));
        match (op, self.known(a), self.known(b)) {
            (Binary::Add, known, _) if let Some(bytes) = constant(b) => known.plus(bytes),
            (Binary::Sub, known, _) if let Some(bytes) = constant(b) => known.plus(-bytes),
            (Binary::Add | Binary::Sub | Binary::And, a, b)
                if a.is_of_the_global() || b.is_of_the_global() =>
            {
                Known::Derived
            }
            _ => Known::Other,
        }
    }

    fn known(&self, value: Value) -> Known {
        match self.func.as_constant(value) {
            Some(_) => Known::Other,
            None => self.values[value.0 as usize],
        }
    }

    fn define(&mut self, value: Value, known: Known) {
        let place = &mut self.values[value.0 as usize];
        let joined = place.join(known);
        self.changed |= joined != *place;
        *place = joined;
    }

    /// Adds what the function does.
    fn judge(mut self, conduct: &mut Conduct) {
        let (mut takes, mut gives_back) = (false, false);
        let global = self.global;
        for block in self.func.order() {
            if self.begins[block.0 as usize] == Known::Unseen {
                continue;
            }
            self.block(block.0 as usize, &mut |inst, walk| match inst.kind {
                Kind::GlobalSet(index) if index == global => match walk.known(inst.args[0]) {
                    Known::Entry(0) => gives_back = true,
                    Known::Entry(bytes) => {
                        takes = true;
                        conduct.unaligned |= bytes % ALIGNMENT != 0;
                    }
                    Known::Derived => takes = true,
                    _ => {}
                },
                Kind::Load(..) | Kind::Store(..) => match walk.known(inst.args[0]) {
                    Known::Entry(_) => conduct.address = true,
                    Known::Derived => conduct.passed = true,
                    _ => {}
                },
                Kind::Call(_) | Kind::CallIndirect { .. } | Kind::Host(_) | Kind::Plain { .. } => {
                    conduct.passed |= inst.args.iter().any(|arg| walk.known(*arg).is_of_the_global());
                }
                _ => {}
            });
        }
        match self.returns {
            Known::Entry(0) => conduct.balanced |= takes && gives_back,
            Known::Entry(bytes) => conduct.left[usize::from(bytes > 0)] = true,
            _ => {}
        }
    }
}
