//! `xmap rollback`: back to the image before.

use std::io::Write;

use xmap::text::{json, swapped_text};

use super::Done;
use super::reach::{Device, MapFiles, Module, image_things, must_keep, name_of, switched};

/// Go back to the image before the present one
///
/// A device keeps one image to go back to; going back twice leads to the present one again.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap rollback --port /dev/ttyUSB0
  xmap rollback --port /dev/ttyUSB0 --module 1")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    module: Module,
    #[command(flatten)]
    maps: MapFiles,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let maps = args.maps.read()?;
    let mut client = args.device.connect()?;
    let module = args.module.find(&mut client)?.module;
    let switch = client.rollback(module)?;
    let now = client.module(module)?.map_or_else(|| format!("module {module}"), |status| name_of(&status));
    let swapped = switched(&args.device, &mut client, (&now, "rolled back"), switch, &maps, out)?;
    let text = swapped_text("rolled back to", &now, &swapped);
    args.device.print(out, &json::swapped(&now, &swapped), &text)?;
    must_keep(&args.device, &mut client, &now, image_things(module), out)
}
