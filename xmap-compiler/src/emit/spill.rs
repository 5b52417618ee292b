//! Functions with more values in flight than registers: some classes of values wait in spill slots, and stand
//! in a register only where they are written and read.
//!
//! A block's parameter in a slot is passed there: an edge writes the slot (nothing, where the argument is of
//! the same class and so in the same slot), so a loop may carry more values than there are registers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use xmap_image::Op;

use super::liveness::{STEP, operands};
use super::registers::{Classes, Failure, MOST_REGISTERS};
use super::select::{Callee, Condition, End, Machine, MachineInst, Selected, Slot, load_constant};
use super::split::Splits;
use crate::ir::{Edge, Value};
use crate::work::Exhausted;

/// Moves classes to spill slots, so that at most `room` are alive at once, and with a call's window no more
/// than there are registers. Of those in the way, the ones go that wait longest for the fewest uses. False
/// where there is nothing to move.
pub(super) fn spill(
    selected: &mut Selected,
    starts: &[u32],
    classes: &Classes,
    room: usize,
) -> Result<bool, Failure> {
    let victims = victims(selected, starts, classes, room)?;
    if victims.is_empty() {
        return Ok(false);
    }
    let Some(slots) = slots(selected, classes, &victims) else {
        return Err(Failure::Registers(MOST_REGISTERS + victims.len()));
    };
    rewrite(selected, &slots)?;
    Ok(true)
}

/// What happens at a position of the code, in the order in which it counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A class is alive from here on.
    Begin { root: usize, to: u32 },
    /// A call passes so many values in its window.
    Call { passed: usize },
}

/// Classes that are alive at a position.
struct Alive {
    /// For each class, until where its stretch goes; zero where none is open, or where it is in a slot.
    until: Vec<u32>,
    /// The ends of open stretches, the next one first.
    ends: BinaryHeap<Reverse<(u32, usize)>>,
    /// For each position, how many open stretches end there.
    ending: Vec<u32>,
    /// The classes that may go, the best one first.
    best: BinaryHeap<(u64, Reverse<usize>)>,
    count: usize,
    victims: Vec<usize>,
    spilled: Vec<bool>,
    steps: usize,
}

impl Alive {
    /// Ends the stretches that end at a position or before.
    fn end(&mut self, at: u32) {
        while let Some(Reverse((to, root))) = self.ends.peek().copied()
            && to <= at
        {
            self.ends.pop();
            self.steps += 1;
            if std::mem::take(&mut self.until[root]) != 0 {
                self.count -= 1;
            }
        }
    }

    /// Moves the best class to a slot that is alive beyond a position; false where there is none.
    fn give_up(&mut self, beyond: u32) -> bool {
        let mut aside = Vec::new();
        let mut found = false;
        while let Some((score, Reverse(root))) = self.best.pop() {
            self.steps += 1;
            let until = self.until[root];
            if until > beyond {
                self.until[root] = 0;
                self.ending[until as usize] -= 1;
                self.spilled[root] = true;
                self.victims.push(root);
                self.count -= 1;
                found = true;
                break;
            }
            if until != 0 {
                aside.push((score, Reverse(root)));
            }
        }
        self.best.extend(aside);
        found
    }
}

/// The classes that go to slots.
fn victims(
    selected: &mut Selected,
    starts: &[u32],
    classes: &Classes,
    room: usize,
) -> Result<Vec<usize>, Exhausted> {
    let scores = scores(selected, classes);
    let mut events: Vec<(u32, Event)> = Vec::new();
    for root in classes.roots() {
        events.extend(classes.ranges[root].iter().map(|(from, to)| (*from, Event::Begin { root, to: *to })));
    }
    for (block, start) in selected.blocks.iter().zip(starts) {
        for (inst, k) in block.insts.iter().zip(1..) {
            if let Machine::Call { args, results, .. } = &inst.what {
                let passed = args.len().max(results.len());
                events.push((start + STEP * k, Event::Call { passed }));
            }
        }
    }
    events.sort_unstable();
    let mut alive = Alive {
        until: vec![0; classes.count()],
        ends: BinaryHeap::new(),
        ending: vec![0; starts.last().map_or(0, |end| *end as usize + 1)],
        best: BinaryHeap::new(),
        count: 0,
        victims: Vec::new(),
        spilled: vec![false; classes.count()],
        steps: events.len(),
    };
    for (at, event) in events {
        match event {
            Event::Begin { root, to } if !alive.spilled[root] => {
                alive.end(at);
                alive.until[root] = to;
                alive.ending[to as usize] += 1;
                alive.ends.push(Reverse((to, root)));
                alive.count += 1;
                if let Some(score) = scores[root] {
                    alive.best.push((score, Reverse(root)));
                }
                while alive.count > room && alive.give_up(at) {}
            }
            Event::Begin { .. } => {}
            // What the call reads last ends one position behind it; all else outlives it.
            Event::Call { passed } => {
                alive.end(at);
                let last = alive.ending[at as usize + 1] as usize;
                while alive.count - last + passed + 1 > room && alive.give_up(at + 1) {}
            }
        }
    }
    selected.work.spend(alive.steps)?;
    Ok(alive.victims)
}

