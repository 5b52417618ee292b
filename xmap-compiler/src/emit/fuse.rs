//! Ops that do the work of several: what only one op reads is computed by that op, where there is one that
//! can.

use std::collections::{HashMap, HashSet};

use xmap_image::Op;

use super::liveness::operands;
use super::select::{Machine, MachineBlock, Slot};
use crate::ir::Value;

pub(super) fn fuse(blocks: &mut [MachineBlock]) {
    let mut known = Known::of(blocks);
    for (n, block) in blocks.iter_mut().enumerate() {
        for at in 0..block.insts.len() {
            let (before, rest) = block.insts.split_at_mut(at);
            let inst = &mut rest[0];
            let Machine::Abc(op, slots, words) = &inst.what else { continue };
            let fused = match (op, *slots) {
                (Op::Ld8U, [to, Slot::Use(at), Slot::Imm(0)]) => known.load(to, at),
                (Op::Ld32U, [to, Slot::Use(at), Slot::Imm(offset)]) => known.table(to, at, u32::from(offset)),
                (Op::Ld32UW, [to, Slot::Use(at), _]) => known.table(to, at, words[0]),
                (Op::Xor, [Slot::Def(to), Slot::Use(x), Slot::Use(y)]) => {
                    if let Some((item, step)) = known.step(to, x, y).or_else(|| known.step(to, y, x))
                        && let Some(load) = known.place(n, item).and_then(|at| before.get_mut(at))
                    {
                        // The load gives what the xor gave, and the xor what nothing reads.
                        inst.what = std::mem::replace(&mut load.what, step.clone());
                        known.gone.extend([x, y]);
                        known.definitions.insert(to, (n, at, step));
                        continue;
                    }
                    known.shift(n, to, x, y).or_else(|| known.shift(n, to, y, x))
                }
                _ => None,
            };
            if let Some(fused) = fused {
                if let Some(value) = defined(&fused) {
                    known.definitions.insert(value, (n, at, fused.clone()));
                }
                inst.what = fused;
            }
        }
    }
    for block in blocks {
        block.insts.retain(|inst| defined(&inst.what).is_none_or(|v| !known.gone.contains(&v)));
    }
}

/// What is known of values while ops are fused.
struct Known {
    /// The op that defines a value, behind the number of its block and its place there.
    definitions: HashMap<Value, (usize, usize, Machine)>,
    /// How often a value is read.
    uses: HashMap<Value, usize>,
    /// Values that nothing reads any more.
    gone: HashSet<Value>,
}

impl Known {
    fn of(blocks: &[MachineBlock]) -> Self {
        let mut known = Self { definitions: HashMap::new(), uses: HashMap::new(), gone: HashSet::new() };
        for (n, block) in blocks.iter().enumerate() {
            let mut count = |v: Value| *known.uses.entry(v).or_default() += 1;
            block.insts.iter().for_each(|inst| operands(&inst.what, |v, _| count(v), |_| {}));
            block.end.reads().chain(block.end.edges().flat_map(|e| e.args.iter().copied())).for_each(count);
            for (at, inst) in block.insts.iter().enumerate() {
                if let Some(v) = defined(&inst.what) {
                    known.definitions.insert(v, (n, at, inst.what.clone()));
                }
            }
        }
        known
    }

    /// The op that defines a value, if nothing but the op in hand reads it.
    fn only_here(&self, value: Value) -> Option<&Machine> {
        (self.uses.get(&value) == Some(&1)).then(|| self.definitions.get(&value).map(|(.., what)| what))?
    }

    /// The place of the op that defines a value in this block.
    fn place(&self, block: usize, value: Value) -> Option<usize> {
        let (home, at, _) = self.definitions.get(&value)?;
        (*home == block).then_some(*at)
    }

    /// The operand of an op with an immediate that defines a value for the op in hand alone.
    fn operand(&self, value: Value, wanted: Op, imm: u8) -> Option<Value> {
        match self.only_here(value)? {
            Machine::Abc(op, [_, Slot::Use(x), Slot::Imm(i)], _) if (*op, *i) == (wanted, imm) => Some(*x),
            _ => None,
        }
    }

    /// A load of a byte where a sum says.
    fn load(&mut self, to: Slot, at: Value) -> Option<Machine> {
        let Machine::Abc(Op::AddW32, [_, from, _], words) = self.only_here(at)? else { return None };
        let fused = Machine::Abc(Op::Ld8UAdd, [to, *from, Slot::Imm(0)], words.clone());
        self.gone.insert(at);
        Some(fused)
    }

    /// A load of item `(x ^ y) & 255` of a table of words.
    fn table(&mut self, to: Slot, at: Value, base: u32) -> Option<Machine> {
        let index = self.operand(at, Op::ShlI32, 2)?;
        let mixed = self.operand(index, Op::AndI, 255)?;
        let Machine::Abc(Op::Xor, [_, x, y], _) = self.only_here(mixed)? else { return None };
        if base >= 1 << 31 {
            return None;
        }
        let fused = Machine::Abc(Op::Ld32UTable, [to, *x, *y], vec![base]);
        self.gone.extend([at, index, mixed]);
        Some(fused)
    }

    /// `item ^ (z >> 8)`, where `item` is one of a table that an index with `z` in it chose: what a checksum
    /// does for each byte. The load can do all of it where it stands, since it reads `z` already.
    fn step(&self, to: Value, item: Value, shifted: Value) -> Option<(Value, Machine)> {
        let Machine::Abc(Op::Ld32UTable, [_, x, y], words) = self.only_here(item)? else { return None };
        let Machine::Abc(Op::ShrUI32, [_, z, Slot::Imm(8)], _) = self.only_here(shifted)? else {
            return None;
        };
        let other = if z == y { x } else { y };
        let word = words[0] | 1 << 31;
        (z == x || z == y)
            .then(|| (item, Machine::Abc(Op::Ld32UTable, [Slot::Def(to), *other, *z], vec![word])))
    }

    /// `x ^ (z >> imm)`, where `x` can become the result.
    fn shift(&mut self, block: usize, to: Value, x: Value, shifted: Value) -> Option<Machine> {
        let Machine::Abc(Op::ShrUI32, [_, z, imm], _) = self.only_here(shifted)? else { return None };
        // One that lives on, as in a loop around this block, would have to be copied first.
        let ends_here = self.only_here(x).is_some() && self.definitions[&x].0 == block && *z != Slot::Use(x);
        let fused = Machine::Abc(Op::XorShrI32, [Slot::Mut(to, x), *z, *imm], Vec::new());
        ends_here.then(|| {
            self.gone.insert(shifted);
            fused
        })
    }
}

/// The value that an op with three fields defines.
fn defined(what: &Machine) -> Option<Value> {
    match what {
        Machine::Abc(_, [Slot::Def(v) | Slot::Mut(v, _), ..], _) => Some(*v),
        _ => None,
    }
}
