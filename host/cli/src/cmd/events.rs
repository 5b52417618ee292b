//! `xmap events`: what happened on a device.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use xmap::text::{Maps, happening_line, image_digits, json};
use xmap_client::Client;
use xmap_compiler::diagnostic::Code;

use xmap_compiler::map::hex;

use super::Done;
use super::reach::{Device, MapFiles, hint_at_maps, learn_keys, seconds};

/// How long to rest between two questions for news.
const POLL: Duration = Duration::from_millis(300);

/// Show what happened on a device: swaps, traps, faults, lost hosts
///
/// The device keeps the latest of it, with the time since it started. With --map a trap names its source
/// line.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap events --port /dev/ttyUSB0
  xmap events --port /dev/ttyUSB0 --map panel.xmap.map --follow
  xmap events --port /dev/ttyUSB0 --json | jq 'select(.what == \"trapped\")'")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    #[command(flatten)]
    maps: MapFiles,
    /// Go on with what happens from now on; ends with Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// With --follow: end after this time
    #[arg(long, value_name = "N", value_parser = seconds, requires = "follow")]
    seconds: Option<Duration>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut maps = args.maps.read()?;
    let mut client = args.device.connect()?;
    if !args.maps.is_empty() {
        args.maps.hold_against_hashes(&maps, &images(&mut client)?);
    }
    let start = Instant::now();
    let mut from = 0;
    loop {
        match news(args, &mut client, &mut maps, from, out) {
            Ok(next) => from = next,
            // Its numbers begin anew, and so does this.
            Err(super::Failure::Input(errors)) if args.follow && errors.has(Code::DeviceRestarted) => {
                client.greet()?;
                from = 0;
                args.device.print(out, &json!({ "what": "device_restarted" }), "the device has restarted")?;
                continue;
            }
            Err(error) => return Err(error),
        }
        out.flush()?;
        if !args.follow || args.seconds.is_some_and(|seconds| start.elapsed() >= seconds) {
            return Ok(());
        }
        thread::sleep(POLL);
    }
}

/// Prints what happened from this number on; gives the number of the next.
fn news(
    args: &Args,
    client: &mut Client,
    maps: &mut Maps,
    from: u32,
    out: &mut dyn Write,
) -> Result<u32, super::Failure> {
    let (happenings, next) = client.happenings(from)?;
    let names = if happenings.is_empty() { Vec::new() } else { names(client)? };
    if let Some((first, _)) = happenings.first()
        && *first > from
    {
        let lost = first - from;
        let text = format!("{lost} earlier ones are no longer held");
        args.device.print(out, &json!({ "what": "lost", "lost": lost }), &text)?;
    }
    let traps =
        || happenings.iter().filter_map(|(_, happening)| Some((happening.module, *happening.what.trap()?)));
    learn_keys(client, maps, traps())?;
    let maps = &*maps;
    for (number, happening) in &happenings {
        let name = names.get(usize::from(happening.module)).map_or("", String::as_str);
        let json = json::happening(*number, happening, name, maps);
        args.device.print(out, &json, &happening_line(happening, name, maps))?;
    }
    if from == 0 {
        hint_at_maps(maps, traps().map(|(_, trap)| trap).collect::<Vec<_>>().iter());
    }
    Ok(next)
}

/// The names that the modules have now, by number.
fn names(client: &mut Client) -> Result<Vec<String>, xmap_client::Error> {
    Ok(client.modules()?.iter().map(|module| module.name.as_str().to_string()).collect())
}

/// The hashes of the images that run and, as far as a trap has them, of those that trapped.
fn images(client: &mut Client) -> Result<Vec<String>, xmap_client::Error> {
    let mut images: Vec<String> =
        client.modules()?.iter().filter_map(|module| Some(hex(&module.image?.hash))).collect();
    let (happenings, _) = client.happenings(0)?;
    images.extend(happenings.iter().filter_map(|(_, happening)| happening.what.trap()).map(image_digits));
    Ok(images)
}
