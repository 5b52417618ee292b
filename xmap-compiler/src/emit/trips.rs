//! How often loops run, where constants decide it: a counter that starts at a constant, moves by a
//! constant and is compared with a constant once in each round. In the place of one of the two, start or end,
//! may stand a value of which the largest is known, as a parameter's by its declared type.

use std::collections::{BTreeMap, HashMap};

use crate::ir::{Binary, BlockId, Compare, Edge, Func, Kind, Term, Value, Width};
use crate::opt::{holds, largest_values};

/// Rounds that are counted at most: a loop with more runs on fuel.
const MOST_ROUNDS: u64 = 1 << 22;

/// Turns that are counted one after the other at most, for all loops of a function together: those for which
/// no division gives the rounds.
const MOST_TURNS: u64 = 1 << 14;

/// For each loop head: how often it is entered at most, each time that control comes to it from outside;
/// `None` where that is not known.
pub(super) fn trips(func: &Func, order: &[BlockId]) -> Vec<(BlockId, Option<u64>)> {
    let mut place = vec![usize::MAX; func.blocks.len()];
    order.iter().enumerate().for_each(|(n, b)| place[b.0 as usize] = n);
    // For each block, the edges that lead to it, with the blocks that they come from.
    let mut into: Vec<Vec<(BlockId, &Edge)>> = vec![Vec::new(); func.blocks.len()];
    for block in order {
        for edge in func.at(*block).term.edges() {
            into[edge.to.0 as usize].push((*block, edge));
        }
    }
    let mut definitions: HashMap<Value, (Width, [Value; 2])> = HashMap::new();
    for inst in order.iter().flat_map(|b| &func.at(*b).insts) {
        if let (Kind::Binary(Binary::Add, width), [result], [a, b]) =
            (inst.kind, &inst.results[..], &inst.args[..])
        {
            definitions.insert(*result, (width, [*a, *b]));
        }
    }
    let largest = largest_values(func, order);
    let mut defined = vec![0; func.values()];
    for (n, block) in order.iter().map(|block| func.at(*block)).enumerate() {
        let results = block.insts.iter().flat_map(|inst| &inst.results);
        block.params.iter().chain(results).for_each(|value| defined[value.0 as usize] = n);
    }
    let mut loops = Loops { func, order, place, into, definitions, largest, defined, turns: MOST_TURNS };
    let is_head = |loops: &Loops<'_>, n: usize, block: &BlockId| {
        loops.into[block.0 as usize].iter().any(|(from, _)| loops.place[from.0 as usize] >= n)
    };
    let heads: Vec<BlockId> = (order.iter().enumerate())
        .filter(|(n, block)| is_head(&loops, *n, block))
        .map(|(_, block)| *block)
        .collect();
    heads.into_iter().map(|head| (head, loops.rounds(head))).collect()
}

/// The rounds of loops by the words that their heads begin with. Heads that no code stands between share one:
/// it is reached as often as their rounds together say, and nothing is known of it where one has none.
pub(super) fn by_word(heads: impl Iterator<Item = (u32, Option<u64>)>) -> Vec<(u32, u64)> {
    let mut words: BTreeMap<u32, Option<u64>> = BTreeMap::new();
    for (word, rounds) in heads {
        let all = words.entry(word).or_insert(Some(1));
        *all = all.zip(rounds).and_then(|(all, rounds)| all.checked_mul(rounds));
    }
    words.into_iter().filter_map(|(word, rounds)| Some((word, rounds?))).collect()
}

struct Loops<'f> {
    func: &'f Func,
    order: &'f [BlockId],
    /// Each block's place in the order.
    place: Vec<usize>,
    into: Vec<Vec<(BlockId, &'f Edge)>>,
    /// Sums.
    definitions: HashMap<Value, (Width, [Value; 2])>,
    /// The largest that each value can be.
    largest: Vec<u64>,
    /// The place of the block that defines each value; a parameter's is the entry's.
    defined: Vec<usize>,
    /// Turns that are left.
    turns: u64,
}

/// Conditions that are looked at on the way into a loop.
const MOST_GUARDS: usize = 8;

