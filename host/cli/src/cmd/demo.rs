//! `xmap demo`: everything once, in a minute.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_image::OwnedImage;
use xmap_project::ScriptFile;
use xmap_sim::Sim;

use super::load::{Loaded, tell};
use super::{Done, bench, beside, demo_panel, sim};

/// Batches of each kind: enough for two digits.
const ROUNDS: usize = 201;

/// A visitor in the dark stairwell, and water in the cellar.
const SCENARIO: &str = "\
call lamp_on
advance 300000
call lamp_off
call call_gpio_set 17 true
advance 200000
call call_gpio_set 27 true      # the button is an input: refused
level button 0                  # a press at the door
call tick
advance 200000
level button 1
call chase_step
advance 200000
call chase_step
level float_switch 0            # water
call tick
advance 400000
level float_switch 1
call tick
call light_left_s
advance 200000
call presses_per_hour           # in the first second after the mount it would divide by zero
call all_off
advance 100000
";

/// Show what xmap does: compile a panel, run it, draw its lines, measure a call
///
/// The panel is in the program; nothing is read or written.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap demo
  xmap demo --web                 the panel on a web page, its inputs to press
  cargo run --release -- demo     from a clone")]
pub(super) struct Args {
    /// Put the panel on a web page instead, by the program xmap-serve
    #[arg(long)]
    web: bool,
}

/// The error for a machine without the gateway's program.
pub(super) fn no_gateway() -> Diagnostic {
    let program = "xmap-serve";
    let message = format!("{program}: no such program beside xmap, nor on the PATH");
    let help =
        "`cargo build --release -p xmap-gateway` or `cargo install --locked --path host/gateway` makes it";
    Diagnostic::new(Code::NoSuchFile, Place::File(program.into()), message).help(help.to_string())
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    if args.web {
        // It runs in the place of this program; where it cannot, the reason comes back.
        return match beside::run(OsStr::new("serve"), &["--demo".into()]) {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(Diagnostic::reading(Path::new("xmap-serve"), &error).into()),
            None => Err(no_gateway().into()),
        };
    }
    writeln!(
        out,
        "1. A stairwell's panel, written in C and compiled by clang to WebAssembly, becomes an image:\n"
    )?;
    let compiled = demo_panel::build()?;
    writeln!(out, "{}", compiled.report)?;

    writeln!(out, "2. The image on a simulated Raspberry Pi 4B:\n")?;
    let image = OwnedImage::new(compiled.words).expect("the compiler has verified what it built");
    let loaded = Loaded {
        path: Path::new("demo/panel.toml").into(),
        title: "demo/panel.toml".to_string(),
        image: image.clone(),
        seal: None,
        map: Some(compiled.map),
        map_path: Path::new("demo/panel.toml.map").into(),
        stale_map: false,
        manifest: None,
        sources: Vec::new(),
        report: compiled.report,
    };
    let place = Path::new("the demo's scenario");
    let script = ScriptFile::parse(place, SCENARIO.to_string(), &[image.image()], &mut tell)?;
    let mut sim = Sim::from_image(image.clone()).expect("the demo panel mounts");
    sim::told(&mut sim, &loaded, &script, &mut Vec::new(), out)?;

    writeln!(out, "\n3. What a call costs here, against the least that it can cost:\n")?;
    out.flush()?;
    let figures = xmap_floors::calls(image.image(), ROUNDS);
    bench::table(&figures, out)?;
    if cfg!(debug_assertions) {
        writeln!(out, "\nThis is a debug build: `cargo run --release -- demo` has figures of use.")?;
    }
    writeln!(
        out,
        "\nA direct entry holds its operation in the export table: no code runs for it, and a call through\n\
         the mapper takes {:.1} times as long as one through a table of functions written by hand.",
        figures.mapper_lamp / figures.table_lamp
    )?;
    writeln!(out, "\nNext, a panel of your own:\n{}", next(std::env::current_exe().ok().as_deref()))?;
    Ok(())
}

/// Commands that work where the person stands: `xmap` where it is on the PATH, else this program by its own
/// path.
fn next(program: Option<&Path>) -> String {
    let on_path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|folder| program.is_some_and(|program| folder.join("xmap") == program));
    let here = std::env::current_dir().ok();
    let xmap = match program {
        Some(program) if !on_path => {
            let shorter = here.as_deref().and_then(|here| program.strip_prefix(here).ok());
            shorter.map_or_else(|| program.display().to_string(), |path| format!("./{}", path.display()))
        }
        _ => "xmap".to_string(),
    };
    // WebAssembly's text needs no compiler.
    format!(
        "  {xmap} new lamp --lang wat        or c, rust, zig, as, go: `{xmap} doctor` says which compilers are here\n  \
         {xmap} test lamp\n  \
         {xmap} sim lamp/panel.toml --script lamp/tests/press.txt"
    )
}
