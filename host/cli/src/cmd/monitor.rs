//! `xmap monitor`: what a device says by itself.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use xmap_client::Incoming;

use super::firmware_log::Log;
use super::{Done, clean::one_line, reach::Device};

/// How long to listen before looking at the clock again.
const LISTEN: Duration = Duration::from_millis(200);

/// Show what a device says: its firmware's log and its panel's messages
///
/// The firmware logs with defmt: numbers travel, and the texts stand in the ELF file that was flashed.
/// Without it the firmware's log is only counted. Ends with Ctrl-C.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap monitor --port /dev/ttyUSB0 --elf target/aarch64-unknown-none/firmware/rpi4b
  xmap monitor --port tcp:127.0.0.1:5555 --seconds 10")]
pub(super) struct Args {
    #[command(flatten)]
    device: Device,
    /// The ELF file of the firmware on the device
    #[arg(short, long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// End after this time
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut log = args.elf.as_deref().map(Log::open).transpose()?;
    let mut client = args.device.connect()?;
    let start = Instant::now();
    let mut hidden = 0usize;
    while args.seconds.is_none_or(|seconds| start.elapsed() < Duration::from_secs(seconds)) {
        for incoming in client.listen(LISTEN)? {
            match (incoming, &mut log) {
                (Incoming::Message(message), _) => {
                    let (level, text) = (message.level.name(), &message.text);
                    let json = json!({ "from": "panel", "level": level, "text": text });
                    args.device.print(out, &json, &format!("panel    {level:<5} {}", one_line(text)))?;
                }
                (Incoming::Defmt(bytes), Some(log)) => {
                    for entry in log.received(&bytes)? {
                        args.device.print(out, &entry, &line(&entry))?;
                    }
                }
                (Incoming::Defmt(bytes), None) => hidden += bytes.len(),
            }
        }
        out.flush()?;
    }
    if hidden > 0 {
        let text = format!("{hidden} bytes of the firmware's log came; --elf makes them readable");
        args.device.print(out, &json!({ "from": "firmware", "hidden_bytes": hidden }), &text)?;
    }
    Ok(())
}

/// `firmware INFO  0.012345 mounted  (service.rs:12)`, for a message of the firmware's log.
fn line(entry: &Json) -> String {
    let text = |key: &str| entry[key].as_str();
    let Some(message) = text("text") else {
        return "firmware ?     a frame that this ELF file does not explain".into();
    };
    let time = text("time").map(|time| format!("{time} ")).unwrap_or_default();
    let place = text("place").map(|place| format!("  ({place})")).unwrap_or_default();
    format!("firmware {:<5} {time}{}{place}", text("level").unwrap_or_default(), one_line(message))
}
