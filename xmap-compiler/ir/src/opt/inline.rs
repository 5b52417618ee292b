//! Replaces calls of small functions, and of functions with one caller, by their bodies; small functions that
//! call themselves take themselves in once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{ParamRanges, optimise};
use crate::work::Exhausted;
use crate::{BlockId, Edge, Func, Inst, Kind, Site, Term, Value};

/// A body of this many instructions more than its parameters is as short as a call with its moves.
const SMALL: usize = 5;
/// A function that calls itself takes itself in once, up to this size: half of its calls and more are gone,
/// for an image that is twenty words larger at most for each of its calls of itself.
const RECURSIVE: usize = 16;
/// A function does not grow beyond this by taking in bodies: live values must fit its registers.
const MOST_INSTS: usize = 2000;

/// Instructions that all inlining together may copy, for each instruction of the module: beyond that, calls
/// stay calls. A chain of functions with one caller each is copied again and again.
const COPIED: usize = 4;
/// The same for every module, so that none of a few hundred functions comes near.
const COPIED_ALWAYS: usize = 1 << 17;

/// The functions that are left, by their index in the module.
pub type Inlined = BTreeMap<u32, Func>;

/// Optimises all functions, callees before their callers, and inlines on the way. `roots` are the
/// functions that are called from outside; `ranges` says what is known of their parameters.
///
/// Returns the functions that are left, and the steps that all together have taken.
///
/// # Errors
/// A function that takes more steps than it may, by its index.
pub fn inline(
    funcs: Inlined,
    roots: &BTreeSet<u32>,
    ranges: &HashMap<u32, ParamRanges>,
) -> Result<(Inlined, u64), (u32, Exhausted)> {
    let mut callers: HashMap<u32, usize> = HashMap::new();
    for callee in funcs.values().flat_map(callees) {
        *callers.entry(callee).or_default() += 1;
    }
    let order = bottom_up(&funcs, roots);
    let mut waiting = funcs;
    let instructions: usize = waiting.values().map(size).sum();
    let mut inlining =
        Inlining { done: BTreeMap::new(), callers, roots, left: COPIED_ALWAYS + COPIED * instructions };
    let none = ParamRanges::new();
    for index in order {
        let mut func = waiting.remove(&index).expect("the order names a function once");
        // What the host passes is checked against the declared types; what the module passes is not.
        let known = match inlining.callers.get(&index) {
            None => ranges.get(&index).unwrap_or(&none),
            Some(_) => &none,
        };
        func.ranges.clone_from(known);
        let simplify = |func: &mut Func| optimise(func, known).map_err(|exhausted| (index, exhausted));
        simplify(&mut func)?;
        if inlining.take_in(&mut func) {
            simplify(&mut func)?;
        }
        if unroll(index, &mut func) {
            simplify(&mut func)?;
        }
        inlining.done.insert(index, Body::of(func));
    }
    let mut funcs: Inlined = inlining.done.into_iter().map(|(index, body)| (index, body.func)).collect();
    let steps = funcs.values().map(|func| func.work.spent()).sum();
    let reachable: BTreeSet<u32> = bottom_up(&funcs, roots).into_iter().collect();
    funcs.retain(|index, _| reachable.contains(index));
    Ok((funcs, steps))
}

/// A function that is done, and what deciding about its calls asks for.
struct Body {
    func: Func,
    size: usize,
    callees: BTreeSet<u32>,
}

impl Body {
    fn of(func: Func) -> Self {
        Self { size: size(&func), callees: callees(&func).collect(), func }
    }
}

struct Inlining<'r> {
    /// The functions before this one. One that is being worked on is missing: a call of it is recursive.
    done: BTreeMap<u32, Body>,
    callers: HashMap<u32, usize>,
    roots: &'r BTreeSet<u32>,
    /// Instructions that may still be copied.
    left: usize,
}

/// A block of which some instructions are still to be looked at.
struct Rest {
    block: BlockId,
    insts: std::vec::IntoIter<Inst>,
}

