//! `xmap reset`: a module anew, or the whole device.

use std::io::Write;

use serde_json::json;

use super::Done;
use super::reach::{Device, Module, name_of};

/// Load a module anew, or restart the device
///
/// A module's outputs become safe first, and nothing of its state is kept. A faulted one works again.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap reset --port /dev/ttyUSB0                 module 0
  xmap reset --port /dev/ttyUSB0 --module pump
  xmap reset --port /dev/ttyUSB0 --device        as if its power had gone")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    module: Module,
    /// Restart the device, with the image that it was given at boot
    #[arg(long = "device", conflicts_with = "module")]
    whole: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut client = args.device.connect()?;
    if args.whole {
        client.reset(None)?;
        return args.device.print(out, &json!({ "reset": "device" }), "the device restarts");
    }
    let status = args.module.find(&mut client)?;
    client.reset(Some(status.module))?;
    let name = name_of(&status);
    let json = json!({ "reset": name, "module": status.module });
    args.device.print(out, &json, &format!("reset {name}"))
}
