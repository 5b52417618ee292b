#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
//! The runtime: dispatch through an image's export table and execution of its ops.
//!
//! No allocator, no unsafe code, no knowledge of any board: hardware is a [`Port`], RAM is a
//! [`Store`]. A [`Mapper`] takes a verified image, and a call of one of its exports ends within the
//! fuel that the image states: with results, or with a [`Trap`].

#[macro_use]
mod groups;

mod arith;
#[cfg(feature = "full")]
mod bulk;
#[cfg(feature = "host-calls")]
mod bus;
mod call;
mod entry;
mod exec;
#[cfg(feature = "full")]
mod float;
mod hal;
#[cfg(feature = "host-calls")]
mod host;
mod layer;
mod machine;
mod mapper;
mod memory;
mod native;
mod port;
#[cfg(feature = "host-calls")]
mod pwm;
mod suspend;
#[cfg(feature = "host-calls")]
mod trace;
mod trap;
mod window;

/// The traits of a port, for code that asks a board itself.
pub mod prelude {
    pub use crate::{Clock as _, Gpio as _, Log as _, Port as _};
}

pub use call::CallError;
pub use hal::{HalError, HalHost, HalPin, HalPort, InOut};
pub use layer::Over;
pub use machine::{Frame, Machine};
pub use mapper::{Counters, LoadError, Mapper, STACK_SLOTS, Store};
pub use port::{
    Clock, Function, Gpio, I2c, Layer, Log, LogLevel, Port, Pull, Pwm, Random, SpanText, SpanValue, Spans,
    Spi, Uart,
};
pub use suspend::{Suspended, callers};
pub(crate) use trap::Fault;
pub use trap::{Trap, TrapCode};
// What a board with buses is given, and answers.
pub use xmap_abi::BusStatus;
pub use xmap_image::{Format, I2cRow, Parity, PwmRow, SpiRow, UartRow};
