//! Makes a module of the suite stand alone.
//!
//! The suite's scripts may import a module `spectest` that every engine provides: functions that
//! print, constants, a table and a memory. Here they become definitions in the module itself. Imports
//! come first in each index space, so definitions that come first in theirs keep every index. Imported
//! functions without state ([`stateless`]) become copies in the same way.
//!
//! A script may also read an exported global. An image has no such thing, so the module gets one
//! more exported function for each, which returns it ([`getter`]).

use std::collections::{BTreeMap, HashMap};

use wasm_encoder::reencode::{Error, Reencode, RoundtripReencoder};
use wasm_encoder::{self as enc, Instruction};
use wasmparser::{
    BinaryReaderError, ExternalKind, FuncType, GlobalType, Import, MemoryType, Operator, Parser, Payload,
    TypeRef, ValType,
};

use super::stateless::{self, Stateless};

/// A module that imports nothing of `spectest` any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alone {
    /// The module.
    pub(super) wasm: Vec<u8>,
    /// How many imports were replaced.
    pub(super) replaced: usize,
}

/// Why a module cannot be alone: it imports what another module defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// What it imports: a function, table, memory or global.
    pub(super) what: &'static str,
    /// The modules that it imports from.
    pub(super) modules: Vec<String>,
}

/// The modules that a script has registered, by name.
pub(super) type Registered = HashMap<String, Vec<u8>>;

/// The name of the function that returns an exported global.
pub(super) fn getter(global: &str) -> String {
    format!("\u{1}get {global}")
}

/// Returns whether a module imports a global.
pub(super) fn imports_global(wasm: &[u8]) -> bool {
    let global = |import: &Import<'_>| matches!(import.ty, TypeRef::Global(_));
    Found::read(wasm).is_ok_and(|found| found.imports.iter().any(global))
}

/// Returns whether a module imports a memory or a table.
pub(super) fn imports_storage(wasm: &[u8]) -> bool {
    let storage = |import: &Import<'_>| matches!(import.ty, TypeRef::Memory(_) | TypeRef::Table(_));
    Found::read(wasm).is_ok_and(|found| found.imports.iter().any(storage))
}

/// Makes a module stand alone. One that does not parse comes back as it is: the compiler says why.
///
/// # Errors
/// [`Shares`].
pub(super) fn alone(wasm: &[u8], registered: &Registered) -> Result<Alone, Shares> {
    let as_it_is = || Alone { wasm: wasm.to_vec(), replaced: 0 };
    let Ok(mut found) = Found::read(wasm) else { return Ok(as_it_is()) };
    found.copy(registered);
    if let Some(shares) = found.shares() {
        return Err(shares);
    }
    if found.imports.is_empty() && found.exported_globals.is_empty() {
        return Ok(as_it_is());
    }
    Ok(match rewrite(wasm, &found) {
        Ok(wasm) => Alone { wasm, replaced: found.imports.len() },
        Err(_) => as_it_is(),
    })
}

/// What has to be known of a module before it is written again.
#[derive(Default)]
struct Found<'a> {
    types: Vec<FuncType>,
    imports: Vec<Import<'a>>,
    /// The types of all globals, imported ones first.
    globals: Vec<GlobalType>,
    exported_globals: BTreeMap<&'a str, u32>,
    /// For each import, the function that stands for it, if it is another module's without state.
    copies: Vec<Option<Stateless>>,
}

