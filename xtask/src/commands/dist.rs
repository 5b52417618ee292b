//! `cargo xtask dist`

use std::fs;

use anyhow::{Context as _, Result};
use xmap_tools::dist::{self, MACHINES, Machine, Parts};
use xmap_tools::{emulator, linux, service};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The machines that the command line is made for: amd64, arm64 [default: both]
    #[arg(long, value_name = "ARCHITECTURE", value_parser = ["amd64", "arm64"])]
    arch: Vec<String>,
    /// Leave out the service and the boot folder
    #[arg(long)]
    no_device: bool,
    /// Make everything a second time, from the last commit in another folder, and compare; use the arm64
    /// packages in the emulated Debian
    #[arg(long)]
    check: bool,
    /// Make nothing: use the arm64 packages of the release that was made last in the emulated Debian
    #[arg(long, conflicts_with_all = ["arch", "no_device", "check"])]
    installed: bool,
}

/// Makes a release and says what is in it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.installed {
        return installed();
    }
    let wanted = |machine: &&Machine| {
        arguments.arch.is_empty() || arguments.arch.iter().any(|name| name == machine.architecture)
    };
    let parts =
        Parts { machines: MACHINES.iter().filter(wanted).copied().collect(), device: !arguments.no_device };
    if parts.device {
        println!("{}", service::set_up()?);
    }
    let files = dist::make(&parts)?;
    for file in &files {
        let name = file.file_name().context("a file has a name")?.to_string_lossy();
        println!("{:>9} B  {name}", fs::metadata(file)?.len());
    }
    if let Some(folder) = files.first().and_then(|file| file.parent()) {
        println!("in {}", folder.display());
    }
    if arguments.check {
        println!("{}", dist::check(&parts)?);
        if parts.has_packages_of_the_pi() {
            installed()?;
        }
    }
    Ok(())
}

fn installed() -> Result<()> {
    println!("{}", emulator::set_up()?);
    println!("{}", linux::set_up()?);
    println!("{}", dist::try_in_debian()?);
    Ok(())
}
