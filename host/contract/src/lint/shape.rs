//! What a declared type can be, whatever its language, held against a type of a contract.

use std::fmt;

use xmap_compiler::manifest::{Owner, Typed, Value, ValueRange};
use xmap_image::Ty;

/// A declared type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing: no result.
    Void,
    /// Two values.
    Bool,
    /// An integer.
    Int {
        /// Its width.
        bits: u32,
        /// Whether it has negative values.
        signed: bool,
    },
    /// A float of 32 or 64 bits.
    Float(u32),
    /// `number` of TypeScript: a float of 64 bits, for whole numbers too.
    Number,
    /// `bigint` of TypeScript.
    BigInt,
    /// A text of the language's own, and whose it is where the type says it.
    Text(Option<Owner>),
    /// Bytes with their number, and whose they are where the type says it.
    Bytes(Option<Owner>),
    /// An address alone.
    Pointer,
    /// Something of which nothing is known, with the reason.
    Unknown(String),
}

/// The relation of a declared type to the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same values.
    Equal,
    /// The declared one has more.
    Widening,
    /// The declared one has fewer.
    Narrowing,
    /// Neither.
    Different,
    /// It cannot be said.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "equal",
            Self::Widening => "widening",
            Self::Narrowing => "narrowing",
            Self::Different => "different",
            Self::Unknown => "unknown",
        })
    }
}

/// Holds a declared type against one of a contract. Of an address, [`Verdict::Equal`] says that it can be
/// that of the bytes: their number comes behind it.
pub fn verdict(contract: &Typed, declared: &Shape) -> Verdict {
    use Verdict::{Different, Equal, Narrowing, Unknown, Widening};
    let ty = match contract.value {
        Value::Scalar(ty) => ty,
        Value::Bytes(_) => {
            return match declared {
                Shape::Bytes(_) | Shape::Pointer => Equal,
                Shape::Text(_) => Narrowing,
                Shape::Unknown(_) => Unknown,
                _ => Different,
            };
        }
        Value::Str(_) => {
            return match declared {
                Shape::Text(_) | Shape::Pointer => Equal,
                Shape::Bytes(_) => Widening,
                Shape::Unknown(_) => Unknown,
                _ => Different,
            };
        }
    };
    let is_float = matches!(ty, Ty::F32 | Ty::F64);
    let is_long = matches!(ty, Ty::U64 | Ty::I64);
    match declared {
        Shape::Unknown(_) => Unknown,
        Shape::Bool if ty == Ty::Bool => Equal,
        Shape::Int { bits, signed } if !is_float => {
            let all = if ty == Ty::Bool {
                ValueRange::Whole(0, 1)
            } else {
                ValueRange::of(ty).expect("an integer")
            };
            let declared = whole(*bits, *signed);
            match (declared.covers(&all), all.covers(&declared)) {
                (true, true) => Equal,
                (true, false) => Widening,
                (false, true) => Narrowing,
                (false, false) => Different,
            }
        }
        Shape::Float(bits) if is_float => match (ty, bits) {
            (Ty::F32, 32) | (Ty::F64, 64) => Equal,
            (Ty::F32, _) => Widening,
            _ => Narrowing,
        },
        // It has every whole number of 53 bits.
        Shape::Number if ty != Ty::Bool => {
            if is_long {
                Narrowing
            } else {
                Equal
            }
        }
        Shape::BigInt if is_long => Equal,
        _ => Different,
    }
}

fn whole(bits: u32, signed: bool) -> ValueRange {
    match signed {
        true => ValueRange::Whole(-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        false => ValueRange::Whole(0, (1 << bits) - 1),
    }
}

/// An integer type.
pub(super) const fn int(bits: u32, signed: bool) -> Shape {
    Shape::Int { bits, signed }
}
