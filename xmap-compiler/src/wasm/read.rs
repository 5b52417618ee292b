//! Reading and validating a module. Nothing is lowered here, and nothing that is valid is refused
//! but imports that are not functions of the guest ABI.

use std::collections::HashMap;

use wasmparser::{
    BinaryReaderError, ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody, KnownCustom, Name,
    Operator, Parser, Payload, TypeRef, ValType, Validator, WasmFeatures,
};

use super::abi::{self, Native};
use crate::codes::Code;
use crate::diagnostic::{Diagnostic, FunctionName, Place};
use crate::names::nearest;

/// A module that validates.
#[derive(Debug)]
pub struct WasmModule<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The function types.
    pub types: Vec<FuncType>,
    /// The imported functions; function indices below their number are theirs.
    pub imports: Vec<Native>,
    /// For each function, imported or not, its type.
    pub functions: Vec<u32>,
    /// The bodies of functions that are not imported.
    pub bodies: Vec<FunctionBody<'a>>,
    /// The exported functions, in their order.
    pub exports: Vec<ExportedFunction<'a>>,
    /// The start function.
    pub start: Option<u32>,
    /// Pages of memory at the start and at most.
    pub memory: Option<(u64, Option<u64>)>,
    /// The globals.
    pub globals: Vec<Global>,
    /// The data segments.
    pub data: Vec<DataSegment<'a>>,
    /// The tables: references at the start and at most.
    pub tables: Vec<(u64, Option<u64>)>,
    /// The element segments.
    pub elements: Vec<ElementSegment>,
    /// Where the code section's content starts: DWARF counts from here.
    pub code_offset: u64,
    /// The custom sections of DWARF, by name.
    pub debug: HashMap<&'a str, &'a [u8]>,
    /// The exported globals, in their order: names and indices.
    pub exported_globals: Vec<(&'a str, u32)>,
    /// What the name section calls globals; a name may stand there twice.
    pub global_names: HashMap<u32, &'a str>,
    names: HashMap<u32, &'a str>,
}

/// An exported function.
#[derive(Clone, Copy, Debug)]
pub struct ExportedFunction<'a> {
    /// The export's name.
    pub name: &'a str,
    /// The function's index.
    pub function: u32,
}

/// A global.
#[derive(Clone, Debug)]
pub struct Global {
    /// Whether the module may change it.
    pub mutable: bool,
    /// Its type.
    pub ty: ValType,
    /// Its initial value.
    pub init: ConstExpr,
}

/// A constant expression, reduced.
#[derive(Clone, Debug, PartialEq)]
pub enum ConstExpr {
    /// The bits of the value; a null reference is zero.
    Bits(u64),
    /// A reference to a function.
    Function(u32),
    /// What xmap does not evaluate: its instruction and its offset.
    Unsupported(String, u32),
}

/// A data segment.
#[derive(Clone, Debug)]
pub struct DataSegment<'a> {
    /// Where it goes when the module is loaded; a passive segment goes nowhere by itself.
    pub address: Option<ConstExpr>,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its offset in the module.
    pub offset: u32,
}

/// An element segment.
#[derive(Clone, Debug)]
pub struct ElementSegment {
    /// The table and the index where it goes when the module is loaded; only an active one has a place.
    pub place: Option<(u32, ConstExpr)>,
    /// Whether `table.init` may copy from it.
    pub passive: bool,
    /// Its items.
    pub items: Vec<ConstExpr>,
    /// Its offset in the module.
    pub offset: u32,
}

/// What is validated: WebAssembly 1.0 and the extensions that compilers emit by default.
fn features() -> WasmFeatures {
    WasmFeatures::WASM1
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::GC_TYPES
}

impl<'a> WasmModule<'a> {
    /// Reads and validates a module. `file` is the name for messages.
    ///
    /// # Errors
    /// X0501 where the module is not valid, X0503 to X0505 for its imports.
    pub fn read(file: &str, bytes: &'a [u8]) -> Result<Self, Diagnostic> {
        let mut module = Self {
            bytes,
            types: Vec::new(),
            imports: Vec::new(),
            functions: Vec::new(),
            bodies: Vec::new(),
            exports: Vec::new(),
            start: None,
            memory: None,
            globals: Vec::new(),
            data: Vec::new(),
            tables: Vec::new(),
            elements: Vec::new(),
            code_offset: 0,
            debug: HashMap::new(),
            exported_globals: Vec::new(),
            global_names: HashMap::new(),
            names: HashMap::new(),
        };
        let invalid = |e: BinaryReaderError| {
            Diagnostic::new(Code::InvalidModule, Place::wasm(file, e.offset()), e.message())
        };
        if Parser::is_component(bytes) {
            let message = "a component, not a module";
            return Err(Diagnostic::new(Code::NotAModule, Place::wasm(file, 0), message));
        }
        // First and in one call: of a module that is not valid, nothing else is said, and the validator's
        // hundreds of cases are compiled once, in wasmparser.
        Validator::new_with_features(features()).validate_all(bytes).map_err(invalid)?;
        // The features decide about encodings too: a limit of a 32-bit memory has at most five bytes.
        let mut parser = Parser::new(0);
        parser.set_features(features());
        for payload in parser.parse_all(bytes) {
            module.take(file, payload.map_err(invalid)?).map_err(|error| match error {
                TakeError::Invalid(e) => invalid(e),
                TakeError::Refused(diagnostic) => *diagnostic,
            })?;
        }
        Ok(module)
    }

