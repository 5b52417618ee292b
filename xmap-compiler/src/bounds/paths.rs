//! The longest path through a function, loops with a constant number of rounds included.
//!
//! A loop whose head is reached `n` times goes round `n - 1` times at most, and is left once: by its test,
//! wherever that stands, or from its middle. What a round costs and what leaving costs are two figures. A trap in
//! the middle of either costs no more than going on would.

use std::ops::Range;

use xmap_image::{Field, Fields, Function, Op, Word, decode};

use super::{Bound, Indirect, State, called, insns, log_insns, text};

/// Ops whose length only a call knows.
fn has_no_bound(op: Op) -> bool {
    matches!(
        op,
        Op::TableGrow
            | Op::TableFill
            | Op::TableCopy
            | Op::TableInit
            | Op::MemoryCopy
            | Op::MemoryFill
            | Op::MemoryInit
            | Op::MemoryGrow
    )
}

/// The longest path from a function's entry to a return; none where a way back has no bound.
pub(super) fn longest_path(
    function: &Function,
    loops: &[(u32, u64)],
    indirect: &Indirect,
    all: &[State],
) -> Option<Bound> {
    let ops: Vec<_> = decode(&function.code).collect();
    let mut paths = Paths { ops, loops, from: vec![Ways::default(); function.code.len() + 1] };
    let costs = paths.costs(indirect, all)?;
    paths.walk(&costs, 0..function.code.len(), None)?;
    let entered = Bound { ops: 0, insns: 0, fuel: function.code.len() as u64 };
    Some(paths.from[0].end?.plus(entered))
}

/// The longest ways on from an op, within the stretch that is walked; none where there is none of that kind.
#[derive(Clone, Copy, Default)]
struct Ways {
    /// To the head of the loop that the stretch is.
    again: Option<Bound>,
    /// To an op outside the stretch, which is not counted.
    out: Option<Bound>,
    /// To the function's end.
    end: Option<Bound>,
}

impl Ways {
    const AGAIN: Ways = Ways { again: Some(NOTHING), out: None, end: None };
    const OUT: Ways = Ways { again: None, out: Some(NOTHING), end: None };
    const END: Ways = Ways { again: None, out: None, end: Some(NOTHING) };

    /// Any of either.
    fn or(self, other: Ways) -> Ways {
        let most = |a: Option<Bound>, b: Option<Bound>| match (a, b) {
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
    fn behind(self, bound: Bound) -> Ways {
        let plus = |way: Option<Bound>| way.map(|way| way.plus(bound));
        Ways { again: plus(self.again), out: plus(self.out), end: plus(self.end) }
    }
}

const NOTHING: Bound = Bound { ops: 0, insns: 0, fuel: 0 };

/// The ops of a function, and the ways from each in the innermost stretch that it is in.
struct Paths<'f> {
    ops: Vec<(usize, Op, &'f [Word])>,
    loops: &'f [(u32, u64)],
    from: Vec<Ways>,
}

impl Paths<'_> {
    /// What each op costs by itself, with what it calls.
    fn costs(&self, indirect: &Indirect, all: &[State]) -> Option<Vec<Bound>> {
        let texts = text::lengths(&self.ops);
        let cost = |(n, (at, op, words)): (usize, &(usize, Op, &[Word]))| {
            if has_no_bound(*op) {
                return None;
            }
            let back = targets(*at, *op, words).into_iter().map(|to| *at as i64 + 1 - to);
            let fuel = back.max().unwrap_or(0).max(0) as u64;
            let insns = texts.get(&n).map_or_else(|| insns(*op), |len| log_insns(*len));
            let here = Bound { ops: 1, insns, fuel };
            let mut most = Bound::default();
            for callee in called(*op, words, indirect) {
                let State::Done(Some(callee)) = all[callee] else { return None };
                most = most.most(callee);
            }
            Some(here.plus(most))
        };
        self.ops.iter().enumerate().map(cost).collect()
    }

    /// Finds the longest ways within a stretch, backwards. `own` is its first op where it is a loop.
    fn walk(&mut self, costs: &[Bound], stretch: Range<usize>, own: Option<usize>) -> Option<()> {
        let mut next = self.ops.partition_point(|(at, ..)| *at < stretch.end);
        'ops: while let Some(n) = next.checked_sub(1).filter(|n| self.ops[*n].0 >= stretch.start) {
            next = n;
            let (at, op, words) = self.ops[n];
            let mut ways = Ways::default();
            for target in self.goes_on(n)? {
                if target > at {
                    ways = ways.or(self.ways_at(target, &stretch));
                } else if Some(target) == own {
                    ways = ways.or(Ways::AGAIN);
                } else {
                    // A loop that begins in this stretch: all of it at once.
                    next = self.inner_loop(costs, &stretch, target, n)?;
                    continue 'ops;
                }
            }
            if op.ends_block() && targets(at, op, words).is_empty() {
                ways = Ways::END;
            }
            self.from[at] = ways.behind(costs[n]);
        }
        Some(())
    }

