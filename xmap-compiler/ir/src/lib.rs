//! The compiler's intermediate form: functions in SSA, with block parameters in place of phis.
//!
//! A value is written once. Constants are values without an instruction; they are
//! materialised only when code is emitted. Blocks end in one terminator.
//!
//! [`opt`] holds the passes over it, [`work`] the steps that they may take.

#![forbid(unsafe_code)]

pub mod graph;
pub mod opt;
mod print;
pub mod work;

use std::collections::BTreeMap;

use xmap_abi::HostFunction;
use xmap_image::Op;

use crate::work::Work;

/// The messages of a module before it gives up, where the text is a constant: by the offset of the call that
/// ends it.
pub type Messages = BTreeMap<u32, String>;

/// An SSA value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

/// A block of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

/// The width of an integer operation. An i32 stands zero-extended in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// 32 bits.
    W32,
    /// 64 bits.
    W64,
}

/// An integer operation on two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the WebAssembly instructions")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    DivS,
    DivU,
    RemS,
    RemU,
    And,
    Or,
    Xor,
    Shl,
    ShrS,
    ShrU,
    Rotl,
    Rotr,
}

/// A comparison of integers; the other four are these with their operands exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the WebAssembly instructions")]
pub enum Compare {
    Eq,
    Ne,
    LtS,
    LtU,
    LeS,
    LeU,
}

/// An operation on one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the WebAssembly instructions")]
pub enum Unary {
    Clz(Width),
    Ctz(Width),
    Popcnt,
    Ext8S(Width),
    Ext16S(Width),
    Ext32S,
    Wrap,
}

/// The width of a load and the way in which it fills the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "width in bits, sign, and the type that it extends to")]
pub enum Load {
    U8,
    S8(Width),
    U16,
    S16(Width),
    U32,
    S32,
    U64,
}

/// The width of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "width in bits")]
pub enum Store {
    B8,
    B16,
    B32,
    B64,
}

/// The kind of an instruction. Operands are in [`Inst::args`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Two operands.
    Binary(Binary, Width),
    /// Two operands, 0 or 1.
    Compare(Compare, Width),
    /// One operand.
    Unary(Unary),
    /// `[condition, then, else]`.
    Select,
    /// `[address]`, and a constant offset.
    Load(Load, u32),
    /// `[address, value]`, and a constant offset.
    Store(Store, u32),
    /// A global's value.
    GlobalGet(u32),
    /// `[value]`.
    GlobalSet(u32),
    /// Pages of memory.
    MemorySize,
    /// `[pages]`.
    MemoryGrow,
    /// A function of the module.
    Call(u32),
    /// `[arguments.., index]`: the function at the index of a table, if it has the type.
    CallIndirect {
        /// The type's index in the module.
        ty: u32,
        /// The table.
        table: u8,
    },
    /// A reference to a function of the module.
    RefFunc(u32),
    /// An op that takes all its operands in registers: floats, tables, bulk memory.
    Plain {
        /// The op.
        op: Op,
        /// The table that a field of its first word names.
        table: u8,
        /// Its immediate word, where it has one.
        word: u32,
    },
    /// A host function.
    Host(HostFunction),
}

impl Kind {
    /// Returns whether an instruction may be removed when nothing reads its result. What can trap stays,
    /// since the trap is an effect.
    pub fn is_pure(self) -> bool {
        match self {
            Kind::Binary(op, _) => !matches!(op, Binary::DivS | Binary::DivU | Binary::RemS | Binary::RemU),
            Kind::Compare(..)
            | Kind::Unary(_)
            | Kind::Select
            | Kind::GlobalGet(_)
            | Kind::MemorySize
            | Kind::RefFunc(_)
            | Kind::Host(HostFunction::TimeNowUs) => true,
            Kind::Plain { op, .. } => op.is_float() && !is_trapping_conversion(op),
            _ => false,
        }
    }

