//! Assigns values to registers.
//!
//! Values that are copies of each other (a block's parameter and what an edge passes for it, the two
//! sides of a conditional move) share a register wherever they are not alive at once, so that most
//! copies vanish. What is left is placed in the order in which it comes alive (`place.rs`). Where there are
//! more values than registers, some of them wait in spill slots (`spill.rs`), and the rest is assigned anew.

use xmap_image::limits;

use crate::ir::{Edge, Value};
use crate::work::Exhausted;

use super::liveness::{Lives, Range};
use super::place::place;
use super::select::{Machine, Selected, Slot};
use super::spill::spill;

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

/// Registers that values can have: all but the link and the one for the cycles of moves.
pub(super) const MOST_REGISTERS: usize = limits::MAX_FRAME - 2;

/// Why values have no registers.
pub(super) enum Failure {
    /// A function that takes more steps than it may.
    Exhausted(Exhausted),
    /// So many registers would be needed at once, by parameters, arguments or results.
    Registers(usize),
    /// So many words of code there are at least.
    Words(usize),
}

impl From<Exhausted> for Failure {
    fn from(exhausted: Exhausted) -> Self {
        Failure::Exhausted(exhausted)
    }
}

/// Assigns registers; moves values to spill slots where there are more than registers.
pub(super) fn assign(selected: &mut Selected) -> Result<Registers, Failure> {
    passed_at_once(selected)?;
    // How many values may be alive at once: fewer each time that they find no place.
    let mut room = MOST_REGISTERS;
    loop {
        let words = least_words(selected);
        if words > limits::MAX_FUNCTION_WORDS {
            return Err(Failure::Words(words));
        }
        let lives = Lives::of(selected)?;
        let mut classes = Classes::new(lives.ranges);
        for (n, param) in selected.params.iter().enumerate() {
            classes.fixed[param.0 as usize] = Some(n + 1);
        }
        coalesce(selected, &mut classes)?;
        let needed = match place(selected, &lives.starts, &classes)? {
            Ok(registers) => return Ok(registers),
            Err(needed) => needed,
        };
        while !spill(selected, &lives.starts, &classes, room)? {
            room = match room.checked_sub(needed.saturating_sub(MOST_REGISTERS).clamp(4, 16)) {
                Some(room) if room > 0 => room,
                _ => return Err(Failure::Registers(needed)),
            };
        }
    }
}

/// # Errors
/// Parameters, arguments or results that all registers together do not hold.
fn passed_at_once(selected: &Selected) -> Result<(), Failure> {
    let calls = selected.blocks.iter().flat_map(|b| &b.insts).map(|inst| match &inst.what {
        Machine::Call { args, results, .. } => args.len().max(results.len()) + 1,
        _ => 0,
    });
    let ends = selected.blocks.iter().map(|b| match &b.end {
        super::select::End::Return(values) => values.len(),
        _ => 0,
    });
    let most = calls.chain(ends).max().unwrap_or(0).max(selected.params.len());
    if most > MOST_REGISTERS { Err(Failure::Registers(most + 1)) } else { Ok(()) }
}

/// Words that the code has at least.
fn least_words(selected: &Selected) -> usize {
    let words = |what: &Machine| match what {
        Machine::Abc(_, _, immediates) => 1 + immediates.len(),
        _ => 1,
    };
    let insts = selected.blocks.iter().flat_map(|b| &b.insts).map(|inst| words(&inst.what));
    // An op in front of a branch may become one with it.
    insts.sum::<usize>() - selected.blocks.iter().filter(|b| !b.insts.is_empty()).count()
}

/// Returns whether two lists of stretches, each in order, have a position in common.
pub(super) fn overlap(a: &[Range], b: &[Range]) -> bool {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if few.len() * 16 < many.len() {
        return few.iter().any(|range| {
            let next = many.partition_point(|other| other.1 <= range.0);
            many.get(next).is_some_and(|other| other.0 < range.1)
        });
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i].0 < b[j].1 && b[j].0 < a[i].1 {
            return true;
        }
        if a[i].1 <= b[j].1 { i += 1 } else { j += 1 }
    }
    false
}

/// Puts stretches among others that they do not overlap; both are in order.
pub(super) fn unite(all: &mut Vec<Range>, mut more: Vec<Range>) {
    if all.len() < more.len() {
        std::mem::swap(all, &mut more);
    }
    if more.len() * 16 < all.len() {
        for range in more {
            let at = all.partition_point(|other| *other < range);
            all.insert(at, range);
        }
    } else {
        all.extend(more);
        // Two runs that are in order already.
        all.sort();
    }
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

    /// Returns how many values there are.
    pub(super) fn count(&self) -> usize {
        self.parent.len()
    }

    /// The roots of classes that are alive at all.
    pub(super) fn roots(&self) -> Vec<usize> {
        let is_root = |n: &usize| self.parent[*n] == *n as u32 && !self.ranges[*n].is_empty();
        (0..self.count()).filter(is_root).collect()
    }

    /// The root of a value's class, once all classes are joined.
    pub(super) fn root(&self, v: Value) -> usize {
        self.parent[v.0 as usize] as usize
    }

    fn find(&mut self, v: Value) -> usize {
        let mut at = v.0;
        while self.parent[at as usize] != at {
            let next = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = next;
            at = next;
        }
        at as usize
    }

    /// Puts two values into one register, if they are never alive at once. Returns the steps.
    fn join(&mut self, a: Value, b: Value) -> usize {
        let (a, b) = (self.find(a), self.find(b));
        let fixed = match (self.fixed[a], self.fixed[b]) {
            (Some(x), Some(y)) if x != y => return 1,
            (x, y) => x.or(y),
        };
        if a == b {
            return 1;
        }
        let steps = 1 + self.ranges[a].len().min(self.ranges[b].len());
        if overlap(&self.ranges[a], &self.ranges[b]) {
            return steps;
        }
        let joined = std::mem::take(&mut self.ranges[b]);
        unite(&mut self.ranges[a], joined);
        self.parent[b] = a as u32;
        self.fixed[a] = fixed;
        steps
    }
}

/// Joins values that are copies of each other, those of the innermost loops first.
fn coalesce(selected: &mut Selected, classes: &mut Classes) -> Result<(), Exhausted> {
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
        for Edge { to, args } in block.end.edges() {
            for (param, arg) in params[to.0 as usize].iter().zip(args) {
                if selected.constants[arg.0 as usize].is_none() {
                    pairs.push((block.depth, *param, *arg));
                }
            }
        }
    }
    pairs.sort_by_key(|(depth, ..)| std::cmp::Reverse(*depth));
    for (_, a, b) in pairs {
        let steps = classes.join(a, b);
        selected.work.spend(steps)?;
    }
    for v in 0..classes.count() as u32 {
        classes.parent[v as usize] = classes.find(Value(v)) as u32;
    }
    Ok(())
}
