//! The notation of parameters and results: `pin: u8`, `buf: own bytes`, `bool`.

use std::fmt;

use xmap_image::Ty;

use super::resolve::WasmTy;
use crate::names;

/// The owner of the bytes behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The receiver's from now on: a parameter's bytes are the module's to free, a result's the caller's.
    Own,
    /// The giver's: the receiver reads them before the call is over (a result: before the next
    /// call) and keeps no address.
    Borrow,
    /// Nobody's: the giver made them for this call, the receiver copies what it wants to keep.
    Copy,
}

impl Owner {
    const WORDS: [(&str, Owner); 3] = [("own", Owner::Own), ("borrow", Owner::Borrow), ("copy", Owner::Copy)];

    /// The word in a manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Owner::Own => "own",
            Owner::Borrow => "borrow",
            Owner::Copy => "copy",
        }
    }

    fn of(word: &str) -> Option<Owner> {
        Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, owner)| *owner)
    }
}

/// The type of a parameter or a result as the manifest has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// One WebAssembly value.
    Scalar(Ty),
    /// An address and a length.
    Bytes(Owner),
    /// An address and a length of UTF-8 text.
    Str(Owner),
}

impl Value {
    /// The types of its WebAssembly values, one or two.
    pub const fn types(self) -> &'static [Ty] {
        match self {
            Value::Bytes(_) => &[Ty::BytesPtr, Ty::Len],
            Value::Str(_) => &[Ty::StrPtr, Ty::Len],
            Value::Scalar(ty) => match ty {
                Ty::Bool => &[Ty::Bool],
                Ty::U8 => &[Ty::U8],
                Ty::I8 => &[Ty::I8],
                Ty::U16 => &[Ty::U16],
                Ty::I16 => &[Ty::I16],
                Ty::U32 => &[Ty::U32],
                Ty::U64 => &[Ty::U64],
                Ty::I64 => &[Ty::I64],
                Ty::F32 => &[Ty::F32],
                Ty::F64 => &[Ty::F64],
                Ty::I32 | Ty::BytesPtr | Ty::StrPtr | Ty::Len => &[Ty::I32],
            },
        }
    }
}

/// A type with what a contract says of it beyond: the length of what a lone address leads to, which values
/// are meant, and in which unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    /// The type.
    pub value: Value,
    /// `bytes[16]`: the function returns an address alone, and so many bytes are there.
    pub fixed: Option<u32>,
    /// `0..=100`: the values that are meant. The device checks the type; who calls checks these.
    pub range: Option<ValueRange>,
    /// `%`, `mm/s`: what a number counts.
    pub unit: Option<String>,
}

/// The least and the largest value, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRange {
    /// Of an integer.
    Whole(i128, i128),
    /// Of a float.
    Float(f64, f64),
}

impl ValueRange {
    /// Returns whether each value of `other` is one of these.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(a, b), Self::Whole(c, d)) => a <= c && d <= b,
            (Self::Float(a, b), Self::Float(c, d)) => a <= c && d <= b,
            _ => false,
        }
    }

    /// The values of an integer type; those of a float are no range.
    pub fn of(ty: Ty) -> Option<Self> {
        let signed = |bits: u32| Self::Whole(-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1);
        let unsigned = |bits: u32| Self::Whole(0, (1i128 << bits) - 1);
        Some(match ty {
            Ty::U8 => unsigned(8),
            Ty::U16 => unsigned(16),
            Ty::U32 => unsigned(32),
            Ty::U64 => unsigned(64),
            Ty::I8 => signed(8),
            Ty::I16 => signed(16),
            Ty::I32 => signed(32),
            Ty::I64 => signed(64),
            _ => return None,
        })
    }

    fn parse(text: &str, ty: Ty) -> Option<Self> {
        let (least, most) = text.split_once("..=")?;
        if matches!(ty, Ty::F32 | Ty::F64) {
            let (least, most): (f64, f64) = (least.parse().ok()?, most.parse().ok()?);
            return (least.is_finite() && most.is_finite() && least <= most)
                .then_some(Self::Float(least, most));
        }
        let range = Self::Whole(least.parse().ok()?, most.parse().ok()?);
        let ordered = matches!(range, Self::Whole(least, most) if least <= most);
        (ordered && Self::of(ty)?.covers(&range)).then_some(range)
    }
}

