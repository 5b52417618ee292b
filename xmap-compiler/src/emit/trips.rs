//! How often loops run, where constants decide it: a counter that starts at a constant, moves by a
//! constant and is compared with a constant once in each round.

use std::collections::HashMap;

use crate::ir::{Binary, BlockId, Compare, Edge, Func, Kind, Term, Value, Width};
use crate::opt::holds;

/// Rounds that are counted at most: a loop with more runs on fuel.
const MOST_ROUNDS: u64 = 1 << 22;

/// For each loop head with a constant number of rounds: how often it is entered at most, each time
/// that control comes to it from outside.
pub(super) fn trips(func: &Func, order: &[BlockId]) -> HashMap<BlockId, u64> {
    let mut place = vec![usize::MAX; func.blocks.len()];
    order.iter().enumerate().for_each(|(n, b)| place[b.0 as usize] = n);
    let mut definitions: HashMap<Value, (Kind, Vec<Value>)> = HashMap::new();
    for inst in order.iter().flat_map(|b| &func.at(*b).insts) {
        if let [result] = inst.results[..] {
            definitions.insert(result, (inst.kind, inst.args.clone()));
        }
    }
    let loops = Loops { func, order, place, definitions };
    order.iter().filter_map(|head| Some((*head, loops.rounds(*head)?))).collect()
}

struct Loops<'f> {
    func: &'f Func,
    order: &'f [BlockId],
    /// Each block's place in the order.
    place: Vec<usize>,
    definitions: HashMap<Value, (Kind, Vec<Value>)>,
}

/// What a round compares: the counter before or after its step, with a constant on one side.
struct Test {
    compare: Compare,
    width: Width,
    args: [Value; 2],
    /// Whether the loop goes on where the comparison holds.
    on: bool,
}

impl Loops<'_> {
    fn rounds(&self, head: BlockId) -> Option<u64> {
        let at = self.place[head.0 as usize];
        let (mut entries, mut back) = (Vec::new(), Vec::new());
        for (n, block) in self.order.iter().enumerate() {
            for edge in self.func.at(*block).term.edges().filter(|e| e.to == head) {
                if n >= at { back.push((*block, edge)) } else { entries.push(edge) }
            }
        }
        let [(latch, edge)] = back[..] else { return None };
        let tests = [self.test_at_end(latch, head), self.test_at_head(head, latch)];
        let params = &self.func.at(head).params;
        let counters = params.iter().enumerate().filter_map(|(n, p)| self.counter(n, *p, edge, &entries));
        let found = counters.flat_map(|counter| {
            tests.iter().flatten().filter_map(move |test| self.count(&counter, test)).collect::<Vec<_>>()
        });
        found.min()
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
        (inside(then) != inside(other)).then(|| Test {
            compare: *compare,
            width: *width,
            args: *args,
            on: inside(then),
        })
    }

    /// Whether a parameter of the head is a counter.
    fn counter(&self, n: usize, param: Value, back: &Edge, entries: &[&Edge]) -> Option<Counter> {
        let next = back.args[n];
        let (Kind::Binary(Binary::Add, width), args) = self.definitions.get(&next)? else { return None };
        let step = match args[..] {
            [a, b] if a == param => self.func.as_constant(b)?,
            _ => return None,
        };
        let start = |edge: &&Edge| self.func.as_constant(edge.args[n]);
        let starts: Option<Vec<u64>> = entries.iter().map(start).collect();
        Some(Counter { param, next, step, width: *width, starts: starts? })
    }

    /// The most rounds over all ways into the loop.
    fn count(&self, counter: &Counter, test: &Test) -> Option<u64> {
        let mut most = 0;
        for start in &counter.starts {
            let mut value = *start;
            let mut rounds = 0;
            loop {
                rounds += 1;
                if rounds > MOST_ROUNDS {
                    return None;
                }
                let next = match counter.width {
                    Width::W32 => u64::from((value as u32).wrapping_add(counter.step as u32)),
                    Width::W64 => value.wrapping_add(counter.step),
                };
                let operand = |v: Value| match self.func.as_constant(v) {
                    Some(bits) => Some(bits),
                    None if v == counter.param => Some(value),
                    None if v == counter.next => Some(next),
                    None => None,
                };
                let [x, y] = test.args;
                if holds(test.compare, test.width, operand(x)?, operand(y)?) != test.on {
                    break;
                }
                value = next;
            }
            most = most.max(rounds);
        }
        Some(most)
    }
}

/// A value that moves by a constant in each round.
struct Counter {
    param: Value,
    next: Value,
    step: u64,
    width: Width,
    starts: Vec<u64>,
}
