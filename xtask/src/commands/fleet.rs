//! `cargo xtask fleet`

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use xmap_tools::{cargo, root};

/// How large the fleet is, and what happens to it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Simulated devices, in one process
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(20..=15_000))]
    devices: u32,
    /// Devices that cannot bear the bad panel
    #[arg(long, value_name = "PERCENT", default_value = "3%", value_parser = percent)]
    bad: f64,
    /// Gateways that are killed while images are rolled out
    #[arg(long, value_name = "N", default_value_t = 50)]
    kills: u32,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    number.filter(|number| (0.0..=100.0).contains(number)).ok_or_else(|| "expected 0% to 100%".into())
}

/// Builds and runs the gateway's test of fleets at this size.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut test = Command::new(cargo());
    test.args(["test", "--release", "--package", "xmap-gateway", "--test", "fleet"]);
    test.args(["a_bad_panel", "--", "--nocapture"]).current_dir(root());
    test.env("DEVICES", arguments.devices.to_string());
    test.env("BAD", arguments.bad.to_string()).env("KILLS", arguments.kills.to_string());
    let status = test.status().context("cargo does not start")?;
    ensure!(status.success(), "the fleet is not as it has to be: {status}");
    Ok(())
}