/// For each class, how much it is worth to have it in a slot: how long it lives for each of its uses, where
/// those in loops count more. None where it lives no longer than from one op to the next, or in a slot
/// already.
fn scores(selected: &Selected, classes: &Classes) -> Vec<Option<u64>> {
    let mut uses = vec![0u64; classes.count()];
    let mut may_go = vec![false; classes.count()];
    for v in (0..selected.first_short).map(Value) {
        may_go[classes.root(v)] = true;
    }
    let most = selected.blocks.iter().map(|b| b.id.0 as usize + 1).max().unwrap_or(0);
    let mut params: Vec<&[Value]> = vec![&[]; most];
    selected.blocks.iter().for_each(|b| params[b.id.0 as usize] = &b.params);
    for block in &selected.blocks {
        let weight = 8u64.pow(block.depth.min(8));
        let mut count = |v: Value| {
            let uses = &mut uses[classes.root(v)];
            *uses = uses.saturating_add(weight);
        };
        for inst in &block.insts {
            operands(&inst.what, |v, _| count(v), |_| {});
        }
        block.end.reads().for_each(&mut count);
        for edge in block.end.edges() {
            for (param, arg) in params[edge.to.0 as usize].iter().zip(&edge.args) {
                if classes.root(*param) != classes.root(*arg) {
                    count(*arg);
                }
            }
        }
    }
    let score = |root: usize| {
        let length: u64 = classes.ranges[root].iter().map(|(from, to)| u64::from(to - from)).sum();
        // What lives no longer than from one op to the next cannot get shorter.
        (may_go[root] && length > 8).then(|| length.saturating_mul(64) / uses[root].saturating_add(1))
    };
    (0..classes.count()).map(score).collect()
}

/// For each value, its slot. Classes that are not alive in one stretch of the code share one.
type Slots = Vec<Option<u16>>;

/// None where there are more than ops can name.
fn slots(selected: &mut Selected, classes: &Classes, victims: &[usize]) -> Option<Slots> {
    let mut victims: Vec<(u32, u32, usize)> = victims
        .iter()
        .filter_map(|root| Some((classes.ranges[*root].first()?.0, classes.ranges[*root].last()?.1, *root)))
        .collect();
    victims.sort_unstable();
    let mut of_class = vec![None; classes.count()];
    // Slots in use, the one that is free next first.
    let mut used: BinaryHeap<Reverse<(u32, u16)>> = BinaryHeap::new();
    for (from, to, root) in victims {
        let free = used.peek().copied().filter(|Reverse((end, _))| *end <= from);
        let slot = match free {
            Some(Reverse((_, slot))) => {
                used.pop();
                slot
            }
            None => {
                let slot = selected.spill_slots;
                selected.spill_slots = slot.checked_add(1)?;
                slot
            }
        };
        used.push(Reverse((to, slot)));
        of_class[root] = Some(slot);
    }
    Some((0..classes.count() as u32).map(|v| of_class[classes.root(Value(v))]).collect())
}

