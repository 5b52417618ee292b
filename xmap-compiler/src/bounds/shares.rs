//! What each op has of a bound: how often it stands on the path that takes the most instructions.
//!
//! The search for the longest path runs a second time, and keeps beside each sum how it came about. Its terms
//! share their parts, so that they are as many as the steps of the search, however often a loop goes round.

use std::cell::RefCell;

use super::calls::{Called, Calls};
use super::paths::longest;
use super::{Bound, Cost, Program, Unbounded, all_bounds};

/// An op's part of a call's bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The index of the op's first word in the code of all functions.
    pub at: u32,
    /// How often the op runs on the path.
    pub times: u64,
    /// The instructions of all these runs, without those of functions that the op calls.
    pub insns: u64,
}

/// The longest paths of all functions that have a bound.
#[derive(Clone, Debug)]
pub struct Shares {
    /// For each function, the steps of its path; none where it has no bound.
    paths: Vec<Option<Vec<Step>>>,
    /// For each function, the index of its first word.
    starts: Vec<u32>,
    /// The functions, callers before their callees.
    callers_first: Vec<usize>,
}

/// An op on the path of its function.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: u32,
    times: u64,
    /// Instructions of one run.
    insns: u64,
    callee: Option<usize>,
}

impl Shares {
    /// Finds the longest paths of a program.
    pub fn of(program: Program<'_>) -> Self {
        let calls = Calls::of(program);
        let all = all_bounds(program, &calls);
        let mut starts = Vec::with_capacity(program.functions.len());
        let mut start = 0;
        for function in program.functions {
            starts.push(start);
            start += function.code.len() as u32;
        }
        // The function that a call of a node takes longest in.
        let mut dearest: Vec<Option<usize>> = (0..calls.len()).map(Some).collect();
        let mut callers_first = Vec::new();
        for called in calls.callees_first() {
            match called {
                Called::Function(n) => callers_first.push(n),
                Called::Type(n, functions) => {
                    // Of equals the first.
                    let insns = |n: &usize| all[*n].map_or(0, |bound| bound.insns);
                    dearest[n] = functions.into_iter().rev().max_by_key(insns);
                }
                Called::Cycle(_) => {}
            }
        }
        callers_first.reverse();
        let path = |n| path(program, n, &calls, &all, &dearest).ok();
        Self { paths: (0..program.functions.len()).map(path).collect(), starts, callers_first }
    }

    /// The ops of the path that a call of a function takes at most, those of functions that it calls
    /// included, by their places; none where the function has no bound.
    pub fn of_call(&self, function: usize) -> Option<Vec<Share>> {
        self.paths.get(function)?.as_ref()?;
        let mut calls = vec![0u64; self.paths.len()];
        calls[function] = 1;
        let mut shares = Vec::new();
        for n in self.callers_first.iter().copied() {
            let Some(path) = self.paths[n].as_ref().filter(|_| calls[n] > 0) else { continue };
            for step in path {
                let times = step.times.saturating_mul(calls[n]);
                if let Some(callee) = step.callee {
                    calls[callee] = calls[callee].saturating_add(times);
                }
                let insns = step.insns.saturating_mul(times);
                shares.push(Share { at: self.starts[n] + step.at, times, insns });
            }
        }
        shares.sort_by_key(|share| share.at);
        Some(shares)
    }
}

/// The steps of a function's longest path, those that it does not take left out.
fn path(
    program: Program<'_>,
    number: usize,
    calls: &Calls,
    all: &[Result<Bound, Unbounded>],
    dearest: &[Option<usize>],
) -> Result<Vec<Step>, Unbounded> {
    all[number]?;
    let ops: Vec<_> = xmap_image::decode(&program.functions[number].code).collect();
    let terms = Terms(RefCell::new(vec![Term::Nothing]));
    let mut own = vec![0; ops.len()];
    let end = longest(program, number, calls, all, |n, bound, callee| {
        own[n] = bound.insns;
        let insns = bound.insns.saturating_add(callee.insns);
        Sum { insns, term: terms.add(Term::Op(n)), of: Some(&terms) }
    })?;
    let times = terms.times(end.term, ops.len());
    let step = |(n, times): (usize, u64)| {
        let (at, op, words) = ops[n];
        let callee = calls.called(op, words).and_then(|node| dearest[node]);
        Step { at: at as u32, times, insns: own[n], callee }
    };
    Ok(times.into_iter().enumerate().filter(|(_, times)| *times > 0).map(step).collect())
}

