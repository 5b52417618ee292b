//! Assigns values to registers.
//!
//! Values that are copies of each other (a block's parameter and what an edge passes for it, the two
//! sides of a conditional move) share a register wherever they are not alive at once, so that most
//! copies vanish. What is left is placed in the order in which it comes alive (`place.rs`).

use crate::ir::{Edge, Value};

use super::place::place;
use super::select::{Callee, End, Machine, MachineBlock, Selected, Slot};

/// Where values live.
pub(super) struct Registers {
    /// For each value, its register; zero where it has none.
    pub(super) of: Vec<u8>,
    /// The callee's register 0, for each call in the order of the code: what outlives the call stands below.
    pub(super) bases: Vec<u8>,
    /// Registers in use, the link included.
    pub(super) frame: u8,
}

impl Registers {
    pub(super) fn of(&self, value: Value) -> u8 {
        self.of[value.0 as usize]
    }
}

/// A stretch of positions, the end not included.
pub(super) type Range = (u32, u32);

/// Positions of an instruction: operands are read at the first, results written at the second;
/// operands that must not share a register with the result are read until the third.
pub(super) const STEP: u32 = 4;

/// Assigns registers.
///
/// # Errors
/// How many registers the function would need, where that is more than there are.
pub(super) fn assign(selected: &Selected) -> Result<Registers, usize> {
    let starts = starts(&selected.blocks);
    let ranges = ranges(selected, &starts);
    let mut classes = Classes::new(ranges);
    for (n, param) in selected.params.iter().enumerate() {
        classes.fixed[param.0 as usize] = Some(n + 1);
    }
    coalesce(selected, &mut classes);
    place(selected, &starts, &classes)
}

/// For each value, over how many positions it is alive.
pub(super) fn lifetimes(selected: &Selected) -> Vec<u64> {
    let length = |ranges: &Vec<Range>| ranges.iter().map(|(from, to)| u64::from(to - from)).sum();
    ranges(selected, &starts(&selected.blocks)).iter().map(length).collect()
}

/// The first position of each block.
fn starts(blocks: &[MachineBlock]) -> Vec<u32> {
    let mut at = 0;
    blocks
        .iter()
        .map(|block| {
            let start = at;
            at += STEP * (block.insts.len() as u32 + 2);
            start
        })
        .collect()
}

/// What an instruction reads, what it reads until its result stands, and what it writes.
fn operands(
    what: &Machine,
    mut read: impl FnMut(Value),
    mut late: impl FnMut(Value),
    mut write: impl FnMut(Value),
) {
    match what {
        Machine::Abc(_, slots, _) => {
            let moves = slots.iter().any(|s| matches!(s, Slot::Mut(..)));
            for slot in slots {
                match slot {
                    Slot::Imm(_) => {}
                    Slot::Def(v) => write(*v),
                    Slot::Use(v) if moves => late(*v),
                    Slot::Use(v) => read(*v),
                    Slot::Mut(result, before) => {
                        read(*before);
                        write(*result);
                    }
                }
            }
        }
        Machine::A16(_, slot, _) => match slot {
            Slot::Def(v) => write(*v),
            Slot::Use(v) => read(*v),
            _ => {}
        },
        Machine::RefFunc(result, _) => write(*result),
        Machine::Call { callee, args, results } => {
            // Read after the arguments are in place, so it must not stand in the callee's window.
            if let Callee::Table { index, .. } = callee {
                late(*index);
            }
            args.iter().for_each(|v| read(*v));
            results.iter().for_each(|v| write(*v));
        }
    }
}

fn edges(end: &End) -> Vec<&Edge> {
    match end {
        End::Jump(edge) => vec![edge],
        End::Branch { then, other, .. } => vec![then, other],
        End::Table { targets, .. } => targets.iter().collect(),
        End::Return(_) | End::Unreachable => Vec::new(),
    }
}

fn end_reads(end: &End) -> Vec<Value> {
    use super::select::Condition;
    let slot = |s: &Slot| if let Slot::Use(v) = s { Some(*v) } else { None };
    match end {
        End::Branch { condition: Condition::Short(_, a, b), .. } => {
            [slot(a), slot(b)].into_iter().flatten().collect()
        }
        End::Branch { condition: Condition::Long(_, a), .. } => slot(a).into_iter().collect(),
        End::Table { index, .. } => vec![*index],
        End::Return(values) => values.clone(),
        End::Jump(_) | End::Unreachable => Vec::new(),
    }
}

