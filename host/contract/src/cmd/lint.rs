//! `xmap lint`: declarations of a panel's exports in other languages, held against the panel.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use xmap_compiler::contract::Contract;
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place, Source};
use xmap_compiler::input::read_text;
use xmap_compiler::manifest::Manifest;

use super::{Done, MAX_DOCUMENT_BYTES, contract, end, show, tell};
use crate::lint::{Finding, Language, json, lint, sarif, text};

/// Hold declarations in C, Kotlin, Swift, TypeScript and Rust against a panel's exports
///
/// A declaration is an export's where both have the same name as words: exportRead is export_read. What it
/// holds: types, number and order of parameters, missing values, whose bytes are, and export_cleanup.
#[derive(Parser)]
#[command(
    name = "xmap-lint",
    bin_name = "xmap lint",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  xmap lint panel.toml app/src/main/kotlin/Panel.kt include/panel.h
  xmap lint hall.wit web/panel.ts --format sarif > findings.sarif

Exit status: 0 no findings, 1 some or the input is wrong, 2 the command line is."
)]
struct Cli {
    /// A manifest, a module, or a contract in a file of WIT
    #[arg(value_name = "PANEL")]
    panel: PathBuf,
    /// Files whose declarations are held against it
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// With the lines that they are about
    Text,
    /// One array
    Json,
    /// SARIF 2.1.0
    Sarif,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    end(run(&cli))
}

fn run(cli: &Cli) -> Done {
    let (contract, manifest) = panel(&cli.panel)?;
    let place = |name: &str| place(&cli.panel, manifest.as_ref(), name);
    let mut findings: Vec<Finding> = Vec::new();
    for file in &cli.files {
        let language = Language::of(file).ok_or_else(|| {
            let message = format!("{}: no file of a language that is read", file.display());
            let help = "the endings are .h, .c, .kt, .swift, .ts, .tsx and .rs".to_string();
            Diagnostic::new(Code::Declaration, Place::file(file), message).help(help)
        })?;
        let source = Source::new(file.display().to_string(), read_text(file, MAX_DOCUMENT_BYTES)?);
        findings.extend(lint(&contract, &place, language, &source));
    }
    match cli.format {
        Format::Text => show(&text(&findings, io::stdout().is_terminal()))?,
        Format::Json => show(&format!("{}\n", json(&findings)))?,
        Format::Sarif => show(&format!("{:#}\n", sarif(&findings)))?,
    }
    Ok(findings.is_empty())
}

fn panel(path: &Path) -> Result<(Contract, Option<Manifest>), Diagnostics> {
    if path.extension().is_some_and(|ending| ending == "wit") {
        return Ok((contract(path)?, None));
    }
    let built = xmap_project::build(path, None, &mut tell)?;
    Ok((built.compiled.contract, Some(built.manifest)))
}

/// Returns where an export is: its entry in the manifest, or the file.
fn place(path: &Path, manifest: Option<&Manifest>, name: &str) -> Place {
    let entry = manifest.and_then(|manifest| {
        let export = manifest.exports.iter().flatten().find(|export| export.name.value == name)?;
        Some(manifest.place(&export.name.span))
    });
    entry.unwrap_or_else(|| Place::file(path))
}
