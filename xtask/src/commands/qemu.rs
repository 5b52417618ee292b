//! `cargo xtask qemu`

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use xtask::emulator::Machine;
use xtask::firmware;

use super::image::Owned;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The panel's image, as `xmap build` writes it
    panel: Option<PathBuf>,
    /// Where the board's UART is: without it on standard input and output, else tcp:HOST:PORT, which
    /// `xmap call --port` takes too
    #[arg(long)]
    port: Option<String>,
    #[command(flatten)]
    owner: Owned,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let serial = match &arguments.port {
        None => "stdio".into(),
        Some(port) => {
            let address = port.strip_prefix("tcp:").context("--port takes tcp:HOST:PORT")?;
            format!("tcp:{address},server=on,wait=on,nodelay=on")
        }
    };
    // What is run is what would be copied onto the board.
    let (flashed, boot) = firmware::boot_folder(
        arguments.panel.as_deref(),
        arguments.owner.owner()?,
        arguments.owner.keys.as_deref(),
    )?;
    let panel = arguments.panel.as_ref().map(|_| boot.join("panel.xmap"));
    let machine = Machine { panel: panel.as_deref(), ..Machine::new(&flashed) };
    if let Some(port) = &arguments.port {
        eprintln!("The board starts when a program connects to {port}; Ctrl-C ends it.");
    }
    let status = machine.run(&serial)?;
    ensure!(status.success(), "the emulator failed: {status}");
    Ok(())
}
