//! What a body says before it is lowered: which locals each block, loop and if assigns (those alone can
//! differ where control meets), and whether the function calls itself in the place of a return.

use wasmparser::{FunctionBody, Operator};

use crate::work::{Exhausted, Work};

/// The sets, in the order in which the constructs begin.
pub(super) struct Assigned;

impl Assigned {
    pub(super) fn of(body: &FunctionBody<'_>, work: &mut Work) -> Result<Vec<Vec<u32>>, Exhausted> {
        let mut sets: Vec<Vec<u32>> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        let operators = body.get_operators_reader().expect("the module validates");
        for op in operators {
            match op.expect("the module validates") {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    open.push(sets.len());
                    sets.push(Vec::new());
                }
                Operator::End => {
                    let Some(inner) = open.pop() else { continue };
                    let mut set = std::mem::take(&mut sets[inner]);
                    set.sort_unstable();
                    set.dedup();
                    work.spend(set.len())?;
                    // What is assigned inside is assigned in the construct around it, too.
                    if let Some(outer) = open.last() {
                        sets[*outer].extend(&set);
                    }
                    set.shrink_to_fit();
                    sets[inner] = set;
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    if let Some(inner) = open.last() {
                        sets[*inner].push(local_index);
                    }
                }
                _ => {}
            }
        }
        Ok(sets)
    }
}

/// Returns whether a body calls its own function in the place of a return.
pub(super) fn calls_itself_last(body: &FunctionBody<'_>, is_itself: impl Fn(u32) -> bool) -> bool {
    let operators = body.get_operators_reader().expect("the module validates");
    let mut last = operators.into_iter().map(|op| op.expect("the module validates"));
    last.any(|op| matches!(op, Operator::ReturnCall { function_index } if is_itself(function_index)))
}
