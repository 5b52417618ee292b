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

mod board;
mod lines;
mod mount;
mod panel;
mod recorder;
mod rehearsal;
mod service;

pub use board::{Board, Edge};
pub use lines::{ReservedLine, check_lines, make_safe, prepare_lines};
pub use mount::{Hook, MountError, NotMounted};
pub use panel::{MEMORY_BYTES_MAX, Panel, Suspended};
pub use recorder::{Record, Recorder};
pub use rehearsal::{Cue, Rehearsal};
pub use service::{Identity, Served, Service, Wire};
