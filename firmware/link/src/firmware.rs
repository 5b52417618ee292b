//! Two firmwares on a device's card: what stands there, and what is sent.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::limits::FIRMWARE_SEAL;

/// What a host asks about firmwares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirmwareRequest {
    /// 0: which are there? Answered by [`FirmwareAnswer::Status`].
    Status,
    /// 1: a firmware follows, in chunks and with a commit as an image does. What its seal says is held
    /// against the device first. Answered by [`crate::Response::Staging`] or [`FirmwareAnswer::Rejected`];
    /// the commit by [`FirmwareAnswer::Written`].
    Begin {
        /// Any number that another host would not choose; the rest of the transfer repeats it.
        token: u32,
        /// The seal (`xmap_trust::FirmwareSeal`), which has the bytes that follow.
        seal: Vec<u8, FIRMWARE_SEAL>,
    },
    /// 2: restart with the firmware that was written, once. Answered by [`crate::Response::Done`] before the
    /// restart, or by [`FirmwareAnswer::Rejected`].
    Try,
}

/// What a device answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirmwareAnswer {
    /// 0: the firmwares of the device.
    Status(FirmwareStatus),
    /// 1: the firmware is on the card. It runs when it is tried.
    Written {
        /// The partition of its slot.
        partition: u8,
        /// Its version.
        version: u32,
    },
    /// 2: the device does not take the firmware, and the one that runs is not touched.
    Rejected {
        /// The reason's number (`xmap_trust::FirmwareReject`).
        code: u8,
        /// What the reason says of it.
        details: [u32; 2],
    },
    /// 3: the device takes no firmware over the link.
    None(NoFirmware),
}

/// Why a device takes no firmware over the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoFirmware {
    /// 0: its card was not laid out for two, or there is no card.
    NoSlots,
    /// 1: the boot loader does not say which one runs.
    NoBootLoader,
    /// 2: it is a service of an operating system, which is updated by its package.
    Package,
}

/// The firmwares of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareStatus {
    /// The board, by its number in the image format.
    pub board: u16,
    /// The partition of the slot that runs.
    pub runs: u8,
    /// Why it runs.
    pub standing: FirmwareStanding,
    /// The partition of the slot that counts as good.
    pub good: u8,
    /// Bytes that a firmware has at most.
    pub room: u32,
    /// Why the other one went back, where it had a trial.
    pub back: Option<FirmwareBack>,
    /// The slots.
    pub slots: [FirmwareSlot; 2],
}

/// Why a firmware runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirmwareStanding {
    /// 0: it counts as good.
    Good,
    /// 1: it is on trial.
    Trial,
    /// 2: neither; another one counts as good.
    Beside,
}

/// Why a firmware went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirmwareBack {
    /// 0: it was reset before it counted as good.
    Reset,
    /// 1: a module was not mounted.
    NotMounted,
    /// 2: the card does not have what was sealed.
    Damaged,
}

/// A firmware slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareSlot {
    /// Its partition.
    pub partition: u8,
    /// What stands in it.
    pub content: FirmwareContent,
}

/// What stands in a firmware slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirmwareContent {
    /// 0: nothing that has a seal: it was laid out without one, or the next firmware is not there in full.
    Unsealed,
    /// 1: its trailer is not what was written.
    Damaged,
    /// 2: a firmware.
    Sealed {
        /// Its version.
        version: u32,
        /// Its bytes.
        bytes: u32,
        /// The first bytes of its SHA-256.
        hash: [u8; 8],
    },
}
