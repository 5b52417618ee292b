//! `xmap monitor`: what a device says by itself.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use defmt_decoder::{DecodeError, Locations, Table};
use serde_json::{Value as Json, json};
use xmap_compiler::device::Incoming;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;

use super::{Done, reach::Device};

/// Bytes of an ELF file that are read: the firmware with its debug information has a few million.
const MAX_ELF_BYTES: u64 = 256 << 20;
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
    let texts = args.elf.as_deref().map(Texts::read).transpose()?;
    let mut decoder = texts.as_ref().map(|texts| texts.table.new_stream_decoder());
    let mut client = args.device.connect()?;
    let start = Instant::now();
    let mut hidden = 0usize;
    while args.seconds.is_none_or(|seconds| start.elapsed() < Duration::from_secs(seconds)) {
        for incoming in client.listen(LISTEN)? {
            match (incoming, &texts, &mut decoder) {
                (Incoming::Message(message), ..) if args.device.wire.json => {
                    let json =
                        json!({ "from": "panel", "level": message.level.name(), "text": message.text });
                    writeln!(out, "{json}")?;
                }
                (Incoming::Message(message), ..) => {
                    writeln!(out, "panel    {:<5} {}", message.level.name(), printable(&message.text))?;
                }
                (Incoming::Defmt(bytes), Some(texts), Some(decoder)) => {
                    decoder.received(&bytes);
                    loop {
                        match decoder.decode() {
                            Ok(frame) if args.device.wire.json => {
                                writeln!(out, "{}", texts.json(&frame))?;
                            }
                            Ok(frame) => writeln!(out, "{}", texts.line(&frame))?,
                            Err(DecodeError::UnexpectedEof) => break,
                            Err(DecodeError::Malformed) => {
                                // What came before and after it stays readable.
                                let json = json!({ "from": "firmware", "text": null });
                                let text = "firmware ?     a frame that this ELF file does not explain";
                                args.device.print(out, &json, text)?;
                                *decoder = texts.table.new_stream_decoder();
                                break;
                            }
                        }
                    }
                }
                (Incoming::Defmt(bytes), ..) => hidden += bytes.len(),
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

/// The texts of a firmware's log.
struct Texts {
    table: Table,
    locations: Locations,
}

impl Texts {
    fn read(path: &Path) -> Result<Self, Diagnostic> {
        let elf = input::read_at_most(path, MAX_ELF_BYTES)?;
        let error = |what: String| {
            let message = format!("{}: {what}", path.display());
            Diagnostic::new(Code::NoLogTexts, Place::file(path), message)
        };
        let table = match Table::parse(&elf) {
            Ok(Some(table)) => table,
            Ok(None) => return Err(error("no defmt section".into())),
            Err(reason) => return Err(error(format!("no texts of a log can be read: {reason}"))),
        };
        // Without debug information there are no places; that is no error.
        let locations = table.get_locations(&elf).unwrap_or_default();
        Ok(Self { table, locations })
    }

    /// A line of the firmware's log: `firmware INFO  mounted (service.rs:12)`.
    fn line(&self, frame: &defmt_decoder::Frame<'_>) -> String {
        let level = level(frame);
        let time = frame.display_timestamp().map(|time| format!("{time} ")).unwrap_or_default();
        let place = self.place(frame).map(|place| format!("  ({place})"));
        let message = printable(&frame.display_message().to_string());
        format!("firmware {level:<5} {time}{message}{}", place.unwrap_or_default())
    }

    fn json(&self, frame: &defmt_decoder::Frame<'_>) -> Json {
        json!({
            "from": "firmware",
            "level": level(frame),
            "time": frame.display_timestamp().map(|time| time.to_string()),
            "text": frame.display_message().to_string(),
            "place": self.place(frame),
        })
    }

    /// `service.rs:12`, where the ELF file has debug information.
    fn place(&self, frame: &defmt_decoder::Frame<'_>) -> Option<String> {
        let at = self.locations.get(&frame.index())?;
        Some(format!("{}:{}", at.file.file_name()?.display(), at.line))
    }
}

fn level(frame: &defmt_decoder::Frame<'_>) -> String {
    frame.level().map_or("", |level| level.as_str()).to_uppercase()
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

    #[test]
    fn a_file_that_is_no_firmware_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no ELF").unwrap();
        assert_eq!(Texts::read(file.path()).map(drop).unwrap_err().code, Code::NoLogTexts);
        // This very test is an ELF file without a log.
        let this = std::env::current_exe().unwrap();
        assert_eq!(Texts::read(&this).map(drop).unwrap_err().code, Code::NoLogTexts);
    }
}
