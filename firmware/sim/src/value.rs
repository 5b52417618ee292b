//! Arguments and results with their types: text to a register's 64 bits and back.

use std::fmt;

use xmap_image::Ty;

/// An argument or a result of a call.
///
/// Whole numbers are written by their value, not by their type: where a parameter is a `u8`,
/// `Value::from(17)` is taken, and `Value::from(300)` is not.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `bool`.
    Bool(bool),
    /// `u8`.
    U8(u8),
    /// `i8`.
    I8(i8),
    /// `u16`.
    U16(u16),
    /// `i16`.
    I16(i16),
    /// `u32`; as an argument, an address or a length in the module's memory, too.
    U32(u32),
    /// `i32`.
    I32(i32),
    /// `u64`.
    U64(u64),
    /// `i64`.
    I64(i64),
    /// `f32`.
    F32(f32),
    /// `f64`.
    F64(f64),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `str`.
    Str(String),
}

/// A value or a text that a parameter of this type does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The parameter's type.
    pub ty: Ty,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", expected(self.ty))
    }
}

impl std::error::Error for Unfit {}

/// Returns what a parameter takes, for messages.
pub(crate) fn expected(ty: Ty) -> &'static str {
    match ty {
        Ty::Bool => "a bool: true, false, 1 or 0",
        Ty::U8 => "a u8: 0 to 255",
        Ty::I8 => "an i8: -128 to 127",
        Ty::U16 => "a u16: 0 to 65535",
        Ty::I16 => "an i16: -32768 to 32767",
        Ty::U32 => "a u32: 0 to 4294967295",
        Ty::I32 => "an i32: -2147483648 to 4294967295",
        Ty::U64 => "a u64: 0 to 18446744073709551615",
        Ty::I64 => "an i64: -9223372036854775808 to 18446744073709551615",
        Ty::F32 => "an f32: a decimal number",
        Ty::F64 => "an f64: a decimal number",
        Ty::BytesPtr => "bytes as 0x and two digits each, or an address and a length",
        Ty::StrPtr => "a text, or an address and a length",
        Ty::Len => "a length in bytes: 0 to 4294967295",
    }
}

/// The whole numbers that a parameter takes. An `i32` is taken by its unsigned value too, since a
/// WebAssembly i32 has no sign of its own; an `i64` likewise.
fn range(ty: Ty) -> Option<(i128, i128)> {
    Some(match ty {
        Ty::Bool => (0, 1),
        Ty::U8 => (0, u8::MAX.into()),
        Ty::I8 => (i8::MIN.into(), i8::MAX.into()),
        Ty::U16 => (0, u16::MAX.into()),
        Ty::I16 => (i16::MIN.into(), i16::MAX.into()),
        Ty::U32 | Ty::BytesPtr | Ty::StrPtr | Ty::Len => (0, u32::MAX.into()),
        Ty::I32 => (i32::MIN.into(), u32::MAX.into()),
        Ty::U64 => (0, u64::MAX.into()),
        Ty::I64 => (i64::MIN.into(), u64::MAX.into()),
        Ty::F32 | Ty::F64 => return None,
    })
}

/// The register that holds this whole number as this type.
fn raw_of(ty: Ty, n: i128) -> Result<u64, Unfit> {
    match range(ty) {
        Some((least, most)) if (least..=most).contains(&n) => Ok(match ty {
            Ty::U64 | Ty::I64 => n as u64,
            _ => u64::from(n as u32),
        }),
        _ => Err(Unfit { ty }),
    }
}

impl Value {
    /// Returns what a register holds, read as this type. Bits that the type does not have are dropped.
    pub const fn from_raw(ty: Ty, raw: u64) -> Self {
        match ty {
            Ty::Bool => Self::Bool(raw as u32 != 0),
            Ty::U8 => Self::U8(raw as u8),
            Ty::I8 => Self::I8(raw as i8),
            Ty::U16 => Self::U16(raw as u16),
            Ty::I16 => Self::I16(raw as i16),
            Ty::U32 | Ty::BytesPtr | Ty::StrPtr | Ty::Len => Self::U32(raw as u32),
            Ty::I32 => Self::I32(raw as i32),
            Ty::U64 => Self::U64(raw),
            Ty::I64 => Self::I64(raw as i64),
            Ty::F32 => Self::F32(f32::from_bits(raw as u32)),
            Ty::F64 => Self::F64(f64::from_bits(raw)),
        }
    }