    /// Returns whether the result depends on the operands alone.
    pub fn is_function_of_operands(self) -> bool {
        self.is_pure() && !matches!(self, Kind::GlobalGet(_) | Kind::MemorySize | Kind::Host(_))
    }
}

/// Conversions of floats that trap where no integer is near.
fn is_trapping_conversion(op: Op) -> bool {
    op >= Op::I32TruncF32S && op <= Op::I64TruncF64U
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct Inst {
    /// What it does.
    pub kind: Kind,
    /// Its operands.
    pub args: Vec<Value>,
    /// The values that it defines.
    pub results: Vec<Value>,
    /// Its position: its offset in the module, or a [`Site`] of its function.
    pub offset: u32,
}

/// The position of an instruction that was copied from another function. Positions with [`Site::MARK`] are
/// indices of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// The instruction's offset in the module.
    pub wasm: u32,
    /// The position of the call that its function's body took the place of.
    pub call: u32,
    /// How many calls it is within: [`Site::MOST_CALLS`] at most.
    pub calls: u32,
}

impl Site {
    /// The bit of a position that says that it is a site. No module is as long as this.
    pub const MARK: u32 = 1 << 31;
    /// Calls of a position that are kept.
    pub const MOST_CALLS: u32 = 16;

    /// The site of an instruction within a call of this position. Of more than [`Site::MOST_CALLS`] calls
    /// only the outermost is kept.
    pub fn within(sites: &[Self], wasm: u32, call: u32) -> Self {
        let calls = sites.get(Self::index(call)).map_or(0, |site| site.calls);
        if calls < Self::MOST_CALLS {
            return Self { wasm, call, calls: calls + 1 };
        }
        let mut call = call;
        while let Some(site) = sites.get(Self::index(call)) {
            call = site.call;
        }
        Self { wasm, call, calls: 1 }
    }

    /// Returns the offset in the module that a position stands for, `sites` being those of its function.
    pub fn offset(sites: &[Self], position: u32) -> u32 {
        sites.get(Self::index(position)).map_or(position, |site| site.wasm)
    }

    /// Returns the offsets of the calls that a position is within, the innermost first.
    pub fn calls(sites: &[Self], position: u32) -> Vec<u32> {
        let mut calls = Vec::new();
        let mut position = position;
        while let Some(site) = sites.get(Self::index(position)) {
            position = site.call;
            calls.push(Self::offset(sites, position));
        }
        calls
    }

    fn index(position: u32) -> usize {
        if position & Self::MARK == 0 { usize::MAX } else { (position & !Self::MARK) as usize }
    }
}

/// A way from one block to another, with the values for the other's parameters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// The target.
    pub to: BlockId,
    /// One value for each of its parameters.
    pub args: Vec<Value>,
}

/// The end of a block.
#[derive(Clone, Debug)]
pub enum Term {
    /// Go on there.
    Jump(Edge),
    /// A comparison and where to go when it holds, and where when not.
    Branch {
        /// The comparison.
        compare: Compare,
        /// Its width.
        width: Width,
        /// Its operands.
        args: [Value; 2],
        /// Where it holds.
        then: Edge,
        /// Where it does not.
        other: Edge,
    },
    /// By number; the last target is the default.
    Table {
        /// The number.
        index: Value,
        /// The targets.
        targets: Vec<Edge>,
    },
    /// Leave the function.
    Return(Vec<Value>),
    /// Trap.
    Unreachable,
}

