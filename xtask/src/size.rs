//! What the mapper adds to a program: the same program with and without it.

use std::fs;

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _};

use crate::firmware::{self, Program};

/// Bytes that the mapper adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// `.text` and `.rodata`.
    pub code: u64,
    /// `.data` and `.bss`.
    pub data: u64,
}

/// What each part adds to the program before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The verification of images, with their hash, and the look-up of names.
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

impl Size {
    fn less(self, other: Size) -> Size {
        Size { code: self.code.saturating_sub(other.code), data: self.data.saturating_sub(other.data) }
    }
}

fn sections(program: Program) -> Result<Size> {
    let elf = firmware::build(program)?.elf;
    let bytes = fs::read(&elf).with_context(|| elf.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| elf.display().to_string())?;
    let of = |names: &[&str]| {
        let named = file.sections().filter(|s| s.name().is_ok_and(|name| names.contains(&name)));
        named.map(|section| section.size()).sum()
    };
    Ok(Size { code: of(&[".text", ".rodata"]), data: of(&[".data", ".bss"]) })
}
