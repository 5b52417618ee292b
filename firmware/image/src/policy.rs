//! What a device does when something goes wrong, and what outlives a swap of images or a restart.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::limits;

/// Parts of its state that a module may keep over a swap.
pub const MAX_KEEP: usize = 32;

/// The manifest's `[policy]` and `[keep]`. The default is what a manifest without them means; only a policy
/// that differs stands in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultPolicy {
    /// `on_trap`: what follows a trap.
    pub on_trap: OnFault,
    /// `on_fuel`: what follows the end of a call's fuel; as `on_trap`, where the manifest does not say.
    pub on_fuel: OnFault,
    /// `restarts`: how often a module is restarted before it stays faulted.
    pub restarts: u8,
    /// `on_overrun`: which event goes where there is no room for another.
    pub on_overrun: OnOverrun,
    /// `coalesce`: a timer that runs out while its last event still waits makes no second one.
    pub coalesce: bool,
    /// `link_timeout_ms`: milliseconds without a frame of a host after which the outputs become safe; 0 is
    /// never.
    pub link_timeout_ms: u32,
    /// `confirm_ms`: milliseconds that a new image is on trial; 0 is not at all.
    pub confirm_ms: u32,
    /// `confirm`: who confirms an image that came through its trial.
    pub confirm: Confirm,
    /// What the kept state looks like, as the compiler hashed it: state is carried between images with the
    /// same number alone.
    pub layout: u32,
    /// What is kept, in the manifest's order; the same order in every image with the same `layout`.
    pub keep: Vec<Keep, MAX_KEEP>,
    /// `[keep] restart`, `every_s`: whether what is kept outlives a restart of the device. It stands behind
    /// the policy, and only where it is not the default: images of before it have none.
    #[serde(skip)]
    pub persist: Persist,
}

impl Default for FaultPolicy {
    fn default() -> Self {
        Self {
            on_trap: OnFault::Hold,
            on_fuel: OnFault::Hold,
            restarts: 3,
            on_overrun: OnOverrun::DropOldest,
            coalesce: true,
            link_timeout_ms: 0,
            confirm_ms: 3000,
            confirm: Confirm::Device,
            layout: 0,
            keep: Vec::new(),
            persist: Persist::AsConfigured,
        }
    }
}

/// The reaction to a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnFault {
    /// `"hold"`: outputs stay as they are, and the module goes on with its next event.
    Hold,
    /// `"safe"`: outputs become safe, and the module rests until it is reset.
    Safe,
    /// `"restart"`: outputs become safe, and the module is loaded anew; after `restarts` times it rests.
    Restart,
}

/// The event that goes where a module's share of the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnOverrun {
    /// `"drop_oldest"`: the one that has waited longest.
    DropOldest,
    /// `"drop_newest"`: the one that has just come.
    DropNewest,
}

/// The one who confirms an image at the end of its trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirm {
    /// `"device"`: the device itself, when there was no trap.
    Device,
    /// `"host"`: `xmap confirm`, within the trial; without it the previous image comes back.
    Host,
}

/// Whether a device that has a storage writes there what a module keeps, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Persist {
    /// As often as the device does without a word of the manifest.
    #[default]
    AsConfigured,
    /// `every_s`: in seconds, within [`limits::KEEP_EVERY_S`].
    EveryS(u32),
    /// `restart = false`: it is not written, and a restart begins with the image's own values.
    Never,
}

/// A part of a module's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// A global, by its index in the image.
    Global(u16),
    /// Bytes of linear memory.
    Memory {
        /// The first address.
        from: u32,
        /// How many bytes.
        bytes: u32,
    },
}

impl FaultPolicy {
    /// Bytes of the kept state: 8 for a global, those of each stretch of memory.
    pub fn kept_bytes(&self) -> u64 {
        self.keep.iter().map(|keep| keep.bytes()).sum()
    }

    /// Returns whether `persist` is about something that is kept, in its range.
    pub(crate) fn persists_what_it_keeps(&self) -> bool {
        match self.persist {
            Persist::AsConfigured => true,
            Persist::EveryS(every_s) => !self.keep.is_empty() && limits::KEEP_EVERY_S.contains(&every_s),
            Persist::Never => !self.keep.is_empty(),
        }
    }

    /// Returns whether no global and no byte is kept twice.
    pub(crate) fn keeps_once(&self) -> bool {
        let apart = |n: usize, one: &Keep| self.keep.iter().skip(n + 1).all(|other| !one.overlaps(other));
        self.keep.iter().enumerate().all(|(n, one)| apart(n, one))
    }
}

impl Keep {
    /// Bytes that it takes in a record of the state.
    pub const fn bytes(&self) -> u64 {
        match self {
            Self::Global(_) => 8,
            Self::Memory { bytes, .. } => *bytes as u64,
        }
    }

    /// Returns whether both keep the same global, or the same byte.
    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Global(one), Self::Global(other)) => one == other,
            (Self::Memory { from, bytes }, Self::Memory { from: start, bytes: len }) => {
                let (end, other_end) =
                    (u64::from(*from) + u64::from(*bytes), u64::from(*start) + u64::from(*len));
                let both = *bytes > 0 && *len > 0;
                both && u64::from(*from) < other_end && u64::from(*start) < end
            }
            _ => false,
        }
    }
}
