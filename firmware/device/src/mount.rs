//! What can stand in the way of a mount.

use core::fmt;

use tiny_mapper::{LoadError, Trap};
use xmap_image::{Conflict, VerifyError};
use xmap_link::ImageState;
use xmap_trust::Reject;

use crate::ReservedLine;
use crate::device::report;

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
    /// The export `export_cleanup(handle: u32)`, for each handle that is open when the module goes.
    Cleanup,
}

impl Hook {
    /// All of them, by number.
    pub const ALL: [Self; 5] = [Self::Start, Self::Initialize, Self::OnMount, Self::OnUnmount, Self::Cleanup];

    /// The name of the export; the start function has none.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Initialize => "_initialize",
            Self::OnMount => "on_mount",
            Self::OnUnmount => "on_unmount",
            Self::Cleanup => "export_cleanup",
        }
    }

    /// Returns how many results it has.
    pub const fn results(self) -> usize {
        matches!(self, Self::OnMount) as usize
    }
}

/// Why an image was not mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MountError {
    /// It declares a line that the board needs.
    Reserved(ReservedLine),
    /// It cannot stand beside the image of another module.
    Conflict {
        /// The other module's number.
        with: u8,
        /// It is the image that the other module may go back to, not the one that is active there.
        returning: bool,
        /// What both want.
        conflict: Conflict,
    },
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
            Self::Conflict { with, returning: false, conflict } => {
                write!(f, "beside module {with}: {conflict}")
            }
            Self::Conflict { with, returning: true, conflict } => {
                write!(f, "beside the image that module {with} may go back to: {conflict}")
            }
            Self::Load(error) => error.fmt(f),
            Self::Signature(hook) => {
                let results = if hook.results() == 0 { "no result" } else { "one i32 result" };
                let params = if *hook == Hook::Cleanup { "one i32 parameter" } else { "no parameters" };
                write!(f, "`{}` must have {params} and {results}", hook.name())
            }
            Self::Trap(hook, trap) => write!(f, "`{}` trapped: {trap}", hook.name()),
            Self::Refused { result } => write!(f, "`on_mount` returned {result}, and 0 means mounted"),
        }
    }
}

impl core::error::Error for MountError {}

impl MountError {
    /// Returns what became of the image, as a status reports it.
    pub fn state(&self) -> ImageState {
        // What verification cannot show, and a mount found, has codes of its own from 256 on.
        let rejected = |code, detail: usize| ImageState::Rejected { code, detail: detail as u32 };
        match self {
            Self::Reserved(line) => rejected(256, line.line.number().into()),
            Self::Load(LoadError::Stack { needed, .. }) => rejected(257, *needed),
            Self::Load(LoadError::Memory { needed, .. }) => rejected(258, *needed),
            Self::Load(LoadError::Globals { needed, .. }) => rejected(259, *needed),
            Self::Load(LoadError::Unsupported) => rejected(261, 0),
            Self::Signature(hook) => rejected(260, *hook as usize),
            // 271 to 279, and 281 to 289 for an image that may come back; the other module stands in the
            // upper half, a line, the other's export, or a bus with an address in the lower.
            Self::Conflict { with, returning, conflict } => {
                let place = match conflict {
                    Conflict::Key { right, .. } => right.0,
                    Conflict::Device { bus, address } => u16::from(*bus) << 8 | u16::from(*address),
                    conflict => conflict.line().map_or(0, |line| line.number().into()),
                };
                let first = if *returning { 280 } else { 270 };
                rejected(first + u16::from(conflict.code()), usize::from(*with) << 16 | usize::from(place))
            }
            Self::Trap(_, trap) => ImageState::MountTrapped(report(*trap)),
            Self::Refused { result } => ImageState::MountRefused { result: *result },
        }
    }
}

/// Why an image does not run on a device that it was given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The owner's policy does not allow it.
    Trust(Reject),
    /// The bytes are not an image, or not the one that was announced.
    Image(VerifyError),
    /// The image could not be mounted.
    Mount(MountError),
    /// The device has no module with this number.
    NoModule,
}

impl Failure {
    /// Returns what became of the image, as a status reports it.
    pub fn state(&self) -> ImageState {
        match self {
            Self::Image(error) => {
                ImageState::Rejected { code: error.code().into(), detail: error.place().unwrap_or(0) }
            }
            Self::Mount(error) => error.state(),
            Self::Trust(reject) => crate::gate::state(reject),
            Self::NoModule => ImageState::None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::Mount(error) => error.fmt(f),
            Self::Trust(reject) => reject.fmt(f),
            Self::NoModule => f.write_str("the device has no such module"),
        }
    }
}

impl core::error::Error for Failure {}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        Self::Image(error)
    }
}

impl From<MountError> for Failure {
    fn from(error: MountError) -> Self {
        Self::Mount(error)
    }
}

impl From<Reject> for Failure {
    fn from(reject: Reject) -> Self {
        Self::Trust(reject)
    }
}
