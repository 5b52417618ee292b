//! What the mapper adds to a program: the same program with and without it; and what card and buses add.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};

use crate::firmware::{self, Built, Program};

/// Bytes that the mapper adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// `.text` and `.rodata`, without what the latter leaves empty in front of start-up's page table: up to 4
    /// KiB, which would hide as much of what is measured, or count it twice.
    pub code: u64,
    /// `.data` and `.bss`.
    pub data: u64,
}

/// The bytes that each part adds to the program before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The verification of images, and the look-up of names.
    pub image: Size,
    /// The mapper, on top of that: load, dispatch, execution.
    pub mapper: Size,
    /// The same of a mapper that runs integer code alone.
    pub integers: Size,
}

/// Builds the programs and takes the differences.
///
/// # Errors
/// As [`firmware::build`].
pub fn sizes() -> Result<Sizes> {
    let base = sections(Program::SizeBase)?;
    let image = sections(Program::SizeImage)?;
    let mapper = sections(Program::SizeMapper)?;
    let integers = sections(Program::SizeIntegers)?;
    Ok(Sizes { image: image.less(base), mapper: mapper.less(image), integers: integers.less(image) })
}

/// What the flashed program has for a card and for buses: a figure's name, and what is in the names of its
/// functions.
const PARTS: [(&str, &str); 8] = [
    ("size.bus_i2c", "xmap_bcm27113bsc"),
    ("size.bus_pwm", "xmap_bcm27113pwm"),
    ("size.bus_spi", "xmap_bcm27113spi"),
    ("size.bus_uart", "xmap_bcm27116serial"),
    ("size.card_driver", "xmap_bcm27112sd"),
    ("size.card_store", "xmap_store"),
    ("size.card_keeper", "xmap_device7persist"),
    ("size.card_slots", "xmap_update"),
];

/// Returns the bytes of the flashed program's functions that are for a card with a store and firmware slots,
/// and of the drivers of buses. What the compiler has put into other functions is not among them.
///
/// # Errors
/// As [`firmware::build`], and where there is no function of a name.
pub fn parts() -> Result<Vec<(&'static str, u64)>> {
    let elf = firmware::build(Program::Firmware)?.elf;
    let bytes = fs::read(&elf).with_context(|| elf.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| elf.display().to_string())?;
    let bytes_of = |mark| {
        let functions = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
        functions.filter(|f| f.name().is_ok_and(|name| name.contains(mark))).map(|f| f.size()).sum()
    };
    let figures = PARTS.map(|(figure, mark)| (figure, bytes_of(mark)));
    ensure!(figures.iter().all(|(_, bytes)| *bytes > 0), "the compiler names functions in another way");
    Ok(figures.to_vec())
}

impl Size {
    fn less(self, other: Size) -> Size {
        Size { code: self.code.saturating_sub(other.code), data: self.data.saturating_sub(other.data) }
    }
}

fn sections(program: Program) -> Result<Size> {
    of(&firmware::build(program)?)
}

/// Returns what a program takes.
///
/// # Errors
/// Its file cannot be read.
pub fn of(built: &Built) -> Result<Size> {
    let elf = &built.elf;
    let bytes = fs::read(elf).with_context(|| elf.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| elf.display().to_string())?;
    let of = |names: &[&str]| {
        let named = file.sections().filter(|s| s.name().is_ok_and(|name| names.contains(&name)));
        named.map(|section| section.size()).sum()
    };
    let code: u64 = of(&[".text", ".rodata"]);
    Ok(Size { code: code - padding(&file).context(PAGE_TABLE)?, data: of(&[".data", ".bss"]) })
}

/// The symbol of the page table that start-up begins with.
const PAGE_TABLE: &str = "INITIAL_PAGETABLE";

/// Zero bytes in front of the page table, which starts on a page.
fn padding(file: &object::File<'_>) -> Option<u64> {
    let table = file.symbols().find(|symbol| symbol.name().is_ok_and(|name| name.contains(PAGE_TABLE)))?;
    let section = file.section_by_index(table.section_index()?).ok()?;
    let before = section.data().ok()?.get(..(table.address() - section.address()) as usize)?;
    Some(before.iter().rev().take_while(|byte| **byte == 0).count() as u64)
}