/// A counter steps by no more than this where its start is not a constant.
const MOST_STEP: u64 = 16;

/// What a round compares: the counter before or after its step, with a constant on one side.
struct Test {
    compare: Compare,
    width: Width,
    args: [Value; 2],
    /// Whether the loop goes on where the comparison holds.
    on: bool,
}

impl Loops<'_> {
    fn rounds(&mut self, head: BlockId) -> Option<u64> {
        let at = self.place[head.0 as usize];
        let is_back = |(from, _): &&(BlockId, &Edge)| self.place[from.0 as usize] >= at;
        let back: Vec<(BlockId, &Edge)> =
            self.into[head.0 as usize].iter().filter(is_back).take(2).copied().collect();
        let [(latch, edge)] = back[..] else { return None };
        let entries: Vec<(BlockId, &Edge)> =
            self.into[head.0 as usize].iter().filter(|way| !is_back(way)).copied().collect();
        let tests = [self.test_at_end(latch, head), self.test_at_head(head, latch)];
        let params = &self.func.at(head).params;
        let counters: Vec<Counter> =
            params.iter().enumerate().filter_map(|(n, p)| self.counter(n, *p, edge, &entries)).collect();
        let mut fewest = None;
        for (counter, test) in counters.iter().flat_map(|c| tests.iter().flatten().map(move |t| (c, t))) {
            let rounds = self.count(counter, test);
            fewest = match (fewest, rounds) {
                (Some(a), Some(b)) => Some(u64::min(a, b)),
                (a, b) => a.or(b),
            };
        }
        fewest
    }

    /// The comparison with which the last block goes back.
    fn test_at_end(&self, latch: BlockId, head: BlockId) -> Option<Test> {
        match &self.func.at(latch).term {
            Term::Branch { compare, width, args, then, other } if (then.to == head) != (other.to == head) => {
                Some(Test { compare: *compare, width: *width, args: *args, on: then.to == head })
            }
            _ => None,
        }
    }

    /// The comparison with which the first block leaves the loop.
    fn test_at_head(&self, head: BlockId, latch: BlockId) -> Option<Test> {
        let Term::Branch { compare, width, args, then, other } = &self.func.at(head).term else {
            return None;
        };
        let stretch = self.place[head.0 as usize]..=self.place[latch.0 as usize];
        let inside = |edge: &Edge| stretch.contains(&self.place[edge.to.0 as usize]);
        // What leaves the stretch must not come back into its middle: it would go on then.
        let last = self.place[latch.0 as usize];
        let from_behind = |(from, _): &(BlockId, &Edge)| self.place[from.0 as usize] > last;
        let middle = &self.order[self.place[head.0 as usize] + 1..=last];
        if middle.iter().any(|block| self.into[block.0 as usize].iter().any(from_behind)) {
            return None;
        }
        (inside(then) != inside(other)).then(|| Test {
            compare: *compare,
            width: *width,
            args: *args,
            on: inside(then),
        })
    }

    /// Returns whether a parameter of the head is a counter.
    fn counter(&self, n: usize, param: Value, back: &Edge, entries: &[(BlockId, &Edge)]) -> Option<Counter> {
        let next = back.args[n];
        let (width, [a, b]) = self.definitions.get(&next)?;
        let step = if *a == param { self.func.as_constant(*b)? } else { return None };
        let start = |(from, edge): &(BlockId, &Edge)| {
            let value = edge.args[n];
            if let Some(bits) = self.func.as_constant(value) {
                return Some(Start { from: *from, least: bits, most: bits });
            }
            let most = self.bounded(value, *width)?;
            Some(Start { from: *from, least: self.least(value, *from, edge), most })
        };
        let starts: Option<Vec<Start>> = entries.iter().map(start).collect();
        Some(Counter { param, next, step, width: *width, starts: starts? })
    }

    /// The largest that a value can be, where that is known and is no negative number.
    fn bounded(&self, value: Value, width: Width) -> Option<u64> {
        let most = match width {
            Width::W32 => i32::MAX as u64,
            Width::W64 => i64::MAX as u64,
        };
        Some(self.largest[value.0 as usize]).filter(|largest| *largest <= most)
    }

    /// 1 where a condition on the way into a loop says that a value is not zero, else 0. The value is one of
    /// those that are [`Loops::bounded`]: it has no sign.
    fn least(&self, value: Value, from: BlockId, edge: &Edge) -> u64 {
        let (mut from, mut to) = (from, edge.to);
        for _ in 0..MOST_GUARDS {
            if let Term::Branch { compare, args, then, other, .. } = &self.func.at(from).term
                && then.to != other.to
            {
                let constant = |v: Value| self.func.as_constant(v);
                let excludes_zero = match (compare, then.to == to) {
                    (Compare::Eq, false) | (Compare::Ne, true) => {
                        args.contains(&value) && args.iter().any(|v| constant(*v) == Some(0))
                    }
                    // 0 < value; 1 <= value; not value < 1; not value <= 0
                    (Compare::LtU | Compare::LtS, true) => args[1] == value && constant(args[0]) == Some(0),
                    (Compare::LeU | Compare::LeS, true) => args[1] == value && constant(args[0]) == Some(1),
                    (Compare::LtU | Compare::LtS, false) => args[0] == value && constant(args[1]) == Some(1),
                    (Compare::LeU | Compare::LeS, false) => args[0] == value && constant(args[1]) == Some(0),
                    _ => false,
                };
                if excludes_zero {
                    return 1;
                }
            }
            let [(above, _)] = self.into[from.0 as usize][..] else { return 0 };
            (from, to) = (above, from);
        }
        0
    }

    /// The most rounds over all ways into the loop.
    fn count(&mut self, counter: &Counter, test: &Test) -> Option<u64> {
        let operand = |v: Value| match self.func.as_constant(v) {
            Some(bits) => Some(Operand::Constant(bits)),
            None if v == counter.param => Some(Operand::Before),
            None if v == counter.next => Some(Operand::After),
            None => None,
        };
        let operands = match [operand(test.args[0]), operand(test.args[1])] {
            [Some(x), Some(y)] => [x, y],
            // The counter goes up to a value that is not a constant.
            [Some(x), None] => return self.counted_up_to(counter, test, (x, test.args[1]), false),
            [None, Some(y)] => return self.counted_up_to(counter, test, (y, test.args[0]), true),
            [None, None] => return None,
        };
        let mut most = 0;
        for start in &counter.starts {
            most = most.max(self.most_from(counter, test, operands, *start)?);
        }
        Some(most)
    }

    /// The rounds from one constant.
    fn from(&mut self, counter: &Counter, test: &Test, operands: [Operand; 2], start: u64) -> Option<u64> {
        let rounds = match divided(counter, test, operands, start) {
            Some(rounds) => rounds,
            None => self.counted(counter, test, operands, start)?,
        };
        (rounds <= MOST_ROUNDS).then_some(rounds)
    }

    /// The most rounds over all values that a counter may start with. Where it counts down by `k`, a round
    /// from a value leads to the one that is smaller by `k`: so it is enough to look at the `k` smallest.
    fn most_from(
        &mut self,
        counter: &Counter,
        test: &Test,
        operands: [Operand; 2],
        start: Start,
    ) -> Option<u64> {
        let Start { least, most, .. } = start;
        if least == most {
            return self.from(counter, test, operands, least);
        }
        let by = counter.down()?;
        if by > MOST_STEP {
            return None;
        }
        let mut rounds = 0;
        for start in least..least.saturating_add(by) {
            rounds = rounds.max(self.from(counter, test, operands, start)?);
        }
        let rounds = rounds.saturating_add((most.saturating_sub(least)).div_ceil(by));
        (rounds <= MOST_ROUNDS).then_some(rounds)
    }

    /// The rounds of a counter that goes up from constants and is compared with a value of which the largest
    /// is known; `exchanged` says that the value stands on the left.
    fn counted_up_to(
        &mut self,
        counter: &Counter,
        test: &Test,
        (moving, value): (Operand, Value),
        exchanged: bool,
    ) -> Option<u64> {
        let most = self.bounded(value, test.width)?;
        if counter.width != test.width || counter.down().is_some() || matches!(moving, Operand::Constant(_)) {
            return None;
        }
        let mut rounds = 0;
        for start in &counter.starts {
            // From a value that is no constant, or that is behind the end, nothing is known.
            if start.least != start.most || start.least > most {
                return None;
            }
            let of_one = match (test.compare, test.on, exchanged) {
                // While the counter is below the value, or not above it: at most as long as for the largest.
                (Compare::LtU | Compare::LtS | Compare::LeU | Compare::LeS, true, false)
                | (Compare::LtU | Compare::LtS | Compare::LeU | Compare::LeS, false, true) => {
                    let constant = Operand::Constant(most);
                    let operands = if exchanged { [constant, moving] } else { [moving, constant] };
                    self.from(counter, test, operands, start.least)?
                }
                // Until it is the value, which it does not step over and does not begin behind.
                (Compare::Ne, true, _) | (Compare::Eq, false, _) if counter.step == 1 => {
                    let first = start.least + u64::from(matches!(moving, Operand::After));
                    let edge = self.edge_from(start.from, counter)?;
                    // In each round it is the same value.
                    let inside = self.defined[value.0 as usize] >= self.place[edge.to.0 as usize];
                    if inside || first > self.least(value, start.from, edge) {
                        return None;
                    }
                    most - start.least + 1
                }
                _ => return None,
            };
            rounds = rounds.max(of_one);
        }
        (rounds <= MOST_ROUNDS).then_some(rounds)
    }

    /// The edge from a block to the loop that a counter is of.
    fn edge_from(&self, from: BlockId, counter: &Counter) -> Option<&Edge> {
        let mut edges = self.func.at(from).term.edges();
        edges.find(|edge| self.func.at(edge.to).params.contains(&counter.param))
    }

    /// The rounds, one after the other.
    fn counted(&mut self, counter: &Counter, test: &Test, operands: [Operand; 2], start: u64) -> Option<u64> {
        let mut value = start;
        let mut rounds = 0;
        loop {
            rounds += 1;
            self.turns = self.turns.checked_sub(1)?;
            if rounds > MOST_ROUNDS {
                return None;
            }
            let next = counter.step_from(value);
            let [x, y] = operands.map(|operand| operand.of(value, next));
            if holds(test.compare, test.width, x, y) != test.on {
                return Some(rounds);
            }
            value = next;
        }
    }
}

