//! The command line: one file for each verb, and what they share.
//!
//! Results go to the standard output, errors to the standard error. The exit status is 0 where a verb
//! did what it was asked, 1 where its input was wrong and 2 where the command line was.

mod against;
mod annotated;
mod asks;
mod bench;
mod beside;
mod bindings;
mod build;
mod call;
mod clean;
mod clock;
mod confirm;
mod demo;
mod demo_panel;
mod devices;
mod dis;
mod doctor;
mod events;
mod firmware;
mod firmware_log;
mod init;
mod inspect;
mod keygen;
mod keys;
mod link;
mod load;
mod map_store;
mod metrics;
mod monitor;
mod new;
mod norm;
mod output;
mod policy;
mod progress;
mod reach;
mod record;
mod replay;
mod reset;
mod rollback;
mod root_key;
mod schema;
mod share;
mod sign;
mod signed_policy;
mod sim;
mod size;
mod status;
mod store;
mod story;
mod swap;
mod test;
mod verify;
mod watch;

pub use map_store::find as find_map;
pub use output::write_file;
pub use reach::SessionArgs;

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::names::did_you_mean;

/// Compiles WebAssembly modules to images for a Raspberry Pi's GPIO lines, and runs them.
#[derive(Parser)]
#[command(name = "xmap", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    New(new::Args),
    Init(init::Args),
    Doctor(doctor::Args),
    Build(build::Args),
    Inspect(inspect::Args),
    Link(link::Args),
    Dis(dis::Args),
    Sim(sim::Args),
    Test(test::Args),
    Watch(watch::Args),
    Verify(verify::Args),
    Keygen(keygen::Args),
    Keys(keys::Args),
    Sign(sign::Args),
    #[command(subcommand)]
    Policy(policy::Verb),
    Size(size::Args),
    Norm(norm::Args),
    Schema(schema::Args),
    Bindings(bindings::Args),
    Demo(demo::Args),
    Bench(bench::Args),
    Devices(devices::Args),
    Status(status::Args),
    Call(call::Args),
    Swap(swap::Args),
    Confirm(confirm::Args),
    Clock(clock::Args),
    Rollback(rollback::Args),
    Events(events::Args),
    Metrics(metrics::Args),
    Record(record::Args),
    Replay(replay::Args),
    Monitor(monitor::Args),
    Reset(reset::Args),
    #[command(subcommand)]
    Store(store::Action),
    #[command(subcommand)]
    Firmware(firmware::Verb),
    /// A verb of a program beside this one.
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// What stands below the list of verbs.
const AFTER_HELP: &str = "\
Examples:
  xmap demo                              see what it does
  xmap new hall --lang c                 begin a panel of your own
  xmap test hall                         compile it, and play its tests
  xmap build hall/panel.toml             compile it to an image

Exit status: 0 done, 1 the input is wrong, 2 the command line is, 3 a call trapped (xmap call).";

/// Why a verb did not do what it was asked.
enum Failure {
    /// The input is wrong.
    Input(Diagnostics),
    /// The call ran and trapped, which has been printed.
    Trapped,
    /// A test failed, which has been printed.
    Failed,
    /// The standard output takes no more.
    Output(io::Error),
}

/// The exit status of a call that trapped: a script can tell it from a wrong name and a broken link.
const TRAPPED: u8 = 3;

type Done = Result<(), Failure>;

impl From<Diagnostics> for Failure {
    fn from(errors: Diagnostics) -> Self {
        Self::Input(errors)
    }
}

impl From<Diagnostic> for Failure {
    fn from(error: Diagnostic) -> Self {
        Self::Input(error.into())
    }
}

impl From<xmap_client::Error> for Failure {
    fn from(error: xmap_client::Error) -> Self {
        diagnostic(error).into()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// An error of the link as one that a person reads: with its number, and with the nearest of the names that
/// there are.
fn diagnostic(error: xmap_client::Error) -> Diagnostic {
    let xmap_client::Error { code, port, message, help, unknown } = error;
    let code = Code::from_number(code.number()).expect("a test holds the client's numbers against the list");
    let near = || unknown.and_then(|u| did_you_mean(&u.name, u.known.iter().map(String::as_str)));
    Diagnostic::new(code, Place::File(port), message).help(help.or_else(near))
}

/// The whole command line, with its verbs and their options: what completions and man pages are made of.
pub fn command() -> clap::Command {
    Cli::command().after_help(AFTER_HELP)
}

/// Runs the verb that the command line names.
pub fn main() -> ExitCode {
    let verb = parse();
    if let Verb::Other(words) = &verb {
        return run_beside(words);
    }
    let out = &mut output::stdout();
    let done = run(&verb, out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough: `xmap dis FILE | head`.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Failed) => {
            _ = out.flush();
            ExitCode::FAILURE
        }
        Err(Failure::Trapped) => match out.flush() {
            Ok(()) => ExitCode::from(TRAPPED),
            Err(_) => ExitCode::FAILURE,
        },
        Err(Failure::Output(error)) => {
            let place = "standard output";
            let message = format!("{place}: cannot be written: {error}");
            fail(&Diagnostic::new(Code::CannotWrite, Place::File(place.into()), message).into())
        }
        Err(Failure::Input(errors)) => {
            // What was found out before the error stands before it.
            _ = out.flush();
            fail(&errors)
        }
    }
}

/// Reads the command line. Its help names the programs that can be found, too.
fn parse() -> Verb {
    let others: Vec<String> = beside::verbs().into_iter().collect();
    let found = match others.len() {
        0 => String::new(),
        _ => format!("Programs beside this one: {} (xmap NAME --help)\n\n", others.join(", ")),
    };
    let matches = Cli::command().after_help(format!("{found}{AFTER_HELP}")).get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).verb
}

