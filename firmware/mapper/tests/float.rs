//! Each op on floats against Rust's own, at the edges: zeros, subnormals, infinities, NaN of several
//! kinds, and numbers at which a conversion stops fitting.

mod common;

use common::*;
use tiny_mapper::TrapCode;
use xmap_image::{Op, Ty};

/// What is worth trying, as f64; f32 take the nearest.
const NUMBERS: [f64; 31] = [
    0.0,
    -0.0,
    0.25,
    0.5,
    -0.5,
    -0.999_999_9,
    1.0,
    -1.0,
    1.5,
    2.5,
    -2.5,
    3.75,
    1e-40,
    -1e-310,
    8_388_607.5,
    2_147_483_520.0,
    2_147_483_647.0,
    2_147_483_648.0,
    -2_147_483_648.0,
    -2_147_483_649.0,
    4_294_967_295.0,
    4_294_967_296.0,
    9_007_199_254_740_993.0,
    9_223_372_036_854_774_784.0,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_775_808.0,
    -9_223_372_036_854_777_856.0,
    18_446_744_073_709_549_568.0,
    18_446_744_073_709_551_616.0,
    1e300,
    f64::INFINITY,
];

const NAN32: u32 = 0x7fc0_0000;
const NAN64: u64 = 0x7ff8_0000_0000_0000;

/// Of the numbers all, or three or four under Miri, where a call takes long.
const STEP: usize = if cfg!(miri) { 11 } else { 1 };

fn singles() -> Vec<u32> {
    let numbers = NUMBERS.iter().map(|x| (*x as f32).to_bits());
    let other = [f32::NEG_INFINITY.to_bits(), NAN32, 0xffc0_0001, 0x7f80_0001, 1, 0x007f_ffff];
    numbers.chain(other).step_by(STEP).collect()
}

fn doubles() -> Vec<u64> {
    let numbers = NUMBERS.iter().map(|x| x.to_bits());
    let other = [f64::NEG_INFINITY.to_bits(), NAN64, 0xfff8_0000_0000_0001, 0x7ff0_0000_0000_0001, 1];
    numbers.chain(other).step_by(STEP).collect()
}

/// The bits of a result: one NaN for all.
fn canonical32(x: f32) -> u64 {
    u64::from(if x.is_nan() { NAN32 } else { x.to_bits() })
}

fn canonical64(x: f64) -> u64 {
    if x.is_nan() { NAN64 } else { x.to_bits() }
}

/// Runs `op 1, 1, 2` on both registers.
fn run(
    op: Op,
    c: u8,
    pairs: impl Iterator<Item = (u64, u64)>,
    expected: impl Fn(u64, u64) -> Result<u64, TrapCode>,
) {
    let mut b = builder();
    code(&mut b, "f", &[Ty::U64; 2], &[Ty::U64], &[op.abc(1, 1, c), RET]);
    with(&b, |m| {
        for (x, y) in pairs {
            let got = call(m, "f", &[x, y]);
            match expected(x, y) {
                Ok(value) => assert_eq!(got, Ok(vec![value]), "{op:?} {x:#x} {y:#x}"),
                Err(code) => assert_eq!(fault(got), (code, 0), "{op:?} {x:#x} {y:#x}"),
            }
        }
    });
}

/// `min` by WebAssembly: any NaN gives NaN, and -0 is below 0.
fn min<T: PartialOrd + Copy>(x: T, y: T, negative: impl Fn(T) -> bool, nan: T) -> T {
    if x < y {
        x
    } else if y < x {
        y
    } else if x == y {
        if negative(x) { x } else { y }
    } else {
        nan
    }
}

#[test]
fn operations_on_two_floats() {
    type F32 = fn(f32, f32) -> f32;
    type F64 = fn(f64, f64) -> f64;
    let singles32: [(Op, F32); 6] = [
        (Op::FAdd32, |x, y| x + y),
        (Op::FSub32, |x, y| x - y),
        (Op::FMul32, |x, y| x * y),
        (Op::FDiv32, |x, y| x / y),
        (Op::FMin32, |x, y| min(x, y, f32::is_sign_negative, f32::NAN)),
        (Op::FMax32, |x, y| -min(-x, -y, f32::is_sign_negative, f32::NAN)),
    ];
    let doubles64: [(Op, F64); 6] = [
        (Op::FAdd64, |x, y| x + y),
        (Op::FSub64, |x, y| x - y),
        (Op::FMul64, |x, y| x * y),
        (Op::FDiv64, |x, y| x / y),
        (Op::FMin64, |x, y| min(x, y, f64::is_sign_negative, f64::NAN)),
        (Op::FMax64, |x, y| -min(-x, -y, f64::is_sign_negative, f64::NAN)),
    ];
    for (op, rust) in singles32 {
        let pairs =
            singles().into_iter().flat_map(|x| singles().into_iter().map(move |y| (x.into(), y.into())));
        run(op, 2, pairs, |x, y| Ok(canonical32(rust(f32::from_bits(x as u32), f32::from_bits(y as u32)))));
    }
    for (op, rust) in doubles64 {
        let pairs = doubles().into_iter().flat_map(|x| doubles().into_iter().map(move |y| (x, y)));
        run(op, 2, pairs, |x, y| Ok(canonical64(rust(f64::from_bits(x), f64::from_bits(y)))));
    }
}

