//! What the figures were measured on.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use xmap_tools::process;

use super::measure::valgrind;

const LIMIT: Duration = Duration::from_secs(30);

/// A paragraph on a run of the peers.
pub(super) fn describe(rounds: u32) -> Result<String> {
    let valgrind = valgrind().unwrap_or("no valgrind".into());
    Ok(format!("{}; {valgrind}; {rounds} rounds.\n", machine()?))
}

/// A paragraph on any run.
pub(crate) fn here() -> Result<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let qemu = process::run(Command::new("qemu-system-aarch64").arg("--version"), LIMIT)?;
    let qemu = qemu.lines().next().unwrap_or_default();
    Ok(format!("{}; Linux {}; {qemu}.\n", machine()?, kernel.trim()))
}

fn machine() -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("an unknown processor");
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    let rustc = process::run(Command::new("rustc").arg("--version"), LIMIT)?;
    Ok(format!("Machine: {model}, {cores} cores, load {load} at the end of the run; {}", rustc.trim()))
}
