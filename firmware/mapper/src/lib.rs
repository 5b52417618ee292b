#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
//! The runtime: dispatch through an image's export table and execution of its ops.
//!
//! No allocator, no unsafe code, no knowledge of any board: hardware is a [`Port`].

mod port;
mod trap;

pub use port::{Function, LogLevel, Port, Pull};
pub use trap::{Trap, TrapCode};
