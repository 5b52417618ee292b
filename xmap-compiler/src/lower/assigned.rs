//! Which locals each block, loop and if assigns: those alone can differ where control meets.

use std::collections::BTreeSet;

use wasmparser::{FunctionBody, Operator};

/// The sets, in the order in which the constructs begin.
pub(super) struct Assigned;

impl Assigned {
    pub(super) fn of(body: &FunctionBody<'_>) -> Vec<Vec<u32>> {
        let mut sets: Vec<BTreeSet<u32>> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        let operators = body.get_operators_reader().expect("the module validates");
        for op in operators {
            match op.expect("the module validates") {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    open.push(sets.len());
                    sets.push(BTreeSet::new());
                }
                Operator::End => {
                    // What is assigned inside is assigned in the construct around it, too.
                    if let Some(inner) = open.pop()
                        && let Some(outer) = open.last()
                    {
                        let inner = sets[inner].clone();
                        sets[*outer].extend(inner);
                    }
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    if let Some(inner) = open.last() {
                        sets[*inner].insert(local_index);
                    }
                }
                _ => {}
            }
        }
        sets.into_iter().map(|set| set.into_iter().collect()).collect()
    }
}
