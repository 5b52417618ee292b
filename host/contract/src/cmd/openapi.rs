//! `xmap openapi`: a panel's exports as an OpenAPI document.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use xmap_compiler::diagnostic::Place;

use super::{Done, contract, end, show, write_file};
use crate::openapi::document;

/// Write an OpenAPI 3.1 document of a panel's exports, as `xmap serve` answers them
#[derive(Parser)]
#[command(
    name = "xmap-openapi",
    bin_name = "xmap openapi",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  xmap openapi panel.toml -o hall.json
  xmap sdk hall.json --lang typescript -o hall-client

Exit status: 0 done, 1 the input is wrong, 2 the command line is."
)]
struct Cli {
    /// A manifest, a module, or a contract in a file of WIT
    #[arg(value_name = "PANEL")]
    panel: PathBuf,
    /// Write the document to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    end(run(&cli))
}

fn run(cli: &Cli) -> Done {
    let text = format!("{:#}\n", document(&contract(&cli.panel)?, &Place::file(&cli.panel))?);
    match &cli.output {
        Some(path) => write_file(path, &text)?,
        None => show(&text)?,
    }
    Ok(true)
}
