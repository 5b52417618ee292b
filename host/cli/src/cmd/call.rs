//! `xmap call`: an export of the panel on a device.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;
use xmap::text::{Maps, json};
use xmap_client::{Recorder, run_call_in};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;
use xmap_compiler::map::SourceMap;

use super::reach::Device;
use super::{Done, load::MAX_MAP_BYTES};

/// Call an export of the panel on a device
///
/// The device knows its exports and their types, so no file is needed. A trap is a result, not an error.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap call --port /dev/ttyUSB0 lamp_on
  xmap call --port tcp:127.0.0.1:5555 call_gpio_set 17 true
  xmap call --port /dev/ttyUSB0 --trace tick        with its register stores and messages
  xmap call --port /dev/ttyUSB0 --map panel.xmap.map tick
  xmap call --port /dev/ttyUSB0 --module pump start         of one module, where several have it")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    /// Take an export of this module: its number, or its name [default: the first that has it]
    #[arg(short, long, value_name = "MODULE")]
    module: Option<String>,
    /// Also print the register stores and messages of the call, before its result
    #[arg(short, long)]
    trace: bool,
    /// The map of the device's image: a trap's source line is printed on the standard error
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// The export: its wasm name, its key, or # and its number
    name: String,
    /// Its arguments: decimal or 0x, floats for float parameters
    #[arg(value_name = "ARG", trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut client = args.device.connect()?;
    let module = args.module.as_ref().map(|module| client.find_module(module)).transpose()?;
    let hash = match &module {
        Some(module) => module.image.map(|image| image.hash),
        None => client.hello().image.map(|image| image.hash),
    };
    let mut maps = Maps::default();
    if let Some(path) = &args.map {
        maps.add(read_map(path, hash)?);
    }
    let mut recorder = if args.trace { Some(Recorder::start(&mut client)?) } else { None };
    let called = run_call_in(&mut client, module.as_ref(), &args.name, &args.args)?;
    let lines = recorder.as_mut().map(|recorder| recorder.lines(&mut client)).transpose()?;
    if args.device.wire.json {
        let mut object = json::called(&called, &maps);
        if let Some(lines) = lines {
            object["trace"] = json!(lines);
        }
        writeln!(out, "{object}")?;
        return Ok(());
    }
    for line in lines.iter().flatten() {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{called}")?;
    if let Err(trap) = &called.outcome
        && let Some(origin) = maps.origin(trap)
    {
        out.flush()?;
        _ = writeln!(std::io::stderr(), "at {origin}");
    }
    Ok(())
}

/// Reads a map and holds it against the image that is called.
fn read_map(path: &Path, hash: Option<[u8; 32]>) -> Result<SourceMap, Diagnostic> {
    let text = input::read_text(path, MAX_MAP_BYTES)?;
    hash.and_then(|hash| SourceMap::read_for(&text, &hash)).ok_or_else(|| {
        let message = format!("{}: not the map of the image on the device", path.display());
        Diagnostic::new(Code::ImageInvalid, Place::file(path), message)
    })
}