    /// The results of a call: their types, what registers hold, and the content of each `bytes` and `str` in
    /// their order, which is one value where registers have two. Of a text, as much as is UTF-8.
    pub fn of_results(types: &[Ty], raw: &[u64], bytes: impl IntoIterator<Item = Vec<u8>>) -> Vec<Self> {
        let mut bytes = bytes.into_iter();
        let one = |(ty, raw): (&Ty, &u64)| match ty {
            Ty::BytesPtr => Some(Self::Bytes(bytes.next().unwrap_or_default())),
            Ty::StrPtr => {
                let bytes = bytes.next().unwrap_or_default();
                Some(Self::Str(
                    bytes.utf8_chunks().next().map_or(String::new(), |chunk| chunk.valid().into()),
                ))
            }
            Ty::Len => None,
            ty => Some(Self::from_raw(*ty, *raw)),
        };
        types.iter().zip(raw).filter_map(one).collect()
    }

    /// The value as a register holds it for a parameter of this type.
    ///
    /// # Errors
    /// [`Unfit`] where a text or bytes are given, which have no register, and where the parameter does not
    /// take it: a whole number out of range, a whole number for a float, or a float for a whole number. An
    /// `f64` for an `f32` is rounded.
    pub fn to_raw(&self, ty: Ty) -> Result<u64, Unfit> {
        let n: i128 = match *self {
            Self::Bytes(_) | Self::Str(_) => return Err(Unfit { ty }),
            Self::F32(x) => {
                return match ty {
                    Ty::F32 => Ok(u64::from(x.to_bits())),
                    Ty::F64 => Ok(f64::from(x).to_bits()),
                    _ => Err(Unfit { ty }),
                };
            }
            Self::F64(x) => {
                return match ty {
                    Ty::F32 => Ok(u64::from((x as f32).to_bits())),
                    Ty::F64 => Ok(x.to_bits()),
                    _ => Err(Unfit { ty }),
                };
            }
            Self::Bool(b) => b.into(),
            Self::U8(n) => n.into(),
            Self::I8(n) => n.into(),
            Self::U16(n) => n.into(),
            Self::I16(n) => n.into(),
            Self::U32(n) => n.into(),
            Self::I32(n) => n.into(),
            Self::U64(n) => n.into(),
            Self::I64(n) => n.into(),
        };
        raw_of(ty, n)
    }

    /// Reads an argument for a parameter of this type.
    ///
    /// Whole numbers are decimal, with or without a minus, or hexadecimal with `0x`; a bool is also
    /// `true` or `false`; a float is a decimal number with or without point and exponent, `inf`,
    /// `-inf` or `nan`.
    ///
    /// # Errors
    /// [`Unfit`] where the text is no such number or the number is out of range.
    ///
    /// # Examples
    ///
    /// ```
    /// use xmap_image::Ty;
    /// use xmap_sim::Value;
    ///
    /// assert_eq!(Value::parse(Ty::U8, "0x11"), Ok(Value::U8(17)));
    /// assert_eq!(Value::parse(Ty::I32, "4294967295"), Ok(Value::I32(-1)));
    /// assert!(Value::parse(Ty::U8, "256").is_err());
    /// ```
    pub fn parse(ty: Ty, text: &str) -> Result<Self, Unfit> {
        let unfit = Unfit { ty };
        let raw = match (ty, text) {
            (Ty::Bool, "true") => 1,
            (Ty::Bool, "false") => 0,
            (Ty::F32, _) => u64::from(text.parse::<f32>().map_err(|_| unfit)?.to_bits()),
            (Ty::F64, _) => text.parse::<f64>().map_err(|_| unfit)?.to_bits(),
            _ => raw_of(ty, parse_whole(text).ok_or(unfit)?)?,
        };
        Ok(Self::from_raw(ty, raw))
    }
}

