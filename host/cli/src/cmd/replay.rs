//! `xmap replay`: a recording, played again on the simulated board.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tiny_mapper::{Trap, TrapCode};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;
use xmap_image::OwnedImage;
use xmap_project::traps;
use xmap_sim::{Difference, Played, Recording, RecordingError, Replay, Shown, time, trace_line, write_vcd};

use super::Done;
use super::load::{Loaded, load_all};
use super::output::{self, count};
use super::reach::seconds;

/// Bytes of a recording that are read.
const MAX_BYTES: u64 = 2 << 30;

/// Play a recording again, and compare each register store with the device's
///
/// The simulated device is told what the real one was told (`xmap record`, `xmap sim --record`), so it does
/// the same, store for store. Where it does not, the first difference is shown with its line of source.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap replay night.xrec panel.toml
  xmap replay night.xrec old.xmap new.xmap --until 3600 --plain
  xmap replay night.xrec panel.xmap --vcd night.vcd           for GTKWave")]
pub(super) struct Args {
    /// The recording
    file: PathBuf,
    /// The images that the device mounted: images, bundles, manifests or modules
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Stop at this time, in seconds since the device's start
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    until: Option<Duration>,
    /// Print register stores and messages in order, and nothing else
    #[arg(short, long)]
    plain: bool,
    /// Write every register access with its time
    #[arg(short, long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write the levels of the lines over time, as a waveform viewer reads them
    #[arg(long, value_name = "FILE")]
    vcd: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, conflicts_with = "plain")]
    json: bool,
}

/// Says why a file is no recording.
pub(super) fn unreadable(path: &Path, error: RecordingError) -> Diagnostic {
    let code = match error {
        RecordingError::Damaged => Code::DamagedRecording,
        _ => Code::NoRecording,
    };
    Diagnostic::new(code, Place::file(path), format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<Recording, Diagnostic> {
    Recording::from_bytes(&input::read_at_most(path, MAX_BYTES)?).map_err(|error| unreadable(path, error))
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let recording = read(&args.file)?;
    let mut loaded = Vec::new();
    for path in &args.images {
        loaded.extend(load_all(path)?);
    }
    loaded.iter().for_each(Loaded::warn_of_stale_map);
    let images: Vec<OwnedImage> = loaded.iter().map(|loaded| loaded.image.clone()).collect();
    let torn = |_| unreadable(&args.file, RecordingError::Damaged);
    let mut replay = Replay::new(&recording, &images).map_err(torn)?;
    let until_us = args.until.map_or(u64::MAX, |until| u64::try_from(until.as_micros()).unwrap_or(u64::MAX));
    let outcome = replay.run(until_us);
    if args.plain {
        for shown in replay.events().filter_map(|event| Shown::of(&event.kind)) {
            writeln!(out, "{shown}")?;
        }
    }
    if let Some(path) = &args.trace {
        let events = replay.board().events().iter();
        let lines: String = events.filter_map(trace_line).map(|line| line + "\n").collect();
        output::write_file(path, lines.as_bytes())?;
    }
    if let Some(path) = &args.vcd {
        let mut bytes = Vec::new();
        let name = images.first().map_or("replay", |image| image.manifest().module);
        write_vcd(&mut bytes, name, &replay.signals(), &[], replay.board().time_us())?;
        output::write_file(path, &bytes)?;
    }
    let played = replay.played();
    match outcome {
        Ok(_) => told(args, &recording, played, out),
        Err(difference) => Err(differs(args, &loaded, &replay, &difference).into()),
    }
}

/// Says that all of it was the same.
fn told(args: &Args, recording: &Recording, played: Played, out: &mut dyn Write) -> Done {
    let Played { operations, inputs, stores, compared, checks, from_us, time_us } = played;
    if args.json {
        let object = json!({
            "operations": operations, "inputs": inputs, "stores": stores, "compared": compared,
            "checks": checks, "from_us": from_us, "time_us": time_us, "bytes": recording.noted.len(),
            "ended": recording.ended,
        });
        return Ok(writeln!(out, "{object}")?);
    }
    if args.plain {
        return Ok(());
    }
    writeln!(
        out,
        "{}: the same {}up to {}: {compared} of {} compared, {} of the state",
        args.file.display(),
        // What was before is no longer in it.
        if from_us == 0 { String::new() } else { format!("from {} ", time(from_us)) },
        time(time_us),
        count(stores as usize, "store"),
        many(checks, "check"),
    )?;
    let bytes = count(recording.noted.len(), "byte");
    writeln!(out, "{}, {} read, {bytes}", many(operations, "operation"), many(inputs, "value"))?;
    if recording.ended && args.until.is_none() {
        writeln!(
            out,
            "the device went on after this: a policy changed, or its recorder's memory was too small"
        )?;
    }
    Ok(())
}

fn many(n: u64, one: &str) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), one)
}

/// Says what is not as it was, and where in the source.
fn differs(args: &Args, loaded: &[Loaded], replay: &Replay<'_>, difference: &Difference) -> Diagnostic {
    let path = args.file.display();
    if let Difference::NoImage(_) = difference {
        let message = format!("{path}: {difference}");
        let help = "give each image that the device mounted, as it was then: `xmap replay FILE IMAGE...`";
        return Diagnostic::new(Code::OtherImage, Place::file(&args.file), message).help(help.to_string());
    }
    let at = time(replay.played().time_us);
    let operations = replay.played().operations;
    let message = format!("{path}: at {at}, operation {operations}: {difference}");
    let mut diagnostic = Diagnostic::new(Code::ReplayDiffers, Place::file(&args.file), message);
    if let Some((image, op)) = replay.last_op() {
        let export = replay.called().map_or(0, |of| of.export.0);
        // A place is looked up by image and op, as that of a trap is.
        let image = image.hash_prefix();
        let at = Trap { image, export, code: TrapCode::Unreachable, op, detail: 0 };
        let places = traps::places(loaded.iter().filter_map(|loaded| loaded.map.as_ref()), &at);
        if let Some(place) = places.last() {
            diagnostic = diagnostic.help(format!("the op that ran last is of {place}"));
        }
    }
    diagnostic
}
