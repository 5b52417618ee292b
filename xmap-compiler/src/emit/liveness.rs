//! When values are alive: for each value, the positions from its definition to its last reads.
//!
//! Each value is followed from the blocks that read it back to the one that defines it, so that the time is
//! that of the answer. Where the answer itself would be too large (thousands of values over thousands of
//! blocks), the rest of the values is alive from the definition to the end of the last loop that reads it,
//! holes included.

use crate::ir::Value;
use crate::work::Exhausted;

use super::select::{Callee, Machine, MachineBlock, Selected, Slot};

/// A stretch of positions, the end not included.
pub(super) type Range = (u32, u32);

/// Positions of an instruction: operands are read at the first, results written at the second;
/// operands that must not share a register with the result are read until the third.
pub(super) const STEP: u32 = 4;

/// Blocks that all values together are followed through exactly.
const EXACT: usize = 2 << 20;

/// The positions at which values are alive.
pub(super) struct Lives {
    /// The first position of each block, and the end of the last one.
    pub(super) starts: Vec<u32>,
    /// For each value, when it is alive, in order.
    pub(super) ranges: Vec<Vec<Range>>,
}

impl Lives {
    /// # Errors
    /// A function that takes more steps than it may.
    pub(super) fn of(selected: &mut Selected) -> Result<Self, Exhausted> {
        let starts = starts(&selected.blocks);
        let uses = Uses::of(selected, &starts);
        selected.work.spend(uses.steps)?;
        let flow = Flow::of(&selected.blocks);
        let mut marks = Marks::new(selected.blocks.len());
        let mut exact = EXACT;
        let mut ranges = Vec::with_capacity(uses.definitions.len());
        for (value, definition) in (0..).zip(&uses.definitions) {
            let Some(definition) = definition else {
                ranges.push(Vec::new());
                continue;
            };
            let reads = uses.of_value(value);
            if exact > 0 || !flow.is_in_order {
                let (range, steps) = marks.follow(value, definition, reads, &flow, &starts);
                exact = exact.saturating_sub(steps);
                selected.work.spend(steps)?;
                ranges.push(range);
            } else {
                ranges.push(flow.stretch(definition, reads, &starts));
            }
        }
        Ok(Self { starts, ranges })
    }
}

/// The first position of each block, and the end of the last one.
fn starts(blocks: &[MachineBlock]) -> Vec<u32> {
    let mut at = 0;
    let mut starts = vec![0];
    for block in blocks {
        at += STEP * (block.insts.len() as u32 + 2);
        starts.push(at);
    }
    starts
}

/// Where a value is defined.
#[derive(Clone, Copy)]
struct Definition {
    block: u32,
    at: u32,
    /// Until where the block itself reads it.
    until: u32,
}

/// A block that reads a value which it does not define.
#[derive(Clone, Copy)]
struct Read {
    value: u32,
    block: u32,
    until: u32,
}

/// The definitions and the reads of all values.
struct Uses {
    definitions: Vec<Option<Definition>>,
    /// By value.
    reads: Vec<Read>,
    /// For each value, its first read.
    first: Vec<u32>,
    steps: usize,
}

