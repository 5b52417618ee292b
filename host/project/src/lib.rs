#![forbid(unsafe_code)]
//! A panel's folder: its module is built, its image compiled, its scripts are played, a new one is begun.
//!
//! - [`build()`] runs the compiler that `[build]` of the manifest names, where a source is newer than the
//!   module, and makes the image.
//! - [`ScriptFile`] is a script with its places; [`find`] finds those of a folder, and [`play`] runs one.
//! - [`Rig`] is a panel on the simulated board for tests in Rust.
//! - [`begin()`] writes a new panel, [`describe()`] the manifest of a module that is there already.

mod annotate;
mod begin;
mod bindings;
mod build;
mod describe;
mod lines;
mod page;
mod play;
mod recipe;
mod report;
mod rig;
mod scripts;
mod suite;
pub mod tools;
pub mod traps;
mod treemap;

pub use annotate::{Annotated, ExportLines, LineShare, Sources, percent, place};
pub use begin::{Begun, Ci, Language, begin};
pub use bindings::Bindings;
pub use build::{Built, Note, build, panel, panels};
pub use describe::describe;
pub use lines::Lines;
pub use page::{Run, page};
pub use play::{Coverage, For, Played, play};
pub use recipe::{NO_BUILD, sources};
pub use report::{Counted, junit, tap};
pub use rig::Rig;
pub use scripts::ScriptFile;
pub use suite::{Panel, find};
pub use treemap::treemap;
