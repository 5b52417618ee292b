//! Fixed-width rows of an image's tables, used in place.

use bytemuck::{Pod, Zeroable};
use xmap_boards::{BoardId, Line};

use crate::{Pull, op::Word};

/// One export: 16 bytes.
///
/// A *code* row names the function that a call runs. A *direct* row holds the native
/// operation itself, with the call's arguments as registers 1 and up: there is no code to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct ExportRow {
    /// `kind | params << 8 | results << 16`; the top byte is zero.
    head: u32,
    /// Direct: the op's first word. Code: the function's index.
    pub first: Word,
    /// Direct: the op's immediate word, or zero. Code: the fuel of a call, in words of code.
    pub second: Word,
    /// Offset of the signature in its section, 16 bits; the upper half is zero.
    pub signature: u32,
}

impl ExportRow {
    const DIRECT: u32 = 1;

    /// A row that runs a function.
    pub const fn code(params: u8, results: u8, function: u32, fuel: u32, signature: u16) -> Self {
        Self {
            head: (params as u32) << 8 | (results as u32) << 16,
            first: function,
            second: fuel,
            signature: signature as u32,
        }
    }

    /// A row that is an operation.
    pub const fn direct(params: u8, results: u8, first: Word, second: Word, signature: u16) -> Self {
        Self {
            head: Self::DIRECT | (params as u32) << 8 | (results as u32) << 16,
            first,
            second,
            signature: signature as u32,
        }
    }

    /// Returns whether the row holds the operation itself.
    #[inline(always)]
    pub const fn is_direct(&self) -> bool {
        self.head & Self::DIRECT != 0
    }

    /// Returns whether the row holds the operation itself, takes this many parameters and has no result: one
    /// comparison, for the mapper's fast path.
    #[inline(always)]
    pub const fn is_operation_of(&self, params: usize) -> bool {
        self.head as usize == Self::DIRECT as usize | params << 8
    }

    /// Returns how many parameters a call takes.
    #[inline(always)]
    pub const fn params(&self) -> usize {
        (self.head >> 8) as u8 as usize
    }

    /// Returns how many results it leaves.
    #[inline(always)]
    pub const fn results(&self) -> usize {
        (self.head >> 16) as u8 as usize
    }

    /// The kind and the padding are values that exist.
    pub(crate) const fn is_well_formed(&self) -> bool {
        self.head & 0xff <= 1 && self.head >> 24 == 0 && self.signature >> 16 == 0
    }
}

/// One function: 12 bytes. Rows stand in the order of their code, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct FunctionRow {
    /// Index of the first word in the code section.
    pub start: u32,
    /// `words | type << 16`: how many words, 1 to 65535, and the function's type; zero in an image without
    /// types.
    len: u32,
    /// `frame | params << 8 | results << 16`; the top byte is zero.
    shape: u32,
}

impl FunctionRow {
    /// A row.
    pub const fn new(start: u32, words: u16, frame: u8, params: u8, results: u8) -> Self {
        Self { start, len: words as u32, shape: frame as u32 | (params as u32) << 8 | (results as u32) << 16 }
    }

    /// Returns how many words of code: also what a call of it costs in fuel.
    #[inline(always)]
    pub const fn words(&self) -> u32 {
        self.len & 0xffff
    }

    /// The same row with a type.
    pub const fn with_type(self, ty: u16) -> Self {
        Self { len: self.len | (ty as u32) << 16, ..self }
    }

    /// The function's type, as indirect calls compare it.
    #[inline(always)]
    pub const fn ty(&self) -> u32 {
        self.len >> 16
    }

    /// Registers, the link included.
    #[inline(always)]
    pub const fn frame(&self) -> u8 {
        self.shape as u8
    }

    /// Parameters: they arrive in registers 1 and up.
    #[inline(always)]
    pub const fn params(&self) -> u8 {
        (self.shape >> 8) as u8
    }

    /// Results: they leave in registers 1 and up.
    #[inline(always)]
    pub const fn results(&self) -> u8 {
        (self.shape >> 16) as u8
    }

    pub(crate) const fn is_well_formed(&self) -> bool {
        self.len & 0xffff != 0 && self.shape >> 24 == 0
    }
}

/// The place of an export's names in the string section: 8 bytes, one row for each export.
/// Exports are sorted by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct NameRow {
    /// `offset | length << 16` of the key, in bytes.
    pub key: u32,
    /// `offset | length << 16` of the wasm export's own name, in bytes.
    pub name: u32,
}

impl NameRow {
    /// Offset and length that a reference holds.
    pub(crate) const fn place(reference: u32) -> [usize; 2] {
        [(reference & 0xffff) as usize, (reference >> 16) as usize]
    }
}

