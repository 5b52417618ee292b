//! What each op becomes.

use xmap_image::{Word, opcode as op};

use super::{A, B_, C, Function};
use crate::asm::{self, ADD, ADDS, AND, B, B_COND, CBNZ, CBZ, EOR, ORR, SUB, TARGET, X, cond};
use crate::convention::{FRAME_PAGES, RETURN, SLOTS, ZERO, machine};

/// The immediate operand of the 8 bits in `c` or `b`, signed.
pub(super) const fn i8_of(byte: u8) -> i32 {
    byte as i8 as i32
}

impl Function<'_, '_> {
    /// Translates the op at `at`, whose first word is `first`.
    pub(super) fn op(&mut self, at: usize, first: Word) {
        let [opcode, a, b, c] = first.to_le_bytes();
        let (abc, half) = ([a, b, c], first >> 16);
        let word = |n: usize| self.code.get(at + n).copied().unwrap_or(0);
        let next = word(1);
        let off8 = i8_of(c);
        let off16 = first as i32 >> 16;
        match opcode {
            op::Br => {
                let offset = first as i32 >> 8;
                match offset {
                    0.. => self.put(asm::over(B, TARGET).unwrap_or(0)),
                    _ => self.back(-i64::from(offset)),
                }
            }
            op::BrIf | op::BrIfz => {
                let a = self.value(a, A);
                let (zero, other) = (X | CBZ | a, X | CBNZ | a);
                if opcode == op::BrIf {
                    self.branch(other, zero, off16)
                } else {
                    self.branch(zero, other, off16)
                }
            }
            op::BrTable => self.br_table(a, half),
            op::Call => self.call(at, a, half),
            op::CallIndirect => self.call_indirect(at, abc, next),
            op::Ret | op::RetV => {
                if opcode == op::RetV {
                    let a = self.value(a, A);
                    if a != 0 {
                        self.put(asm::mov(0, a));
                    }
                }
                self.store_window();
                self.put(B);
                let at = self.out.len - 1;
                // A function is at most some MiB.
                _ = self.out.aim(at, RETURN);
            }
            op::Copy => {
                let b = self.value(b, A);
                match machine(a) {
                    Some(a) => self.put(asm::mov(a, b)),
                    None => self.keep(a, b),
                }
            }
            op::Const32 => self.constant(a, (off16 as u32).into()),
            op::Const64 => self.constant(a, off16 as i64 as u64),
            op::Const32W => self.constant(a, next.into()),
            op::Const64W => {
                let high = word(2);
                self.constant(a, u64::from(next) | u64::from(high) << 32);
            }
            op::CmovNz | op::CmovZ => {
                let cond = if opcode == op::CmovNz { cond::NE } else { cond::EQ };
                self.compare_number(true, b, 0);
                let (old, c) = (self.value(a, A), self.value(c, C));
                self.set(a, |target| asm::csel(true, target, c, old, cond));
            }
            op::GlobalGet | op::GlobalSet => {
                let is_get = opcode == op::GlobalGet;
                let value = if is_get { machine(a).unwrap_or(A) } else { self.value(a, A) };
                let op = if is_get { 0xf940_0000 } else { 0xf900_0000 };
                if half < 4096 {
                    self.put(op | half << 10 | SLOTS << 5 | value);
                } else {
                    self.number(B_, half.into());
                    self.put(asm::by_slot(op & 0xf8ff_ffff | 0x20_0800, value, SLOTS, B_));
                }
                if is_get {
                    self.keep(a, value);
                }
            }

            op::BrEq | op::BrNe | op::BrLtU | op::BrLeU | op::BrLtS64 | op::BrLeS64 => {
                self.compare(true, a, b);
                let cond = match opcode {
                    op::BrEq => cond::EQ,
                    op::BrNe => cond::NE,
                    op::BrLtU => cond::LO,
                    op::BrLeU => cond::LS,
                    op::BrLtS64 => cond::LT,
                    _ => cond::LE,
                };
                self.branch_if(cond, off8);
            }
            op::BrLtS32 | op::BrLeS32 => {
                self.compare(false, a, b);
                self.branch_if(if opcode == op::BrLtS32 { cond::LT } else { cond::LE }, off8);
            }
            op::BrEqI | op::BrNeI if b == 0 => {
                let a = self.value(a, A);
                let (zero, other) = (X | CBZ | a, X | CBNZ | a);
                if opcode == op::BrNeI {
                    self.branch(other, zero, off8)
                } else {
                    self.branch(zero, other, off8)
                }
            }
            op::BrEqI | op::BrNeI | op::BrLtUI | op::BrGtUI => {
                self.compare_number(true, a, b.into());
                let cond = match opcode {
                    op::BrEqI => cond::EQ,
                    op::BrNeI => cond::NE,
                    op::BrLtUI => cond::LO,
                    _ => cond::HI,
                };
                self.branch_if(cond, off8);
            }
            op::BrLtSI32 | op::BrGtSI32 => {
                self.compare_number(false, a, i8_of(b));
                self.branch_if(if opcode == op::BrLtSI32 { cond::LT } else { cond::GT }, off8);
            }
            op::BrAddI32 => {
                let register = self.value(a, A);
                self.add(ADDS, register, register, i8_of(b).into(), C);
                self.keep(a, register);
                if c != 0 {
                    let skip = self.out.len;
                    self.put(B_COND | cond::EQ);
                    self.back(c.into());
                    let behind = self.out.len;
                    _ = self.out.aim(skip, behind);
                }
            }

            op::Eq | op::Ne | op::LtU | op::LeU | op::LtS64 | op::LeS64 => {
                self.compare(true, b, c);
                let cond = match opcode {
                    op::Eq => cond::EQ,
                    op::Ne => cond::NE,
                    op::LtU => cond::LO,
                    op::LeU => cond::LS,
                    op::LtS64 => cond::LT,
                    _ => cond::LE,
                };
                self.flag(a, cond);
            }
            op::LtS32 | op::LeS32 => {
                self.compare(false, b, c);
                self.flag(a, if opcode == op::LtS32 { cond::LT } else { cond::LE });
            }
            op::EqI | op::NeI | op::LtUI | op::GtUI => {
                self.compare_number(true, b, c.into());
                let cond = match opcode {
                    op::EqI => cond::EQ,
                    op::NeI => cond::NE,
                    op::LtUI => cond::LO,
                    _ => cond::HI,
                };
                self.flag(a, cond);
            }
            op::LtSI32 | op::GtSI32 => {
                self.compare_number(false, b, i8_of(c));
                self.flag(a, if opcode == op::LtSI32 { cond::LT } else { cond::GT });
            }

            op::Add32 => self.binary(abc, ADD),
            op::Sub32 => self.binary(abc, SUB),
            op::Mul32 => self.binary(abc, asm::MUL),
            op::DivS32 => self.divide(abc, asm::SDIV, false),
            op::DivU32 => self.divide(abc, asm::UDIV, false),
            op::RemS32 => self.divide(abc, asm::SDIV, true),
            op::RemU32 => self.divide(abc, asm::UDIV, true),
            op::And => self.binary(abc, X | AND),
            op::Or => self.binary(abc, X | ORR),
            op::Xor => self.binary(abc, X | EOR),
            op::Shl32 => self.binary(abc, asm::LSLV),
            op::ShrS32 => self.binary(abc, asm::ASRV),
            op::ShrU32 => self.binary(abc, asm::LSRV),
            op::Rotr32 => self.binary(abc, asm::RORV),
            op::Add64 => self.binary(abc, X | ADD),
            op::Sub64 => self.binary(abc, X | SUB),
            op::Mul64 => self.binary(abc, X | asm::MUL),
            op::DivS64 => self.divide(abc, X | asm::SDIV, false),
            op::DivU64 => self.divide(abc, X | asm::UDIV, false),
            op::RemS64 => self.divide(abc, X | asm::SDIV, true),
            op::RemU64 => self.divide(abc, X | asm::UDIV, true),
            op::Shl64 => self.binary(abc, X | asm::LSLV),
            op::ShrS64 => self.binary(abc, X | asm::ASRV),
            op::ShrU64 => self.binary(abc, X | asm::LSRV),
            op::Rotr64 => self.binary(abc, X | asm::RORV),
            op::Rotl32 | op::Rotl64 => {
                let wide = if opcode == op::Rotl64 { X } else { 0 };
                let (b, c) = (self.value(b, B_), self.value(c, C));
                self.put(asm::three(wide | SUB, C, ZERO, c));
                self.set(a, |target| asm::three(wide | asm::RORV, target, b, C));
            }

            op::AddI32 | op::AddI64 => {
                let wide = if opcode == op::AddI64 { X } else { 0 };
                self.add_number(a, b, wide, i8_of(c).into());
            }
            op::AddW32 => self.add_number(a, b, 0, (next as i32).into()),
            op::MulI32 | op::MulW32 => {
                let factor = if opcode == op::MulI32 { i8_of(c) as u32 } else { next };
                let b = self.value(b, B_);
                self.number(C, factor.into());
                self.set(a, |target| asm::three(asm::MUL, target, b, C));
            }
            op::AndI => self.bitwise([a, b], AND, c.into()),
            op::OrI => self.bitwise([a, b], X | ORR, c.into()),
            op::XorI => self.bitwise([a, b], X | EOR, c.into()),
            op::AndW => self.bitwise([a, b], AND, next),
            op::OrW => self.bitwise([a, b], X | ORR, next),
            op::XorW => self.bitwise([a, b], X | EOR, next),
            op::ShlI32 | op::ShlI64 => {
                let (x, c, top) =
                    (opcode == op::ShlI64, u32::from(c), if opcode == op::ShlI64 { 63 } else { 31 });
                let b = self.value(b, B_);
                self.set(a, |target| asm::bitfield(x, false, target, b, (top + 1 - c) & top, top - c));
            }
            op::ShrSI32 | op::ShrUI32 | op::ShrSI64 | op::ShrUI64 => {
                let x = matches!(opcode, op::ShrSI64 | op::ShrUI64);
                let signed = matches!(opcode, op::ShrSI32 | op::ShrSI64);
                let b = self.value(b, B_);
                let top = if x { 63 } else { 31 };
                self.set(a, |target| asm::bitfield(x, signed, target, b, c.into(), top));
            }
            op::RotlI32 | op::RotlI64 => {
                let (x, top) = (opcode == op::RotlI64, if opcode == op::RotlI64 { 63 } else { 31 });
                let b = self.value(b, B_);
                self.set(a, |target| asm::rotate(x, target, b, (top + 1 - u32::from(c)) & top));
            }
            op::XorShrI32 => {
                let (old, b) = (self.value(a, A), self.value(b, B_));
                self.put(asm::bitfield(false, false, C, b, c.into(), 31));
                self.set(a, |target| asm::three(X | EOR, target, old, C));
            }

            op::Clz32 | op::Clz64 => {
                let wide = if opcode == op::Clz64 { X } else { 0 };
                let b = self.value(b, B_);
                self.set(a, |target| asm::two(wide | asm::CLZ, target, b));
            }
            op::Ctz32 | op::Ctz64 => {
                let wide = if opcode == op::Ctz64 { X } else { 0 };
                let b = self.value(b, B_);
                self.put(asm::two(wide | asm::RBIT, B_, b));
                self.set(a, |target| asm::two(wide | asm::CLZ, target, B_));
            }
            op::Popcnt => {
                self.float(b, true);
                // cnt v0.8b, v0.8b; addv b0, v0.8b
                self.put(0x0e20_5800);
                self.put(0x0e31_b800);
                self.set_float(a, false);
            }
            op::Ext8S32 | op::Ext16S32 | op::Ext8S64 | op::Ext16S64 | op::Ext32S64 => {
                let x = !matches!(opcode, op::Ext8S32 | op::Ext16S32);
                let top = match opcode {
                    op::Ext8S32 | op::Ext8S64 => 7,
                    op::Ext16S32 | op::Ext16S64 => 15,
                    _ => 31,
                };
                let b = self.value(b, B_);
                self.set(a, |target| asm::bitfield(x, true, target, b, 0, top));
            }
            op::Wrap => {
                let b = self.value(b, B_);
                self.set(a, |target| asm::three(ORR, target, ZERO, b));
            }
            op::MemorySize => self.set(a, |target| 0xb940_03e0 | (FRAME_PAGES / 4) << 10 | target),
            op::RefFunc => self.constant(a, u64::from(half) + 1),

            op::Ld8U..=op::Ld64 => {
                let (op, bytes) = load_of(opcode - op::Ld8U);
                let place = self.bounds(b, c.into(), bytes);
                self.load(a, place, op);
            }
            op::Ld8UW..=op::Ld64W => {
                let (op, bytes) = load_of(opcode - op::Ld8UW);
                let place = self.bounds(b, next, bytes);
                self.load(a, place, op);
            }
            op::Ld8UAt..=op::Ld64At => {
                // Those that extend to an i64 are left out.
                const FORMS: [u8; 6] = [0, 1, 3, 4, 6, 8];
                let form = FORMS.get(usize::from(opcode - op::Ld8UAt)).copied().unwrap_or(0);
                let (op, bytes) = load_of(form);
                self.number(B_, half.into());
                let place = self.bounds_of_16(bytes);
                self.load(a, place, op);
            }
            op::Ld8UAdd => {
                let b = self.value(b, B_);
                self.add(ADD, B_, b, (next as i32).into(), C);
                let place = self.bounds_of_16(1);
                self.load(a, place, 0x3860_0800);
            }
            op::Ld32UTable => self.load_of_table(abc, next),
            op::St8..=op::St64 => {
                let (op, bytes) = store_of(opcode - op::St8);
                let place = self.bounds(b, c.into(), bytes);
                self.store(a, place, op);
            }
            op::St8W..=op::St64W => {
                let (op, bytes) = store_of(opcode - op::St8W);
                let place = self.bounds(b, next, bytes);
                self.store(a, place, op);
            }
            op::St8At..=op::St64At => {
                let (op, bytes) = store_of(opcode - op::St8At);
                self.number(B_, half.into());
                let place = self.bounds_of_16(bytes);
                self.store(a, place, op);
            }

            op::FAdd32 => self.float_binary(abc, 0x1e20_2800),
            op::FSub32 => self.float_binary(abc, 0x1e20_3800),
            op::FMul32 => self.float_binary(abc, 0x1e20_0800),
            op::FDiv32 => self.float_binary(abc, 0x1e20_1800),
            op::FMin32 => self.float_binary(abc, 0x1e20_5800),
            op::FMax32 => self.float_binary(abc, 0x1e20_4800),
            op::FAdd64 => self.float_binary(abc, 0x1e60_2800),
            op::FSub64 => self.float_binary(abc, 0x1e60_3800),
            op::FMul64 => self.float_binary(abc, 0x1e60_0800),
            op::FDiv64 => self.float_binary(abc, 0x1e60_1800),
            op::FMin64 => self.float_binary(abc, 0x1e60_5800),
            op::FMax64 => self.float_binary(abc, 0x1e60_4800),
            op::FEq32 => self.float_compare(abc, false, cond::EQ),
            op::FNe32 => self.float_compare(abc, false, cond::NE),
            op::FLt32 => self.float_compare(abc, false, cond::MI),
            op::FLe32 => self.float_compare(abc, false, cond::LS),
            op::FEq64 => self.float_compare(abc, true, cond::EQ),
            op::FNe64 => self.float_compare(abc, true, cond::NE),
            op::FLt64 => self.float_compare(abc, true, cond::MI),
            op::FLe64 => self.float_compare(abc, true, cond::LS),
            op::FSqrt32..=op::FNearest32 => self.float_unary(a, b, rounding(opcode - op::FSqrt32), false),
            op::FSqrt64..=op::FNearest64 => {
                self.float_unary(a, b, rounding(opcode - op::FSqrt64) | 1 << 22, true);
            }
            op::Demote => self.float_unary(a, b, 0x1e62_4000, false),
            op::Promote => self.float_unary(a, b, 0x1e22_c000, true),
            op::I32TruncF32S => self.float_to_i32(a, b, false, true),
            op::I32TruncF32U => self.float_to_i32(a, b, false, false),
            op::I32TruncF64S => self.float_to_i32(a, b, true, true),
            op::I32TruncF64U => self.float_to_i32(a, b, true, false),
            op::I32SatF32S => self.float_to_integer(a, b, 0x1e38_0000),
            op::I32SatF32U => self.float_to_integer(a, b, 0x1e39_0000),
            op::I32SatF64S => self.float_to_integer(a, b, 0x1e78_0000),
            op::I32SatF64U => self.float_to_integer(a, b, 0x1e79_0000),
            op::I64SatF32S => self.float_to_integer(a, b, 0x9e38_0000),
            op::I64SatF32U => self.float_to_integer(a, b, 0x9e39_0000),
            op::I64SatF64S => self.float_to_integer(a, b, 0x9e78_0000),
            op::I64SatF64U => self.float_to_integer(a, b, 0x9e79_0000),
            op::F32ConvI32S => self.integer_to_float(a, b, 0x1e22_0000),
            op::F32ConvI64S => self.integer_to_float(a, b, 0x9e22_0000),
            op::F32ConvU => self.integer_to_float(a, b, 0x9e23_0000),
            op::F64ConvI32S => self.integer_to_float(a, b, 0x1e62_0000),
            op::F64ConvI64S => self.integer_to_float(a, b, 0x9e62_0000),
            op::F64ConvU => self.integer_to_float(a, b, 0x9e63_0000),

            // Everything else is the interpreter's: it is rare, large, or the port's.
            _ => self.leave(),
        }
    }
}

