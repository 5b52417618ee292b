//! Floats: IEEE 754 in hardware, with one NaN. WebAssembly leaves the bits of a NaN that an operation
//! makes open; here it is always the canonical one, so that all machines agree.

use core::hint::black_box;

use xmap_image::{Word, opcode as op};

use crate::{Fault, TrapCode};

/// A register's f32.
#[inline(always)]
pub(crate) const fn f32_of(register: u64) -> f32 {
    f32::from_bits(register as u32)
}

/// A register's f64.
#[inline(always)]
pub(crate) const fn f64_of(register: u64) -> f64 {
    f64::from_bits(register)
}

/// Whether the canonical NaN is made by a call. On x86-64 a selection takes the result out of its register
/// and back, so that what is no NaN pays for it; on AArch64 it is one instruction, and a call would be the
/// longest way of each op.
const CALLED: bool = cfg!(target_arch = "x86_64");

/// The register of an f32 that was computed.
#[inline(always)]
pub(crate) fn of_f32(value: f32) -> u64 {
    const NAN: u32 = 0x7fc0_0000;
    u64::from(if value.is_nan() { if CALLED { rarely(NAN) } else { NAN } } else { value.to_bits() })
}

/// The register of an f64 that was computed.
#[inline(always)]
pub(crate) fn of_f64(value: f64) -> u64 {
    const NAN: u64 = 0x7ff8 << 48;
    if value.is_nan() { if CALLED { rarely(NAN) } else { NAN } } else { value.to_bits() }
}

/// A constant that few need.
#[cold]
#[inline(never)]
fn rarely<T>(value: T) -> T {
    black_box(value)
}

/// `min` and `max` of WebAssembly: NaN where either operand is one, and -0 below +0.
macro_rules! extremes {
    ($min:ident, $max:ident, $float:ty) => {
        #[inline(always)]
        pub(crate) fn $min(x: $float, y: $float) -> $float {
            if x < y {
                x
            } else if y < x {
                y
            } else if x == y {
                <$float>::from_bits(x.to_bits() | y.to_bits())
            } else {
                <$float>::NAN
            }
        }

        #[inline(always)]
        pub(crate) fn $max(x: $float, y: $float) -> $float {
            if x > y {
                x
            } else if y > x {
                y
            } else if x == y {
                <$float>::from_bits(x.to_bits() & y.to_bits())
            } else {
                <$float>::NAN
            }
        }
    };
}
extremes!(min32, max32, f32);
extremes!(min64, max64, f64);

/// Operations on one operand: roots, rounding and conversions. `word` is the op's first.
///
/// # Errors
/// A conversion of what no integer of the width is near to.
// Cold, so that the loop of ops keeps its own values in registers.
#[cold]
#[inline(never)]
pub(crate) fn unary(word: Word, register: u64) -> Result<u64, Fault> {
    let (x, y) = (f32_of(register), f64_of(register));
    // Every f32 is an f64, so one conversion serves both.
    let wide = f64::from(x);
    let of = |double| if word as u8 == double { y } else { wide };
    Ok(match word as u8 {
        op::FSqrt32 => of_f32(libm::sqrtf(x)),
        op::FCeil32 => of_f32(libm::ceilf(x)),
        op::FFloor32 => of_f32(libm::floorf(x)),
        op::FTrunc32 => of_f32(libm::truncf(x)),
        op::FNearest32 => of_f32(libm::rintf(x)),
        op::FSqrt64 => of_f64(libm::sqrt(y)),
        op::FCeil64 => of_f64(libm::ceil(y)),
        op::FFloor64 => of_f64(libm::floor(y)),
        op::FTrunc64 => of_f64(libm::trunc(y)),
        op::FNearest64 => of_f64(libm::rint(y)),
        op::I32TruncF32S | op::I32TruncF64S => trunc_i32(of(op::I32TruncF64S))?,
        op::I32TruncF32U | op::I32TruncF64U => trunc_u32(of(op::I32TruncF64U))?,
        op::I64TruncF32S | op::I64TruncF64S => trunc_i64(of(op::I64TruncF64S))?,
        op::I64TruncF32U | op::I64TruncF64U => trunc_u64(of(op::I64TruncF64U))?,
        // Casts of Rust saturate, and make 0 of NaN.
        op::I32SatF32S => u64::from(x as i32 as u32),
        op::I32SatF32U => u64::from(x as u32),
        op::I32SatF64S => u64::from(y as i32 as u32),
        op::I32SatF64U => u64::from(y as u32),
        op::I64SatF32S => x as i64 as u64,
        op::I64SatF32U => x as u64,
        op::I64SatF64S => y as i64 as u64,
        op::I64SatF64U => y as u64,
        op::F32ConvI32S => of_f32(register as u32 as i32 as f32),
        op::F32ConvI64S => of_f32(register as i64 as f32),
        op::F32ConvU => of_f32(register as f32),
        op::F64ConvI32S => of_f64(f64::from(register as u32 as i32)),
        op::F64ConvI64S => of_f64(register as i64 as f64),
        op::F64ConvU => of_f64(register as f64),
        op::Demote => of_f32(y as f32),
        _ => of_f64(wide),
    })
}

