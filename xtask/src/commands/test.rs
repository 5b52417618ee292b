//! `cargo xtask test`: everything that has to hold, in the order in which it fails fastest.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use xmap_tools::firmware::{self, Program};
use xmap_tools::toolchain::Toolchain;
use xmap_tools::{cargo, process, root};

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// The features with which everything is compiled that there is.
const EMULATOR: [&str; 2] = ["--features", "xmap-tools/emulator,xmap-tests/emulator"];
/// The program that times calls under Linux, which no other build has.
const LATENCY: [&str; 2] = ["--features", "xmapd/latency"];

pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    step("set-up", super::setup::run)?;
    step("format", || quiet(&["fmt", "--all", "--check"]))?;
    let lints =
        [&["clippy", "--workspace", "--all-targets"], &EMULATOR[..], &LATENCY, &["--", "-D", "warnings"]]
            .concat();
    step("lints", || quiet(&lints))?;
    let pages = [&["doc", "--workspace", "--no-deps"], &EMULATOR[..], &LATENCY].concat();
    step("documentation of the crates", || {
        process::run(host(&pages).env("RUSTDOCFLAGS", "-D warnings"), LIMIT).map(drop)
    })?;
    match Toolchain::find()? {
        toolchain @ Toolchain::Rustup => step("lints of the firmware", || {
            let mut clippy = toolchain.cargo("clippy");
            clippy.args(["-p", "rpi4b", "--bins", "--features", "semihosting", "--profile", "firmware"]);
            clippy.args(["--", "-D", "warnings"]);
            process::run(&mut clippy, LIMIT).map(drop)
        })?,
        Toolchain::Debian { .. } => {
            println!("lints of the firmware: left out, as clippy cannot read what Debian's compiler builds");
        }
    }
    step("documents as a site", super::book::run)?;
    step("packages", || super::package::run(&super::package::Arguments::default()))?;
    step("firmware", || firmware::build(Program::Firmware).map(drop))?;
    // Each that fails is told of, as the next run is an hour away.
    step("tests", || open(&["test", "--workspace", "--no-fail-fast"]))?;
    step("tests of the build for integers", || {
        let integers = ["--no-default-features", "--test", "integers"];
        open(&[&["test", "-p", "xmap-image"], &integers[..]].concat())?;
        open(&[&["test", "-p", "tiny-mapper"], &integers[..]].concat())
    })?;
    // Of the workspace, here and below: a choice of packages would unify the features of the crates that they
    // depend on in another way, and compile all of those anew.
    step("a host function that a test build adds", || {
        let added =
            ["--features", "xmapd/uptime,xmap-tests/uptime", "--test", "uptime", "--test", "host_functions"];
        open(&[&["test", "--workspace"], &added[..]].concat())
    })?;
    // The same seeds each time: what a change breaks is then the change's. The program runs others by
    // hand. Modules on which wasmi itself panics are counted, and more than a few are a failure.
    step("random modules against wasmi", || {
        let differential = ["run", "--release", "-p", "xmap-tests", "--bin", "differential", "--"];
        open(&[&differential[..], &["--seeds", "0..30000"]].concat())
    })?;
    let tests = ["test", "--workspace"];
    let emulated = ["--test", "emulator", "--test", "linux"];
    step("worlds with faults", || super::vopr::run(&super::vopr::Arguments::default()))?;
    step("tests in the emulator", || open(&[&tests[..], &emulated, &EMULATOR].concat()))?;
    step("one trace on three targets", || open(&[&tests[..], &["--test", "matrix"], &EMULATOR].concat()))?;
    step("figures", super::bench::check)?;
    println!("everything holds, {:.0} s", start.elapsed().as_secs_f32());
    Ok(())
}

/// `cargo ...` for the host; what it prints is shown when it fails.
fn quiet(arguments: &[&str]) -> Result<()> {
    process::run(&mut host(arguments), LIMIT).map(drop)
}

/// `cargo ...` for the host; what it prints is shown as it comes.
fn open(arguments: &[&str]) -> Result<()> {
    let status = host(arguments).stdin(Stdio::null()).status()?;
    ensure!(status.success(), "`cargo {}`: {status}", arguments.join(" "));
    Ok(())
}

fn host(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.args(arguments).current_dir(root());
    command
}

/// Runs one step and says how long it took.
fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("{name} ...");
    let start = Instant::now();
    work().with_context(|| format!("{name} failed"))?;
    println!("{name}: ok, {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}
