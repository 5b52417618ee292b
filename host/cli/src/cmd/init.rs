//! `xmap init`: a manifest for a module that is there already.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use xmap_boards::{BOARDS, Board, by_name};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;
use xmap_project::describe;

use super::Done;

/// Write a manifest beside a module that is there already
///
/// The manifest has the module's exports with their types, and the lines that its constants name: what is
/// driven as an output, what is read as an input. Names, safe states and handlers are for its author to say.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap init lamp.wasm                  writes panel.toml beside it
  xmap init lamp.wasm -o lamp.toml
  xmap init lamp.wasm -o -             only prints it")]
pub(super) struct Args {
    /// The module (.wasm, .wat)
    module: PathBuf,
    /// Where the manifest goes; - is the standard output [default: panel.toml beside the module]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The board
    #[arg(short, long, default_value = "rpi4b", value_parser = board())]
    board: &'static Board,
}

fn board() -> impl TypedValueParser<Value = &'static Board> {
    PossibleValuesParser::new(BOARDS.iter().map(|board| board.name))
        .map(|name| by_name(&name).unwrap_or(BOARDS[0]))
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let module = input::read_module(&args.module)?;
    let output = args.output.clone().unwrap_or_else(|| args.module.with_file_name("panel.toml"));
    let name = args.module.file_stem().unwrap_or_default().to_string_lossy();
    // The manifest names the module from where it stands itself.
    let same = output.parent() == args.module.parent();
    let wasm = if same { args.module.file_name().map(Path::new) } else { None };
    let wasm =
        wasm.map_or_else(|| fs::canonicalize(&args.module).unwrap_or(args.module.clone()), Path::to_path_buf);
    let text = describe(&name, &wasm, &module, args.board)?;
    if output == Path::new("-") {
        return Ok(write!(out, "{text}")?);
    }
    let created = fs::OpenOptions::new().write(true).create_new(true).open(&output);
    let mut file = created.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let message = format!("{}: there already", output.display());
            let help = "name another one with -o, or print it with `-o -`".to_string();
            Diagnostic::new(Code::Occupied, Place::file(&output), message).help(help)
        }
        _ => Diagnostic::writing(&output, &error),
    })?;
    file.write_all(text.as_bytes()).map_err(|error| Diagnostic::writing(&output, &error))?;
    Ok(writeln!(out, "wrote {}\n\nNext: xmap build {0}", output.display())?)
}
