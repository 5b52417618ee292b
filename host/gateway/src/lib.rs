#![forbid(unsafe_code)]
//! The gateway: devices over HTTP, with a web page. `docs/gateway.md` has what it answers.
//!
//! Each [`device::Device`] is a thread with a session over `xmap-client`; what it knows stands in its
//! [`state::State`], and what happens goes to the [`hub::Hub`]. [`http`] answers from both, and
//! [`server`] bounds what a network can ask for. A simulated device ([`simulated`]) is behind the same link
//! as any other.

pub mod calls;
pub mod config;
pub mod device;
pub mod fleet;
pub mod homeassistant;
pub mod http;
pub mod hub;
pub mod metrics;
pub mod mqtt;
#[cfg(unix)]
pub mod notify;
pub mod panel;
pub mod problem;
pub mod rate;
pub mod server;
pub mod shelf;
pub mod simulated;
pub mod state;
pub mod stream;
mod task;
pub mod tls;
pub mod tokens;
pub mod uses;
