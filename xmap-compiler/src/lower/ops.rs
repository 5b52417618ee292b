//! Instructions that take operands from the stack and leave a result there: one table.

use wasmparser::{MemArg, Operator};

use xmap_image::{Field, Fields, Op};

use super::Lowering;
use crate::ir::Width::{self, W32, W64};
use crate::ir::{Binary, Compare, Kind, Load, Store, Unary};

impl Lowering<'_, '_> {
    /// Lowers an instruction of the table; false where it is not there.
    pub(super) fn simple(&mut self, op: &Operator<'_>) -> bool {
        if let Some((op, width)) = binary(op) {
            let args = self.pop_two();
            self.push_inst(Kind::Binary(op, width), args.to_vec());
        } else if let Some((compare, width, exchange)) = compare(op) {
            let [a, b] = self.pop_two();
            let args = if exchange { vec![b, a] } else { vec![a, b] };
            self.push_inst(Kind::Compare(compare, width), args);
        } else if let Some(unary) = unary(op) {
            let arg = self.pop();
            self.push_inst(Kind::Unary(unary), vec![arg]);
        } else if let Some((load, memarg)) = load(op) {
            let address = self.pop();
            self.push_inst(Kind::Load(load, memarg.offset as u32), vec![address]);
        } else if let Some((store, memarg)) = store(op) {
            let args = self.pop_two();
            self.inst(Kind::Store(store, memarg.offset as u32), args.to_vec(), 0);
        } else if let Some((op, exchange)) = float(op) {
            self.float(op, exchange);
        } else if let Some(changed) = self.bits(op) {
            return changed;
        } else {
            match op {
                Operator::I32Eqz | Operator::I64Eqz => {
                    let width = if matches!(op, Operator::I32Eqz) { W32 } else { W64 };
                    let arg = self.pop();
                    let zero = self.func.constant(0);
                    self.push_inst(Kind::Compare(Compare::Eq, width), vec![arg, zero]);
                }
                Operator::MemorySize { .. } => self.push_inst(Kind::MemorySize, Vec::new()),
                Operator::MemoryGrow { .. } => {
                    let pages = self.pop();
                    self.push_inst(Kind::MemoryGrow, vec![pages]);
                }
                _ => return self.bulk(op),
            }
        }
        true
    }

    /// A float op of one operand or two.
    fn float(&mut self, op: Op, exchange: bool) {
        let two = matches!(op.shape().fields, Fields::Abc(_, _, Field::Use));
        let mut args = self.pop_many(if two { 2 } else { 1 });
        if exchange {
            args.reverse();
        }
        self.push_inst(plain(op), args);
    }

    /// Operations on the bits of floats: signs, constants and reinterpretations, which are no op at
    /// all. True where the instruction was one.
    fn bits(&mut self, op: &Operator<'_>) -> Option<bool> {
        const SIGN_32: u64 = 1 << 31;
        const SIGN_64: u64 = 1 << 63;
        match op {
            Operator::F32Const { value } => self.push_constant(u64::from(value.bits())),
            Operator::F64Const { value } => self.push_constant(value.bits()),
            Operator::I32ReinterpretF32
            | Operator::I64ReinterpretF64
            | Operator::F32ReinterpretI32
            | Operator::F64ReinterpretI64 => {}
            Operator::F32Abs => self.with_constant(Binary::And, W32, SIGN_32 - 1),
            Operator::F64Abs => self.with_constant(Binary::And, W64, SIGN_64 - 1),
            Operator::F32Neg => self.with_constant(Binary::Xor, W32, SIGN_32),
            Operator::F64Neg => self.with_constant(Binary::Xor, W64, SIGN_64),
            Operator::F32Copysign => self.copysign(W32, SIGN_32),
            Operator::F64Copysign => self.copysign(W64, SIGN_64),
            _ => return None,
        }
        Some(true)
    }

    fn with_constant(&mut self, op: Binary, width: Width, bits: u64) {
        let arg = self.pop();
        let constant = self.func.constant(bits);
        self.push_inst(Kind::Binary(op, width), vec![arg, constant]);
    }

