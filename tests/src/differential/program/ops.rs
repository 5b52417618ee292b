//! Instructions by their types.

use wasm_encoder::{Instruction as I, MemArg, MemArgTarget, ValType};

use super::body::Body;

/// One of several by its position, which exists.
pub(super) fn nth<T, const N: usize>(of: [T; N], n: usize) -> T {
    of.into_iter().nth(n).expect("the position is below the number")
}

impl Body<'_, '_> {
    /// An instruction that takes two values of a type; with `divisions` it may be one that traps.
    pub(super) fn binary(&mut self, ty: ValType, divisions: bool) -> I<'static> {
        let n = self.below(if divisions { 15 } else { 11 });
        if ty == ValType::I64 {
            return nth(
                [
                    I::I64Add,
                    I::I64Sub,
                    I::I64Mul,
                    I::I64And,
                    I::I64Or,
                    I::I64Xor,
                    I::I64Shl,
                    I::I64ShrS,
                    I::I64ShrU,
                    I::I64Rotl,
                    I::I64Rotr,
                    I::I64DivS,
                    I::I64DivU,
                    I::I64RemS,
                    I::I64RemU,
                ],
                n,
            );
        }
        nth(
            [
                I::I32Add,
                I::I32Sub,
                I::I32Mul,
                I::I32And,
                I::I32Or,
                I::I32Xor,
                I::I32Shl,
                I::I32ShrS,
                I::I32ShrU,
                I::I32Rotl,
                I::I32Rotr,
                I::I32DivS,
                I::I32DivU,
                I::I32RemS,
                I::I32RemU,
            ],
            n,
        )
    }

    /// An instruction that takes one value of a type.
    pub(super) fn unary(&mut self, ty: ValType) -> I<'static> {
        if ty == ValType::I64 {
            let n = self.below(6);
            return nth(
                [I::I64Clz, I::I64Ctz, I::I64Popcnt, I::I64Extend8S, I::I64Extend16S, I::I64Extend32S],
                n,
            );
        }
        let n = self.below(6);
        nth([I::I32Clz, I::I32Ctz, I::I32Popcnt, I::I32Extend8S, I::I32Extend16S, I::I32Eqz], n)
    }

    /// A comparison of two values of a type.
    pub(super) fn comparison(&mut self, ty: ValType) -> I<'static> {
        let n = self.below(10);
        if ty == ValType::I64 {
            return nth(
                [
                    I::I64Eq,
                    I::I64Ne,
                    I::I64LtS,
                    I::I64LtU,
                    I::I64GtS,
                    I::I64GtU,
                    I::I64LeS,
                    I::I64LeU,
                    I::I64GeS,
                    I::I64GeU,
                ],
                n,
            );
        }
        nth(
            [
                I::I32Eq,
                I::I32Ne,
                I::I32LtS,
                I::I32LtU,
                I::I32GtS,
                I::I32GtU,
                I::I32LeS,
                I::I32LeU,
                I::I32GeS,
                I::I32GeU,
            ],
            n,
        )
    }

    /// A load of a type.
    pub(super) fn load(&mut self, ty: ValType) -> I<'static> {
        type Make = fn(MemArg) -> I<'static>;
        const I32: [Make; 5] = [I::I32Load, I::I32Load8S, I::I32Load8U, I::I32Load16S, I::I32Load16U];
        const I64: [Make; 7] = [
            I::I64Load,
            I::I64Load8S,
            I::I64Load8U,
            I::I64Load16S,
            I::I64Load16U,
            I::I64Load32S,
            I::I64Load32U,
        ];
        let make = match ty {
            ValType::I64 => self.program.rng.pick(&I64),
            ValType::F32 => I::F32Load,
            ValType::F64 => I::F64Load,
            _ => self.program.rng.pick(&I32),
        };
        make(self.memarg())
    }

    /// An offset: small, mostly.
    pub(super) fn memarg(&mut self) -> MemArg {
        let offset = match self.below(24) {
            0 => 0xffff_fff8,
            1 => 0xfff8 + self.below(16) as u64,
            2..8 => self.below(300) as u64,
            _ => 0,
        };
        MemArg { offset, align: 0, target: MemArgTarget::Memory(0), ordering: None }
    }
}
