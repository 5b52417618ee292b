//! What each op does, as terms: the other side of the comparison.

use xmap_image::{Image, Word, opcode as op};

use super::Why;
use super::path::cond;
use super::state::Stored;
use super::terms::{Id, Terms, kind, window};

type Result<T> = core::result::Result<T, Why>;

const X: u32 = kind::X;
const MUL: u32 = 0x1b00_7c00;
const MSUB: u32 = 0x1b00_8000;
const UDIV: u32 = 0x1ac0_0800;
const SDIV: u32 = 0x1ac0_0c00;
const LSLV: u32 = 0x1ac0_2000;
const LSRV: u32 = 0x1ac0_2400;
const ASRV: u32 = 0x1ac0_2800;
const RORV: u32 = 0x1ac0_2c00;
const RBIT: u32 = 0x5ac0_0000;
const CLZ: u32 = 0x5ac0_1000;
const CSEL: u32 = 0x1a80_0000;
const CSINC: u32 = 0x1a80_0400;
const FCMP: u32 = 0x1e20_2000;
const DOUBLE: u32 = 1 << 22;

/// What an operation of an indirect call looks up.
#[derive(Clone, Copy, Debug)]
pub(super) struct LookUp {
    /// The register with the index.
    pub(super) index: u8,
    /// The slot of the table.
    pub(super) slot: u32,
    pub(super) ty: u32,
}

/// A condition without which an op does not go on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    Nothing,
    /// That of flags.
    Holds(Id, u32),
    /// That a sum of 32 bits does not wrap.
    Fits(Id),
}

/// How an op ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// With the op behind it.
    Next,
    /// Either there or, under the condition, at another op of the function; if there is none, always there.
    Branch(Option<(Id, u32)>),
    /// At one of the ops of a table with this many, the last included.
    Table(u32),
    /// In a function: the index of its first op, and its words.
    Call(u32, u32),
    Indirect,
    Return,
    /// The interpreter runs it.
    Left,
}

/// What an op does.
#[derive(Debug)]
pub(super) struct Op {
    /// The base of a call.
    pub(super) base: u8,
    /// The link of a call.
    pub(super) link: Option<u64>,
    /// The register that is returned as the only result.
    pub(super) returned: Option<u8>,
    /// The global that may be named.
    pub(super) global: Option<u64>,
    pub(super) look_up: Option<LookUp>,
    /// The register that is written, and its value.
    pub(super) def: Option<(u8, Id)>,
    /// What may stand in that register, beside its value before, where the op is left to the interpreter:
    /// `br.add` reads the lower half of it alone.
    pub(super) before: Option<Id>,
    pub(super) stored: Option<Stored>,
    pub(super) needs: [Need; 2],
    pub(super) end: End,
    /// Where a branch leads, from the op behind on in words.
    pub(super) offset: i32,
}

impl Op {
    /// Returns whether the op writes a register.
    pub(super) fn is_def(&self, register: u8) -> bool {
        self.def.is_some_and(|(def, _)| def == register)
    }

    /// The fuel of the branch.
    pub(super) const fn fuel(&self) -> u64 {
        if self.offset < 0 { -(self.offset as i64) as u64 } else { 0 }
    }
}

