//! An image against what its board has for each module.

use core::fmt;

use crate::{Image, limits};

/// A need of an image that a slot does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// Bytes of the image, its seal included.
    Image {
        /// Bytes that the image has.
        needed: usize,
        /// Bytes that a slot holds.
        given: usize,
    },
    /// Slots of the register stack.
    Stack {
        /// Slots that the image needs.
        needed: usize,
        /// Slots that there are.
        given: usize,
    },
    /// Bytes of linear memory.
    Memory {
        /// Bytes that the image needs at load.
        needed: usize,
        /// Bytes that there are.
        given: usize,
    },
    /// Slots for globals, tables and segments.
    Globals {
        /// Slots that the image needs.
        needed: usize,
        /// Slots that there are.
        given: usize,
    },
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { needed, given } => {
                write!(f, "the image has {needed} bytes, and a slot holds {given} bytes")
            }
            Self::Stack { needed, given } => {
                write!(f, "a mapper needs a stack of {needed} slots, and there are {given}")
            }
            Self::Memory { needed, given } => {
                write!(f, "the image needs {needed} bytes of memory, and there are {given}")
            }
            Self::Globals { needed, given } => {
                write!(f, "the image has {needed} globals, and there is room for {given}")
            }
        }
    }
}

impl core::error::Error for NoRoom {}

impl Image<'_> {
    /// Checks that a device on the image's board has room for it, with `beside` bytes behind it (a seal).
    ///
    /// # Errors
    /// The first thing of which a slot has less than the image needs.
    pub fn fits_board(&self, beside: usize) -> Result<(), NoRoom> {
        let board = self.board().board().limits;
        let (needed, given) = (self.words().len() * 4 + beside, board.image_bytes);
        if given < needed {
            return Err(NoRoom::Image { needed, given });
        }
        let (needed, given) = (self.stack_slots(), limits::WINDOW + board.stack_slots);
        if given < needed {
            return Err(NoRoom::Stack { needed, given });
        }
        let (needed, given) = (self.header().memory_bytes as usize, board.memory_bytes);
        if given < needed {
            return Err(NoRoom::Memory { needed, given });
        }
        let (needed, given) = (self.slots(), board.slots);
        if given < needed { Err(NoRoom::Globals { needed, given }) } else { Ok(()) }
    }
}
