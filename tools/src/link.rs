//! Requests over the link on the emulated board, counted: `firmware/rpi4b/src/bin/link.rs`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::NamedTempFile;

use crate::emulator::Machine;
use crate::firmware::{self, Program};
use crate::swaps;

const LIMIT: Duration = Duration::from_secs(300);

/// Returns what was counted, by the names that the program's documentation has.
///
/// # Errors
/// The program cannot be built, or says something else than numbers.
pub fn run() -> Result<BTreeMap<String, u64>> {
    let program = firmware::build(Program::Link)?;
    let mut image = NamedTempFile::new()?;
    for word in swaps::panel(1)? {
        image.write_all(&word.to_le_bytes())?;
    }
    let machine = Machine { panel: Some(image.path()), counting: true, ..Machine::new(&program) };
    let (sent, status) = machine.start()?.finish(LIMIT)?;
    ensure!(status.success(), "the program failed:\n{sent}");
    let numbers = sent.lines().map(|line| {
        let (name, number) = line.split_once(' ').with_context(|| format!("the line `{line}`"))?;
        Ok((name.to_owned(), number.trim().parse().with_context(|| format!("the line `{line}`"))?))
    });
    numbers.collect()
}
