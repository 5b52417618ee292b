//! From an offset in the module to a line of the author's source, through the module's DWARF or its source
//! map.

use std::ops::Range;

use addr2line::Context;
use gimli::{EndianSlice, RunTimeEndian};

use super::{SourceMapText, WasmModule};
use crate::diagnostic::SourcePlace;

/// The line table of a module.
pub struct LineTable<'a> {
    map: Option<SourceMapText>,
    /// The bodies of functions in the module, in their order.
    bodies: Vec<Range<u32>>,
    context: Option<Context<EndianSlice<'a, RunTimeEndian>>>,
    code_offset: u64,
}

impl<'a> LineTable<'a> {
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
        let bodies =
            module.bodies.iter().map(|body| body.range().start as u32..body.range().end as u32).collect();
        Self { map: None, bodies, context, code_offset: module.code_offset }
    }

    /// The same, with a source map for a module that has no DWARF.
    #[must_use]
    pub fn with_map(self, map: Option<SourceMapText>) -> Self {
        Self { map, ..self }
    }

    /// Returns whether the module has a line table.
    pub fn exist(&self) -> bool {
        self.context.is_some() || self.map.is_some()
    }

    /// Returns the author's line of the instruction at this offset in the module: the innermost that is not
    /// the toolchain's library; where all are, the innermost.
    pub fn find(&self, offset: u32) -> Option<SourcePlace> {
        let mut places = self.frames(offset);
        let author = places.iter().position(|place| !is_library(&place.file)).unwrap_or(0);
        (author < places.len()).then(|| places.swap_remove(author))
    }

    /// Returns the places of the instruction at this offset in the module, the innermost first: those in
    /// functions that the compiler inlined, then the one in the function itself. None where the module has no
    /// line for it.
    pub fn frames(&self, offset: u32) -> Vec<SourcePlace> {
        let address = u64::from(offset).checked_sub(self.code_offset);
        let Some((context, address)) = self.context.as_ref().zip(address) else {
            let Some(map) = &self.map else { return Vec::new() };
            let next = self.bodies.partition_point(|body| body.end <= offset);
            let body =
                self.bodies.get(next).filter(|body| body.contains(&offset)).cloned().unwrap_or_default();
            return map.frames(offset, &body);
        };
        let Ok(mut frames) = context.find_frames(address).skip_all_loads() else { return Vec::new() };
        let mut places = Vec::new();
        // Damaged debug information ends the list.
        while let Ok(Some(frame)) = frames.next() {
            let Some(location) = frame.location else { continue };
            if let (Some(file), Some(line)) = (location.file, location.line.filter(|line| *line > 0)) {
                places.push(SourcePlace { file: file.into(), line, column: location.column.unwrap_or(0) });
            }
        }
        places
    }
}

/// Returns whether a file is a toolchain's, or of the bindings that come with xmap: a panel's author did not
/// write it.
pub fn is_library(file: &str) -> bool {
    const PARTS: [&str; 12] = [
        // Rust: `core`, `alloc` and `std` as they were built, and as the component rust-src has them.
        "/rustc/",
        "/rustlib/src/rust/",
        "library/core/src/",
        "library/std/src/",
        // Zig.
        "/lib/std/",
        "/lib/compiler_rt",
        "/lib/zig/",
        // C and C++: headers of the compiler and of the system.
        "/lib/clang/",
        "/usr/include/",
        // AssemblyScript.
        "~lib/",
        // The bindings in guests/.
        "guests/rust/src/",
        "xmap-guest-",
    ];
    const NAMES: [&str; 3] = ["xmap.h", "xmap.zig", "xmap.ts"];
    let file = file.replace('\\', "/");
    let name = file.rsplit('/').next().unwrap_or(&file);
    NAMES.contains(&name) || PARTS.iter().any(|part| file.contains(part))
}

#[cfg(test)]
mod tests {
    use super::is_library;

    #[test]
    fn what_an_author_did_not_write_is_known_by_its_path() {
        for file in [
            "/rustc/59807616e1fa/library/core/src/../../stdarch/crates/core_arch/src/wasm32/mod.rs",
            "/root/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/slice/index.rs",
            "../xmap/guests/rust/src/lib.rs",
            "guests/c/xmap.h",
            "C:\\zig\\lib\\std\\debug.zig",
            "~lib/array.ts",
            "/usr/lib/llvm-19/lib/clang/19/include/stdbool.h",
        ] {
            assert!(is_library(file), "{file}");
        }
        for file in
            ["src/lib.rs", "./panel.c", "/home/anna/library/panel.c", "panel.zig", "assembly/index.ts"]
        {
            assert!(!is_library(file), "{file}");
        }
    }
}
