//! The types of parameters and results, as the manifest narrows WebAssembly's four.

use crate::limits::MAX_TEXT_BYTES;

/// The type of one parameter or result. `bytes` and `str` take two: the pointer, then [`Ty::Len`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ty {
    /// 0 or 1, an i32 in the module.
    Bool = 1,
    /// 0 to 255, an i32 in the module.
    U8 = 2,
    /// -128 to 127, an i32 in the module.
    I8 = 3,
    /// 0 to 65535, an i32 in the module.
    U16 = 4,
    /// -32768 to 32767, an i32 in the module.
    I16 = 5,
    /// An i32 read as unsigned.
    U32 = 6,
    /// An i32 read as signed.
    I32 = 7,
    /// An i64 read as unsigned.
    U64 = 8,
    /// An i64 read as signed.
    I64 = 9,
    /// An f32.
    F32 = 10,
    /// An f64.
    F64 = 11,
    /// The address of bytes in the module's memory; the length follows.
    BytesPtr = 12,
    /// The address of UTF-8 text in the module's memory; the length follows.
    StrPtr = 13,
    /// The length that belongs to the pointer before.
    Len = 14,
}

impl Ty {
    /// Every type.
    pub const ALL: [Ty; 14] = [
        Ty::Bool,
        Ty::U8,
        Ty::I8,
        Ty::U16,
        Ty::I16,
        Ty::U32,
        Ty::I32,
        Ty::U64,
        Ty::I64,
        Ty::F32,
        Ty::F64,
        Ty::BytesPtr,
        Ty::StrPtr,
        Ty::Len,
    ];

    /// The type with this number in an image, if there is one.
    pub const fn from_u8(byte: u8) -> Option<Ty> {
        if byte >= 1 && byte <= 14 { Some(Self::ALL[byte as usize - 1]) } else { None }
    }

    /// The name in a manifest. `Len` has none of its own there.
    pub const fn name(self) -> &'static str {
        match self {
            Ty::Bool => "bool",
            Ty::U8 => "u8",
            Ty::I8 => "i8",
            Ty::U16 => "u16",
            Ty::I16 => "i16",
            Ty::U32 => "u32",
            Ty::I32 => "i32",
            Ty::U64 => "u64",
            Ty::I64 => "i64",
            Ty::F32 => "f32",
            Ty::F64 => "f64",
            Ty::BytesPtr => "bytes",
            Ty::StrPtr => "str",
            Ty::Len => "len",
        }
    }

    /// Returns whether a register's 64 bits are a value of this type. 32-bit types stand zero-extended.
    #[inline]
    pub fn fits(self, raw: u64) -> bool {
        let (bits, signed) = (BITS[self as usize].unsigned_abs(), BITS[self as usize] < 0);
        // Of the lower half, with the smallest value moved to zero, nothing is left above the width.
        let bias = (signed as u32) << (bits.wrapping_sub(1) & 31);
        bits == 64 || raw >> 32 == 0 && ((raw as u32).wrapping_add(bias) as u64) >> (bits & 63) == 0
    }
}

/// The width of each type in bits, by its number; negative where it is narrower than its register and signed.
static BITS: [i8; 15] = [0, 1, 8, -8, 16, -16, 32, 32, 64, 64, 32, 64, 32, 32, 32];

/// The types of an export: parameters, then results, as the image holds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signature<'a> {
    pub(crate) params: &'a [u8],
    pub(crate) results: &'a [u8],
}

impl<'a> Signature<'a> {
    /// The type of each parameter.
    pub fn params(&self) -> impl ExactSizeIterator<Item = Ty> + Clone + use<'a> {
        self.params.iter().map(|b| Ty::from_u8(*b).unwrap_or(Ty::U64))
    }

    /// Copies arguments, of which there are as many as parameters, to `slots`, and checks them and the bytes
    /// and texts in `memory` that they name.
    ///
    /// # Errors
    /// The first that does not fit its type.
    pub fn take_args(&self, args: &[u64], slots: &mut [u64], memory: &[u8]) -> Result<(), Misfit> {
        slots.iter_mut().zip(args).for_each(|(slot, arg)| *slot = *arg);
        check(self.params, args, memory)
    }

    /// Checks results, and the bytes and texts in `memory` that they name.
    ///
    /// # Errors
    /// The first that does not fit its type.
    pub fn check_results(&self, results: &[u64], memory: &[u8]) -> Result<(), Misfit> {
        check(self.results, results, memory)
    }

    /// Returns the bytes that each result of the types `bytes` and `str` names, in their order.
    pub fn bytes_of_results<'m>(&self, results: &[u64], memory: &'m [u8]) -> impl Iterator<Item = &'m [u8]> {
        let pairs = self.results.iter().zip(results.windows(2)).filter(|(ty, _)| is_pointer(**ty));
        pairs.map(move |(_, pair)| bytes_at(pair, memory).unwrap_or_default())
    }

    /// The type of each result.
    pub fn results(&self) -> impl ExactSizeIterator<Item = Ty> + Clone + use<'a> {
        self.results.iter().map(|b| Ty::from_u8(*b).unwrap_or(Ty::U64))
    }
}

