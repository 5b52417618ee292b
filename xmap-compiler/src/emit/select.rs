//! Chooses ops: each instruction becomes ops over values, with constants in their immediate fields
//! where an op has one, and in registers where not.

use std::collections::HashMap;

use xmap_abi::HostFunction;
use xmap_image::{Field, Fields, Op};

use super::host;
use super::trips::trips;
use crate::diagnostic::Diagnostic;
use crate::ir::Width::{W32, W64};
use crate::ir::{
    Binary, BlockId, Compare, ENTRY, Edge, Func, Inst, Kind, Load, Store, Term, Unary, Value, Width,
};
use crate::opt::opposite;
use crate::pins::PinCheck;
use crate::work::{Phase, Work};

/// A field of an op's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing, or an immediate.
    Imm(u8),
    /// A value that the op defines.
    Def(Value),
    /// A value that it reads.
    Use(Value),
    /// A value that it defines, and the value that must stand in the same register before.
    Mut(Value, Value),
}

pub(super) const NONE: Slot = Slot::Imm(0);

/// An op whose registers are values.
#[derive(Clone, Debug)]
pub(super) enum Machine {
    /// Three byte fields, and immediate words behind.
    Abc(Op, [Slot; 3], Vec<u32>),
    /// A byte field and 16 bits.
    A16(Op, Slot, u16),
    /// A call.
    Call { callee: Callee, args: Vec<Value>, results: Vec<Value> },
    /// A reference to a function of the module.
    RefFunc(Value, u32),
}

/// What a call goes to. Functions and types still have the module's indices.
#[derive(Clone, Copy, Debug)]
pub(super) enum Callee {
    /// A function.
    Function(u32),
    /// A host function without ops of its own: it has the caller's window, and no register 0.
    Host(HostFunction),
    /// The function at an index of a table, if it has the type.
    Table { index: Value, table: u8, ty: u32 },
}

/// An op and its offset in the module.
#[derive(Clone, Debug)]
pub(super) struct MachineInst {
    pub(super) what: Machine,
    pub(super) offset: u32,
}

/// What a branch compares.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition {
    /// Two fields and an 8-bit branch.
    Short(Op, Slot, Slot),
    /// One field and a 16-bit branch.
    Long(Op, Slot),
}

/// A block's end.
#[derive(Clone, Debug)]
pub(super) enum End {
    Jump(Edge),
    Branch { condition: Condition, then: Edge, other: Edge },
    Table { index: Value, targets: Vec<Edge> },
    Return(Vec<Value>),
    Unreachable,
}

impl End {
    /// The edges, in order.
    pub(super) fn edges(&self) -> impl Iterator<Item = &Edge> {
        let (two, many): ([Option<&Edge>; 2], &[Edge]) = match self {
            End::Jump(edge) => ([Some(edge), None], &[]),
            End::Branch { then, other, .. } => ([Some(then), Some(other)], &[]),
            End::Table { targets, .. } => ([None, None], targets),
            End::Return(_) | End::Unreachable => ([None, None], &[]),
        };
        two.into_iter().flatten().chain(many)
    }

    /// The values that it reads itself, those of its edges not counted.
    pub(super) fn reads(&self) -> impl Iterator<Item = Value> {
        let slot = |s: &Slot| if let Slot::Use(v) = s { Some(*v) } else { None };
        let (two, many): ([Option<Value>; 2], &[Value]) = match self {
            End::Branch { condition: Condition::Short(_, a, b), .. } => ([slot(a), slot(b)], &[]),
            End::Branch { condition: Condition::Long(_, a), .. } => ([slot(a), None], &[]),
            End::Table { index, .. } => ([Some(*index), None], &[]),
            End::Return(values) => ([None, None], values),
            End::Jump(_) | End::Unreachable => ([None, None], &[]),
        };
        two.into_iter().flatten().chain(many.iter().copied())
    }
}

