//! `xmap new`: a panel to begin with.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use xmap_boards::{BOARDS, Board, by_name};
use xmap_project::{Ci, Language, begin, tools};

use super::Done;

/// Begin a panel: manifest, source, bindings, scripts
///
/// Writes a folder with a panel that compiles, whose tests pass, and that runs on a board: a button begins
/// and ends the blinking of a lamp. Nothing that is there is written over.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap new hall --lang c
  xmap new hall --lang rust && xmap test hall
  xmap new porch --lang wat --board rpi4b      needs no compiler
  xmap new hall --lang c --ci github           built and tested where it is pushed")]
pub(super) struct Args {
    /// The folder; its last part is the panel's name
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// The language of the source: c, rust, zig, as, go or wat
    #[arg(short, long, value_name = "LANGUAGE", value_parser = language)]
    lang: Language,
    /// The board
    #[arg(short, long, default_value = "rpi4b", value_parser = board())]
    board: &'static Board,
    /// Write what this service builds, tests, holds against the last run and signs by: github or gitlab
    #[arg(long, value_name = "SERVICE", value_parser = ci)]
    ci: Option<Ci>,
}

fn ci(word: &str) -> Result<Ci, String> {
    let words = Ci::ALL.map(Ci::word).join(" and ");
    Ci::ALL.into_iter().find(|ci| ci.word() == word).ok_or_else(|| format!("there are {words}"))
}

fn language(word: &str) -> Result<Language, String> {
    let words = Language::ALL.map(Language::word).join(", ");
    let found = Language::ALL.into_iter().find(|language| language.word() == word);
    found.ok_or_else(|| format!("there are {words}"))
}

fn board() -> impl TypedValueParser<Value = &'static Board> {
    PossibleValuesParser::new(BOARDS.iter().map(|board| board.name))
        .map(|name| by_name(&name).unwrap_or(BOARDS[0]))
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let begun = begin(&args.folder, args.lang, args.board, args.ci)?;
    for file in &begun.files {
        writeln!(out, "wrote {}", begun.folder.join(file).display())?;
    }
    let folder = begun.folder.display();
    let missing: Vec<_> = args
        .lang
        .tools()
        .iter()
        .filter_map(|name| tools::tool(name))
        .filter(|tool| tools::command(tool.name, Path::new(".")).is_none())
        .collect();
    for tool in &missing {
        writeln!(out, "\n{} is missing ({}): {}", tool.name, tool.what, tool.get)?;
    }
    if args.lang == Language::Rust && missing.is_empty() && tools::has_rust_target() == Some(false) {
        writeln!(out, "\nThe target is missing: rustup target add {}", tools::RUST_TARGET)?;
    }
    Ok(writeln!(out, "\nNext: xmap test {folder}")?)
}