/// Puts a spill behind each definition and a fill before each use.
fn rewrite(selected: &mut Selected, slots: &Slots) -> Result<(), Exhausted> {
    let mut fresh = Fresh { next: selected.constants.len() as u32, slots, insts: Vec::new(), offset: 0 };
    let mut splits = Splits::of(&selected.blocks);
    let mut blocks = std::mem::take(&mut selected.blocks);
    let mut params = vec![Vec::new(); splits.ids()];
    for block in &mut blocks {
        params[block.id.0 as usize] = block.params.clone();
        block.params.retain(|param| fresh.slot(*param).is_none());
    }
    let constants = &selected.constants;
    for (n, block) in blocks.iter_mut().enumerate() {
        fresh.offset = block.insts.first().map_or(block.end_offset, |i| i.offset);
        if n == 0 {
            for param in &mut selected.params {
                if let Some(slot) = fresh.slot(*param) {
                    *param = fresh.value();
                    fresh.push(Op::Spill, Slot::Use(*param), slot);
                }
            }
        }
        for inst in std::mem::take(&mut block.insts) {
            fresh.inst(inst);
        }
        fresh.offset = block.end_offset;
        fresh.end(&mut block.end);
        let passed = |edge: &Edge| Passed::of(edge, &params[edge.to.0 as usize], slots, constants);
        match &mut block.end {
            End::Jump(edge) => passed(edge).pass(edge, &mut fresh),
            end => {
                let insts = std::mem::take(&mut fresh.insts);
                for edge in edges_mut(end) {
                    let passed = passed(edge);
                    if passed.to_slots.is_empty() {
                        // What is filled too early for another way does no harm there.
                        fresh.insts = std::mem::take(&mut block.insts);
                        passed.pass(edge, &mut fresh);
                        block.insts = std::mem::take(&mut fresh.insts);
                    } else if let Some(known) = splits.known(n, edge) {
                        *edge = known;
                    } else {
                        let before = edge.clone();
                        passed.pass(edge, &mut fresh);
                        let insts = std::mem::take(&mut fresh.insts);
                        *edge = splits.split(n, before, edge.clone(), insts, block.end_offset, block.depth);
                    }
                }
                let fills = std::mem::replace(&mut block.insts, insts);
                block.insts.extend(fills);
                fresh.insts = std::mem::take(&mut block.insts);
            }
        }
        block.insts = std::mem::take(&mut fresh.insts);
        selected.work.spend(block.insts.len())?;
    }
    selected.constants.resize(fresh.next as usize, None);
    selected.blocks = splits.put_in(blocks);
    Ok(())
}

fn edges_mut(end: &mut End) -> impl Iterator<Item = &mut Edge> {
    let (two, many): ([Option<&mut Edge>; 2], &mut [Edge]) = match end {
        End::Jump(edge) => ([Some(edge), None], &mut []),
        End::Branch { then, other, .. } => ([Some(then), Some(other)], &mut []),
        End::Table { targets, .. } => ([None, None], targets),
        End::Return(_) | End::Unreachable => ([None, None], &mut []),
    };
    two.into_iter().flatten().chain(many)
}

/// What an edge passes, apart from values that are in their slot already.
struct Passed {
    /// For parameters in registers.
    to_registers: Vec<Value>,
    /// For parameters in slots.
    to_slots: Vec<(u16, Source)>,
}

/// What a slot is filled with.
#[derive(Clone, Copy)]
enum Source {
    Slot(u16),
    Register(Value),
    Constant(u64),
}

impl Passed {
    fn of(edge: &Edge, params: &[Value], slots: &Slots, constants: &[Option<u64>]) -> Self {
        let mut passed = Self { to_registers: Vec::new(), to_slots: Vec::new() };
        let slot = |v: Value| slots.get(v.0 as usize).copied().flatten();
        for (param, arg) in params.iter().zip(&edge.args) {
            let Some(to) = slot(*param) else {
                passed.to_registers.push(*arg);
                continue;
            };
            match (constants[arg.0 as usize], slot(*arg)) {
                (Some(bits), _) => passed.to_slots.push((to, Source::Constant(bits))),
                (None, Some(from)) if from == to => {}
                (None, Some(from)) => passed.to_slots.push((to, Source::Slot(from))),
                (None, None) => passed.to_slots.push((to, Source::Register(*arg))),
            }
        }
        passed
    }

    /// Passes the values: fills what goes to registers, then writes the slots as if at once.
    fn pass(self, edge: &mut Edge, fresh: &mut Fresh<'_>) {
        edge.args = self.to_registers;
        let mut filled = Vec::new();
        edge.args.iter_mut().for_each(|v| fresh.fill(v, &mut filled));
        fresh.write_slots(self.to_slots);
    }
}

/// Writes code in which values stand in registers only from a fill to the next op, or from an op to the next
/// spill.
struct Fresh<'s> {
    next: u32,
    slots: &'s Slots,
    insts: Vec<MachineInst>,
    offset: u32,
}

