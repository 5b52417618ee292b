//! Expressions: instructions that leave one value.

use wasm_encoder::{Instruction as I, ValType};

use super::body::Body;

impl Body<'_, '_> {
    /// Leaves a value of a type; `depth` bounds how deep the expression nests.
    pub(super) fn expr(&mut self, ty: ValType, depth: usize) {
        if depth == 0 || self.one_in(5) {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        match self.below(12) {
            0 => self.choice(ty, depth),
            1 => self.conditional(ty, depth),
            2 => {
                self.address(depth);
                let load = self.load(ty);
                self.emit(load);
            }
            3 => {
                self.expr(ty, depth);
                let local = self.target(ty);
                self.emit(I::LocalTee(local));
            }
            4 => self.block(ty, depth),
            5 => self.called(ty, depth),
            _ => match ty {
                ValType::F32 | ValType::F64 => self.float(ty, depth),
                _ => self.integer(ty, depth),
            },
        }
    }

    /// A constant, a local or a global.
    pub(super) fn leaf(&mut self, ty: ValType) {
        // Where floats are made canonical, what is not so yet must not be seen.
        let seen = |n: &u32| self.locals[*n as usize] == ty && !self.scratch.contains(&Some(*n));
        let locals: Vec<u32> = (0..self.locals.len() as u32).filter(seen).collect();
        let globals = (0..).zip(&self.program.globals).filter(|(_, g)| g.0 == ty).map(|(n, _)| n);
        let globals: Vec<u32> = globals.collect();
        match self.below(8) {
            0..5 if !locals.is_empty() => {
                let local = self.program.rng.pick(&locals);
                self.emit(I::LocalGet(local));
            }
            5 if !globals.is_empty() => {
                let global = self.program.rng.pick(&globals);
                self.emit(I::GlobalGet(global));
            }
            _ => {
                let rng = &mut *self.program.rng;
                let constant = match ty {
                    ValType::I64 => I::I64Const(rng.integer() as i64),
                    ValType::F32 => I::F32Const(rng.f32().into()),
                    ValType::F64 => I::F64Const(rng.f64().into()),
                    _ => I::I32Const(rng.integer() as i32),
                };
                self.emit(constant);
            }
        }
    }

    /// An address: within the memory, mostly.
    pub(super) fn address(&mut self, depth: usize) {
        self.expr(ValType::I32, depth);
        if !self.one_in(24) {
            let mask = self.program.rng.pick(&[0x3f, 0xff, 0xffc, 0xfff0]);
            self.emit(I::I32Const(mask));
            self.emit(I::I32And);
        }
    }

    fn integer(&mut self, ty: ValType, depth: usize) {
        let other = if ty == ValType::I32 { ValType::I64 } else { ValType::I32 };
        match self.below(10) {
            0 => {
                self.expr(ty, depth);
                let op = self.unary(ty);
                self.emit(op);
            }
            1 if ty == ValType::I32 => {
                let of = self.program.ty();
                self.compare(of, depth);
            }
            1 => {
                self.expr(other, depth);
                let signed = self.one_in(2);
                self.emit(if signed { I::I64ExtendI32S } else { I::I64ExtendI32U });
            }
            2 if ty == ValType::I32 => {
                self.expr(other, depth);
                let wraps = self.one_in(2);
                self.emit(if wraps { I::I32WrapI64 } else { I::I64Eqz });
            }
            3 if ty == ValType::I32 && self.one_in(4) => self.emit(I::MemorySize(0)),
            4 if self.program.features.floats => self.integer_of(ty, depth),
            5 => self.narrow(ty, depth),
            _ => {
                self.expr(ty, depth);
                self.expr(ty, depth);
                let op = self.binary(ty, true);
                let divides = matches!(
                    op,
                    I::I32DivS
                        | I::I32DivU
                        | I::I32RemS
                        | I::I32RemU
                        | I::I64DivS
                        | I::I64DivU
                        | I::I64RemS
                        | I::I64RemU
                );
                if divides && !self.one_in(12) {
                    self.emit(if ty == ValType::I32 { I::I32Const(1) } else { I::I64Const(1) });
                    self.emit(if ty == ValType::I32 { I::I32Or } else { I::I64Or });
                }
                self.emit(op);
            }
        }
    }

    /// Makes what compilers make of narrow types: values whose range is known, and what such a range decides.
    fn narrow(&mut self, ty: ValType, depth: usize) {
        let wide = ty == ValType::I64;
        let constant = |n: i64| if wide { I::I64Const(n) } else { I::I32Const(n as i32) };
        let mask = self.program.rng.pick(&[1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff]);
        self.expr(ty, depth);
        self.emit(constant(mask));
        self.emit(if wide { I::I64And } else { I::I32And });
        match self.below(5) {
            0 => {
                let op = self.unary(ty);
                self.emit(op);
            }
            1 => {
                // At the end of the range, or just outside.
                let bound = self.program.rng.pick(&[mask, mask + 1, mask / 2, mask / 2 + 1, 0, -1]);
                self.emit(constant(bound));
                let op = self.comparison(ty);
                self.emit(op);
                if wide {
                    self.emit(I::I64ExtendI32U);
                }
            }
            2 => {
                let by = self.program.rng.pick(&[8, 16, 24, 31, 32, 48, 56, 63]);
                self.emit(constant(by));
                self.emit(if wide { I::I64Shl } else { I::I32Shl });
                self.emit(constant(by));
                let signed = self.one_in(2);
                self.emit(match (wide, signed) {
                    (true, true) => I::I64ShrS,
                    (true, false) => I::I64ShrU,
                    (false, true) => I::I32ShrS,
                    (false, false) => I::I32ShrU,
                });
            }
            _ => {
                // By a power of two, or nearly.
                let by = self.program.rng.pick(&[2, 4, 7, 8, 0x100, -1]);
                self.emit(constant(by));
                let op = self.binary(ty, true);
                self.emit(op);
            }
        }
    }

    /// A comparison of two values of any type.
    fn compare(&mut self, ty: ValType, depth: usize) {
        self.expr(ty, depth);
        self.expr(ty, depth);
        let op = match ty {
            ValType::F32 | ValType::F64 => self.float_comparison(ty),
            _ => self.comparison(ty),
        };
        self.emit(op);
    }

    /// `select`.
    fn choice(&mut self, ty: ValType, depth: usize) {
        self.expr(ty, depth);
        self.expr(ty, depth);
        self.expr(ValType::I32, depth);
        self.emit(I::Select);
    }

    /// `if` with a result.
    fn conditional(&mut self, ty: ValType, depth: usize) {
        self.expr(ValType::I32, depth);
        self.emit(I::If(wasm_encoder::BlockType::Result(ty)));
        self.expr(ty, depth);
        self.emit(I::Else);
        self.expr(ty, depth);
        self.emit(I::End);
    }

    /// A block that is left with one of two values.
    fn block(&mut self, ty: ValType, depth: usize) {
        self.emit(I::Block(wasm_encoder::BlockType::Result(ty)));
        self.expr(ty, depth);
        self.expr(ValType::I32, depth);
        self.emit(I::BrIf(0));
        if self.one_in(2) {
            self.emit(I::Drop);
            self.expr(ty, depth);
        } else {
            let local = self.target(ty);
            self.emit(I::LocalTee(local));
        }
        self.emit(I::End);
    }

    /// A call with one result of this type, if there is such a function.
    fn called(&mut self, ty: ValType, depth: usize) {
        let functions = (0..).zip(&self.program.functions).filter(|(_, f)| f.1 == [ty]).map(|(n, _)| n);
        let functions: Vec<u32> = functions.collect();
        if functions.is_empty() || self.loops > 1 || depth > 2 {
            return self.leaf(ty);
        }
        let n = self.program.rng.pick(&functions);
        for ty in self.program.functions[n as usize].0.clone() {
            self.expr(ty, depth);
        }
        self.emit(I::Call(self.program.imports + n));
    }
}