/// Runs the program whose verb the command line names.
fn run_beside(words: &[OsString]) -> ExitCode {
    let (verb, arguments) = words.split_first().expect("clap gives a word at least");
    let name = verb.to_string_lossy();
    match beside::run(verb, arguments) {
        Some(Ok(status)) => status,
        Some(Err(error)) => {
            let program = format!("xmap-{name}");
            fail(&Diagnostic::reading(Path::new(&program), &error).into())
        }
        None if name == "serve" => fail(&demo::no_gateway().into()),
        None => {
            let command = Cli::command();
            let mut known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
            let others = beside::verbs();
            known.extend(others.iter().map(String::as_str));
            let near =
                did_you_mean(&name, known).map(|help| format!("\n\n  tip: {help}")).unwrap_or_default();
            let message = format!(
                "unrecognized subcommand '{}', and no program xmap-{} beside xmap or on the PATH{near}\n",
                name.escape_debug(),
                name.escape_debug()
            );
            Cli::command().error(clap::error::ErrorKind::InvalidSubcommand, message).exit()
        }
    }
}

fn run(verb: &Verb, out: &mut dyn Write) -> Done {
    match verb {
        Verb::New(args) => new::run(args, out),
        Verb::Init(args) => init::run(args, out),
        Verb::Doctor(args) => doctor::run(args, out),
        Verb::Build(args) => build::run(args, out),
        Verb::Inspect(args) => inspect::run(args, out),
        Verb::Link(args) => link::run(args, out),
        Verb::Dis(args) => dis::run(args, out),
        Verb::Sim(args) => sim::run(args, out),
        Verb::Test(args) => test::run(args, out),
        Verb::Watch(args) => watch::run(args, out),
        Verb::Verify(args) => verify::run(args, out),
        Verb::Keygen(args) => keygen::run(args, out),
        Verb::Keys(args) => keys::run(args, out),
        Verb::Sign(args) => sign::run(args, out),
        Verb::Policy(verb) => policy::run(verb, out),
        Verb::Size(args) => size::run(args, out),
        Verb::Norm(args) => norm::run(args, out),
        Verb::Schema(args) => schema::run(args, out),
        Verb::Bindings(args) => bindings::run(args, out),
        Verb::Demo(args) => demo::run(args, out),
        Verb::Bench(args) => bench::run(args, out),
        Verb::Devices(args) => devices::run(args, out),
        Verb::Status(args) => status::run(args, out),
        Verb::Call(args) => call::run(args, out),
        Verb::Swap(args) => swap::run(args, out),
        Verb::Confirm(args) => confirm::run(args, out),
        Verb::Clock(args) => clock::run(args, out),
        Verb::Rollback(args) => rollback::run(args, out),
        Verb::Events(args) => events::run(args, out),
        Verb::Metrics(args) => metrics::run(args, out),
        Verb::Record(args) => record::run(args, out),
        Verb::Replay(args) => replay::run(args, out),
        Verb::Monitor(args) => monitor::run(args, out),
        Verb::Reset(args) => reset::run(args, out),
        Verb::Store(action) => store::run(action, out),
        Verb::Firmware(verb) => firmware::run(verb, out),
        // It has run in the place of this program.
        Verb::Other(_) => Ok(()),
    }
}

fn fail(errors: &Diagnostics) -> ExitCode {
    // Where even the errors cannot be written, the status has to say it.
    _ = writeln!(io::stderr(), "{}", errors.render(output::stderr_has_colours()));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_client_is_in_the_list() {
        for code in xmap_client::ErrorCode::ALL {
            assert!(Code::from_number(code.number()).is_some(), "{code:?}");
            let error = diagnostic(xmap_client::Error::new(code, "p", "p: m"));
            assert_eq!((error.code.number(), error.message.as_str()), (code.number(), "p: m"));
        }
    }

    #[test]
    fn a_name_that_is_not_there_has_the_nearest_beside_it() {
        let error = xmap_client::Error::new(xmap_client::ErrorCode::CallName, "p", "p: no export `lamp_onn`");
        let error = diagnostic(error.known("lamp_onn", ["lamp_off", "lamp_on"]));
        assert_eq!(error.help.as_deref(), Some("did you mean `lamp_on`?"));
    }
}
