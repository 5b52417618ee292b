#![forbid(unsafe_code)]
//! The command line, as a library: its program runs [`main`], other host programs share [`text`] (a device's
//! answers as text and as JSON), [`uses`] (what clients use of a module) and [`command`] (its verbs and
//! options), [`SessionArgs`] (the options of a session with a device) and [`write_file`].

// Verbs name what they share with other programs as those do.
extern crate self as xmap;

mod cmd;
pub mod text;
pub mod uses;

pub use cmd::{SessionArgs, command, find_map, main, write_file};
