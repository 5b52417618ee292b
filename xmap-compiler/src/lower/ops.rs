//! Instructions that take operands from the stack and leave a result there: one table.

use wasmparser::{MemArg, Operator};

use super::Lowering;
use crate::ir::Width::{W32, W64};
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
                _ => return false,
            }
        }
        true
    }
}

fn binary(op: &Operator<'_>) -> Option<(Binary, crate::ir::Width)> {
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
fn compare(op: &Operator<'_>) -> Option<(Compare, crate::ir::Width, bool)> {
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
        Operator::I32Load { memarg } | Operator::I64Load32U { memarg } => (Load::U32, memarg),
        Operator::I64Load { memarg } => (Load::U64, memarg),
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
        Operator::I32Store { memarg } | Operator::I64Store32 { memarg } => (Store::B32, memarg),
        Operator::I64Store { memarg } => (Store::B64, memarg),
        Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => (Store::B8, memarg),
        Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => (Store::B16, memarg),
        _ => return None,
    })
}
