//! Expressions with floats. The specification lets an engine choose the payload of a NaN that
//! arithmetic makes; so a NaN is made canonical behind each such instruction.

use wasm_encoder::{Instruction as I, ValType};

use super::body::Body;
use super::ops::nth;

impl Body<'_, '_> {
    /// Leaves a float.
    pub(super) fn float(&mut self, ty: ValType, depth: usize) {
        let wide = ty == ValType::F64;
        match self.below(8) {
            // These move bits and change at most the sign.
            0 => {
                self.expr(ty, depth);
                let negate = self.one_in(2);
                self.emit(match (wide, negate) {
                    (true, true) => I::F64Neg,
                    (true, false) => I::F64Abs,
                    (false, true) => I::F32Neg,
                    (false, false) => I::F32Abs,
                });
                return;
            }
            1 => {
                self.expr(if wide { ValType::I64 } else { ValType::I32 }, depth);
                self.emit(if wide { I::F64ReinterpretI64 } else { I::F32ReinterpretI32 });
                return;
            }
            2 => {
                self.expr(ty, depth);
                self.expr(ty, depth);
                self.emit(if wide { I::F64Copysign } else { I::F32Copysign });
                return;
            }
            3 => {
                self.expr(ty, depth);
                let n = self.below(5);
                self.emit(if wide {
                    nth([I::F64Ceil, I::F64Floor, I::F64Trunc, I::F64Nearest, I::F64Sqrt], n)
                } else {
                    nth([I::F32Ceil, I::F32Floor, I::F32Trunc, I::F32Nearest, I::F32Sqrt], n)
                });
            }
            4 => self.float_of(ty, depth),
            _ => {
                self.expr(ty, depth);
                self.expr(ty, depth);
                let n = self.below(6);
                self.emit(if wide {
                    nth([I::F64Add, I::F64Sub, I::F64Mul, I::F64Div, I::F64Min, I::F64Max], n)
                } else {
                    nth([I::F32Add, I::F32Sub, I::F32Mul, I::F32Div, I::F32Min, I::F32Max], n)
                });
            }
        }
        self.canonical(ty);
    }

    /// Makes a NaN on the stack canonical.
    fn canonical(&mut self, ty: ValType) {
        let wide = ty == ValType::F64;
        let local = self.scratch[usize::from(wide)].unwrap_or_else(|| self.local(ty));
        self.scratch[usize::from(wide)] = Some(local);
        self.emit(I::LocalTee(local));
        self.emit(if wide {
            I::F64Const(f64::from_bits(0x7ff8_0000_0000_0000).into())
        } else {
            I::F32Const(f32::from_bits(0x7fc0_0000).into())
        });
        self.emit(I::LocalGet(local));
        self.emit(I::LocalGet(local));
        self.emit(if wide { I::F64Eq } else { I::F32Eq });
        self.emit(I::Select);
    }

    /// A conversion from any other type.
    fn float_of(&mut self, ty: ValType, depth: usize) {
        let wide = ty == ValType::F64;
        let (from, op) = match (self.below(5), wide) {
            (0, true) => (ValType::F32, I::F64PromoteF32),
            (0, false) => (ValType::F64, I::F32DemoteF64),
            (1, true) => (ValType::I32, I::F64ConvertI32S),
            (1, false) => (ValType::I32, I::F32ConvertI32S),
            (2, true) => (ValType::I32, I::F64ConvertI32U),
            (2, false) => (ValType::I32, I::F32ConvertI32U),
            (3, true) => (ValType::I64, I::F64ConvertI64S),
            (3, false) => (ValType::I64, I::F32ConvertI64S),
            (_, true) => (ValType::I64, I::F64ConvertI64U),
            (_, false) => (ValType::I64, I::F32ConvertI64U),
        };
        self.expr(from, depth);
        self.emit(op);
    }

    /// An integer from a float: its bits, or its value without a fraction.
    pub(super) fn integer_of(&mut self, ty: ValType, depth: usize) {
        let narrow = ty == ValType::I32;
        if self.one_in(3) {
            self.expr(if narrow { ValType::F32 } else { ValType::F64 }, depth);
            return self.emit(if narrow { I::I32ReinterpretF32 } else { I::I64ReinterpretF64 });
        }
        let wide = self.one_in(2);
        self.expr(if wide { ValType::F64 } else { ValType::F32 }, depth);
        let signed = self.one_in(2);
        // The others trap, so that calls would seldom come far.
        let saturates = self.program.features.saturating && !self.one_in(8);
        self.emit(match (saturates, narrow, wide, signed) {
            (true, true, true, true) => I::I32TruncSatF64S,
            (true, true, true, false) => I::I32TruncSatF64U,
            (true, true, false, true) => I::I32TruncSatF32S,
            (true, true, false, false) => I::I32TruncSatF32U,
            (true, false, true, true) => I::I64TruncSatF64S,
            (true, false, true, false) => I::I64TruncSatF64U,
            (true, false, false, true) => I::I64TruncSatF32S,
            (true, false, false, false) => I::I64TruncSatF32U,
            (false, true, true, true) => I::I32TruncF64S,
            (false, true, true, false) => I::I32TruncF64U,
            (false, true, false, true) => I::I32TruncF32S,
            (false, true, false, false) => I::I32TruncF32U,
            (false, false, true, true) => I::I64TruncF64S,
            (false, false, true, false) => I::I64TruncF64U,
            (false, false, false, true) => I::I64TruncF32S,
            (false, false, false, false) => I::I64TruncF32U,
        });
    }

    /// A comparison of two floats.
    pub(super) fn float_comparison(&mut self, ty: ValType) -> I<'static> {
        let n = self.below(6);
        if ty == ValType::F64 {
            return nth([I::F64Eq, I::F64Ne, I::F64Lt, I::F64Gt, I::F64Le, I::F64Ge], n);
        }
        nth([I::F32Eq, I::F32Ne, I::F32Lt, I::F32Gt, I::F32Le, I::F32Ge], n)
    }
}