/// A block of ops.
#[derive(Clone, Debug)]
pub(super) struct MachineBlock {
    pub(super) id: BlockId,
    pub(super) params: Vec<Value>,
    pub(super) insts: Vec<MachineInst>,
    pub(super) end: End,
    pub(super) end_offset: u32,
    /// How many loops it is in.
    pub(super) depth: u32,
}

/// A function of ops. Blocks stand in the order in which they will be encoded.
#[derive(Clone, Debug)]
pub(super) struct Selected {
    pub(super) blocks: Vec<MachineBlock>,
    pub(super) params: Vec<Value>,
    /// For each value, its constant, if an edge, a call or a return may still name it as one.
    pub(super) constants: Vec<Option<u64>>,
    /// Loop heads, each with its rounds where those are known.
    pub(super) trips: Vec<(BlockId, Option<u64>)>,
    /// Slots for values that do not fit the registers.
    pub(super) spill_slots: u16,
    /// The first value that only stands between a slot and the op that reads or writes it; so do all behind
    /// it.
    pub(super) first_short: u32,
    /// The function's steps.
    pub(super) work: Work,
}

/// Constants that stand in a register all along, because a loop reads them.
const MOST_HOISTED: usize = 48;

pub(super) fn select(func: &Func, pins: &PinCheck<'_>) -> Result<Selected, Diagnostic> {
    let order = func.order();
    let depths = depths(func, &order);
    let mut selection = Selection {
        func,
        pins,
        insts: Vec::new(),
        hoisted: HashMap::new(),
        hoisted_insts: Vec::new(),
        local: HashMap::new(),
        fresh: Vec::new(),
        depth: 0,
        offset: 0,
    };
    let mut blocks = Vec::new();
    for (n, id) in order.iter().enumerate() {
        let block = func.at(*id);
        selection.depth = depths[n];
        selection.local.clear();
        for inst in &block.insts {
            selection.offset = inst.offset;
            selection.inst(inst)?;
        }
        selection.offset = block.term_offset;
        let end = selection.end(&block.term, order.get(n + 1).copied());
        blocks.push(MachineBlock {
            id: *id,
            params: block.params.clone(),
            insts: std::mem::take(&mut selection.insts),
            end,
            end_offset: block.term_offset,
            depth: depths[n],
        });
    }
    debug_assert_eq!(blocks[0].id, ENTRY);
    let hoisted = std::mem::take(&mut selection.hoisted_insts);
    blocks[0].insts.splice(0..0, hoisted);
    let mut constants: Vec<Option<u64>> =
        (0..func.values() as u32).map(|v| func.as_constant(Value(v))).collect();
    constants.resize(func.values() + selection.fresh.len(), None);
    let trips = trips(func, &order);
    let mut work = func.work.clone();
    work.begin(Phase::Emitting);
    let first_short = constants.len() as u32;
    let params = func.params.clone();
    Ok(Selected { blocks, params, constants, trips, spill_slots: 0, first_short, work })
}

/// Returns how many loops each block of the order is in. A loop is the stretch from a block to the last one
/// that leads back to it.
fn depths(func: &Func, order: &[BlockId]) -> Vec<u32> {
    let mut place = vec![usize::MAX; func.blocks.len()];
    order.iter().enumerate().for_each(|(n, b)| place[b.0 as usize] = n);
    let mut last = vec![None; order.len()];
    for (n, block) in order.iter().enumerate() {
        for edge in func.at(*block).term.edges() {
            let to = place[edge.to.0 as usize];
            if to <= n {
                last[to] = Some(n);
            }
        }
    }
    // Where loops begin and end; then their sum up to each block.
    let mut change = vec![0i32; order.len() + 1];
    for (head, last) in last.iter().enumerate() {
        if let Some(last) = last {
            change[head] += 1;
            change[last + 1] -= 1;
        }
    }
    let mut depth = 0;
    let at = |change: &i32| {
        depth += change;
        depth as u32
    };
    change[..order.len()].iter().map(at).collect()
}

