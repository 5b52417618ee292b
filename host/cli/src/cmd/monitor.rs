//! `xmap monitor`: what a device says by itself.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use xmap::text::json::board_name;
use xmap::text::uptime;
use xmap_client::{Client, ErrorCode, Incoming, Message};
use xmap_link::features;

use super::firmware_log::Log;
use super::share::{Guest, Share};
use super::{Done, Failure, clean::one_line, reach::Device};

/// How long to listen before looking at the clock again.
const LISTEN: Duration = Duration::from_millis(200);

/// Show what a device says: its firmware's log and its panel's messages
///
/// The firmware logs with defmt: numbers travel, and the texts stand in the ELF file that was flashed.
/// Without it the firmware's log is only counted. Other verbs of this user may use the port meanwhile, one at
/// a time. Ends with Ctrl-C.
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
    let log = args.elf.as_deref().map(Log::open).transpose()?;
    let (mut client, is_borrowed) = args.device.connect_or_borrow()?;
    let start = Instant::now();
    let mut shown = Shown { args, log, hidden: 0, device: Speaker::of(&mut client)? };
    shown.device.print(args, &client, out)?;
    // A port that was lent is not this program's to lend, and the service takes several hosts by itself.
    let is_own = !is_borrowed && client.hello().features & features::LINUX == 0;
    let share = if is_own { Share::offer(&args.device.port.parse()?) } else { None };
    while args.seconds.is_none_or(|seconds| start.elapsed() < Duration::from_secs(seconds)) {
        for incoming in client.listen(LISTEN)? {
            shown.incoming(incoming, out)?;
        }
        out.flush()?;
        if let Some(guest) = share.as_ref().and_then(Share::guest) {
            client = lend(args, client, guest, &mut shown, out)?;
        }
    }
    if shown.hidden > 0 {
        let hidden = shown.hidden;
        let text = format!("{hidden} bytes of the firmware's log came; --elf makes them readable");
        args.device.print(out, &json!({ "from": "firmware", "hidden_bytes": hidden }), &text)?;
    }
    Ok(())
}

/// Gives the port to another verb until that is done, and greets the device anew.
fn lend(
    args: &Args,
    client: Client,
    guest: Guest,
    shown: &mut Shown<'_>,
    out: &mut dyn Write,
) -> Result<Client, Failure> {
    let (port, options) = (client.port().to_string(), args.device.wire.options()?);
    let mut wire = client.into_wire();
    let broken = |error: std::io::Error| {
        let message = format!("{port}: the link broke: {error}");
        Failure::from(xmap_client::Error::new(ErrorCode::LinkBroken, port.clone(), message))
    };
    let mut failed = Ok(());
    let lent = guest.serve(&mut wire, &mut |incoming| {
        if failed.is_ok() {
            failed = shown.incoming(incoming, out).and_then(|()| Ok(out.flush()?));
        }
    });
    failed?;
    lent.map_err(broken)?;
    let mut client = Client::over(wire, &options)?;
    client.need_access()?;
    // The verb may have brought another panel.
    shown.device = Speaker::of(&mut client)?;
    Ok(client)
}

/// The device that speaks.
struct Speaker {
    /// When the device started, as far as this machine's clock tells: messages carry no time.
    uptime_us: u64,
    heard: Instant,
    /// Number, name and version of the modules that have an image.
    modules: Vec<(u8, String, u32)>,
}

impl Speaker {
    /// Asks a device once: whoever only listens is no host for a panel that rests without one.
    fn of(client: &mut Client) -> Result<Self, Failure> {
        let modules = if client.has_modules() { client.modules()? } else { Vec::new() };
        let modules = modules.into_iter().filter_map(|module| {
            let name = match module.name.as_str() {
                "" => "module".to_string(),
                name => name.escape_debug().to_string(),
            };
            Some((module.module, name, module.image?.version))
        });
        let modules = modules.collect();
        Ok(Self { uptime_us: client.status()?.uptime_us, heard: Instant::now(), modules })
    }

    fn now_us(&self) -> u64 {
        self.uptime_us + u64::try_from(self.heard.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The number of the module that a message is of, and its name where the image was there when the device
    /// was asked. An older device does not say the number: it is known where there is one module.
    fn module(&self, message: &Message) -> Option<(u8, Option<&str>)> {
        let number = match (message.module, &self.modules[..]) {
            (None, [(module, ..)]) => *module,
            (number, _) => number?,
        };
        let named = self.modules.iter().find(|(module, ..)| *module == number);
        Some((number, named.map(|(_, name, _)| name.as_str())))
    }

    fn print(&self, args: &Args, client: &Client, out: &mut dyn Write) -> Done {
        let (board, hello) = (board_name(client.hello()), client.hello());
        let modules: Vec<Json> = self
            .modules
            .iter()
            .map(|(module, name, version)| json!({ "module": module, "name": name, "version": version }))
            .collect();
        let object = json!({
            "from": "device", "port": client.port(), "board": board, "firmware": hello.firmware.as_str(),
            "uptime_us": self.uptime_us, "modules": modules,
        });
        let modules = self
            .modules
            .iter()
            .map(|(module, name, version)| format!("module {module} {name} version {version}"));
        let modules: Vec<String> = modules.collect();
        let modules = if modules.is_empty() { "no module".to_string() } else { modules.join(", ") };
        let firmware = hello.firmware.as_str().escape_debug();
        let up = uptime(self.uptime_us);
        let text = format!("{board} at {}, firmware {firmware}, up {up}: {modules}", client.port());
        args.device.print(out, &object, &text)
    }
}

/// What a monitor shows, and what it has not shown.
struct Shown<'a> {
    args: &'a Args,
    log: Option<Log>,
    hidden: usize,
    device: Speaker,
}

impl Shown<'_> {
    fn incoming(&mut self, incoming: Incoming, out: &mut dyn Write) -> Done {
        let device = &self.args.device;
        match (incoming, &mut self.log) {
            (Incoming::Message(message), _) => {
                let (level, text) = (message.level.name(), &message.text);
                let time_us = self.device.now_us();
                let module = self.device.module(&message);
                let json = json!({
                    "from": "panel", "time_us": time_us, "module": module.map(|(module, _)| module),
                    "name": module.and_then(|(_, name)| name), "level": level, "text": text,
                });
                let of = module.map_or_else(
                    || "panel".to_string(),
                    |(number, name)| format!("{number} {}", name.unwrap_or("?")),
                );
                let line = format!("{}  {of}  {level:<5} {}", uptime(time_us), one_line(text));
                device.print(out, &json, &line)?;
            }
            (Incoming::Defmt(bytes), Some(log)) => {
                for entry in log.received(&bytes)? {
                    device.print(out, &entry, &line(&entry))?;
                }
            }
            (Incoming::Defmt(bytes), None) => self.hidden += bytes.len(),
        }
        Ok(())
    }
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