/// Reads the op at `at` of the image's code.
pub(super) fn read(image: &Image<'_>, at: usize, terms: &mut Terms) -> Result<Op> {
    let code = image.code().get(at..).unwrap_or_default();
    let word = |n: usize| code.get(n).copied().unwrap_or(0);
    let (first, next) = (word(0), word(1));
    let [opcode, a, b, c] = first.to_le_bytes();
    let half = first >> 16;
    let mut op = Op {
        base: 0,
        link: None,
        returned: None,
        global: None,
        look_up: None,
        def: None,
        before: None,
        stored: None,
        needs: [Need::Nothing; 2],
        end: End::Next,
        offset: 0,
    };
    match opcode {
        op::Br => (op.end, op.offset) = (End::Branch(None), first as i32 >> 8),
        op::BrIf..=op::BrIfz | op::BrEq..=op::BrAddI32 => branch(&mut op, first, terms)?,
        op::BrTable => op.end = End::Table(half + 1),
        op::Call => {
            let row = image.functions().get(half as usize).ok_or(Why::Branch)?;
            (op.base, op.link) = (a, Some((at as u64) << 8 | u64::from(a)));
            op.end = End::Call(row.start, row.words());
        }
        op::CallIndirect => {
            let row = image.tables().get(usize::from(c)).ok_or(Why::Branch)?;
            (op.base, op.link) = (a, Some((at as u64 + 1) << 8 | u64::from(a)));
            op.look_up = Some(LookUp { index: b, slot: row.slot, ty: next });
            op.end = End::Indirect;
        }
        op::Ret => op.end = End::Return,
        op::RetV => (op.end, op.returned) = (End::Return, Some(a)),
        op::GlobalGet => {
            op.global = Some(half.into());
            op.def = Some((a, terms.numbered(kind::GLOBAL, half.into())?));
        }
        op::GlobalSet => {
            op.global = Some(half.into());
            let at = terms.number(half.into())?;
            op.stored = Some(Stored { kind: kind::GLOBAL, at, value: window(a) });
        }
        op::Ld8U..=op::St64At => memory(&mut op, first, next, terms)?,
        op::I32TruncF32S..=op::I32TruncF64U => truncate(&mut op, first, terms)?,
        op::DivS32..=op::RemU32 | op::DivS64..=op::RemU64 => divide(&mut op, first, terms)?,
        _ => match value(first, next, word(2), terms)? {
            Some(value) => op.def = Some((a, value)),
            None => op.end = End::Left,
        },
    }
    Ok(op)
}

/// The flags of a comparison of a register with a number.
fn compared(terms: &mut Terms, wide: u32, a: u8, number: u64) -> Result<Id> {
    let number = terms.number(number)?;
    terms.of_two(wide | kind::SUBS, window(a), number)
}

fn branch(op: &mut Op, first: Word, terms: &mut Terms) -> Result<()> {
    let [opcode, a, b, c] = first.to_le_bytes();
    let (x, y) = (window(a), window(b));
    let signed = i32::from(b as i8) as u32;
    op.offset = i32::from(c as i8);
    let condition = match opcode {
        op::BrIf | op::BrIfz => {
            op.offset = first as i32 >> 16;
            (compared(terms, X, a, 0)?, if opcode == op::BrIf { cond::NE } else { cond::EQ })
        }
        op::BrEq => (terms.of_two(X | kind::SUBS, x, y)?, cond::EQ),
        op::BrNe => (terms.of_two(X | kind::SUBS, x, y)?, cond::NE),
        op::BrLtU => (terms.of_two(X | kind::SUBS, x, y)?, LO),
        op::BrLeU => (terms.of_two(X | kind::SUBS, x, y)?, cond::LS),
        op::BrLtS32 => (terms.of_two(kind::SUBS, x, y)?, LT),
        op::BrLeS32 => (terms.of_two(kind::SUBS, x, y)?, cond::LE),
        op::BrLtS64 => (terms.of_two(X | kind::SUBS, x, y)?, LT),
        op::BrLeS64 => (terms.of_two(X | kind::SUBS, x, y)?, cond::LE),
        op::BrEqI => (compared(terms, X, a, b.into())?, cond::EQ),
        op::BrNeI => (compared(terms, X, a, b.into())?, cond::NE),
        op::BrLtUI => (compared(terms, X, a, b.into())?, LO),
        op::BrGtUI => (compared(terms, X, a, b.into())?, HI),
        op::BrLtSI32 => (compared(terms, 0, a, signed.into())?, LT),
        op::BrGtSI32 => (compared(terms, 0, a, signed.into())?, GT),
        // `br.add`: where the sum is not zero.
        _ => {
            op.offset = -i32::from(c);
            let number = terms.number(signed.into())?;
            op.def = Some((a, terms.of_two(kind::ADD, x, number)?));
            op.before = Some(terms.lower(x)?);
            (terms.of_two(kind::ADDS, x, number)?, cond::NE)
        }
    };
    op.end = End::Branch(Some(condition));
    Ok(())
}

const LO: u32 = cond::CC;
const HI: u32 = 8;
const LT: u32 = 11;
const GT: u32 = 12;
const MI: u32 = 4;

