//! Whose images a device takes, and what it refused.

use heapless::String;
use serde::{Deserialize, Serialize};

use crate::limits::MAX_REASON;

/// Codes of [`crate::ImageState::Rejected`] from here on are reasons of a policy: this and
/// [`Rejection::code`].
pub const POLICY_CODES: u16 = 768;

/// The trust status of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustStatus {
    /// The version of the policy that it holds images against; `None` on a development device, which takes
    /// any image.
    pub policy: Option<u32>,
    /// Images that were refused since boot; the counter stops at its largest value.
    pub rejected: u32,
    /// The latest of them.
    pub last: Option<Rejection>,
}

/// An image that was refused. The host makes the text of it (`xmap_trust::Reject`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Microseconds since boot.
    pub time_us: u64,
    /// The module that it was for, by its number.
    pub module: u8,
    /// The reason's number.
    pub code: u8,
    /// What the reason says of it: versions, a line, a board.
    pub details: [u32; 2],
    /// An origin or a module's name, where the reason has one.
    pub text: String<MAX_REASON>,
}

/// The state of a policy that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyState {
    /// It holds from now on.
    Taken {
        /// Its version.
        version: u32,
        /// Modules that it does not allow any more, bit *n* for module *n*: their outputs are safe and their
        /// images gone.
        stopped: u8,
    },
    /// The one before holds.
    Refused {
        /// The reason's number (`xmap_trust::PolicyError`).
        code: u8,
        /// What the reason says of it: the version or format found, and the device's.
        details: [u32; 2],
    },
}
