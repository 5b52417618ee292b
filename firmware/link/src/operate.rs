//! What an operator sees: the state of each module, and what happened.

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_CALLERS, MAX_HAPPENINGS, MAX_MODULE_NAME};
use crate::{ImageInfo, ImageState, KeepFault, Thing, TrapReport};

/// The state of a module in its life (`docs/lifecycle.md`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Life {
    /// It has no image.
    #[default]
    Unloaded,
    /// Its image was verified; nothing of it has run.
    Verified,
    /// Its lines are set up and `on_mount` said yes; no event has been given to it.
    Mounted,
    /// Its events and calls run.
    Running,
    /// Its outputs are safe and it rests, until it is reset or replaced.
    Faulted,
    /// `on_unmount` has run; its state is kept until another image takes the place.
    Unmounted,
}

impl Life {
    /// As it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unloaded => "unloaded",
            Self::Verified => "verified",
            Self::Mounted => "mounted",
            Self::Running => "running",
            Self::Faulted => "faulted",
            Self::Unmounted => "unmounted",
        }
    }
}

/// The status of a module. Counters start at boot and stop at their largest value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleStatus {
    /// Its number.
    pub module: u8,
    /// Where it is in its life.
    pub life: Life,
    /// Its name, cut to [`MAX_MODULE_NAME`] bytes.
    pub name: String<MAX_MODULE_NAME>,
    /// Its image.
    pub image: Option<ImageInfo>,
    /// How many images it has had; handles of earlier ones are stale.
    pub generation: u16,
    /// Milliseconds that are left of its trial; 0 where it is not on trial.
    pub trial_ms: u32,
    /// Whether there is an image to go back to.
    pub previous: bool,
    /// Calls that were run: of hosts, of events, of the device itself.
    pub calls: u32,
    /// Those of them that trapped.
    pub traps: u32,
    /// Events that were given to it.
    pub events: u32,
    /// Deadlines of its timers that passed without a call of their own.
    pub missed: u32,
    /// Events that went because there was no room for them.
    pub dropped: u32,
    /// Timer events that became one with the event before.
    pub coalesced: u32,
    /// How often it was restarted after a fault.
    pub restarts: u32,
    /// The longest time from an event to its handler, in microseconds.
    pub late_us: u32,
    /// The latest trap.
    pub trap: Option<TrapReport>,
}

/// Counters of hosts, and of what was not sent to them. Counters start at boot and stop at their largest
/// value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCounts {
    /// Calls that trapped because of the host's own arguments; [`ModuleStatus::traps`] has none of them.
    pub mistakes: u32,
    /// Messages of modules that found no room.
    pub texts_lost: u32,
    /// Lines of the program's own log that were left out.
    pub lines_lost: u32,
}

/// The call stack of a module's latest trap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callers {
    /// The trap; none where no call of the module has trapped in its code.
    pub trap: Option<TrapReport>,
    /// The ops that called the functions which were running, by their indices in the code section, the
    /// innermost first.
    pub ops: Vec<u32, MAX_CALLERS>,
    /// Whether there were more.
    pub more: bool,
}

/// One page of what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceEvents {
    /// The number of the first one of this page: that asked for, or the oldest that is still held.
    pub first: u32,
    /// The number that the next one will have.
    pub next: u32,
    /// They, oldest first.
    pub entries: Vec<DeviceEvent, MAX_HAPPENINGS>,
}

/// Something that happened to a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceEvent {
    /// Microseconds since boot.
    pub time_us: u64,
    /// The module's number.
    pub module: u8,
    /// What.
    pub what: DeviceEventKind,
}

/// The kind of an event of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceEventKind {
    /// An image was mounted where none was.
    Mounted,
    /// An image was not mounted; what was there before goes on.
    NotMounted(ImageState),
    /// A new image took the place of another.
    Swapped,
    /// The new image is confirmed.
    Confirmed,
    /// The image before came back.
    RolledBack(RollbackReason),
    /// A call or a handler trapped.
    Trapped(TrapReport),
    /// The outputs became safe.
    MadeSafe,
    /// The module was loaded anew.
    Restarted,
    /// The module rests until it is reset.
    Faulted,
    /// The module was reset by a host.
    Reset,
    /// No host has been heard for `link_timeout_ms`.
    HostLost,
    /// A host is heard again.
    HostBack,
    /// An event went because there was no room for it; counted until the module runs freely again, told once.
    Overrun,
    /// A transfer was given up.
    TransferEnded,
    /// A policy of the owner holds from now on.
    Policy {
        /// Its version.
        version: u32,
    },
    /// A new policy does not allow the module's image any more: its outputs are safe, and the image is gone.
    Disallowed {
        /// Why, as [`ImageState::Rejected`] has it.
        code: u16,
    },
    /// A host's call trapped because of its own arguments.
    Mistaken(TrapReport),
    /// Something that counts as good is not on the storage: it runs, and a restart does not bring it.
    NotKept {
        /// What.
        thing: Thing,
        /// Why.
        fault: KeepFault,
    },
    /// What was not on the storage is there now.
    KeptAgain {
        /// What.
        thing: Thing,
    },
    /// The newest image of the module was not mounted, because starts with it did not end well.
    SetAside {
        /// How many, one after another.
        starts: u8,
    },
    /// The module refused a call of a host or of an event: nothing is wrong with it.
    Refused(TrapReport),
}

impl DeviceEventKind {
    /// Returns the words for what needs no more to be said: one list for the journal and for the command
    /// line. `None` where there is more.
    pub const fn words(&self) -> Option<&'static str> {
        Some(match self {
            Self::Mounted => "mounted",
            Self::Swapped => "swapped: a new image runs",
            Self::Confirmed => "confirmed",
            Self::MadeSafe => "outputs made safe",
            Self::Restarted => "restarted after a fault",
            Self::Faulted => "faulted: it rests until it is reset",
            Self::Reset => "reset by a host",
            Self::HostLost => "no host is heard any more",
            Self::HostBack => "a host is heard again",
            Self::Overrun => "an event was lost: there was no room for it",
            Self::TransferEnded => "a transfer was given up",
            _ => return None,
        })
    }
}

impl DeviceEventKind {
    /// Returns the trap that this tells of, if it tells of one.
    pub const fn trap(&self) -> Option<&TrapReport> {
        match self {
            Self::Trapped(trap)
            | Self::Mistaken(trap)
            | Self::Refused(trap)
            | Self::RolledBack(RollbackReason::Trap(trap)) => Some(trap),
            Self::NotMounted(state) | Self::RolledBack(RollbackReason::NotMounted(state)) => state.trap(),
            _ => None,
        }
    }

    /// The edition of the messages ([`crate::EDITION`]) that this came with.
    pub const fn edition(&self) -> u8 {
        match self {
            Self::Refused(_) => 2,
            Self::Mistaken(_) | Self::NotKept { .. } | Self::KeptAgain { .. } | Self::SetAside { .. } => 1,
            _ => 0,
        }
    }
}

/// Why the image before came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RollbackReason {
    /// The new one trapped during its trial.
    Trap(TrapReport),
    /// The new one could not be mounted.
    NotMounted(ImageState),
    /// Nobody confirmed it in time.
    Unconfirmed,
    /// A host asked for it.
    Asked,
}
