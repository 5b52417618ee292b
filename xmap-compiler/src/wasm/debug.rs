//! From an offset in the module to a line of the author's source, through the module's DWARF.

use addr2line::Context;
use gimli::{EndianSlice, RunTimeEndian};

use super::WasmModule;
use crate::diagnostic::SourcePlace;

/// The line table of a module.
pub struct Lines<'a> {
    context: Option<Context<EndianSlice<'a, RunTimeEndian>>>,
    code_offset: u64,
}

impl<'a> Lines<'a> {
    /// Reads the DWARF sections of a module. A module without them, or with damaged ones, has no lines.
    pub fn of(module: &WasmModule<'a>) -> Self {
        let load = |id: gimli::SectionId| -> Result<_, gimli::Error> {
            let bytes = module.debug.get(id.name()).copied().unwrap_or_default();
            Ok(EndianSlice::new(bytes, RunTimeEndian::Little))
        };
        let context = if module.debug.contains_key(".debug_line") {
            gimli::Dwarf::load(load).ok().and_then(|dwarf| Context::from_dwarf(dwarf).ok())
        } else {
            None
        };
        Self { context, code_offset: module.code_offset }
    }

    /// Whether the module has a line table.
    pub fn exist(&self) -> bool {
        self.context.is_some()
    }

    /// The line of the instruction at this offset in the module.
    pub fn find(&self, offset: u32) -> Option<SourcePlace> {
        let address = u64::from(offset).checked_sub(self.code_offset)?;
        let location = self.context.as_ref()?.find_location(address).ok()??;
        Some(SourcePlace {
            file: location.file?.to_string(),
            line: location.line.filter(|line| *line > 0)?,
            column: location.column.unwrap_or(0),
        })
    }
}
