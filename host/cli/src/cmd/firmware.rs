//! `xmap firmware`: a new firmware for a device, sealed, sent, and tried.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use xmap::text::firmware;
use xmap_boards::BoardId;
use xmap_client::Client;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::input;
use xmap_compiler::recognize::not_this;
use xmap_link::{FirmwareStanding, FirmwareStatus};
use xmap_trust::{
    FIRMWARE_SEAL_BYTES, FirmwareReject, FirmwareSeal, firmware_board, seal_firmware, sealed_firmware,
};

use super::progress::Progress;
use super::reach::Device;
use super::{Done, Failure, output::write_file, root_key::RootKey};

/// Bytes of a file that is read: more than a slot of any card.
const MAX_FIRMWARE_BYTES: u64 = 32 << 20;
/// How long a device may take from its restart to its answer.
const RESTART: Duration = Duration::from_secs(60);
/// How long to rest between two tries to reach it.
const POLL: Duration = Duration::from_millis(500);

/// Seal a firmware, send it to a device, or ask which ones the device has
///
/// A board whose card has two firmware slots takes a new firmware into the one that does not run, boots it
/// once, and keeps it when it has proven itself: its modules are mounted, and a host has asked it something.
/// Otherwise the one before runs after the next reset.
#[derive(clap::Subcommand)]
#[command(after_help = "\
Examples:
  xmap firmware sign kernel8.img --key root.key --version 7 -o kernel8.fw
  xmap firmware send --port /dev/ttyUSB0 kernel8.fw
  xmap firmware status --port /dev/ttyUSB0")]
pub(super) enum Verb {
    Sign(Sign),
    Send(Send),
    Try(Try),
    Status(Status),
}

/// Seal a firmware with the owner's root key
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask image --policy panel.policy --root KEY
  xmap firmware sign target/boot/kernel8.img --key root.key --version 7 -o kernel8.fw")]
