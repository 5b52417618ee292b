//! `xmap watch`: after each save a panel is built, its tests are played, and what changed is shown.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use xmap_compiler::diagnostic::Diagnostics;
use xmap_compiler::manifest::Manifest;
use xmap_compiler::map::SourceMap;
use xmap_compiler::report::{How, Report};
use xmap_image::OwnedImage;
use xmap_project::{Built, For, Note, Played, build, find, play, sources};
use xmap_sim::{Change, time};

use super::load::tell;
use super::output::{count, stderr_has_colours};
use super::reach::{Device, Module, WireArgs};
use super::{Done, Failure, fail, swap};

/// How long files rest between two looks at their times.
const LOOK_EVERY: Duration = Duration::from_millis(30);

/// Build a panel after each save, play its tests, and show what changed
///
/// Shows the difference to the build before: bytes, bounds, and the first line in which the run of a script
/// differs. With a port the panel is swapped onto the device where its tests pass; without one it stays on
/// the simulated board. Where something is wrong, the last good state goes on. Ctrl-C ends it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap watch panel.toml
  xmap watch panel.toml --port /dev/ttyUSB0      swaps what passes onto the board
  xmap watch panel.toml --rounds 1               one round, for scripts")]
pub(super) struct Args {
    /// The manifest
    #[arg(value_name = "PANEL")]
    manifest: PathBuf,
    /// The simulated board alone, as without --port
    #[arg(long, conflicts_with = "port")]
    sim: bool,
    /// The device that gets what passes: tcp:HOST:PORT, unix:PATH, or the path of a serial port
    #[arg(short, long)]
    port: Option<String>,
    #[command(flatten)]
    wire: WireArgs,
    #[command(flatten)]
    module: Module,
    /// End after so many rounds; the status is 1 where the last one was not good
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut before: Option<Round> = None;
    let mut rounds = 0;
    loop {
        let files = stamps(&args.manifest);
        let round = Round::play(&args.manifest);
        let next = show(args, round, before.as_ref(), out)?;
        let good = next.is_some();
        before = next.or(before);
        rounds += 1;
        if args.rounds == Some(rounds) {
            return if good { Ok(()) } else { Err(Failure::Failed) };
        }
        out.flush()?;
        // What a round itself writes is no reason for another one.
        while stamps(&args.manifest) == files {
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// The files whose change begins a round, and when each was written.
fn stamps(manifest: &Path) -> BTreeMap<PathBuf, Option<SystemTime>> {
    let mut files = match Manifest::read(manifest) {
        Ok(manifest) => sources(&manifest),
        // What is wrong with it is shown, and its next version is waited for.
        Err(_) => vec![manifest.to_path_buf()],
    };
    if let Ok(panels) = find(&[manifest.to_path_buf()]) {
        files.extend(panels.into_iter().flat_map(|panel| panel.scripts));
    }
    let written = |file: &PathBuf| fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
    files.into_iter().map(|file| (file.clone(), written(&file))).collect()
}

/// What one save has led to.
struct Round {
    report: Report,
    played: Vec<Played>,
    /// The whole round, and the part of it that the panel's own compiler took.
    took: Duration,
    compiler: Duration,
}

impl Round {
    fn play(manifest: &Path) -> Result<Self, Diagnostics> {
        let started = Instant::now();
        let (mut began, mut compiler) = (None, Duration::ZERO);
        let mut note = |note: Note<'_>| {
            match note {
                Note::Runs(_) => began = Some(Instant::now()),
                _ => compiler = began.take().map_or(compiler, |began| began.elapsed()),
            }
            tell(note);
        };
        let built = build(manifest, None, &mut note);
        // A compiler that has nothing to say has ended when the module is read, or a little before.
        if let Some(began) = began {
            compiler = began.elapsed();
        }
        let Built { compiled, .. } = built?;
        let image = OwnedImage::new(compiled.words).expect("the compiler has verified what it built");
        let played = tests(&image, &compiled.map, manifest);
        Ok(Self { report: compiled.report, played, took: started.elapsed(), compiler })
    }

    fn failures(&self) -> usize {
        self.played.iter().filter(|played| !played.failures.is_empty()).count()
    }
}

fn tests(image: &OwnedImage, map: &SourceMap, manifest: &Path) -> Vec<Played> {
    // A panel without scripts is one all the same.
    let scripts = find(&[manifest.to_path_buf()])
        .map_or(Vec::new(), |panels| panels.into_iter().flat_map(|panel| panel.scripts).collect());
    let images = [(image.clone(), Some(map.clone()))];
    let one = |script: &PathBuf| play(&images, manifest, script, For::default(), &mut tell);
    scripts.iter().map(one).collect()
}

/// Shows a round, and gives the panel to the device where it passed. Returns what the next round is held
/// against; nothing where this one was not good.
fn show(
    args: &Args,
    round: Result<Round, Diagnostics>,
    before: Option<&Round>,
    out: &mut dyn Write,
) -> Result<Option<Round>, Failure> {
    let round = match round {
        Ok(round) => round,
        Err(errors) => {
            writeln!(out, "{}", errors.render(stderr_has_colours()))?;
            stays(args, before.is_some(), out)?;
            return Ok(None);
        }
    };
    difference(&round, before, out)?;
    for failure in round.played.iter().flat_map(|played| &played.failures) {
        writeln!(out, "\n{}", Diagnostics::from(failure.clone()).render(stderr_has_colours()))?;
    }
    let (failed, all) = (round.failures(), round.played.len());
    let (own, compiler) = (round.took.saturating_sub(round.compiler).as_millis(), round.compiler.as_millis());
    writeln!(
        out,
        "{} of {} passed; {own} ms, and {compiler} ms of the compiler",
        all - failed,
        count(all, "test")
    )?;
    if failed > 0 {
        stays(args, before.is_some(), out)?;
        return Ok(None);
    }
    if let Some(port) = &args.port {
        out.flush()?;
        let device = Device { port: port.clone(), wire: args.wire.clone() };
        let swap = swap::Args::of(device, args.module.clone(), args.manifest.clone());
        match swap::run(&swap, out) {
            Ok(()) => {}
            // The device may be back for the next save.
            Err(Failure::Input(errors)) => {
                out.flush()?;
                _ = fail(&errors);
                return Ok(None);
            }
            Err(other) => return Err(other),
        }
    }
    Ok(Some(round))
}

fn stays(args: &Args, was_good: bool, out: &mut dyn Write) -> Done {
    if let (true, Some(port)) = (was_good, &args.port) {
        writeln!(out, "{port} keeps the last panel that passed")?;
    }
    Ok(())
}

/// Returns the first level that a run has at another time than the run before, or has not at all.
fn other_level(before: &[Change], now: &[Change]) -> Option<String> {
    let level = |change: &Change| {
        let level = if change.high { "high" } else { "low" };
        format!("line {} {level} at {}", change.line.number(), time(change.time_us))
    };
    let of = |changes: &[Change], n: usize| changes.get(n).map_or_else(|| "nothing".to_string(), level);
    let differs = |n: &usize| {
        let [then, now] = [before, now].map(|all| all.get(*n).map(|one| (one.time_us, one.line, one.high)));
        then != now
    };
    let n = (0..before.len().max(now.len())).find(differs)?;
    Some(format!("its levels differ: {} -> {}", of(before, n), of(now, n)))
}

/// Returns what is another than in the round before.
fn difference(round: &Round, before: Option<&Round>, out: &mut dyn Write) -> Done {
    let Some(before) = before else {
        return Ok(writeln!(out, "{}", count(round.report.total, "byte"))?);
    };
    let (old, new) = (before.report.total, round.report.total);
    match new as i64 - old as i64 {
        0 => writeln!(out, "{}, as before", count(new, "byte"))?,
        by => writeln!(out, "{old} -> {new} bytes ({by:+})")?,
    }
    let ops = |report: &Report| -> BTreeMap<String, String> {
        let cost = |how: &How| match how {
            How::Direct(_) => "direct".to_string(),
            How::Bounded(bound) => count(bound.ops as usize, "op"),
            How::Fuelled(_) => "no bound".to_string(),
        };
        report.exports.iter().map(|export| (export.key.clone(), cost(&export.how))).collect()
    };
    let (old, new) = (ops(&before.report), ops(&round.report));
    for (key, now) in &new {
        match old.get(key) {
            Some(then) if then == now => {}
            Some(then) => writeln!(out, "{key}: {then} -> {now}")?,
            None => writeln!(out, "{key}: new, {now}")?,
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        writeln!(out, "{key}: gone")?;
    }
    for played in &round.played {
        let Some(then) = before.played.iter().find(|then| then.script == played.script) else { continue };
        let script = played.script.display();
        let lines = then.trace.lines().zip(played.trace.lines());
        let first = lines.zip(1..).find(|((then, now), _)| then != now);
        match first {
            Some(((then, now), n)) => writeln!(out, "{script}: line {n} of its trace: `{then}` -> `{now}`")?,
            None if then.trace == played.trace => {
                if let Some(text) = other_level(&then.levels, &played.levels) {
                    writeln!(out, "{script}: {text}")?;
                }
            }
            None => {
                let (then, now) = (then.trace.lines().count(), played.trace.lines().count());
                writeln!(out, "{script}: its trace has {then} -> {now} lines")?;
            }
        }
    }
    Ok(())
}
