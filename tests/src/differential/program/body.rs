//! The body of a function: its statements.

use wasm_encoder::{Function, Instruction, MemArg, ValType};
use xmap_abi::{Cost, HostFunction};

use super::{Program, Signature, val_type};

/// A body that is being written.
pub(super) struct Body<'p, 'r> {
    pub(super) program: &'p mut Program<'r>,
    pub(super) code: Vec<Instruction<'static>>,
    /// Parameters and locals.
    pub(super) locals: Vec<ValType>,
    /// Locals that statements may change: all but counters.
    assignable: Vec<u32>,
    /// Results of the function, for `return`.
    results: Vec<ValType>,
    /// Statements that may still be written.
    pub(super) budget: usize,
    /// Loops and branches around this place.
    pub(super) depth: usize,
    /// Loops around this place: their counts multiply.
    pub(super) loops: usize,
    /// Locals that hold floats while they are made canonical.
    pub(super) scratch: [Option<u32>; 2],
}

impl<'p, 'r> Body<'p, 'r> {
    /// Writes the body of a function of this type.
    pub(super) fn write(program: &'p mut Program<'r>, signature: &Signature) -> Function {
        let (params, results) = signature;
        let mut locals = params.clone();
        let own = program.rng.range(1, 8);
        locals.extend(program.types_of(own));
        let assignable = (0..locals.len() as u32).collect();
        let budget = program.rng.pick(&[2, 5, 10, 25]);
        let results = results.clone();
        let mut body = Self {
            program,
            code: Vec::new(),
            locals,
            assignable,
            results,
            budget,
            depth: 0,
            loops: 0,
            scratch: [None; 2],
        };
        while body.budget > 0 {
            body.statement();
        }
        body.push_results();
        body.emit(Instruction::End);
        let own = body.locals[params.len()..].iter().map(|ty| (1, *ty));
        let mut function = Function::new(own);
        body.code.iter().for_each(|instruction| _ = function.instruction(instruction));
        function
    }

    pub(super) fn emit(&mut self, instruction: Instruction<'static>) {
        self.code.push(instruction);
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.program.rng.below(n)
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.program.rng.one_in(n)
    }

    /// A local of its own that statements do not change.
    pub(super) fn local(&mut self, ty: ValType) -> u32 {
        self.locals.push(ty);
        self.locals.len() as u32 - 1
    }

    /// A local that statements may change.
    pub(super) fn target(&mut self, ty: ValType) -> u32 {
        let of: Vec<u32> =
            self.assignable.iter().copied().filter(|local| self.locals[*local as usize] == ty).collect();
        match of.len() {
            0 => {
                let local = self.local(ty);
                self.assignable.push(local);
                local
            }
            n => of[self.below(n)],
        }
    }

    /// Takes values of these types from the stack into locals.
    pub(super) fn take(&mut self, types: &[ValType]) {
        for ty in types.iter().rev() {
            let local = self.target(*ty);
            self.emit(Instruction::LocalSet(local));
        }
    }

    fn push_results(&mut self) {
        for ty in self.results.clone() {
            self.expr(ty, 3);
        }
    }

    /// Some statements within a block.
    pub(super) fn inner(&mut self) {
        self.depth += 1;
        for _ in 0..self.program.rng.range(1, 3) {
            self.statement();
        }
        self.depth -= 1;
    }

    /// One statement.
    pub(super) fn statement(&mut self) {
        self.budget = self.budget.saturating_sub(1);
        let nests = self.depth < 4 && self.budget > 0;
        match self.below(if nests { 22 } else { 12 }) {
            0..4 => self.assign(),
            4 => self.set_global(),
            5..8 => self.store(),
            8 => self.call(),
            9 => self.native(),
            10 => match self.below(6) {
                0 => self.grow(),
                1 if self.depth > 0 => self.leave(),
                2 => self.wide(),
                _ => self.bulk(),
            },
            11 => self.rotate(),
            12..15 => self.branch(),
            15..=18 if !self.program.features.loops => self.blocks_with_values(),
            15 | 16 => self.counted_loop(),
            17 => self.walk(),
            18 => self.loop_with_params(),
            19 => self.switch(),
            20 => self.switch_with_value(),
            _ => self.blocks_with_values(),
        }
    }

    fn assign(&mut self) {
        let ty = self.program.ty();
        let depth = self.program.rng.range(1, 5);
        self.expr(ty, depth);
        let local = self.target(ty);
        self.emit(Instruction::LocalSet(local));
    }

    fn set_global(&mut self) {
        let of: Vec<u32> = (0..).zip(&self.program.globals).filter(|(_, g)| g.1).map(|(n, _)| n).collect();
        if of.is_empty() {
            return self.assign();
        }
        let global = self.program.rng.pick(&of);
        self.expr(self.program.globals[global as usize].0, 3);
        self.emit(Instruction::GlobalSet(global));
    }