impl fmt::Display for ValueRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(least, most) => write!(f, "{least}..={most}"),
            Self::Float(least, most) => write!(f, "{least}..={most}"),
        }
    }
}

impl From<Value> for Typed {
    fn from(value: Value) -> Self {
        Self { value, fixed: None, range: None, unit: None }
    }
}

/// As in a manifest, without `borrow`, which is the default: `own bytes`, `u8 0..=100 %`.
impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Value::Bytes(owner) | Value::Str(owner) if owner != Owner::Borrow => {
                write!(f, "{} ", owner.name())?;
            }
            _ => {}
        }
        f.write_str(self.value.name())?;
        self.fixed.map_or(Ok(()), |bytes| write!(f, "[{bytes}]"))?;
        self.range.map_or(Ok(()), |range| write!(f, " {range}"))?;
        self.unit.as_ref().map_or(Ok(()), |unit| write!(f, " {unit}"))
    }
}

/// Characters of a unit at most.
const MAX_UNIT_CHARS: usize = 16;

/// What is wrong with a type, and what was probably meant.
type Wrong = (String, Option<String>);

impl Typed {
    /// Reads `bool`, `borrow bytes`, `own bytes[16]`, `u8 0..=100 %`.
    ///
    /// # Errors
    ///
    /// What is wrong, and what was probably meant.
    pub fn parse(text: &str) -> Result<Self, (String, Option<String>)> {
        let words: Vec<_> = text.split_whitespace().collect();
        let is_type = |word: &str| word.starts_with("bytes[") || TYPES.contains(&word);
        let (owner, ty, rest) = match words[..] {
            [] => return Err((format!("`{text}` is not a type"), Some(TYPES_HELP.into()))),
            [owner, ty, ref rest @ ..] if !is_type(owner) && (is_type(ty) || Owner::of(owner).is_some()) => {
                (Some(owner), ty, rest)
            }
            [ty, ref rest @ ..] => (None, ty, rest),
        };
        let (ty, fixed) = match ty.split_once('[') {
            Some(("bytes", length)) => {
                let bytes = length.strip_suffix(']').and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                let help = "write the number of bytes: `bytes[16]`";
                let wrong = || (format!("`{ty}` is not a type"), Some(help.to_string()));
                ("bytes", Some(bytes.ok_or_else(wrong)?))
            }
            _ => (ty, None),
        };
        let value = Value::parse(owner, ty)?;
        let mut typed = Self { fixed, ..Self::from(value) };
        for word in rest {
            if word.contains("..") && typed.range.is_none() && typed.unit.is_none() {
                typed.range = Some(range(word, value)?);
            } else if typed.unit.is_none() {
                typed.unit = Some(unit(word, value, is_type(word))?);
            } else {
                let help = "behind a type stand a range and a unit: `u8 0..=100 %`";
                return Err((format!("`{word}` is one word too many"), Some(help.into())));
            }
        }
        Ok(typed)
    }
}

fn range(word: &str, value: Value) -> Result<ValueRange, Wrong> {
    let Value::Scalar(ty) = value else {
        return Err((format!("`{word}`: only numbers have a range"), Some("leave it out".into())));
    };
    ValueRange::parse(word, ty).ok_or_else(|| {
        let values = match ValueRange::of(ty) {
            Some(all) => format!("of values of {}, {all}", ty.name()),
            None if ty == Ty::Bool => "; a bool has none".to_string(),
            None => "of finite numbers".to_string(),
        };
        (format!("`{word}` is no range {values}"), Some("write the least and the largest: `0..=100`".into()))
    })
}

fn unit(word: &str, value: Value, is_type: bool) -> Result<String, Wrong> {
    let begins = word.starts_with(|c: char| c.is_alphabetic() || matches!(c, '%' | '\u{b0}'));
    let plain = |c: char| c.is_alphanumeric() || "%/*^-._\u{b0}\u{b7}".contains(c);
    let well_formed = begins && word.chars().all(plain) && word.chars().count() <= MAX_UNIT_CHARS;
    if !well_formed || is_type {
        let help = "a unit is one word: `%`, `mm/s`, `us`";
        return Err((format!("`{word}` is no unit"), Some(help.into())));
    }
    match value {
        Value::Scalar(Ty::Bool) => {
            Err((format!("`{word}`: a bool counts nothing"), Some("leave it out".into())))
        }
        _ => Ok(word.to_string()),
    }
}

