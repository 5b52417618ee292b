#![cfg_attr(target_os = "none", no_std)]
#![deny(unsafe_code)]
//! What the programs for the bare Raspberry Pi 4B share: start-up, and what the earlier boot stage
//! handed over, and the device program itself. Unsafe code is in `startup` alone.
//!
//! For any other target the crate holds only what needs no hardware, so that the workspace builds and
//! tests everywhere.

#[cfg(target_os = "none")]
pub mod board;
#[cfg(target_os = "none")]
mod callers;
#[cfg(target_os = "none")]
mod card;
mod deadlines;
#[cfg(target_os = "none")]
pub mod device;
mod handover;
#[cfg(target_os = "none")]
pub mod interrupts;
pub mod limits;
mod measured;
mod notes;
mod options;
#[cfg(target_os = "none")]
pub mod owner;
pub mod random;
pub mod starts;
#[cfg(target_os = "none")]
#[allow(unsafe_code)]
pub mod startup;

pub use deadlines::{Deadlines, Due};
pub use handover::{Handover, HandoverError};
pub use notes::Notes;
pub use options::Options;