/// Loads and stores, and what is between their numbers.
fn memory(op: &mut Op, first: Word, next: Word, terms: &mut Terms) -> Result<()> {
    const LOADS: [u32; 9] = [
        0x3860_0800,
        0x38e0_0800,
        0x38a0_0800,
        0x7860_0800,
        0x78e0_0800,
        0x78a0_0800,
        0xb860_0800,
        0xb8a0_0800,
        0xf860_0800,
    ];
    const STORES: [u32; 4] = [0x3820_0800, 0x7820_0800, 0xb820_0800, 0xf820_0800];
    let [opcode, a, b, c] = first.to_le_bytes();
    let load = |n: u8| LOADS.get(usize::from(n)).copied().ok_or(Why::Effect);
    let store = |n: u8| STORES.get(usize::from(n)).copied().ok_or(Why::Effect);
    // The instruction, and the offset from a register; without one, the op has an address of its own.
    let (kind, offset) = match opcode {
        op::Ld8U..=op::Ld64 => (load(opcode - op::Ld8U)?, Some(u32::from(c))),
        op::Ld8UW..=op::Ld64W => (load(opcode - op::Ld8UW)?, Some(next)),
        op::Ld8UAt => (load(0)?, None),
        op::Ld8S32At => (load(1)?, None),
        op::Ld16UAt => (load(3)?, None),
        op::Ld16S32At => (load(4)?, None),
        op::Ld32UAt | op::Ld32UTable => (load(6)?, None),
        op::Ld64At => (load(8)?, None),
        op::Ld8UAdd => (load(0)?, None),
        op::St8..=op::St64 => (store(opcode - op::St8)?, Some(u32::from(c))),
        op::St8W..=op::St64W => (store(opcode - op::St8W)?, Some(next)),
        op::St8At..=op::St64At => (store(opcode - op::St8At)?, None),
        // No op.
        _ => {
            op.end = End::Left;
            return Ok(());
        }
    };
    let at = match (offset, opcode) {
        (Some(0), _) => terms.lower(window(b))?,
        (Some(offset), _) => {
            let offset = terms.number(offset.into())?;
            let sum = terms.of_two(kind::ADD, window(b), offset)?;
            op.needs = [Need::Fits(sum), Need::Nothing];
            sum
        }
        (None, op::Ld8UAdd) => {
            let number = terms.number(next.into())?;
            terms.of_two(kind::ADD, window(b), number)?
        }
        (None, op::Ld32UTable) => {
            let mixed = terms.of_two(kind::EOR, window(b), window(c))?;
            let item = terms.of_one(0x5300_0000 | 7 << 10, mixed)?;
            let table = terms.number((next << 1 >> 1).into())?;
            terms.of_two(X | kind::ADD | 2 << 10, table, item)?
        }
        (None, _) => terms.number((first >> 16).into())?,
    };
    if kind >> 22 & 3 == 0 {
        let value = if kind >> 30 == 3 { window(a) } else { terms.lower(window(a))? };
        op.stored = Some(Stored { kind, at, value });
        return Ok(());
    }
    let mut value = terms.raw(kind, [at, 0, 0])?;
    if opcode == op::Ld32UTable && next >> 31 != 0 {
        value = terms.of_two(kind::EOR | 1 << 22 | 8 << 10, value, window(c))?;
    }
    op.def = Some((a, value));
    Ok(())
}

fn divide(op: &mut Op, first: Word, terms: &mut Terms) -> Result<()> {
    let [opcode, a, b, c] = first.to_le_bytes();
    let wide = if opcode >= op::DivS64 { X } else { 0 };
    let (b, divisor) = (window(b), window(c));
    op.needs = [Need::Holds(compared(terms, wide, c, 0)?, cond::NE), Need::Nothing];
    let is_signed = matches!(opcode, op::DivS32 | op::RemS32 | op::DivS64 | op::RemS64);
    let quotient = terms.of_two(wide | if is_signed { SDIV } else { UDIV }, b, divisor)?;
    let value = match opcode {
        op::DivS32 | op::DivS64 => {
            let one = terms.number(1)?;
            op.needs[1] = Need::Holds(terms.of_two(wide | kind::ADDS, divisor, one)?, cond::NE);
            quotient
        }
        op::DivU32 | op::DivU64 => quotient,
        _ => terms.raw(wide | MSUB, [quotient, divisor, b])?,
    };
    op.def = Some((a, value));
    Ok(())
}

/// A float of a register.
fn float(terms: &mut Terms, register: u8, double: bool) -> Result<Id> {
    terms.of_one(if double { 0x9e67_0000 } else { 0x1e27_0000 }, window(register))
}

/// A register of a float.
fn of_float(terms: &mut Terms, value: Id, double: bool) -> Result<Id> {
    terms.raw(if double { 0x9e66_0000 } else { 0x1e26_0000 }, [value, 0, 0])
}

