//! A device at the other end of a port: the host's side of `xmap-link`.
//!
//! [`PortName`] says where, [`Client`] asks, [`run_call`] does what a script's `call` line does, and
//! [`Recorder`] gives the same plain lines for it as the simulator. [`Client::swap`]
//! sends an image, [`json`] says everything for scripts. `docs/link.md` has the protocol.

mod client;
mod inbox;
pub mod json;
mod operate;
mod owner;
mod port;
mod record;
mod report;
mod run;
mod session;
mod tell;
mod transfer;

pub use client::{Admission, Client, Outcome};
pub use inbox::{Incoming, Message};
pub use operate::{Swapped, Switch};
pub use owner::trust_report;
pub use port::{PortName, Wire};
pub use record::{HandlerTraps, Recorder};
pub use report::report;
pub use run::{Called, run_call, run_call_in};
pub use session::Options;
pub use tell::{
    Maps, columns, happening_line, happening_text, module_table, rejection_text, state_help, state_text,
    swapped_text, trap_text, why_text,
};
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
mod tests;
