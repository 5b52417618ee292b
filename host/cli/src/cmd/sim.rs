//! `xmap sim`: a panel on the simulated board.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use tiny_mapper::TrapCode;
use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place, Source};
use xmap_compiler::input::{self, MAX_SCRIPT_BYTES};
use xmap_compiler::recognize::{FileKind, UTF_16, not_this};
use xmap_device::{Hook, MountError};
use xmap_image::Image;
use xmap_image::limits::DEFAULT_FUEL;
use xmap_sim::{
    Script, ScriptErrorKind, Shown, Sim, SimBoard, SimError, Standstill, StepErrorKind, run as play,
    trace_line, write_vcd,
};

use super::load::{Loaded, load};
use super::{Done, Failure, output, story};

/// Run a panel on the simulated board, by a script
///
/// Loads the panel as a device does (start function, _initialize, on_mount), then runs the script's lines:
///
///   call NAME ARG...        an export, by its wasm name or its key; decimal or 0x, floats as they are
///   level LINE 0|1          a level from outside, on a line by number or name
///   advance MICROSECONDS    lets time pass
///   # a comment
///
/// A trap in a call is a result, not an error.
#[derive(clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  xmap sim panel.xmap                                    only loads it
  xmap sim panel.toml --script day.txt
  xmap sim panel.xmap --script day.txt --plain           what every target must reproduce
  xmap sim panel.xmap --script day.txt --vcd day.vcd     for GTKWave
  echo 'call lamp_on' | xmap sim lamp.wasm --script -"
)]
pub(super) struct Args {
    /// An image; a manifest or a module is compiled first
    file: PathBuf,
    /// The script; - is the standard input
    #[arg(short, long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Write every register access with its time
    #[arg(short, long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write the levels of the lines over time, as a waveform viewer reads them
    #[arg(long, value_name = "FILE")]
    vcd: Option<PathBuf>,
    /// Print register stores, messages and results in order, and nothing else
    #[arg(short, long)]
    plain: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let loaded = load(&args.file)?;
    // All of it is checked before any of it runs.
    let steps = match &args.script {
        Some(path) => steps(path, &loaded.image.image())?,
        None => Vec::new(),
    };
    if !args.plain {
        story::loaded(&loaded, out)?;
        if loaded.seal.is_some() {
            writeln!(out, "its seal is not checked here: `xmap verify --policy` does")?;
        }
    }
    let mut sim = match Sim::from_image(loaded.image.clone()) {
        Ok(sim) => sim,
        Err(SimError::Mount { error, board }) => {
            write_trace(args, &board)?;
            return Err(refused(&loaded, &error).into());
        }
        Err(error) => unreachable!("the image was verified: {error}"),
    };
    let played = if args.plain { plain(&mut sim, &steps, out) } else { told(&mut sim, &loaded, &steps, out) };
    write_trace(args, sim.board())?;
    if let Some(path) = &args.vcd {
        let mut bytes = Vec::new();
        write_vcd(&mut bytes, loaded.image.manifest().module, &sim.signals(), sim.time_us())?;
        output::write_file(path, &bytes)?;
    }
    played
}

/// One line of a script.
pub(super) struct Step {
    /// The line as it is written, without its comment.
    pub text: String,
    /// Where it stands.
    place: Place,
    /// What it does.
    script: Script,
}

/// Reads a script and holds all of its lines against an image.
///
/// # Errors
/// Every line that is wrong, and what stops the reading.
pub(super) fn steps(path: &Path, image: &Image<'_>) -> Result<Vec<Step>, Diagnostics> {
    if path == Path::new("-") {
        let path = Path::new("standard input");
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MAX_SCRIPT_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| Diagnostic::reading(path, &error))?;
        return parse(&path.display().to_string(), input::text(path, bytes)?, image);
    }
    let bytes = input::read_at_most(path, MAX_SCRIPT_BYTES)?;
    match FileKind::of(path, &bytes) {
        FileKind::Script | FileKind::Text | FileKind::Empty | FileKind::Unknown | UTF_16 => {
            parse(&path.display().to_string(), input::text(path, bytes)?, image)
        }
        _ => Err(not_this(Code::ScriptSyntax, path, &bytes, "a script").into()),
    }
}

