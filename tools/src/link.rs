//! Requests over the link on the emulated board, counted: `firmware/rpi4b/src/bin/link.rs`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use tempfile::NamedTempFile;

use crate::emulator::Machine;
use crate::firmware::{self, Program};
use crate::swaps;

const LIMIT: Duration = Duration::from_secs(30 * 60);

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
    machine.numbers(LIMIT)
}
