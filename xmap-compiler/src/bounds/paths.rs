//! The longest path through a function, loops with a constant number of rounds included.
//!
//! Ops and where each goes on are a graph; its cycles are loops, wherever their ops stand. A loop whose head
//! is reached `n` times goes round `n - 1` times at most, and is left once: by its test, wherever that
//! stands, or from its middle. The cost of a round and the cost of leaving are two figures. A trap in the
//! middle of either costs no more than going on would.

use xmap_image::{Function, Op, Word, branch_targets, decode};

use super::calls::Calls;
use super::lengths::{self, Length};
use super::{Bound, Cost, Program, Unbounded, Why};
use crate::graph::components;

/// How deep loops may nest: with two rounds each, more than these take more fuel than a call can have.
const MOST_NESTED: usize = 64;

/// The longest path from a function's entry to a return. `all` are the bounds of the functions that it calls.
pub(super) fn longest_path(
    program: Program<'_>,
    number: usize,
    calls: &Calls,
    all: &[Result<Bound, Unbounded>],
) -> Result<Bound, Unbounded> {
    let entered = Bound { fuel: program.functions[number].code.len() as u64, ..Bound::NOTHING };
    let end = longest(program, number, calls, all, |_, own, callee| own.plus(callee))?;
    Ok(end.plus(entered))
}

/// The longest path by any kind of cost. `cost` is given an op's number in the function, what the op takes by
/// itself, and the bound of what it calls.
pub(super) fn longest<C: Cost>(
    program: Program<'_>,
    number: usize,
    calls: &Calls,
    all: &[Result<Bound, Unbounded>],
    cost: impl FnMut(usize, Bound, Bound) -> C,
) -> Result<C, Unbounded> {
    let function = &program.functions[number];
    let mut paths = Paths::new(function, number, program.loops.get(number).copied().unwrap_or_default());
    let nodes = paths.reachable();
    paths.add_costs(&nodes, program, calls, all, cost)?;
    paths.walk(&nodes, None, 0)?;
    let end = paths.from.first().and_then(|ways| ways.end);
    // What never ends has no rounds, and came to no end of this kind before.
    end.ok_or(Unbounded { function: number, at: None, why: Why::Loop })
}

/// The longest ways on from an op, within the region that is walked; none where there is none of that kind.
#[derive(Clone, Copy)]
struct Ways<C> {
    /// To the head of the loop that the region is.
    again: Option<C>,
    /// To an op outside the region, which is not counted.
    out: Option<C>,
    /// To the function's end.
    end: Option<C>,
}

impl<C: Cost> Ways<C> {
    const NONE: Self = Self { again: None, out: None, end: None };
    const AGAIN: Self = Self { again: Some(C::NOTHING), ..Self::NONE };
    const OUT: Self = Self { out: Some(C::NOTHING), ..Self::NONE };
    const END: Self = Self { end: Some(C::NOTHING), ..Self::NONE };

    /// Any of either.
    fn or(self, other: Self) -> Self {
        let most = |a: Option<C>, b: Option<C>| match (a, b) {
            (Some(a), Some(b)) => Some(a.most(b)),
            (a, b) => a.or(b),
        };
        Ways {
            again: most(self.again, other.again),
            out: most(self.out, other.out),
            end: most(self.end, other.end),
        }
    }

    /// All of them, behind this.
    fn behind(self, cost: C) -> Self {
        let plus = |way: Option<C>| way.map(|way| way.plus(cost));
        Ways { again: plus(self.again), out: plus(self.out), end: plus(self.end) }
    }
}

/// The ops of a function as a graph, and the ways from each in the innermost region that it is in.
struct Paths<'f, C> {
    /// The function's number, for what has no bound.
    number: usize,
    loops: &'f [(u32, u64)],
    ops: Vec<(usize, Op, &'f [Word])>,
    /// The ops that each op goes on to.
    next: Vec<Vec<usize>>,
    costs: Vec<C>,
    from: Vec<Ways<C>>,
    /// For each op, its place among the nodes of the region that was walked last.
    places: Vec<usize>,
}

impl<'f, C: Cost> Paths<'f, C> {
    fn new(function: &'f Function, number: usize, loops: &'f [(u32, u64)]) -> Self {
        let ops: Vec<_> = decode(&function.code).collect();
        let find = |word: i64| {
            let word = usize::try_from(word).ok()?;
            ops.binary_search_by_key(&word, |(at, ..)| *at).ok()
        };
        let next = |(at, op, words): &(usize, Op, &[Word])| -> Vec<usize> {
            let on = (!op.ends_block()).then_some((at + words.len()) as i64);
            // Verification has shown that there is an op at each of them.
            branch_targets(*at, *op, words).chain(on).filter_map(find).collect()
        };
        Self {
            number,
            loops,
            next: ops.iter().map(next).collect(),
            costs: vec![C::NOTHING; ops.len()],
            from: vec![Ways::NONE; ops.len()],
            places: vec![0; ops.len()],
            ops,
        }
    }

    /// The ops that control can reach, in their order.
    fn reachable(&self) -> Vec<usize> {
        let mut seen = vec![false; self.ops.len()];
        let mut stack = Vec::from_iter((!self.ops.is_empty()).then_some(0));
        while let Some(n) = stack.pop() {
            if !std::mem::replace(&mut seen[n], true) {
                stack.extend(&self.next[n]);
            }
        }
        (0..self.ops.len()).filter(|n| seen[*n]).collect()
    }