/// The steps of a script's text. A script's lines stand for themselves, so each is a script of its own.
pub(super) fn parse(path: &str, text: String, image: &Image<'_>) -> Result<Vec<Step>, Diagnostics> {
    let source = Source::new(path, text);
    let (mut steps, mut errors) = (Vec::new(), Vec::new());
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let text = line.trim_start_matches('\u{feff}');
        let begin = start + (line.len() - text.len());
        start += line.len();
        match Script::parse(text, image) {
            Ok(script) if script.steps().is_empty() => {}
            Ok(script) => {
                let text = text.split(" #").next().unwrap_or_default().trim();
                let place = Place::text(&source, begin..begin + text.len());
                steps.push(Step { text: text.to_string(), place, script });
            }
            Err(error) => {
                let code = match &error.kind {
                    ScriptErrorKind::Export { .. } => Code::ScriptName,
                    ScriptErrorKind::Arguments { .. } | ScriptErrorKind::Argument { .. } => {
                        Code::ScriptArgument
                    }
                    ScriptErrorKind::Line { .. } => Code::ScriptLine,
                    ScriptErrorKind::Output { .. } => Code::ScriptContention,
                    _ => Code::ScriptSyntax,
                };
                let column = text.char_indices().nth(error.column - 1).map_or(text.len(), |(at, _)| at);
                let word = text[column..].find(char::is_whitespace).unwrap_or(text.len() - column);
                let span = begin + column..begin + column + word;
                errors.push(Diagnostic::new(code, Place::text(&source, span), error.kind.to_string()));
            }
        }
    }
    if errors.is_empty() { Ok(steps) } else { Err(Diagnostics(errors)) }
}

/// The plain trace, and nothing else.
fn plain(sim: &mut Sim, steps: &[Step], out: &mut dyn Write) -> Done {
    let nothing = Script::parse("", &sim.image()).expect("an empty script is one");
    let mut written = Ok(());
    let mut show = |shown: Shown| {
        if written.is_ok() {
            written = writeln!(out, "{shown}");
        }
    };
    _ = play(sim, &nothing, &mut show);
    let played = steps.iter().try_for_each(|step| step.play(sim, &mut show));
    written?;
    played
}

/// The same for a person, with times, places and a waveform.
pub(super) fn told(sim: &mut Sim, loaded: &Loaded, steps: &[Step], out: &mut dyn Write) -> Done {
    story::mounted(sim, out)?;
    for step in steps {
        story::step(sim, loaded, step, out)?;
    }
    story::end(sim, out)
}

impl Step {
    /// Runs it, and shows what it does.
    ///
    /// # Errors
    /// X0805 where a level meets a line that is an output by now, X0806 where time does not pass.
    pub(super) fn play(&self, sim: &mut Sim, show: &mut dyn FnMut(Shown)) -> Done {
        play(sim, &self.script, show).map_err(|error| {
            let code = match &error.kind {
                StepErrorKind::Contention(_) => Code::ScriptContention,
                StepErrorKind::Standstill(_) => Code::ScriptStandstill,
            };
            let diagnostic = Diagnostic::new(code, self.place.clone(), error.kind.to_string());
            Failure::from(match &error.kind {
                StepErrorKind::Standstill(standstill) => diagnostic.help(way_out(standstill)),
                StepErrorKind::Contention(_) => diagnostic,
            })
        })
    }
}

/// What lets time pass.
fn way_out(standstill: &Standstill) -> String {
    let text = match standstill {
        Standstill::Feedback { line: Some(_), .. } => {
            "a handler of an edge must not drive its own line there and back each time; `debounce_us` in [exports] \
             lets time pass between the edges"
        }
        Standstill::Feedback { .. } => "the handlers call each other without a wait between them",
        Standstill::Events { .. } => "advance in several steps, or give the timers longer periods",
        _ => "advance by less",
    };
    text.to_string()
}

/// Why a panel was not mounted, and where in its source.
fn refused(loaded: &Loaded, error: &MountError) -> Diagnostic {
    let path = loaded.path.display();
    let file = Place::file(&loaded.path);
    match error {
        MountError::Trap(hook, trap) => {
            let who = if *hook == Hook::Start { "the start function" } else { hook.name() };
            let message = format!("{path}: {who} trapped: {}", story::reason(trap));
            let place = story::origin(loaded, trap).map_or(file, |origin| Place::File(origin.to_string()));
            let help = match (hook, trap.code) {
                (Hook::Start, TrapCode::Fuel) => Some(format!(
                    "it has {DEFAULT_FUEL} of fuel; say more in [limits] `fuel`, or let it do less. In a module that \
                     exports `_initialize`, too, a start function always has this"
                )),
                (_, TrapCode::Fuel) => Some("raise `fuel` in [limits], or let it do less".to_string()),
                _ => None,
            };
            Diagnostic::new(Code::MountFailed, place, message).help(help)
        }
        error => Diagnostic::new(Code::MountFailed, file, format!("{path}: {error}")),
    }
}

fn write_trace(args: &Args, board: &SimBoard) -> Done {
    let Some(path) = &args.trace else { return Ok(()) };
    let lines: String = board.events().iter().filter_map(trace_line).map(|line| line + "\n").collect();
    Ok(output::write_file(path, lines.as_bytes())?)
}
