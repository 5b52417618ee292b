//! Removes instructions and block parameters whose values nothing needs.

use crate::ir::{Func, Value};

use super::params::remove_params;

/// Whether anything changed.
pub(super) fn remove(func: &mut Func) -> bool {
    let live = live(func);
    let is_live = |v: &Value| live[v.0 as usize];
    let mut changed = false;
    for block in 0..func.blocks.len() {
        func.blocks[block].insts.retain(|inst| {
            let keep = !inst.kind.is_pure() || inst.results.iter().any(is_live);
            changed |= !keep;
            keep
        });
        let keep: Vec<bool> = func.blocks[block].params.iter().map(is_live).collect();
        if keep.contains(&false) {
            changed = true;
            remove_params(func, block, &keep);
        }
    }
    changed
}

/// For each value, whether an effect or the way of control depends on it.
fn live(func: &Func) -> Vec<bool> {
    let mut live = vec![false; func.values()];
    // For each value, the values that it is made of.
    let mut made_of: Vec<Vec<Value>> = vec![Vec::new(); func.values()];
    let mut work: Vec<Value> = Vec::new();
    for id in func.order() {
        let block = func.at(id);
        for inst in &block.insts {
            if !inst.kind.is_pure() {
                work.extend(&inst.args);
            }
            for result in &inst.results {
                made_of[result.0 as usize].extend(&inst.args);
            }
        }
        work.extend(block.term.args());
        for edge in block.term.edges() {
            for (param, arg) in func.at(edge.to).params.iter().zip(&edge.args) {
                made_of[param.0 as usize].push(*arg);
            }
        }
    }
    while let Some(value) = work.pop() {
        if !std::mem::replace(&mut live[value.0 as usize], true) {
            work.extend(&made_of[value.0 as usize]);
        }
    }
    live
}
