//! Persisted state: what a restart brings back, and why something is missing there.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_MODULES;

/// One thing that a device writes to its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Thing {
    /// The image of a module that counts as good.
    Image,
    /// The state that the image of a module keeps.
    State,
    /// The highest version of each module that counted as good.
    Versions,
    /// The owner's policy that was sent last.
    Policy,
}

impl Thing {
    /// The bit of this thing in [`KeepStatus::missing`]; `module` counts for images and states alone.
    pub const fn bit(self, module: u8) -> u16 {
        let module = module as u32 % MAX_MODULES as u32;
        1 << match self {
            Self::Image => module,
            Self::State => MAX_MODULES as u32 + module,
            Self::Versions => 2 * MAX_MODULES as u32,
            Self::Policy => 2 * MAX_MODULES as u32 + 1,
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "the image",
            Self::State => "the retained state",
            Self::Versions => "the versions of images",
            Self::Policy => "the policy",
        })
    }
}

/// Why a thing is not on the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeepFault {
    /// The device wrote as often as its storage may wear; it writes within a minute.
    Budget,
    /// Its operating system refused a write with this error number (those of Linux).
    System {
        /// The number.
        errno: u16,
    },
}

impl fmt::Display for KeepFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::System { errno } = self else {
            return f.write_str("the disk was written as often as it may be, and is written within a minute");
        };
        // The numbers that a disk gives; errno(3).
        f.write_str(match errno {
            1 => "operation not permitted",
            4 => "the write was interrupted",
            5 => "input/output error",
            13 => "permission denied",
            20 | 21 => "something else stands in the file's place",
            24 => "too many open files",
            27 => "the file is too large",
            28 => "no space left on the disk",
            30 => "the file system is read-only",
            40 => "a symbolic link stands in the file's place",
            122 => "the disk quota is exceeded",
            errno => return write!(f, "error {errno} of the device's system"),
        })
    }
}

/// The status of the storage of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepStatus {
    /// Whether the device has a storage. Without one a restart brings what it was given at boot.
    pub storage: bool,
    /// Things that changed and are not on the storage, by [`Thing::bit`].
    pub missing: u16,
    /// Whether a write of one of them is under way or about to begin.
    pub pending: bool,
    /// Why the latest of the writes that failed did, while one of them is missing.
    pub fault: Option<KeepFault>,
    /// When the first of the things that are missing for a fault was, in microseconds since boot.
    pub since_us: u64,
    /// When something was written last, in microseconds since boot; 0 where nothing was.
    pub written_us: u64,
    /// Modules, bit *n* for module *n*, whose newest image was set aside because starts with it did not end
    /// well.
    pub set_aside: u8,
    /// Modules, bit *n* for module *n*, that run the image of their slot although the default panel is newer.
    pub newer_default: u8,
}