/// A set of values.
#[derive(Clone, PartialEq)]
struct Set(Vec<u64>);

impl Set {
    fn new(values: usize) -> Self {
        Self(vec![0; values.div_ceil(64)])
    }
    fn insert(&mut self, v: Value) {
        self.0[v.0 as usize / 64] |= 1 << (v.0 % 64);
    }
    fn remove(&mut self, v: Value) {
        self.0[v.0 as usize / 64] &= !(1 << (v.0 % 64));
    }
    fn extend(&mut self, other: &Set) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }
    fn iter(&self) -> impl Iterator<Item = Value> + '_ {
        self.0.iter().enumerate().flat_map(|(n, bits)| {
            (0..64).filter(move |b| bits >> b & 1 != 0).map(move |b| Value(n as u32 * 64 + b))
        })
    }
}

/// For each value, the positions at which it is alive, in order.
fn ranges(selected: &Selected, starts: &[u32]) -> Vec<Vec<Range>> {
    let values = selected.constants.len();
    let blocks = &selected.blocks;
    let most = blocks.iter().map(|b| b.id.0 as usize + 1).max().unwrap_or(0);
    let mut place = vec![usize::MAX; most];
    blocks.iter().enumerate().for_each(|(n, b)| place[b.id.0 as usize] = n);
    let is_value = |v: &Value| selected.constants[v.0 as usize].is_none();

    // Backwards until nothing changes: what is alive where a block begins.
    let mut live_in = vec![Set::new(values); blocks.len()];
    let live_out = |live_in: &[Set], n: usize| {
        let mut live = Set::new(values);
        for edge in edges(&blocks[n].end) {
            let to = place[edge.to.0 as usize];
            live.extend(&live_in[to]);
            edge.args.iter().filter(|v| is_value(v)).for_each(|v| live.insert(*v));
        }
        live
    };
    let mut again = true;
    while again {
        again = false;
        for (n, block) in blocks.iter().enumerate().rev() {
            let mut live = live_out(&live_in, n);
            end_reads(&block.end).iter().filter(|v| is_value(v)).for_each(|v| live.insert(*v));
            for inst in block.insts.iter().rev() {
                let (mut reads, mut writes) = (Vec::new(), Vec::new());
                let mut late = Vec::new();
                operands(&inst.what, |v| reads.push(v), |v| late.push(v), |v| writes.push(v));
                writes.iter().for_each(|v| live.remove(*v));
                reads.iter().chain(&late).filter(|v| is_value(v)).for_each(|v| live.insert(*v));
            }
            block.params.iter().for_each(|v| live.remove(*v));
            if live != live_in[n] {
                live_in[n] = live;
                again = true;
            }
        }
    }

    let mut ranges: Vec<Vec<Range>> = vec![Vec::new(); values];
    for (n, block) in blocks.iter().enumerate() {
        let start = starts[n];
        let end = start + STEP * (block.insts.len() as u32 + 2);
        // Until where each value is alive, walking backwards.
        let mut until: Vec<Option<u32>> = vec![None; values];
        let mut alive: Vec<Value> = Vec::new();
        let mut keep = |until: &mut Vec<Option<u32>>, v: Value, at: u32| {
            if until[v.0 as usize].is_none() {
                until[v.0 as usize] = Some(at);
                alive.push(v);
            }
        };
        live_out(&live_in, n).iter().for_each(|v| keep(&mut until, v, end));
        let at = end - STEP;
        for v in end_reads(&block.end).into_iter().filter(|v| is_value(v)) {
            keep(&mut until, v, at + 1);
        }
        for (k, inst) in block.insts.iter().enumerate().rev() {
            let at = start + STEP * (k as u32 + 1);
            let (mut reads, mut late, mut writes) = (Vec::new(), Vec::new(), Vec::new());
            operands(&inst.what, |v| reads.push(v), |v| late.push(v), |v| writes.push(v));
            for v in writes {
                // What nothing reads is still written.
                let to = until[v.0 as usize].take().unwrap_or(at + 2);
                ranges[v.0 as usize].push((at + 1, to));
            }
            late.into_iter().filter(|v| is_value(v)).for_each(|v| keep(&mut until, v, at + 2));
            reads.into_iter().filter(|v| is_value(v)).for_each(|v| keep(&mut until, v, at + 1));
        }
        for v in &block.params {
            let to = until[v.0 as usize].take().unwrap_or(start + 1);
            ranges[v.0 as usize].push((start, to));
        }
        alive.sort_unstable();
        alive.dedup();
        for v in alive {
            if let Some(to) = until[v.0 as usize] {
                ranges[v.0 as usize].push((start, to));
            }
        }
    }
    // A parameter stands in its register from the beginning, read or not.
    for param in &selected.params {
        let range = &mut ranges[param.0 as usize];
        if range.is_empty() {
            range.push((0, 1));
        }
    }
    for range in &mut ranges {
        range.sort_unstable();
        let mut joined: Vec<Range> = Vec::with_capacity(range.len());
        for (from, to) in range.drain(..) {
            match joined.last_mut() {
                Some(last) if last.1 >= from => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        *range = joined;
    }
    ranges
}

pub(super) fn overlap(a: &[Range], b: &[Range]) -> bool {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i].0 < b[j].1 && b[j].0 < a[i].1 {
            return true;
        }
        if a[i].1 <= b[j].1 { i += 1 } else { j += 1 }
    }
    false
}

