//! The Raspberry Pi's boot loader, as far as a card with two firmware slots has to do with it.
//!
//! The emulator starts what it is handed, and has neither a boot loader nor its flag. This reads a card as
//! the documentation of *config.txt* says that the boot loader does: `autoboot.txt` on the first partition
//! names the partition that boots, in its part `[tryboot]` where the flag was set, which a start clears. It
//! owes nothing to the device's own reading of the card.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::card::read_file;
use crate::emulator::Machine;
use crate::firmware::{Built, Program};

/// A card in the slot, and what a reset leaves alone.
#[derive(Debug)]
pub struct BootLoader {
    card: PathBuf,
    /// The flag `tryboot`.
    tryboot: bool,
}

/// What a start has read from the card.
#[derive(Debug)]
pub struct Loaded {
    /// The program: the whole file, as the boot loader loads it.
    pub program: Built,
    /// The panel, if the partition has one.
    pub panel: Option<PathBuf>,
    /// The partition, and whether it was started on a trial.
    pub booted: (u32, bool),
    _folder: TempDir,
}

impl BootLoader {
    /// A board that is switched on with this card.
    pub fn new(card: &Path) -> Self {
        Self { card: card.to_owned(), tryboot: false }
    }

    /// Sets the flag, as the program asks for it in front of a reset.
    pub const fn set_tryboot(&mut self) {
        self.tryboot = true;
    }

    /// Runs the board with its UART at `serial`, as QEMU takes it, start after start.
    ///
    /// # Errors
    ///
    /// As [`BootLoader::load`], and where the emulator does not start or ends by itself.
    pub fn run(&mut self, serial: &str) -> Result<Infallible> {
        loop {
            let loaded = self.load()?;
            let (partition, trial) = loaded.booted;
            eprintln!("partition {partition} boots{}", if trial { ", on a trial" } else { "" });
            self.tryboot = loaded.machine(&self.card).run(serial)?;
        }
    }

    /// Reads what is to be started. The flag is clear then.
    ///
    /// # Errors
    ///
    /// The card is none of [`crate::card::write()`], or what it names is not there.
    pub fn load(&mut self) -> Result<Loaded> {
        let trial = std::mem::take(&mut self.tryboot);
        let text = read_file(&self.card, 1, "autoboot.txt")?;
        let text = String::from_utf8(text).context("autoboot.txt is no text")?;
        let partition = boot_partition(&text, trial).context("autoboot.txt names no partition")?;
        let folder = tempfile::tempdir()?;
        let kernel = folder.path().join("kernel8.img");
        fs::write(&kernel, read_file(&self.card, partition, "kernel8.img")?)?;
        let panel = read_file(&self.card, partition, "panel.xmap").ok();
        let panel = panel.map(|bytes| {
            let path = folder.path().join("panel.xmap");
            fs::write(&path, bytes).map(|()| path)
        });
        let program = Built { program: Program::Firmware, elf: kernel.clone(), kernel };
        Ok(Loaded { program, panel: panel.transpose()?, booted: (partition, trial), _folder: folder })
    }
}

impl Loaded {
    /// Returns the board with this card that runs it.
    pub fn machine<'a>(&'a self, card: &'a Path) -> Machine<'a> {
        let (panel, booted) = (self.panel.as_deref(), Some(self.booted));
        Machine { panel, booted, card: Some(card), ..Machine::new(&self.program) }
    }
}

/// Returns the `boot_partition` that holds: the last one of the parts that apply.
fn boot_partition(text: &str, trial: bool) -> Option<u32> {
    let mut applies = true;
    let mut partition = None;
    for line in text.lines().map(str::trim) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(filter) => applies = filter == "all" || (filter == "tryboot" && trial),
            None if applies => {
                let number = line.strip_prefix("boot_partition=").and_then(|number| number.parse().ok());
                partition = number.or(partition);
            }
            None => {}
        }
    }
    partition
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_update::{Slot, autoboot};

    #[test]
    fn the_file_that_the_device_writes_says_what_boots() {
        for (slot, partition, trial) in [(Slot::A, 2, 3), (Slot::B, 3, 2)] {
            let text = String::from_utf8(autoboot(slot).to_vec()).unwrap();
            assert_eq!(boot_partition(&text, false), Some(partition));
            assert_eq!(boot_partition(&text, true), Some(trial));
        }
        assert_eq!(boot_partition("[tryboot]\nboot_partition=3\n", false), None);
    }
}
