//! `xmap status`: how a device is.

use std::io::Write;

use xmap_compiler::device::report;

use super::{Done, call::Device};

/// Show a device: board, firmware, image and counters
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap status --port /dev/ttyUSB0
  xmap status --port tcp:127.0.0.1:5555")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut client = args.device.connect()?;
    let status = client.status()?;
    write!(out, "{}", report(client.hello(), &status))?;
    Ok(())
}
