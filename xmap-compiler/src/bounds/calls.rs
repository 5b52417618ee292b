//! Who calls whom: functions, and the types of indirect calls in between.

use std::collections::{BTreeSet, HashMap};

use xmap_image::{Op, Word, decode};

use super::Program;
use crate::graph::components;

/// The graph of calls. Its first nodes are the functions of the image, by their numbers; then follow the
/// types of indirect calls, each of which leads to the functions of its type that such a call may reach.
pub(super) struct Calls {
    graph: Vec<Vec<usize>>,
    functions: usize,
    types: HashMap<u32, usize>,
}

/// Nodes that stand for themselves, or that call each other.
pub(super) enum Called {
    /// A function that does not call itself.
    Function(usize),
    /// A type, with the functions that a call of it may reach.
    Type(usize, Vec<usize>),
    /// Functions and types on a common cycle.
    Cycle(Vec<usize>),
}

impl Calls {
    pub(super) fn of(program: Program<'_>) -> Self {
        let functions = program.functions.len();
        let mut calls = Self { graph: vec![Vec::new(); functions], functions, types: HashMap::new() };
        for n in reachable(program) {
            if let Some(ty) = program.types.get(n) {
                let node = calls.node(u32::from(*ty));
                calls.graph[node].push(n);
            }
        }
        for (n, function) in program.functions.iter().enumerate() {
            let callees: BTreeSet<usize> =
                decode(&function.code).filter_map(|(_, op, words)| calls.called(op, words)).collect();
            calls.graph[n] = callees.into_iter().collect();
        }
        calls
    }

    fn node(&mut self, ty: u32) -> usize {
        *self.types.entry(ty).or_insert_with(|| {
            self.graph.push(Vec::new());
            self.graph.len() - 1
        })
    }

    /// The node that an op calls. None for an indirect call that no function has the type of.
    pub(super) fn called(&self, op: Op, words: &[Word]) -> Option<usize> {
        match op {
            Op::Call => Some((words[0] >> 16) as usize),
            Op::CallIndirect => self.types.get(&words[1]).copied(),
            _ => None,
        }
    }

    /// Returns how many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.graph.len()
    }

    /// All nodes, callees before their callers.
    pub(super) fn callees_first(&self) -> impl Iterator<Item = Called> {
        components(&self.graph).into_iter().rev().map(|component| match component[..] {
            [n] if self.graph[n].contains(&n) => Called::Cycle(component),
            [n] if n < self.functions => Called::Function(n),
            [n] => Called::Type(n, self.graph[n].clone()),
            _ => Called::Cycle(component),
        })
    }
}

/// The functions that an indirect call may reach: what an element segment puts into a table, what code makes
/// a reference to, and what a global holds.
fn reachable(program: Program<'_>) -> BTreeSet<usize> {
    let made = program
        .functions
        .iter()
        .flat_map(|f| decode(&f.code))
        .filter_map(|(_, op, words)| (op == Op::RefFunc).then_some((words[0] >> 16) as usize));
    let held = program.globals.iter().filter_map(|g| usize::try_from(g.checked_sub(1)?).ok());
    program.items.iter().map(|i| usize::from(*i)).chain(made).chain(held).collect()
}
