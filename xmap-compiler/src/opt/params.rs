//! Removes block parameters that every edge passes the same value for.

use crate::ir::{Func, Value};

/// Whether anything changed.
pub(super) fn prune(func: &mut Func) -> bool {
    let mut changed = false;
    // What each value turned out to be.
    let mut is: Vec<Value> = (0..func.values() as u32).map(Value).collect();
    fn find(is: &[Value], mut v: Value) -> Value {
        while is[v.0 as usize] != v {
            v = is[v.0 as usize];
        }
        v
    }
    loop {
        let order = func.order();
        // For each block's parameters: the one value that came in so far.
        let mut incoming: Vec<Vec<Incoming>> =
            func.blocks.iter().map(|b| vec![Incoming::None; b.params.len()]).collect();
        for block in &order {
            for edge in func.at(*block).term.edges() {
                let to = edge.to.0 as usize;
                for (n, arg) in edge.args.iter().enumerate() {
                    let (arg, own) = (find(&is, *arg), find(&is, func.blocks[to].params[n]));
                    if arg == own {
                        continue;
                    }
                    incoming[to][n] = match incoming[to][n] {
                        Incoming::None => Incoming::One(arg),
                        Incoming::One(one) if same(func, one, arg) => Incoming::One(one),
                        _ => Incoming::Many,
                    };
                }
            }
        }
        let mut again = false;
        for block in &order {
            let block = block.0 as usize;
            let remove: Vec<Option<Value>> = incoming[block]
                .iter()
                .map(|i| if let Incoming::One(v) = i { Some(*v) } else { None })
                .collect();
            if remove.iter().all(Option::is_none) {
                continue;
            }
            again = true;
            for (param, one) in func.blocks[block].params.iter().zip(&remove) {
                if let Some(one) = one {
                    is[param.0 as usize] = *one;
                }
            }
            let keep: Vec<bool> = remove.iter().map(Option::is_none).collect();
            remove_params(func, block, &keep);
        }
        if !again {
            break;
        }
        changed = true;
    }
    if changed {
        func.replace_uses(|v| find(&is, v));
    }
    changed
}

#[derive(Clone, Copy)]
enum Incoming {
    None,
    One(Value),
    Many,
}

fn same(func: &Func, a: Value, b: Value) -> bool {
    a == b || (func.as_constant(a).is_some() && func.as_constant(a) == func.as_constant(b))
}

/// Removes the parameters of a block that `keep` does not name, and what edges pass for them.
pub(super) fn remove_params(func: &mut Func, block: usize, keep: &[bool]) {
    let retain = |values: &mut Vec<Value>| {
        let mut n = 0;
        values.retain(|_| {
            n += 1;
            keep[n - 1]
        });
    };
    retain(&mut func.blocks[block].params);
    for from in &mut func.blocks {
        for edge in from.term.edges_mut() {
            if edge.to.0 as usize == block {
                retain(&mut edge.args);
            }
        }
    }
}