/// One data segment: 12 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct DataRow {
    /// Address in linear memory.
    pub address: u32,
    /// Offset in the data section, in bytes.
    pub offset: u32,
    /// Length in bytes.
    pub len: u32,
}

/// A function type: 2 bytes. Types that are equal have one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct TypeRow {
    /// How many parameters.
    pub params: u8,
    /// How many results.
    pub results: u8,
}

/// A table: 12 bytes. Its size stands in one slot, its references in the slots behind.
///
/// A reference is a 64-bit value: zero is null, a function is its index plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct TableRow {
    /// The slot of the size. Slots behind the globals are given to tables in order, without gaps.
    pub slot: u32,
    /// References at load.
    pub initial: u32,
    /// References at most.
    pub capacity: u32,
}

/// An active element segment: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct ElementRow {
    /// The table.
    pub table: u32,
    /// The index of its first reference in the table.
    pub offset: u32,
    /// Its first item.
    pub first: u32,
    /// How many items.
    pub len: u32,
}

/// A passive segment: 12 bytes. Its slot holds its length; a dropped one has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PassiveRow {
    /// The slot of the length, behind those of the tables, in order, without gaps.
    pub slot: u32,
    /// Its first item, or its first byte in the data section.
    pub first: u32,
    /// How many items or bytes.
    pub len: u32,
}

/// The item that is null.
pub const NO_FUNCTION: u16 = u16::MAX;

/// The reference that an item of an element segment stands for.
#[inline]
pub const fn reference(item: u16) -> u64 {
    if item == NO_FUNCTION { 0 } else { item as u64 + 1 }
}

/// The use of a line that a module declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PinMode {
    /// Read it.
    In = 0,
    /// Drive it; reading gives the level on the pad.
    Out = 1,
    /// Both, as `gpio.direction` says; an input at load.
    InOut = 2,
    /// Both, and the function select stays as it is at load: a module without a manifest.
    Any = 3,
}

/// The state of an output when its module cannot say: before the first op, after a trap, without an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Safe {
    /// Keep the level.
    #[default]
    Hold = 0,
    /// Drive it low.
    Low = 1,
    /// Drive it high.
    High = 2,
    /// Make it an input.
    Float = 3,
}

/// One line that an image declares: 4 bytes, sorted by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PinRow {
    line: u8,
    mode: u8,
    safe: u8,
    pull: u8,
}

/// A pin row that holds a value that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinRowError;

impl PinRow {
    /// A row.
    pub const fn new(line: Line, mode: PinMode, safe: Safe, pull: Pull) -> Self {
        Self { line: line.number(), mode: mode as u8, safe: safe as u8, pull: pull as u8 }
    }

    /// Checks that every field is a value that exists, the line on this board.
    pub(crate) const fn check(&self, board: BoardId) -> Result<(), PinRowError> {
        if board.board().line(self.line).is_some() && self.mode <= 3 && self.safe <= 3 && self.pull <= 2 {
            Ok(())
        } else {
            Err(PinRowError)
        }
    }

    /// The line. Verification has shown that it exists.
    pub const fn line(&self) -> Line {
        match Line::new(self.line) {
            Some(line) => line,
            None => match Line::new(0) {
                Some(zero) => zero,
                None => unreachable!(),
            },
        }
    }

    /// Returns what the module may do with it.
    pub const fn mode(&self) -> PinMode {
        match self.mode {
            0 => PinMode::In,
            1 => PinMode::Out,
            2 => PinMode::InOut,
            _ => PinMode::Any,
        }
    }

    /// Its safe state.
    pub const fn safe(&self) -> Safe {
        match self.safe {
            1 => Safe::Low,
            2 => Safe::High,
            3 => Safe::Float,
            _ => Safe::Hold,
        }
    }

    /// Its pull.
    pub const fn pull(&self) -> Pull {
        match self.pull {
            1 => Pull::Up,
            2 => Pull::Down,
            _ => Pull::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::size_of;

    #[test]
    fn rows_have_the_documented_size() {
        assert_eq!(size_of::<ExportRow>(), 16);
        assert_eq!(size_of::<FunctionRow>(), 12);
        assert_eq!(size_of::<NameRow>(), 8);
        assert_eq!(size_of::<DataRow>(), 12);
        assert_eq!(size_of::<PinRow>(), 4);
        assert_eq!(size_of::<TypeRow>(), 2);
        assert_eq!(size_of::<TableRow>(), 12);
        assert_eq!(size_of::<ElementRow>(), 16);
        assert_eq!(size_of::<PassiveRow>(), 12);
    }
}
