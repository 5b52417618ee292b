//! `cargo xtask miri`: the tests of the device's crates under Miri, for a time.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use xmap_tools::{process, root};

/// The crates that both read what strangers send and run on a device. The register blocks of `xmap-bcm2711`
/// are no memory of Rust's.
const PACKAGES: [&str; 6] =
    ["xmap-image", "tiny-mapper", "xmap-link", "xmap-trust", "xmap-device", "xmap-native"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds in all: what has not run by then is named, and is no failure
    #[arg(long, default_value_t = 2 * 60 * 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// The toolchain of rustup that has Miri
    #[arg(long, default_value = "nightly")]
    toolchain: String,
    /// Packages; without any, the crates that run on a device
    packages: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let default = PACKAGES.map(String::from);
    let packages = if arguments.packages.is_empty() { &default[..] } else { &arguments.packages[..] };
    let (mut done, mut left) = (Vec::new(), Vec::new());
    for package in packages {
        if Instant::now() >= end {
            left.push(package.as_str());
            continue;
        }
        match test(&arguments.toolchain, package, end)? {
            Some(status) if status.success() => done.push(package.as_str()),
            Some(status) => bail!("{package} under Miri: {status}"),
            None => left.push(package.as_str()),
        }
    }
    let name = |of: &[&str]| if of.is_empty() { "none".into() } else { of.join(", ") };
    println!("all tests ran: {}; not all in the time: {}", name(&done), name(&left));
    Ok(())
}

/// Runs the tests of a package; `None` where they were still running at `end`, and were ended.
fn test(toolchain: &str, package: &str, end: Instant) -> Result<Option<ExitStatus>> {
    let mut miri = Command::new("rustup");
    miri.args(["run", toolchain, "cargo", "miri", "test", "-p", package])
        // Two cases of a property: each takes a hundred times as long as it does natively.
        .env("PROPTEST_CASES", "2")
        // Proptest asks for the folder that it runs in.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .env_remove("RUSTC")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC_WRAPPER")
        .current_dir(root())
        // A group of its own, so that what cargo has started ends with it.
        .process_group(0);
    let mut child = miri.spawn().context("Miri needs `rustup`")?;
    let status = process::wait(&mut child, end.saturating_duration_since(Instant::now()))?;
    if status.is_none() {
        stop(&mut child)?;
    }
    Ok(status)
}

/// Ends a program and all that it has started.
fn stop(child: &mut Child) -> Result<()> {
    Command::new("kill").args(["--", &format!("-{}", child.id())]).status()?;
    child.wait()?;
    Ok(())
}
