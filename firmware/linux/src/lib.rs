#![deny(unsafe_code)]
//! The device program as a Linux service on a Raspberry Pi 4B, `xmapd`.
//!
//! It is the program of `xmap-device` with the same register driver as on bare metal, over the chip's
//! registers as the kernel maps them. What the kernel does better, it does: edges, timers, sockets, files.
//! One thread does everything that touches the panel, one thing at a time, as on bare metal. `docs/linux.md`
//! is for who operates it.

pub mod board;
pub mod ceiling;
pub mod check;
pub mod clock;
pub mod config;
pub mod desk;
pub mod detect;
pub mod device;
pub mod edges;
pub mod error;
mod files;
pub mod flight;
pub mod guard;
pub mod hosts;
pub mod i2c;
pub mod journal;
pub mod keep;
pub mod levels;
pub mod log;
pub mod mount;
#[allow(unsafe_code)]
pub mod native;
pub mod notify;
pub mod overheard;
pub mod owner;
pub mod places;
pub mod pwm;
pub mod realtime;
#[allow(unsafe_code)]
pub mod registers;
pub mod rooms;
pub mod run;
pub mod scrape;
pub mod sockets;
pub mod spi;
pub mod uart;
pub mod wake;
