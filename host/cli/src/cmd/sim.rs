//! `xmap sim`: a panel on the simulated board.

use std::io::Write;
use std::path::PathBuf;

use xmap_project::{ScriptFile, traps};
use xmap_sim::{Player, Shown, Sim, SimBoard, SimError, trace_line, write_vcd};

use super::load::{Loaded, load, tell};
use super::{Done, output, story};

/// Run a panel on the simulated board, by a script
///
/// Loads the panel as a device does (start function, _initialize, on_mount), then runs the script's lines:
///
///   call NAME ARG... [-> VALUE...]   an export, by its wasm name or its key, and what it must return
///   level LINE 0|1, press LINE for TIME   a level from outside, on a line by number or name
///   advance TIME                     lets time pass: 20000 (microseconds), 5ms, 2s, 1min
///   expect LINE 0|1 [within TIME]    what must be so; `xmap test` plays scripts as tests
///   # a comment
///
/// docs/scripts.md has the others: at, wait until, swap, reset, unmount, lose host, repeat.
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
    let image = loaded.image.image();
    let script = match &args.script {
        Some(path) => ScriptFile::read(path, &image, &mut tell)?,
        None => ScriptFile::parse("".as_ref(), String::new(), &image, &mut tell)?,
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
            return Err(traps::refused(&loaded.path, loaded.map.as_ref(), &error).into());
        }
        Err(error) => unreachable!("the image was verified: {error}"),
    };
    let played = if args.plain {
        plain(&mut sim, &loaded, &script, out)
    } else {
        told(&mut sim, &loaded, &script, out)
    };
    write_trace(args, sim.board())?;
    if let Some(path) = &args.vcd {
        let mut bytes = Vec::new();
        write_vcd(&mut bytes, loaded.image.manifest().module, &sim.signals(), sim.time_us())?;
        output::write_file(path, &bytes)?;
    }
    played
}

/// The plain trace, and nothing else.
fn plain(sim: &mut Sim, loaded: &Loaded, file: &ScriptFile, out: &mut dyn Write) -> Done {
    let mut written = Ok(());
    let mut show = |shown: Shown| {
        if written.is_ok() {
            written = writeln!(out, "{shown}");
        }
    };
    let places = |trap: &tiny_mapper::Trap| traps::places(loaded.map.iter().chain(file.maps()), trap);
    let mut player = Player::new(sim, &mut show).with_places(&places);
    let mut steps = file.script().unrolled();
    let played = steps.try_for_each(|step| player.play(sim, step, &mut show));
    let played = played.and_then(|()| player.finish(sim));
    written?;
    played.map_err(|error| file.diagnose(&error).into())
}

/// The same for a person, with times, places and a waveform.
pub(super) fn told(sim: &mut Sim, loaded: &Loaded, file: &ScriptFile, out: &mut dyn Write) -> Done {
    story::begin(out)?;
    let mut mounted = Vec::new();
    let places = |trap: &tiny_mapper::Trap| traps::places(loaded.map.iter().chain(file.maps()), trap);
    let mut player = Player::new(sim, &mut |shown| mounted.push(shown)).with_places(&places);
    story::shown(sim, loaded, file, &mounted, out)?;
    for step in file.script().unrolled() {
        story::step(sim, loaded, file, &mut player, step, out)?;
    }
    player.finish(sim).map_err(|error| file.diagnose(&error))?;
    story::end(sim, out)
}

fn write_trace(args: &Args, board: &SimBoard) -> Done {
    let Some(path) = &args.trace else { return Ok(()) };
    let lines: String = board.events().iter().filter_map(trace_line).map(|line| line + "\n").collect();
    Ok(output::write_file(path, lines.as_bytes())?)
}
