//! `xmap test`: the scripts of panels, played as tests.

use std::io::Write;
use std::path::PathBuf;

use xmap_compiler::diagnostic::Diagnostics;
use xmap_project::{Counted, Coverage, For, Lines, Panel, Played, find, junit, panels, play, tap};
use xmap_sim::time;

use super::load::tell;
use super::output::{count, stderr_has_colours, write_file};
use super::{Done, Failure};

/// Play the scripts of panels as tests
///
/// Finds panels and their scripts (tests/*.txt beside a manifest), builds what is older than its source,
/// plays each script on the simulated board, and says what was not as expected. A trap that no `expect trap`
/// follows fails the test. Beside a script may stand its trace (day.trace beside day.txt), against which the
/// run is held.
///
/// A bundle of `xmap link` has the scripts of its folder `tests/NAME`; its panels run beside each other.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap test                           everything below this folder
  xmap test hall
  xmap test hall/tests/night.txt      one script
  xmap test home.xmap                 a bundle: tests/home/*.txt, on one device
  xmap test --junit report.xml        for a build server
  xmap test --coverage                says which lines of the source did not run
  xmap test --update                  writes the traces anew

Exit status: 0 all passed, 1 one failed.")]
pub(super) struct Args {
    /// Folders, manifests, bundles or scripts [default: this folder]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write a report that JUnit's tools read
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the Test Anything Protocol, and nothing else
    #[arg(long)]
    tap: bool,
    /// Say which source lines have run, and which have not
    #[arg(long)]
    coverage: bool,
    /// Write which source lines have run, as LCOV's tools and editors read it
    #[arg(long, value_name = "FILE")]
    lcov: Option<PathBuf>,
    /// Write the traces of the scripts anew
    #[arg(long)]
    update: bool,
}

/// A panel's results.
struct Tested {
    manifest: PathBuf,
    played: Vec<Played>,
    lines: Lines,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let here = [PathBuf::from(".")];
    let paths = if args.paths.is_empty() { &here[..] } else { &args.paths };
    let mut all = Vec::new();
    for panel in find(paths)? {
        if !panel.scripts.is_empty() {
            all.push(one(args, &panel, out)?);
        }
    }
    let counted: Vec<Counted<'_>> =
        all.iter().map(|tested| Counted { panel: &tested.manifest, played: &tested.played }).collect();
    if let Some(path) = &args.junit {
        write_file(path, junit(&counted).as_bytes())?;
    }
    if let Some(path) = &args.lcov {
        let mut lines = Lines::default();
        all.iter().for_each(|tested| lines.join(&tested.lines));
        write_file(path, lines.lcov().as_bytes())?;
    }
    if args.tap {
        write!(out, "{}", tap(&counted))?;
    }
    let played = || all.iter().flat_map(|tested| &tested.played);
    let failed = played().filter(|played| !played.failures.is_empty()).count();
    if !args.tap {
        let passed = played().count() - failed;
        writeln!(out, "{passed} passed, {failed} failed")?;
    }
    if failed == 0 { Ok(()) } else { Err(Failure::Failed) }
}

fn one(args: &Args, of: &Panel, out: &mut dyn Write) -> Result<Tested, Failure> {
    let show = !args.tap;
    if show {
        writeln!(out, "{}: {}", of.manifest.display(), count(of.scripts.len(), "test"))?;
        // A compiler may take its time, and writes to the standard error.
        out.flush()?;
    }
    let mut tested = Tested { manifest: of.manifest.clone(), played: Vec::new(), lines: Lines::default() };
    let what = For { update: args.update, lines: args.coverage || args.lcov.is_some() };
    match panels(&of.manifest, &mut tell) {
        Ok(images) => {
            for script in &of.scripts {
                let played = play(&images, &of.manifest, script, what, &mut tell);
                tested.lines.join(&played.lines);
                if show {
                    line(&played, out)?;
                }
                tested.played.push(played);
            }
            if show {
                writeln!(out, "  {}", Coverage::of(&images, &tested.played))?;
                if args.coverage {
                    lines(&tested.lines, out)?;
                }
                writeln!(out)?;
            }
        }
        Err(errors) => {
            let failed = |script: &PathBuf| Played {
                script: script.clone(),
                failures: errors.0.clone(),
                ..Played::default()
            };
            tested.played = of.scripts.iter().map(failed).collect();
            if show {
                write_errors(&errors, out)?;
            }
        }
    }
    Ok(tested)
}

/// Says which lines have run; none are known of a module without debug information.
fn lines(of: &Lines, out: &mut dyn Write) -> Done {
    if of.0.is_empty() {
        return Ok(writeln!(out, "  no source lines are known: the module has no debug information (-g)")?);
    }
    of.to_string().lines().try_for_each(|line| Ok(writeln!(out, "  {line}")?))
}

fn line(played: &Played, out: &mut dyn Write) -> Done {
    let Played { script, steps, virtual_us, updated, .. } = played;
    let verdict = if played.failures.is_empty() { "ok    " } else { "FAILED" };
    let updated = if *updated { ", its trace is written" } else { "" };
    let (script, steps) = (script.display(), count(*steps, "step"));
    writeln!(out, "  {verdict}  {script}: {steps} in {}{updated}", time(*virtual_us))?;
    if played.failures.is_empty() { Ok(()) } else { write_errors(&Diagnostics(played.failures.clone()), out) }
}

fn write_errors(errors: &Diagnostics, out: &mut dyn Write) -> Done {
    Ok(writeln!(out, "\n{}\n", errors.render(stderr_has_colours()))?)
}
