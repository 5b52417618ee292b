//! Blocks of their own for what is done on one of several ways out of a block.

use std::collections::HashMap;

use super::select::{End, MachineBlock, MachineInst};
use crate::ir::{BlockId, Edge};

/// The new blocks of a function, and where they go.
pub(super) struct Splits {
    /// For each block's number, its place in the order.
    places: Vec<usize>,
    next: u32,
    /// In front of each block, in order.
    before: Vec<Vec<MachineBlock>>,
    /// Behind each block.
    behind: Vec<Vec<MachineBlock>>,
    /// The block in hand, and its edges that lead to new blocks: what each was and is.
    from: usize,
    known: HashMap<Edge, BlockId>,
}

impl Splits {
    pub(super) fn of(blocks: &[MachineBlock]) -> Self {
        let ids = blocks.iter().map(|b| b.id.0 as usize + 1).max().unwrap_or(0);
        let mut places = vec![usize::MAX; ids];
        blocks.iter().enumerate().for_each(|(n, b)| places[b.id.0 as usize] = n);
        let none = || vec![Vec::new(); blocks.len()];
        Self { places, next: ids as u32, before: none(), behind: none(), from: 0, known: HashMap::new() }
    }

    /// Returns how many numbers of blocks there were at first.
    pub(super) fn ids(&self) -> usize {
        self.places.len()
    }

    /// The edge to the new block on a way out of a block that has one already: a table names a way often.
    pub(super) fn known(&mut self, from: usize, edge: &Edge) -> Option<Edge> {
        if std::mem::replace(&mut self.from, from) != from {
            self.known.clear();
        }
        Some(Edge { to: *self.known.get(edge)?, args: Vec::new() })
    }

    /// Puts a block with these ops on the way `before`, which goes on along `edge`. It stands in front of a
    /// target that comes later, so that control only moves forward, and behind the block for a way back.
    pub(super) fn split(
        &mut self,
        from: usize,
        before: Edge,
        edge: Edge,
        insts: Vec<MachineInst>,
        end_offset: u32,
        depth: u32,
    ) -> Edge {
        let id = BlockId(self.next);
        self.next += 1;
        let target = self.places[edge.to.0 as usize];
        let block = MachineBlock { id, params: Vec::new(), insts, end: End::Jump(edge), end_offset, depth };
        match target > from {
            true => self.before[target].push(block),
            false => self.behind[from].push(block),
        }
        self.known.insert(before, id);
        Edge { to: id, args: Vec::new() }
    }

    /// All blocks in their order.
    pub(super) fn put_in(self, blocks: Vec<MachineBlock>) -> Vec<MachineBlock> {
        let with = blocks.into_iter().zip(self.before).zip(self.behind);
        with.flat_map(|((block, before), behind)| before.into_iter().chain([block]).chain(behind)).collect()
    }
}
