//! Each op of arithmetic and comparison against plain Rust, at the edges of both widths.

mod common;

use common::*;
use tiny_mapper::TrapCode;
use xmap_image::{Op, Ty};

/// Values at the edges, those of 32 bits zero-extended and some that no i32 leaves in a register.
const EDGES: [u64; 22] = [
    0,
    1,
    2,
    7,
    31,
    32,
    33,
    63,
    64,
    0x7f,
    0x80,
    0xff,
    0x8000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x8000_0000_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ff80,
    u64::MAX - 1,
    u64::MAX,
];

/// All of them, or three under Miri, where a call takes long.
fn edges() -> impl Iterator<Item = u64> {
    EDGES.into_iter().step_by(if cfg!(miri) { 9 } else { 1 })
}

/// The immediates worth trying.
const BYTES: [u8; 8] = [0, 1, 31, 63, 0x7f, 0x80, 0xfe, 0xff];

/// A result: a value, or the code of a trap.
type Expected = Result<u64, TrapCode>;

/// An op of two registers, in Rust.
type Binary = fn(u64, u64) -> Expected;
/// An op of a register and the byte of an immediate, in Rust.
type Immediate = fn(u64, u8) -> u64;
/// An op of one register, in Rust.
type Unary = fn(u64) -> u64;

fn expect(op: Op, operands: &str, got: Outcome, expected: Expected) {
    match expected {
        Ok(value) => assert_eq!(got, Ok(vec![value]), "{op:?} {operands}"),
        Err(code) => assert_eq!(fault(got), (code, 0), "{op:?} {operands}"),
    }
}

/// `op 1, 1, 2` over all pairs of edges.
fn binary(table: &[(Op, Binary)]) {
    for (op, rust) in table {
        let mut b = builder();
        code(&mut b, "f", &[Ty::I64; 2], &[Ty::I64], &[op.abc(1, 1, 2), RET]);
        with(&b, |m| {
            for (x, y) in edges().flat_map(|x| edges().map(move |y| (x, y))) {
                expect(*op, &format!("{x:#x} {y:#x}"), call(m, "f", &[x, y]), rust(x, y));
            }
        });
    }
}

/// `op 1, 1, imm`; `imm` is passed as the byte.
fn immediate(table: &[(Op, Immediate)], bytes: &[u8]) {
    for (op, rust) in table {
        for imm in bytes {
            let mut b = builder();
            code(&mut b, "f", &[Ty::I64], &[Ty::I64], &[op.abc(1, 1, *imm), RET]);
            with(&b, |m| {
                for x in edges() {
                    expect(*op, &format!("{x:#x} {imm:#x}"), call(m, "f", &[x]), Ok(rust(x, *imm)));
                }
            });
        }
    }
}

fn unary(table: &[(Op, Unary)]) {
    for (op, rust) in table {
        let mut b = builder();
        code(&mut b, "f", &[Ty::I64], &[Ty::I64], &[op.abc(1, 1, 0), RET]);
        with(&b, |m| {
            for x in edges() {
                expect(*op, &format!("{x:#x}"), call(m, "f", &[x]), Ok(rust(x)));
            }
        });
    }
}

fn w32(x: u64) -> u32 {
    x as u32
}

fn s32(x: u64) -> i32 {
    x as u32 as i32
}

fn simm(byte: u8) -> i32 {
    i32::from(byte as i8)
}

#[test]
fn comparisons() {
    binary(&[
        (Op::Eq, |x, y| Ok((x == y).into())),
        (Op::Ne, |x, y| Ok((x != y).into())),
        (Op::LtU, |x, y| Ok((x < y).into())),
        (Op::LeU, |x, y| Ok((x <= y).into())),
        (Op::LtS32, |x, y| Ok((s32(x) < s32(y)).into())),
        (Op::LeS32, |x, y| Ok((s32(x) <= s32(y)).into())),
        (Op::LtS64, |x, y| Ok(((x as i64) < y as i64).into())),
        (Op::LeS64, |x, y| Ok((x as i64 <= y as i64).into())),
    ]);
    immediate(
        &[
            (Op::EqI, |x, i| (x == u64::from(i)).into()),
            (Op::NeI, |x, i| (x != u64::from(i)).into()),
            (Op::LtUI, |x, i| (x < u64::from(i)).into()),
            (Op::GtUI, |x, i| (x > u64::from(i)).into()),
            (Op::LtSI32, |x, i| (s32(x) < simm(i)).into()),
            (Op::GtSI32, |x, i| (s32(x) > simm(i)).into()),
        ],
        &BYTES,
    );
}

