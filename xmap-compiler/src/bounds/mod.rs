//! How much a call can cost at most, read off the code that will run.
//!
//! A function without a way back and without recursion has a longest path. For it, three figures
//! are summed up: ops, AArch64 instructions (by the table in [`costs`]), and the fuel that the mapper will
//! charge. Everything else runs on the fuel of the manifest.

mod costs;
mod paths;
mod stack;
mod text;

use std::collections::{BTreeSet, HashMap};

use paths::longest_path;
use xmap_image::{Function, Op, Word, decode};

pub use costs::{CALL_INSNS, PARAM_INSNS, RESULT_INSNS, TEXT_BYTE_INSNS, TEXT_INSNS, direct_insns, insns};
pub use stack::stack_slots;

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

    fn times(self, n: u64) -> Bound {
        Bound {
            ops: self.ops.saturating_mul(n),
            insns: self.insns.saturating_mul(n),
            fuel: self.fuel.saturating_mul(n),
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

/// Instructions of `log.message` with a text of so many bytes.
pub fn log_insns(len: u32) -> u64 {
    TEXT_INSNS + TEXT_BYTE_INSNS * u64::from(len)
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
    /// For each function, its loops with a constant number of rounds: the index of the first word,
    /// and how often control comes there at most for each time that it enters the loop.
    pub loops: &'a [&'a [(u32, u64)]],
}

/// The bound of each function of an image, entering it included; none where it has no static bound.
pub fn bounds(program: Program<'_>) -> Vec<Option<Bound>> {
    let indirect = indirect(program);
    let functions = program.functions;
    let mut all = vec![State::Unknown; functions.len()];
    for (n, _) in functions.iter().enumerate() {
        visit(program, &indirect, &mut all, n);
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

fn visit(program: Program<'_>, indirect: &Indirect, all: &mut [State], first: usize) {
    let functions = program.functions;
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
                all[n] = State::Done({
                    let loops = program.loops.get(n).copied().unwrap_or_default();
                    longest_path(&functions[n], loops, indirect, all)
                });
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

    /// `[2 rounds: r1; [3 rounds: r2]]`, as `for` loops with their test at the end.
    fn nested() -> Function {
        function(vec![
            Op::Const32.a16(1, 2),
            Op::Const32.a16(2, 3),
            Op::AddI32.abc(2, 2, -1i8 as u8),
            Op::BrIf.a16(2, -2i16 as u16),
            Op::AddI32.abc(1, 1, -1i8 as u8),
            Op::BrIf.a16(1, -5i16 as u16),
            Op::Ret.abc(0, 0, 0),
        ])
    }

    #[test]
    fn rounds_multiply() {
        let loops: &[(u32, u64)] = &[(1, 2), (2, 3)];
        let program = Program { functions: &[nested()], loops: &[loops], ..Program::default() };
        let bound = bounds(program)[0].expect("both loops have their rounds");
        assert_eq!(bound.ops, 1 + 2 * (1 + 3 * 2 + 2) + 1);
        // Entering, and the distances of all ways back.
        assert!(bound.fuel >= 7 + 2 * (3 * 2 + 5), "{bound:?}");
    }

    #[test]
    fn a_loop_of_one_op_has_its_rounds() {
        let count = Op::BrAddI32.abc(1, -1i8 as u8, 1);
        let code = vec![Op::Const32.a16(1, 3), count, Op::Ret.abc(0, 0, 0)];
        let loops: &[(u32, u64)] = &[(1, 3)];
        let program = Program { functions: &[function(code)], loops: &[loops], ..Program::default() };
        let bound = bounds(program)[0].expect("the loop has its rounds");
        assert_eq!((bound.ops, bound.fuel), (1 + 3 + 1, 3 + 3));
    }

    #[test]
    fn a_loop_without_rounds_has_no_bound_even_inside_one_that_has() {
        let loops: &[(u32, u64)] = &[(1, 2)];
        let program = Program { functions: &[nested()], loops: &[loops], ..Program::default() };
        assert_eq!(bounds(program), [None]);
    }

    #[test]
    fn what_follows_a_loop_that_is_left_in_its_middle_counts() {
        // head: if r1 goto out; copy; copy; br head; out: copy; copy; copy; ret
        let code = vec![
            Op::BrIf.a16(1, 3),
            Op::Copy.abc(2, 1, 0),
            Op::Copy.abc(2, 1, 0),
            Op::Br.a24(-4),
            Op::Copy.abc(2, 1, 0),
            Op::Copy.abc(2, 1, 0),
            Op::Copy.abc(2, 1, 0),
            Op::Ret.abc(0, 0, 0),
        ];
        let loops: &[(u32, u64)] = &[(0, 10)];
        let program = Program { functions: &[function(code)], loops: &[loops], ..Program::default() };
        // Nine rounds, the last test, and what is behind the loop.
        assert_eq!(bounds(program)[0].map(|b| b.ops), Some(9 * 4 + 1 + 4));
    }

    #[test]
    fn a_loop_that_is_left_at_both_ends_counts_the_dearer_one() {
        // head: if r1 goto out; copy; if r1 goto head; copy; out: ret
        let code = vec![
            Op::BrIf.a16(1, 3),
            Op::Copy.abc(2, 1, 0),
            Op::BrIf.a16(1, -3i16 as u16),
            Op::Copy.abc(2, 1, 0),
            Op::Ret.abc(0, 0, 0),
        ];
        let loops: &[(u32, u64)] = &[(0, 10)];
        let program = Program { functions: &[function(code)], loops: &[loops], ..Program::default() };
        assert_eq!(bounds(program)[0].map(|b| b.ops), Some(9 * 3 + 3 + 2));
    }

    #[test]
    fn a_return_within_a_loop_ends_it() {
        // head: if r1 goto end; copy; br head; end: copy; ret -- with a return in the middle
        let code = vec![
            Op::BrIf.a16(1, 4),
            Op::BrIf.a16(2, 1),
            Op::Br.a24(-3),
            Op::Copy.abc(2, 1, 0),
            Op::Ret.abc(0, 0, 0),
            Op::Ret.abc(0, 0, 0),
        ];
        let loops: &[(u32, u64)] = &[(0, 10)];
        let program = Program { functions: &[function(code)], loops: &[loops], ..Program::default() };
        // The dearer way out is that in the middle.
        assert_eq!(bounds(program)[0].map(|b| b.ops), Some(9 * 3 + 2 + 2));
    }

    #[test]
    fn loops_within_loops_are_left_by_their_heads() {
        // outer: if r1 goto end; inner: if r2 goto next; copy; br inner; next: copy; br outer; end: ret
        let code = vec![
            Op::BrIf.a16(1, 5),
            Op::BrIf.a16(2, 2),
            Op::Copy.abc(2, 1, 0),
            Op::Br.a24(-3),
            Op::Copy.abc(3, 1, 0),
            Op::Br.a24(-6),
            Op::Ret.abc(0, 0, 0),
        ];
        let loops: &[(u32, u64)] = &[(0, 3), (1, 4)];
        let program = Program { functions: &[function(code)], loops: &[loops], ..Program::default() };
        assert_eq!(bounds(program)[0].map(|b| b.ops), Some(2 * (1 + (3 * 3 + 1) + 2) + 1 + 1));
    }
}
