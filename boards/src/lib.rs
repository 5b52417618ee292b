#![no_std]
#![forbid(unsafe_code)]
//! What a board *is*, as data: its lines and banks, what each line may be used
//! for, the register and memory map. No dependencies, no behaviour; every other
//! crate takes its facts about hardware from here.

mod line;
mod rpi4b;

pub use line::{Bank, Line, PinMask};
pub use rpi4b::{BOOT_MEDIA, RPI4B, boot_medium};

/// Identifies a board inside an image. The number is part of the image format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum BoardId {
    /// Raspberry Pi 4 Model B, BCM2711.
    Rpi4b = 1,
}

impl BoardId {
    /// The board with this number in an image, if there is one.
    pub const fn from_u16(id: u16) -> Option<Self> {
        match id {
            1 => Some(Self::Rpi4b),
            _ => None,
        }
    }

    /// The data of this board.
    pub const fn board(self) -> &'static Board {
        match self {
            Self::Rpi4b => &RPI4B,
        }
    }
}

/// A line that a module may not have, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The line.
    pub line: Line,
    /// What the board uses it for, as a noun phrase: "the SD card's data lines".
    pub reason: &'static str,
}

/// One board.
#[derive(Debug)]
pub struct Board {
    /// The number in an image.
    pub id: BoardId,
    /// The name in a manifest: `board = "rpi4b"`.
    pub name: &'static str,
    /// Every line that exists, by bank.
    pub lines: PinMask64,
    /// Lines that the board itself needs.
    pub reserved: &'static [Reserved],
    /// Lines that a module without a manifest may use.
    pub header: PinMask64,
    /// The header's pins from pin 1 on: the line that each carries, if it carries one.
    pub pins: &'static [Option<Line>],
    /// The shortest period of a timer, in microseconds: so long that a handler of a few ops and what the
    /// device does around it take a small part of it.
    pub shortest_period_us: u32,
    /// What a module may have of a device on this board.
    pub limits: Limits,
}

/// What a device on a board has for each module. Every target of the board has the same, so that all take
/// the same images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a slot: of an image with its seal.
    pub image_bytes: usize,
    /// Bytes of linear memory, that which `memory.grow` adds included.
    pub memory_bytes: usize,
    /// Slots of 64 bits for globals, tables and the lengths of passive segments.
    pub slots: usize,
    /// Slots of 64 bits of the register stack, beside the window of the innermost function.
    pub stack_slots: usize,
}

/// A set of lines over all banks: bit *n* is line *n*, 0 to 57.
pub type PinMask64 = u64;

impl Board {
    /// Why `line` may not be used, where it may not.
    pub fn reserved(&self, line: Line) -> Option<&'static str> {
        self.reserved.iter().find(|r| r.line == line).map(|r| r.reason)
    }

    /// Returns the line that a pin of the header carries, if it carries one; pins count from 1.
    pub fn line_at(&self, pin: usize) -> Option<Line> {
        *self.pins.get(pin.checked_sub(1)?)?
    }
}

/// The board with this name in a manifest, if there is one.
pub fn by_name(name: &str) -> Option<&'static Board> {
    BOARDS.iter().copied().find(|b| b.name == name)
}

/// Every board, for messages that list them.
pub const BOARDS: &[&Board] = &[&RPI4B];