/// Why an argument or a result does not fit its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Its register holds no value of the type; its position.
    Type(u32),
    /// The bytes that it names are not inside the memory; their address.
    Outside(u32),
    /// The bytes that it names are no UTF-8, or more than [`MAX_TEXT_BYTES`]; their address.
    NoText(u32),
}

const BYTES_PTR: u8 = Ty::BytesPtr as u8;
const STR_PTR: u8 = Ty::StrPtr as u8;

/// Returns whether it is the first of the two that `bytes` and `str` take.
pub(crate) const fn is_pointer(ty: u8) -> bool {
    ty == BYTES_PTR || ty == STR_PTR
}

/// The bytes of `memory` at an address and of a length, which are the first two values.
fn bytes_at<'m>(values: &[u64], memory: &'m [u8]) -> Option<&'m [u8]> {
    let [at, len] = values.first_chunk()?;
    memory.get(*at as u32 as usize..)?.get(..*len as u32 as usize)
}

/// Checks values against their types: the first that does not fit is the error.
#[inline(never)]
fn check(types: &[u8], values: &[u64], memory: &[u8]) -> Result<(), Misfit> {
    let fits = |ty: u8, value| Ty::from_u8(ty).is_none_or(|ty| ty.fits(value));
    let misfit = types.iter().zip(values).position(|(ty, value)| !fits(*ty, *value)).unwrap_or(types.len());
    for (n, ty) in types.iter().enumerate() {
        // A length stands behind each pointer and nowhere else, as verification has shown. The first that is
        // wrong counts.
        if !is_pointer(*ty) || n + 1 >= misfit {
            continue;
        }
        let values = values.get(n..).unwrap_or_default();
        let at = values.first().copied().unwrap_or(0) as u32;
        let bytes = bytes_at(values, memory).ok_or(Misfit::Outside(at))?;
        if *ty == STR_PTR && (bytes.len() > MAX_TEXT_BYTES || core::str::from_utf8(bytes).is_err()) {
            return Err(Misfit::NoText(at));
        }
    }
    if misfit < types.len() { Err(Misfit::Type(misfit as u32)) } else { Ok(()) }
}

/// The pull of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Pull {
    /// No resistor.
    #[default]
    None = 0,
    /// Towards 3.3 V.
    Up = 1,
    /// Towards ground.
    Down = 2,
}

impl Pull {
    /// The pull with this number, in an image and in the guest ABI.
    pub const fn from_u32(n: u32) -> Option<Pull> {
        match n {
            0 => Some(Pull::None),
            1 => Some(Pull::Up),
            2 => Some(Pull::Down),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for ty in Ty::ALL {
            assert_eq!(Ty::from_u8(ty as u8), Some(ty));
        }
        assert_eq!(Ty::from_u8(0), None);
        assert_eq!(Ty::from_u8(15), None);
    }

    #[test]
    fn widths_are_those_of_the_type() {
        assert!(Ty::Bool.fits(1) && !Ty::Bool.fits(2));
        assert!(Ty::U8.fits(255) && !Ty::U8.fits(256));
        let minus = |n: i32| n as u32 as u64;
        assert!(Ty::I8.fits(minus(-128)) && !Ty::I8.fits(minus(-129)) && !Ty::I8.fits(128));
        assert!(Ty::I16.fits(minus(-32768)) && !Ty::I16.fits(32768));
        assert!(Ty::I32.fits(minus(-1)) && !Ty::I32.fits(u64::MAX));
        assert!(Ty::I64.fits(u64::MAX));
    }
}
