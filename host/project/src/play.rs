//! One script, played to its end as a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use xmap_compiler::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use xmap_compiler::map::SourceMap;
use xmap_image::{HOOKS, OwnedImage};
use xmap_sim::{Change, Player, Sim, SimError, Unexpected};

use crate::lines::Lines;
use crate::{Note, ScriptFile, traps};

/// The results of a script's run.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// The script.
    pub script: PathBuf,
    /// What was not as expected; nothing where the test passed.
    pub failures: Vec<Diagnostic>,
    /// Steps that were played.
    pub steps: usize,
    /// Virtual time, in microseconds.
    pub virtual_us: u64,
    /// The keys of exports that were called and of handlers that ran.
    pub reached: BTreeSet<String>,
    /// The plain trace.
    pub trace: String,
    /// The levels that changed, with their times, which the plain trace does not have.
    pub levels: Vec<Change>,
    /// The trace was written anew.
    pub updated: bool,
    /// The source lines that ran, where they were asked for.
    pub lines: Lines,
}

/// What a script is played for beside its expectations.
#[derive(Clone, Copy, Debug, Default)]
pub struct For {
    /// Its trace is written.
    pub update: bool,
    /// The source lines that ran are noted ([`Played::lines`]).
    pub lines: bool,
}

/// Plays a script. Where a trace stands beside it, the run is held against that, unless it is to be written.
///
/// `images` run as the modules of one device, by their places: those of a bundle, or one; each with its map.
pub fn play(
    images: &[(OwnedImage, Option<SourceMap>)],
    panel: &Path,
    script: &Path,
    what: For,
    note: &mut dyn FnMut(Note<'_>),
) -> Played {
    let mut played = Played { script: script.to_path_buf(), ..Played::default() };
    let done = run(images, panel, &mut played, what, note);
    played.failures.extend(done.err().into_iter().flat_map(|errors| errors.0));
    played
}

/// Returns where the trace of a script stands: beside it, with the ending `.trace`; of `script.txt` it may be
/// `expected.trace`.
fn trace_path(script: &Path) -> PathBuf {
    let expected = script.with_file_name("expected.trace");
    if script.file_name().is_some_and(|name| name == "script.txt") && expected.is_file() {
        return expected;
    }
    script.with_extension("trace")
}

fn run(
    images: &[(OwnedImage, Option<SourceMap>)],
    panel: &Path,
    played: &mut Played,
    what: For,
    note: &mut dyn FnMut(Note<'_>),
) -> Result<(), Diagnostics> {
    let views: Vec<_> = images.iter().map(|(image, _)| image.image()).collect();
    let maps = || images.iter().filter_map(|(_, map)| map.as_ref());
    let file = ScriptFile::read(&played.script, &views, note)?;
    let [(image, map), others @ ..] = images else { return Ok(()) };
    let map = map.as_ref();
    let began = if what.lines { Sim::watched(image.clone()) } else { Sim::from_image(image.clone()) };
    let mut sim = match began {
        Ok(sim) => sim,
        Err(SimError::Mount { error, .. }) => return Err(traps::refused(panel, map, &error).into()),
        Err(error) => {
            let message = format!("{}: {error}", panel.display());
            return Err(Diagnostic::new(Code::ImageInvalid, Place::file(panel), message).into());
        }
    };
    for (module, (image, _)) in (1..).zip(others) {
        sim.load_as(module, &image.image()).map_err(|error| {
            let message = format!("{}, image {}: {error}", panel.display(), module + 1);
            Diagnostic::new(Code::MountFailed, Place::file(panel), message)
        })?;
    }
    let mut trace = String::new();
    let mut show = |shown: xmap_sim::Shown| trace += &format!("{shown}\n");
    let places = |trap: &tiny_mapper::Trap| traps::places(maps().chain(file.maps()), trap);
    let mut player = Player::new(&mut sim, &mut show).with_places(&places);
    let mut ended = Ok(());
    for step in file.script().unrolled() {
        played.steps += 1;
        if let Err(error) = player.play(&mut sim, step, &mut show) {
            played.failures.push(file.diagnose(&error));
            // What is not as expected says nothing of what comes behind it; what could not be done does.
            if !matches!(error.kind, xmap_sim::StepErrorKind::Expected { .. }) {
                ended = Err(());
                break;
            }
        }
    }
    if ended.is_ok()
        && let Err(error) = player.finish(&mut sim)
    {
        played.failures.push(file.diagnose(&error));
    }
    played.virtual_us = sim.time_us();
    played.reached = sim.reached().clone();
    for (image, map) in images.iter().filter(|_| what.lines) {
        if let Some(map) = map {
            played.lines.join(&Lines::of(map, &sim.seen_ops(&image.image())));
        }
    }
    played.levels = sim.board().changes().to_vec();
    played.trace = trace;
    let trace = &played.trace;
    let path = trace_path(&played.script);
    if what.update {
        fs::write(&path, trace).map_err(|error| Diagnostic::writing(&path, &error))?;
        played.updated = true;
    }
    match fs::read_to_string(&path) {
        Ok(kept) => played.failures.extend(difference(&path, &kept, trace)),
        Err(_) => {
            let trapped = player.unexpected();
            played.failures.extend(trapped.iter().map(|trap| unexpected(&file, maps(), trap)));
        }
    }
    Ok(())
}

fn unexpected<'m>(
    file: &'m ScriptFile,
    maps: impl Iterator<Item = &'m SourceMap>,
    of: &Unexpected,
) -> Diagnostic {
    let Unexpected { line, name, trap } = of;
    let message = format!("{name} trap {}: {}", trap.code, traps::reason(trap));
    let error = Diagnostic::new(Code::ScriptTrap, file.place(*line), message);
    let error = match traps::origin(maps.chain(file.maps()), trap) {
        Some(origin) => error.note(Place::File(origin.to_string()), "it happened here"),
        None => error,
    };
    error.help(format!("where it is meant to, the next step is `expect trap {}`", trap.code))
}

/// The first line in which a trace differs from the one that is kept.
fn difference(path: &Path, kept: &str, trace: &str) -> Option<Diagnostic> {
    if kept == trace {
        return None;
    }
    let end = "the end";
    let (mut kept, mut found) = (kept.lines(), trace.lines());
    for n in 1.. {
        let (expected, line) = (kept.next(), found.next());
        if expected == line && expected.is_some() {
            continue;
        }
        let quoted = |line: Option<&str>| line.map_or(end.to_owned(), |line| format!("`{line}`"));
        let message = format!("line {n}: expected {}, found {}", quoted(expected), quoted(line));
        let place = Place::File(format!("{}:{n}", path.display()));
        let help = "`xmap test --update` writes the trace anew, where the new one is right".to_string();
        return Some(Diagnostic::new(Code::ScriptTrace, place, message).help(help));
    }
    None
}

/// The part of a panel that its scripts have reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The exports that a host can call, and whether one was.
    pub exports: Vec<(String, bool)>,
    /// The handlers, and whether one ran.
    pub handlers: Vec<(String, bool)>,
}

