#![forbid(unsafe_code)]
//! A device at the other end of a port: the host's side of `xmap-link`.
//!
//! [`PortName`] says where, [`Client`] asks, and [`Error`] says why there is no answer. [`run_call`] does
//! what a script's `call` line does, [`Recorder`] gives the same plain lines for it as the simulator, and
//! [`Client::swap`] sends an image. `docs/link.md` has the protocol. Text for people is the command line's;
//! this crate needs no terminal and no compiler.
//!
//! Without the feature `serial` a port is a TCP or a Unix socket.

mod client;
mod clock;
mod contract;
mod error;
mod firmware;
mod inbox;
mod kept;
mod metrics;
mod operate;
mod owner;
mod port;
mod record;
mod ring;
mod run;
mod session;
mod transfer;

pub use client::{Admission, Client, Outcome};
pub use clock::now_us;
pub use contract::hex;
pub use error::{Error, ErrorCode, Unknown};
pub use inbox::{Inbox, Incoming, Message};
pub use metrics::Metrics;
pub use operate::{Swapped, Switch};
pub use port::{PortName, Wire};
pub use record::{HandlerTraps, Recorder};
pub use ring::Noted;
pub use run::{Called, run_call, run_call_in};
pub use session::Options;
pub use transfer::Trial;

#[cfg(test)]
mod access_tests;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod fake_slots;
#[cfg(test)]
mod operate_tests;
#[cfg(test)]
mod panel;
#[cfg(test)]
mod tests;
