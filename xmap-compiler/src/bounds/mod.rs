//! How much a call can cost at most, read off the code that will run.
//!
//! A function without loops and without recursion has a longest path, and so has one whose loops have a
//! constant number of rounds. For it, three figures are summed up: ops, instructions of the board's processor
//! (by the board's own table, [`xmap_boards::Costs`]), and the fuel that the mapper will charge. Everything
//! else runs on the fuel of the manifest, and [`Unbounded`] says why.

mod buses;
mod calls;
mod lengths;
mod paths;
mod shares;
mod stack;

use std::collections::HashSet;

use calls::{Called, Calls};
use paths::longest_path;
use xmap_boards::{BoardId, Costs};
use xmap_image::{Function, decode};

pub(crate) use buses::BusTimes;
pub use shares::{Share, Shares};
pub use stack::stack_slots;

/// Why a function has no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A loop without a constant number of rounds.
    Loop,
    /// A function calls itself, directly or through others.
    Recursion,
    /// Loops nest deeper than bounds are worked out.
    Nested,
}

/// The place at which the search for a bound ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbounded {
    /// The function with the loop or the call.
    pub function: usize,
    /// The first word of an op there: the last one that leads back in the loop, or the call.
    pub at: Option<u32>,
    /// The reason.
    pub why: Why,
}

/// The most that a call can cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bound {
    /// Ops.
    pub ops: u64,
    /// Instructions of the board's processor.
    pub insns: u64,
    /// Words of code that fuel is charged for.
    pub fuel: u64,
    /// Microseconds of transfers on buses, each with the longest that it can take.
    pub bus_us: u64,
}

/// A cost that paths are compared by.
trait Cost: Copy {
    const NOTHING: Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, n: u64) -> Self;
    fn most(self, other: Self) -> Self;
}

impl Cost for Bound {
    const NOTHING: Self = Self { ops: 0, insns: 0, fuel: 0, bus_us: 0 };

    fn plus(self, other: Self) -> Self {
        Self {
            ops: self.ops.saturating_add(other.ops),
            insns: self.insns.saturating_add(other.insns),
            fuel: self.fuel.saturating_add(other.fuel),
            bus_us: self.bus_us.saturating_add(other.bus_us),
        }
    }

    fn times(self, n: u64) -> Self {
        Self {
            ops: self.ops.saturating_mul(n),
            insns: self.insns.saturating_mul(n),
            fuel: self.fuel.saturating_mul(n),
            bus_us: self.bus_us.saturating_mul(n),
        }
    }

    /// The larger of each figure: paths differ in what they cost most of.
    fn most(self, other: Self) -> Self {
        Self {
            ops: self.ops.max(other.ops),
            insns: self.insns.max(other.insns),
            fuel: self.fuel.max(other.fuel),
            bus_us: self.bus_us.max(other.bus_us),
        }
    }
}

/// The program that bounds are read off.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// The costs of ops on the board.
    pub costs: &'static Costs,
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
    /// Bytes that the memory can grow to.
    pub memory_bytes: u64,
    /// Slots for globals, references and the lengths of passive segments.
    pub slots: u64,
    /// What transfers take at most.
    pub buses: &'a BusTimes,
}

static NO_BUSES: BusTimes = BusTimes::NONE;

impl Default for Program<'_> {
    fn default() -> Self {
        Self {
            costs: BoardId::Rpi4b.costs(),
            functions: &[],
            types: &[],
            items: &[],
            globals: &[],
            loops: &[],
            memory_bytes: 0,
            slots: 0,
            buses: &NO_BUSES,
        }
    }
}

/// The bound of each function of an image, entering it included.
pub fn bounds(program: Program<'_>) -> Vec<Result<Bound, Unbounded>> {
    let mut all = all_bounds(program, &Calls::of(program));
    all.truncate(program.functions.len());
    all
}

