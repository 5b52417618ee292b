//! `xmap monitor`: what a device says by itself.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use xmap_compiler::device::Incoming;

use super::firmware_log::Texts;
use super::{Done, call::Device};

/// How long to listen before looking at the clock again.
const LISTEN: Duration = Duration::from_millis(200);

/// Show what a device says: its firmware's log and its panel's messages
///
/// The firmware logs with defmt: numbers travel, and the texts stand in the ELF file that was flashed.
/// Without it the firmware's log is only counted. To read it, xmap is built with `--features
/// firmware-log`. Ends with Ctrl-C.
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
    let texts = args.elf.as_deref().map(Texts::read).transpose()?;
    let mut log = texts.as_ref().map(Texts::log);
    let mut client = args.device.connect()?;
    let start = Instant::now();
    let mut hidden = 0usize;
    while args.seconds.is_none_or(|seconds| start.elapsed() < Duration::from_secs(seconds)) {
        for incoming in client.listen(LISTEN)? {
            match (incoming, &mut log) {
                (Incoming::Message(message), _) => {
                    writeln!(out, "panel    {:<5} {}", message.level.name(), printable(&message.text))?;
                }
                (Incoming::Defmt(bytes), Some(log)) => {
                    for line in log.received(&bytes) {
                        writeln!(out, "firmware {}", printable(&line))?;
                    }
                }
                (Incoming::Defmt(bytes), None) => hidden += bytes.len(),
            }
        }
        out.flush()?;
    }
    if hidden > 0 {
        writeln!(out, "{hidden} bytes of the firmware's log came; --elf makes them readable")?;
    }
    Ok(())
}

/// A device's text without what would change the terminal.
fn printable(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().collect() } else { c.to_string() };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line() {
        assert_eq!(printable("a\nb\u{1b}[2J é"), "a\\nb\\u{1b}[2J é");
    }
}
