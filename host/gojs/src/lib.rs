#![forbid(unsafe_code)]
//! A host for Go's `GOOS=js GOARCH=wasm` modules: what `wasm_exec.js` is to a browser, for a terminal.
//!
//! [`Program`] loads a module and runs it. The imports of `gojs` are in `imports`, the values that they pass
//! in [`values`] and [`refs`], and the objects that a program finds in `objects`; the language's own come
//! from an ECMAScript engine. [`Registry`] has the functions that a program registered, for callers from
//! outside, and [`BoardRun`] lets a program drive a simulated board by a script.
//!
//! `wasm_exec.js` of Go 1.21 to 1.23 and of 1.24 and later differ in what they offer, not in what they mean,
//! so one host serves both.

pub mod board;
mod bytes;
pub mod clock;
mod engine;
mod error;
mod events;
pub mod files;
mod host;
mod imports;
pub mod layout;
pub mod memory;
mod objects;
pub mod output;
mod reenter;
pub mod refs;
pub mod registry;
mod runtime;
pub mod signature;
pub mod values;

pub use board::BoardRun;
pub use error::Error;
pub use registry::{Entry, EntryKind, Registry};
pub use runtime::{Options, Program, State, with_stack};

/// The names of all imports that a module can have from `gojs`, in the order of `wasm_exec.js`.
pub fn import_names() -> impl Iterator<Item = &'static str> {
    imports::IMPORTS.iter().map(|(name, _)| *name)
}
