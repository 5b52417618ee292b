//! `xmap metrics`: what a device counts.

use std::io::Write;

use xmap::text::json;
use xmap_link::openmetrics::Format;

use super::Done;
use super::reach::Device;

/// Show what a device counts: calls, traps, times and fuel of each export, events, frames
///
/// In OpenMetrics' text format, which Prometheus and others read; with --prometheus in the older one, with
/// --json as one object. Numbers of an export begin anew with each image that becomes active.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap metrics --port /dev/ttyUSB0
  xmap metrics --port unix:/run/xmapd/xmapd.sock --prometheus > /var/lib/node_exporter/xmap.prom
  xmap metrics --port /dev/ttyUSB0 --json | jq '.exports[] | {export, calls}'")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    /// Prometheus' older text format, as node_exporter's textfile collector and promtool read it
    #[arg(long, conflicts_with = "json")]
    prometheus: bool,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let metrics = args.device.connect()?.metrics()?;
    let text = metrics.text(if args.prometheus { Format::Prometheus } else { Format::OpenMetrics });
    args.device.print(out, &json::metrics(&metrics), text.trim_end())
}
