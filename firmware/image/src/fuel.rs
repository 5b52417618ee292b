//! What an op is charged for its length, in words of fuel, beside the words of code that lead to it.
//!
//! The mapper charges by it, and the compiler's bounds follow it. Together with the charge for going back it
//! makes the work of a call proportional to its fuel: docs/format.md (*Fuel*) has the table, and a test
//! counts instructions.

use xmap_abi::{BYTES_PER_WORD, Cost, HostFunction};

use crate::opcode as op;

/// Bytes that one word of fuel copies, fills, or reads as text.
pub const BYTES: u32 = BYTES_PER_WORD;
/// Bytes of a text that the op itself pays for: what one frame of the link carries.
pub const FREE_TEXT_BYTES: u32 = match HostFunction::LogMessage.row().cost {
    Cost::Range { free, .. } => free,
    Cost::Fixed | Cost::Wait { .. } | Cost::Transfer { .. } => 0,
};
/// Bytes that one word of fuel clears where the memory grows.
pub const CLEARED_BYTES: u32 = 64;

/// The charge of `log.message` for a text of `len` bytes.
pub const fn of_text(len: u32) -> u32 {
    len.saturating_sub(FREE_TEXT_BYTES) / BYTES
}

/// The charge of `memory.grow` for pages that are added.
pub const fn of_pages(pages: u32) -> u32 {
    pages.saturating_mul(65_536 / CLEARED_BYTES)
}

/// The charge of an op on a stretch of `count` bytes or references; 0 for any other op.
pub const fn of_stretch(opcode: u8, count: u32) -> u32 {
    match opcode {
        op::MemoryCopy | op::MemoryFill | op::MemoryInit => count / BYTES,
        op::TableFill | op::TableCopy | op::TableInit | op::TableGrow => count,
        _ => 0,
    }
}