/// Reads a whole number: decimal or, with `0x`, hexadecimal; a minus may stand before either.
pub(crate) fn parse_whole(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (digits, 10),
    };
    // `from_str_radix` would take a second sign.
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let n = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -n } else { n })
}

/// The text between quotes; `None` where a quote or an escape is wrong.
pub(crate) fn unquoted(word: &str) -> Option<String> {
    let inner = word.strip_prefix('"')?.strip_suffix('"').filter(|_| word.len() > 1)?;
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(match c {
            '"' => return None,
            '\\' => match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                c @ ('"' | '\\' | '\'') => c,
                'u' => {
                    let (digits, rest) = chars.as_str().strip_prefix('{')?.split_once('}')?;
                    chars = rest.chars();
                    char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
                }
                _ => return None,
            },
            c => c,
        });
    }
    Some(text)
}

/// The bytes of `0x` and two digits each.
pub(crate) fn bytes(word: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = word.strip_prefix("0x")?.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// A bool as `true` or `false`, a whole number as a decimal, a float as the shortest decimal that reads back
/// as the same float of its type. Bytes are hexadecimal digits behind `0x`; a text stands in quotes, with
/// what would end its line escaped as Rust does it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => b.fmt(f),
            Self::U8(n) => n.fmt(f),
            Self::I8(n) => n.fmt(f),
            Self::U16(n) => n.fmt(f),
            Self::I16(n) => n.fmt(f),
            Self::U32(n) => n.fmt(f),
            Self::I32(n) => n.fmt(f),
            Self::U64(n) => n.fmt(f),
            Self::I64(n) => n.fmt(f),
            Self::F32(x) => x.fmt(f),
            Self::F64(x) => x.fmt(f),
            Self::Bytes(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Str(text) => write!(f, "{text:?}"),
        }
    }
}

macro_rules! from {
    ($($ty:ty => $variant:ident),*) => {
        $(impl From<$ty> for Value {
            fn from(value: $ty) -> Self {
                Self::$variant(value)
            }
        })*
    };
}