impl Term {
    /// The edges, in order.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        let (two, many): ([Option<&Edge>; 2], &[Edge]) = match self {
            Term::Jump(edge) => ([Some(edge), None], &[]),
            Term::Branch { then, other, .. } => ([Some(then), Some(other)], &[]),
            Term::Table { targets, .. } => ([None, None], targets),
            Term::Return(_) | Term::Unreachable => ([None, None], &[]),
        };
        two.into_iter().flatten().chain(many)
    }

    /// The edges, in order, to change.
    pub fn edges_mut(&mut self) -> impl Iterator<Item = &mut Edge> {
        let (two, many): ([Option<&mut Edge>; 2], &mut [Edge]) = match self {
            Term::Jump(edge) => ([Some(edge), None], &mut []),
            Term::Branch { then, other, .. } => ([Some(then), Some(other)], &mut []),
            Term::Table { targets, .. } => ([None, None], targets),
            Term::Return(_) | Term::Unreachable => ([None, None], &mut []),
        };
        two.into_iter().flatten().chain(many)
    }

    /// The values that it reads itself, those of its edges not counted.
    pub fn args(&self) -> &[Value] {
        match self {
            Term::Branch { args, .. } => args,
            Term::Table { index, .. } => core::slice::from_ref(index),
            Term::Return(values) => values,
            Term::Jump(_) | Term::Unreachable => &[],
        }
    }

    /// The values that it reads itself, to change.
    pub fn args_mut(&mut self) -> &mut [Value] {
        match self {
            Term::Branch { args, .. } => args,
            Term::Table { index, .. } => core::slice::from_mut(index),
            Term::Return(values) => values,
            Term::Jump(_) | Term::Unreachable => &mut [],
        }
    }
}

/// A block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Values that its edges pass in.
    pub params: Vec<Value>,
    /// Its instructions.
    pub insts: Vec<Inst>,
    /// Its end.
    pub term: Term,
    /// The end's position, as that of an instruction.
    pub term_offset: u32,
}

/// A function. Block 0 is the entry; it has no parameters and no edge leads to it.
#[derive(Clone, Debug)]
pub struct Func {
    /// The function's index in the module.
    pub index: u32,
    /// The parameters' values.
    pub params: Vec<Value>,
    /// The largest value that each parameter can have, where that is known.
    pub ranges: Vec<u64>,
    /// How many results it returns.
    pub results: usize,
    /// The blocks.
    pub blocks: Vec<Block>,
    /// The blocks in the order of the source, the entry first.
    pub layout: Vec<BlockId>,
    /// Positions of instructions that were copied from other functions.
    pub sites: Vec<Site>,
    /// What is said of traps whose text is known, by the offset of the call.
    pub messages: Messages,
    /// For each value: the constant that it is, if it is one.
    constants: Vec<Option<u64>>,
    /// The steps that the compiler has taken for it.
    pub work: Work,
}

/// The entry block.
pub const ENTRY: BlockId = BlockId(0);

impl Func {
    /// A function of parameters alone: its entry block traps. Its body in the module has so many `bytes`.
    pub fn new(index: u32, params: usize, results: usize, bytes: usize) -> Self {
        let mut func = Self {
            index,
            params: Vec::new(),
            ranges: Vec::new(),
            results,
            blocks: Vec::new(),
            layout: vec![ENTRY],
            sites: Vec::new(),
            messages: Messages::new(),
            constants: Vec::new(),
            work: Work::new(bytes),
        };
        func.params = (0..params).map(|_| func.value()).collect();
        func.block();
        func
    }

    /// A new value.
    pub fn value(&mut self) -> Value {
        self.constants.push(None);
        Value(self.constants.len() as u32 - 1)
    }

    /// A new value that is a constant.
    pub fn constant(&mut self, bits: u64) -> Value {
        self.constants.push(Some(bits));
        Value(self.constants.len() as u32 - 1)
    }

    /// The constant that a value is.
    pub fn as_constant(&self, value: Value) -> Option<u64> {
        self.constants[value.0 as usize]
    }

    /// Makes a value a constant; its instruction, if it has one, is dead from now on.
    pub fn set_constant(&mut self, value: Value, bits: u64) {
        self.constants[value.0 as usize] = Some(bits);
    }

    /// Makes a constant a value that an instruction defines.
    pub fn clear_constant(&mut self, value: Value) {
        self.constants[value.0 as usize] = None;
    }

