#![forbid(unsafe_code)]
//! What the command line shares with other host programs: a device's answers as text and as JSON.

pub mod text;
