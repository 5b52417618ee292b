#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
//! The device program without its hardware.
//!
//! A [`Panel`] brings a board's lines into the state that an image declares, loads the image and
//! runs the functions that belong to a mount; it keeps the outputs safe when that fails. A
//! [`Service`] answers a host over any wire. A [`Recorder`] between panel and hardware remembers the
//! last register stores, and a [`Rehearsal`] takes inputs and time from a host. Everything is generic over [`tiny_mapper::Port`], so that the simulator, the
//! bare-metal program and the program under Linux mount an image in the same way, to the same
//! register stores.

mod access;
mod admission;
mod board;
mod device;
mod fault;
mod handles;
mod history;
mod keeping;
mod lifecycle;
mod lines;
mod module;
mod mount;
mod panel;
mod queue;
mod ram;
mod recorder;
mod rehearsal;
mod service;
mod slot;
mod sources;
mod swap;
mod transfer;
mod trust;

pub use board::{Board, Edge};
pub use device::{Device, NotCalled};
pub use fault::FORGIVEN_US;
pub use handles::{Handle, MAX_HANDLES};
pub use history::HISTORY;
pub use keeping::{Kept, Stored};
pub use lifecycle::{Step, next};
pub use lines::{ReservedLine, check_lines, make_safe, prepare_lines};
pub use module::ModuleExport;
pub use mount::{Failure, Hook, MountError};
pub use panel::{MEMORY_BYTES_MAX, Panel, Suspended};
pub use queue::{QUEUE, SHARE, Waiting};
pub use ram::{Borrowed, Ram, Room};
pub use recorder::{Record, Recorder};
pub use rehearsal::{Cue, Rehearsal};
pub use service::{Identity, Service, Wire};
pub use transfer::SILENCE_US;
pub use trust::{Development, Memory, NotKept, Owned, REMEMBERED, Trust, Volatile};
