//! `xmap build`: a panel becomes an image and its map.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_image::limits::MAX_IMAGE_BYTES;

use super::load::{build, map_path};
use super::output::{commit_both, stage};
use super::{Done, load::Built};

/// Compile a panel to an image, and say what it takes
///
/// Writes the image and, beside it, its map (FILE.map): names and source lines for the host. Both are
/// written whole or not at all.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap build panel.toml                    writes panel.xmap and panel.xmap.map
  xmap build panel.toml -o boot/panel.xmap
  xmap build panel.toml --max-bytes 4096   fails where the image is larger
  xmap build lamp.wasm                     without a manifest: lines 2-27 may all be used")]
pub(super) struct Args {
    /// A manifest (panel.toml), or a module alone (.wasm, .wat)
    #[arg(value_name = "PANEL")]
    input: PathBuf,
    /// Where the image goes [default: beside the input, with the ending .xmap]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Bytes that the image may have; stands above the manifest's max_bytes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MAX_IMAGE_BYTES as i64))]
    max_bytes: Option<u32>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let Built { compiled, bare, sources } = build(&args.input, args.max_bytes)?;
    let output = args.output.clone().unwrap_or_else(|| args.input.with_extension("xmap"));
    if let Err(error) = compiled.report.check_budget(&args.input.display().to_string()) {
        write!(out, "{}", compiled.report)?;
        return Err(error.into());
    }
    let written = write(&output, &compiled.bytes(), compiled.map.to_json().as_bytes(), &sources)?;
    if bare {
        writeln!(out, "no manifest: lines 2-27 may all be used")?;
    }
    writeln!(out, "{}\nwrote {written}", compiled.report)?;
    Ok(())
}

/// Writes the image and its map, and says which files they are.
fn write(output: &Path, image: &[u8], map: &[u8], sources: &[PathBuf]) -> Result<String, Diagnostics> {
    let beside = map_path(output);
    for path in [output, &beside] {
        if sources.iter().any(|source| same(source, path)) {
            let message = format!("{}: is the input, and would be written over", path.display());
            let help = "name another output with -o".to_string();
            return Err(Diagnostic::new(Code::CannotWrite, Place::file(path), message).help(help).into());
        }
    }
    let staged = stage(output, image)?;
    if !staged.is_file() {
        staged.commit()?;
        return Ok(output.display().to_string());
    }
    let map = stage(&beside, map)?;
    commit_both(map, staged)?;
    Ok(format!("{} and {}", output.display(), beside.display()))
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}
