#![forbid(unsafe_code)]
//! Tests that cross crates, and what only they need: real panels, and an oracle that runs them
//! without any of xmap's own code.

mod bare;
pub mod buses;
pub mod differential;
pub mod oracle;
mod panel;
pub mod simulated;
pub mod spec;

pub use panel::Panel;
