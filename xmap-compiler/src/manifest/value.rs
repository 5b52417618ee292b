//! The notation of parameters and results: `pin: u8`, `buf: own bytes`, `bool`.

use xmap_image::Ty;

use super::resolve::WasmTy;
use crate::names;

/// Whose the bytes behind an address are.
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

    /// Reads `bool` or `borrow bytes`.
    ///
    /// # Errors
    ///
    /// What is wrong, and what was probably meant.
    pub(super) fn parse(text: &str) -> Result<Value, (String, Option<String>)> {
        let words: Vec<_> = text.split_whitespace().collect();
        let (owner, ty) = match words[..] {
            [ty] => (None, ty),
            [owner, ty] => (Some(owner), ty),
            _ => return Err((format!("`{text}` is not a type"), Some(TYPES_HELP.into()))),
        };
        let owner = match owner {
            None => None,
            Some(word) => match Owner::WORDS.iter().find(|(name, _)| *name == word) {
                Some((_, owner)) => Some(*owner),
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
                    let known = SCALARS.iter().map(|s| s.name()).chain(["bytes", "str"]);
                    let help = names::did_you_mean(ty, known);
                    Err((format!("`{ty}` is not a type"), help.or_else(|| Some(TYPES_HELP.into()))))
                }
            },
        }
    }
}

pub(super) const SCALARS: [Ty; 11] =
    [Ty::Bool, Ty::U8, Ty::I8, Ty::U16, Ty::I16, Ty::U32, Ty::I32, Ty::U64, Ty::I64, Ty::F32, Ty::F64];

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type.
    pub value: Value,
    /// Where it stands in the manifest.
    pub span: std::ops::Range<usize>,
}

/// Splits `pin: u8` and checks the name.
///
/// # Errors
///
/// What is wrong, and what to write.
pub(super) fn parse_param(text: &str) -> Result<(String, Value), (String, Option<String>)> {
    let Some((name, ty)) = text.split_once(':') else {
        let help = match Value::parse(text) {
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
    Ok((name.to_string(), Value::parse(ty)?))
}
