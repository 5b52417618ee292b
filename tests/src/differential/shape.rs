//! What of a module the rewriting of it needs to know.

use wasm_encoder::{ExportKind, ExportSection, SectionId};
use wasmparser::{BinaryReaderError, ExternalKind, FuncType, Parser, Payload, TypeRef};

/// The parts of a module that its new exports and bodies are made of.
#[derive(Default)]
pub(super) struct Shape<'a> {
    pub(super) types: Vec<FuncType>,
    /// For each imported function: module, name and type.
    pub(super) imports: Vec<(&'a str, &'a str, u32)>,
    /// The types of the functions that are not imported.
    pub(super) functions: Vec<u32>,
    /// Functions that the module exports, each once, in its order.
    pub(super) exported: Vec<u32>,
    /// Mutable globals by index, imported ones counted.
    globals: Vec<u32>,
    all_globals: u32,
    has_memory: bool,
}

impl<'a> Shape<'a> {
    /// Reads a module.
    ///
    /// # Errors
    /// What wasmparser does not read.
    pub(super) fn of(wasm: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    shape.types = section.into_iter_err_on_gc_types().collect::<Result<_, _>>()?;
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(ty) => shape.imports.push((import.module, import.name, ty)),
                            TypeRef::Global(ty) => shape.global(ty.mutable),
                            TypeRef::Memory(_) => shape.has_memory = true,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    shape.functions = section.into_iter().collect::<Result<_, _>>()?;
                }
                Payload::MemorySection(section) => shape.has_memory |= section.count() > 0,
                Payload::GlobalSection(section) => {
                    for global in section {
                        shape.global(global?.ty.mutable);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func && !shape.exported.contains(&export.index) {
                            shape.exported.push(export.index);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(shape)
    }

    fn global(&mut self, mutable: bool) {
        if mutable {
            self.globals.push(self.all_globals);
        }
        self.all_globals += 1;
    }

    /// Returns the type of a function by its index, imported ones first.
    pub(super) fn ty(&self, function: u32) -> &FuncType {
        let function = function as usize;
        let ty = match self.imports.get(function) {
            Some((_, _, ty)) => *ty,
            None => self.functions[function - self.imports.len()],
        };
        &self.types[ty as usize]
    }

    /// Exports memory and mutable globals, so that the reference shows them.
    pub(super) fn export_state(&self, exports: &mut ExportSection) {
        if self.has_memory {
            exports.export("memory", ExportKind::Memory, 0);
        }
        for global in &self.globals {
            exports.export(&format!("g{global}"), ExportKind::Global, *global);
        }
    }
}

/// Returns whether a section stands behind that of the exports; custom ones stand anywhere.
pub(super) const fn is_behind_exports(id: u8) -> bool {
    id > SectionId::Export as u8 && id != SectionId::Tag as u8
}