/// What a test compares in a round.
#[derive(Clone, Copy)]
enum Operand {
    Constant(u64),
    /// The counter before its step.
    Before,
    /// The counter after its step.
    After,
}

impl Operand {
    fn of(self, before: u64, after: u64) -> u64 {
        match self {
            Operand::Constant(bits) => bits,
            Operand::Before => before,
            Operand::After => after,
        }
    }
}

/// The rounds of a counter that comes to the end of the values with which the loop goes on and does not step
/// over those with which it ends: numbers of a width are a circle, and both are stretches of it.
fn divided(counter: &Counter, test: &Test, operands: [Operand; 2], start: u64) -> Option<u64> {
    if counter.width != test.width {
        return None;
    }
    let (bits, mask) = match counter.width {
        Width::W32 => (32, u128::from(u32::MAX)),
        Width::W64 => (64, u128::from(u64::MAX)),
    };
    let (size, half) = (1u128 << bits, 1u128 << (bits - 1));
    // The first test: the counter on the left, the constant on the right, and whether operands were
    // exchanged.
    let first = |operand: Operand| u128::from(operand.of(start, counter.step_from(start))) & mask;
    let (value, bound, exchanged) = match operands {
        [x @ (Operand::Before | Operand::After), Operand::Constant(c)] => {
            (first(x), u128::from(c) & mask, false)
        }
        [Operand::Constant(c), x @ (Operand::Before | Operand::After)] => {
            (first(x), u128::from(c) & mask, true)
        }
        _ => return None,
    };
    // The stretch with which the comparison holds: from a value, and how many there are.
    let (low, bound_from_low) = match test.compare {
        Compare::LtS | Compare::LeS => (half, (bound + size - half) & mask),
        _ => (0, bound),
    };
    let (from, count) = match (test.compare, exchanged) {
        (Compare::Eq | Compare::Ne, _) => (bound, 1),
        (Compare::LtU | Compare::LtS, false) => (low, bound_from_low),
        (Compare::LeU | Compare::LeS, false) => (low, bound_from_low + 1),
        (Compare::LtU | Compare::LtS, true) => ((bound + 1) & mask, size - 1 - bound_from_low),
        (Compare::LeU | Compare::LeS, true) => (bound, size - bound_from_low),
    };
    let goes_on = (test.compare != Compare::Ne) == test.on;
    let (from, count) = if goes_on { (from, count) } else { ((from + count) & mask, size - count) };
    // Where in the stretch the first test is, in the direction of the step.
    let at = (value + size - from) & mask;
    if at >= count {
        return Some(1);
    }
    let step = u128::from(counter.step) & mask;
    let (left, step) = if step < half { (count - at, step) } else { (at + 1, size - step) };
    if step == 0 || count == size {
        return Some(u64::MAX);
    }
    let steps_over = step > size - count && left % step != 0;
    (!steps_over).then(|| u64::try_from(1 + left.div_ceil(step)).unwrap_or(u64::MAX))
}

