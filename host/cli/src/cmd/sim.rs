//! `xmap sim`: a panel on the simulated board.

use std::io::Write;
use std::path::PathBuf;

use serde_json::json;
use xmap::text::json::value;
use xmap_image::Stamp;
use xmap_project::{Run, ScriptFile, page, traps};
use xmap_sim::{Player, Shown, Sim, SimBoard, SimError, svg, time, trace_line, write_vcd};

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
  xmap sim panel.toml --script day.txt --html day.html   waveform, steps and bounds in one file
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
    /// Write the waveform as a picture
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write what each display shows at the end, NAME.txt and NAME.png, into this folder
    #[arg(long, value_name = "FOLDER")]
    displays: Option<PathBuf>,
    /// Write waveform, steps and bounds as one page that opens anywhere
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write what the device was told, for `xmap replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Set the wall clock at the mount, as RFC 3339 has it; without it the time is not known
    #[arg(long, value_name = "TIME", value_parser = super::clock::stamp)]
    clock: Option<Stamp>,
    /// Print register stores, messages and results in order, and nothing else
    #[arg(short, long)]
    plain: bool,
    /// Print one JSON object a line: each step, what it did, and the end
    #[arg(long, conflicts_with = "plain")]
    json: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let loaded = load(&args.file)?;
    // All of it is checked before any of it runs.
    let image = loaded.image.image();
    let script = match &args.script {
        Some(path) => ScriptFile::read(path, &[image], &mut tell)?,
        None => ScriptFile::parse("".as_ref(), String::new(), &[image], &mut tell)?,
    };
    if !args.plain && !args.json {
        story::loaded(&loaded, out)?;
        if loaded.seal.is_some() {
            writeln!(out, "its seal is not checked here: `xmap verify --policy` does")?;
        }
    }
    let mounted = match &args.record {
        Some(_) => Sim::recorded(loaded.image.clone()),
        None => Sim::from_image(loaded.image.clone()),
    };
    let mut sim = match mounted {
        Ok(sim) => sim,
        Err(SimError::Mount { error, board }) => {
            write_trace(args, &board)?;
            return Err(traps::refused(&loaded.path, loaded.map.as_ref(), &error).into());
        }
        Err(error) => unreachable!("the image was verified: {error}"),
    };
    set_clock(args, &mut sim);
    let mut rows = Vec::new();
    let played = match args {
        Args { plain: true, .. } => plain(&mut sim, &loaded, &script, out),
        Args { json: true, .. } => objects(&mut sim, &loaded, &script, out),
        _ => told(&mut sim, &loaded, &script, &mut rows, out),
    };
    write_pictures(args, &sim, &loaded, &script, rows)?;
    write_trace(args, sim.board())?;
    if let (Some(path), Some(recording)) = (&args.record, sim.recording()) {
        output::write_file(path, &recording.to_bytes())?;
    }
    if let Some(path) = &args.vcd {
        let mut bytes = Vec::new();
        write_vcd(&mut bytes, loaded.image.manifest().module, &sim.signals(), &sim.traffic(), sim.time_us())?;
        output::write_file(path, &bytes)?;
    }
    played
}

fn set_clock(args: &Args, sim: &mut Sim) {
    if let Some(Stamp(unix_us)) = args.clock {
        sim.device().set_clock(unix_us);
    }
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
pub(super) fn told(
    sim: &mut Sim,
    loaded: &Loaded,
    file: &ScriptFile,
    rows: &mut Vec<Row>,
    out: &mut dyn Write,
) -> Done {
    story::begin(out)?;
    let mut mounted = Vec::new();
    let places = |trap: &tiny_mapper::Trap| traps::places(loaded.map.iter().chain(file.maps()), trap);
    let mut player = Player::new(sim, &mut |shown| mounted.push(shown)).with_places(&places);
    let mut text = Vec::new();
    story::shown(sim, loaded, file, &mounted, &mut text)?;
    rows.push((0, "mount".to_string(), lines(&text)));
    out.write_all(&text)?;
    for step in file.script().unrolled() {
        let (began_us, mut text) = (sim.time_us(), Vec::new());
        writeln!(out, "{:>10}  {}", time(began_us), file.line(step.at))?;
        let played = story::step(sim, loaded, file, &mut player, step, &mut text);
        rows.push((began_us, file.line(step.at).to_string(), lines(&text)));
        out.write_all(&text)?;
        played?;
    }
    player.finish(sim).map_err(|error| file.diagnose(&error))?;
    story::end(sim, out)
}

/// A step of a page: when it began, its text, and what it did.
pub(super) type Row = (u64, String, Vec<String>);

fn lines(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).lines().map(|line| line.trim_start().to_string()).collect()
}

/// Writes the pictures that were asked for. A run that was not told to a person is played again for its
/// steps.
fn write_pictures(args: &Args, sim: &Sim, loaded: &Loaded, script: &ScriptFile, mut rows: Vec<Row>) -> Done {
    if let Some(path) = &args.svg {
        output::write_file(path, svg(&sim.signals(), &sim.traffic(), sim.time_us()).as_bytes())?;
    }
    if let Some(folder) = &args.displays {
        // A folder that cannot be made has files that cannot be written, which says where and why.
        _ = std::fs::create_dir_all(folder);
        for (name, picture) in sim.pictures() {
            output::write_file(&folder.join(format!("{name}.txt")), picture.to_string().as_bytes())?;
            output::write_file(&folder.join(format!("{name}.png")), &picture.png())?;
        }
    }
    let Some(path) = &args.html else { return Ok(()) };
    if args.plain || args.json {
        let mut again = Sim::from_image(loaded.image.clone()).expect("it was mounted before");
        set_clock(args, &mut again);
        // What is wrong with it was said by the first run.
        _ = told(&mut again, loaded, script, &mut rows, &mut std::io::sink());
    }
    let header = loaded.image.image().header();
    let (signals, traffic) = (sim.signals(), sim.traffic());
    let name = loaded.image.manifest().module;
    let title = format!("{name} version {} on {}", header.version, header.board.board().name);
    let run = Run {
        title: &title,
        signals: &signals,
        traffic: &traffic,
        end_us: sim.time_us(),
        steps: &rows,
        report: &loaded.report,
    };
    Ok(output::write_file(path, page(&run).as_bytes())?)
}

/// The run as objects, for scripts.
fn objects(sim: &mut Sim, loaded: &Loaded, file: &ScriptFile, out: &mut dyn Write) -> Done {
    let places = |trap: &tiny_mapper::Trap| traps::places(loaded.map.iter().chain(file.maps()), trap);
    let object = |shown: &Shown| match shown {
        Shown::Store(access) => json!({ "store": access.register.to_string(), "value": access.value }),
        Shown::Log(level, text) => json!({ "log": text, "level": level.name() }),
        Shown::Returned { name, values } => {
            json!({ "call": name, "results": values.iter().map(value).collect::<Vec<_>>() })
        }
        Shown::Trapped { name, trap } | Shown::HandlerTrapped { name, trap } => {
            json!({ "trap": trap.code.name(), "name": name, "detail": trap.detail, "sources": places(trap) })
        }
        Shown::Faulted { name } => json!({ "faulted": name }),
    };
    let mut line = |time_us: u64, at: usize, step: &str, all: &[Shown]| -> Done {
        let shown: Vec<_> = all.iter().map(object).collect();
        let object = json!({ "time_us": time_us, "line": at, "step": step, "shown": shown });
        Ok(writeln!(out, "{object}")?)
    };
    let mut mounted = Vec::new();
    let mut player = Player::new(sim, &mut |shown| mounted.push(shown)).with_places(&places);
    line(0, 0, "mount", &mounted)?;
    for step in file.script().unrolled() {
        let (time_us, mut all) = (sim.time_us(), Vec::new());
        let played = player.play(sim, step, &mut |shown| all.push(shown));
        line(time_us, step.at, file.line(step.at), &all)?;
        played.map_err(|error| file.diagnose(&error))?;
    }
    player.finish(sim).map_err(|error| file.diagnose(&error))?;
    let (counters, stores) = (sim.counters(), sim.stores().count());
    let end = json!({
        "end_us": sim.time_us(), "calls": counters.calls, "traps": counters.traps, "stores": stores,
    });
    Ok(writeln!(out, "{end}")?)
}

fn write_trace(args: &Args, board: &SimBoard) -> Done {
    let Some(path) = &args.trace else { return Ok(()) };
    let lines: String = board.events().iter().filter_map(trace_line).map(|line| line + "\n").collect();
    Ok(output::write_file(path, lines.as_bytes())?)
}
