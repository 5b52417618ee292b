//! The program that is flashed, in the emulator: the very `kernel8.img` of `cargo xtask image`, asked
//! over its UART as `xmap call` asks a board. Built with the feature `emulator` only: the machine needs
//! the target and QEMU, which `cargo xtask setup` installs.

mod access;
#[path = "../common/act.rs"]
mod act;
mod board;
mod bound;
#[path = "../common/carried.rs"]
mod carried;
mod faults;
mod firmware;
mod host_functions;
mod i2c;
mod languages;
mod log;
mod operate;
mod panels;
mod spec;
mod store;
mod swap;
mod trust;
