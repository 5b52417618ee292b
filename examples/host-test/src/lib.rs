#![forbid(unsafe_code)]
//! A crate for the host tests of a panel: see `tests/hall.rs`.
