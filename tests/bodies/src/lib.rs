#![forbid(unsafe_code)]
//! The bodies of the fuzz targets: functions of bytes that panic where a promise is broken.
//!
//! The targets of `tests/fuzz` run them in libFuzzer; the stable tests `firmware/*/tests/fuzz.rs` and
//! `tests/tests/fuzz.rs` over the committed seeds and over seeded inputs. Each body is behind a feature, so
//! that a crate's tests build what they need of the others.

#[cfg(feature = "mapper")]
mod audit;
pub mod changes;
#[cfg(feature = "compiler")]
pub mod compiler;
mod entropy;
mod generate;
#[cfg(feature = "link")]
pub mod guard;
#[cfg(feature = "mapper")]
pub mod image;
#[cfg(feature = "link")]
pub mod link;
#[cfg(feature = "device")]
pub mod operate;
#[cfg(feature = "trust")]
pub mod policy;
#[cfg(feature = "trust")]
pub mod seal;
pub mod seeds;
#[cfg(feature = "store")]
pub mod store;

pub use entropy::Entropy;
pub use generate::generate;