#[test]
fn comparisons_of_floats() {
    type Compare = fn(f64, f64) -> bool;
    let table: [(Op, Op, Compare); 4] = [
        (Op::FEq32, Op::FEq64, |x, y| x == y),
        (Op::FNe32, Op::FNe64, |x, y| x != y),
        (Op::FLt32, Op::FLt64, |x, y| x < y),
        (Op::FLe32, Op::FLe64, |x, y| x <= y),
    ];
    for (op32, op64, rust) in table {
        // Every f32 is an f64, so they compare alike.
        let wide = |x: u64| f64::from(f32::from_bits(x as u32));
        let pairs =
            singles().into_iter().flat_map(|x| singles().into_iter().map(move |y| (x.into(), y.into())));
        run(op32, 2, pairs, |x, y| Ok(rust(wide(x), wide(y)).into()));
        let pairs = doubles().into_iter().flat_map(|x| doubles().into_iter().map(move |y| (x, y)));
        run(op64, 2, pairs, |x, y| Ok(rust(f64::from_bits(x), f64::from_bits(y)).into()));
    }
}

#[test]
#[cfg_attr(miri, ignore = "libm has assembly")]
fn roots_and_rounding() {
    type F32 = fn(f32) -> f32;
    type F64 = fn(f64) -> f64;
    let table: [(Op, Op, F32, F64); 5] = [
        (Op::FSqrt32, Op::FSqrt64, f32::sqrt, f64::sqrt),
        (Op::FCeil32, Op::FCeil64, f32::ceil, f64::ceil),
        (Op::FFloor32, Op::FFloor64, f32::floor, f64::floor),
        (Op::FTrunc32, Op::FTrunc64, f32::trunc, f64::trunc),
        (Op::FNearest32, Op::FNearest64, f32::round_ties_even, f64::round_ties_even),
    ];
    for (op32, op64, rust32, rust64) in table {
        let all = singles().into_iter().map(|x| (x.into(), 0));
        run(op32, 0, all, |x, _| Ok(canonical32(rust32(f32::from_bits(x as u32)))));
        let all = doubles().into_iter().map(|x| (x, 0));
        run(op64, 0, all, |x, _| Ok(canonical64(rust64(f64::from_bits(x)))));
    }
}

/// Returns what a conversion that traps gives, by whole numbers: `least` to `most` fit.
fn truncated(x: f64, least: i128, most: i128, bits: u32) -> Result<u64, TrapCode> {
    if x.is_nan() {
        return Err(TrapCode::InvalidConversion);
    }
    // Saturates far outside of both.
    let whole = x.trunc() as i128;
    if whole < least || whole > most {
        return Err(TrapCode::IntegerOverflow);
    }
    Ok(whole as u64 & (u64::MAX >> (64 - bits)))
}

#[test]
fn conversions_to_integers() {
    let ranges = [
        (i128::from(i32::MIN), i128::from(i32::MAX), 32),
        (0, i128::from(u32::MAX), 32),
        (i128::from(i64::MIN), i128::from(i64::MAX), 64),
        (0, i128::from(u64::MAX), 64),
    ];
    let ops = [
        [Op::I32TruncF32S, Op::I32TruncF64S, Op::I32SatF32S, Op::I32SatF64S],
        [Op::I32TruncF32U, Op::I32TruncF64U, Op::I32SatF32U, Op::I32SatF64U],
        [Op::I64TruncF32S, Op::I64TruncF64S, Op::I64SatF32S, Op::I64SatF64S],
        [Op::I64TruncF32U, Op::I64TruncF64U, Op::I64SatF32U, Op::I64SatF64U],
    ];
    for ((least, most, bits), [trunc32, trunc64, sat32, sat64]) in ranges.into_iter().zip(ops) {
        let saturated = |x: f64| {
            if x.is_nan() {
                return Ok(0);
            }
            let whole = (x.trunc() as i128).clamp(least, most);
            Ok(whole as u64 & (u64::MAX >> (64 - bits)))
        };
        let wide = |x: u64| f64::from(f32::from_bits(x as u32));
        let narrow = || singles().into_iter().map(|x| (x.into(), 0));
        let all = || doubles().into_iter().map(|x| (x, 0));
        run(trunc32, 0, narrow(), |x, _| truncated(wide(x), least, most, bits));
        run(trunc64, 0, all(), |x, _| truncated(f64::from_bits(x), least, most, bits));
        run(sat32, 0, narrow(), |x, _| saturated(wide(x)));
        run(sat64, 0, all(), |x, _| saturated(f64::from_bits(x)));
    }
}

#[test]
fn conversions_from_integers_and_between_floats() {
    type Convert = fn(u64) -> u64;
    let table: [(Op, Convert); 6] = [
        (Op::F32ConvI32S, |x| canonical32(x as u32 as i32 as f32)),
        (Op::F32ConvI64S, |x| canonical32(x as i64 as f32)),
        (Op::F32ConvU, |x| canonical32(x as f32)),
        (Op::F64ConvI32S, |x| canonical64(f64::from(x as u32 as i32))),
        (Op::F64ConvI64S, |x| canonical64(x as i64 as f64)),
        (Op::F64ConvU, |x| canonical64(x as f64)),
    ];
    // Those that lie between two floats round to the even one.
    let integers = [
        0,
        1,
        16_777_217,
        16_777_219,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        (1 << 53) + 1,
        0x7fff_ffff_ffff_ffff,
        1 << 63,
        u64::MAX,
    ];
    for (op, rust) in table {
        run(op, 0, integers.into_iter().map(|x| (x, 0)), |x, _| Ok(rust(x)));
    }
    let all = doubles().into_iter().map(|x| (x, 0));
    run(Op::Demote, 0, all, |x, _| Ok(canonical32(f64::from_bits(x) as f32)));
    let all = singles().into_iter().map(|x| (x.into(), 0));
    run(Op::Promote, 0, all, |x, _| Ok(canonical64(f64::from(f32::from_bits(x as u32)))));
}
