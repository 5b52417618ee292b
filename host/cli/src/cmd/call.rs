//! `xmap call`: an export of the panel on a device.

use std::io::Write;

use serde_json::json;
use xmap::text::json;
use xmap_client::{Recorder, run_call_in};
use xmap_link::split_export_id;

use super::reach::{Device, MapFiles};
use super::{Done, Failure};

/// Call an export of the panel on a device
///
/// The device knows its exports and their types, so no file is needed. Where the call traps, that is printed
/// as its result, and the exit status is 3.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap call --port /dev/ttyUSB0 lamp_on
  xmap call --port tcp:127.0.0.1:5555 call_gpio_set 17 true
  xmap call heat_to -4.5 --port /dev/ttyUSB0
  xmap call --port /dev/ttyUSB0 say -- --help               a text that begins with a hyphen
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
    #[command(flatten)]
    maps: MapFiles,
    /// The export: its wasm name, its key, or # and its number
    name: String,
    /// Its arguments: decimal or 0x, floats for float parameters; behind `--` one may begin with a hyphen
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    args: Vec<String>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let maps = args.maps.read()?;
    let mut client = args.device.connect()?;
    let module = args.module.as_ref().map(|module| client.find_module(module)).transpose()?;
    let image = module.as_ref().map_or(client.hello().image, |module| module.image);
    args.maps.hold_against(&maps, image);
    let mut recorder = if args.trace { Some(Recorder::start(&mut client)?) } else { None };
    let called = run_call_in(&mut client, module.as_ref(), &args.name, &args.args)?;
    let lines = recorder.as_mut().map(|recorder| recorder.lines(&mut client)).transpose()?;
    let callers = match &called.outcome {
        Err(trap) => client.callers(split_export_id(called.export.id).0, trap)?,
        Ok(_) => Vec::new(),
    };
    if args.device.wire.json {
        let mut object = json::called(&called, &maps);
        if let Err(trap) = &called.outcome {
            object["trap"]["stack"] = json::callers(trap, &callers, &maps);
        }
        if let Some(lines) = lines {
            object["trace"] = json!(lines);
        }
        writeln!(out, "{object}")?;
    } else {
        for line in lines.iter().flatten() {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "{called}")?;
    }
    let Err(trap) = &called.outcome else { return Ok(()) };
    if let Some(origin) = maps.origin(trap).filter(|_| !args.device.wire.json) {
        out.flush()?;
        _ = writeln!(std::io::stderr(), "at {origin}");
        for caller in maps.callers(trap, &callers) {
            _ = writeln!(std::io::stderr(), "called from {caller}");
        }
    }
    Err(Failure::Trapped)
}
