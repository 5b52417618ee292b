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

/// Builds both programs and takes the difference.
///
/// # Errors
/// As [`firmware::build`].
pub fn mapper() -> Result<Size> {
    let with = sections(Program::SizeMapper)?;
    let without = sections(Program::SizeBase)?;
    Ok(Size { code: with.code.saturating_sub(without.code), data: with.data.saturating_sub(without.data) })
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