    fn copysign(&mut self, width: Width, sign: u64) {
        let [magnitude, other] = self.pop_two();
        self.stack.push(other);
        self.with_constant(Binary::And, width, sign);
        self.stack.push(magnitude);
        self.with_constant(Binary::And, width, sign - 1);
        let args = self.pop_two();
        self.push_inst(Kind::Binary(Binary::Or, width), args.to_vec());
    }

    /// Tables, references and bulk memory. Segments and tables still have the module's indices.
    pub(super) fn bulk(&mut self, op: &Operator<'_>) -> bool {
        let halves = |low: u32, high: u32| (low & 0xffff) | high << 16;
        // The op, its table field, its immediate, and how many operands it takes.
        let (op, table, word, args) = match *op {
            Operator::CallIndirect { type_index, table_index } => {
                let type_index = self.scope.ty(type_index);
                let ty = &self.module.types[type_index as usize];
                let (params, results) = (ty.params().len(), ty.results().len());
                let args = self.pop_many(params + 1);
                let kind = Kind::CallIndirect { ty: type_index, table: table_index as u8 };
                let results = self.inst(kind, args, results);
                self.stack.extend(results);
                return true;
            }
            Operator::RefNull { .. } => {
                self.push_constant(0);
                return true;
            }
            Operator::RefFunc { function_index } => {
                self.push_inst(Kind::RefFunc(function_index), Vec::new());
                return true;
            }
            Operator::RefIsNull => {
                let arg = self.pop();
                let zero = self.func.constant(0);
                self.push_inst(Kind::Compare(Compare::Eq, W64), vec![arg, zero]);
                return true;
            }
            Operator::TableGet { table } => (Op::TableGet, table, 0, 1),
            Operator::TableSet { table } => (Op::TableSet, table, 0, 2),
            Operator::TableSize { table } => (Op::TableSize, table, 0, 0),
            Operator::TableGrow { table } => (Op::TableGrow, table, 0, 2),
            Operator::TableFill { table } => (Op::TableFill, 0, table, 3),
            Operator::TableCopy { dst_table, src_table } => {
                (Op::TableCopy, 0, halves(dst_table, src_table), 3)
            }
            Operator::TableInit { elem_index, table } => (Op::TableInit, 0, halves(table, elem_index), 3),
            Operator::ElemDrop { elem_index } => (Op::ElemDrop, 0, elem_index, 0),
            Operator::MemoryCopy { .. } => (Op::MemoryCopy, 0, 0, 3),
            Operator::MemoryFill { .. } => (Op::MemoryFill, 0, 0, 3),
            Operator::MemoryInit { data_index, .. } => (Op::MemoryInit, 0, self.scope.data(data_index), 3),
            Operator::DataDrop { data_index } => (Op::DataDrop, 0, self.scope.data(data_index), 0),
            _ => return false,
        };
        let mut args = self.pop_many(args);
        if op == Op::TableGrow {
            // The op takes the number first: its result stands there.
            args.reverse();
        }
        let results = usize::from(matches!(op, Op::TableGet | Op::TableSize | Op::TableGrow));
        let results = self.inst(Kind::Plain { op, table: table as u8, word }, args, results);
        self.stack.extend(results);
        true
    }
}

fn plain(op: Op) -> Kind {
    Kind::Plain { op, table: 0, word: 0 }
}

