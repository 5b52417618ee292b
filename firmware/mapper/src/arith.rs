//! Division: the only arithmetic that can trap (WebAssembly, section 4.3.2).

use crate::TrapCode;

macro_rules! division {
    ($div_s:ident, $rem_s:ident, $div_u:ident, $rem_u:ident, $unsigned:ty, $signed:ty) => {
        /// Signed quotient, rounded towards zero.
        #[inline(always)]
        pub(crate) fn $div_s(b: $unsigned, c: $unsigned) -> Result<$unsigned, TrapCode> {
            match (b as $signed).checked_div(c as $signed) {
                Some(quotient) => Ok(quotient as $unsigned),
                None if c == 0 => Err(TrapCode::DivideByZero),
                None => Err(TrapCode::IntegerOverflow),
            }
        }

        /// Signed remainder, with the sign of the dividend; `MIN % -1` is 0.
        #[inline(always)]
        pub(crate) fn $rem_s(b: $unsigned, c: $unsigned) -> Result<$unsigned, TrapCode> {
            match c {
                0 => Err(TrapCode::DivideByZero),
                _ => Ok((b as $signed).wrapping_rem(c as $signed) as $unsigned),
            }
        }

        /// Unsigned quotient.
        #[inline(always)]
        pub(crate) fn $div_u(b: $unsigned, c: $unsigned) -> Result<$unsigned, TrapCode> {
            b.checked_div(c).ok_or(TrapCode::DivideByZero)
        }

        /// Unsigned remainder.
        #[inline(always)]
        pub(crate) fn $rem_u(b: $unsigned, c: $unsigned) -> Result<$unsigned, TrapCode> {
            b.checked_rem(c).ok_or(TrapCode::DivideByZero)
        }
    };
}

division!(div_s32, rem_s32, div_u32, rem_u32, u32, i32);
division!(div_s64, rem_s64, div_u64, rem_u64, u64, i64);

/// `bits`, sign-extended from the width of `T` to an i32 or an i64 and zero-extended to a register.
macro_rules! extend {
    ($bits:expr, $narrow:ty => $wide:ty as $register:ty) => {
        ($bits as $narrow as $wide as $register) as u64
    };
}
pub(crate) use extend;
