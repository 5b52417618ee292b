//! One file per command.

pub(crate) mod begin;
pub(crate) mod bench;
pub(crate) mod book;
pub(crate) mod corpus;
pub(crate) mod deb;
pub(crate) mod dist;
pub(crate) mod fleet;
pub(crate) mod fuzz;
pub(crate) mod gojs;
pub(crate) mod image;
pub(crate) mod latency;
pub(crate) mod linux;
pub(crate) mod matrix;
pub(crate) mod miri;
pub(crate) mod package;
pub(crate) mod peers;
pub(crate) mod qemu;
pub(crate) mod setup;
pub(crate) mod test;
pub(crate) mod vopr;