pub(super) struct Selection<'f, 'p> {
    pub(super) func: &'f Func,
    pub(super) pins: &'f PinCheck<'p>,
    insts: Vec<MachineInst>,
    hoisted: HashMap<u64, Value>,
    hoisted_insts: Vec<MachineInst>,
    local: HashMap<u64, Value>,
    fresh: Vec<Value>,
    depth: u32,
    pub(super) offset: u32,
}

impl Selection<'_, '_> {
    pub(super) fn constant(&self, value: Value) -> Option<u64> {
        self.func.as_constant(value)
    }

    pub(super) fn push(&mut self, what: Machine) {
        self.insts.push(MachineInst { what, offset: self.offset });
    }

    pub(super) fn abc(&mut self, op: Op, a: Slot, b: Slot, c: Slot) {
        self.push(Machine::Abc(op, [a, b, c], Vec::new()));
    }

    fn fresh(&mut self) -> Value {
        let value = Value((self.func.values() + self.fresh.len()) as u32);
        self.fresh.push(value);
        value
    }

    /// A value as a register operand; a constant is put into one.
    pub(super) fn reg(&mut self, value: Value) -> Slot {
        let Some(bits) = self.constant(value) else { return Slot::Use(value) };
        if let Some(there) = self.hoisted.get(&bits).or_else(|| self.local.get(&bits)) {
            return Slot::Use(*there);
        }
        let fresh = self.fresh();
        let inst = MachineInst { what: load_constant(fresh, bits), offset: self.offset };
        if self.depth > 0 && self.hoisted.len() < MOST_HOISTED {
            self.hoisted.insert(bits, fresh);
            self.hoisted_insts.push(inst);
        } else {
            self.local.insert(bits, fresh);
            self.insts.push(inst);
        }
        Slot::Use(fresh)
    }

    fn inst(&mut self, inst: &Inst) -> Result<(), Diagnostic> {
        let args = &inst.args[..];
        let def = inst.results.first().map_or(NONE, |v| Slot::Def(*v));
        match inst.kind {
            Kind::Binary(op, width) => self.binary(op, width, def, args[0], args[1]),
            Kind::Unary(op) => {
                let arg = self.reg(args[0]);
                self.abc(unary(op), def, arg, NONE);
            }
            Kind::Compare(compare, width) => self.compare(compare, width, def, args[0], args[1]),
            Kind::Select => self.select(inst.results[0], args[0], args[1], args[2]),
            Kind::Load(load, offset) => {
                let ops = load_ops(load);
                self.access(ops, def, args[0], offset);
            }
            Kind::Store(store, offset) => {
                let value = self.reg(args[1]);
                self.access(store_ops(store), value, args[0], offset);
            }
            Kind::GlobalGet(index) => self.push(Machine::A16(Op::GlobalGet, def, index as u16)),
            Kind::GlobalSet(index) => {
                let value = self.reg(args[0]);
                self.push(Machine::A16(Op::GlobalSet, value, index as u16));
            }
            Kind::MemorySize => self.abc(Op::MemorySize, def, NONE, NONE),
            Kind::MemoryGrow => {
                let pages = self.reg(args[0]);
                self.abc(Op::MemoryGrow, def, pages, NONE);
            }
            Kind::Call(function) => {
                let callee = Callee::Function(function);
                self.push(Machine::Call { callee, args: args.to_vec(), results: inst.results.clone() });
            }
            Kind::CallIndirect { ty, table } => {
                let (index, args) = args.split_last().expect("an indirect call has an index");
                let Slot::Use(index) = self.reg(*index) else { unreachable!("reg gives a use") };
                let callee = Callee::Table { index, table, ty };
                self.push(Machine::Call { callee, args: args.to_vec(), results: inst.results.clone() });
            }
            Kind::RefFunc(function) => self.push(Machine::RefFunc(inst.results[0], function)),
            Kind::Plain { op, table, word } => self.plain(op, table, word, def, args),
            Kind::Host(function) => host::select(self, function, def, args)?,
        }
        Ok(())
    }

