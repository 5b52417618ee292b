//! `cargo xtask bench`

use std::time::Duration;

use anyhow::{Result, ensure};
use xtask::emulator::Machine;
use xtask::firmware::{self, Program};

const LIMIT: Duration = Duration::from_secs(120);

/// Runs the counting program in the emulator and prints what it counted.
pub(crate) fn run() -> Result<()> {
    let bench = firmware::build(Program::Bench)?;
    let machine = Machine { counting: true, ..Machine::new(&bench) };
    let (counts, status) = machine.start()?.finish(LIMIT)?;
    print!("{counts}");
    ensure!(status.success(), "the counting program failed: {status}");
    Ok(())
}
