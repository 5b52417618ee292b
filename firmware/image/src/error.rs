//! Why bytes are not an image.

use crate::layout::{Extension, FORMAT, Section};
use crate::limits;

/// Why bytes are not an image. Numbers are indices into the section that the variant names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The bytes do not start on a multiple of four, or their number is none.
    Alignment,
    /// Shorter than a header.
    TooShort,
    /// The first four bytes are not `XMAP`.
    Magic,
    /// A format that this crate does not read.
    Format(u16),
    /// The image is for another board.
    Board(u16),
    /// The length in the header is not the number of bytes.
    Length,
    /// The content hash differs: the image was damaged.
    Hash,
    /// A header field holds a value that does not exist.
    HeaderField,
    /// A section's length is no multiple of its row, its padding is not zero, or the sections do not fill the
    /// image.
    Section(Section),
    /// The same of an extension section.
    Extension(Extension),
    /// An export row is malformed.
    Export(u16),
    /// A signature is outside its section or has an unknown type.
    Signature(u16),
    /// A name is outside the strings, or the keys are not sorted and distinct.
    Name(u16),
    /// The strings are not UTF-8, or have a character that acts on what shows it ([`crate::acts`]).
    Strings,
    /// A pin row is malformed or out of order.
    Pin(u16),
    /// A data segment is outside its section or the linear memory, or longer, with those before it, than
    /// both.
    Data(u16),
    /// The manifest block does not decode, names an export or a line that the image does not have, keeps
    /// bytes twice or more than [`crate::limits::MAX_KEPT_BYTES`], or says how often what it keeps is written
    /// outside of [`crate::limits::KEEP_EVERY_S`], or where it keeps nothing.
    Manifest,
    /// A function row is malformed, or the functions do not fill the code.
    Function(u32),
    /// An unknown opcode, or an op that the function's end cuts; the word's index in the code.
    Opcode(u32),
    /// A register that the function does not have, or the link.
    Register(u32),
    /// An immediate outside its range.
    Immediate(u32),
    /// A line or mask that the image does not declare for this use.
    Line(u32),
    /// A branch that does not meet the start of an op of its function.
    Branch(u32),
    /// A call of a function that does not exist, or whose parameters do not fit the frame.
    Call(u32),
    /// A global that does not exist.
    Global(u32),
    /// Control runs off the function's end.
    End(u32),
    /// A type, a table or a segment that does not exist, or a row of one that does not fit.
    Table(u32),
    /// More images in a bundle than [`crate::limits::MAX_MODULES`].
    Bundle,
    /// The image has floats, tables or bulk memory, and this crate was built without the feature `full`.
    Unsupported,
}

impl core::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Alignment => write!(f, "not a whole number of aligned 32-bit words"),
            Self::TooShort => write!(f, "shorter than the header of an image"),
            Self::Magic => write!(f, "does not start with XMAP"),
            Self::Format(n) => write!(f, "format {n}, and this version reads format {FORMAT}"),
            Self::Board(n) => write!(f, "made for board {n}"),
            Self::Length => write!(f, "the length in the header is not the length of the file"),
            Self::Hash => write!(f, "the content hash differs: the image is damaged"),
            Self::HeaderField => write!(f, "a header field is out of range"),
            Self::Section(s) => write!(f, "section {s:?} is malformed"),
            Self::Extension(s) => write!(f, "section {s:?} is malformed"),
            Self::Export(n) => write!(f, "export {n} is malformed"),
            Self::Signature(n) => write!(f, "the signature of export {n} is malformed"),
            Self::Name(n) => write!(f, "the name of export {n} is malformed or out of order"),
            Self::Strings => write!(f, "the strings are not UTF-8, or have a control character"),
            Self::Pin(n) => write!(f, "pin row {n} is malformed or out of order"),
            Self::Data(n) => {
                write!(
                    f,
                    "data segment {n} is outside its section or the memory, or too long with those before"
                )
            }
            Self::Manifest => write!(f, "the manifest block is malformed"),
            Self::Function(n) => write!(f, "function {n} is malformed"),
            Self::Opcode(n) => write!(f, "word {n} of the code is no op"),
            Self::Register(n) => write!(f, "op at word {n}: no such register"),
            Self::Immediate(n) => write!(f, "op at word {n}: immediate out of range"),
            Self::Line(n) => write!(f, "op at word {n}: a line that the image does not declare for this"),
            Self::Branch(n) => write!(f, "op at word {n}: the branch does not meet an op"),
            Self::Call(n) => write!(f, "op at word {n}: no such function, or its frame does not fit"),
            Self::Global(n) => write!(f, "op at word {n}: no such global"),
            Self::End(n) => write!(f, "function {n} has no end"),
            Self::Table(n) => write!(f, "op or row {n}: no such type, table or segment"),
            Self::Unsupported => {
                write!(f, "it has floats, tables or bulk memory, and this verifier is for integers alone")
            }
            Self::Bundle => write!(f, "more than {} images in a bundle", limits::MAX_MODULES),
        }
    }
}

