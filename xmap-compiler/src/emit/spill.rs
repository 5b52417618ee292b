//! Functions with more values in flight than registers: some values wait in spill slots, and stand in a
//! register only where they are written and read.

use std::collections::{HashMap, HashSet};

use xmap_image::Op;

use super::registers::lifetimes;
use super::select::{Callee, Condition, End, Machine, MachineInst, Selected, Slot};
use crate::ir::{Edge, Value};

/// Values that go at once at most: then registers are assigned again, to see what is still needed.
const MOST_AT_ONCE: usize = 64;

/// Moves values to spill slots, those first that wait longest for the fewest uses. `excess` is how many
/// registers are missing. False where there is nothing left to move.
pub(super) fn spill(selected: &mut Selected, excess: usize) -> bool {
    let victims = victims(selected, excess.clamp(4, MOST_AT_ONCE));
    if victims.is_empty() {
        return false;
    }
    let mut slots = HashMap::new();
    for value in victims {
        slots.insert(value, selected.spill_slots);
        selected.spill_slots += 1;
    }
    rewrite(selected, &slots);
    true
}

fn victims(selected: &Selected, count: usize) -> Vec<Value> {
    let uses = uses(selected);
    let mut candidates: Vec<(u64, Value)> = lifetimes(selected)
        .into_iter()
        .enumerate()
        .map(|(n, length)| (length, Value(n as u32)))
        // What lives no longer than from one op to the next cannot get shorter.
        .filter(|(length, v)| *length > 8 && !selected.short.contains(v))
        .map(|(length, v)| (length * 64 / (1 + uses.get(&v).copied().unwrap_or(0)), v))
        .collect();
    candidates.sort_by_key(|(score, v)| (std::cmp::Reverse(*score), *v));
    // Slots are named in 16 bits.
    let room = usize::from(u16::MAX - selected.spill_slots);
    candidates.into_iter().map(|(_, v)| v).take(count.min(room)).collect()
}

/// How often each value is read, where loops count more.
fn uses(selected: &Selected) -> HashMap<Value, u64> {
    let mut uses = HashMap::new();
    for block in &selected.blocks {
        let weight = 8u64.pow(block.depth.min(8));
        let mut count = |v: Value| *uses.entry(v).or_insert(0) += weight;
        for inst in &block.insts {
            reads(&inst.what).into_iter().for_each(&mut count);
        }
        end_reads(&block.end).into_iter().for_each(&mut count);
    }
    uses
}

/// The values that an op reads.
pub(super) fn reads(what: &Machine) -> Vec<Value> {
    let of = |slot: &Slot| match slot {
        Slot::Use(v) | Slot::Mut(_, v) => Some(*v),
        _ => None,
    };
    match what {
        Machine::Abc(_, slots, _) => slots.iter().filter_map(of).collect(),
        Machine::A16(_, slot, _) => of(slot).into_iter().collect(),
        Machine::RefFunc(..) => Vec::new(),
        Machine::Call { callee, args, .. } => {
            let index = match callee {
                Callee::Table { index, .. } => Some(*index),
                Callee::Function(_) => None,
            };
            args.iter().copied().chain(index).collect()
        }
    }
}

/// The values that the end of a block reads, its edges' too.
pub(super) fn end_reads(end: &End) -> Vec<Value> {
    let mut values = Vec::new();
    each_end_value(&mut end.clone(), |v| {
        values.push(*v);
    });
    values
}

/// Visits every value that the end of a block reads, its edges' too.
fn each_end_value(end: &mut End, mut visit: impl FnMut(&mut Value)) {
    let mut slot = |slot: &mut Slot| {
        if let Slot::Use(v) = slot {
            visit(v);
        }
    };
    match end {
        End::Branch { condition: Condition::Short(_, a, b), .. } => {
            slot(a);
            slot(b);
        }
        End::Branch { condition: Condition::Long(_, a), .. } => slot(a),
        End::Table { index, .. } => visit(index),
        End::Return(values) => values.iter_mut().for_each(&mut visit),
        End::Jump(_) | End::Unreachable => {}
    }
    let edges: Vec<&mut Edge> = match end {
        End::Jump(edge) => vec![edge],
        End::Branch { then, other, .. } => vec![then, other],
        End::Table { targets, .. } => targets.iter_mut().collect(),
        End::Return(_) | End::Unreachable => Vec::new(),
    };
    edges.into_iter().flat_map(|e| &mut e.args).for_each(visit);
}

