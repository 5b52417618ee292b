//! `cargo xtask vopr`: worlds of a device, its hosts, its lines and its card, with faults, each made of one
//! number.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use xmap_tools::faults::{self, Copy};
use xmap_tools::{cargo, root};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The seeds: from A up to and without B
    #[arg(long, value_name = "A..B", default_value = SEEDS)]
    seeds: String,
    /// Print what happens in each world
    #[arg(long)]
    log: bool,
    /// Make each fault of tests/vopr/faults.toml in a copy of the code, or those named, and find them
    #[arg(long, value_name = "NAME", num_args = 0.., conflicts_with = "log")]
    faults: Option<Vec<String>>,
}

/// What `cargo xtask test` plays.
const SEEDS: &str = "0..2000";

impl Default for Arguments {
    fn default() -> Self {
        Self { seeds: SEEDS.into(), log: false, faults: None }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(names) = &arguments.faults {
        return find(names, &arguments.seeds);
    }
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

/// Makes each fault in a copy of the tree, and plays worlds until one finds it.
fn find(names: &[String], seeds: &str) -> Result<()> {
    let all = faults::all()?;
    if let Some(name) = names.iter().find(|name| all.iter().all(|fault| fault.name != **name)) {
        bail!("{} has no fault `{name}`", faults::LIST);
    }
    let copy = Copy::of_tree()?;
    let (mut found, mut missed) = (0, Vec::new());
    for fault in all.iter().filter(|fault| names.is_empty() || names.contains(&fault.name)) {
        let first = copy.with(fault, || {
            let player = faults::build(&copy).with_context(|| format!("with the fault `{}`", fault.name))?;
            let mut worlds = Command::new(player);
            worlds.args(["--first", "--seeds", seeds]).stderr(Stdio::inherit());
            let output = worlds.output()?;
            Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned()))
        })?;
        match first {
            Some(first) => {
                found += 1;
                println!("{}: {first}", fault.name);
            }
            None => {
                println!("{}: NOT FOUND in the seeds {seeds}: {}", fault.name, fault.breaks);
                missed.push(fault.name.as_str());
            }
        }
    }
    println!("{found} of {} faults are found", found + missed.len());
    ensure!(missed.is_empty(), "no world finds {}", missed.join(", "));
    Ok(())
}
