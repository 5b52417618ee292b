//! `xmap size`: where an image's bytes are.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::report::{How, Report};
use xmap_image::{Extension, I2cRow, PwmRow, Section, SpiRow, UartRow};
use xmap_project::treemap;
use xmap_trust::SEAL_WORDS;

use super::verify::{extension_name, section_name};
use super::{Done, against, load::Loaded, load::load_all, output::write_file};

/// Show where an image's bytes are: by section, by export and by function
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap size panel.xmap
  xmap size panel.toml     compiles it first, and writes nothing
  xmap size panel.toml --json | jq '.exports[].ops'
  xmap size panel.toml --json > figures.json
  xmap size panel.toml --against figures.json --grow 5     what has changed; fails where it grew")]
pub(super) struct Args {
    /// An image or a bundle; a manifest or a module is compiled first
    file: PathBuf,
    /// Print one JSON object for each image, for scripts
    #[arg(long)]
    json: bool,
    /// Draw the bytes as areas, into this file (SVG)
    #[arg(long, value_name = "FILE")]
    treemap: Option<PathBuf>,
    /// Say what has changed since `--json` wrote this file, and fail where it grew
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    against: Option<PathBuf>,
    /// The percent by which bytes and bounds may grow
    #[arg(long, value_name = "PERCENT", default_value_t = 0, requires = "against")]
    grow: u32,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let all = load_all(&args.file)?;
    all.iter().for_each(Loaded::warn_of_stale_map);
    if let Some(path) = &args.treemap {
        let [loaded] = &all[..] else {
            let message = format!("{}: a bundle of {} images", args.file.display(), all.len());
            let help = "a picture is of one image".to_string();
            return Err(Diagnostic::new(Code::Bundle, Place::file(&args.file), message).help(help).into());
        };
        write_file(path, treemap(&loaded.report).as_bytes())?;
    }
    if let Some(path) = &args.against {
        for loaded in &all {
            against::hold(path, args.grow, &object(&loaded.report, loaded.image.manifest().module), out)?;
        }
        return Ok(());
    }
    if args.json {
        for loaded in &all {
            writeln!(out, "{}", object(&loaded.report, loaded.image.manifest().module))?;
        }
        return Ok(());
    }
    for (n, loaded) in all.iter().enumerate() {
        if all.len() > 1 {
            let gap = if n > 0 { "\n" } else { "" };
            writeln!(out, "{gap}{}: {}\n", loaded.title, loaded.image.manifest().module)?;
        }
        one(loaded, out)?;
    }
    if all.len() > 1 {
        let total: usize = all.iter().map(|loaded| loaded.report.total).sum();
        writeln!(out, "\n{:<18}{total:>8}", "bundle")?;
    }
    Ok(())
}