#[test]
fn i32_operations_ignore_the_upper_half_and_clear_it() {
    use TrapCode::{DivideByZero, IntegerOverflow};
    binary(&[
        (Op::Add32, |x, y| Ok(w32(x).wrapping_add(w32(y)).into())),
        (Op::Sub32, |x, y| Ok(w32(x).wrapping_sub(w32(y)).into())),
        (Op::Mul32, |x, y| Ok(w32(x).wrapping_mul(w32(y)).into())),
        (Op::DivS32, |x, y| match s32(y) {
            0 => Err(DivideByZero),
            -1 if s32(x) == i32::MIN => Err(IntegerOverflow),
            y => Ok(u64::from((s32(x) / y) as u32)),
        }),
        (Op::DivU32, |x, y| if w32(y) == 0 { Err(DivideByZero) } else { Ok((w32(x) / w32(y)).into()) }),
        (Op::RemS32, |x, y| match s32(y) {
            0 => Err(DivideByZero),
            -1 => Ok(0),
            y => Ok(u64::from((s32(x) % y) as u32)),
        }),
        (Op::RemU32, |x, y| if w32(y) == 0 { Err(DivideByZero) } else { Ok((w32(x) % w32(y)).into()) }),
        (Op::Shl32, |x, y| Ok((w32(x) << (y % 32)).into())),
        (Op::ShrS32, |x, y| Ok(u64::from((s32(x) >> (y % 32)) as u32))),
        (Op::ShrU32, |x, y| Ok((w32(x) >> (y % 32)).into())),
        (Op::Rotl32, |x, y| Ok(w32(x).rotate_left((y % 32) as u32).into())),
        (Op::Rotr32, |x, y| Ok(w32(x).rotate_right((y % 32) as u32).into())),
    ]);
    immediate(
        &[
            (Op::AddI32, |x, i| w32(x).wrapping_add(simm(i) as u32).into()),
            (Op::MulI32, |x, i| w32(x).wrapping_mul(simm(i) as u32).into()),
        ],
        &BYTES,
    );
    immediate(
        &[
            (Op::ShlI32, |x, i| (w32(x) << i).into()),
            (Op::ShrSI32, |x, i| u64::from((s32(x) >> i) as u32)),
            (Op::ShrUI32, |x, i| (w32(x) >> i).into()),
            (Op::RotlI32, |x, i| w32(x).rotate_left(i.into()).into()),
        ],
        &[0, 1, 8, 31],
    );
    unary(&[
        (Op::Clz32, |x| w32(x).leading_zeros().into()),
        (Op::Ctz32, |x| w32(x).trailing_zeros().into()),
        (Op::Ext8S32, |x| u64::from(x as i8 as i32 as u32)),
        (Op::Ext16S32, |x| u64::from(x as i16 as i32 as u32)),
        (Op::Wrap, |x| x & 0xffff_ffff),
    ]);
}

#[test]
fn i64_operations() {
    use TrapCode::{DivideByZero, IntegerOverflow};
    binary(&[
        (Op::Add64, |x, y| Ok(x.wrapping_add(y))),
        (Op::Sub64, |x, y| Ok(x.wrapping_sub(y))),
        (Op::Mul64, |x, y| Ok(x.wrapping_mul(y))),
        (Op::DivS64, |x, y| match y as i64 {
            0 => Err(DivideByZero),
            -1 if x as i64 == i64::MIN => Err(IntegerOverflow),
            y => Ok((x as i64 / y) as u64),
        }),
        (Op::DivU64, |x, y| x.checked_div(y).ok_or(DivideByZero)),
        (Op::RemS64, |x, y| match y as i64 {
            0 => Err(DivideByZero),
            -1 => Ok(0),
            y => Ok((x as i64 % y) as u64),
        }),
        (Op::RemU64, |x, y| if y == 0 { Err(DivideByZero) } else { Ok(x % y) }),
        (Op::Shl64, |x, y| Ok(x << (y % 64))),
        (Op::ShrS64, |x, y| Ok((x as i64 >> (y % 64)) as u64)),
        (Op::ShrU64, |x, y| Ok(x >> (y % 64))),
        (Op::Rotl64, |x, y| Ok(x.rotate_left((y % 64) as u32))),
        (Op::Rotr64, |x, y| Ok(x.rotate_right((y % 64) as u32))),
    ]);
    immediate(&[(Op::AddI64, |x, i| x.wrapping_add(simm(i) as i64 as u64))], &BYTES);
    immediate(
        &[
            (Op::ShlI64, |x, i| x << i),
            (Op::ShrSI64, |x, i| (x as i64 >> i) as u64),
            (Op::ShrUI64, |x, i| x >> i),
            (Op::RotlI64, |x, i| x.rotate_left(i.into())),
        ],
        &[0, 1, 32, 63],
    );
    unary(&[
        (Op::Clz64, |x| x.leading_zeros().into()),
        (Op::Ctz64, |x| x.trailing_zeros().into()),
        (Op::Ext8S64, |x| x as i8 as u64),
        (Op::Ext16S64, |x| x as i16 as u64),
        (Op::Ext32S64, |x| x as i32 as u64),
    ]);
}

#[test]
fn operations_of_both_widths() {
    binary(&[(Op::And, |x, y| Ok(x & y)), (Op::Or, |x, y| Ok(x | y)), (Op::Xor, |x, y| Ok(x ^ y))]);
    immediate(
        &[
            (Op::AndI, |x, i| x & u64::from(i)),
            (Op::OrI, |x, i| x | u64::from(i)),
            (Op::XorI, |x, i| x ^ u64::from(i)),
        ],
        &BYTES,
    );
    unary(&[(Op::Popcnt, |x| x.count_ones().into())]);
}

#[test]
fn operations_with_a_word() {
    type Wide = fn(u64, u32) -> u64;
    let table: [(Op, Wide); 5] = [
        (Op::AddW32, |x, w| w32(x).wrapping_add(w).into()),
        (Op::MulW32, |x, w| w32(x).wrapping_mul(w).into()),
        (Op::AndW, |x, w| x & u64::from(w)),
        (Op::OrW, |x, w| x | u64::from(w)),
        (Op::XorW, |x, w| x ^ u64::from(w)),
    ];
    for (op, rust) in table {
        for word in edges().map(w32) {
            let mut b = builder();
            code(&mut b, "f", &[Ty::I64], &[Ty::I64], &[op.abc(1, 1, 0), word, RET]);
            with(&b, |m| {
                for x in edges() {
                    expect(op, &format!("{x:#x} {word:#x}"), call(m, "f", &[x]), Ok(rust(x, word)));
                }
            });
        }
    }
}
