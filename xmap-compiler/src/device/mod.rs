//! A device at the other end of a port: the host's side of `xmap-link`.
//!
//! [`PortName`] says where, [`Client`] asks, [`run_call`] does what a script's `call` line does, and
//! [`Recorder`] gives the same plain lines for it as the simulator. `docs/link.md` has the protocol.

mod client;
mod inbox;
mod port;
mod record;
mod report;
mod run;
mod session;

pub use client::{Client, Outcome};
pub use inbox::{Incoming, Message};
pub use port::{PortName, Wire};
pub use record::Recorder;
pub use report::report;
pub use run::{Called, run_call};
pub use session::Options;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
