//! Statements with blocks in them.

use wasm_encoder::{BlockType, Instruction, ValType};

use super::body::Body;
use super::ops::nth;

impl Body<'_, '_> {
    /// `if`, with or without `else`, with or without a result.
    pub(super) fn branch(&mut self) {
        self.expr(ValType::I32, 3);
        self.emit(Instruction::If(BlockType::Empty));
        self.inner();
        if self.one_in(2) {
            self.emit(Instruction::Else);
            self.inner();
        }
        self.emit(Instruction::End);
    }

    /// Sets a new counter to a number of rounds: constant, or known only when it runs.
    fn counter(&mut self) -> u32 {
        let counter = self.local(ValType::I32);
        let most = [6, 4, 3][self.loops.min(2)];
        if self.one_in(2) {
            let rounds = self.program.rng.range(1, most) as i32;
            self.emit(Instruction::I32Const(rounds));
        } else {
            self.expr(ValType::I32, 1);
            self.emit(Instruction::I32Const(3));
            self.emit(Instruction::I32And);
            self.emit(Instruction::I32Const(1));
            self.emit(Instruction::I32Add);
        }
        self.emit(Instruction::LocalSet(counter));
        counter
    }

    /// Counts down; what is on the stack says whether to go on.
    fn count(&mut self, counter: u32) {
        self.emit(Instruction::LocalGet(counter));
        self.emit(Instruction::I32Const(1));
        self.emit(Instruction::I32Sub);
        self.emit(Instruction::LocalTee(counter));
    }

    /// A loop that counts, and may be left early.
    pub(super) fn counted_loop(&mut self) {
        let counter = self.counter();
        let leaves = self.one_in(3);
        if leaves {
            self.emit(Instruction::Block(BlockType::Empty));
        }
        self.emit(Instruction::Loop(BlockType::Empty));
        self.loops += 1;
        self.inner();
        if leaves {
            self.expr(ValType::I32, 2);
            self.emit(Instruction::BrIf(1));
            self.inner();
        }
        self.loops -= 1;
        self.count(counter);
        self.emit(Instruction::BrIf(0));
        self.emit(Instruction::End);
        if leaves {
            self.emit(Instruction::End);
        }
    }

    /// A loop through memory, as one over an array.
    pub(super) fn walk(&mut self) {
        use Instruction as I;
        let (at, end) = (self.local(ValType::I32), self.local(ValType::I32));
        let step = self.program.rng.pick(&[1, 2, 4, 8]);
        self.expr(ValType::I32, 2);
        self.emit(I::I32Const(0xfff8));
        self.emit(I::I32And);
        self.emit(I::LocalTee(at));
        let len = self.program.rng.range(1, 20) as i32 * step;
        self.emit(I::I32Const(len));
        self.emit(I::I32Add);
        self.emit(I::LocalSet(end));
        let sum = self.target(ValType::I32);
        self.emit(I::Loop(BlockType::Empty));
        let mut memarg = self.memarg();
        memarg.offset &= 0xff;
        memarg.align = 0;
        self.emit(I::LocalGet(at));
        self.emit(I::LocalGet(at));
        self.emit(if step == 1 { I::I32Load8U(memarg) } else { I::I32Load16S(memarg) });
        self.emit(I::LocalGet(sum));
        let mix = self.program.rng.pick(&[0, 1, 2]);
        self.emit(nth([I::I32Add, I::I32Xor, I::I32Rotl], mix));
        self.emit(I::LocalTee(sum));
        self.emit(if step < 4 { I::I32Store8(memarg) } else { I::I32Store(memarg) });
        self.emit(I::LocalGet(at));
        self.emit(I::I32Const(step));
        self.emit(I::I32Add);
        self.emit(I::LocalTee(at));
        self.emit(I::LocalGet(end));
        let equal = self.one_in(2);
        self.emit(if equal { I::I32Ne } else { I::I32LtU });
        self.emit(I::BrIf(0));
        self.emit(I::End);
    }