    /// Returns how many values there are.
    pub fn values(&self) -> usize {
        self.constants.len()
    }

    /// A new block that traps. It is not in the layout yet.
    pub fn block(&mut self) -> BlockId {
        self.blocks.push(Block {
            params: Vec::new(),
            insts: Vec::new(),
            term: Term::Unreachable,
            term_offset: 0,
        });
        BlockId(self.blocks.len() as u32 - 1)
    }

    /// A block.
    pub fn at(&self, block: BlockId) -> &Block {
        &self.blocks[block.0 as usize]
    }

    /// A block, to change.
    pub fn at_mut(&mut self, block: BlockId) -> &mut Block {
        &mut self.blocks[block.0 as usize]
    }

    /// The blocks that control can reach, in the order of the source: each before those that it
    /// leads to except by a loop's way back, and a loop's blocks without others between them.
    pub fn order(&self) -> Vec<BlockId> {
        let mut seen = vec![false; self.blocks.len()];
        let mut stack = vec![ENTRY];
        while let Some(block) = stack.pop() {
            if !std::mem::replace(&mut seen[block.0 as usize], true) {
                stack.extend(self.at(block).term.edges().map(|e| e.to));
            }
        }
        self.layout.iter().copied().filter(|b| seen[b.0 as usize]).collect()
    }

    /// For each block, the blocks that lead to it, once for each edge.
    pub fn predecessors(&self) -> Vec<Vec<BlockId>> {
        let mut into = vec![Vec::new(); self.blocks.len()];
        for block in self.order() {
            for edge in self.at(block).term.edges() {
                into[edge.to.0 as usize].push(block);
            }
        }
        into
    }

    /// Replaces every use of a value by `to(value)`.
    pub fn replace_uses(&mut self, to: impl Fn(Value) -> Value) {
        for block in &mut self.blocks {
            for inst in &mut block.insts {
                inst.args.iter_mut().for_each(|v| *v = to(*v));
            }
            block.term.args_mut().iter_mut().for_each(|v| *v = to(*v));
            for edge in block.term.edges_mut() {
                edge.args.iter_mut().for_each(|v| *v = to(*v));
            }
        }
    }

    /// Replaces every use of a value by the one at the end of its chain: `is` names for each value another
    /// one that it is, or itself.
    pub fn replace_with(&mut self, mut is: Vec<Value>) {
        for start in 0..is.len() {
            let mut end = start;
            while is[end].0 as usize != end {
                end = is[end].0 as usize;
            }
            let mut at = start;
            while at != end {
                at = std::mem::replace(&mut is[at], Value(end as u32)).0 as usize;
            }
        }
        self.replace_uses(|v| is[v.0 as usize]);
    }

    /// Gives the values that are still in use the lowest numbers, in the order that they have.
    pub fn renumber(&mut self) {
        let mut used = vec![false; self.values()];
        let mut note = |v: &Value| used[v.0 as usize] = true;
        self.params.iter().for_each(&mut note);
        for block in &self.blocks {
            block.params.iter().for_each(&mut note);
            block.insts.iter().flat_map(|inst| inst.args.iter().chain(&inst.results)).for_each(&mut note);
            block.term.args().iter().chain(block.term.edges().flat_map(|e| &e.args)).for_each(&mut note);
        }
        let mut constants = Vec::new();
        let mut new = vec![Value(u32::MAX); used.len()];
        for (old, _) in used.iter().enumerate().filter(|(_, used)| **used) {
            new[old] = Value(constants.len() as u32);
            constants.push(self.constants[old]);
        }
        self.constants = constants;
        let to = |v: &mut Value| *v = new[v.0 as usize];
        self.params.iter_mut().for_each(to);
        for block in &mut self.blocks {
            block.params.iter_mut().for_each(to);
            block.insts.iter_mut().flat_map(|inst| &mut inst.results).for_each(to);
        }
        self.replace_uses(|v| new[v.0 as usize]);
    }
}
