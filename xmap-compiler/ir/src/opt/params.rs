//! Removes block parameters that every edge passes the same value for.
//!
//! Values that turn out to be equal are joined in classes. A parameter stays as long as two of its arguments
//! are of different classes, neither its own; it is looked at again only when the class of one of these two
//! is joined with another. Arguments before its cursor are settled, since classes only ever grow.

use std::collections::HashMap;

use crate::work::Exhausted;
use crate::{BlockId, Func, Value};

/// Returns whether anything changed.
pub(super) fn prune(func: &mut Func) -> Result<bool, Exhausted> {
    let order = func.order();
    func.work.spend(func.values() + order.len())?;
    let mut classes = Classes::of(func);
    // For each block, what each edge passes.
    let mut passed: Vec<Vec<&[Value]>> = vec![Vec::new(); func.blocks.len()];
    for edge in order.iter().flat_map(|b| func.at(*b).term.edges()) {
        passed[edge.to.0 as usize].push(&edge.args);
    }
    let mut params: Vec<Param> = Vec::new();
    for block in &order {
        for (n, value) in func.at(*block).params.iter().enumerate() {
            classes.watchers[value.0 as usize].push(params.len() as u32);
            params.push(Param { value: *value, block: *block, n, cursor: 0, seen: [None; 2], gone: false });
        }
    }
    let mut work: Vec<u32> = (0..params.len() as u32).rev().collect();
    let (mut changed, mut steps) = (false, 0);
    while let Some(number) = work.pop() {
        let param = &mut params[number as usize];
        if param.gone {
            continue;
        }
        steps += 1 + param.advance(number, &passed[param.block.0 as usize], &mut classes);
        if let [Some(one), None] = param.seen {
            param.gone = true;
            changed = true;
            classes.join(param.value, one, &mut work);
        }
    }
    func.work.spend(steps)?;
    if !changed {
        return Ok(false);
    }
    let mut keep: Vec<Vec<bool>> = vec![Vec::new(); func.blocks.len()];
    for param in &params {
        keep[param.block.0 as usize].push(!param.gone);
    }
    remove_params(func, &keep)?;
    let leaders: Vec<Value> = (0..func.values() as u32).map(|v| classes.leader(Value(v))).collect();
    func.replace_uses(|v| leaders[v.0 as usize]);
    Ok(true)
}

struct Param {
    value: Value,
    block: BlockId,
    /// Its place among the block's parameters.
    n: usize,
    /// The first edge that was not looked at.
    cursor: usize,
    /// Two arguments of different classes.
    seen: [Option<Value>; 2],
    gone: bool,
}

impl Param {
    /// Looks for two arguments of different classes; returns how many edges it went on.
    fn advance(&mut self, number: u32, passed: &[&[Value]], classes: &mut Classes) -> usize {
        let from = self.cursor;
        let own = classes.find(self.value);
        let [first, second] = self.seen.map(|v| v.map(|v| (v, classes.find(v))));
        let mut seen: [Option<(Value, u32)>; 2] = [None; 2];
        let note = |seen: &mut [Option<(Value, u32)>; 2], v: Value, class: u32| match *seen {
            _ if class == own => false,
            [None, _] => seen[0].replace((v, class)).is_none(),
            [Some((_, one)), None] if class != one => seen[1].replace((v, class)).is_none(),
            _ => false,
        };
        for (v, class) in [first, second].into_iter().flatten() {
            note(&mut seen, v, class);
        }
        while seen[1].is_none() && self.cursor < passed.len() {
            let v = passed[self.cursor][self.n];
            self.cursor += 1;
            let class = classes.find(v);
            if note(&mut seen, v, class) {
                classes.watchers[class as usize].push(number);
            }
        }
        self.seen = seen.map(|seen| seen.map(|(v, _)| v));
        self.cursor - from
    }
}

/// Values that are equal.
struct Classes {
    /// For each value, one of its class nearer to its root.
    parent: Vec<u32>,
    /// For each root, the value that stands for its class.
    leader: Vec<Value>,
    /// For each root, the parameters that may go when its class grows.
    watchers: Vec<Vec<u32>>,
}

impl Classes {
    /// Each value for itself, but that equal constants are one class.
    fn of(func: &Func) -> Self {
        let values = func.values() as u32;
        let mut first: HashMap<u64, u32> = HashMap::new();
        let parent = (0..values)
            .map(|v| match func.as_constant(Value(v)) {
                Some(bits) => *first.entry(bits).or_insert(v),
                None => v,
            })
            .collect();
        Self { parent, leader: (0..values).map(Value).collect(), watchers: vec![Vec::new(); values as usize] }
    }

    fn find(&mut self, v: Value) -> u32 {
        let mut at = v.0;
        while self.parent[at as usize] != at {
            let next = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = next;
            at = next;
        }
        at
    }

    fn leader(&mut self, v: Value) -> Value {
        let root = self.find(v);
        self.leader[root as usize]
    }

    /// Joins the class of a parameter with that of the value that it is, and notes in `work` who may go now.
    fn join(&mut self, param: Value, value: Value, work: &mut Vec<u32>) {
        let (param, value) = (self.find(param), self.find(value));
        let leader = self.leader[value as usize];
        // Who watches both classes is in the shorter list, too.
        let shorter = self.watchers[param as usize].len() <= self.watchers[value as usize].len();
        let (from, to) = if shorter { (param, value) } else { (value, param) };
        self.parent[from as usize] = to;
        self.leader[to as usize] = leader;
        let watchers = std::mem::take(&mut self.watchers[from as usize]);
        work.extend(watchers.iter().rev());
        self.watchers[to as usize].extend(watchers);
    }
}

/// Removes the parameters that `keep` says no to, and what edges pass for them. A block with an empty list
/// keeps all.
pub(super) fn remove_params(func: &mut Func, keep: &[Vec<bool>]) -> Result<(), Exhausted> {
    let retain = |values: &mut Vec<Value>, keep: &[bool]| {
        if keep.contains(&false) {
            let mut n = 0;
            values.retain(|_| {
                n += 1;
                keep[n - 1]
            });
        }
    };
    let mut steps = 0;
    for (block, keep) in func.blocks.iter_mut().zip(keep) {
        steps += 1 + keep.len();
        retain(&mut block.params, keep);
    }
    for edge in func.blocks.iter_mut().flat_map(|b| b.term.edges_mut()) {
        steps += 1 + edge.args.len();
        retain(&mut edge.args, &keep[edge.to.0 as usize]);
    }
    func.work.spend(steps)
}
