//! Puts blocks in an order in which ways go forward wherever they lead on no cycle.

use crate::graph::components;
use crate::{BlockId, Func};

/// Brings the layout into an order in which each block stands in front of those that it leads to, unless both
/// lie on a common cycle; the blocks of a cycle stand together. The order of the source is kept where it does
/// that already, which only threaded jumps can change.
pub(super) fn arrange(func: &mut Func) {
    let order = func.order();
    let mut place = vec![0; func.blocks.len()];
    order.iter().enumerate().for_each(|(n, b)| place[b.0 as usize] = n);
    let next = |block: &BlockId| -> Vec<usize> {
        let mut next: Vec<usize> =
            func.at(*block).term.edges().map(|edge| place[edge.to.0 as usize]).collect();
        next.sort_unstable();
        next.dedup();
        next
    };
    let graph: Vec<Vec<usize>> = order.iter().map(next).collect();
    let goes_back = |(n, next): (usize, &Vec<usize>)| next.first().is_some_and(|to| *to <= n);
    if !graph.iter().enumerate().any(goes_back) {
        return;
    }
    let mut components = components(&graph);
    let mut number = vec![0; order.len()];
    for (n, component) in components.iter_mut().enumerate() {
        component.sort_unstable();
        component.iter().for_each(|block| number[*block] = n);
    }
    let is_wrong =
        |(n, next): (usize, &Vec<usize>)| next.iter().any(|to| *to <= n && number[*to] != number[n]);
    if graph.iter().enumerate().any(is_wrong) {
        func.layout = components.iter().flatten().map(|n| order[*n]).collect();
    }
}