    /// An op whose operands are all in registers, as its shape has them.
    fn plain(&mut self, op: Op, table: u8, word: u32, def: Slot, args: &[Value]) {
        let Fields::Abc(a, b, c) = op.shape().fields else { unreachable!("the op has three fields") };
        let mut operands = args.iter();
        let mut slots = [NONE; 3];
        for (slot, field) in slots.iter_mut().zip([a, b, c]) {
            let mut operand = || self.reg(*operands.next().expect("an operand for each field"));
            *slot = match (field, def) {
                (Field::Def, def) => def,
                (Field::Use, _) => operand(),
                (Field::Mut, Slot::Def(result)) => match operand() {
                    Slot::Use(before) => Slot::Mut(result, before),
                    other => other,
                },
                (Field::Table, _) => Slot::Imm(table),
                _ => NONE,
            };
        }
        let words = if op.shape().words == 1 { vec![word] } else { Vec::new() };
        self.push(Machine::Abc(op, slots, words));
    }

    fn binary(&mut self, op: Binary, width: Width, def: Slot, a: Value, b: Value) {
        if let Some(c) = self.constant(b) {
            if let Some((op, imm)) = short_immediate(op, width, c) {
                let a = self.reg(a);
                return self.abc(op, def, a, Slot::Imm(imm));
            }
            if let Some(op) = word_immediate(op, width, c) {
                let a = self.reg(a);
                return self.push(Machine::Abc(op, [def, a, NONE], vec![c as u32]));
            }
        }
        let (a, b) = (self.reg(a), self.reg(b));
        self.abc(binary(op, width), def, a, b);
    }

    fn compare(&mut self, compare: Compare, width: Width, def: Slot, a: Value, b: Value) {
        let (form, a, b) = self.comparison(compare, width, a, b);
        let op = match form {
            Form::Eq => Op::Eq,
            Form::Ne => Op::Ne,
            Form::LtU => Op::LtU,
            Form::LeU => Op::LeU,
            Form::LtS(W32) => Op::LtS32,
            Form::LeS(W32) => Op::LeS32,
            Form::LtS(W64) => Op::LtS64,
            Form::LeS(W64) => Op::LeS64,
            Form::EqI => Op::EqI,
            Form::NeI => Op::NeI,
            Form::LtUI => Op::LtUI,
            Form::GtUI => Op::GtUI,
            Form::LtSI32 => Op::LtSI32,
            Form::GtSI32 => Op::GtSI32,
        };
        self.abc(op, def, a, b);
    }

    /// A comparison in the form that an op has, with its operands.
    fn comparison(&mut self, compare: Compare, width: Width, a: Value, b: Value) -> (Form, Slot, Slot) {
        let unsigned = |c: Option<u64>| c.and_then(|c| u8::try_from(c).ok());
        let signed = |c: Option<u64>| match width {
            W32 => c.and_then(|c| i8::try_from(c as u32 as i32).ok()),
            W64 => None,
        };
        let (ca, cb) = (self.constant(a), self.constant(b));
        // `a` compared with the constant `b`, and the constant `a` compared with `b`.
        let right = match compare {
            Compare::Eq => unsigned(cb).map(|c| (Form::EqI, c)),
            Compare::Ne => unsigned(cb).map(|c| (Form::NeI, c)),
            Compare::LtU => unsigned(cb).map(|c| (Form::LtUI, c)),
            Compare::LeU => unsigned(cb).and_then(|c| c.checked_add(1)).map(|c| (Form::LtUI, c)),
            Compare::LtS => signed(cb).map(|c| (Form::LtSI32, c as u8)),
            Compare::LeS => signed(cb).and_then(|c| c.checked_add(1)).map(|c| (Form::LtSI32, c as u8)),
        };
        if let Some((form, c)) = right {
            let a = self.reg(a);
            return (form, a, Slot::Imm(c));
        }
        let left = match compare {
            Compare::Eq => unsigned(ca).map(|c| (Form::EqI, c)),
            Compare::Ne => unsigned(ca).map(|c| (Form::NeI, c)),
            Compare::LtU => unsigned(ca).map(|c| (Form::GtUI, c)),
            Compare::LeU => unsigned(ca).and_then(|c| c.checked_sub(1)).map(|c| (Form::GtUI, c)),
            Compare::LtS => signed(ca).map(|c| (Form::GtSI32, c as u8)),
            Compare::LeS => signed(ca).and_then(|c| c.checked_sub(1)).map(|c| (Form::GtSI32, c as u8)),
        };
        if let Some((form, c)) = left {
            let b = self.reg(b);
            return (form, b, Slot::Imm(c));
        }
        let form = match compare {
            Compare::Eq => Form::Eq,
            Compare::Ne => Form::Ne,
            Compare::LtU => Form::LtU,
            Compare::LeU => Form::LeU,
            Compare::LtS => Form::LtS(width),
            Compare::LeS => Form::LeS(width),
        };
        let (a, b) = (self.reg(a), self.reg(b));
        (form, a, b)
    }

