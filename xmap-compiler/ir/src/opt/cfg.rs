//! Simplifies the way of control: decided branches, blocks that only lead on, blocks with one way in.

use super::fold::holds;
use crate::work::Exhausted;
use crate::{Block, BlockId, Compare, ENTRY, Edge, Func, Term, Value, Width};

/// Returns whether anything changed.
pub(super) fn simplify(func: &mut Func) -> Result<bool, Exhausted> {
    let mut changed = false;
    for block in func.order() {
        changed |= decide(func, block);
    }
    changed |= thread(func)?;
    changed |= merge(func)?;
    Ok(changed)
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
fn thread(func: &mut Func) -> Result<bool, Exhausted> {
    let homes = Homes::of(func);
    let mut changed = false;
    for from in func.order() {
        let mut term = func.at(from).term.clone();
        let mut new = false;
        let mut steps = 1;
        for edge in term.edges_mut() {
            steps += 1 + edge.args.len();
            // Chains are followed a few steps; a loop of empty blocks stays one.
            for _ in 0..8 {
                let to = func.at(edge.to);
                if !to.insts.is_empty() || homes.used_outside[edge.to.0 as usize] {
                    break;
                }
                let Some(next) = leads_to(func, to, &homes, edge).filter(|next| next.to != edge.to) else {
                    break;
                };
                steps += 1 + next.args.len();
                let args = next.args.iter().map(|v| homes.substitute(*v, edge)).collect();
                *edge = Edge { to: next.to, args };
                new = true;
            }
        }
        func.work.spend(steps)?;
        if let Term::Jump(edge) = &term {
            let to = func.at(edge.to);
            // The end of a function is as short as the way there.
            let short = match &to.term {
                Term::Return(values) => values.len() <= 1,
                Term::Unreachable => true,
                _ => false,
            };
            if short && to.insts.is_empty() && !homes.used_outside[edge.to.0 as usize] {
                let mut end = to.term.clone();
                end.args_mut().iter_mut().for_each(|v| *v = homes.substitute(*v, edge));
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
    Ok(changed)
}

/// Returns where a block without instructions leads when it is entered by this edge, if that is known.
fn leads_to<'f>(func: &Func, block: &'f Block, homes: &Homes, edge: &Edge) -> Option<&'f Edge> {
    let constant = |v: Value| func.as_constant(homes.substitute(v, edge));
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

/// Which values are parameters of which blocks.
struct Homes {
    /// For each value that is a parameter: its block, and its place there.
    of: Vec<Option<(BlockId, u32)>>,
    /// For each block, whether another block reads its parameters.
    used_outside: Vec<bool>,
}

impl Homes {
    fn of(func: &Func) -> Self {
        let mut of: Vec<Option<(BlockId, u32)>> = vec![None; func.values()];
        for (id, block) in (0..).map(BlockId).zip(&func.blocks) {
            block.params.iter().zip(0..).for_each(|(p, n)| of[p.0 as usize] = Some((id, n)));
        }
        let mut used_outside = vec![false; func.blocks.len()];
        for id in func.order() {
            let block = func.at(id);
            let mut use_of = |value: &Value| {
                if let Some((home, _)) = of[value.0 as usize].filter(|(home, _)| *home != id) {
                    used_outside[home.0 as usize] = true;
                }
            };
            block.insts.iter().flat_map(|i| &i.args).for_each(&mut use_of);
            block.term.args().iter().for_each(&mut use_of);
            block.term.edges().flat_map(|e| &e.args).for_each(&mut use_of);
        }
        Self { of, used_outside }
    }

    /// Returns what a value of the block at the end of an edge is, when control comes along that edge.
    fn substitute(&self, value: Value, edge: &Edge) -> Value {
        match self.of[value.0 as usize] {
            Some((home, n)) if home == edge.to => edge.args[n as usize],
            _ => value,
        }
    }
}

/// Joins a block to the only one that leads to it, where that one leads nowhere else.
fn merge(func: &mut Func) -> Result<bool, Exhausted> {
    let mut changed = false;
    loop {
        func.work.spend(func.values() + func.blocks.len())?;
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
                let to = edge.to;
                let single = predecessors[to.0 as usize].len() == 1;
                if !single || to == ENTRY || to == from || joined[to.0 as usize] {
                    break;
                }
                joined[to.0 as usize] = true;
                again = true;
                let block = func.at_mut(to);
                let params = std::mem::take(&mut block.params);
                let insts = std::mem::take(&mut block.insts);
                let offset = block.term_offset;
                let term = std::mem::replace(&mut block.term, Term::Unreachable);
                let block = func.at_mut(from);
                let Term::Jump(Edge { args, .. }) = std::mem::replace(&mut block.term, term) else {
                    unreachable!("the block ends in a jump");
                };
                for (param, arg) in params.iter().zip(args) {
                    is[param.0 as usize] = arg;
                }
                block.insts.extend(insts);
                block.term_offset = offset;
            }
        }
        if !again {
            break;
        }
        changed = true;
        func.replace_with(is);
    }
    Ok(changed)
}