fn truncate(op: &mut Op, first: Word, terms: &mut Terms) -> Result<()> {
    let [opcode, a, b, _] = first.to_le_bytes();
    let double = matches!(opcode, op::I32TruncF64S | op::I32TruncF64U);
    let is_signed = matches!(opcode, op::I32TruncF32S | op::I32TruncF64S);
    let size = if double { DOUBLE } else { 0 };
    let from = float(terms, b, double)?;
    let ordered = terms.raw(FCMP | size, [from, from, 0])?;
    let whole = terms.raw(0x9e38_0000 | size, [from, 0, 0])?;
    let lower = terms.lower(whole)?;
    let same = if is_signed { terms.raw(kind::SIGNED, [whole, 0, 0])? } else { lower };
    let fits = terms.of_two(X | kind::SUBS, whole, same)?;
    op.needs = [Need::Holds(ordered, cond::VC), Need::Holds(fits, cond::EQ)];
    op.def = Some((a, lower));
    Ok(())
}

/// The value that an op writes to `a`, if that is all that it does.
fn value(first: Word, next: Word, last: Word, terms: &mut Terms) -> Result<Option<Id>> {
    let [opcode, a, b, c] = first.to_le_bytes();
    let (old, x, y) = (window(a), window(b), window(c));
    let half = first >> 16;
    let signed = i64::from(c as i8);
    let two = |terms: &mut Terms, kind| terms.of_two(kind, x, y);
    let number = |terms: &mut Terms, kind, number: u64| {
        let number = terms.number(number)?;
        terms.of_two(kind, x, number)
    };
    // A comparison, then whether the condition holds.
    let flag = |terms: &mut Terms, flags, cond: u32| {
        let zero = terms.number(0)?;
        terms.raw(CSINC | (cond ^ 1) << 12, [zero, zero, flags])
    };
    let compare = |terms: &mut Terms, wide: u32, cond| {
        let flags = terms.of_two(wide | kind::SUBS, x, y)?;
        flag(terms, flags, cond)
    };
    let compare_number = |terms: &mut Terms, wide: u32, number: u64, cond| {
        let flags = compared(terms, wide, b, number)?;
        flag(terms, flags, cond)
    };
    let binary = |terms: &mut Terms, kind: u32| {
        let double = kind & DOUBLE != 0;
        let (x, y) = (float(terms, b, double)?, float(terms, c, double)?);
        let value = terms.raw(kind, [x, y, 0])?;
        of_float(terms, value, double)
    };
    let compare_floats = |terms: &mut Terms, size: u32, cond| {
        let (x, y) = (float(terms, b, size != 0)?, float(terms, c, size != 0)?);
        let flags = terms.raw(FCMP | size, [x, y, 0])?;
        flag(terms, flags, cond)
    };
    let unary = |terms: &mut Terms, kind: u32, to_double| {
        let from = float(terms, b, kind & DOUBLE != 0)?;
        let value = terms.raw(kind, [from, 0, 0])?;
        of_float(terms, value, to_double)
    };
    let to_integer = |terms: &mut Terms, kind: u32| {
        let from = float(terms, b, kind & DOUBLE != 0)?;
        terms.raw(kind, [from, 0, 0])
    };
    let to_float = |terms: &mut Terms, kind: u32| {
        let value = terms.of_one(kind, x)?;
        of_float(terms, value, kind & DOUBLE != 0)
    };
    let bits = u32::from(c);
    let signed_half = first as i32 >> 16;
    Ok(Some(match opcode {
        op::Copy => x,
        op::Const32 => terms.number((signed_half as u32).into())?,
        op::Const64 => terms.number(i64::from(signed_half) as u64)?,
        op::Const32W => terms.number(next.into())?,
        op::Const64W => terms.number(u64::from(next) | u64::from(last) << 32)?,
        op::CmovNz | op::CmovZ => {
            let flags = compared(terms, X, b, 0)?;
            let cond = if opcode == op::CmovNz { cond::NE } else { cond::EQ };
            terms.raw(X | CSEL | cond << 12, [y, old, flags])?
        }

        op::Eq => compare(terms, X, cond::EQ)?,
        op::Ne => compare(terms, X, cond::NE)?,
        op::LtU => compare(terms, X, LO)?,
        op::LeU => compare(terms, X, cond::LS)?,
        op::LtS32 => compare(terms, 0, LT)?,
        op::LeS32 => compare(terms, 0, cond::LE)?,
        op::LtS64 => compare(terms, X, LT)?,
        op::LeS64 => compare(terms, X, cond::LE)?,
        op::EqI => compare_number(terms, X, c.into(), cond::EQ)?,
        op::NeI => compare_number(terms, X, c.into(), cond::NE)?,
        op::LtUI => compare_number(terms, X, c.into(), LO)?,
        op::GtUI => compare_number(terms, X, c.into(), HI)?,
        op::LtSI32 => compare_number(terms, 0, (signed as u32).into(), LT)?,
        op::GtSI32 => compare_number(terms, 0, (signed as u32).into(), GT)?,

        op::Add32 => two(terms, kind::ADD)?,
        op::Sub32 => two(terms, kind::SUB)?,
        op::Mul32 => two(terms, MUL)?,
        op::And => two(terms, X | kind::AND)?,
        op::Or => two(terms, X | kind::ORR)?,
        op::Xor => two(terms, X | kind::EOR)?,
        op::Shl32 => two(terms, LSLV)?,
        op::ShrS32 => two(terms, ASRV)?,
        op::ShrU32 => two(terms, LSRV)?,
        op::Rotr32 => two(terms, RORV)?,
        op::Add64 => two(terms, X | kind::ADD)?,
        op::Sub64 => two(terms, X | kind::SUB)?,
        op::Mul64 => two(terms, X | MUL)?,
        op::Shl64 => two(terms, X | LSLV)?,
        op::ShrS64 => two(terms, X | ASRV)?,
        op::ShrU64 => two(terms, X | LSRV)?,
        op::Rotr64 => two(terms, X | RORV)?,
        // To the right by the opposite.
        op::Rotl32 | op::Rotl64 => {
            let wide = if opcode == op::Rotl64 { X } else { 0 };
            let zero = terms.number(0)?;
            let right = terms.of_two(wide | kind::SUB, zero, y)?;
            terms.of_two(wide | RORV, x, right)?
        }

        op::AddI32 => number(terms, kind::ADD, (signed as u32).into())?,
        op::AddW32 => number(terms, kind::ADD, next.into())?,
        op::AddI64 => number(terms, X | kind::ADD, signed as u64)?,
        op::MulI32 => number(terms, MUL, (signed as u32).into())?,
        op::MulW32 => number(terms, MUL, next.into())?,
        // No bit from 32 up is left, so the lower half is all.
        op::AndI => number(terms, kind::AND, c.into())?,
        op::AndW => number(terms, kind::AND, next.into())?,
        op::OrI => number(terms, X | kind::ORR, c.into())?,
        op::OrW => number(terms, X | kind::ORR, next.into())?,
        op::XorI => number(terms, X | kind::EOR, c.into())?,
        op::XorW => number(terms, X | kind::EOR, next.into())?,
        op::ShlI32 => terms.of_one(0x5300_0000 | ((32 - bits) % 32) << 16 | (31 - bits) << 10, x)?,
        op::ShrSI32 => terms.of_one(0x1300_7c00 | bits << 16, x)?,
        op::ShrUI32 => terms.of_one(0x5300_7c00 | bits << 16, x)?,
        op::RotlI32 => terms.of_one(0x1380_0000 | ((32 - bits) % 32) << 10, x)?,
        op::ShlI64 => terms.of_one(0xd340_0000 | ((64 - bits) % 64) << 16 | (63 - bits) << 10, x)?,
        op::ShrSI64 => terms.of_one(0x9340_fc00 | bits << 16, x)?,
        op::ShrUI64 => terms.of_one(0xd340_fc00 | bits << 16, x)?,
        op::RotlI64 => terms.of_one(0x93c0_0000 | ((64 - bits) % 64) << 10, x)?,
        op::XorShrI32 => {
            let shifted = terms.of_one(0x5300_7c00 | bits << 16, x)?;
            terms.of_two(X | kind::EOR, old, shifted)?
        }

        op::Clz32 => terms.of_one(CLZ, x)?,
        op::Clz64 => terms.of_one(X | CLZ, x)?,
        op::Ctz32 | op::Ctz64 => {
            let wide = if opcode == op::Ctz64 { X } else { 0 };
            let turned = terms.of_one(wide | RBIT, x)?;
            terms.of_one(wide | CLZ, turned)?
        }
        op::Popcnt => {
            let from = float(terms, b, true)?;
            let bytes = terms.raw(0x0e20_5800, [from, 0, 0])?;
            let sum = terms.raw(0x0e31_b800, [bytes, 0, 0])?;
            of_float(terms, sum, false)?
        }
        op::Ext8S32 => terms.of_one(0x1300_1c00, x)?,
        op::Ext16S32 => terms.of_one(0x1300_3c00, x)?,
        op::Ext8S64 => terms.of_one(0x9340_1c00, x)?,
        op::Ext16S64 => terms.of_one(0x9340_3c00, x)?,
        op::Ext32S64 => terms.of_one(0x9340_7c00, x)?,
        op::Wrap => terms.lower(x)?,
        op::MemorySize => terms.raw(kind::PAGES, [0; 3])?,
        op::RefFunc => terms.number(u64::from(half) + 1)?,

        op::FAdd32 => binary(terms, 0x1e20_2800)?,
        op::FSub32 => binary(terms, 0x1e20_3800)?,
        op::FMul32 => binary(terms, 0x1e20_0800)?,
        op::FDiv32 => binary(terms, 0x1e20_1800)?,
        op::FMin32 => binary(terms, 0x1e20_5800)?,
        op::FMax32 => binary(terms, 0x1e20_4800)?,
        op::FAdd64 => binary(terms, 0x1e60_2800)?,
        op::FSub64 => binary(terms, 0x1e60_3800)?,
        op::FMul64 => binary(terms, 0x1e60_0800)?,
        op::FDiv64 => binary(terms, 0x1e60_1800)?,
        op::FMin64 => binary(terms, 0x1e60_5800)?,
        op::FMax64 => binary(terms, 0x1e60_4800)?,
        // Without an order, flags are such that only "not equal" holds.
        op::FEq32 => compare_floats(terms, 0, cond::EQ)?,
        op::FNe32 => compare_floats(terms, 0, cond::NE)?,
        op::FLt32 => compare_floats(terms, 0, MI)?,
        op::FLe32 => compare_floats(terms, 0, cond::LS)?,
        op::FEq64 => compare_floats(terms, DOUBLE, cond::EQ)?,
        op::FNe64 => compare_floats(terms, DOUBLE, cond::NE)?,
        op::FLt64 => compare_floats(terms, DOUBLE, MI)?,
        op::FLe64 => compare_floats(terms, DOUBLE, cond::LS)?,
        op::FSqrt32 => unary(terms, 0x1e21_c000, false)?,
        op::FCeil32 => unary(terms, 0x1e24_c000, false)?,
        op::FFloor32 => unary(terms, 0x1e25_4000, false)?,
        op::FTrunc32 => unary(terms, 0x1e25_c000, false)?,
        op::FNearest32 => unary(terms, 0x1e24_4000, false)?,
        op::FSqrt64 => unary(terms, 0x1e61_c000, true)?,
        op::FCeil64 => unary(terms, 0x1e64_c000, true)?,
        op::FFloor64 => unary(terms, 0x1e65_4000, true)?,
        op::FTrunc64 => unary(terms, 0x1e65_c000, true)?,
        op::FNearest64 => unary(terms, 0x1e64_4000, true)?,
        op::Demote => unary(terms, 0x1e62_4000, false)?,
        op::Promote => unary(terms, 0x1e22_c000, true)?,
        op::I32SatF32S => to_integer(terms, 0x1e38_0000)?,
        op::I32SatF32U => to_integer(terms, 0x1e39_0000)?,
        op::I32SatF64S => to_integer(terms, 0x1e78_0000)?,
        op::I32SatF64U => to_integer(terms, 0x1e79_0000)?,
        op::I64SatF32S => to_integer(terms, 0x9e38_0000)?,
        op::I64SatF32U => to_integer(terms, 0x9e39_0000)?,
        op::I64SatF64S => to_integer(terms, 0x9e78_0000)?,
        op::I64SatF64U => to_integer(terms, 0x9e79_0000)?,
        op::F32ConvI32S => to_float(terms, 0x1e22_0000)?,
        op::F32ConvI64S => to_float(terms, 0x9e22_0000)?,
        op::F32ConvU => to_float(terms, 0x9e23_0000)?,
        op::F64ConvI32S => to_float(terms, 0x1e62_0000)?,
        op::F64ConvI64S => to_float(terms, 0x9e62_0000)?,
        op::F64ConvU => to_float(terms, 0x9e63_0000)?,

        _ => return Ok(None),
    }))
}
