//! The command line: one file for each verb, and what they share.

mod call;
mod exports;
mod run;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::input::read_at_most;
use xmap_compiler::names::did_you_mean;
use xmap_gojs::{Error, Options, Program, with_stack};

/// The largest module that is read: Go's own tests have up to some ten million bytes.
const MAX_MODULE_BYTES: u64 = 256 << 20;

/// Runs Go modules that were built with GOOS=js GOARCH=wasm
#[derive(Parser)]
#[command(
    name = "xmap go",
    bin_name = "xmap go",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  GOOS=js GOARCH=wasm go build -o app.wasm .
  xmap go run app.wasm one two
  xmap go run --dir . --env HOME app.wasm              with real files below this folder
  xmap go run --board panel.toml --script day.txt app.wasm
  xmap go exports app.wasm
  xmap go call app.wasm add 2 3
  GOOS=js GOARCH=wasm go test -exec 'xmap go run' strings

Exit status of run: the program's own. Otherwise 0 done, 1 the input is wrong, 2 the command line is, 3 the
program cannot go on or a call failed."
)]
enum Cli {
    Run(run::Args),
    Exports(exports::Args),
    Call(call::Args),
}

/// What a program is given.
#[derive(Clone, clap::Args)]
struct Given {
    /// Let the program use the files below this folder; without, files answer ENOSYS. May stand several times
    #[arg(long, value_name = "FOLDER")]
    dir: Vec<PathBuf>,
    /// Pass a variable of the environment: NAME, NAME=VALUE, or * for all
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,
    /// Make random numbers from this seed
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Begin time at these milliseconds since 1970, and let it pass only where the program waits
    #[arg(long, value_name = "MILLISECONDS")]
    time: Option<u64>,
}

/// What a program is given whose functions are named by their keys.
#[derive(Clone, clap::Args)]
struct Keyed {
    #[command(flatten)]
    given: Given,
    /// The namespace in front of the keys
    #[arg(long, default_value = "default")]
    namespace: String,
}

impl Given {
    /// The same with all files and the whole environment.
    fn with_machine(self) -> Self {
        Self { dir: vec!["/".into()], env: vec!["*".to_owned()], ..self }
    }

    /// The options for a module, whose path is the program's name.
    fn options(&self, file: &Path, args: &[String]) -> Options {
        let mut all = vec![file.display().to_string()];
        all.extend_from_slice(args);
        let mut env = Vec::new();
        if !self.dir.is_empty() {
            env.push(("TMPDIR".to_owned(), std::env::temp_dir().display().to_string()));
        }
        for name in &self.env {
            match name.split_once('=') {
                Some((name, value)) => env.push((name.to_owned(), value.to_owned())),
                None => {
                    let found = std::env::vars_os().filter_map(|(found, value)| {
                        let found = found.into_string().ok().filter(|found| name == "*" || found == name)?;
                        Some((found, value.into_string().ok()?))
                    });
                    env.extend(found);
                }
            }
        }
        Options {
            args: all,
            env,
            folders: self.dir.clone(),
            seed: self.seed,
            time_ms: self.time,
            ..Options::default()
        }
    }
}

/// Why a verb did not do what it was asked.
enum Failure {
    /// The input is wrong.
    Input(Diagnostics),
    /// The program cannot go on, or a call failed.
    Stopped(Diagnostic),
    /// The standard output takes no more.
    Output(io::Error),
}

impl From<Diagnostic> for Failure {
    fn from(error: Diagnostic) -> Self {
        Self::Input(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// The exit status of a program that cannot go on, and of a call that failed.
const STOPPED: u8 = 3;

/// The exit status, where all went well.
type Done = Result<u8, Failure>;

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    // A program may call itself deeply.
    let done = with_stack(|| match &cli {
        Cli::Run(args) => run::run(args),
        Cli::Exports(args) => exports::run(args),
        Cli::Call(args) => call::run(args),
    });
    let (errors, status) = match done {
        Ok(code) => return ExitCode::from(code),
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
        Err(Failure::Output(error)) => {
            (Diagnostic::writing(Path::new("standard output"), &error).into(), ExitCode::FAILURE)
        }
        Err(Failure::Input(errors)) => (errors, ExitCode::FAILURE),
        Err(Failure::Stopped(error)) => (error.into(), ExitCode::from(STOPPED)),
    };
    _ = writeln!(io::stderr(), "{}", errors.render(io::stderr().is_terminal()));
    status
}

/// Reads a module and loads it.
fn load(file: &Path, options: &Options) -> Result<Program, Failure> {
    let wasm = read(file)?;
    Program::load(&wasm, options).map_err(|error| failure(file, error))
}

fn read(file: &Path) -> Result<Vec<u8>, Diagnostic> {
    read_at_most(file, MAX_MODULE_BYTES)
}

/// An error of a program as one that a person reads: with its number, and with the way out.
fn failure(file: &Path, error: Error) -> Failure {
    let (code, help): (Code, Option<String>) = match &error {
        Error::Module(_) | Error::NotGo { .. } => {
            let help = "`GOOS=js GOARCH=wasm go build -o app.wasm .` makes a module; one of GOOS=wasip1 is for `xmap build`";
            (Code::GoModule, Some(help.into()))
        }
        Error::OldGo => (Code::GoImport, Some("build it with Go 1.21 or later".into())),
        Error::Import { .. } => {
            let help = "a Go program reaches its host by syscall/js; other imports (//go:wasmimport) have no host here";
            (Code::GoImport, Some(help.into()))
        }
        Error::ArgumentsTooLong { .. } => {
            (Code::GoArguments, Some("name with --env what the program needs, instead of *".into()))
        }
        Error::Folder(..) => (Code::GoFolder, None),
        Error::UnknownKey { name, known } => {
            let near = did_you_mean(name, known.iter().map(String::as_str));
            let all = format!("`xmap go exports {}` lists what there is", file.display());
            (Code::GoKey, near.or(Some(all)))
        }
        Error::NoKey { .. } | Error::DuplicateKey { .. } | Error::Signature { .. } => {
            (Code::GoRegistered, None)
        }
        Error::Arguments { .. } => (Code::GoCallArguments, None),
        Error::Refused { .. } | Error::Released { .. } | Error::Exception { .. } | Error::NoAnswer { .. } => {
            (Code::GoCall, None)
        }
        Error::Script { .. } => (Code::GoScript, None),
        _ => (Code::GoStopped, None),
    };
    let message = match &error {
        // It names a path of its own.
        Error::Folder(..) => error.to_string(),
        _ => format!("{}: {error}", file.display()),
    };
    let diagnostic = Diagnostic::new(code, Place::file(file), message).help(help);
    match code {
        Code::GoStopped | Code::GoCall => Failure::Stopped(diagnostic),
        _ => diagnostic.into(),
    }
}
