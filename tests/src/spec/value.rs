//! Arguments and results: the script's notation against registers.

use wast::core::{NanPattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};
use xmap_image::Ty;

/// An argument as a register holds it, or the proposal that it needs.
///
/// A reference is null where it is zero; the host's references are their numbers plus one.
pub(super) fn argument(arg: &WastArg<'_>) -> Result<u64, &'static str> {
    let WastArg::Core(arg) = arg else { return Err("components") };
    Ok(match arg {
        WastArgCore::I32(v) => u64::from(*v as u32),
        WastArgCore::I64(v) => *v as u64,
        WastArgCore::F32(v) => u64::from(v.bits),
        WastArgCore::F64(v) => v.bits,
        WastArgCore::RefNull(_) => 0,
        WastArgCore::RefExtern(n) | WastArgCore::RefHost(n) => u64::from(*n) + 1,
        WastArgCore::V128(_) => return Err("SIMD"),
    })
}

/// Returns whether a register holds what a script expects of a result of this type.
pub(super) fn is_expected(expected: &WastRet<'_>, ty: Ty, raw: u64) -> bool {
    let WastRet::Core(expected) = expected else { return false };
    core(expected, ty, raw)
}

fn core(expected: &WastRetCore<'_>, ty: Ty, raw: u64) -> bool {
    // The upper half of a register with a 32-bit value is zero, so whole registers are compared.
    match expected {
        WastRetCore::I32(v) => ty == Ty::I32 && raw == u64::from(*v as u32),
        WastRetCore::I64(v) => ty == Ty::I64 && raw == *v as u64,
        WastRetCore::F32(pattern) => ty == Ty::F32 && is_f32(pattern, raw),
        WastRetCore::F64(pattern) => ty == Ty::F64 && is_f64(pattern, raw),
        WastRetCore::RefNull(_) => raw == 0,
        WastRetCore::RefExtern(Some(n)) => raw == u64::from(*n) + 1,
        WastRetCore::RefExtern(None) | WastRetCore::RefFunc(_) => raw != 0,
        WastRetCore::Either(any) => any.iter().any(|one| core(one, ty, raw)),
        _ => false,
    }
}

/// A canonical NaN has the first bit of its payload alone, an arithmetic one has it at least
/// (WebAssembly, section 2.2.3). The sign is free.
fn is_f32(pattern: &NanPattern<wast::token::F32>, raw: u64) -> bool {
    const QUIET: u32 = 0x7fc0_0000;
    let Ok(bits) = u32::try_from(raw) else { return false };
    match pattern {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == QUIET,
        NanPattern::ArithmeticNan => bits & QUIET == QUIET,
        NanPattern::Value(v) => bits == v.bits,
    }
}

fn is_f64(pattern: &NanPattern<wast::token::F64>, bits: u64) -> bool {
    const QUIET: u64 = 0x7ff8_0000_0000_0000;
    match pattern {
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == QUIET,
        NanPattern::ArithmeticNan => bits & QUIET == QUIET,
        NanPattern::Value(v) => bits == v.bits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wast::token::{F32, F64};

    #[test]
    fn nan_patterns_are_those_of_the_specification() {
        let (canonical, arithmetic) = (NanPattern::<F32>::CanonicalNan, NanPattern::<F32>::ArithmeticNan);
        for (bits, is_canonical, is_arithmetic) in [
            (0x7fc0_0000, true, true),
            (0xffc0_0000, true, true),
            (0x7fc0_0001, false, true),
            (0x7fa0_0000, false, false),
            (0x7f80_0000, false, false),
            (0x0_7fc0_0000 | 1 << 32, false, false),
        ] {
            assert_eq!(is_f32(&canonical, bits), is_canonical, "{bits:#x}");
            assert_eq!(is_f32(&arithmetic, bits), is_arithmetic, "{bits:#x}");
        }
        let (canonical, arithmetic) = (NanPattern::<F64>::CanonicalNan, NanPattern::<F64>::ArithmeticNan);
        assert!(is_f64(&canonical, 0xfff8 << 48) && !is_f64(&canonical, 0x7ffc << 48));
        assert!(is_f64(&arithmetic, 0x7ffc << 48) && !is_f64(&arithmetic, 0x7ff4 << 48));
    }

    #[test]
    fn a_value_of_another_type_is_not_expected() {
        assert!(core(&WastRetCore::I32(-1), Ty::I32, 0xffff_ffff));
        assert!(!core(&WastRetCore::I32(-1), Ty::I32, u64::MAX));
        assert!(!core(&WastRetCore::I32(0), Ty::F32, 0));
        let either = WastRetCore::Either(vec![WastRetCore::I64(1), WastRetCore::I64(2)]);
        assert!(core(&either, Ty::I64, 2) && !core(&either, Ty::I64, 3));
    }
}
