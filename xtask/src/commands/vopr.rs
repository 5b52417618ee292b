//! `cargo xtask vopr`: worlds of a device, its hosts, its lines and its card, with faults, each made of one
//! number.

use std::process::Command;

use anyhow::{Result, ensure};
use xmap_tools::{cargo, root};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The seeds: from A up to and without B
    #[arg(long, value_name = "A..B", default_value = SEEDS)]
    seeds: String,
    /// Print what happens in each world
    #[arg(long)]
    log: bool,
}

/// What `cargo xtask test` plays.
const SEEDS: &str = "0..2000";

impl Default for Arguments {
    fn default() -> Self {
        Self { seeds: SEEDS.into(), log: false }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut cargo = Command::new(cargo());
    cargo.args(["run", "--quiet", "--profile", "vopr", "-p", "xmap-vopr", "--"]);
    cargo.args(["--seeds", &arguments.seeds]).current_dir(root());
    if arguments.log {
        cargo.arg("--log");
    }
    let status = cargo.status()?;
    ensure!(status.success(), "a world breaks a rule: its seed stands above");
    Ok(())
}
