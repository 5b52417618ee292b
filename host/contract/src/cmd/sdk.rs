//! `xmap sdk`: a client in another language, made of an OpenAPI document.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input::read_text;

use super::{Done, MAX_DOCUMENT_BYTES, end, show, write_file};
use crate::sdk::{self, document, model::Api};

/// Write a client of an OpenAPI document: a package with types, errors, timeouts, cancellation and tests
///
/// What no client can be made of is refused with its place in the document.
#[derive(Parser)]
#[command(
    name = "xmap-sdk",
    bin_name = "xmap sdk",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  xmap sdk logging.yaml --lang typescript -o logging-client
  xmap openapi panel.toml -o hall.json && xmap sdk hall.json --lang typescript -o hall-client

Exit status: 0 done, 1 the input is wrong, 2 the command line is."
)]
struct Cli {
    /// An OpenAPI document, JSON or YAML
    #[arg(value_name = "DOCUMENT")]
    document: PathBuf,
    /// The client's language
    #[arg(long, value_enum)]
    lang: Language,
    /// The folder of the package; one that is there has to be empty, or written by this before
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// A package of npm
    Typescript,
    /// A package of Gradle
    Kotlin,
    /// A package of SwiftPM
    Swift,
}

/// What says that a folder was written by this.
const MARK: &str = ".xmap-sdk";

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    end(run(&cli))
}

fn run(cli: &Cli) -> Done {
    let path = &cli.document;
    let refused = |what: String, help: &str| {
        let message = format!("{}: {what}", path.display());
        Diagnostic::new(Code::NoClient, Place::file(path), message).help(help.to_string())
    };
    let text = read_text(path, MAX_DOCUMENT_BYTES)?;
    let value = document::read(&text).map_err(|why| refused(why, "an OpenAPI document is JSON or YAML"))?;
    let language = match cli.lang {
        Language::Typescript => sdk::Language::TypeScript,
        Language::Kotlin => sdk::Language::Kotlin,
        Language::Swift => sdk::Language::Swift,
    };
    let files = Api::read(&value).map(|api| sdk::write(&api, language)).map_err(|error| {
        let pointer = if error.pointer.is_empty() { "the document" } else { &error.pointer };
        refused(
            format!("{pointer}: {}", error.why),
            "a client has everything of its document or is not written",
        )
    })?;
    write(&cli.output, &files)?;
    let mut lines: Vec<String> =
        files.iter().map(|(name, _)| format!("wrote {}\n", cli.output.join(name).display())).collect();
    lines.sort();
    show(&lines.concat())?;
    Ok(true)
}

/// Writes a package. Everything is known to be good before the first file is written.
fn write(folder: &Path, files: &[sdk::File]) -> Result<(), Diagnostic> {
    let writing = |error: &std::io::Error| Diagnostic::writing(folder, error);
    if let Ok(mut entries) = fs::read_dir(folder)
        && entries.next().is_some()
        && !folder.join(MARK).is_file()
    {
        let message = format!("{}: the folder has other files in it", folder.display());
        let help = "name a folder of the client's own".to_string();
        return Err(Diagnostic::new(Code::CannotWrite, Place::file(folder), message).help(help));
    }
    for (name, _) in files {
        let parent = folder.join(name);
        fs::create_dir_all(parent.parent().unwrap_or(folder)).map_err(|error| writing(&error))?;
    }
    write_file(&folder.join(MARK), "Written by `xmap sdk`: what is changed here is lost.\n")?;
    files.iter().try_for_each(|(name, text)| write_file(&folder.join(name), text))
}