/// A size report as an object.
pub(super) fn object(report: &Report, name: &str) -> Json {
    let sections = Section::ALL.iter().map(|section| section_name(*section)).zip(&report.sections);
    let extensions = Extension::ALL.iter().map(|section| extension_name(*section)).zip(&report.extensions);
    let sections: BTreeMap<&str, u32> =
        sections.chain(extensions).map(|(name, bytes)| (name, *bytes)).collect();
    let exports: Vec<Json> = report
        .exports
        .iter()
        .map(|export| {
            let (kind, ops, insns, fuel) = match &export.how {
                How::Direct(_) => ("direct", Some(1), None, None),
                How::Bounded(bound) => ("bounded", Some(bound.ops), Some(bound.insns), None),
                How::Fuelled(fuel) => ("fuelled", None, None, Some(*fuel)),
            };
            let mut object = json!({
                "key": export.key, "name": export.name, "bytes": export.bytes, "kind": kind, "ops": ops,
                "insns": insns, "fuel": fuel, "unbounded": export.unbounded,
            });
            if report.has_buses() {
                object["bus_us"] = json!(report.bus_us(export));
            }
            object
        })
        .collect();
    let functions: Vec<Json> = report
        .functions
        .iter()
        .map(|function| {
            let ops = function.bound.map(|bound| bound.ops);
            json!({ "name": function.name, "bytes": function.bytes, "ops": ops })
        })
        .collect();
    let mut object = json!({
        "name": name, "bytes": report.total, "budget": report.budget, "module_bytes": report.module,
        "sections": sections, "exports": exports, "functions": functions,
    });
    if !report.i2c.is_empty() {
        let device = |(name, row): &(String, I2cRow)| {
            json!({
                "name": name, "bus": row.bus_number(), "address": row.address(), "speed_hz": row.speed_hz(),
                "write_max": row.write_max(), "read_max": row.read_max(), "timeout_us": row.timeout_us(),
                "worst_us": row.worst_us(),
            })
        };
        object["i2c"] = report.i2c.iter().map(device).collect();
    }
    if !report.spi.is_empty() {
        let device = |(name, row): &(String, SpiRow)| {
            json!({
                "name": name, "bus": row.bus_number(), "cs": row.select(), "mode": row.mode(),
                "clock_hz": row.clock_hz(), "max_bytes": row.max_bytes(), "timeout_us": row.timeout_us(),
            })
        };
        object["spi"] = report.spi.iter().map(device).collect();
    }
    if !report.uart.is_empty() {
        let port = |(name, row): &(String, UartRow)| {
            json!({
                "name": name, "port": row.port_number(), "baud": row.baud(), "format": row.format().to_string(),
                "de": row.de().map(|line| line.number()), "write_max": row.write_max(),
                "rx_buffer": row.rx_buffer(), "worst_us": row.worst_us(),
            })
        };
        object["uart"] = report.uart.iter().map(port).collect();
    }
    if !report.pwm.is_empty() {
        let channel = |(name, row): &(String, PwmRow)| {
            json!({
                "name": name, "line": row.line_number(), "period_us": row.period_us(), "safe": row.safe(),
            })
        };
        object["pwm"] = report.pwm.iter().map(channel).collect();
    }
    object
}

fn one(loaded: &Loaded, out: &mut dyn Write) -> Done {
    let report: &Report = &loaded.report;
    writeln!(out, "{report}")?;
    if let Err(error) = loaded.fits() {
        writeln!(out, "{}\n", error.message)?;
    }

    writeln!(out, "{:<18}{:>8}{:>9}", "section", "bytes", "share")?;
    let mut row = |name: &str, bytes: usize| {
        let share = bytes as f64 * 100.0 / report.total as f64;
        writeln!(out, "{name:<18}{bytes:>8}{share:>7.1} %")
    };
    row("header", report.parts()[0].1 as usize)?;
    for (section, bytes) in Section::ALL.iter().zip(&report.sections) {
        row(section_name(*section), *bytes as usize)?;
    }
    for (section, bytes) in Extension::ALL.iter().zip(&report.extensions).filter(|(_, bytes)| **bytes > 0) {
        row(extension_name(*section), *bytes as usize)?;
    }
    let padding = report.parts().last().map_or(0, |(_, bytes, _)| *bytes);
    row("padding", padding as usize)?;
    row("image", report.total)?;
    if loaded.seal.is_some() {
        writeln!(out, "{:<18}{:>8}  behind the image", "seal", SEAL_WORDS * 4)?;
    }

    if !report.functions.is_empty() {
        writeln!(out, "\n{:>8}  {:>10}  function", "bytes", "ops")?;
    }
    let mut functions: Vec<_> = report.functions.iter().collect();
    functions.sort_by_key(|function| std::cmp::Reverse(function.bytes));
    for function in functions {
        let ops = function.bound.map_or("no bound".to_string(), |bound| bound.ops.to_string());
        writeln!(out, "{:>8}  {ops:>10}  {}", function.bytes, function.name)?;
    }
    Ok(())
}
