//! The SD card behind EMMC2, the controller of the board's slot.
//!
//! `host.rs` is the controller (*SD Host Controller Simplified Specification*, version 3.00), `card.rs` what
//! is said to a card (*SD Physical Layer Simplified Specification*, version 6.00). Every wait has an end, and
//! whatever a card does not do is a value.

mod card;
mod host;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use core::fmt;

pub use card::{BLOCK, SdCard};
pub use host::{ChipHost, HostRegister, SdBlock, SdHost, SdRegisters};

/// Why a card did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardError {
    /// No card answers.
    Absent,
    /// It is none that this driver knows: older than SD 2.0, or at another voltage.
    Unknown,
    /// It was pulled out, or replaced: what was known of it is not true any more.
    Removed,
    /// It is write-protected.
    Protected,
    /// It has no such block.
    Range,
    /// The controller does not do what its registers ask of it.
    Controller,
    /// A command was not answered, or a transfer did not end in time; the number of the command.
    Timeout(u8),
    /// What came over the wires has another checksum; the number of the command.
    Crc(u8),
    /// The card's own word: the error bits of its status (section 4.10.1).
    Status(u32),
}

impl fmt::Display for CardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("no card answers"),
            Self::Unknown => f.write_str("the card is none of SD 2.0 or later at 3.3 V"),
            Self::Removed => f.write_str("the card was taken out"),
            Self::Protected => f.write_str("the card is write-protected"),
            Self::Range => f.write_str("the card has no such block"),
            Self::Controller => f.write_str("the controller does not answer"),
            Self::Timeout(command) => write!(f, "CMD{command} did not end in time"),
            Self::Crc(command) => write!(f, "CMD{command}: wrong checksum"),
            Self::Status(status) => write!(f, "the card reports {status:#010x}"),
        }
    }
}

impl core::error::Error for CardError {}
