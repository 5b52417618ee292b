//! `cargo xtask test`: everything that has to hold, in the order in which it fails fastest.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use xtask::firmware::{self, Program};
use xtask::toolchain::Toolchain;
use xtask::{cargo, process, root};

const LIMIT: Duration = Duration::from_secs(30 * 60);

pub(crate) fn run() -> Result<()> {
    step("set-up", super::setup::run)?;
    step("format", || host(&["fmt", "--all", "--check"]))?;
    step("lints", || host(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("lints of the emulator's tests", || {
        host(&["clippy", "-p", "xtask", "--all-targets", "--features", "emulator", "--", "-D", "warnings"])
    })?;
    step("tests", || host(&["test", "--workspace"]))?;
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
    step("firmware", || firmware::build(Program::Firmware).map(drop))?;
    step("emulator", || host(&["test", "-p", "xtask", "--features", "emulator", "--test", "emulator"]))
}

/// `cargo ...` for the host.
fn host(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(cargo());
    command.args(arguments).current_dir(root());
    process::run(&mut command, LIMIT).map(drop)
}

/// Runs one step and says how long it took.
fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("{name} ...");
    let start = Instant::now();
    work().with_context(|| format!("{name} failed"))?;
    println!("{name}: ok, {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}