    fn select(&mut self, result: Value, condition: Value, then: Value, other: Value) {
        let condition = self.reg(condition);
        let (then, other) = (self.reg(then), self.reg(other));
        let Slot::Use(other) = other else { unreachable!("reg gives a use") };
        self.abc(Op::CmovNz, Slot::Mut(result, other), condition, then);
    }

    /// A load or a store. `ops` are its forms: short offset, offset in a word, fixed address.
    fn access(&mut self, ops: (Op, Op, Option<Op>), value: Slot, address: Value, offset: u32) {
        let (short, word, fixed) = ops;
        // Outside 32 bits it can only trap; the general form does.
        let absolute = self.constant(address).and_then(|a| u32::try_from(a).ok()?.checked_add(offset));
        match (absolute, fixed) {
            (Some(address), Some(fixed)) if address <= 0xffff => {
                self.push(Machine::A16(fixed, value, address as u16));
            }
            _ => {
                let address = self.reg(address);
                match u8::try_from(offset) {
                    Ok(offset) => self.abc(short, value, address, Slot::Imm(offset)),
                    Err(_) => self.push(Machine::Abc(word, [value, address, NONE], vec![offset])),
                }
            }
        }
    }

    fn end(&mut self, term: &Term, next: Option<BlockId>) -> End {
        match term {
            Term::Jump(edge) => End::Jump(edge.clone()),
            Term::Branch { compare, width, args, then, other } => {
                let (mut compare, mut args) = (*compare, *args);
                let (mut then, mut other) = (then.clone(), other.clone());
                // The branch is taken to what does not follow; of two edges that do not follow, to
                // the one without moves.
                let follows = |edge: &Edge| Some(edge.to) == next;
                let moves = then.args.len() > other.args.len() && !follows(&other);
                if follows(&then) || moves {
                    let (opposite, exchange) = opposite(compare);
                    compare = opposite;
                    if exchange {
                        args.swap(0, 1);
                    }
                    std::mem::swap(&mut then, &mut other);
                }
                End::Branch { condition: self.condition(compare, *width, args), then, other }
            }
            Term::Table { index, targets } => {
                let Slot::Use(index) = self.reg(*index) else { unreachable!("reg gives a use") };
                End::Table { index, targets: targets.clone() }
            }
            Term::Return(values) => End::Return(values.clone()),
            Term::Unreachable => End::Unreachable,
        }
    }