pub(super) struct Sign {
    /// The firmware (kernel8.img), as `cargo xtask image` builds it
    file: PathBuf,
    #[command(flatten)]
    root: RootKey,
    /// Its version: a device takes none that is lower than the one that counts as good
    #[arg(long, value_name = "N")]
    version: u32,
    /// Where the sealed firmware goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Send a sealed firmware to a device, which restarts with it
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap firmware send --port /dev/ttyUSB0 kernel8.fw
  xmap firmware send --port /dev/ttyUSB0 --key owner.key kernel8.fw
  xmap firmware send --port /dev/ttyUSB0 --later kernel8.fw      `xmap firmware try` restarts it")]
pub(super) struct Send {
    #[command(flatten)]
    device: Device,
    /// Write it, and leave the restart for later
    #[arg(long)]
    later: bool,
    /// The sealed firmware, as `xmap firmware sign` wrote it
    file: PathBuf,
}

/// Restart a device with the firmware that was sent, once
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap firmware try --port /dev/ttyUSB0")]
pub(super) struct Try {
    #[command(flatten)]
    device: Device,
}

/// Show which firmwares a device has, and which one counts as good
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  xmap firmware status --port /dev/ttyUSB0
  xmap firmware status --port /dev/ttyUSB0 --json")]
pub(super) struct Status {
    #[command(flatten)]
    device: Device,
}

pub(super) fn run(verb: &Verb, out: &mut dyn Write) -> Done {
    match verb {
        Verb::Sign(args) => sign(args, out),
        Verb::Send(args) => send(args, out),
        Verb::Try(args) => {
            let mut client = args.device.connect()?;
            let before = client.firmware()?;
            tried(&args.device, client, &before, out)
        }
        Verb::Status(args) => {
            let status = args.device.connect()?.firmware()?;
            args.device.print(out, &firmware::json(&status), &firmware::text(&status))
        }
    }
}

fn sign(args: &Sign, out: &mut dyn Write) -> Done {
    let bytes = input::read_at_most(&args.file, MAX_FIRMWARE_BYTES)?;
    // One that stands there is replaced.
    let firmware = sealed_firmware(&bytes).map_or(&bytes[..], |(firmware, _)| firmware);
    let Some(board) = firmware_board(firmware).and_then(BoardId::from_u16) else {
        return Err(not_this(Code::NotFirmware, &args.file, &bytes, "a kernel8.img of xmap").into());
    };
    let key = args.root.read()?;
    let seal = seal_firmware(firmware, board as u16, args.version, &key).expect("the file is not that long");
    write_file(&args.output, &[firmware, &seal.to_bytes()].concat())?;
    writeln!(
        out,
        "firmware  version {}, {} bytes, for the {}",
        seal.version,
        seal.bytes,
        board.board().name
    )?;
    writeln!(out, "root      {}\nwrote {}", key.public(), args.output.display())?;
    Ok(())
}

fn send(args: &Send, out: &mut dyn Write) -> Done {
    let bytes = input::read_at_most(&args.file, MAX_FIRMWARE_BYTES)?;
    let Some((firmware, seal)) = sealed_firmware(&bytes) else {
        let error = not_this(Code::NotFirmware, &args.file, &bytes, "a sealed firmware");
        return Err(error.help("`xmap firmware sign` seals a kernel8.img".to_string()).into());
    };
    undamaged(&args.file, firmware, seal)?;
    let mut client = args.device.connect()?;
    let before = client.firmware()?;
    let mut progress = Progress::new(firmware.len(), !args.device.wire.json);
    let sent = client.send_firmware(firmware, seal, &mut |done| progress.at(done))?;
    drop(progress);
    let (partition, version) = sent.map_err(|reject| refused(&client, reject))?;
    let json = json!({ "written": version, "partition": partition });
    args.device.print(out, &json, &format!("version {version} is in the slot of partition {partition}"))?;
    if args.later {
        return Ok(());
    }
    out.flush()?;
    tried(&args.device, client, &before, out)
}

/// Holds a file against its own seal: what is damaged here would be sent for nothing.
fn undamaged(file: &Path, firmware: &[u8], seal: &[u8; FIRMWARE_SEAL_BYTES]) -> Result<(), Diagnostic> {
    let why = match FirmwareSeal::parse(seal) {
        Ok(seal) if seal.is_of(firmware) => return Ok(()),
        Ok(_) => FirmwareReject::HashMismatch,
        Err(reject) => reject,
    };
    let message = format!("{}: not a sealed firmware: {why}", file.display());
    let error = Diagnostic::new(Code::NotFirmware, Place::file(file), message);
    Err(error.help("seal it anew: `xmap firmware sign`".to_string()))
}

fn refused(client: &Client, reject: Option<FirmwareReject>) -> Failure {
    let why =
        reject.map_or_else(|| "reject: for a reason of a newer firmware".to_string(), |why| why.to_string());
    let message = format!("{}: {why}", client.port());
    let help = "the firmware that runs is not touched".to_string();
    Diagnostic::new(Code::FirmwareRefused, Place::File(client.port().into()), message).help(help).into()
}

/// Restarts the device with the other firmware, and says what became of it.
fn tried(device: &Device, mut client: Client, before: &FirmwareStatus, out: &mut dyn Write) -> Done {
    client.try_firmware()?.map_err(|reject| refused(&client, reject))?;
    let port = client.port().to_string();
    drop(client);
    let status = after(device)?;
    if status.runs == before.runs {
        let why = status.back.map_or("the device does not say why", firmware::back);
        let version = firmware::version_of(&status, 5 - status.runs);
        let version = version.map_or("without a seal".to_string(), |version| format!("of version {version}"));
        let message = format!("{port}: the firmware {version} went back: {why}");
        return Err(Diagnostic::new(Code::FirmwareBack, Place::File(port), message).into());
    }
    device.print(out, &firmware::json(&status), &firmware::text(&status))
}

/// Waits for the device to come back, and for the end of the trial, which its answer to a host is.
fn after(device: &Device) -> Result<FirmwareStatus, Failure> {
    let start = Instant::now();
    loop {
        thread::sleep(POLL);
        let status = device.connect().and_then(|mut client| Ok(client.firmware()?));
        match status {
            Ok(status) if status.standing != FirmwareStanding::Trial => return Ok(status),
            Ok(_) | Err(_) if start.elapsed() < RESTART => {}
            Ok(status) => return Ok(status),
            Err(error) => return Err(error),
        }
    }
}
