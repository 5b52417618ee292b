//! `xmap bindings`: constants and functions for the names of a manifest.

use std::io::Write;
use std::path::PathBuf;

use xmap_compiler::manifest::Manifest;
use xmap_project::Bindings;

use super::{Done, output};

/// Write constants and typed functions for the names of a manifest
///
/// For the source of a panel: a constant and functions for each line of [pins] that has a name and for each
/// device of [i2c] and [spi], channel of [pwm] and port of [uart], and the types of the functions of
/// [exports], so that no number stands twice and a function with other types than the manifest says does not
/// compile. docs/guest.md says how each language takes it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap bindings panel.toml --lang c -o panel.h
  xmap bindings panel.toml --lang rust -o src/panel.rs
  xmap bindings panel.toml --lang as | diff - panel.ts")]
pub(super) struct Args {
    /// The manifest
    manifest: PathBuf,
    /// The language of the source: c, rust, zig, as or go
    #[arg(short, long, value_name = "LANGUAGE", value_parser = language)]
    lang: Bindings,
    /// The file; without it, the standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn language(word: &str) -> Result<Bindings, String> {
    let found = Bindings::ALL.into_iter().find(|language| language.word() == word);
    found.ok_or_else(|| format!("there are {}", Bindings::ALL.map(Bindings::word).join(", ")))
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let text = args.lang.of(&Manifest::read(&args.manifest)?);
    match &args.output {
        Some(path) => Ok(output::write_file(path, text.as_bytes())?),
        None => Ok(write!(out, "{text}")?),
    }
}