    fn condition(&mut self, compare: Compare, width: Width, [a, b]: [Value; 2]) -> Condition {
        let (form, a, b) = self.comparison(compare, width, a, b);
        let op = match form {
            Form::EqI if b == Slot::Imm(0) => return Condition::Long(Op::BrIfz, a),
            Form::NeI if b == Slot::Imm(0) => return Condition::Long(Op::BrIf, a),
            Form::Eq => Op::BrEq,
            Form::Ne => Op::BrNe,
            Form::LtU => Op::BrLtU,
            Form::LeU => Op::BrLeU,
            Form::LtS(W32) => Op::BrLtS32,
            Form::LeS(W32) => Op::BrLeS32,
            Form::LtS(W64) => Op::BrLtS64,
            Form::LeS(W64) => Op::BrLeS64,
            Form::EqI => Op::BrEqI,
            Form::NeI => Op::BrNeI,
            Form::LtUI => Op::BrLtUI,
            Form::GtUI => Op::BrGtUI,
            Form::LtSI32 => Op::BrLtSI32,
            Form::GtSI32 => Op::BrGtSI32,
        };
        Condition::Short(op, a, b)
    }
}

/// The comparisons that ops have.
enum Form {
    Eq,
    Ne,
    LtU,
    LeU,
    LtS(Width),
    LeS(Width),
    EqI,
    NeI,
    LtUI,
    GtUI,
    LtSI32,
    GtSI32,
}

/// The shortest op that puts a constant into a register.
pub(super) fn load_constant(to: Value, bits: u64) -> Machine {
    let def = Slot::Def(to);
    if let Ok(short) = i16::try_from(bits as u32 as i32)
        && bits >> 32 == 0
    {
        Machine::A16(Op::Const32, def, short as u16)
    } else if let Ok(short) = i16::try_from(bits as i64) {
        Machine::A16(Op::Const64, def, short as u16)
    } else if bits >> 32 == 0 {
        Machine::Abc(Op::Const32W, [def, NONE, NONE], vec![bits as u32])
    } else {
        Machine::Abc(Op::Const64W, [def, NONE, NONE], vec![bits as u32, (bits >> 32) as u32])
    }
}

fn short_immediate(op: Binary, width: Width, c: u64) -> Option<(Op, u8)> {
    let signed = || match width {
        W32 => i8::try_from(c as u32 as i32).ok().map(|c| c as u8),
        W64 => i8::try_from(c as i64).ok().map(|c| c as u8),
    };
    let unsigned = || u8::try_from(c).ok();
    let shift = || Some((c & if width == W32 { 31 } else { 63 }) as u8);
    let (op, imm) = match (op, width) {
        (Binary::Add, W32) => (Op::AddI32, signed()),
        (Binary::Add, W64) => (Op::AddI64, signed()),
        (Binary::Mul, W32) => (Op::MulI32, signed()),
        (Binary::And, _) => (Op::AndI, unsigned()),
        (Binary::Or, _) => (Op::OrI, unsigned()),
        (Binary::Xor, _) => (Op::XorI, unsigned()),
        (Binary::Shl, W32) => (Op::ShlI32, shift()),
        (Binary::ShrS, W32) => (Op::ShrSI32, shift()),
        (Binary::ShrU, W32) => (Op::ShrUI32, shift()),
        (Binary::Rotl, W32) => (Op::RotlI32, shift()),
        (Binary::Shl, W64) => (Op::ShlI64, shift()),
        (Binary::ShrS, W64) => (Op::ShrSI64, shift()),
        (Binary::ShrU, W64) => (Op::ShrUI64, shift()),
        (Binary::Rotl, W64) => (Op::RotlI64, shift()),
        _ => return None,
    };
    imm.map(|imm| (op, imm))
}

fn word_immediate(op: Binary, width: Width, c: u64) -> Option<Op> {
    if c >> 32 != 0 {
        return None;
    }
    match (op, width) {
        (Binary::Add, W32) => Some(Op::AddW32),
        (Binary::Mul, W32) => Some(Op::MulW32),
        (Binary::And, _) => Some(Op::AndW),
        (Binary::Or, _) => Some(Op::OrW),
        (Binary::Xor, _) => Some(Op::XorW),
        _ => None,
    }
}

