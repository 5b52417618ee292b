#![forbid(unsafe_code)]
//! What the developer commands are made of, and what tests that run firmware depend on.

pub mod apt;
pub mod book;
pub mod boot_loader;
pub mod card;
pub mod deb;
mod debian;
pub mod dependencies;
pub mod dist;
pub mod emulator;
pub mod faults;
pub mod figures;
pub mod firmware;
mod flatten;
pub mod go;
pub mod guests;
pub mod link;
pub mod linux;
pub mod measure;
pub mod neighbours;
pub mod node;
pub mod opcost;
pub mod panel;
pub mod process;
mod running;
pub mod service;
pub mod size;
pub mod swaps;
pub mod toolchain;
pub mod trust;
mod work;

use std::env;
use std::path::{Path, PathBuf};

/// The workspace's top folder.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Returns where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The cargo that runs this command.
pub fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}