/// What a counter may begin with, on one way into its loop.
#[derive(Clone, Copy)]
struct Start {
    /// The block before the loop.
    from: BlockId,
    /// The least and the most; the same for a constant.
    least: u64,
    most: u64,
}

/// A value that moves by a constant in each round.
struct Counter {
    param: Value,
    next: Value,
    step: u64,
    width: Width,
    starts: Vec<Start>,
}

impl Counter {
    /// By how much it goes down in each round, where it does.
    fn down(&self) -> Option<u64> {
        let step = match self.width {
            Width::W32 => i64::from(self.step as u32 as i32),
            Width::W64 => self.step as i64,
        };
        (step < 0).then(|| step.unsigned_abs())
    }

    fn step_from(&self, value: u64) -> u64 {
        match self.width {
            Width::W32 => u64::from((value as u32).wrapping_add(self.step as u32)),
            Width::W64 => value.wrapping_add(self.step),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ir::ENTRY;

    fn counter(width: Width, start: u64, step: u64) -> Counter {
        let start = Start { from: ENTRY, least: start, most: start };
        Counter { param: Value(0), next: Value(1), step, width, starts: vec![start] }
    }

    proptest! {
        /// The division gives what counting gives.
        #[test]
        fn a_division_gives_the_rounds(
            wide in any::<bool>(),
            start in prop_oneof![0u64..40, any::<u64>()],
            bound in prop_oneof![0u64..40, any::<u64>()],
            near in -40i64..40,
            step in -9i64..10,
            compare in prop_oneof![
                Just(Compare::Eq), Just(Compare::Ne), Just(Compare::LtS),
                Just(Compare::LtU), Just(Compare::LeS), Just(Compare::LeU),
            ],
            (on, exchanged, after, close) in any::<(bool, bool, bool, bool)>(),
        ) {
            let (width, mask) =
                if wide { (Width::W64, u64::MAX) } else { (Width::W32, u64::from(u32::MAX)) };
            let start = start & mask;
            let bound = if close { start.wrapping_add_signed(near) } else { bound } & mask;
            let counter = counter(width, start, step as u64 & mask);
            let test = Test { compare, width, args: [Value(2), Value(3)], on };
            let moving = if after { Operand::After } else { Operand::Before };
            let operands = match exchanged {
                false => [moving, Operand::Constant(bound)],
                true => [Operand::Constant(bound), moving],
            };
            let func = Func::new(0, 0, 0, 0);
            let mut loops = Loops {
                func: &func,
                order: &[],
                place: Vec::new(),
                into: Vec::new(),
                definitions: HashMap::new(),
                largest: Vec::new(),
                defined: Vec::new(),
                turns: 1000,
            };
            let counted = loops.counted(&counter, &test, operands, start);
            match (counted, divided(&counter, &test, operands, start)) {
                (Some(counted), Some(divided)) => prop_assert_eq!(counted, divided),
                // More turns than were counted.
                (None, Some(divided)) => prop_assert!(divided > 1000, "{}", divided),
                (_, None) => {}
            }
        }
    }
}
