//! `xmap call`: an export of the panel on a device.

use std::io::Write;
use std::path::PathBuf;

use xmap_compiler::device::{Client, Options, PortName, Recorder, run_call};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;
use xmap_compiler::map::SourceMap;

use super::Done;

/// Bytes of a map that are read.
const MAX_MAP_BYTES: u64 = 256 << 20;

/// How to reach a device.
#[derive(clap::Args)]
pub(super) struct Device {
    /// The device: tcp:HOST:PORT, or the path of a serial port
    #[arg(short, long)]
    port: String,
    /// Bits a second of a serial port
    #[arg(long, value_name = "N", default_value_t = 115_200)]
    baud: u32,
}

impl Device {
    /// Opens the port and greets the device.
    ///
    /// # Errors
    /// X0901 to X0907.
    pub(super) fn connect(&self) -> Result<Client, Diagnostic> {
        let port: PortName = self.port.parse()?;
        Client::connect(&port, &Options { baud: self.baud, ..Options::default() })
    }
}

/// Call an export of the panel on a device
///
/// The device knows its exports and their types, so no file is needed. A trap is a result, not an error.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap call --port /dev/ttyUSB0 lamp_on
  xmap call --port tcp:127.0.0.1:5555 call_gpio_set 17 true
  xmap call --port /dev/ttyUSB0 --trace tick        with its register stores and messages
  xmap call --port /dev/ttyUSB0 --map panel.xmap.map tick")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
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
    let map = args.map.as_ref().map(|path| read_map(path, &client)).transpose()?;
    let mut recorder = if args.trace { Some(Recorder::start(&mut client)?) } else { None };
    let called = run_call(&mut client, &args.name, &args.args)?;
    if let Some(recorder) = &mut recorder {
        for line in recorder.lines(&mut client)? {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out, "{called}")?;
    if let (Some(map), Err(trap)) = (map, &called.outcome)
        && let Some(origin) = map.find(trap.op)
    {
        out.flush()?;
        _ = writeln!(std::io::stderr(), "at {origin}");
    }
    Ok(())
}

/// Reads a map and holds it against the image that the device has.
fn read_map(path: &std::path::Path, client: &Client) -> Result<SourceMap, Diagnostic> {
    let text = input::read_text(path, MAX_MAP_BYTES)?;
    let hash = client.hello().image.as_ref().map(|image| image.hash);
    hash.and_then(|hash| SourceMap::read_for(&text, &hash)).ok_or_else(|| {
        let message = format!("{}: not the map of the image on the device", path.display());
        Diagnostic::new(Code::ImageInvalid, Place::file(path), message)
    })
}