impl<'a> Found<'a> {
    fn read(wasm: &'a [u8]) -> Result<Self, BinaryReaderError> {
        let mut found = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(types) => {
                    for ty in types.into_iter_err_on_gc_types() {
                        found.types.push(ty?);
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        if let TypeRef::Global(ty) = import.ty {
                            found.globals.push(ty);
                        }
                        found.imports.push(import);
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals {
                        found.globals.push(global?.ty);
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ExternalKind::Global {
                            found.exported_globals.insert(export.name, export.index);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Finds the imported functions that can be copied.
    fn copy(&mut self, registered: &Registered) {
        let one = |import: &Import<'_>| {
            let TypeRef::Func(ty) = import.ty else { return None };
            let function = stateless::exported(registered.get(import.module)?, import.name)?;
            (self.types.get(ty as usize) == Some(&function.ty)).then_some(function)
        };
        self.copies = self.imports.iter().map(one).collect();
    }

    /// Returns what it imports of other modules and cannot have a copy of, if anything.
    fn shares(&self) -> Option<Shares> {
        let imports = self.imports.iter().zip(&self.copies);
        let others = imports.filter(|(import, copy)| import.module != "spectest" && copy.is_none());
        let others = others.map(|(import, _)| import);
        let modules: Vec<String> = others.clone().map(|import| import.module.to_string()).collect();
        // The kind that couples modules most stands for the others.
        let kind = |import: &Import<'_>| match import.ty {
            TypeRef::Memory(_) => (0, "memory"),
            TypeRef::Table(_) => (1, "table"),
            TypeRef::Global(_) => (2, "global"),
            TypeRef::Tag(_) => (4, "tag"),
            _ => (3, "function"),
        };
        let (_, what) = others.map(kind).min()?;
        Some(Shares { what, modules })
    }
}

/// The constants of `spectest`: 666, and 666.6 of floats.
fn constant(ty: ValType) -> Option<Instruction<'static>> {
    Some(match ty {
        ValType::I32 => Instruction::I32Const(666),
        ValType::I64 => Instruction::I64Const(666),
        ValType::F32 => Instruction::F32Const(666.6_f32.into()),
        ValType::F64 => Instruction::F64Const(666.6_f64.into()),
        _ => return None,
    })
}

/// Copies a module, with the imported globals' values where constant expressions name them: a
/// constant expression may name an imported global, and none that the module defines.
struct Copier<'f, 'a> {
    found: &'f Found<'a>,
}

impl Reencode for Copier<'_, '_> {
    type Error = std::convert::Infallible;

    fn const_expr(&mut self, expr: wasmparser::ConstExpr<'_>) -> Result<enc::ConstExpr, Error> {
        let imported = self.found.imports.iter().filter(|i| matches!(i.ty, TypeRef::Global(_))).count();
        let mut copy = Vec::new();
        let mut ops = expr.get_operators_reader();
        while !ops.is_end_then_eof() {
            let op = ops.read()?;
            let known = match op {
                Operator::GlobalGet { global_index } if (global_index as usize) < imported => {
                    constant(self.found.globals[global_index as usize].content_type)
                }
                _ => None,
            };
            copy.push(match known {
                Some(constant) => constant,
                None => RoundtripReencoder.instruction(op)?,
            });
        }
        Ok(enc::ConstExpr::extended(copy))
    }
}

/// The sections of a module, in the making.
#[derive(Default)]
struct Sections {
    types: enc::TypeSection,
    functions: enc::FunctionSection,
    tables: enc::TableSection,
    memories: enc::MemorySection,
    globals: enc::GlobalSection,
    exports: enc::ExportSection,
    start: Option<enc::StartSection>,
    elements: enc::ElementSection,
    data_count: Option<enc::DataCountSection>,
    code: enc::CodeSection,
    data: enc::DataSection,
}

fn rewrite(wasm: &[u8], found: &Found<'_>) -> Result<Vec<u8>, Error> {
    let mut copier = Copier { found };
    let mut s = Sections::default();
    for (import, copy) in found.imports.iter().zip(&found.copies) {
        define(&mut s, &mut copier, import, copy.as_ref())?;
    }
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(r) => copier.parse_type_section(&mut s.types, r)?,
            Payload::FunctionSection(r) => copier.parse_function_section(&mut s.functions, r)?,
            Payload::TableSection(r) => copier.parse_table_section(&mut s.tables, r)?,
            Payload::MemorySection(r) => copier.parse_memory_section(&mut s.memories, r)?,
            Payload::GlobalSection(r) => copier.parse_global_section(&mut s.globals, r)?,
            Payload::ExportSection(r) => copier.parse_export_section(&mut s.exports, r)?,
            Payload::StartSection { func, .. } => {
                s.start = Some(enc::StartSection { function_index: func });
            }
            Payload::ElementSection(r) => copier.parse_element_section(&mut s.elements, r)?,
            Payload::DataCountSection { count, .. } => {
                s.data_count = Some(enc::DataCountSection { count });
            }
            Payload::CodeSectionEntry(body) => _ = s.code.raw(body.as_bytes()),
            Payload::DataSection(r) => copier.parse_data_section(&mut s.data, r)?,
            _ => {}
        }
    }
    for (name, global) in &found.exported_globals {
        get(&mut s, &mut copier, name, *global)?;
    }
    Ok(s.module())
}

/// Defines what was imported.
fn define(
    s: &mut Sections,
    copier: &mut Copier<'_, '_>,
    import: &Import<'_>,
    copy: Option<&Stateless>,
) -> Result<(), Error> {
    match import.ty {
        TypeRef::Func(ty) => {
            // No locals and no instructions: what the suite prints nobody reads.
            const EMPTY: &[u8] = &[0, 0x0b];
            s.functions.function(ty);
            s.code.raw(copy.map_or(EMPTY, |copy| &copy.body));
        }
        TypeRef::Table(mut ty) => {
            (ty.initial, ty.maximum) = (10, Some(20));
            s.tables.table(copier.table_type(ty)?);
        }
        TypeRef::Memory(ty) => {
            let ty = MemoryType { initial: 1, maximum: Some(2), ..ty };
            s.memories.memory(copier.memory_type(ty)?);
        }
        TypeRef::Global(ty) => {
            let value = constant(ty.content_type).ok_or(Error::InvalidConstExpr)?;
            s.globals.global(copier.global_type(ty)?, &enc::ConstExpr::extended([value]));
        }
        _ => return Err(Error::InvalidConstExpr),
    }
    Ok(())
}