    fn take(&mut self, file: &str, payload: Payload<'a>) -> Result<(), TakeError> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(ty?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    self.import(file, offset, &import)?;
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory?;
                    self.memory = Some((memory.initial, memory.maximum));
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let ty = table?.ty;
                    self.tables.push((ty.initial, ty.maximum));
                }
            }
            Payload::ElementSection(section) => {
                for segment in section {
                    let segment = self.element_segment(segment?)?;
                    self.elements.push(segment);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    let init = self.const_expr(&global.init_expr)?;
                    self.globals.push(Global {
                        mutable: global.ty.mutable,
                        ty: global.ty.content_type,
                        init,
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    match export.kind {
                        ExternalKind::Func => {
                            self.exports.push(ExportedFunction { name: export.name, function: export.index });
                        }
                        ExternalKind::Global => self.exported_globals.push((export.name, export.index)),
                        _ => {}
                    }
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::DataSection(section) => {
                for segment in section {
                    let segment = segment?;
                    let address = match &segment.kind {
                        wasmparser::DataKind::Passive => None,
                        wasmparser::DataKind::Active { offset_expr, .. } => {
                            Some(self.const_expr(offset_expr)?)
                        }
                    };
                    let offset = segment.range.start as u32;
                    self.data.push(DataSegment { address, bytes: segment.data, offset });
                }
            }
            Payload::CodeSectionStart { unchecked_range, .. } => self.code_offset = unchecked_range.start,
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::CustomSection(section) => match section.as_known() {
                // A damaged name section is not an error (WebAssembly specification, appendix 7.4).
                KnownCustom::Name(names) => self.take_names(names),
                _ if section.name().starts_with(".debug_") => {
                    self.debug.insert(section.name(), section.data());
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, file: &str, offset: u64, import: &wasmparser::Import<'a>) -> Result<(), TakeError> {
        let refuse = |code, message: String, help: Option<String>| {
            let diagnostic = Diagnostic::new(code, Place::wasm(file, offset), message).help(help);
            Err(TakeError::Refused(Box::new(diagnostic)))
        };
        let (module, name) = (import.module, import.name);
        let TypeRef::Func(ty) = import.ty else {
            let kind = match import.ty {
                TypeRef::Memory(_) => "memory",
                TypeRef::Table(_) => "table",
                TypeRef::Global(_) => "global",
                _ => "tag",
            };
            let message = format!("{module}.{name} is a {kind}; only functions can be imported");
            let help = (kind == "memory").then(|| {
                "define the memory in the module: without --import-memory (wasm-ld) or importMemory (asc)"
                    .to_string()
            });
            return refuse(Code::ImportKind, message, help);
        };
        let Some(native) = abi::find(module, name) else {
            let all: Vec<String> = abi::IMPORTS.iter().map(|i| format!("{}.{}", i.module, i.name)).collect();
            let wanted = format!("{module}.{name}");
            let near = nearest(&wanted, all.iter().map(String::as_str));
            let help = match near {
                Some(near) => format!("the nearest import that exists is {near}"),
                None => format!("the imports that exist are {}", all.join(", ")),
            };
            return refuse(Code::UnknownImport, format!("there is no import {wanted}"), Some(help));
        };
        let found = &self.types[ty as usize];
        if found.params() != native.params || found.results() != native.results {
            let message = format!(
                "{module}.{name}: expected {}, found {}",
                signature(native.params, native.results),
                signature(found.params(), found.results())
            );
            return refuse(Code::ImportSignature, message, None);
        }
        self.imports.push(native.native);
        self.functions.push(ty);
        Ok(())
    }

    fn take_names(&mut self, names: wasmparser::NameSectionReader<'a>) {
        for name in names.into_iter().map_while(Result::ok) {
            let (map, names) = match name {
                Name::Function(map) => (map, &mut self.names),
                Name::Global(map) => (map, &mut self.global_names),
                _ => continue,
            };
            for naming in map.into_iter().map_while(Result::ok) {
                names.insert(naming.index, naming.name);
            }
        }
    }

    fn element_segment(&self, segment: wasmparser::Element<'a>) -> Result<ElementSegment, BinaryReaderError> {
        let passive = matches!(segment.kind, ElementKind::Passive);
        let place = match segment.kind {
            ElementKind::Active { table_index, offset_expr } => {
                Some((table_index.unwrap_or(0), self.const_expr(&offset_expr)?))
            }
            ElementKind::Passive | ElementKind::Declared => None,
        };
        let mut items = Vec::new();
        match segment.items {
            ElementItems::Functions(functions) => {
                for function in functions {
                    items.push(ConstExpr::Function(function?));
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions {
                    items.push(self.const_expr(&expression?)?);
                }
            }
        }
        Ok(ElementSegment { place, passive, items, offset: segment.range.start as u32 })
    }

    /// Evaluates a constant expression, extended ones too.
    fn const_expr(&self, expr: &wasmparser::ConstExpr<'a>) -> Result<ConstExpr, BinaryReaderError> {
        let mut stack: Vec<u64> = Vec::new();
        let mut reader = expr.get_operators_reader();
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            let mut two = |f: &dyn Fn(u64, u64) -> u64| {
                let b = stack.pop().unwrap_or(0);
                let a = stack.pop().unwrap_or(0);
                stack.push(f(a, b));
            };
            match op {
                Operator::I32Const { value } => stack.push(u64::from(value as u32)),
                Operator::I64Const { value } => stack.push(value as u64),
                Operator::F32Const { value } => stack.push(u64::from(value.bits())),
                Operator::F64Const { value } => stack.push(value.bits()),
                Operator::I32Add => two(&|a, b| u64::from((a as u32).wrapping_add(b as u32))),
                Operator::I32Sub => two(&|a, b| u64::from((a as u32).wrapping_sub(b as u32))),
                Operator::I32Mul => two(&|a, b| u64::from((a as u32).wrapping_mul(b as u32))),
                Operator::I64Add => two(&u64::wrapping_add),
                Operator::I64Sub => two(&u64::wrapping_sub),
                Operator::I64Mul => two(&u64::wrapping_mul),
                Operator::GlobalGet { global_index } => {
                    match self.globals.get(global_index as usize).map(|g| &g.init) {
                        Some(ConstExpr::Bits(bits)) => stack.push(*bits),
                        Some(ConstExpr::Function(function)) => return Ok(ConstExpr::Function(*function)),
                        _ => return Ok(ConstExpr::Unsupported("global.get".into(), offset as u32)),
                    }
                }
                Operator::RefNull { .. } => stack.push(0),
                Operator::RefFunc { function_index } => return Ok(ConstExpr::Function(function_index)),
                Operator::End => break,
                other => {
                    return Ok(ConstExpr::Unsupported(mnemonic(&other), offset as u32));
                }
            }
        }
        Ok(ConstExpr::Bits(stack.pop().unwrap_or(0)))
    }

    /// The type of a function.
    pub fn function_type(&self, function: u32) -> &FuncType {
        &self.types[self.functions[function as usize] as usize]
    }

    /// A function's name for messages.
    pub fn function_name(&self, function: u32) -> FunctionName {
        let export = || self.exports.iter().find(|e| e.function == function).map(|e| e.name);
        let name = self.names.get(&function).copied().or_else(export);
        FunctionName { index: function, name: name.map(str::to_string) }
    }

    /// The body of a function that is not imported.
    pub fn body(&self, function: u32) -> Option<&FunctionBody<'a>> {
        self.bodies.get((function as usize).checked_sub(self.imports.len())?)
    }

    /// The native function that an index names, if it is an import.
    pub fn native(&self, function: u32) -> Option<Native> {
        self.imports.get(function as usize).copied()
    }
}

/// `(i32, i32) -> (i64)`, without the arrow where there is no result.
fn signature(params: &[ValType], results: &[ValType]) -> String {
    let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if results.is_empty() {
        format!("({})", list(params))
    } else {
        format!("({}) -> ({})", list(params), list(results))
    }
}

/// An instruction's name as the text format has it: `i32.add`.
pub(crate) fn mnemonic(op: &Operator<'_>) -> String {
    // wasmparser names visitors after the instruction, with underscores: `visit_i32_load8_s`.
    macro_rules! names {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
            match op {
                $(Operator::$op { .. } => stringify!($visit),)*
                _ => "visit_unknown",
            }
        };
    }
    let visit = wasmparser::for_each_operator!(names);
    let name = visit.trim_start_matches("visit_");
    let (head, rest) = name.split_once('_').unwrap_or((name, ""));
    let typed = ["i32", "i64", "f32", "f64", "local", "global", "memory", "table", "data", "elem", "ref"];
    if rest.is_empty() {
        name.to_string()
    } else if typed.contains(&head) {
        format!("{head}.{rest}")
    } else {
        name.to_string()
    }
}

enum TakeError {
    Invalid(BinaryReaderError),
    Refused(Box<Diagnostic>),
}

impl From<BinaryReaderError> for TakeError {
    fn from(e: BinaryReaderError) -> Self {
        Self::Invalid(e)
    }
}