/// The instruction of a load by two registers, and its bytes: in the order of the ops.
fn load_of(form: u8) -> (u32, u32) {
    const LOADS: [(u32, u32); 9] = [
        (0x3860_0800, 1),
        (0x38e0_0800, 1),
        (0x38a0_0800, 1),
        (0x7860_0800, 2),
        (0x78e0_0800, 2),
        (0x78a0_0800, 2),
        (0xb860_0800, 4),
        (0xb8a0_0800, 4),
        (0xf860_0800, 8),
    ];
    LOADS.get(usize::from(form)).copied().unwrap_or((0, 8))
}

/// The instruction of a store by two registers, and its bytes: in the order of the ops.
fn store_of(form: u8) -> (u32, u32) {
    const STORES: [(u32, u32); 4] = [(0x3820_0800, 1), (0x7820_0800, 2), (0xb820_0800, 4), (0xf820_0800, 8)];
    STORES.get(usize::from(form)).copied().unwrap_or((0, 8))
}

/// Root and rounding of an f32: `fsqrt`, `frintp`, `frintm`, `frintz`, `frintn`.
fn rounding(form: u8) -> u32 {
    const FORMS: [u32; 5] = [0x1e21_c000, 0x1e24_c000, 0x1e25_4000, 0x1e25_c000, 0x1e24_4000];
    FORMS.get(usize::from(form)).copied().unwrap_or(0)
}
