//! `xmap devices`: what can be reached.

use std::io::Write;
use std::thread;
use std::time::Duration;

use serde_json::{Value as Json, json};
use xmap::text::{columns, json};
use xmap_client::{Client, ErrorCode, Options, PortName};
use xmap_compiler::map::hex;
use xmap_link::{ModuleStatus, Retry};

use super::Done;
use super::reach::WireArgs;

/// How long a device may take for the connection, and how long for each of two greetings.
const PATIENCE: Duration = Duration::from_millis(500);

/// Show the devices that answer on this machine's serial ports, or at the given ones
///
/// Each port is opened and greeted with a few bytes. What is no device of ours gets them too: --list only
/// names the ports, and who gives ports has no others opened.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap devices
  xmap devices tcp:10.0.0.7:5555 tcp:10.0.0.8:5555
  xmap devices --list                             opens nothing")]
pub(super) struct Args {
    #[command(flatten)]
    wire: WireArgs,
    /// Name the ports and open none
    #[arg(short, long)]
    list: bool,
    /// The ports to ask: tcp:HOST:PORT, unix:PATH, or paths [default: the serial ports of this machine]
    #[arg(value_name = "PORT")]
    ports: Vec<String>,
}

/// What stands behind a port.
type Found = Result<(Client, Vec<ModuleStatus>), xmap_client::Error>;

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Done {
    let mut ports: Vec<PortName> = args.ports.iter().map(|port| port.parse()).collect::<Result<_, _>>()?;
    if ports.is_empty() {
        ports = PortName::serial_ports();
    }
    if args.list {
        for port in &ports {
            args.wire.print(out, &json!({ "port": port.to_string() }), &port.to_string())?;
        }
        return Ok(());
    }
    let options = Options {
        connect: PATIENCE,
        retry: Retry { timeout_us: PATIENCE.as_micros() as u64, attempts: 2 },
        ..args.wire.options()?
    };
    // All at once: most ports have nobody behind them, and that takes its time to find out.
    let found: Vec<(String, Found)> = thread::scope(|scope| {
        let asked: Vec<_> =
            ports.iter().map(|port| (port.to_string(), scope.spawn(|| ask(port, &options)))).collect();
        let answer = |handle: thread::ScopedJoinHandle<'_, Found>| match handle.join() {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        asked.into_iter().map(|(port, handle)| (port, answer(handle))).collect()
    });
    if args.wire.json {
        for (port, found) in &found {
            writeln!(out, "{}", object(port, found))?;
        }
    } else if found.is_empty() {
        writeln!(out, "this machine has no serial port")?;
    } else {
        let head = ["port", "board", "firmware", "image", "modules"].map(String::from);
        let rows: Vec<_> = std::iter::once(head).chain(found.iter().map(|(port, f)| row(port, f))).collect();
        write!(out, "{}", columns(&rows))?;
    }
    Ok(())
}

fn ask(port: &PortName, options: &Options) -> Found {
    let mut client = Client::connect(port, options)?;
    // Who has no key learns from the greeting what it says.
    let modules =
        if client.has_modules() && client.need_access().is_ok() { client.modules()? } else { Vec::new() };
    Ok((client, modules))
}

fn row(port: &str, found: &Found) -> [String; 5] {
    let cells = match found {
        Ok((client, modules)) => {
            let hello = client.hello();
            let image = hello.image.map_or_else(|| "-".into(), |image| hex(&image.hash[..4]));
            let modules: Vec<String> = modules
                .iter()
                .filter(|module| module.image.is_some())
                .map(|module| format!("{} {}", module.name.as_str().escape_debug(), module.life.name()))
                .collect();
            let modules = if client.need_access().is_err() {
                "asks for a key".into()
            } else if modules.is_empty() {
                "-".into()
            } else {
                modules.join(", ")
            };
            [json::board_name(hello), hello.firmware.as_str().escape_debug().to_string(), image, modules]
        }
        Err(error) => ["-".into(), "-".into(), "-".into(), why_not(error)],
    };
    let [board, firmware, image, modules] = cells;
    [port.to_string(), board, firmware, image, modules]
}

fn object(port: &str, found: &Found) -> Json {
    let mut object = match found {
        Ok((client, modules)) => {
            let mut object = json::hello(client.hello());
            let maps = Default::default();
            object["access"] = json::access(client.admission());
            object["modules"] = modules.iter().map(|module| json::module(module, &maps)).collect();
            object
        }
        Err(error) => json!({ "error": format!("X{:04}", error.code.number()), "text": why_not(error) }),
    };
    object["port"] = port.into();
    object
}

/// In a few words; the whole message is that of `xmap status`.
fn why_not(error: &xmap_client::Error) -> String {
    match error.code {
        ErrorCode::NoAnswer | ErrorCode::TimeIsUp => "no answer".into(),
        // Behind the port's name, which stands in the first column.
        _ => error.message.split_once(": ").map_or(&*error.message, |(_, what)| what).into(),
    }
}