from! {
    bool => Bool, u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32,
    u64 => U64, i64 => I64, f32 => F32, f64 => F64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_type_takes_its_range_and_no_more() {
        for ty in Ty::ALL {
            let Some((least, most)) = range(ty) else { continue };
            for n in [least, 0, most] {
                let raw = Value::parse(ty, &n.to_string()).unwrap().to_raw(ty).unwrap();
                assert!(ty.fits(raw), "{ty:?} {n}");
                assert_eq!(raw as u32, n as u32);
            }
            for n in [least - 1, most + 1] {
                assert_eq!(Value::parse(ty, &n.to_string()), Err(Unfit { ty }), "{n}");
            }
        }
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(Value::parse(Ty::I32, "-0x1"), Ok(Value::I32(-1)));
        assert_eq!(Value::parse(Ty::U32, "0xFFFFFFFF"), Ok(Value::U32(u32::MAX)));
        assert_eq!(Value::parse(Ty::U64, "0xffffffffffffffff"), Ok(Value::U64(u64::MAX)));
        assert_eq!(Value::parse(Ty::I64, "18446744073709551615"), Ok(Value::I64(-1)));
        for text in ["", "-", "--1", "-+1", "+1", "0x", "0x+1", "1.0", "1_000", "ten", "١"] {
            assert!(Value::parse(Ty::I32, text).is_err(), "{text}");
        }
        let many = "9".repeat(60);
        assert!(Value::parse(Ty::I64, &many).is_err());
    }

    #[test]
    fn bools_are_words_or_digits() {
        for (text, value) in [("true", true), ("1", true), ("false", false), ("0", false)] {
            assert_eq!(Value::parse(Ty::Bool, text), Ok(Value::Bool(value)));
        }
        assert!(Value::parse(Ty::Bool, "2").is_err() && Value::parse(Ty::Bool, "True").is_err());
    }

    #[test]
    fn values_print_as_their_type_has_them() {
        let minus = u64::from(-1i32 as u32);
        let printed = |ty, raw| Value::from_raw(ty, raw).to_string();
        assert_eq!(printed(Ty::I32, minus), "-1");
        assert_eq!(printed(Ty::U32, minus), "4294967295");
        assert_eq!(printed(Ty::I8, minus), "-1");
        assert_eq!(printed(Ty::Bool, 1), "true");
        assert_eq!(printed(Ty::I64, u64::MAX), "-1");
        assert_eq!(printed(Ty::F32, u64::from(0.1f32.to_bits())), "0.1");
        assert_eq!(printed(Ty::F64, f64::from(0.1f32).to_bits()), "0.10000000149011612");
        assert_eq!(printed(Ty::F64, 3f64.to_bits()), "3");
        assert_eq!(printed(Ty::F64, (-0f64).to_bits()), "-0");
    }

    #[test]
    fn bytes_and_texts_are_one_value_each() {
        let types = [Ty::U8, Ty::StrPtr, Ty::Len, Ty::BytesPtr, Ty::Len, Ty::Bool];
        let values = Value::of_results(&types, &[7, 64, 4, 80, 2, 1], ["a\n\u{e9}".into(), vec![0, 0xab]]);
        let shown: Vec<String> = values.iter().map(Value::to_string).collect();
        assert_eq!(shown, ["7", "\"a\\n\u{e9}\"", "0x00ab", "true"]);
        let empty = Value::of_results(&[Ty::BytesPtr, Ty::Len], &[0, 0], [vec![]]);
        assert_eq!(empty[0].to_string(), "0x");
        assert_eq!(empty[0].to_raw(Ty::BytesPtr), Err(Unfit { ty: Ty::BytesPtr }));
        // Of a text that was cut within a character, what is whole.
        let cut = Value::of_results(&[Ty::StrPtr, Ty::Len], &[0, 2], [vec![b'x', 0xc3]]);
        assert_eq!(cut, [Value::Str("x".into())]);
    }

    #[test]
    fn a_value_is_taken_by_what_it_is_worth() {
        assert_eq!(Value::from(17).to_raw(Ty::U8), Ok(17));
        assert_eq!(Value::from(1u64).to_raw(Ty::Bool), Ok(1));
        assert_eq!(Value::from(true).to_raw(Ty::I32), Ok(1));
        assert_eq!(Value::from(-1).to_raw(Ty::I32), Ok(0xffff_ffff));
        assert_eq!(Value::from(-1).to_raw(Ty::I64), Ok(u64::MAX));
        assert_eq!(Value::from(300).to_raw(Ty::U8), Err(Unfit { ty: Ty::U8 }));
        assert_eq!(Value::from(1).to_raw(Ty::F32), Err(Unfit { ty: Ty::F32 }));
        assert_eq!(Value::from(1.5).to_raw(Ty::I32), Err(Unfit { ty: Ty::I32 }));
        assert_eq!(Value::from(0.1).to_raw(Ty::F32), Ok(u64::from(0.1f32.to_bits())));
    }

    #[test]
    fn a_text_in_quotes_is_what_is_printed() {
        for text in ["", "a b", "\"\\\n\t\r\0'", "\u{e9}\u{200b}"] {
            assert_eq!(unquoted(&format!("{text:?}")).as_deref(), Some(text));
        }
        for bad in ["", "\"", "a", "\"a", "\"\\x\"", "\"\\u{110000}\"", "\"\\\""] {
            assert_eq!(unquoted(bad), None, "{bad}");
        }
        assert_eq!(bytes("0x00Ff"), Some(vec![0, 0xff]));
        assert_eq!((bytes("0x"), bytes("0x0"), bytes("0xg0"), bytes("00")), (Some(vec![]), None, None, None));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(raw: u64, n in 0..Ty::ALL.len()) {
            let ty = Ty::ALL[n];
            let value = Value::from_raw(ty, raw);
            let back = Value::parse(ty, &value.to_string()).unwrap();
            prop_assert_eq!(back.to_string(), value.to_string());
            let (a, b) = (value.to_raw(ty).unwrap(), back.to_raw(ty).unwrap());
            let nan = value.to_string() == "NaN";
            prop_assert!(a == b || nan, "{:x} {:x}", a, b);
            prop_assert!(ty.fits(a));
        }
    }
}