impl core::error::Error for VerifyError {}

impl VerifyError {
    /// Returns what it points at: an index, or what was found instead; `None` where there is only one place
    /// for it.
    pub const fn place(&self) -> Option<u32> {
        match *self {
            Self::Format(n)
            | Self::Board(n)
            | Self::Export(n)
            | Self::Signature(n)
            | Self::Name(n)
            | Self::Pin(n)
            | Self::Data(n) => Some(n as u32),
            Self::Section(section) => Some(section as u32),
            Self::Extension(extension) => Some(extension as u32),
            Self::Function(n)
            | Self::Opcode(n)
            | Self::Register(n)
            | Self::Immediate(n)
            | Self::Line(n)
            | Self::Branch(n)
            | Self::Call(n)
            | Self::Global(n)
            | Self::End(n) => Some(n),
            _ => None,
        }
    }

    /// A number for each variant, for the link.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Alignment => 1,
            Self::TooShort => 2,
            Self::Magic => 3,
            Self::Format(_) => 4,
            Self::Board(_) => 5,
            Self::Length => 6,
            Self::Hash => 7,
            Self::HeaderField => 8,
            Self::Section(_) => 9,
            Self::Export(_) => 10,
            Self::Signature(_) => 11,
            Self::Name(_) => 12,
            Self::Strings => 13,
            Self::Pin(_) => 14,
            Self::Data(_) => 15,
            Self::Manifest => 16,
            Self::Function(_) => 17,
            Self::Opcode(_) => 18,
            Self::Register(_) => 19,
            Self::Immediate(_) => 20,
            Self::Line(_) => 21,
            Self::Branch(_) => 22,
            Self::Call(_) => 23,
            Self::Global(_) => 24,
            Self::End(_) => 25,
            Self::Extension(_) => 26,
            Self::Table(_) => 27,
            Self::Bundle => 28,
            Self::Unsupported => 29,
        }
    }

    /// The error with this number and place, for a host that was given both over the link; `None` for a
    /// number of a later version.
    pub fn from_parts(code: u8, place: u32) -> Option<Self> {
        Some(match code {
            1 => Self::Alignment,
            2 => Self::TooShort,
            3 => Self::Magic,
            4 => Self::Format(u16::try_from(place).ok()?),
            5 => Self::Board(u16::try_from(place).ok()?),
            6 => Self::Length,
            7 => Self::Hash,
            8 => Self::HeaderField,
            9 => Self::Section(*Section::ALL.get(place as usize)?),
            10 => Self::Export(u16::try_from(place).ok()?),
            11 => Self::Signature(u16::try_from(place).ok()?),
            12 => Self::Name(u16::try_from(place).ok()?),
            13 => Self::Strings,
            14 => Self::Pin(u16::try_from(place).ok()?),
            15 => Self::Data(u16::try_from(place).ok()?),
            16 => Self::Manifest,
            17 => Self::Function(place),
            18 => Self::Opcode(place),
            19 => Self::Register(place),
            20 => Self::Immediate(place),
            21 => Self::Line(place),
            22 => Self::Branch(place),
            23 => Self::Call(place),
            24 => Self::Global(place),
            25 => Self::End(place),
            26 => Self::Extension(*Extension::ALL.get(place as usize)?),
            27 => Self::Table(place),
            28 => Self::Bundle,
            29 => Self::Unsupported,
            _ => return None,
        })
    }
}
