//! How much a call can cost at most, read off the code that will run.
//!
//! A function without a way back and without recursion has a longest path. For it, three figures
//! are summed up: ops, AArch64 instructions (by the table in [`costs`]), and the fuel that the mapper will
//! charge. Everything else runs on the fuel of the manifest.

mod costs;

use xmap_image::{Field, Fields, Function, Op, Word, decode};

pub use costs::{CALL_INSNS, DIRECT_INSNS, insns};

/// The most that a call can cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bound {
    /// Ops.
    pub ops: u64,
    /// AArch64 instructions.
    pub insns: u64,
    /// Words of code that fuel is charged for.
    pub fuel: u64,
}

impl Bound {
    fn plus(self, other: Bound) -> Bound {
        Bound {
            ops: self.ops.saturating_add(other.ops),
            insns: self.insns.saturating_add(other.insns),
            fuel: self.fuel.saturating_add(other.fuel),
        }
    }

    /// The larger of each figure: paths differ in what they cost most of.
    fn most(self, other: Bound) -> Bound {
        Bound {
            ops: self.ops.max(other.ops),
            insns: self.insns.max(other.insns),
            fuel: self.fuel.max(other.fuel),
        }
    }
}

/// The bound of each function of an image, entering it included; none where it has no static bound.
pub fn bounds(functions: &[Function]) -> Vec<Option<Bound>> {
    let mut all = vec![State::Unknown; functions.len()];
    for (n, _) in functions.iter().enumerate() {
        visit(functions, &mut all, n);
    }
    all.into_iter()
        .map(|state| match state {
            State::Done(bound) => bound,
            State::Unknown | State::Active => unreachable!("every function was visited"),
        })
        .collect()
}

#[derive(Clone, Copy)]
enum State {
    Unknown,
    Active,
    Done(Option<Bound>),
}

fn visit(functions: &[Function], all: &mut [State], first: usize) {
    // Callees first, without recursion of our own: a module can nest calls as deep as it likes.
    let mut stack = vec![first];
    while let Some(n) = stack.last().copied() {
        match all[n] {
            State::Done(_) => _ = stack.pop(),
            State::Unknown => {
                all[n] = State::Active;
                let unknown = |c: &usize| matches!(all[*c], State::Unknown);
                let callees: Vec<usize> = callees(&functions[n]).filter(unknown).collect();
                stack.extend(callees);
            }
            // A callee that is still active calls itself in the end.
            State::Active => {
                all[n] = State::Done(longest_path(&functions[n], all));
                stack.pop();
            }
        }
    }
}

fn callees(function: &Function) -> impl Iterator<Item = usize> {
    decode(&function.code).filter(|(_, op, _)| *op == Op::Call).map(|(_, _, words)| (words[0] >> 16) as usize)
}

/// The longest path from a function's entry to a return; none where there is a way back.
fn longest_path(function: &Function, all: &[State]) -> Option<Bound> {
    let code = &function.code;
    let ops: Vec<_> = decode(code).collect();
    let mut from = vec![Bound::default(); code.len() + 1];
    for (at, op, words) in ops.into_iter().rev() {
        let mut here = Bound { ops: 1, insns: insns(op), fuel: 0 };
        if op == Op::Call {
            let State::Done(Some(callee)) = all[(words[0] >> 16) as usize] else { return None };
            here = here.plus(callee);
        }
        let mut behind = Bound::default();
        for target in targets(at, op, words) {
            if target <= at as i64 {
                return None;
            }
            behind = behind.most(from[target as usize]);
        }
        if !op.ends_block() {
            behind = behind.most(from[at + words.len()]);
        }
        from[at] = here.plus(behind);
    }
    let entered = Bound { ops: 0, insns: 0, fuel: code.len() as u64 };
    Some(from[0].plus(entered))
}

/// The words that an op may branch to.
fn targets(at: usize, op: Op, words: &[Word]) -> Vec<i64> {
    let first = words[0] as i32;
    let offsets = match op.shape().fields {
        Fields::Off24 => vec![first >> 8],
        Fields::Off16(_) => vec![first >> 16],
        Fields::Abc(_, _, Field::Off8) => vec![first >> 24],
        Fields::Targets(_) => words[1..].iter().map(|w| *w as i32).collect(),
        _ => Vec::new(),
    };
    offsets.into_iter().map(|offset| at as i64 + 1 + i64::from(offset)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(code: Vec<Word>) -> Function {
        Function { frame: 8, params: 1, results: 0, code }
    }

    #[test]
    fn the_longer_way_counts() {
        // if r1 == 0 goto end; copy; copy; end: ret
        let code =
            vec![Op::BrIfz.a16(1, 2), Op::Copy.abc(2, 1, 0), Op::Copy.abc(3, 1, 0), Op::Ret.abc(0, 0, 0)];
        let bound = bounds(&[function(code)])[0].expect("there is no way back");
        assert_eq!((bound.ops, bound.fuel), (4, 4));
    }

    #[test]
    fn a_way_back_has_no_bound() {
        let code = vec![Op::BrIf.a16(1, -1i16 as u16), Op::Ret.abc(0, 0, 0)];
        assert_eq!(bounds(&[function(code)]), [None]);
    }

    #[test]
    fn a_call_costs_what_the_callee_costs() {
        let caller = function(vec![Op::Call.a16(2, 1), Op::Call.a16(2, 1), Op::Ret.abc(0, 0, 0)]);
        let callee = function(vec![Op::Copy.abc(2, 1, 0), Op::Ret.abc(0, 0, 0)]);
        let all = bounds(&[caller, callee]);
        assert_eq!(all[0].map(|b| (b.ops, b.fuel)), Some((3 + 4, 3 + 4)));
    }

    #[test]
    fn recursion_has_no_bound_and_neither_have_its_callers() {
        let caller = function(vec![Op::Call.a16(2, 1), Op::Ret.abc(0, 0, 0)]);
        let odd = function(vec![Op::Call.a16(2, 2), Op::Ret.abc(0, 0, 0)]);
        let even = function(vec![Op::Call.a16(2, 1), Op::Ret.abc(0, 0, 0)]);
        assert_eq!(bounds(&[caller, odd, even]), [None, None, None]);
    }
}
