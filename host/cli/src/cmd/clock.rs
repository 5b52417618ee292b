//! `xmap clock`: the wall clock of a device.

use std::io::Write;

use xmap::text::{clock_text, json};
use xmap_client::now_us;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_image::Stamp;

use super::Done;
use super::reach::Device;

/// Show the wall clock of a device, or set it
///
/// A bare-metal device has no clock that runs without power: after each start the time is not known until a
/// host sets it, and until then no schedule runs. A device under Linux has its system's clock.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap clock --port /dev/ttyUSB0
  xmap clock set --port /dev/ttyUSB0
  xmap clock set --to 2026-11-28T07:00:00+01:00 --port /dev/ttyUSB0")]
pub(super) struct Args {
    /// Set it, to the time of this machine unless --to says another
    action: Option<Action>,
    /// The time as RFC 3339 has it
    #[arg(long, value_name = "TIME", requires = "action", value_parser = stamp)]
    to: Option<Stamp>,
    #[command(flatten)]
    device: Device,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Action {
    Set,
}

/// Reads a time of the command line.
pub(super) fn stamp(text: &str) -> Result<Stamp, String> {
    let known = Stamp::parse(text).filter(|stamp| stamp.0 >= 0);
    known.ok_or_else(|| "expected a time as 2026-11-28T07:00:00+01:00 or 2026-11-28T06:00:00Z".into())
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut client = args.device.connect()?;
    let status = match args.action {
        Some(Action::Set) => client.set_clock(args.to.map_or_else(now_us, |stamp| stamp.0))?,
        None => client.clock()?.ok_or_else(|| {
            let port = client.port().to_string();
            Diagnostic::new(
                Code::NoFeature,
                Place::File(port.clone()),
                format!("{port}: its firmware has no wall clock"),
            )
            .help("flash the firmware that belongs to this xmap (`cargo xtask image`)".to_string())
        })?,
    };
    args.device.print(out, &json::clock(Some(&status)), &clock_text(&status))
}