impl Value {
    /// The name of the type, without whose the bytes are.
    pub const fn name(self) -> &'static str {
        match self {
            Value::Scalar(ty) => ty.name(),
            Value::Bytes(_) => "bytes",
            Value::Str(_) => "str",
        }
    }

    /// Returns whose the bytes are, where there are any.
    pub const fn owner(self) -> Option<Owner> {
        match self {
            Value::Bytes(owner) | Value::Str(owner) => Some(owner),
            Value::Scalar(_) => None,
        }
    }

    /// The type of one WebAssembly value of an image's signature; `None` for the length behind an address.
    pub const fn of(ty: Ty) -> Option<Value> {
        match ty {
            Ty::BytesPtr => Some(Value::Bytes(Owner::Borrow)),
            Ty::StrPtr => Some(Value::Str(Owner::Borrow)),
            Ty::Len => None,
            ty => Some(Value::Scalar(ty)),
        }
    }

    fn parse(owner: Option<&str>, ty: &str) -> Result<Value, Wrong> {
        let owner = match owner {
            None => None,
            Some(word) => match Owner::of(word) {
                Some(owner) => Some(owner),
                None => {
                    let help = "before bytes and str may stand own, borrow or copy";
                    return Err((format!("`{word}` says nothing about {ty}"), Some(help.into())));
                }
            },
        };
        match (ty, owner) {
            ("bytes", owner) => Ok(Value::Bytes(owner.unwrap_or(Owner::Borrow))),
            ("str", owner) => Ok(Value::Str(owner.unwrap_or(Owner::Borrow))),
            (ty, owner) => match (SCALARS.iter().find(|s| s.name() == ty), owner) {
                (Some(scalar), None) => Ok(Value::Scalar(*scalar)),
                (Some(_), Some(owner)) => Err((
                    format!("{ty} is passed by value, so nobody owns it"),
                    Some(format!("leave `{}` out", owner.name())),
                )),
                (None, _) => {
                    let help = names::did_you_mean(ty, TYPES);
                    Err((format!("`{ty}` is not a type"), help.or_else(|| Some(TYPES_HELP.into()))))
                }
            },
        }
    }
}

pub(super) const SCALARS: [Ty; 11] =
    [Ty::Bool, Ty::U8, Ty::I8, Ty::U16, Ty::I16, Ty::U32, Ty::I32, Ty::U64, Ty::I64, Ty::F32, Ty::F64];

/// The names of all types.
const TYPES: [&str; 13] =
    ["bool", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "bytes", "str"];

const TYPES_HELP: &str = "the types are bool, u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bytes and str";

/// The WebAssembly type that carries a type of the manifest.
pub(super) const fn wasm_type(ty: Ty) -> WasmTy {
    match ty {
        Ty::U64 | Ty::I64 => WasmTy::I64,
        Ty::F32 => WasmTy::F32,
        Ty::F64 => WasmTy::F64,
        _ => WasmTy::I32,
    }
}

/// A parameter of an export.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Typed,
    /// Where it stands in the manifest.
    pub span: std::ops::Range<usize>,
}

/// Splits `pin: u8` and checks the name.
///
/// # Errors
///
/// What is wrong, and what to write.
pub(super) fn parse_param(text: &str) -> Result<(String, Typed), Wrong> {
    let Some((name, ty)) = text.split_once(':') else {
        let help = match Typed::parse(text) {
            Ok(_) => format!("give it a name: `value: {}`", text.trim()),
            Err(_) => "write `name: type`".to_string(),
        };
        return Err((format!("expected `name: type`, found `{text}`"), Some(help)));
    };
    let name = name.trim();
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        let help = "a name has letters, digits and `_`, and starts with no digit";
        return Err((format!("`{name}` is not a name"), Some(help.to_string())));
    }
    let ty = Typed::parse(ty)?;
    if ty.fixed.is_some() {
        let help = "give an address and a length: `bytes`".to_string();
        return Err((format!("`{ty}`: only what a function returns has its length in its type"), Some(help)));
    }
    Ok((name.to_string(), ty))
}