    /// Where control may be behind an op.
    fn goes_on(&self, n: usize) -> Option<Vec<usize>> {
        let (at, op, words) = self.ops[n];
        let on = (!op.ends_block()).then_some((at + words.len()) as i64);
        targets(at, op, words).into_iter().chain(on).map(|target| usize::try_from(target).ok()).collect()
    }

    /// The ways from an op that may be outside.
    fn ways_at(&self, target: usize, stretch: &Range<usize>) -> Ways {
        if stretch.contains(&target) { self.from[target] } else { Ways::OUT }
    }

    /// A loop from the op at `head` to its last op that leads back, `last`: its rounds, then the longest ways
    /// on from any of its exits. Gives the number of its first op.
    fn inner_loop(
        &mut self,
        costs: &[Bound],
        stretch: &Range<usize>,
        head: usize,
        last: usize,
    ) -> Option<usize> {
        let (last_at, _, last_words) = self.ops[last];
        let end = last_at + last_words.len();
        let reached = self.loops.iter().find(|(at, _)| *at as usize == head)?.1;
        let first = self.ops.partition_point(|(at, ..)| *at < head);
        if head < stretch.start {
            return None;
        }
        let mut exits = Ways::default();
        for n in first..=last {
            for target in self.goes_on(n)? {
                if target < head {
                    // Back to a loop around this one.
                    return None;
                }
                if target >= end {
                    exits = exits.or(self.ways_at(target, stretch));
                }
            }
        }
        // Nothing but its head is entered from outside.
        for (n, (at, op, words)) in self.ops.iter().enumerate() {
            let outside = n < first || n > last;
            let inside = |target: &i64| *target > head as i64 && *target < end as i64;
            if outside && targets(*at, *op, words).iter().any(inside) {
                return None;
            }
        }
        self.walk(costs, head..end, Some(head))?;
        let Ways { again, out, end } = self.from[head];
        let rounds = again.unwrap_or_default().times(reached.saturating_sub(1));
        let left = out.map_or(Ways::default(), |out| exits.behind(out));
        self.from[head] = left.or(Ways { end, ..Ways::default() }).behind(rounds);
        Some(first)
    }
}

/// The words that an op may branch to.
pub(super) fn targets(at: usize, op: Op, words: &[Word]) -> Vec<i64> {
    let first = words[0] as i32;
    let offsets = match op.shape().fields {
        Fields::Off24 => vec![first >> 8],
        Fields::Off16(_) => vec![first >> 16],
        Fields::Abc(_, _, Field::Off8) => vec![first >> 24],
        Fields::Abc(_, _, Field::Back8) => vec![-((words[0] >> 24) as i32)],
        Fields::Targets(_) => words[1..].iter().map(|w| *w as i32).collect(),
        _ => Vec::new(),
    };
    offsets.into_iter().map(|offset| at as i64 + 1 + i64::from(offset)).collect()
}
