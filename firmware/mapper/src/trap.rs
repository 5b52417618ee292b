//! Why a call did not return.

use core::fmt;

/// The code of a trap: why a call was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TrapCode {
    /// An `unreachable` instruction.
    Unreachable = 1,
    /// An integer division by zero.
    DivideByZero = 2,
    /// The quotient of a signed division does not fit.
    IntegerOverflow = 3,
    /// An access outside linear memory; the detail is the address, or all ones for one beyond 32 bits.
    OutOfBounds = 4,
    /// A line or bank that the manifest does not declare for this use; the detail is its number.
    UndeclaredLine = 5,
    /// The call used up its fuel.
    Fuel = 6,
    /// The calls nest deeper than the register stack.
    StackOverflow = 7,
    /// An argument does not fit its declared type; the detail is its position, with
    /// [`Trap::RESULT`] for a result. Or a native operation was given a value that has no meaning;
    /// the detail is the value.
    BadArgument = 8,
    /// The call would wait longer than `time_us` in all; the detail is the wait that was refused.
    Time = 9,
    /// Text that is not UTF-8; the detail is its address.
    BadText = 10,
    /// An indirect call of an index that the table does not have; the detail is the index.
    UndefinedElement = 11,
    /// An indirect call of a null reference; the detail is the index.
    NullElement = 12,
    /// An indirect call of a function of another type; the detail is the index.
    SignatureMismatch = 13,
    /// An access outside a table or an element segment; the detail is the index.
    TableOutOfBounds = 14,
    /// A conversion of NaN to an integer.
    InvalidConversion = 15,
    /// The board has not what a host function works on, or it failed; the detail is the number of the
    /// function's row.
    Unavailable = 16,
    /// The module refused the call (`call.refuse`, or a hook of the manifest); the detail is its reason.
    Refused = 17,
}

impl TrapCode {
    /// Every code.
    pub const ALL: [TrapCode; 17] = [
        TrapCode::Unreachable,
        TrapCode::DivideByZero,
        TrapCode::IntegerOverflow,
        TrapCode::OutOfBounds,
        TrapCode::UndeclaredLine,
        TrapCode::Fuel,
        TrapCode::StackOverflow,
        TrapCode::BadArgument,
        TrapCode::Time,
        TrapCode::BadText,
        TrapCode::UndefinedElement,
        TrapCode::NullElement,
        TrapCode::SignatureMismatch,
        TrapCode::TableOutOfBounds,
        TrapCode::InvalidConversion,
        TrapCode::Unavailable,
        TrapCode::Refused,
    ];

    /// The code with this number on the link, if there is one.
    pub const fn from_u8(byte: u8) -> Option<TrapCode> {
        if byte >= 1 && byte as usize <= Self::ALL.len() { Some(Self::ALL[byte as usize - 1]) } else { None }
    }

    /// The code as it is printed: `NAME trap CODE`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::DivideByZero => "divide_by_zero",
            Self::IntegerOverflow => "integer_overflow",
            Self::OutOfBounds => "out_of_bounds",
            Self::UndeclaredLine => "undeclared_line",
            Self::Fuel => "fuel",
            Self::StackOverflow => "stack_overflow",
            Self::BadArgument => "bad_argument",
            Self::Time => "time",
            Self::BadText => "bad_text",
            Self::UndefinedElement => "undefined_element",
            Self::NullElement => "null_element",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TableOutOfBounds => "table_out_of_bounds",
            Self::InvalidConversion => "invalid_conversion",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A call that did not return: a value, small enough to travel. The host turns it into file, line
/// and column with the `.map` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// First four bytes of the image's hash, as a little-endian word.
    pub image: u32,
    /// The export that was called.
    pub export: u16,
    /// What stopped it.
    pub code: TrapCode,
    /// Index of the op in the code section; all ones for a direct entry, which has no code.
    pub op: u32,
    /// What [`TrapCode`] says of it.
    pub detail: u32,
}

impl Trap {
    /// The op index of a direct entry, or of a call that was refused before its first op.
    pub const NO_OP: u32 = u32::MAX;
    /// The export of a trap in the start function, which is none.
    pub const START: u16 = u16::MAX;
    /// The bit of the detail that tells a result's position from an argument's.
    pub const RESULT: u32 = 1 << 31;
}

/// What an op met, before it is known where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: TrapCode,
    pub(crate) detail: u32,
}

impl Fault {
    pub(crate) const fn new(code: TrapCode, detail: u32) -> Self {
        Self { code, detail }
    }
}

impl From<TrapCode> for Fault {
    fn from(code: TrapCode) -> Self {
        Self::new(code, 0)
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "export {} trap {}", self.export, self.code)?;
        if self.op != Self::NO_OP {
            write!(f, " at op {}", self.op)?;
        }
        if self.detail != 0 { write!(f, " ({:#x})", self.detail) } else { Ok(()) }
    }
}

impl core::error::Error for Trap {}
