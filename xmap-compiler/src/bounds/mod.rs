//! How much a call can cost at most, read off the code that will run.
//!
//! A function without a way back and without recursion has a longest path. For it, three figures
//! are summed up: ops, AArch64 instructions (by the table in [`costs`]), and the fuel that the mapper will
//! charge. Everything else runs on the fuel of the manifest.

mod costs;
mod stack;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use xmap_image::{Field, Fields, Function, Op, Word, decode};

pub use costs::{CALL_INSNS, PARAM_INSNS, RESULT_INSNS, direct_insns, insns};
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
fn longest_path(
    function: &Function,
    loops: &[(u32, u64)],
    indirect: &Indirect,
    all: &[State],
) -> Option<Bound> {
    let ops: Vec<_> = decode(&function.code).collect();
    let mut paths = Paths { ops, loops, from: vec![Bound::default(); function.code.len() + 1] };
    let costs = paths.costs(indirect, all)?;
    paths.walk(&costs, 0..function.code.len(), None)?;
    let entered = Bound { ops: 0, insns: 0, fuel: function.code.len() as u64 };
    Some(paths.from[0].plus(entered))
}

/// The ops of a function, and the longest way from each to the end of the stretch that was walked last.
struct Paths<'f> {
    ops: Vec<(usize, Op, &'f [Word])>,
    loops: &'f [(u32, u64)],
    from: Vec<Bound>,
}

impl Paths<'_> {
    /// What each op costs by itself, with what it calls.
    fn costs(&self, indirect: &Indirect, all: &[State]) -> Option<Vec<Bound>> {
        let cost = |(at, op, words): &(usize, Op, &[Word])| {
            if has_no_bound(*op) {
                return None;
            }
            let back = targets(*at, *op, words).into_iter().map(|to| *at as i64 + 1 - to);
            let fuel = back.max().unwrap_or(0).max(0) as u64;
            let here = Bound { ops: 1, insns: insns(*op), fuel };
            let mut most = Bound::default();
            for callee in called(*op, words, indirect) {
                let State::Done(Some(callee)) = all[callee] else { return None };
                most = most.most(callee);
            }
            Some(here.plus(most))
        };
        self.ops.iter().map(cost).collect()
    }

    /// Finds the longest ways within a stretch, backwards. What leads out of it counts nothing, nor does
    /// what leads back to the head of the loop that it is: whoever asks adds that up.
    fn walk(&mut self, costs: &[Bound], stretch: Range<usize>, own: Option<usize>) -> Option<()> {
        let mut next = self.ops.partition_point(|(at, ..)| *at < stretch.end);
        while let Some(n) = next.checked_sub(1).filter(|n| self.ops[*n].0 >= stretch.start) {
            next = n;
            let (at, op, words) = self.ops[n];
            let mut behind = Bound::default();
            for target in targets(at, op, words) {
                let target = usize::try_from(target).ok()?;
                if target <= at && Some(target) != own {
                    // A loop that begins in this stretch: all of it at once.
                    next = self.inner_loop(costs, &stretch, own, target, n)?;
                    behind = Bound::default();
                    break;
                }
                if target > at && stretch.contains(&target) {
                    behind = behind.most(self.from[target]);
                }
            }
            if next != n {
                continue;
            }
            let on = at + words.len();
            if !op.ends_block() && stretch.contains(&on) {
                behind = behind.most(self.from[on]);
            }
            self.from[at] = costs[n].plus(behind);
        }
        Some(())
    }

    /// A loop from the op at `head` to its last op that leads back, `last`: its rounds, then the longest way
    /// on from any of its exits. Gives the number of its first op.
    fn inner_loop(
        &mut self,
        costs: &[Bound],
        stretch: &Range<usize>,
        own: Option<usize>,
        head: usize,
        last: usize,
    ) -> Option<usize> {
        let (last_at, _, last_words) = self.ops[last];
        let end = last_at + last_words.len();
        let rounds = self.loops.iter().find(|(at, _)| *at as usize == head)?.1;
        let first = self.ops.partition_point(|(at, ..)| *at < head);
        if head < stretch.start {
            return None;
        }
        let mut exits = Bound::default();
        for (at, op, words) in &self.ops[first..=last] {
            let on = (!op.ends_block()).then_some((at + words.len()) as i64);
            for target in targets(*at, *op, words).into_iter().chain(on) {
                let target = usize::try_from(target).ok()?;
                if target < head {
                    // Back to a loop around this one: that one's first op, or none that is known.
                    if Some(target) != own {
                        return None;
                    }
                } else if target >= end && stretch.contains(&target) {
                    exits = exits.most(self.from[target]);
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
        let round = self.from[head];
        let all = Bound {
            ops: round.ops.saturating_mul(rounds),
            insns: round.insns.saturating_mul(rounds),
            fuel: round.fuel.saturating_mul(rounds),
        };
        self.from[head] = all.plus(exits);
        Some(first)
    }
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
        assert_eq!(bounds(program)[0].map(|b| b.ops), Some(10 * 4 + 4));
    }
}