    /// A loop whose values change places each time: parallel moves with cycles at its head.
    pub(super) fn loop_with_params(&mut self) {
        let n = self.program.rng.range(1, 6);
        let types = self.program.types_of(n);
        let counter = self.counter();
        let locals: Vec<u32> = types.iter().map(|ty| self.local(*ty)).collect();
        for ty in &types {
            self.expr(*ty, 2);
        }
        let block = self.program.block_type(&types, &types);
        self.emit(Instruction::Loop(block));
        for local in locals.iter().rev() {
            self.emit(Instruction::LocalSet(*local));
        }
        self.loops += 1;
        self.inner();
        self.loops -= 1;
        for (k, ty) in types.iter().enumerate() {
            // The next of the same type, or itself with a change now and then.
            let next = (1..=n).map(|d| (k + d) % n).find(|m| types[*m] == *ty).unwrap_or(k);
            if self.one_in(5) {
                self.expr(*ty, 2);
            } else {
                self.emit(Instruction::LocalGet(locals[next]));
            }
        }
        self.count(counter);
        self.emit(Instruction::BrIf(0));
        self.emit(Instruction::End);
        self.take(&types);
    }

    /// A switch over blocks, from which each case falls into the next or leaves.
    pub(super) fn switch(&mut self) {
        let cases = self.program.rng.range(1, 7);
        for _ in 0..=cases {
            self.emit(Instruction::Block(BlockType::Empty));
        }
        self.expr(ValType::I32, 2);
        if !self.one_in(4) {
            self.emit(Instruction::I32Const(7));
            self.emit(Instruction::I32And);
        }
        let targets = (0..self.below(9)).map(|_| self.below(cases + 1) as u32).collect::<Vec<_>>();
        let default = self.below(cases + 1) as u32;
        self.emit(Instruction::BrTable(targets.into(), default));
        for case in 0..cases {
            self.emit(Instruction::End);
            self.inner();
            if !self.one_in(3) {
                self.emit(Instruction::Br((cases - case - 1) as u32));
            }
        }
        self.emit(Instruction::End);
    }

    /// A switch that takes a value along.
    pub(super) fn switch_with_value(&mut self) {
        let n = self.program.rng.range(1, 3);
        let types = self.program.types_of(n);
        let cases = self.program.rng.range(1, 5);
        let block = self.program.block_type(&[], &types);
        for _ in 0..cases {
            self.emit(Instruction::Block(block));
        }
        for ty in &types {
            self.expr(*ty, 2);
        }
        self.expr(ValType::I32, 2);
        let targets = (0..self.below(6)).map(|_| self.below(cases) as u32).collect::<Vec<_>>();
        let default = self.below(cases) as u32;
        self.emit(Instruction::BrTable(targets.into(), default));
        for case in 0..cases {
            self.emit(Instruction::End);
            self.take(&types);
            self.inner();
            for ty in &types {
                self.expr(*ty, 1);
            }
            if case + 1 < cases && self.one_in(3) {
                self.expr(ValType::I32, 1);
                let to = self.below(cases - case - 1) as u32;
                self.emit(Instruction::BrIf(to));
            }
        }
        self.take(&types);
    }

    /// Nested blocks with parameters and results, left from within by branches with values.
    pub(super) fn blocks_with_values(&mut self) {
        let (n, m) = (self.program.rng.range(1, 4), self.program.rng.range(1, 4));
        let (params, results) = (self.program.types_of(n), self.program.types_of(m));
        for ty in &params {
            self.expr(*ty, 2);
        }
        let outer = self.program.block_type(&params, &results);
        let inner = self.program.block_type(&[], &results);
        self.emit(Instruction::Block(outer));
        self.take(&params);
        self.emit(Instruction::Block(inner));
        for _ in 0..2 {
            for ty in &results {
                self.expr(*ty, 2);
            }
            self.expr(ValType::I32, 2);
            let to = self.below(2) as u32;
            self.emit(Instruction::BrIf(to));
            self.take(&results);
            self.inner();
        }
        for ty in &results {
            self.expr(*ty, 2);
        }
        self.emit(Instruction::End);
        self.emit(Instruction::End);
        self.take(&results);
    }

    /// Many values at once, on the stack or in locals; at times more than there are registers.
    pub(super) fn wide(&mut self) {
        let most = self.program.rng.pick(&[20, 100, 230, 280]);
        let n = self.program.rng.range(10, most);
        let ty = if self.one_in(2) { ValType::I32 } else { ValType::I64 };
        if self.one_in(2) {
            for _ in 0..n {
                self.expr(ty, 1);
            }
        } else {
            let locals: Vec<u32> = (0..n).map(|_| self.local(ty)).collect();
            for local in &locals {
                self.expr(ty, 1);
                self.emit(Instruction::LocalSet(*local));
            }
            self.inner();
            for local in &locals {
                self.emit(Instruction::LocalGet(*local));
            }
        }
        for _ in 1..n {
            let op = self.binary(ty, false);
            self.emit(op);
        }
        self.take(&[ty]);
    }
}