impl Inlining<'_> {
    /// The body that takes the place of a call in a function of this size.
    fn fits(&self, caller: u32, callee: u32, caller_size: usize) -> Option<&Body> {
        let body = self.done.get(&callee)?;
        let single = self.callers.get(&callee) == Some(&1) && !self.roots.contains(&callee);
        let small = body.size <= SMALL + body.func.params.len();
        let recursive = || body.callees.contains(&callee) || body.callees.contains(&caller);
        let fits = (small || single) && body.size + caller_size <= MOST_INSTS && body.size <= self.left;
        (fits && !recursive()).then_some(body)
    }

    /// Puts bodies in the place of calls, in the order of the code; calls within these bodies come next.
    /// Whether there was one.
    fn take_in(&mut self, func: &mut Func) -> bool {
        let mut size = size(func);
        let mut layout = Vec::new();
        let mut changed = false;
        let rest = |func: &mut Func, block: BlockId| {
            let insts = std::mem::take(&mut func.at_mut(block).insts);
            Rest { block, insts: insts.into_iter() }
        };
        // The blocks that are left, the next one last.
        let order = std::mem::take(&mut func.layout);
        let mut pending: Vec<Rest> = order.into_iter().rev().map(|block| rest(func, block)).collect();
        while let Some(Rest { block, mut insts }) = pending.pop() {
            layout.push(block);
            let mut kept = Vec::with_capacity(insts.len());
            while let Some(inst) = insts.next() {
                let body = match inst.kind {
                    Kind::Call(callee) => self.fits(func.index, callee, size),
                    _ => None,
                };
                let Some(body) = body else {
                    kept.push(inst);
                    continue;
                };
                changed = true;
                let blocks = splice(func, block, inst, &body.func);
                size += body.size + 1;
                let copied = body.size;
                self.left -= copied;
                // Behind the body the block goes on; the body comes before that.
                let (behind, within) = blocks.split_last().expect("there is a block behind the body");
                pending.push(Rest { block: *behind, insts });
                pending.extend(within.iter().rev().map(|block| rest(func, *block)));
                break;
            }
            func.at_mut(block).insts = kept;
        }
        func.layout = layout;
        changed
    }
}

/// Puts a small function in the place of each of its calls of itself. Whether there was one.
fn unroll(index: u32, func: &mut Func) -> bool {
    if size(func) > RECURSIVE {
        return false;
    }
    let body = func.clone();
    let mut layout = Vec::new();
    let mut changed = false;
    for first in std::mem::take(&mut func.layout) {
        let mut block = first;
        layout.push(block);
        for inst in std::mem::take(&mut func.at_mut(first).insts) {
            if matches!(inst.kind, Kind::Call(callee) if callee == index) {
                changed = true;
                let blocks = splice(func, block, inst, &body);
                layout.extend(&blocks);
                block = *blocks.last().expect("there is a block behind the body");
            } else {
                func.at_mut(block).insts.push(inst);
            }
        }
    }
    func.layout = layout;
    changed
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

/// Positions of a body that takes the place of a call.
struct Positions {
    /// The call's position.
    call: u32,
    /// The new position for each of the body's.
    of: HashMap<u32, u32>,
}

impl Positions {
    fn position(&mut self, func: &mut Func, body: &Func, old: u32) -> u32 {
        if let Some(new) = self.of.get(&old) {
            return *new;
        }
        let call = match old & Site::MARK {
            0 => self.call,
            // A site's call has one call less, so this ends.
            _ => self.position(func, body, body.sites[(old & !Site::MARK) as usize].call),
        };
        let new = Site::MARK | func.sites.len() as u32;
        func.sites.push(Site::within(&func.sites, Site::offset(&body.sites, old), call));
        self.of.insert(old, new);
        new
    }
}

/// Ends a block with a call by its callee's body, which is copied. Returns the new blocks in their order; the
/// last one has the results as parameters and goes on behind the call.
fn splice(func: &mut Func, block: BlockId, call: Inst, body: &Func) -> Vec<BlockId> {
    let rest = func.block();
    let from = func.at_mut(block);
    let term = std::mem::replace(&mut from.term, Term::Unreachable);
    let term_offset = from.term_offset;
    let after = func.at_mut(rest);
    after.params = call.results;
    after.term = term;
    after.term_offset = term_offset;

    let mut arguments: Vec<Option<Value>> = vec![None; body.values()];
    body.params.iter().zip(&call.args).for_each(|(param, arg)| arguments[param.0 as usize] = Some(*arg));
    let values: Vec<Value> = (0..)
        .zip(&arguments)
        .map(|(v, argument)| match (argument, body.as_constant(Value(v))) {
            (Some(argument), _) => *argument,
            (None, Some(bits)) => func.constant(bits),
            (None, None) => func.value(),
        })
        .collect();
    let order = body.order();
    let mut blocks = vec![None; body.blocks.len()];
    order.iter().for_each(|b| blocks[b.0 as usize] = Some(func.block()));
    let mut copied = Positions { call: call.offset, of: HashMap::new() };
    let new = |v: &Value| values[v.0 as usize];
    let block_of = |b: BlockId| blocks[b.0 as usize].expect("an edge leads to a reachable block");
    for old in &order {
        let mut copy = body.at(*old).clone();
        copy.params.iter_mut().for_each(|v| *v = new(v));
        copy.term_offset = copied.position(func, body, copy.term_offset);
        for inst in &mut copy.insts {
            inst.offset = copied.position(func, body, inst.offset);
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
    func.at_mut(block).term = Term::Jump(Edge { to: block_of(crate::ENTRY), args: Vec::new() });
    func.at_mut(block).term_offset = call.offset;
    func.work.take_in(size(body));
    order.iter().map(|b| block_of(*b)).chain([rest]).collect()
}
