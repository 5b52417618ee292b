//! Why a simulation did not begin, and why a call has no results.

use std::fmt;

use tiny_mapper::Trap;
use xmap_device::{MountError, Unplaced};
use xmap_image::VerifyError;

use crate::SimBoard;
use crate::value::Unfit;

/// Why no simulation could begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum SimError {
    /// The bytes are not an image.
    Image(VerifyError),
    /// The image could not be mounted.
    Mount {
        /// Why.
        error: MountError,
        /// The board with its record, for a look at how far it came.
        board: Box<SimBoard>,
    },
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::Mount { error, .. } => error.fmt(f),
        }
    }
}

impl std::error::Error for SimError {}

impl From<VerifyError> for SimError {
    fn from(error: VerifyError) -> Self {
        Self::Image(error)
    }
}

/// Why a call has no results.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The image has no export with this key or name.
    UnknownExport(String),
    /// The number of arguments is wrong.
    ArgumentCount {
        /// How many the export takes.
        expected: usize,
        /// How many there were.
        given: usize,
    },
    /// An argument is of another type than its parameter, or out of its range.
    Argument {
        /// Its position, from 0.
        position: usize,
        /// What the parameter takes.
        unfit: Unfit,
    },
    /// The call stopped. The panel can be called again, unless its policy says otherwise.
    Trap(Trap),
    /// The bytes of the arguments found no place in the module.
    Unplaced(Unplaced),
    /// The module is faulted: its outputs are safe, and it takes no calls.
    Faulted,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownExport(name) => write!(f, "the image has no export `{name}`"),
            Self::ArgumentCount { expected, given } => {
                write!(f, "the export takes {expected} arguments, and {given} were given")
            }
            Self::Argument { position, unfit } => write!(f, "argument {position}: {unfit}"),
            Self::Trap(trap) => trap.fmt(f),
            Self::Unplaced(why) => why.fmt(f),
            Self::Faulted => f.write_str("the module is faulted, and takes no calls"),
        }
    }
}

impl std::error::Error for CallError {}
