#![forbid(unsafe_code)]
//! What all peers have in common: the board that they drive, the modules that they run, the tasks, the
//! clock. Each peer is a process of its own; [`main`] is its command line.

mod board;
pub mod modules;
mod peer;
mod run;

pub use board::{Undeclared, clear_line, cleared, put, set_line};
pub use peer::{Peer, Task, never};
pub use run::{HeapCounter, heap, main};
