#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
//! The device program without its hardware.
//!
//! A [`Device`] has up to four modules, each with an image that runs and room for the next, one queue of
//! events and one [`Board`]: it does the next thing that falls due, swaps images, makes outputs safe.
//! [`Trust`] says whose images it takes. A [`Service`] answers hosts over any [`Wire`]. Between device and
//! hardware a [`Recorder`] remembers the last register stores, and a [`Rehearsal`] takes inputs and time from
//! a host. The simulator, bare metal and the service under Linux are thin around it, so that the same image
//! makes the same register stores on all three. The README of this crate has a line for each
//! file.

mod access;
mod activate;
mod admission;
mod board;
mod device;
mod fault;
mod firmwares;
mod flight;
mod gate;
mod handles;
mod history;
mod journal;
mod keeping;
mod lifecycle;
mod lines;
mod meter;
mod metrics;
mod module;
mod modules;
mod mount;
mod panel;
mod persist;
mod queue;
mod ram;
mod recorder;
mod rehearsal;
mod ring;
mod scheduler;
mod service;
mod slot;
mod snapshot;
mod sources;
mod starts;
mod swap;
mod traced;
mod transfer;
mod trust;
mod turns;
mod wall;

pub use board::{Board, BoardLayer, Edge};
pub use device::{Device, NotCalled};
pub use fault::FORGIVEN_US;
pub use firmwares::Firmwares;
pub use flight::{
    Arguments, BoardState, Due, FORMAT, FlightRecorder, GROWING, MAX_ARGUMENTS, Next, Noted, Operation,
    Reader, Sink, Snapshot, Torn, Write, mix,
};
pub use handles::{Handle, HostId, MAX_HANDLES, MAX_HOSTS};
pub use history::HISTORY;
pub use keeping::{Kept, Stored};
pub use lifecycle::{Step, next};
pub use lines::{ReservedLine, check_lines, make_safe, make_safe_by_lines, prepare_lines};
pub use module::ModuleExport;
pub use modules::ModuleId;
pub use mount::{Failure, Hook, MountError};
pub use panel::{Panel, Suspended, Unplaced};
pub use persist::{
    BURST, Budget, Fate, Images, Intervals, Item, Items, Keeper, Mounting, PAUSE_US, Place, REFILL_US,
    Remembered, SCRATCH_WORDS, Tried, WRITES_A_DAY, install_counted, places,
};
pub use queue::{QUEUE, SHARE, Waiting};
pub use ram::{Borrowed, MachineCode, Ram, SlotMemory};
pub use recorder::{Record, RecordLayer, Recorder};
pub use rehearsal::{Cue, Rehearsal};
pub use ring::{Called, Ring};
pub use service::{Identity, Service, Wire};
pub use snapshot::NotRestored;
pub use sources::CORRECTION_US;
pub use starts::{COUNTED, Count, GOOD_US, ImageHash, Starts, UNCLEAN_STARTS};
pub use traced::Traced;
pub use transfer::SILENCE_US;
pub use trust::{Development, Memory, NotKept, Owned, REMEMBERED, Trust, Volatile};
pub use turns::Turns;
pub use wall::Wall;
pub use xmap_trust::Limits;