/// Adds the function that returns a global.
fn get(s: &mut Sections, copier: &mut Copier<'_, '_>, name: &str, global: u32) -> Result<(), Error> {
    let ty = copier.val_type(copier.found.globals[global as usize].content_type)?;
    let index = s.types.len();
    s.types.ty().function([], [ty]);
    s.exports.export(&getter(name), enc::ExportKind::Func, s.functions.len());
    s.functions.function(index);
    let mut body = enc::Function::new([]);
    body.instruction(&Instruction::GlobalGet(global)).instruction(&Instruction::End);
    s.code.function(&body);
    Ok(())
}

impl Sections {
    /// In the order that the binary format asks for.
    fn module(&self) -> Vec<u8> {
        let mut module = enc::Module::new();
        module.section(&self.types).section(&self.functions).section(&self.tables);
        module.section(&self.memories).section(&self.globals).section(&self.exports);
        if let Some(start) = &self.start {
            module.section(start);
        }
        module.section(&self.elements);
        if let Some(count) = &self.data_count {
            module.section(count);
        }
        module.section(&self.code).section(&self.data);
        module.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::instance::{Instance, image};

    fn made_alone(text: &str) -> Alone {
        alone(&wat::parse_str(text).unwrap(), &Registered::new()).unwrap()
    }

    #[test]
    fn imports_become_definitions_and_indices_stay() {
        let made = made_alone(
            r#"(module
                 (import "spectest" "print_i32" (func (param i32)))
                 (import "spectest" "global_i32" (global i32))
                 (import "spectest" "memory" (memory 0))
                 (global $mine i32 (global.get 0))
                 (func (export "sum") (result i32)
                   (call 0 (i32.const 7))
                   (i32.add (i32.add (global.get 0) (global.get $mine)) (memory.size))))"#,
        );
        assert_eq!(made.replaced, 3);
        let mut instance = Instance::start(image(&made.wasm).unwrap()).unwrap();
        let results = instance.call("sum", &[]).unwrap();
        assert_eq!(results, [(xmap_image::Ty::I32, 666 + 666 + 1)]);
    }

    #[test]
    fn exported_globals_can_be_read() {
        let made = made_alone(
            r#"(module (global (export "n") (mut i64) (i64.const 5))
                 (func (export "inc") (global.set 0 (i64.add (global.get 0) (i64.const 1)))))"#,
        );
        assert_eq!(made.replaced, 0);
        let mut instance = Instance::start(image(&made.wasm).unwrap()).unwrap();
        instance.call("inc", &[]).unwrap();
        assert_eq!(instance.call(&getter("n"), &[]).unwrap(), [(xmap_image::Ty::I64, 6)]);
    }

    #[test]
    fn what_another_module_defines_is_not_replaced() {
        let wasm = wat::parse_str(
            r#"(module (import "spectest" "print" (func)) (import "M" "f" (func)) (import "N" "m" (memory 1)))"#,
        )
        .unwrap();
        let shares = Shares { what: "memory", modules: vec!["M".into(), "N".into()] };
        assert_eq!(alone(&wasm, &Registered::new()), Err(shares));
    }

    #[test]
    fn a_function_without_state_is_copied() {
        let other = r#"(module (func (export "seven") (result i32) (i32.const 7)))"#;
        let registered = Registered::from([("M".to_string(), wat::parse_str(other).unwrap())]);
        let wasm = wat::parse_str(
            r#"(module (import "M" "seven" (func (result i32)))
                 (func (export "f") (result i32) (i32.add (call 0) (i32.const 1))))"#,
        )
        .unwrap();
        let made = alone(&wasm, &registered).unwrap();
        let mut instance = Instance::start(image(&made.wasm).unwrap()).unwrap();
        assert_eq!(instance.call("f", &[]).unwrap(), [(xmap_image::Ty::I32, 8)]);
    }

    #[test]
    fn a_module_without_imports_stays_as_it_is() {
        let wasm = wat::parse_str(r#"(module (func (export "f")))"#).unwrap();
        assert_eq!(made_alone(r#"(module (func (export "f")))"#), Alone { wasm, replaced: 0 });
        assert_eq!(alone(b"\0asm", &Registered::new()), Ok(Alone { wasm: b"\0asm".to_vec(), replaced: 0 }));
    }
}