/// Puts a spill behind each definition and a fill before each use.
fn rewrite(selected: &mut Selected, slots: &HashMap<Value, u16>) {
    let mut fresh = Fresh { next: selected.constants.len() as u32, short: HashSet::new() };
    let mut blocks = std::mem::take(&mut selected.blocks);
    for (n, block) in blocks.iter_mut().enumerate() {
        let mut insts: Vec<MachineInst> = Vec::new();
        let offset = block.insts.first().map_or(block.end_offset, |i| i.offset);
        let params = if n == 0 { &mut selected.params } else { &mut block.params };
        for param in params.iter_mut() {
            if let Some(slot) = slots.get(param) {
                *param = fresh.value();
                insts.push(MachineInst { what: Machine::A16(Op::Spill, Slot::Use(*param), *slot), offset });
            }
        }
        for mut inst in std::mem::take(&mut block.insts) {
            let offset = inst.offset;
            let mut filled = HashMap::new();
            let mut fill = |v: &mut Value, insts: &mut Vec<MachineInst>| {
                fresh.fill(v, slots, &mut filled, insts, offset)
            };
            let mut spilled: Vec<(Value, u16)> = Vec::new();
            match &mut inst.what {
                Machine::Abc(_, all, _) => all.iter_mut().for_each(|s| {
                    if let Slot::Use(v) | Slot::Mut(_, v) = s {
                        fill(v, &mut insts);
                    }
                }),
                Machine::A16(_, Slot::Use(v), _) => fill(v, &mut insts),
                Machine::A16(..) | Machine::RefFunc(..) => {}
                Machine::Call { callee, args, .. } => {
                    args.iter_mut().for_each(|v| fill(v, &mut insts));
                    if let Callee::Table { index, .. } = callee {
                        fill(index, &mut insts);
                    }
                }
            }
            for v in writes(&mut inst.what) {
                if let Some(slot) = slots.get(v) {
                    *v = fresh.value();
                    spilled.push((*v, *slot));
                }
            }
            insts.push(inst);
            for (v, slot) in spilled {
                insts.push(MachineInst { what: Machine::A16(Op::Spill, Slot::Use(v), slot), offset });
            }
        }
        let (offset, mut filled) = (block.end_offset, HashMap::new());
        each_end_value(&mut block.end, |v| fresh.fill(v, slots, &mut filled, &mut insts, offset));
        block.insts = insts;
    }
    selected.blocks = blocks;
    selected.constants.resize(fresh.next as usize, None);
    selected.short.extend(fresh.short);
}

fn writes(what: &mut Machine) -> Vec<&mut Value> {
    fn of(slot: &mut Slot) -> Option<&mut Value> {
        match slot {
            Slot::Def(v) | Slot::Mut(v, _) => Some(v),
            _ => None,
        }
    }
    match what {
        Machine::Abc(_, slots, _) => slots.iter_mut().filter_map(of).collect(),
        Machine::A16(_, slot, _) => of(slot).into_iter().collect(),
        Machine::RefFunc(v, _) => vec![v],
        Machine::Call { results, .. } => results.iter_mut().collect(),
    }
}

/// Values that live from a fill to the next op, or from an op to the next spill.
struct Fresh {
    next: u32,
    short: HashSet<Value>,
}

impl Fresh {
    fn value(&mut self) -> Value {
        let value = Value(self.next);
        self.next += 1;
        self.short.insert(value);
        value
    }

    /// Reads a spilled value; one that the same op reads twice is filled once.
    fn fill(
        &mut self,
        v: &mut Value,
        slots: &HashMap<Value, u16>,
        filled: &mut HashMap<Value, Value>,
        insts: &mut Vec<MachineInst>,
        offset: u32,
    ) {
        let Some(slot) = slots.get(v) else { return };
        if let Some(there) = filled.get(v) {
            *v = *there;
            return;
        }
        let fresh = self.value();
        insts.push(MachineInst { what: Machine::A16(Op::Fill, Slot::Def(fresh), *slot), offset });
        filled.insert(*v, fresh);
        *v = fresh;
    }
}
