//! `xmap confirm`: the new image is good.

use std::io::Write;

use serde_json::json;

use super::Done;
use super::reach::{Device, Module, image_things, must_keep, name_of};

/// Say that the image on trial is good: it stays
///
/// A panel whose manifest wants to be confirmed goes back to the image before when nobody does in time.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap confirm --port /dev/ttyUSB0
  xmap confirm --port /dev/ttyUSB0 --module pump")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    module: Module,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut client = args.device.connect()?;
    let status = args.module.find(&mut client)?;
    client.confirm(status.module)?;
    let name = name_of(&status);
    let json = json!({ "confirmed": name, "module": status.module, "generation": status.generation });
    args.device.print(out, &json, &format!("confirmed {name}: generation {}", status.generation))?;
    must_keep(&args.device, &mut client, &name, image_things(status.module), out)
}
