//! Passes over the intermediate form, one idea each. [`optimise`] runs them until nothing changes.

mod cfg;
mod dce;
mod fold;
mod inline;
mod layout;
mod params;
mod range;

pub use fold::{holds, opposite};
pub use inline::{Inlined, inline};
pub use range::largest_values;

use crate::Func;
use crate::work::{Exhausted, Phase};

/// The known ranges of a function's parameters: for each, the largest value that it can have.
pub type ParamRanges = Vec<u64>;

/// Rounds of the passes. Each round feeds the next; real functions are done after two or three.
const MAX_ROUNDS: usize = 8;

/// Simplifies one function until nothing changes.
///
/// # Errors
/// Where that takes more steps than the function may take.
pub fn optimise(func: &mut Func, ranges: &ParamRanges) -> Result<(), Exhausted> {
    func.work.begin(Phase::Simplifying);
    for _ in 0..MAX_ROUNDS {
        let mut changed = params::prune(func)?;
        changed |= fold::fold(func, ranges)?;
        changed |= cfg::simplify(func)?;
        changed |= dce::remove(func)?;
        if !changed {
            break;
        }
    }
    compact(func);
    func.renumber();
    Ok(())
}

/// Drops what lowering has made too much of, so that functions wait for their turn with what they need alone.
///
/// # Errors
/// As [`optimise`].
pub fn settle(func: &mut Func) -> Result<(), Exhausted> {
    func.work.begin(Phase::Simplifying);
    params::prune(func)?;
    dce::remove(func)?;
    compact(func);
    func.renumber();
    Ok(())
}

/// Drops blocks that control cannot reach, and puts the others in order.
fn compact(func: &mut Func) {
    layout::arrange(func);
    let order = func.order();
    let mut new_id = vec![None; func.blocks.len()];
    for (n, old) in order.iter().enumerate() {
        new_id[old.0 as usize] = Some(crate::BlockId(n as u32));
    }
    let mut blocks: Vec<_> = std::mem::take(&mut func.blocks).into_iter().map(Some).collect();
    for old in &order {
        let mut block = blocks[old.0 as usize].take().expect("the order names a block once");
        for edge in block.term.edges_mut() {
            edge.to = new_id[edge.to.0 as usize].expect("what a reachable block leads to is reachable");
        }
        func.blocks.push(block);
    }
    func.layout = (0..order.len() as u32).map(crate::BlockId).collect();
}
