//! What can stand in the way of a mount.

use core::fmt;

use tiny_mapper::{LoadError, Store, Trap};
use xmap_image::VerifyError;

use crate::ReservedLine;

/// A function of the module that the panel calls by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// The module's start function.
    Start,
    /// The export `_initialize`, without parameters and results: what a compiler puts before all else.
    Initialize,
    /// The export `on_mount() -> i32`; anything but 0 refuses the mount.
    OnMount,
    /// The export `on_unmount()`.
    OnUnmount,
}

impl Hook {
    /// The name of the export; the start function has none.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Initialize => "_initialize",
            Self::OnMount => "on_mount",
            Self::OnUnmount => "on_unmount",
        }
    }

    /// How many results it has.
    pub(crate) const fn results(self) -> usize {
        matches!(self, Self::OnMount) as usize
    }
}

/// Why an image was not mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MountError {
    /// It declares a line that the board needs.
    Reserved(ReservedLine),
    /// Its manifest block does not hold.
    Manifest(VerifyError),
    /// There is not enough memory for it.
    Load(LoadError),
    /// An export has a name that the panel calls, but other parameters or results.
    Signature(Hook),
    /// A function that belongs to the mount trapped.
    Trap(Hook, Trap),
    /// `on_mount` said no.
    Refused {
        /// What it returned: not 0.
        result: i32,
    },
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved(line) => line.fmt(f),
            Self::Manifest(error) => error.fmt(f),
            Self::Load(error) => error.fmt(f),
            Self::Signature(hook) => {
                let results = if hook.results() == 0 { "no result" } else { "one i32 result" };
                write!(f, "`{}` must have no parameters and {results}", hook.name())
            }
            Self::Trap(hook, trap) => write!(f, "`{}` trapped: {trap}", hook.name()),
            Self::Refused { result } => write!(f, "`on_mount` returned {result}, and 0 means mounted"),
        }
    }
}

impl core::error::Error for MountError {}

/// An image that was not mounted: why, and what is free again. The outputs are in their safe state.
#[derive(Debug)]
pub struct NotMounted<'a, P> {
    /// Why.
    pub error: MountError,
    /// The port.
    pub port: P,
    /// The store.
    pub store: Store<'a>,
}

impl<P> From<NotMounted<'_, P>> for MountError {
    fn from(failed: NotMounted<'_, P>) -> Self {
        failed.error
    }
}