    /// Notes the cost of each op, with what it calls.
    fn add_costs(
        &mut self,
        nodes: &[usize],
        program: Program<'_>,
        calls: &Calls,
        all: &[Result<Bound, Unbounded>],
        mut cost: impl FnMut(usize, Bound, Bound) -> C,
    ) -> Result<(), Unbounded> {
        const NOTHING: Bound = Bound::NOTHING;
        let lengths = lengths::lengths(&self.ops);
        for n in nodes {
            let (at, op, words) = self.ops[*n];
            let back = branch_targets(at, op, words).map(|to| at as i64 + 1 - to);
            let fuel = back.max().unwrap_or(0).max(0) as u64;
            let length = lengths.get(n).copied();
            let (costs, insns) = (program.costs, program.costs.op(op as u8));
            let more = match Length::of(op, words[0]) {
                Some(what @ Length::Text) => {
                    let insns = length.map_or(insns, |len| costs.text + costs.text_byte * u64::from(len));
                    what.cost(program, length).plus(Bound { ops: 1, insns, ..NOTHING })
                }
                Some(what) => what.cost(program, length).plus(Bound { ops: 1, insns, ..NOTHING }),
                None => Bound { ops: 1, insns, fuel, bus_us: 0 },
            };
            let callee = calls.called(op, words).map_or(Ok(NOTHING), |callee| all[callee])?;
            self.costs[*n] = cost(*n, more, callee);
        }
        Ok(())
    }

    /// Finds the longest ways from each node of a region: from a whole function, or from a loop with its
    /// head.
    fn walk(&mut self, nodes: &[usize], head: Option<usize>, depth: usize) -> Result<(), Unbounded> {
        for (place, n) in nodes.iter().enumerate() {
            self.places[*n] = place;
        }
        // Where each node goes on within the region, but for the way back to its head; and what leaves it.
        let mut graph = vec![Vec::new(); nodes.len()];
        let mut leaves = vec![Ways::<C>::NONE; nodes.len()];
        for (place, n) in nodes.iter().enumerate() {
            for to in &self.next[*n] {
                let there = self.places[*to];
                if Some(*to) == head {
                    leaves[place] = leaves[place].or(Ways::AGAIN);
                } else if nodes.get(there) == Some(to) {
                    graph[place].push(there);
                } else {
                    leaves[place] = leaves[place].or(Ways::OUT);
                }
            }
            if self.next[*n].is_empty() {
                leaves[place] = Ways::END;
            }
        }
        let components = components(&graph);
        let mut component_of = vec![0; nodes.len()];
        for (number, component) in components.iter().enumerate() {
            component.iter().for_each(|place| component_of[*place] = number);
        }
        let heads = heads(&graph, &component_of, head.map_or(0, |head| self.places[head]));
        for (number, mut component) in components.into_iter().enumerate().rev() {
            let inside = |place: &usize| component_of[*place] == number;
            // The ways behind the component.
            let mut ways = Ways::NONE;
            for place in &component {
                ways = ways.or(leaves[*place]);
                let on = graph[*place].iter().filter(|place| !inside(place));
                ways = on.fold(ways, |ways, on| ways.or(self.from[nodes[*on]]));
            }
            if let [place] = component[..]
                && !graph[place].contains(&place)
            {
                let n = nodes[place];
                self.from[n] = ways.behind(self.costs[n]);
                continue;
            }
            component.sort_unstable();
            let all: Vec<usize> = component.iter().map(|place| nodes[*place]).collect();
            let head = heads[number].map(|place| nodes[place]);
            let rounds = head.and_then(|head| Some((head, self.rounds(head)?)));
            let (head, rounds) = rounds.ok_or_else(|| self.unbounded(&all, head, Why::Loop))?;
            if depth == MOST_NESTED {
                return Err(self.unbounded(&all, Some(head), Why::Nested));
            }
            self.walk(&all, Some(head), depth + 1)?;
            // A return ends the cycle, so it is behind the loop.
            let Ways { again, out, .. } = self.from[head];
            let rounds = again.unwrap_or(C::NOTHING).times(rounds.saturating_sub(1));
            self.from[head] = out.map_or(Ways::NONE, |out| ways.behind(out.plus(rounds)));
        }
        Ok(())
    }

    /// Returns how often control comes to a loop's head at most, each time that it enters the loop.
    fn rounds(&self, head: usize) -> Option<u64> {
        let at = self.ops[head].0;
        self.loops.iter().find(|(word, _)| *word as usize == at).map(|(_, rounds)| *rounds)
    }

    /// A loop without a bound, with the last op that leads back in it.
    fn unbounded(&self, nodes: &[usize], head: Option<usize>, why: Why) -> Unbounded {
        let leads_back =
            |n: &&usize| self.next[**n].iter().any(|to| head.map_or(to <= n, |head| *to == head));
        let last = nodes.iter().rev().find(leads_back);
        let at = last.map(|n| self.ops[*n].0 as u32);
        Unbounded { function: self.number, at, why }
    }
}

/// For each component of a region, the node at which it is entered from others; none where there are
/// several, so that it has no head. `begin` is where control comes into the region.
fn heads(graph: &[Vec<usize>], component_of: &[usize], begin: usize) -> Vec<Option<usize>> {
    let mut entries: Vec<Vec<usize>> = vec![Vec::new(); component_of.len()];
    let mut enter = |place: usize| {
        let entries = &mut entries[component_of[place]];
        if entries.len() < 2 && !entries.contains(&place) {
            entries.push(place);
        }
    };
    enter(begin);
    for (from, next) in graph.iter().enumerate() {
        next.iter().filter(|to| component_of[**to] != component_of[from]).for_each(|to| enter(*to));
    }
    entries.into_iter().map(|entries| if let [one] = entries[..] { Some(one) } else { None }).collect()
}
