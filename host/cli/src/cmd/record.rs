//! `xmap record`: what a device was told, to play it again.

use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use xmap_sim::Recording;

use super::output::{self, count};
use super::reach::{Device, seconds};
use super::replay::unreadable;
use super::{Done, Failure};

/// How long to rest between two questions for more.
const POLL: Duration = Duration::from_millis(200);

/// Save what a device was told of late, to play it again in the simulator
///
/// A device notes what it reads (times, levels, edges, answers of buses) and what hosts ask for, from its
/// start on; when the memory for that is full, the older half goes. The file has it with the register stores
/// that the device still holds. `xmap replay` plays it; the images are those that the device mounted.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap record --port /dev/ttyUSB0 -o night.xrec
  xmap record --port unix:/run/xmap/xmapd.sock -o now.xrec --seconds 30
  xmap replay night.xrec panel.toml")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    /// The file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Go on for this time, with what happens from now on
    #[arg(long, value_name = "N", value_parser = seconds)]
    seconds: Option<Duration>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut client = args.device.connect()?;
    let start = Instant::now();
    let mut stores = Vec::new();
    loop {
        // Again and again: a device holds the latest stores alone.
        let from = stores.last().map_or(0, |(number, _)| number + 1);
        stores.extend(client.trace(from)?);
        let left = args.seconds.and_then(|seconds| seconds.checked_sub(start.elapsed()));
        let Some(left) = left.filter(|left| !left.is_zero()) else { break };
        thread::sleep(POLL.min(left));
    }
    let (noted, ended) = client.recording()?;
    let recording = made(noted, ended, stores, &args.device.port)?;
    output::write_file(&args.output, &recording.to_bytes())?;
    let (bytes, first) = (recording.noted.len(), recording.first_store);
    let path = args.output.display();
    let mut text = format!("{path}: {}, {}", count(bytes, "byte"), count(recording.stores.len(), "store"));
    if first > 0 {
        text += &format!("; {} before them are no longer held", count(first as usize, "store"));
    }
    if ended {
        text += "\nthe recording has ended before now: another policy holds, or its memory is too small";
    }
    let object = json!({
        "file": args.output, "bytes": bytes, "stores": recording.stores.len(), "first_store": first,
        "ended": ended,
    });
    args.device.print(out, &object, &text)
}

/// Puts both together. Of the stores only those without a gap before them are of use.
fn made(
    noted: Vec<u8>,
    ended: bool,
    stores: Vec<(u32, xmap_link::TraceEntry)>,
    port: &str,
) -> Result<Recording, Failure> {
    let mut recording = Recording::new(noted, ended).map_err(|error| unreadable(port.as_ref(), error))?;
    let gap = stores.windows(2).rposition(|pair| pair[1].0 != pair[0].0 + 1).map_or(0, |at| at + 1);
    let held = stores.get(gap..).unwrap_or_default();
    recording.first_store = held.first().map_or(0, |(number, _)| *number);
    recording.stores = held.iter().map(|(_, store)| *store).collect();
    Ok(recording)
}
