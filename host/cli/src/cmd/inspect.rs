//! `xmap inspect`: what a file is, and what stands in the way of a panel.

use std::io::Write;
use std::path::PathBuf;

use xmap_compiler::input::{MAX_MODULE_BYTES, read_at_most};
use xmap_compiler::inspect::Inspection;

use super::Done;

/// Show what a module is, and what stands in the way of a panel
///
/// Its compiler, target, imports and exports. The last line says it in a sentence, with the flag to change. A
/// module that does not compile is no error of this verb: it was asked what the file is.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap inspect panel.wasm")]
pub(super) struct Args {
    /// A module (.wasm, .wat), or any other file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let bytes = read_at_most(&args.file, MAX_MODULE_BYTES)?;
    writeln!(out, "{}", Inspection::of(&args.file, bytes))?;
    Ok(())
}