    fn store(&mut self) {
        use Instruction as I;
        let floats = if self.program.features.floats { 9 } else { 7 };
        let (make, ty): (fn(MemArg) -> I<'static>, ValType) = [
            (I::I32Store as fn(MemArg) -> I<'static>, ValType::I32),
            (I::I32Store8, ValType::I32),
            (I::I32Store16, ValType::I32),
            (I::I64Store, ValType::I64),
            (I::I64Store8, ValType::I64),
            (I::I64Store16, ValType::I64),
            (I::I64Store32, ValType::I64),
            (I::F32Store, ValType::F32),
            (I::F64Store, ValType::F64),
        ][self.below(floats)];
        self.address(2);
        self.expr(ty, 3);
        let memarg = self.memarg();
        self.emit(make(memarg));
    }

    /// A call of a function before this one, or through the table.
    fn call(&mut self) {
        let count = self.program.functions.len();
        if count == 0 || self.loops > 1 {
            return self.assign();
        }
        let n = self.below(count);
        let (params, results) = self.program.functions[n].clone();
        for ty in &params {
            self.expr(*ty, 2);
        }
        let function = self.program.imports + n as u32;
        let slots = self.program.table.len();
        if slots != 0 && self.one_in(2) {
            let type_index = self.program.type_index(&params, &results);
            match self.one_in(4) {
                true => {
                    self.expr(ValType::I32, 1);
                    self.emit(Instruction::I32Const(3));
                    self.emit(Instruction::I32And);
                }
                false => {
                    let slot =
                        self.program.table.iter().position(|f| *f == function).map_or(0, |slot| slot + 1);
                    self.emit(Instruction::I32Const(slot as i32));
                }
            }
            self.emit(Instruction::CallIndirect { type_index, table_index: 0 });
        } else {
            self.emit(Instruction::Call(function));
        }
        self.take(&results);
    }

    /// A call of a host function with arguments that it takes, mostly.
    fn native(&mut self) {
        if self.program.imports == 0 {
            return self.assign();
        }
        let function = self.below(HostFunction::ALL.len());
        let row = HostFunction::ALL[function].row();
        // A module without a manifest has no device on a bus.
        if super::super::is_of_a_device(row) {
            return self.assign();
        }
        // A range of memory that is there, mostly.
        let range = match row.cost {
            Cost::Range { start, len, .. } => [start, len].map(usize::from),
            Cost::Fixed | Cost::Wait { .. } | Cost::Transfer { .. } => [usize::MAX; 2],
        };
        for (param, ty) in row.params.iter().map(|param| val_type(param.ty)).enumerate() {
            match (row.module, row.name, param) {
                ("gpio", "write" | "read", 0) => self.emit(Instruction::I32Const(0)),
                ("gpio", "write", _) => self.masked(0x0fff_3ffc),
                ("gpio", "pull", 1) => {
                    let mask = if self.one_in(8) { 3 } else { 1 };
                    self.masked(mask);
                }
                // A line: constant, or with some that are not declared.
                ("gpio", _, 0) if self.one_in(2) => {
                    // Not the link's.
                    let line = match self.program.rng.range(2, 27) as i32 {
                        14 | 15 => 16,
                        line => line,
                    };
                    self.emit(Instruction::I32Const(line));
                }
                ("gpio", _, 0) if self.one_in(8) => self.masked(31),
                ("gpio", _, 0) => {
                    self.masked(15);
                    self.emit(Instruction::I32Const(4));
                    self.emit(Instruction::I32Add);
                }
                ("time", _, 0) => self.masked(0xfff),
                (.., param) if param == range[0] => self.masked(0xffc),
                (.., param) if param == range[1] => self.masked(7),
                _ => self.expr(ty, 1),
            }
        }
        self.emit(Instruction::Call(function as u32));
        self.take(&row.results.iter().map(|ty| val_type(*ty)).collect::<Vec<_>>());
    }

    fn masked(&mut self, mask: i32) {
        self.expr(ValType::I32, 2);
        self.emit(Instruction::I32Const(mask));
        self.emit(Instruction::I32And);
    }

    fn grow(&mut self) {
        self.masked(3);
        self.emit(Instruction::MemoryGrow(0));
        self.take(&[ValType::I32]);
    }

    /// `memory.fill`, `memory.copy`, `memory.init` or `data.drop`.
    fn bulk(&mut self) {
        if !self.program.features.bulk_memory {
            return self.store();
        }
        match self.below(if self.program.passive == 0 { 2 } else { 5 }) {
            0 => {
                self.address(2);
                self.expr(ValType::I32, 2);
                self.masked(0x1ff);
                self.emit(Instruction::MemoryFill(0));
            }
            1 => {
                self.address(2);
                self.address(2);
                self.masked(0x1ff);
                self.emit(Instruction::MemoryCopy { src_mem: 0, dst_mem: 0 });
            }
            kind => {
                let data_index = self.below(self.program.passive as usize) as u32;
                if kind == 2 && self.one_in(4) {
                    return self.emit(Instruction::DataDrop(data_index));
                }
                self.address(2);
                self.masked(15);
                self.masked(15);
                self.emit(Instruction::MemoryInit { mem: 0, data_index });
            }
        }
    }

    /// Leaves the function or traps, if something holds.
    fn leave(&mut self) {
        self.expr(ValType::I32, 2);
        self.emit(Instruction::If(wasm_encoder::BlockType::Empty));
        if self.one_in(3) {
            self.emit(Instruction::Unreachable);
        } else {
            self.push_results();
            self.emit(Instruction::Return);
        }
        self.emit(Instruction::End);
    }

    /// Locals of one type change places, all at once.
    fn rotate(&mut self) {
        let ty = self.program.ty();
        let n = self.program.rng.range(2, 5);
        let locals: Vec<u32> = (0..n).map(|_| self.target(ty)).collect();
        for local in &locals {
            self.emit(Instruction::LocalGet(*local));
        }
        let by = self.below(n);
        for k in 0..n {
            self.emit(Instruction::LocalSet(locals[(k + by) % n]));
        }
    }
}
