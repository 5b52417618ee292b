//! Simplifies the way of control: decided branches, blocks that only lead on, blocks with one way in.

use super::fold::holds;
use crate::ir::{Block, BlockId, Compare, ENTRY, Edge, Func, Term, Value, Width};

/// Whether anything changed.
pub(super) fn simplify(func: &mut Func) -> bool {
    let mut changed = false;
    for block in func.order() {
        changed |= decide(func, block);
    }
    changed |= thread(func);
    changed |= merge(func);
    changed
}

/// A terminator whose targets are one, or whose number is known.
fn decide(func: &mut Func, block: BlockId) -> bool {
    let new = match &func.at(block).term {
        Term::Branch { then, other, .. } if then == other => Term::Jump(then.clone()),
        Term::Table { index, targets } => {
            let default = targets.last().expect("a table has a default");
            if let Some(index) = func.as_constant(*index) {
                Term::Jump(targets.get(index as usize).unwrap_or(default).clone())
            } else if targets.iter().all(|t| t == default) {
                Term::Jump(default.clone())
            } else if let [zero, other] = &targets[..] {
                let (index, then, other) = (*index, zero.clone(), other.clone());
                let zero = func.constant(0);
                Term::Branch { compare: Compare::Eq, width: Width::W32, args: [index, zero], then, other }
            } else {
                return false;
            }
        }
        _ => return false,
    };
    func.at_mut(block).term = new;
    true
}

/// Lets edges to a block that has no instructions go where it leads.
fn thread(func: &mut Func) -> bool {
    let used_outside = params_used_elsewhere(func);
    let mut changed = false;
    for from in func.order() {
        let mut term = func.at(from).term.clone();
        let mut new = false;
        for edge in term.edges_mut() {
            // Chains are followed a few steps; a loop of empty blocks stays one.
            for _ in 0..8 {
                let to = func.at(edge.to);
                if !to.insts.is_empty() || used_outside[edge.to.0 as usize] {
                    break;
                }
                let Some(next) = leads_to(func, to, &edge.args).filter(|next| next.to != edge.to) else {
                    break;
                };
                *edge = substitute_edge(next, &to.params, &edge.args);
                new = true;
            }
        }
        if let Term::Jump(edge) = &term {
            let to = func.at(edge.to);
            // The end of a function is as short as the way there.
            let short = match &to.term {
                Term::Return(values) => values.len() <= 1,
                Term::Unreachable => true,
                _ => false,
            };
            if short && to.insts.is_empty() && !used_outside[edge.to.0 as usize] {
                let mut end = to.term.clone();
                let args = edge.args.clone();
                end.args_mut().iter_mut().for_each(|v| *v = substitute(*v, &to.params, &args));
                let offset = to.term_offset;
                func.at_mut(from).term_offset = offset;
                term = end;
                new = true;
            }
        }
        if new {
            changed = true;
            func.at_mut(from).term = term;
        }
    }
    changed
}

/// Where a block without instructions leads when it is entered with these values, if that is known.
fn leads_to<'f>(func: &Func, block: &'f Block, args: &[Value]) -> Option<&'f Edge> {
    let constant = |v: Value| func.as_constant(substitute(v, &block.params, args));
    match &block.term {
        Term::Jump(next) => Some(next),
        Term::Branch { compare, width, args: [x, y], then, other } => {
            Some(if holds(*compare, *width, constant(*x)?, constant(*y)?) { then } else { other })
        }
        Term::Table { index, targets } => {
            let index = constant(*index)? as usize;
            targets.get(index).or(targets.last())
        }
        Term::Return(_) | Term::Unreachable => None,
    }
}

fn substitute(value: Value, params: &[Value], args: &[Value]) -> Value {
    params.iter().position(|p| *p == value).map_or(value, |n| args[n])
}

fn substitute_edge(edge: &Edge, params: &[Value], args: &[Value]) -> Edge {
    Edge { to: edge.to, args: edge.args.iter().map(|v| substitute(*v, params, args)).collect() }
}

/// For each block, whether another block reads its parameters.
fn params_used_elsewhere(func: &Func) -> Vec<bool> {
    let mut home: Vec<Option<u32>> = vec![None; func.values()];
    for (n, block) in func.blocks.iter().enumerate() {
        block.params.iter().for_each(|p| home[p.0 as usize] = Some(n as u32));
    }
    let mut used = vec![false; func.blocks.len()];
    for id in func.order() {
        let block = func.at(id);
        let mut use_of = |value: &Value| {
            if let Some(home) = home[value.0 as usize].filter(|home| *home != id.0) {
                used[home as usize] = true;
            }
        };
        block.insts.iter().flat_map(|i| &i.args).for_each(&mut use_of);
        block.term.args().iter().for_each(&mut use_of);
        block.term.edges().flat_map(|e| &e.args).for_each(&mut use_of);
    }
    used
}

/// Joins a block to the only one that leads to it, where that one leads nowhere else.
fn merge(func: &mut Func) -> bool {
    let mut changed = false;
    loop {
        let predecessors = func.predecessors();
        // What each parameter of a block that was joined stands for.
        let mut is: Vec<Value> = (0..func.values() as u32).map(Value).collect();
        let mut joined = vec![false; func.blocks.len()];
        let mut again = false;
        for from in func.order() {
            if joined[from.0 as usize] {
                continue;
            }
            while let Term::Jump(edge) = &func.at(from).term {
                let (to, args) = (edge.to, edge.args.clone());
                let single = predecessors[to.0 as usize].len() == 1;
                if !single || to == ENTRY || to == from || joined[to.0 as usize] {
                    break;
                }
                joined[to.0 as usize] = true;
                again = true;
                let block = func.at_mut(to);
                let params = std::mem::take(&mut block.params);
                let insts = std::mem::take(&mut block.insts);
                let (term, offset) = (block.term.clone(), block.term_offset);
                block.term = Term::Unreachable;
                for (param, arg) in params.iter().zip(args) {
                    is[param.0 as usize] = arg;
                }
                let block = func.at_mut(from);
                block.insts.extend(insts);
                block.term = term;
                block.term_offset = offset;
            }
        }
        if !again {
            break;
        }
        changed = true;
        func.replace_uses(|mut v| {
            while is[v.0 as usize] != v {
                v = is[v.0 as usize];
            }
            v
        });
    }
    changed
}
