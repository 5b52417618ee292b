//! `xmap build`: a panel becomes an image and its map.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input::{Content, MAX_MODULE_BYTES, read, read_at_most};
use xmap_compiler::inspect::Inspection;
use xmap_compiler::manifest::{Manifest, lines_text};
use xmap_compiler::map::hex;
use xmap_image::Image;
use xmap_image::limits::MAX_IMAGE_BYTES;
use xmap_project::Built;
use xmap_trust::Limits;

use super::load::{build, map_path};
use super::output::{stderr_has_colours, write_image};
use super::{Done, size};

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
  xmap build panel.toml --json             what it takes, for scripts
  xmap build lamp.wasm                     without a manifest: lines 2-13 and 16-27")]
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
    /// Print one JSON object, for scripts
    #[arg(long)]
    json: bool,
}

/// Ends the errors of a module with what it is and what to change, where its compiler is known.
fn explained(input: &Path, mut errors: Diagnostics) -> Diagnostics {
    let advice = || {
        let module = match read(input).ok()? {
            Content::Manifest(text) => Manifest::parse(&input.display().to_string(), &text).ok()?.wasm_path(),
            _ => input.to_path_buf(),
        };
        let bytes = read_at_most(&module, MAX_MODULE_BYTES).ok()?;
        Some((Place::file(&module), Inspection::of(&module, bytes).advice()?))
    };
    if let (Some(advice), Some(last)) = (advice(), errors.0.last_mut()) {
        last.notes.push(advice);
    }
    errors
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let built = build(&args.input, args.max_bytes).map_err(|errors| explained(&args.input, errors))?;
    let Built { compiled, manifest, sources } = built;
    let output = args.output.clone().unwrap_or_else(|| args.input.with_extension("xmap"));
    if let Err(error) = compiled.report.check_budget(&args.input.display().to_string()) {
        write!(out, "{}", compiled.report)?;
        return Err(error.into());
    }
    let image = Image::verify(&compiled.words).expect("the compiler has verified what it built");
    compiled.report.check_board(&args.input.display().to_string(), &image, 0)?;
    warn_beyond(&args.input.display().to_string(), &image);
    let map = (map_path(&output), compiled.map.to_json());
    let written = write_image(&output, &compiled.bytes(), &[map], &sources)?;
    if args.json {
        let mut object = size::object(&compiled.report, image.manifest().unwrap_or_default().module);
        object["hash"] = json!(hex(&image.hash()));
        object["version"] = json!(image.header().version);
        object["written"] = json!(output.display().to_string());
        return Ok(writeln!(out, "{object}")?);
    }
    if manifest.is_bare() {
        let lines = lines_text(manifest.module.board.value.header);
        writeln!(out, "no manifest: lines {lines} may all be used")?;
    }
    writeln!(out, "{}\nwrote {written}", compiled.report)?;
    Ok(())
}

/// Warns of each limit that a device has by default and the image is beyond: it is built all the same, as its
/// owner may allow more.
fn warn_beyond(file: &str, image: &Image<'_>) {
    let one = |exceeded| {
        let message = format!("{file}: beyond what a device allows by default: {exceeded}");
        Diagnostic::warning(Code::BeyondLimits, Place::File(file.to_string()), message).help(
            "ask for less in the manifest, or have the owner allow it: `[limits]` in the policy, or in xmapd.toml"
                .to_string(),
        )
    };
    let warnings: Vec<Diagnostic> = Limits::default().exceeded(image).map(one).collect();
    if !warnings.is_empty() {
        // They stand in nobody's way: where they cannot be written, the image still is.
        _ = writeln!(io::stderr(), "{}", Diagnostics(warnings).render(stderr_has_colours()));
    }
}
