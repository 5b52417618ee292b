//! `xmap go run`

use std::io::Write;
use std::path::{Path, PathBuf};

use xmap_compiler::input::{MAX_SCRIPT_BYTES, read_text};
use xmap_compiler::manifest::Manifest;
use xmap_gojs::{BoardRun, Error, State};

use super::{Done, Failure, Given, failure, load, read};

/// Run a program to its end; its exit status is the program's
///
/// Without --dir, files answer ENOSYS, as in a browser, and output is written by line. The tests that `go
/// test` runs (their first argument begins with -test.) get all files and the environment, as Go's own host
/// gives them, where neither --dir nor --env is given. With a board, the program finds `gpio`, `log` and
/// `time` on its global object; the script's lines are those of `xmap sim`, and the plain trace is printed.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,
    /// Run it on a simulated board with the lines of this manifest
    #[arg(long, value_name = "MANIFEST")]
    board: Option<PathBuf>,
    /// What happens to that board
    #[arg(long, value_name = "FILE", requires = "board")]
    script: Option<PathBuf>,
    /// The module
    file: PathBuf,
    /// The program's arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Args {
    /// Returns whether `go test` runs a package's tests by this program, without a word on what they may use.
    fn is_test(&self) -> bool {
        let is_test = self.args.first().is_some_and(|first| first.starts_with("-test."));
        is_test && self.given.dir.is_empty() && self.given.env.is_empty() && self.board.is_none()
    }
}

pub(super) fn run(args: &Args) -> Done {
    let given = if args.is_test() { args.given.clone().with_machine() } else { args.given.clone() };
    let options = given.options(&args.file, &args.args);
    if let Some(manifest) = &args.board {
        return on_board(args, &options, manifest);
    }
    let mut program = load(&args.file, &options)?;
    let code = program.run().map_err(|error| failure(&args.file, error))?;
    // A process has 8 bits for it, which is what Node passes on as well.
    Ok(code as u8)
}

fn on_board(args: &Args, options: &xmap_gojs::Options, manifest: &Path) -> Done {
    let text = read_text(manifest, MAX_SCRIPT_BYTES)?;
    let manifest = Manifest::parse(&manifest.display().to_string(), &text).map_err(Failure::Input)?;
    let script = match &args.script {
        Some(path) => read_text(path, MAX_SCRIPT_BYTES)?,
        None => String::new(),
    };
    let wasm = read(&args.file)?;
    let fail = |error: Error| match (&error, &args.script) {
        (Error::Script { .. }, Some(script)) => failure(script, error),
        _ => failure(&args.file, error),
    };
    let mut run = BoardRun::load(&wasm, options, &manifest).map_err(fail)?;
    let mut written = Ok(());
    let played = run.play(&script, &mut |line| {
        if written.is_ok() {
            written = writeln!(std::io::stdout(), "{line}");
        }
    });
    written?;
    match played.map_err(fail)? {
        State::Exited(code) => Ok(code as u8),
        _ => Ok(0),
    }
}
