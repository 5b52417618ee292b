//! `cargo xtask qemu`

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use xmap_tools::boot_loader::BootLoader;
use xmap_tools::emulator::Machine;
use xmap_tools::{firmware, panel};

use super::image::Owned;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The panel: an image or a bundle, or a manifest (panel.toml) or a module, which is compiled
    panel: Option<PathBuf>,
    /// Where the board's UART is: without it on standard input and output, else tcp:HOST:PORT, which
    /// `xmap call --port` takes too
    #[arg(long)]
    port: Option<String>,
    /// The card in the slot, as `cargo xtask image --card` makes it: what the device is given outlives it.
    /// Without a panel the board boots from it as often as it restarts, and takes a firmware over the link
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    #[command(flatten)]
    owner: Owned,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let serial = match &arguments.port {
        None => "stdio".into(),
        Some(port) => {
            let address = port.strip_prefix("tcp:").context("--port takes tcp:HOST:PORT")?;
            let free = TcpListener::bind(address);
            drop(free.with_context(|| format!("{port} cannot be had: does another emulator run there?"))?);
            format!("tcp:{address},server=on,wait=on,nodelay=on")
        }
    };
    if let Some(card) = &arguments.card {
        // The emulator would make no sense of what is wrong with it.
        File::options().read(true).write(true).open(card).with_context(|| card.display().to_string())?;
        if arguments.panel.is_none() {
            ensure!(
                !arguments.owner.is_given(),
                "the card has its firmware with its owner: `cargo xtask image --card` takes --policy and --keys"
            );
            say(arguments, "Ctrl-C ends it.");
            let Err(error) = BootLoader::new(card).run(&serial);
            return Err(error);
        }
    }
    let (owner, policy) = arguments.owner.owner()?;
    // No boot loader says where the emulator has the image from.
    let panel = arguments.panel.as_ref().map(|path| panel::read(path, policy.as_ref(), &["boot"]));
    let panel = panel.transpose()?;
    // What is run is what would be copied onto the board.
    let (flashed, boot) = firmware::boot_folder(panel.as_deref(), owner, arguments.owner.keys.as_deref())?;
    let panel = arguments.panel.as_ref().map(|_| boot.join("panel.xmap"));
    let machine =
        Machine { panel: panel.as_deref(), card: arguments.card.as_deref(), ..Machine::new(&flashed) };
    say(arguments, "Ctrl-C ends it, and so does a restart of the device.");
    Err(machine.become_it(&serial))
}

/// Says how to reach the board, and how it ends.
fn say(arguments: &Arguments, end: &str) {
    match &arguments.port {
        Some(port) => {
            eprintln!("The board starts when a program connects to {port} (`xmap status --port {port}`).")
        }
        None => eprintln!(
            "The board's UART is this terminal: frames of the link, which are no text, with the panel's messages among \
             them. With `--port tcp:127.0.0.1:5555`, `xmap --help` has the verbs that talk to it."
        ),
    }
    eprintln!("{end}");
}