impl Fresh<'_> {
    fn value(&mut self) -> Value {
        self.next += 1;
        Value(self.next - 1)
    }

    fn slot(&self, v: Value) -> Option<u16> {
        self.slots.get(v.0 as usize).copied().flatten()
    }

    fn push(&mut self, op: Op, value: Slot, slot: u16) {
        self.insts.push(MachineInst { what: Machine::A16(op, value, slot), offset: self.offset });
    }

    /// Reads a spilled value; one that the same op reads twice is filled once. `filled` has the slots that
    /// were.
    fn fill(&mut self, v: &mut Value, filled: &mut Vec<(u16, Value)>) {
        let Some(slot) = self.slot(*v) else { return };
        if let Some((_, there)) = filled.iter().find(|(filled, _)| *filled == slot) {
            *v = *there;
            return;
        }
        *v = self.value();
        self.push(Op::Fill, Slot::Def(*v), slot);
        filled.push((slot, *v));
    }

    fn inst(&mut self, mut inst: MachineInst) {
        self.offset = inst.offset;
        let mut filled = Vec::new();
        match &mut inst.what {
            Machine::Abc(_, all, _) => {
                for slot in all {
                    if let Slot::Use(v) | Slot::Mut(_, v) = slot {
                        self.fill(v, &mut filled);
                    }
                }
            }
            Machine::A16(_, Slot::Use(v), _) => self.fill(v, &mut filled),
            Machine::A16(..) | Machine::RefFunc(..) => {}
            Machine::Call { callee, args, .. } => {
                args.iter_mut().for_each(|v| self.fill(v, &mut filled));
                if let Callee::Table { index, .. } = callee {
                    self.fill(index, &mut filled);
                }
            }
        }
        let mut spilled = Vec::new();
        for v in writes(&mut inst.what) {
            if let Some(slot) = self.slot(*v) {
                *v = self.value();
                spilled.push((*v, slot));
            }
        }
        self.insts.push(inst);
        for (v, slot) in spilled {
            self.push(Op::Spill, Slot::Use(v), slot);
        }
    }

    /// Fills what the end of a block reads itself.
    fn end(&mut self, end: &mut End) {
        let mut filled = Vec::new();
        let mut slot = |fresh: &mut Self, slot: &mut Slot| {
            if let Slot::Use(v) = slot {
                fresh.fill(v, &mut filled);
            }
        };
        match end {
            End::Branch { condition: Condition::Short(_, a, b), .. } => {
                slot(self, a);
                slot(self, b);
            }
            End::Branch { condition: Condition::Long(_, a), .. } => slot(self, a),
            End::Table { index, .. } => self.fill(index, &mut filled),
            End::Return(values) => values.iter_mut().for_each(|v| self.fill(v, &mut filled)),
            End::Jump(_) | End::Unreachable => {}
        }
    }

    /// Writes slots as if at once: each before the one that it is read from is overwritten.
    fn write_slots(&mut self, moves: Vec<(u16, Source)>) {
        let most = moves.iter().map(|(to, _)| usize::from(*to) + 1).max().unwrap_or(0);
        // For each slot that is written: what with, and how many moves still read it.
        let mut pending: Vec<Option<Source>> = vec![None; most];
        let mut readers = vec![0usize; most];
        for (to, from) in &moves {
            pending[usize::from(*to)] = Some(*from);
            if let Source::Slot(from) = from
                && let Some(readers) = readers.get_mut(usize::from(*from))
            {
                *readers += 1;
            }
        }
        let mut free: Vec<u16> = moves.iter().map(|(to, _)| *to).rev().collect();
        free.retain(|to| readers[usize::from(*to)] == 0);
        while let Some(to) = free.pop() {
            let Some(from) = pending[usize::from(to)].take() else { continue };
            self.write_slot(to, from);
            if let Source::Slot(from) = from
                && let Some(readers) = readers.get_mut(usize::from(from))
            {
                *readers -= 1;
                if *readers == 0 {
                    free.push(from);
                }
            }
        }
        // Only cycles are left: what the first slot of each holds waits in a register.
        for (first, _) in moves {
            if pending[usize::from(first)].is_none() {
                continue;
            }
            let waits = self.value();
            self.push(Op::Fill, Slot::Def(waits), first);
            let mut to = first;
            while let Some(Source::Slot(from)) = pending[usize::from(to)].take() {
                if from == first {
                    self.push(Op::Spill, Slot::Use(waits), to);
                } else {
                    self.write_slot(to, Source::Slot(from));
                }
                to = from;
            }
        }
    }

    fn write_slot(&mut self, to: u16, from: Source) {
        let value = match from {
            Source::Register(value) => value,
            Source::Slot(from) => {
                let value = self.value();
                self.push(Op::Fill, Slot::Def(value), from);
                value
            }
            Source::Constant(bits) => {
                let value = self.value();
                self.insts.push(MachineInst { what: load_constant(value, bits), offset: self.offset });
                value
            }
        };
        self.push(Op::Spill, Slot::Use(value), to);
    }
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