impl Uses {
    fn of(selected: &Selected, starts: &[u32]) -> Self {
        let values = selected.constants.len();
        let is_value = |v: Value| selected.constants[v.0 as usize].is_none();
        let mut definitions = vec![None; values];
        let mut unsorted: Vec<Read> = Vec::new();
        // For each value, until where the block in hand reads it; zero where it does not.
        let mut until = vec![0u32; values];
        let mut read_here: Vec<Value> = Vec::new();
        let mut steps = values;
        for (n, block) in selected.blocks.iter().enumerate() {
            let (start, end) = (starts[n], starts[n + 1]);
            let mut keep = |until: &mut Vec<u32>, v: Value, at: u32| {
                if is_value(v) && until[v.0 as usize] == 0 {
                    until[v.0 as usize] = at;
                    read_here.push(v);
                }
            };
            for edge in block.end.edges() {
                steps += edge.args.len();
                edge.args.iter().for_each(|v| keep(&mut until, *v, end));
            }
            block.end.reads().for_each(|v| keep(&mut until, v, end - STEP + 1));
            let mut define = |until: &mut Vec<u32>, v: Value, at: u32, unread: u32| {
                let last = std::mem::take(&mut until[v.0 as usize]);
                // What nothing reads is still written.
                let until = if last == 0 { unread } else { last };
                definitions[v.0 as usize] = Some(Definition { block: n as u32, at, until });
            };
            steps += 4 * block.insts.len();
            for (k, inst) in block.insts.iter().enumerate().rev() {
                let at = start + STEP * (k as u32 + 1);
                // Results first: an op reads before it writes.
                operands(&inst.what, |_, _| {}, |v| define(&mut until, v, at + 1, at + 2));
                operands(&inst.what, |v, late| keep(&mut until, v, at + 1 + u32::from(late)), |_| {});
            }
            let params = if n == 0 { &selected.params } else { &block.params };
            steps += params.len();
            params.iter().for_each(|v| define(&mut until, *v, start, start + 1));
            for v in read_here.drain(..) {
                let until = std::mem::take(&mut until[v.0 as usize]);
                if until != 0 {
                    unsorted.push(Read { value: v.0, block: n as u32, until });
                }
            }
        }
        steps += unsorted.len();
        let (reads, first) = by_value(&unsorted, values);
        Self { definitions, reads, first, steps }
    }

    fn of_value(&self, value: u32) -> &[Read] {
        &self.reads[self.first[value as usize] as usize..self.first[value as usize + 1] as usize]
    }
}

/// Sorts reads by value; gives the place of each value's first one, too.
fn by_value(unsorted: &[Read], values: usize) -> (Vec<Read>, Vec<u32>) {
    let mut first = vec![0u32; values + 1];
    unsorted.iter().for_each(|read| first[read.value as usize + 1] += 1);
    for v in 0..values {
        first[v + 1] += first[v];
    }
    let mut next = first.clone();
    let mut reads = vec![Read { value: 0, block: 0, until: 0 }; unsorted.len()];
    for read in unsorted {
        let at = &mut next[read.value as usize];
        reads[*at as usize] = *read;
        *at += 1;
    }
    (reads, first)
}

/// Visits what an op reads, each with whether it is read until the result stands, and what it writes.
pub(super) fn operands(what: &Machine, mut read: impl FnMut(Value, bool), mut write: impl FnMut(Value)) {
    match what {
        Machine::Abc(_, slots, _) => {
            let moves = slots.iter().any(|s| matches!(s, Slot::Mut(..)));
            // Late reads first: a value that is read twice is read until the later one.
            for slot in slots {
                match slot {
                    Slot::Imm(_) | Slot::Mut(..) => {}
                    Slot::Def(v) => write(*v),
                    Slot::Use(v) => read(*v, moves),
                }
            }
            for slot in slots {
                if let Slot::Mut(result, before) = slot {
                    read(*before, false);
                    write(*result);
                }
            }
        }
        Machine::A16(_, slot, _) => match slot {
            Slot::Def(v) => write(*v),
            Slot::Use(v) => read(*v, false),
            _ => {}
        },
        Machine::RefFunc(result, _) => write(*result),
        Machine::Call { callee, args, results } => {
            // Read after the arguments are in place, so it must not stand in the callee's window.
            if let Callee::Table { index, .. } = callee {
                read(*index, true);
            }
            args.iter().for_each(|v| read(*v, false));
            results.iter().for_each(|v| write(*v));
        }
    }
}

/// The ways between blocks, by their places in the order.
struct Flow {
    /// For each block, those that lead to it, each once.
    into: Vec<Vec<u32>>,
    /// Whether each block but the first is behind one that leads to it, so that definitions stand before
    /// reads.
    is_in_order: bool,
    /// For stretches of `1 << level` blocks: the last block that leads back to one of them.
    back: Vec<Vec<u32>>,
}

