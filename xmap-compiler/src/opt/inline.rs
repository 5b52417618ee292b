//! Replaces calls of small functions, and of functions with one caller, by their bodies; small functions that call
//! themselves take themselves in once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{ParamRanges, optimise};
use crate::ir::{BlockId, Edge, Func, Inst, Kind, Term, Value};

/// A body of this many instructions more than its parameters is as short as a call with its moves.
const SMALL: usize = 5;
/// A function that calls itself takes itself in once, up to this size: half of its calls and more are gone, for
/// an image that is twenty words larger at most for each of its calls of itself.
const RECURSIVE: usize = 16;
/// A function does not grow beyond this by taking in bodies: live values must fit its registers.
const MOST_INSTS: usize = 2000;

/// The functions that are left, by their index in the module.
pub type Inlined = BTreeMap<u32, Func>;

/// Optimises all functions, callees before their callers, and inlines on the way. `roots` are the
/// functions that are called from outside; `ranges` says what is known of their parameters.
pub fn inline(mut funcs: Inlined, roots: &BTreeSet<u32>, ranges: &HashMap<u32, ParamRanges>) -> Inlined {
    let mut callers: HashMap<u32, usize> = HashMap::new();
    for callee in funcs.values().flat_map(callees) {
        *callers.entry(callee).or_default() += 1;
    }
    let none = ParamRanges::new();
    for index in bottom_up(&funcs, roots) {
        let mut func = funcs.remove(&index).expect("the order names a function once");
        // What the host passes is checked against the declared types; what the module passes is not.
        let known = match callers.get(&index) {
            None => ranges.get(&index).unwrap_or(&none),
            Some(_) => &none,
        };
        optimise(&mut func, known);
        let fits = |callee: u32, func: &Func| {
            // A function that is being worked on is missing: a call of it is recursive.
            let body = funcs.get(&callee)?;
            let size = size(body);
            let single = callers.get(&callee) == Some(&1) && !roots.contains(&callee);
            let recursive = callees(body).any(|c| c == callee || c == index);
            let small = size <= SMALL + body.params.len();
            ((small || single) && !recursive && size + self::size(func) <= MOST_INSTS).then_some(body)
        };
        let mut changed = false;
        while let Some((block, at, body)) = next_call(&func, &fits) {
            splice(&mut func, block, at, body);
            changed = true;
        }
        if changed {
            optimise(&mut func, known);
        }
        if unroll(index, &mut func) {
            optimise(&mut func, known);
        }
        funcs.insert(index, func);
    }
    let reachable: BTreeSet<u32> = bottom_up(&funcs, roots).into_iter().collect();
    funcs.retain(|index, _| reachable.contains(index));
    funcs
}

/// Puts a small function in the place of each of its calls of itself. Whether there was one.
fn unroll(index: u32, func: &mut Func) -> bool {
    if size(func) > RECURSIVE {
        return false;
    }
    let body = func.clone();
    // The last one first: what a body brings with it stands behind the calls that are still to be replaced.
    let calls: Vec<(BlockId, usize)> = (func.order().into_iter())
        .flat_map(|block| (0..func.at(block).insts.len()).map(move |at| (block, at)))
        .filter(
            |(block, at)| matches!(func.at(*block).insts[*at].kind, Kind::Call(callee) if callee == index),
        )
        .collect();
    for (block, at) in calls.iter().rev() {
        splice(func, *block, *at, &body);
    }
    !calls.is_empty()
}

fn size(func: &Func) -> usize {
    func.order().iter().map(|b| func.at(*b).insts.len() + 1).sum::<usize>().saturating_sub(1)
}

fn callees(func: &Func) -> impl Iterator<Item = u32> {
    func.order().into_iter().flat_map(|b| &func.at(b).insts).filter_map(|inst| match inst.kind {
        Kind::Call(callee) => Some(callee),
        _ => None,
    })
}

/// The functions that the roots reach, callees first as far as there is no recursion.
fn bottom_up(funcs: &Inlined, roots: &BTreeSet<u32>) -> Vec<u32> {
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    let children = |index: &u32| funcs.get(index).map(|f| callees(f).collect::<Vec<_>>()).unwrap_or_default();
    for root in roots {
        if !seen.insert(*root) {
            continue;
        }
        let mut stack = vec![(*root, children(root))];
        while let Some((index, rest)) = stack.last_mut() {
            match rest.pop() {
                Some(callee) if seen.insert(callee) => stack.push((callee, children(&callee))),
                Some(_) => {}
                None => {
                    order.push(*index);
                    stack.pop();
                }
            }
        }
    }
    order
}

fn next_call<'f>(
    func: &Func,
    fits: &impl Fn(u32, &Func) -> Option<&'f Func>,
) -> Option<(BlockId, usize, &'f Func)> {
    func.order().into_iter().find_map(|block| {
        func.at(block).insts.iter().enumerate().find_map(|(at, inst)| match inst.kind {
            Kind::Call(callee) => fits(callee, func).map(|body| (block, at, body)),
            _ => None,
        })
    })
}

/// Puts a body in the place of a call.
fn splice(func: &mut Func, block: BlockId, at: usize, body: &Func) {
    // What stands behind the call goes on in a block of its own, with the results as parameters.
    let rest = func.block();
    let from = func.at_mut(block);
    let behind = from.insts.split_off(at + 1);
    let call: Inst = from.insts.pop().expect("the call stands there");
    let term = std::mem::replace(&mut from.term, Term::Unreachable);
    let term_offset = from.term_offset;
    let after = func.at_mut(rest);
    after.params = call.results;
    after.insts = behind;
    after.term = term;
    after.term_offset = term_offset;

    let values: Vec<Value> = (0..body.values() as u32)
        .map(|v| match body.params.iter().position(|p| p.0 == v) {
            Some(n) => call.args[n],
            None => match body.as_constant(Value(v)) {
                Some(bits) => func.constant(bits),
                None => func.value(),
            },
        })
        .collect();
    let order = body.order();
    let mut blocks = vec![None; body.blocks.len()];
    order.iter().for_each(|b| blocks[b.0 as usize] = Some(func.block()));
    let new = |v: &Value| values[v.0 as usize];
    let block_of = |b: BlockId| blocks[b.0 as usize].expect("an edge leads to a reachable block");
    for old in &order {
        let mut copy = body.at(*old).clone();
        copy.params.iter_mut().for_each(|v| *v = new(v));
        for inst in &mut copy.insts {
            inst.args.iter_mut().for_each(|v| *v = new(v));
            inst.results.iter_mut().for_each(|v| *v = new(v));
        }
        copy.term.args_mut().iter_mut().for_each(|v| *v = new(v));
        for edge in copy.term.edges_mut() {
            edge.args.iter_mut().for_each(|v| *v = new(v));
            edge.to = block_of(edge.to);
        }
        if let Term::Return(results) = &copy.term {
            copy.term = Term::Jump(Edge { to: rest, args: results.clone() });
        }
        *func.at_mut(block_of(*old)) = copy;
    }
    func.at_mut(block).term = Term::Jump(Edge { to: block_of(crate::ir::ENTRY), args: Vec::new() });
    func.at_mut(block).term_offset = call.offset;
    let place = func.layout.iter().position(|b| *b == block).expect("the block is in the layout");
    let new: Vec<BlockId> = order.iter().map(|b| block_of(*b)).chain([rest]).collect();
    func.layout.splice(place + 1..place + 1, new);
}