/// The op of a float instruction, and whether the operands are exchanged.
fn float(op: &Operator<'_>) -> Option<(Op, bool)> {
    macro_rules! ops {
        ($($wasm:ident $op:ident $exchange:literal)*) => {
            match op {
                $(Operator::$wasm => Some((Op::$op, $exchange)),)*
                _ => None,
            }
        };
    }
    ops! {
        F32Add FAdd32 false  F32Sub FSub32 false  F32Mul FMul32 false  F32Div FDiv32 false
        F32Min FMin32 false  F32Max FMax32 false
        F32Eq FEq32 false  F32Ne FNe32 false  F32Lt FLt32 false  F32Le FLe32 false
        F32Gt FLt32 true  F32Ge FLe32 true
        F32Sqrt FSqrt32 false  F32Ceil FCeil32 false  F32Floor FFloor32 false
        F32Trunc FTrunc32 false  F32Nearest FNearest32 false
        F64Add FAdd64 false  F64Sub FSub64 false  F64Mul FMul64 false  F64Div FDiv64 false
        F64Min FMin64 false  F64Max FMax64 false
        F64Eq FEq64 false  F64Ne FNe64 false  F64Lt FLt64 false  F64Le FLe64 false
        F64Gt FLt64 true  F64Ge FLe64 true
        F64Sqrt FSqrt64 false  F64Ceil FCeil64 false  F64Floor FFloor64 false
        F64Trunc FTrunc64 false  F64Nearest FNearest64 false
        I32TruncF32S I32TruncF32S false  I32TruncF32U I32TruncF32U false
        I32TruncF64S I32TruncF64S false  I32TruncF64U I32TruncF64U false
        I64TruncF32S I64TruncF32S false  I64TruncF32U I64TruncF32U false
        I64TruncF64S I64TruncF64S false  I64TruncF64U I64TruncF64U false
        I32TruncSatF32S I32SatF32S false  I32TruncSatF32U I32SatF32U false
        I32TruncSatF64S I32SatF64S false  I32TruncSatF64U I32SatF64U false
        I64TruncSatF32S I64SatF32S false  I64TruncSatF32U I64SatF32U false
        I64TruncSatF64S I64SatF64S false  I64TruncSatF64U I64SatF64U false
        F32ConvertI32S F32ConvI32S false  F32ConvertI32U F32ConvU false
        F32ConvertI64S F32ConvI64S false  F32ConvertI64U F32ConvU false
        F64ConvertI32S F64ConvI32S false  F64ConvertI32U F64ConvU false
        F64ConvertI64S F64ConvI64S false  F64ConvertI64U F64ConvU false
        F32DemoteF64 Demote false  F64PromoteF32 Promote false
    }
}

fn binary(op: &Operator<'_>) -> Option<(Binary, Width)> {
    Some(match op {
        Operator::I32Add => (Binary::Add, W32),
        Operator::I32Sub => (Binary::Sub, W32),
        Operator::I32Mul => (Binary::Mul, W32),
        Operator::I32DivS => (Binary::DivS, W32),
        Operator::I32DivU => (Binary::DivU, W32),
        Operator::I32RemS => (Binary::RemS, W32),
        Operator::I32RemU => (Binary::RemU, W32),
        Operator::I32And => (Binary::And, W32),
        Operator::I32Or => (Binary::Or, W32),
        Operator::I32Xor => (Binary::Xor, W32),
        Operator::I32Shl => (Binary::Shl, W32),
        Operator::I32ShrS => (Binary::ShrS, W32),
        Operator::I32ShrU => (Binary::ShrU, W32),
        Operator::I32Rotl => (Binary::Rotl, W32),
        Operator::I32Rotr => (Binary::Rotr, W32),
        Operator::I64Add => (Binary::Add, W64),
        Operator::I64Sub => (Binary::Sub, W64),
        Operator::I64Mul => (Binary::Mul, W64),
        Operator::I64DivS => (Binary::DivS, W64),
        Operator::I64DivU => (Binary::DivU, W64),
        Operator::I64RemS => (Binary::RemS, W64),
        Operator::I64RemU => (Binary::RemU, W64),
        Operator::I64And => (Binary::And, W64),
        Operator::I64Or => (Binary::Or, W64),
        Operator::I64Xor => (Binary::Xor, W64),
        Operator::I64Shl => (Binary::Shl, W64),
        Operator::I64ShrS => (Binary::ShrS, W64),
        Operator::I64ShrU => (Binary::ShrU, W64),
        Operator::I64Rotl => (Binary::Rotl, W64),
        Operator::I64Rotr => (Binary::Rotr, W64),
        _ => return None,
    })
}

