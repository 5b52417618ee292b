//! Removes instructions and block parameters whose values nothing needs.

use crate::work::Exhausted;
use crate::{Func, Value};

use super::params::remove_params;

/// Returns whether anything changed.
pub(super) fn remove(func: &mut Func) -> Result<bool, Exhausted> {
    let (live, steps) = live(func);
    func.work.spend(steps)?;
    let is_live = |v: &Value| live[v.0 as usize];
    let mut changed = false;
    let mut keep: Vec<Vec<bool>> = Vec::with_capacity(func.blocks.len());
    for block in &mut func.blocks {
        block.insts.retain(|inst| {
            let keep = !inst.kind.is_pure() || inst.results.iter().any(is_live);
            changed |= !keep;
            keep
        });
        keep.push(block.params.iter().map(is_live).collect());
    }
    if keep.iter().any(|block| block.contains(&false)) {
        changed = true;
        remove_params(func, &keep)?;
    }
    Ok(changed)
}

/// What defines a value.
#[derive(Clone, Copy)]
enum Definition {
    /// Nothing that is reached: it is a parameter of the function, a constant, or dead.
    None,
    /// An instruction of a block.
    Inst(u32, u32),
    /// A parameter of a block.
    Param(u32, u32),
}

/// For each value, whether an effect or the way of control depends on it; and the steps that this took.
fn live(func: &Func) -> (Vec<bool>, usize) {
    let mut live = vec![false; func.values()];
    let mut definitions = vec![Definition::None; func.values()];
    let mut passed: Vec<Vec<&[Value]>> = vec![Vec::new(); func.blocks.len()];
    let mut work: Vec<Value> = Vec::new();
    for id in func.order() {
        let block = func.at(id);
        for (n, param) in block.params.iter().enumerate() {
            definitions[param.0 as usize] = Definition::Param(id.0, n as u32);
        }
        for (n, inst) in block.insts.iter().enumerate() {
            if !inst.kind.is_pure() {
                work.extend(&inst.args);
            }
            for result in &inst.results {
                definitions[result.0 as usize] = Definition::Inst(id.0, n as u32);
            }
        }
        work.extend(block.term.args());
        block.term.edges().for_each(|edge| passed[edge.to.0 as usize].push(&edge.args));
    }
    let mut steps = func.values() + func.blocks.len();
    while let Some(value) = work.pop() {
        steps += 1;
        if std::mem::replace(&mut live[value.0 as usize], true) {
            continue;
        }
        match definitions[value.0 as usize] {
            Definition::None => {}
            Definition::Inst(block, n) => work.extend(&func.blocks[block as usize].insts[n as usize].args),
            Definition::Param(block, n) => {
                work.extend(passed[block as usize].iter().map(|args| args[n as usize]));
            }
        }
    }
    (live, steps)
}
