//! The panel of `xmap demo` and `xmap bench`, in the program itself, so that both run anywhere.

use xmap_compiler::compile::{Compiled, compile};
use xmap_compiler::diagnostic::Diagnostics;
use xmap_compiler::manifest::Manifest;

/// The panel's manifest; its module was compiled from `tests/panels/demo/stairwell.c`.
pub(super) const MANIFEST: &str = include_str!("../../files/demo.toml");
/// The module as clang emitted it.
const MODULE: &[u8] = include_bytes!("../../files/demo.wasm");

/// Compiles it.
///
/// # Errors
/// None, unless the panel and the compiler have grown apart.
pub(super) fn build() -> Result<Compiled, Diagnostics> {
    compile(&Manifest::parse("demo/panel.toml", MANIFEST)?, MODULE)
}