fn binary(op: Binary, width: Width) -> Op {
    match (op, width) {
        (Binary::And, _) => Op::And,
        (Binary::Or, _) => Op::Or,
        (Binary::Xor, _) => Op::Xor,
        (Binary::Add, W32) => Op::Add32,
        (Binary::Sub, W32) => Op::Sub32,
        (Binary::Mul, W32) => Op::Mul32,
        (Binary::DivS, W32) => Op::DivS32,
        (Binary::DivU, W32) => Op::DivU32,
        (Binary::RemS, W32) => Op::RemS32,
        (Binary::RemU, W32) => Op::RemU32,
        (Binary::Shl, W32) => Op::Shl32,
        (Binary::ShrS, W32) => Op::ShrS32,
        (Binary::ShrU, W32) => Op::ShrU32,
        (Binary::Rotl, W32) => Op::Rotl32,
        (Binary::Rotr, W32) => Op::Rotr32,
        (Binary::Add, W64) => Op::Add64,
        (Binary::Sub, W64) => Op::Sub64,
        (Binary::Mul, W64) => Op::Mul64,
        (Binary::DivS, W64) => Op::DivS64,
        (Binary::DivU, W64) => Op::DivU64,
        (Binary::RemS, W64) => Op::RemS64,
        (Binary::RemU, W64) => Op::RemU64,
        (Binary::Shl, W64) => Op::Shl64,
        (Binary::ShrS, W64) => Op::ShrS64,
        (Binary::ShrU, W64) => Op::ShrU64,
        (Binary::Rotl, W64) => Op::Rotl64,
        (Binary::Rotr, W64) => Op::Rotr64,
    }
}

fn unary(op: Unary) -> Op {
    match op {
        Unary::Clz(W32) => Op::Clz32,
        Unary::Clz(W64) => Op::Clz64,
        Unary::Ctz(W32) => Op::Ctz32,
        Unary::Ctz(W64) => Op::Ctz64,
        Unary::Popcnt => Op::Popcnt,
        Unary::Ext8S(W32) => Op::Ext8S32,
        Unary::Ext8S(W64) => Op::Ext8S64,
        Unary::Ext16S(W32) => Op::Ext16S32,
        Unary::Ext16S(W64) => Op::Ext16S64,
        Unary::Ext32S => Op::Ext32S64,
        Unary::Wrap => Op::Wrap,
    }
}

fn load_ops(load: Load) -> (Op, Op, Option<Op>) {
    match load {
        Load::U8 => (Op::Ld8U, Op::Ld8UW, Some(Op::Ld8UAt)),
        Load::S8(W32) => (Op::Ld8S32, Op::Ld8S32W, Some(Op::Ld8S32At)),
        Load::S8(W64) => (Op::Ld8S64, Op::Ld8S64W, None),
        Load::U16 => (Op::Ld16U, Op::Ld16UW, Some(Op::Ld16UAt)),
        Load::S16(W32) => (Op::Ld16S32, Op::Ld16S32W, Some(Op::Ld16S32At)),
        Load::S16(W64) => (Op::Ld16S64, Op::Ld16S64W, None),
        Load::U32 => (Op::Ld32U, Op::Ld32UW, Some(Op::Ld32UAt)),
        Load::S32 => (Op::Ld32S64, Op::Ld32S64W, None),
        Load::U64 => (Op::Ld64, Op::Ld64W, Some(Op::Ld64At)),
    }
}

fn store_ops(store: Store) -> (Op, Op, Option<Op>) {
    match store {
        Store::B8 => (Op::St8, Op::St8W, Some(Op::St8At)),
        Store::B16 => (Op::St16, Op::St16W, Some(Op::St16At)),
        Store::B32 => (Op::St32, Op::St32W, Some(Op::St32At)),
        Store::B64 => (Op::St64, Op::St64W, Some(Op::St64At)),
    }
}