impl Coverage {
    /// Holds the keys that runs have reached against those that the image has.
    pub fn of<'p>(
        images: &[(OwnedImage, Option<SourceMap>)],
        played: impl IntoIterator<Item = &'p Played>,
    ) -> Self {
        let reached: BTreeSet<&str> =
            played.into_iter().flat_map(|played| played.reached.iter().map(String::as_str)).collect();
        let mut coverage = Self::default();
        for (image, _) in images {
            let view = image.image();
            let handlers: BTreeSet<u16> = image.manifest().events.iter().map(|event| event.export).collect();
            for n in 0..view.exports().len() as u16 {
                let key = view.key(xmap_image::ExportId(n)).unwrap_or_default();
                if HOOKS.contains(&key) {
                    continue;
                }
                let list = if handlers.contains(&n) { &mut coverage.handlers } else { &mut coverage.exports };
                list.push((key.to_owned(), reached.contains(key)));
            }
        }
        coverage
    }
}

impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |all: &[(String, bool)], what: &str| {
            let missing: Vec<&str> =
                all.iter().filter(|(_, yes)| !yes).map(|(key, _)| key.as_str()).collect();
            let (reached, count) = (all.len() - missing.len(), all.len());
            let rest =
                if missing.is_empty() { String::new() } else { format!(" (not {})", missing.join(", ")) };
            (count > 0).then(|| format!("{reached} of {count} {what}{rest}"))
        };
        let parts = [part(&self.exports, "exports called"), part(&self.handlers, "handlers run")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        let of = |kept, trace| difference(Path::new("a.trace"), kept, trace).map(|error| error.message);
        assert_eq!(of("a\nb\n", "a\nb\n"), None);
        assert_eq!(of("a\nb\n", "a\nc\n").as_deref(), Some("line 2: expected `b`, found `c`"));
        assert_eq!(of("a\n", "a\nc\n").as_deref(), Some("line 2: expected the end, found `c`"));
        assert_eq!(of("a\nb\n", "").as_deref(), Some("line 1: expected `a`, found the end"));
    }
}