const TWO_31: f64 = 2_147_483_648.0;
const TWO_32: f64 = 4_294_967_296.0;
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

fn trunc_i32(x: f64) -> Result<u64, Fault> {
    if x > -TWO_31 - 1.0 && x < TWO_31 { Ok(u64::from(x as i32 as u32)) } else { Err(misfit(x)) }
}

fn trunc_u32(x: f64) -> Result<u64, Fault> {
    if x > -1.0 && x < TWO_32 { Ok(u64::from(x as u32)) } else { Err(misfit(x)) }
}

fn trunc_i64(x: f64) -> Result<u64, Fault> {
    // No f64 lies between -2^63 and the one below that would still fit.
    if (-TWO_63..TWO_63).contains(&x) { Ok(x as i64 as u64) } else { Err(misfit(x)) }
}

fn trunc_u64(x: f64) -> Result<u64, Fault> {
    if x > -1.0 && x < TWO_64 { Ok(x as u64) } else { Err(misfit(x)) }
}

#[cold]
fn misfit(x: f64) -> Fault {
    let code = if x.is_nan() { TrapCode::InvalidConversion } else { TrapCode::IntegerOverflow };
    Fault::new(code, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_have_an_order() {
        assert_eq!(min32(0.0, -0.0).to_bits(), (-0.0f32).to_bits());
        assert_eq!(min64(-0.0, 0.0).to_bits(), (-0.0f64).to_bits());
        assert_eq!(max32(-0.0, 0.0).to_bits(), 0);
        assert_eq!(max64(0.0, -0.0).to_bits(), 0);
        assert!(min32(f32::NAN, 1.0).is_nan() && max64(1.0, f64::NAN).is_nan());
    }

    #[test]
    fn conversions_fit_up_to_the_last_number() {
        let of = |x: f64| x.to_bits();
        assert_eq!(unary(Word::from(op::I32TruncF64S), of(-2_147_483_648.9)), Ok(0x8000_0000));
        assert_eq!(unary(Word::from(op::I32TruncF64U), of(-0.9)), Ok(0));
        assert_eq!(unary(Word::from(op::I64TruncF64S), of(-TWO_63)), Ok(1 << 63));
        let code = |opcode: u8, x| unary(Word::from(opcode), of(x)).map_err(|fault| fault.code);
        assert_eq!(code(op::I32TruncF64S, TWO_31), Err(TrapCode::IntegerOverflow));
        assert_eq!(code(op::I64TruncF64U, TWO_64), Err(TrapCode::IntegerOverflow));
        assert_eq!(code(op::I32TruncF64U, f64::NAN), Err(TrapCode::InvalidConversion));
    }

    #[test]
    fn halves_round_to_even() {
        let nearest = |x: f64| unary(Word::from(op::FNearest64), x.to_bits()).map(f64::from_bits);
        assert_eq!([nearest(0.5), nearest(1.5), nearest(2.5), nearest(-0.5)], [0.0, 2.0, 2.0, -0.0].map(Ok));
    }
}
