#![forbid(unsafe_code)]
//! The compiler: a wasm module and its manifest become an image that a device runs without an engine.
//!
//! The way of the data, one module for each arrow:
//! [`wasm`] reads and validates, [`manifest`] maps exports and declares pins, [`lower`] makes SSA of
//! each body, [`opt`] simplifies and inlines (`program` collects what is needed), `emit` chooses ops and
//! registers (and [`pins`] proves constant lines), `link` resolves references, [`bounds`] finds the longest
//! paths, and [`compile`] puts the image together with its [`map`] and its [`report`].

pub mod beside;
pub mod bounds;
pub mod codes;
pub mod compile;
pub mod contract;
pub mod diagnostic;
mod emit;
mod hooks;
pub mod input;
pub mod inspect;
mod keep;
mod library;
mod link;
pub mod lower;
pub mod manifest;
pub mod map;
mod memory;
pub mod names;
pub mod optext;
pub mod pins;
pub mod policy;
mod program;
pub mod recognize;
pub mod report;
mod shadow;
mod spans;
mod table;
mod text;
pub mod timers;
pub mod wasm;
pub mod zone;

use xmap_ir::graph;
pub use xmap_ir::{self as ir, opt, work};
