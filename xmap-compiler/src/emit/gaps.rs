//! Places the moves of edges that a branch takes: in stubs between blocks, behind the branch and in front of
//! the block that they lead to, so that no way goes back in the code that does not go back in the graph.

use std::collections::HashMap;

use super::moves::{From, Move};
use super::registers::Registers;
use super::select::{Condition, End, MachineBlock, Selected, Slot};
use crate::ir::{BlockId, Edge, Value};

use xmap_image::Op;

/// The moves of an edge, and the jump behind them.
pub(super) struct Stub {
    pub(super) label: u32,
    pub(super) to: BlockId,
    pub(super) moves: Vec<Move>,
    /// The branch's offset in the module.
    pub(super) offset: u32,
}

/// The places between the blocks of a function. Place `n` is in front of block `n`; the last one is behind
/// all blocks.
pub(super) struct Gaps<'s> {
    selected: &'s Selected,
    registers: &'s Registers,
    /// For each block, its place and its parameters.
    blocks: HashMap<BlockId, (usize, &'s [Value])>,
    /// For each branch, whether its two edges are exchanged.
    turned: Vec<bool>,
    /// For each place, the last one up to it that the block in front of it does not fall into; 0 for none.
    free: Vec<usize>,
    /// The stubs of each place.
    stubs: Vec<Vec<Stub>>,
    /// Stubs that further branches can share, with their places.
    known: HashMap<(BlockId, Vec<Move>), (usize, u32)>,
    /// The next label.
    next_label: u32,
}

impl<'s> Gaps<'s> {
    /// `labels` is the first label that no block has.
    pub(super) fn new(selected: &'s Selected, registers: &'s Registers, labels: u32) -> Self {
        let blocks = &selected.blocks;
        let mut gaps = Self {
            selected,
            registers,
            blocks: blocks.iter().enumerate().map(|(n, b)| (b.id, (n, &b.params[..]))).collect(),
            turned: Vec::new(),
            free: vec![0],
            stubs: (0..=blocks.len()).map(|_| Vec::new()).collect(),
            known: HashMap::new(),
            next_label: labels,
        };
        gaps.turned = blocks.iter().enumerate().map(|(n, block)| gaps.turns(n, block)).collect();
        for (n, block) in blocks.iter().enumerate() {
            let next = blocks.get(n + 1).map(|b| b.id);
            let falls = match &block.end {
                End::Jump(edge) => Some(edge.to) == next,
                End::Branch { then, other, .. } => {
                    let on = if gaps.turned[n] { then } else { other };
                    Some(on.to) == next
                }
                End::Table { .. } | End::Return(_) | End::Unreachable => false,
            };
            gaps.free.push(if falls { gaps.free[n] } else { n + 1 });
        }
        gaps
    }

    /// Returns whether a branch leads back with moves: these stand behind it, and what it takes is the other
    /// edge.
    fn turns(&self, n: usize, block: &MachineBlock) -> bool {
        match &block.end {
            End::Branch { condition, then, .. } => {
                self.blocks[&then.to].0 <= n && !self.moves(then).is_empty() && inverse(*condition).is_some()
            }
            _ => false,
        }
    }

    /// A branch's condition, the edge that it takes and the one behind it.
    pub(super) fn branch<'e>(
        &self,
        n: usize,
        condition: Condition,
        [then, other]: [&'e Edge; 2],
    ) -> (Condition, &'e Edge, &'e Edge) {
        match inverse(condition).filter(|_| self.turned[n]) {
            Some(inverse) => (inverse, other, then),
            None => (condition, then, other),
        }
    }

    /// The moves of an edge that are left: its values may stand in the right registers already.
    pub(super) fn moves(&self, edge: &Edge) -> Vec<Move> {
        let params = self.blocks[&edge.to].1;
        let from = |v: &Value| match self.selected.constants[v.0 as usize] {
            Some(bits) => From::Constant(bits),
            None => From::Register(self.registers.of(*v)),
        };
        let pairs = params.iter().zip(&edge.args).map(|(p, v)| (self.registers.of(*p), from(v)));
        pairs.filter(|(to, from)| *from != From::Register(*to)).collect()
    }

    /// The label that a branch of block `n` goes to along an edge: the block's own, or that of a stub.
    pub(super) fn label(&mut self, n: usize, edge: &Edge, offset: u32) -> u32 {
        let moves = self.moves(edge);
        if moves.is_empty() {
            return edge.to.0;
        }
        let to = self.blocks[&edge.to].0;
        let key = (edge.to, moves);
        match self.known.get(&key) {
            Some((place, label)) if *place > n && (*place <= to || to <= n) => return *label,
            _ => {}
        }
        let place = match to > n {
            true if self.free[to] > n => self.free[to],
            true => to,
            false if self.free[n + 1] == n + 1 => n + 1,
            false => self.stubs.len() - 1,
        };
        let label = self.next_label;
        self.next_label += 1;
        self.stubs[place].push(Stub { label, to: edge.to, moves: key.1.clone(), offset });
        self.known.insert(key, (place, label));
        label
    }

    /// Returns whether stubs stand behind block `n`.
    pub(super) fn follows(&self, n: usize) -> bool {
        !self.stubs[n + 1].is_empty()
    }

    /// The stubs in front of block `n`, those that lead to it last. Called once.
    pub(super) fn take(&mut self, n: usize) -> Vec<Stub> {
        let mut stubs = std::mem::take(&mut self.stubs[n]);
        let next = self.selected.blocks.get(n).map(|b| b.id);
        stubs.sort_by_key(|stub| Some(stub.to) == next);
        stubs
    }
}

/// The condition that holds where another does not; none where its immediate does not fit.
fn inverse(condition: Condition) -> Option<Condition> {
    Some(match condition {
        Condition::Long(Op::BrIf, a) => Condition::Long(Op::BrIfz, a),
        Condition::Long(Op::BrIfz, a) => Condition::Long(Op::BrIf, a),
        Condition::Long(..) => return None,
        Condition::Short(op, a, b) => {
            let (op, a, b) = match (op, b) {
                (Op::BrEq, _) => (Op::BrNe, a, b),
                (Op::BrNe, _) => (Op::BrEq, a, b),
                (Op::BrEqI, _) => (Op::BrNeI, a, b),
                (Op::BrNeI, _) => (Op::BrEqI, a, b),
                (Op::BrLtU, _) => (Op::BrLeU, b, a),
                (Op::BrLeU, _) => (Op::BrLtU, b, a),
                (Op::BrLtS32, _) => (Op::BrLeS32, b, a),
                (Op::BrLeS32, _) => (Op::BrLtS32, b, a),
                (Op::BrLtS64, _) => (Op::BrLeS64, b, a),
                (Op::BrLeS64, _) => (Op::BrLtS64, b, a),
                (Op::BrLtUI, Slot::Imm(c)) => (Op::BrGtUI, a, Slot::Imm(c.checked_sub(1)?)),
                (Op::BrGtUI, Slot::Imm(c)) => (Op::BrLtUI, a, Slot::Imm(c.checked_add(1)?)),
                (Op::BrLtSI32, Slot::Imm(c)) => (Op::BrGtSI32, a, Slot::Imm((c as i8).checked_sub(1)? as u8)),
                (Op::BrGtSI32, Slot::Imm(c)) => (Op::BrLtSI32, a, Slot::Imm((c as i8).checked_add(1)? as u8)),
                _ => return None,
            };
            Condition::Short(op, a, b)
        }
    })
}
