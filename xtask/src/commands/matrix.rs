//! `cargo xtask matrix`

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use xmap_tools::{cargo, root};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these of the test panels
    panels: Vec<String>,
}

/// Runs every panel on three targets: the program of it is a test, `tests/tests/matrix`.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    super::setup::run()?;
    let mut test = Command::new(cargo());
    test.args(["test", "--quiet", "-p", "xmap-tests", "--features", "emulator", "--test", "matrix", "--"]);
    let status = test.args(&arguments.panels).current_dir(root()).stdin(Stdio::null()).status()?;
    ensure!(status.success(), "the targets differ");
    Ok(())
}
