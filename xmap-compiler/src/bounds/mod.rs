//! How much a call can cost at most, read off the code that will run.
//!
//! A function without a way back and without recursion has a longest path. For it, three figures
//! are summed up: ops, AArch64 instructions (by the table in [`costs`]), and the fuel that the mapper will
//! charge. Everything else runs on the fuel of the manifest.

mod costs;

use std::collections::{BTreeSet, HashMap};

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

/// What the bounds are read off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Program<'a> {
    /// The functions of an image.
    pub functions: &'a [Function],
    /// The type of each, where there are indirect calls.
    pub types: &'a [u16],
    /// What stands in tables: function numbers.
    pub items: &'a [u16],
    /// The initial values of globals: each may be a reference.
    pub globals: &'a [u64],
}

/// The bound of each function of an image, entering it included; none where it has no static bound.
pub fn bounds(program: Program<'_>) -> Vec<Option<Bound>> {
    let indirect = indirect(program);
    let functions = program.functions;
    let mut all = vec![State::Unknown; functions.len()];
    for (n, _) in functions.iter().enumerate() {
        visit(functions, &indirect, &mut all, n);
    }
    all.into_iter()
        .map(|state| match state {
            State::Done(bound) => bound,
            State::Unknown | State::Active => unreachable!("every function was visited"),
        })
        .collect()
}

/// For each function type, the functions that an indirect call of it may reach.
type Indirect = HashMap<u32, Vec<usize>>;

/// An indirect call reaches what stands in a table: what an element segment puts there, or what code
/// makes a reference to, or what a global holds.
fn indirect(program: Program<'_>) -> Indirect {
    let made = program
        .functions
        .iter()
        .flat_map(|f| decode(&f.code))
        .filter_map(|(_, op, words)| (op == Op::RefFunc).then_some((words[0] >> 16) as usize));
    let held = program.globals.iter().filter_map(|g| usize::try_from(g.checked_sub(1)?).ok());
    let reachable: BTreeSet<usize> =
        program.items.iter().map(|i| usize::from(*i)).chain(made).chain(held).collect();
    let mut indirect = Indirect::new();
    for n in reachable {
        if let Some(ty) = program.types.get(n) {
            indirect.entry(u32::from(*ty)).or_default().push(n);
        }
    }
    indirect
}

#[derive(Clone, Copy)]
enum State {
    Unknown,
    Active,
    Done(Option<Bound>),
}

fn visit(functions: &[Function], indirect: &Indirect, all: &mut [State], first: usize) {
    // Callees first, without recursion of our own: a module can nest calls as deep as it likes.
    let mut stack = vec![first];
    while let Some(n) = stack.last().copied() {
        match all[n] {
            State::Done(_) => _ = stack.pop(),
            State::Unknown => {
                all[n] = State::Active;
                let unknown = |c: &usize| matches!(all[*c], State::Unknown);
                let callees: Vec<usize> = callees(&functions[n], indirect).filter(unknown).collect();
                stack.extend(callees);
            }
            // A callee that is still active calls itself in the end.
            State::Active => {
                all[n] = State::Done(longest_path(&functions[n], indirect, all));
                stack.pop();
            }
        }
    }
}

fn callees<'f>(function: &'f Function, indirect: &'f Indirect) -> impl Iterator<Item = usize> + 'f {
    decode(&function.code).flat_map(|(_, op, words)| called(op, words, indirect))
}

/// The functions that an op may go on in.
fn called(op: Op, words: &[Word], indirect: &Indirect) -> Vec<usize> {
    match op {
        Op::Call => vec![(words[0] >> 16) as usize],
        Op::CallIndirect => indirect.get(&words[1]).cloned().unwrap_or_default(),
        _ => Vec::new(),
    }
}

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

/// The longest path from a function's entry to a return; none where there is a way back.
fn longest_path(function: &Function, indirect: &Indirect, all: &[State]) -> Option<Bound> {
    let code = &function.code;
    let ops: Vec<_> = decode(code).collect();
    let mut from = vec![Bound::default(); code.len() + 1];
    for (at, op, words) in ops.into_iter().rev() {
        let mut here = Bound { ops: 1, insns: insns(op), fuel: 0 };
        if has_no_bound(op) {
            return None;
        }
        let mut most = Bound::default();
        for callee in called(op, words, indirect) {
            let State::Done(Some(callee)) = all[callee] else { return None };
            most = most.most(callee);
        }
        here = here.plus(most);
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
        let bound = bounds(Program { functions: &[function(code)], ..Program::default() })[0]
            .expect("there is no way back");
        assert_eq!((bound.ops, bound.fuel), (4, 4));
    }

    #[test]
    fn a_way_back_has_no_bound() {
        let code = vec![Op::BrIf.a16(1, -1i16 as u16), Op::Ret.abc(0, 0, 0)];
        assert_eq!(bounds(Program { functions: &[function(code)], ..Program::default() }), [None]);
    }

    #[test]
    fn a_call_costs_what_the_callee_costs() {
        let caller = function(vec![Op::Call.a16(2, 1), Op::Call.a16(2, 1), Op::Ret.abc(0, 0, 0)]);
        let callee = function(vec![Op::Copy.abc(2, 1, 0), Op::Ret.abc(0, 0, 0)]);
        let all = bounds(Program { functions: &[caller, callee], ..Program::default() });
        assert_eq!(all[0].map(|b| (b.ops, b.fuel)), Some((3 + 4, 3 + 4)));
    }

    #[test]
    fn recursion_has_no_bound_and_neither_have_its_callers() {
        let caller = function(vec![Op::Call.a16(2, 1), Op::Ret.abc(0, 0, 0)]);
        let odd = function(vec![Op::Call.a16(2, 2), Op::Ret.abc(0, 0, 0)]);
        let even = function(vec![Op::Call.a16(2, 1), Op::Ret.abc(0, 0, 0)]);
        assert_eq!(
            bounds(Program { functions: &[caller, odd, even], ..Program::default() }),
            [None, None, None]
        );
    }
}