impl Flow {
    fn of(blocks: &[MachineBlock]) -> Self {
        let most = blocks.iter().map(|b| b.id.0 as usize + 1).max().unwrap_or(0);
        let mut place = vec![0u32; most];
        blocks.iter().zip(0..).for_each(|(b, n)| place[b.id.0 as usize] = n);
        let mut into: Vec<Vec<u32>> = vec![Vec::new(); blocks.len()];
        for (block, n) in blocks.iter().zip(0..) {
            for edge in block.end.edges() {
                let into = &mut into[place[edge.to.0 as usize] as usize];
                if into.last() != Some(&n) {
                    into.push(n);
                }
            }
        }
        let is_in_order = into.iter().zip(0..).skip(1).all(|(from, n)| from.first().is_some_and(|p| *p < n));
        let last = |(from, n): (&Vec<u32>, u32)| from.last().copied().filter(|p| *p >= n).unwrap_or(0);
        let mut back: Vec<Vec<u32>> = vec![into.iter().zip(0..).map(last).collect()];
        while let Some(below) = back.last().filter(|below| below.len() > 1 << (back.len() - 1)) {
            let half = 1 << (back.len() - 1);
            let level = (half..below.len()).map(|n| below[n - half].max(below[n])).collect();
            back.push(level);
        }
        Self { into, is_in_order, back }
    }

    /// The last block that leads back to one between these two, both included.
    fn leads_back(&self, first: u32, last: u32) -> u32 {
        let level = (last - first + 1).ilog2();
        let row = &self.back[level as usize];
        row[first as usize].max(row[(last + 1 - (1 << level)) as usize])
    }

    /// From a definition to the last read, and to the end of each loop that begins in between and reads on.
    fn stretch(&self, definition: &Definition, reads: &[Read], starts: &[u32]) -> Vec<Range> {
        let (mut last, mut until) = (definition.block, definition.until);
        for read in reads {
            (last, until) = (last.max(read.block), until.max(read.until));
        }
        while last > definition.block {
            let back = self.leads_back(definition.block + 1, last);
            if back <= last {
                // The last block may itself be one that leads back.
                if back == last {
                    until = until.max(starts[last as usize + 1]);
                }
                break;
            }
            (last, until) = (back, starts[back as usize + 1]);
        }
        vec![(definition.at, until)]
    }
}

/// What is known of blocks while one value is followed: each mark names the value that it is of.
struct Marks {
    /// The value is alive where the block begins.
    alive_in: Vec<u32>,
    /// The value is alive where the block ends.
    alive_out: Vec<u32>,
    /// Until where the block reads it.
    until: Vec<u32>,
    pending: Vec<u32>,
    blocks: Vec<u32>,
}

impl Marks {
    fn new(blocks: usize) -> Self {
        let none = || vec![u32::MAX; blocks];
        Self {
            alive_in: none(),
            alive_out: none(),
            until: vec![0; blocks],
            pending: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// Follows a value from its reads to its definition. Returns when it is alive, and the steps.
    fn follow(
        &mut self,
        value: u32,
        definition: &Definition,
        reads: &[Read],
        flow: &Flow,
        starts: &[u32],
    ) -> (Vec<Range>, usize) {
        self.blocks.clear();
        for read in reads {
            self.alive_in[read.block as usize] = value;
            self.until[read.block as usize] = read.until;
            self.pending.push(read.block);
            self.blocks.push(read.block);
        }
        let mut steps = 1 + reads.len();
        while let Some(block) = self.pending.pop() {
            for from in &flow.into[block as usize] {
                steps += 1;
                self.alive_out[*from as usize] = value;
                if *from != definition.block
                    && std::mem::replace(&mut self.alive_in[*from as usize], value) != value
                {
                    self.until[*from as usize] = 0;
                    self.pending.push(*from);
                    self.blocks.push(*from);
                }
            }
        }
        let until = |marks: &Self, block: u32, own: u32| match marks.alive_out[block as usize] == value {
            true => starts[block as usize + 1],
            false => own,
        };
        let mut ranges = vec![(definition.at, until(self, definition.block, definition.until))];
        for block in &self.blocks {
            let own = self.until[*block as usize];
            ranges.push((starts[*block as usize], until(self, *block, own)));
        }
        ranges.sort_unstable();
        ranges.dedup_by(|next, before| {
            let joins = before.1 >= next.0;
            if joins {
                before.1 = before.1.max(next.1);
            }
            joins
        });
        (ranges, steps)
    }
}