/// How a sum came about.
#[derive(Clone, Copy)]
enum Term {
    Nothing,
    Op(usize),
    Plus(usize, usize),
    Times(usize, u64),
}

/// The terms of a search. Each one's parts stand before it.
struct Terms(RefCell<Vec<Term>>);

impl Terms {
    fn add(&self, term: Term) -> usize {
        let mut terms = self.0.borrow_mut();
        terms.push(term);
        terms.len() - 1
    }

    /// Returns how often each op is in a term.
    fn times(&self, term: usize, ops: usize) -> Vec<u64> {
        let terms = self.0.borrow();
        let (mut weights, mut times) = (vec![0u64; terms.len()], vec![0; ops]);
        weights[term] = 1;
        for n in (0..=term).rev() {
            let weight = weights[n];
            let mut add = |to: usize, weight: u64| weights[to] = weights[to].saturating_add(weight);
            match terms[n] {
                Term::Nothing => {}
                Term::Op(op) => times[op] = weight.saturating_add(times[op]),
                Term::Plus(a, b) => {
                    add(a, weight);
                    add(b, weight);
                }
                Term::Times(a, rounds) => add(a, weight.saturating_mul(rounds)),
            }
        }
        times
    }
}

/// Instructions, and how their number came about.
#[derive(Clone, Copy)]
struct Sum<'t> {
    insns: u64,
    term: usize,
    of: Option<&'t Terms>,
}

impl Cost for Sum<'_> {
    const NOTHING: Self = Self { insns: 0, term: 0, of: None };

    fn plus(self, other: Self) -> Self {
        let of = match (self.of, other.of) {
            (None, _) => return other,
            (_, None) => return self,
            (Some(of), _) => of,
        };
        let insns = self.insns.saturating_add(other.insns);
        Self { insns, term: of.add(Term::Plus(self.term, other.term)), of: Some(of) }
    }

    fn times(self, n: u64) -> Self {
        match self.of {
            Some(of) if n > 0 => {
                let insns = self.insns.saturating_mul(n);
                Self { insns, term: of.add(Term::Times(self.term, n)), of: Some(of) }
            }
            _ => Self::NOTHING,
        }
    }

    fn most(self, other: Self) -> Self {
        if other.insns > self.insns { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use xmap_image::{Function, Op, Word};

    use super::*;

    fn function(code: Vec<Word>) -> Function {
        Function { frame: 8, params: 1, results: 0, code }
    }

    #[test]
    fn rounds_and_calls_multiply_and_the_shorter_way_has_nothing() {
        // if r1 goto far; copy; ret; far: [3 rounds: call callee]; ret
        let caller = function(vec![
            Op::BrIf.a16(1, 2),
            Op::Copy.abc(2, 1, 0),
            Op::Ret.abc(0, 0, 0),
            Op::Call.a16(2, 1),
            Op::BrIf.a16(1, -2i16 as u16),
            Op::Ret.abc(0, 0, 0),
        ]);
        let callee = function(vec![Op::Copy.abc(2, 1, 0), Op::Ret.abc(0, 0, 0)]);
        let functions = [caller, callee];
        let loops: [&[(u32, u64)]; 2] = [&[(3, 3)], &[]];
        let program = Program { functions: &functions, loops: &loops, ..Program::default() };
        let shares = Shares::of(program).of_call(0).expect("both have a bound");
        let times: Vec<_> = shares.iter().map(|share| (share.at, share.times)).collect();
        assert_eq!(times, [(0, 1), (3, 3), (4, 3), (5, 1), (6, 3), (7, 3)]);
        let sum: u64 = shares.iter().map(|share| share.insns).sum();
        assert_eq!(Ok(sum), super::super::bounds(program)[0].map(|bound| bound.insns));
    }

    #[test]
    fn what_has_no_bound_has_no_path() {
        let code = vec![Op::BrIf.a16(1, -1i16 as u16), Op::Ret.abc(0, 0, 0)];
        let functions = [function(code)];
        let shares = Shares::of(Program { functions: &functions, ..Program::default() });
        assert!(shares.of_call(0).is_none() && shares.of_call(7).is_none());
    }
}