pub(super) fn union(a: &[Range], b: &[Range]) -> Vec<Range> {
    let mut all: Vec<Range> = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    all
}

/// Values that share a register.
pub(super) struct Classes {
    /// For each value, a value of the same class nearer to its root; a root names itself.
    parent: Vec<u32>,
    /// For each root, when its class is alive.
    pub(super) ranges: Vec<Vec<Range>>,
    /// For each root, the register that it must have.
    pub(super) fixed: Vec<Option<usize>>,
}

impl Classes {
    fn new(ranges: Vec<Vec<Range>>) -> Self {
        Self { parent: (0..ranges.len() as u32).collect(), fixed: vec![None; ranges.len()], ranges }
    }

    /// How many values there are.
    pub(super) fn count(&self) -> usize {
        self.parent.len()
    }

    /// The roots of classes that are alive at all.
    pub(super) fn roots(&self) -> Vec<usize> {
        let is_root = |n: &usize| self.parent[*n] == *n as u32 && !self.ranges[*n].is_empty();
        (0..self.count()).filter(is_root).collect()
    }

    pub(super) fn root(&self, v: Value) -> usize {
        let mut at = v.0;
        while self.parent[at as usize] != at {
            at = self.parent[at as usize];
        }
        at as usize
    }

    /// Puts two values into one register, if they are never alive at once.
    fn join(&mut self, a: Value, b: Value) {
        let (a, b) = (self.root(a), self.root(b));
        let fixed = match (self.fixed[a], self.fixed[b]) {
            (Some(x), Some(y)) if x != y => return,
            (x, y) => x.or(y),
        };
        if a == b || overlap(&self.ranges[a], &self.ranges[b]) {
            return;
        }
        let joined = std::mem::take(&mut self.ranges[b]);
        self.ranges[a] = union(&self.ranges[a], &joined);
        self.parent[b] = a as u32;
        self.fixed[a] = fixed;
    }
}

/// Joins values that are copies of each other, those of the innermost loops first.
fn coalesce(selected: &Selected, classes: &mut Classes) {
    let mut pairs: Vec<(u32, Value, Value)> = Vec::new();
    let most = selected.blocks.iter().map(|b| b.id.0 as usize + 1).max().unwrap_or(0);
    let mut params: Vec<&[Value]> = vec![&[]; most];
    selected.blocks.iter().for_each(|b| params[b.id.0 as usize] = &b.params);
    for block in &selected.blocks {
        for inst in &block.insts {
            if let Machine::Abc(_, slots, _) = &inst.what {
                for slot in slots {
                    if let Slot::Mut(result, before) = slot {
                        pairs.push((block.depth, *result, *before));
                    }
                }
            }
        }
        for edge in edges(&block.end) {
            for (param, arg) in params[edge.to.0 as usize].iter().zip(&edge.args) {
                if selected.constants[arg.0 as usize].is_none() {
                    pairs.push((block.depth, *param, *arg));
                }
            }
        }
    }
    pairs.sort_by_key(|(depth, ..)| std::cmp::Reverse(*depth));
    for (_, a, b) in pairs {
        classes.join(a, b);
    }
}
