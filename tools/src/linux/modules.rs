//! The kernel's modules, in the order in which they have to be loaded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use object::{Object as _, ObjectSection as _};

/// What the emulated board needs beside what is built in: USB and the network card on it, with the phy that
/// the device tree names, and the watchdog, by which the chip is reset.
const NEEDED: [&str; 4] = ["phy-generic", "dwc2", "cdc_ether", "bcm2835_wdt"];

/// What a board with chips needs beside those: the I2C and SPI buses, and drivers of the kernel for chips. In
/// each case another driver is built in: `spidev` for programs, `rtc-ds1307` for clocks.
const CHIPS: [&str; 5] = ["i2c-bcm2835", "i2c-dev", "spi-bcm2835", "lm75", "at24"];

/// Every module of the kernel, by name with `_` for `-`.
type Index = BTreeMap<String, PathBuf>;

/// Returns what is needed, dependencies first: the file's name and its contents.
///
/// # Errors
///
/// The kernel has no such module, or one cannot be read.
pub(super) fn needed(folder: &Path) -> Result<Modules> {
    let mut index = Index::new();
    find(folder, &mut index)?;
    let mut all = Vec::new();
    for name in NEEDED {
        add(&name.replace('-', "_"), &index, &mut all)?;
    }
    let at_boot = all.len();
    for name in CHIPS {
        add(&name.replace('-', "_"), &index, &mut all)?;
    }
    let chips = all.split_off(at_boot);
    Ok(Modules { at_boot: all, chips })
}

/// Modules of the kernel: each file's name and its contents, dependencies first.
pub(super) struct Modules {
    /// Those that are loaded at every boot.
    pub(super) at_boot: Vec<(String, Vec<u8>)>,
    /// Those that are loaded where the board has chips: the folder `/chips`.
    pub(super) chips: Vec<(String, Vec<u8>)>,
}

fn find(folder: &Path, index: &mut Index) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if fs::symlink_metadata(&path)?.is_dir() {
            find(&path, index)?;
        } else if let Some((name, _)) =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once(".ko"))
        {
            index.insert(name.replace('-', "_"), path);
        }
    }
    Ok(())
}

fn add(name: &str, index: &Index, modules: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let file = format!("{name}.ko");
    if modules.iter().any(|(known, _)| *known == file) {
        return Ok(());
    }
    let Some(path) = index.get(name) else { bail!("the kernel has no module {name}") };
    let bytes = read(path).with_context(|| path.display().to_string())?;
    for other in depends(&bytes).with_context(|| path.display().to_string())? {
        add(&other.replace('-', "_"), index, modules)?;
    }
    modules.push((file, bytes));
    Ok(())
}

/// A module's ELF file. Debian 13 and later compress them.
fn read(path: &Path) -> Result<Vec<u8>> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => Ok(fs::read(path)?),
        Some("xz") => {
            let xz = Command::new("xz").arg("-dc").arg(path).output().context("cannot run `xz`")?;
            ensure!(xz.status.success(), "xz: {}", String::from_utf8_lossy(&xz.stderr));
            Ok(xz.stdout)
        }
        _ => bail!("a module in a format that is not known"),
    }
}

/// The modules that one needs, as its section `.modinfo` has them: `depends=usbcore,roles`.
fn depends(module: &[u8]) -> Result<Vec<String>> {
    let elf = object::File::parse(module)?;
    let section = elf.section_by_name(".modinfo").context("a module without .modinfo")?;
    let mut entries = section.data()?.split(|byte| *byte == 0);
    let depends = entries.find_map(|entry| entry.strip_prefix(b"depends=")).unwrap_or(b"");
    let names = std::str::from_utf8(depends)?.split(',').filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}
