//! `xmap link`: panels that share a device become one file.

use std::io::Write;
use std::path::PathBuf;

use xmap_compiler::diagnostic::Diagnostics;
use xmap_image::limits::MAX_MODULES;

use super::Done;
use super::load::{Loaded, beside, load_all, map_path_of};
use super::output::write_image;

/// Put panels that share a device into one bundle, and refuse what they cannot both have
///
/// Each panel stays a module of its own: with its own memory, fuel and lines. A line has one writer, its
/// edges one handler, a key one export. The bundle is the images one after another; beside it stands a map
/// for each of them (FILE.1.map, FILE.2.map...). All are written whole or not at all.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap link hall.toml porch.toml                 writes hall.xmap, hall.xmap.1.map, hall.xmap.2.map
  xmap link hall.toml porch.toml -o home.xmap
  xmap link hall.xmap porch.xmap -o home.xmap    images that were built before")]
pub(super) struct Args {
    /// Two to four manifests (panel.toml), or images (.xmap)
    #[arg(value_name = "PANEL", required = true, num_args = 2..=MAX_MODULES)]
    inputs: Vec<PathBuf>,
    /// Where the bundle goes [default: beside the first input, with the ending .xmap]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let panels = load_each(&args.inputs)?;
    beside(&panels)?;
    let output = args.output.clone().unwrap_or_else(|| args.inputs[0].with_extension("xmap"));
    let bundle: Vec<u8> = panels.iter().flat_map(|panel| panel.image.image().bytes()).copied().collect();
    let map = |(n, panel): (usize, &Loaded)| Some((map_path_of(&output, n), panel.map.as_ref()?.to_json()));
    let maps: Vec<(PathBuf, String)> = panels.iter().enumerate().filter_map(map).collect();
    let sources: Vec<PathBuf> = panels.iter().flat_map(|panel| panel.sources.iter().cloned()).collect();
    let written = write_image(&output, &bundle, &maps, &sources)?;

    let name = |panel: &Loaded| panel.image.manifest().module.to_string();
    let width = panels.iter().map(|panel| name(panel).chars().count()).max().unwrap_or(0).max(6);
    writeln!(out, "{:<width$}  {:>8}  from", "module", "bytes")?;
    for panel in &panels {
        let map = if panel.map.is_none() { "; it has no map" } else { "" };
        writeln!(out, "{:<width$}  {:>8}  {}{map}", name(panel), panel.report.total, panel.title)?;
    }
    if panels.iter().any(|panel| panel.seal.is_some()) {
        writeln!(out, "seals are left out: a bundle has none")?;
    }
    writeln!(out, "{:<width$}  {:>8}\n\nwrote {written}", "bundle", bundle.len())?;
    Ok(())
}

/// Loads all inputs, and checks those that were compiled against their budgets: all errors in one go.
fn load_each(inputs: &[PathBuf]) -> Result<Vec<Loaded>, Diagnostics> {
    let mut panels = Vec::new();
    let mut errors = Vec::new();
    for path in inputs {
        match load_all(path) {
            Ok(loaded) => {
                errors.extend(loaded.iter().filter_map(|one| one.report.check_budget(&one.title).err()));
                errors.extend(loaded.iter().filter_map(|one| one.fits().err()));
                panels.extend(loaded);
            }
            Err(Diagnostics(found)) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(panels) } else { Err(Diagnostics(errors)) }
}
