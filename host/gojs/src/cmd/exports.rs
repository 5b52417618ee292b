//! `xmap go exports`

use std::io::Write;
use std::path::PathBuf;

use xmap_gojs::{EntryKind, Registry, State};

use super::{Done, Keyed, failure, load};

/// Run a program's main function and list what it registered, each with its key
///
/// What `js.Global().Set` registered, functions in objects with them, and `//go:wasmexport` functions. A
/// function says its types by a property `signature`, such as "(seconds: u16) -> bool".
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    given: Keyed,
    /// The module
    file: PathBuf,
}

pub(super) fn run(args: &Args) -> Done {
    let mut program = load(&args.file, &args.given.given.options(&args.file, &[]))?;
    let fail = |error| failure(&args.file, error);
    let state = program.start().map_err(fail)?;
    program.finish();
    let registry = Registry::of(&mut program, &args.given.namespace).map_err(fail)?;
    let mut out = std::io::stdout().lock();
    for entry in registry.entries() {
        let kind = match entry.kind {
            EntryKind::Set => "js.Global().Set",
            EntryKind::Export => "go:wasmexport",
        };
        let types = entry.signature.as_ref().map_or("(...)".to_owned(), ToString::to_string);
        writeln!(out, "{}  {}{types}  {kind}", entry.key, entry.name)?;
    }
    if let State::Exited(code) = state {
        writeln!(out, "main returned with code {code}: nothing of it can be called")?;
    }
    Ok(0)
}