/// The bound of each function, and of each type of indirect calls.
fn all_bounds(program: Program<'_>, calls: &Calls) -> Vec<Result<Bound, Unbounded>> {
    let mut all = vec![Ok(Bound::default()); calls.len()];
    for called in calls.callees_first() {
        match called {
            Called::Function(n) => all[n] = longest_path(program, n, calls, &all),
            Called::Type(n, functions) => {
                let most = |most: Bound, n: usize| Ok(most.most(all[n]?));
                all[n] = functions.into_iter().try_fold(Bound::default(), most);
            }
            Called::Cycle(nodes) => {
                let unbounded = recursion(program, calls, &nodes);
                nodes.into_iter().for_each(|n| all[n] = Err(unbounded));
            }
        }
    }
    all
}

/// A call by which functions call themselves.
fn recursion(program: Program<'_>, calls: &Calls, nodes: &[usize]) -> Unbounded {
    let cycle: HashSet<usize> = nodes.iter().copied().collect();
    let of = |n: usize| {
        let code = &program.functions.get(n)?.code;
        let mut calls = decode(code)
            .filter(|(_, op, words)| calls.called(*op, words).is_some_and(|callee| cycle.contains(&callee)));
        calls.next().map(|(at, ..)| (n, at as u32))
    };
    let first = nodes.iter().filter_map(|n| of(*n)).min();
    let (function, at) = first.map_or((0, None), |(function, at)| (function, Some(at)));
    Unbounded { function, at, why: Why::Recursion }
}

