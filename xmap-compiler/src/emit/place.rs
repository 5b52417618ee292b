//! Gives registers to classes of values, and to each call its window.
//!
//! A call's window begins right above the values that outlive the call; so each call has a base of its own.
//! Values that outlive a call are placed first, then all bases are known. Arguments and results are placed
//! where the callee has them, and results of the function where its caller wants them, where that is free.

use super::liveness::{Range, STEP};
use super::registers::{Classes, Registers, overlap, unite};
use super::select::{Callee, End, Machine, Selected};
use crate::ir::Value;
use crate::work::Exhausted;

/// Where a class would like to be.
#[derive(Clone, Copy)]
enum Wish {
    /// Where the results of the function leave.
    Register(usize),
    /// A parameter or a result of a call, counted from zero.
    Window { call: usize, n: usize, result: bool },
}

/// A value that outlives calls is not placed in the window of an earlier one above this register: each that
/// is takes the place of the call's link, too.
const MOST_IN_WINDOW: usize = 64;

/// Registers that are tried: a function that needs more has to spill in any case.
const MOST_TRIED: usize = 512;

/// The calls of a function, in the order of the code.
struct Calls {
    positions: Vec<u32>,
    /// How many registers each passes in or out at most.
    passed: Vec<usize>,
    /// The lowest register that the window of each may begin at: a host call has no link, which takes one.
    lowest: Vec<usize>,
    /// For each class, where it would like to be, those in the innermost loops first.
    wishes: Vec<Vec<Wish>>,
}

impl Calls {
    fn of(selected: &Selected, starts: &[u32], classes: &Classes) -> Self {
        let mut calls =
            Self { positions: Vec::new(), passed: Vec::new(), lowest: Vec::new(), wishes: Vec::new() };
        let mut wishes: Vec<Vec<(u32, Wish)>> = vec![Vec::new(); classes.count()];
        for (block, start) in selected.blocks.iter().zip(starts) {
            for (k, inst) in block.insts.iter().enumerate() {
                let Machine::Call { callee, args, results } = &inst.what else { continue };
                let call = calls.positions.len();
                calls.positions.push(start + STEP * (k as u32 + 1));
                calls.passed.push(args.len().max(results.len()));
                calls.lowest.push(if matches!(callee, Callee::Host(_)) { 0 } else { 1 });
                for (values, result) in [(args, false), (results, true)] {
                    for (n, v) in values.iter().enumerate() {
                        wishes[classes.root(*v)].push((block.depth, Wish::Window { call, n, result }));
                    }
                }
            }
            if let End::Return(values) = &block.end {
                for (n, v) in values.iter().enumerate() {
                    wishes[classes.root(*v)].push((block.depth, Wish::Register(n + 1)));
                }
            }
        }
        for mut of_class in wishes {
            of_class.sort_by_key(|(depth, _)| std::cmp::Reverse(*depth));
            calls.wishes.push(of_class.into_iter().map(|(_, wish)| wish).collect());
        }
        calls
    }

    /// The calls that a class outlives: it is alive before they read their arguments and after they have left
    /// their results.
    fn outlived<'c>(&'c self, ranges: &'c [Range]) -> impl Iterator<Item = usize> + 'c {
        ranges.iter().flat_map(|(from, to)| {
            let first = self.positions.partition_point(|p| p < from);
            let end = self.positions.partition_point(|p| p + 1 < *to);
            first..end
        })
    }
}

/// Gives registers, or says how many the function would need, where that is more than there are.
///
/// # Errors
/// A function that takes more steps than it may.
pub(super) fn place(
    selected: &mut Selected,
    starts: &[u32],
    classes: &Classes,
) -> Result<Result<Registers, usize>, Exhausted> {
    let calls = Calls::of(selected, starts, classes);
    let mut roots = classes.roots();
    let outlives = |root: usize| calls.outlived(&classes.ranges[root]).next().is_some();
    roots.sort_by_cached_key(|n| (classes.fixed[*n].is_none(), !outlives(*n), classes.ranges[*n][0]));
    // For each register, when a value stands there.
    let mut taken: Vec<Vec<Range>> = vec![Vec::new(); selected.params.len() + 1];
    let mut bases = calls.lowest.clone();
    let mut register = vec![0usize; classes.count()];
    for root in roots {
        let ranges = &classes.ranges[root];
        let is_free = |n: &usize| taken.get(*n).is_none_or(|there| !overlap(there, ranges));
        let outlives = outlives(root);
        let wished = calls.wishes[root].iter().filter_map(|wish| match *wish {
            Wish::Register(n) => Some(n),
            // Where the windows of later calls are is not known yet.
            Wish::Window { result: false, .. } if outlives => None,
            Wish::Window { call, n, .. } => {
                Some(bases[call] + 1 + n).filter(|n| !outlives || *n <= MOST_IN_WINDOW)
            }
        });
        let mut tried = 1;
        let chosen = classes.fixed[root]
            .or_else(|| wished.into_iter().inspect(|_| tried += 1).find(is_free))
            .or_else(|| (1..MOST_TRIED).find(|n| is_free(n)));
        let Some(chosen) = chosen else { return Ok(Err(MOST_TRIED)) };
        selected.work.spend((tried + chosen) * ranges.len())?;
        if chosen >= taken.len() {
            taken.resize(chosen + 1, Vec::new());
        }
        unite(&mut taken[chosen], ranges.clone());
        register[root] = chosen;
        for call in calls.outlived(ranges) {
            selected.work.spend(1)?;
            bases[call] = bases[call].max(chosen + 1);
        }
    }
    let windows = bases.iter().zip(&calls.passed).map(|(base, passed)| base + passed + 1);
    let frame = windows.max().unwrap_or(0).max(taken.len());
    // One more for the cycles of moves.
    if frame + 1 > xmap_image::limits::MAX_FRAME {
        return Ok(Err(frame));
    }
    let of = (0..classes.count() as u32).map(|v| register[classes.root(Value(v))] as u8).collect();
    Ok(Ok(Registers { of, bases: bases.into_iter().map(|base| base as u8).collect(), frame: frame as u8 }))
}