/// The comparison, its width, and whether the operands are exchanged.
fn compare(op: &Operator<'_>) -> Option<(Compare, Width, bool)> {
    Some(match op {
        Operator::I32Eq => (Compare::Eq, W32, false),
        Operator::I32Ne => (Compare::Ne, W32, false),
        Operator::I32LtS => (Compare::LtS, W32, false),
        Operator::I32LtU => (Compare::LtU, W32, false),
        Operator::I32GtS => (Compare::LtS, W32, true),
        Operator::I32GtU => (Compare::LtU, W32, true),
        Operator::I32LeS => (Compare::LeS, W32, false),
        Operator::I32LeU => (Compare::LeU, W32, false),
        Operator::I32GeS => (Compare::LeS, W32, true),
        Operator::I32GeU => (Compare::LeU, W32, true),
        Operator::I64Eq => (Compare::Eq, W64, false),
        Operator::I64Ne => (Compare::Ne, W64, false),
        Operator::I64LtS => (Compare::LtS, W64, false),
        Operator::I64LtU => (Compare::LtU, W64, false),
        Operator::I64GtS => (Compare::LtS, W64, true),
        Operator::I64GtU => (Compare::LtU, W64, true),
        Operator::I64LeS => (Compare::LeS, W64, false),
        Operator::I64LeU => (Compare::LeU, W64, false),
        Operator::I64GeS => (Compare::LeS, W64, true),
        Operator::I64GeU => (Compare::LeU, W64, true),
        _ => return None,
    })
}

fn unary(op: &Operator<'_>) -> Option<Unary> {
    Some(match op {
        Operator::I32Clz => Unary::Clz(W32),
        Operator::I32Ctz => Unary::Ctz(W32),
        Operator::I32Popcnt | Operator::I64Popcnt => Unary::Popcnt,
        Operator::I64Clz => Unary::Clz(W64),
        Operator::I64Ctz => Unary::Ctz(W64),
        Operator::I32Extend8S => Unary::Ext8S(W32),
        Operator::I32Extend16S => Unary::Ext16S(W32),
        Operator::I64Extend8S => Unary::Ext8S(W64),
        Operator::I64Extend16S => Unary::Ext16S(W64),
        Operator::I64Extend32S | Operator::I64ExtendI32S => Unary::Ext32S,
        Operator::I32WrapI64 => Unary::Wrap,
        _ => return None,
    })
}

fn load<'m>(op: &'m Operator<'_>) -> Option<(Load, &'m MemArg)> {
    Some(match op {
        // Floats are their bits, as registers hold them.
        Operator::I32Load { memarg } | Operator::I64Load32U { memarg } | Operator::F32Load { memarg } => {
            (Load::U32, memarg)
        }
        Operator::I64Load { memarg } | Operator::F64Load { memarg } => (Load::U64, memarg),
        Operator::I32Load8U { memarg } | Operator::I64Load8U { memarg } => (Load::U8, memarg),
        Operator::I32Load16U { memarg } | Operator::I64Load16U { memarg } => (Load::U16, memarg),
        Operator::I32Load8S { memarg } => (Load::S8(W32), memarg),
        Operator::I32Load16S { memarg } => (Load::S16(W32), memarg),
        Operator::I64Load8S { memarg } => (Load::S8(W64), memarg),
        Operator::I64Load16S { memarg } => (Load::S16(W64), memarg),
        Operator::I64Load32S { memarg } => (Load::S32, memarg),
        _ => return None,
    })
}

fn store<'m>(op: &'m Operator<'_>) -> Option<(Store, &'m MemArg)> {
    Some(match op {
        Operator::I32Store { memarg } | Operator::I64Store32 { memarg } | Operator::F32Store { memarg } => {
            (Store::B32, memarg)
        }
        Operator::I64Store { memarg } | Operator::F64Store { memarg } => (Store::B64, memarg),
        Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => (Store::B8, memarg),
        Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => (Store::B16, memarg),
        _ => return None,
    })
}