#[cfg(test)]
mod tests {
    use xmap_image::{I2cRow, Op, SpiRow, Word};

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
        let loops = Unbounded { function: 0, at: Some(0), why: Why::Loop };
        assert_eq!(bounds(Program { functions: &[function(code)], ..Program::default() }), [Err(loops)]);
    }

    #[test]
    fn a_call_costs_what_the_callee_costs() {
        let caller = function(vec![Op::Call.a16(2, 1), Op::Call.a16(2, 1), Op::Ret.abc(0, 0, 0)]);
        let callee = function(vec![Op::Copy.abc(2, 1, 0), Op::Ret.abc(0, 0, 0)]);
        let all = bounds(Program { functions: &[caller, callee], ..Program::default() });
        assert_eq!(all[0].map(|b| (b.ops, b.fuel)), Ok((3 + 4, 3 + 4)));
    }

    #[test]
    fn recursion_has_no_bound_and_neither_have_its_callers() {
        let caller = function(vec![Op::Call.a16(2, 1), Op::Ret.abc(0, 0, 0)]);
        let odd = function(vec![Op::Call.a16(2, 2), Op::Ret.abc(0, 0, 0)]);
        let even = function(vec![Op::Call.a16(2, 1), Op::Ret.abc(0, 0, 0)]);
        let recursion = Err(Unbounded { function: 1, at: Some(0), why: Why::Recursion });
        assert_eq!(bounds(Program { functions: &[caller, odd, even], ..Program::default() }), [recursion; 3]);
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
        assert_eq!(bounds(program), [Err(Unbounded { function: 0, at: Some(3), why: Why::Loop })]);
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
        assert_eq!(bounds(program)[0].map(|b| b.ops), Ok(9 * 4 + 1 + 4));
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
        assert_eq!(bounds(program)[0].map(|b| b.ops), Ok(9 * 3 + 3 + 2));
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
        assert_eq!(bounds(program)[0].map(|b| b.ops), Ok(9 * 3 + 2 + 2));
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
        assert_eq!(bounds(program)[0].map(|b| b.ops), Ok(2 * (1 + (3 * 3 + 1) + 2) + 1 + 1));
    }

    #[test]
    fn a_way_back_on_no_cycle_is_no_loop() {
        // if r1 goto far; near: copy; ret; far: copy; br near -- what follows stands in front
        let code = vec![
            Op::BrIf.a16(1, 2),
            Op::Copy.abc(2, 1, 0),
            Op::Ret.abc(0, 0, 0),
            Op::Copy.abc(3, 1, 0),
            Op::Br.a24(-4),
        ];
        let bound = bounds(Program { functions: &[function(code)], ..Program::default() })[0];
        assert_eq!(bound.map(|b| (b.ops, b.fuel)), Ok((5, 5 + 4)));
    }

    #[test]
    fn what_stands_within_a_loop_and_leads_out_is_no_part_of_it() {
        // head: if r1 goto on; copy; copy; copy; ret; on: br head
        let code = vec![
            Op::BrIf.a16(1, 4),
            Op::Copy.abc(2, 1, 0),
            Op::Copy.abc(2, 1, 0),
            Op::Copy.abc(2, 1, 0),
            Op::Ret.abc(0, 0, 0),
            Op::Br.a24(-6),
        ];
        let loops: &[(u32, u64)] = &[(0, 10)];
        let program = Program { functions: &[function(code)], loops: &[loops], ..Program::default() };
        assert_eq!(bounds(program)[0].map(|b| b.ops), Ok(9 * 2 + 1 + 4));
    }

    #[test]
    fn a_loop_with_two_ways_in_has_no_bound() {
        // if r1 goto b; a: copy; b: if r2 goto a; ret
        let code = vec![
            Op::BrIf.a16(1, 1),
            Op::Copy.abc(3, 1, 0),
            Op::BrIf.a16(2, -2i16 as u16),
            Op::Ret.abc(0, 0, 0),
        ];
        let loops: &[(u32, u64)] = &[(1, 10)];
        let program = Program { functions: &[function(code)], loops: &[loops], ..Program::default() };
        assert_eq!(bounds(program), [Err(Unbounded { function: 0, at: Some(2), why: Why::Loop })]);
    }

    #[test]
    fn a_length_that_is_not_known_is_the_memorys() {
        let copy =
            |count: u8| vec![Op::Const32.a16(3, 64), Op::MemoryCopy.abc(1, 2, count), Op::Ret.abc(0, 0, 0)];
        let functions = [function(copy(3)), function(copy(4))];
        let program = Program { functions: &functions, memory_bytes: 65_536, ..Program::default() };
        let fuel: Vec<_> = bounds(program).into_iter().map(|bound| bound.map(|b| b.fuel)).collect();
        assert_eq!(fuel, [Ok(3 + 64 / 16), Ok(3 + 65_536 / 16)]);
    }

    #[test]
    fn a_transfer_takes_the_longest_that_its_device_can() {
        let call = Op::HostCall.abc(1, xmap_abi::HostFunction::I2cWriteRead as u8, 0);
        let rows =
            [I2cRow::new(1, 0x48, 400_000, [1, 2], 1_000), I2cRow::new(1, 0x50, 100_000, [8, 8], 9_000)];
        let buses = BusTimes::of_rows(&rows, &[SpiRow::new([0; 3], 1_000_000, 4, 700)], &[]);
        // The device stands behind the base.
        let known = |index| vec![Op::Const32.a16(2, index), call, call, Op::Ret.abc(0, 0, 0)];
        let functions = [function(known(0)), function(known(1)), function(vec![call, Op::Ret.abc(0, 0, 0)])];
        let program = Program { functions: &functions, buses: &buses, ..Program::default() };
        let bus_us: Vec<_> = bounds(program).into_iter().map(|bound| bound.unwrap().bus_us).collect();
        let [temp, memory] = [1_000 + 30, 9_000 + 120];
        // The first call writes its result where the device stood.
        assert_eq!(bus_us, [temp + memory, 2 * memory, memory]);
        let call = Op::HostCall.abc(1, xmap_abi::HostFunction::SpiTransfer as u8, 0);
        let functions = [function(vec![call, Op::Ret.abc(0, 0, 0)])];
        let program = Program { functions: &functions, buses: &buses, ..Program::default() };
        assert_eq!(bounds(program)[0].unwrap().bus_us, 700);
    }

    #[test]
    fn loops_that_nest_too_deep_end_the_search() {
        let depth = 200;
        let mut code: Vec<_> = (0..depth).map(|_| Op::Copy.abc(2, 1, 0)).collect();
        let back = |n: i16| Op::BrIf.a16(1, -(2 * n + 2) as u16);
        code.extend((0..depth).map(back));
        code.push(Op::Ret.abc(0, 0, 0));
        let loops: Vec<(u32, u64)> = (0..depth as u32).map(|at| (at, 1)).collect();
        let program = Program { functions: &[function(code)], loops: &[&loops], ..Program::default() };
        assert!(matches!(bounds(program)[..], [Err(Unbounded { why: Why::Nested, .. })]));
    }
}
