//! Reading and validating a module. Nothing is lowered here, and nothing that is valid is refused
//! but imports of tags, and of tables that a loader fills.

use std::collections::HashMap;

use wasmparser::{
    BinaryReaderError, ElementItems, ElementKind, ExternalKind, FuncType, FunctionBody, KnownCustom, Name,
    Operator, Parser, Payload, TypeRef, ValType,
};
use xmap_abi::HostFunction;

use super::abi;
use super::debug::LineTable;
use super::exits::Exits;
use super::foreign::{self, Foreign, ForeignGlobal};
use super::join::{Joined, LibraryFunction};
use super::proposal::{self, Fault};
use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Diagnostics, FunctionName, Place};
use crate::recognize::CORE_MODULE;

/// A module that validates.
#[derive(Debug)]
pub struct WasmModule<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The function types.
    pub types: Vec<FuncType>,
    /// The imported functions; function indices below their number are theirs.
    pub imports: Vec<Import<'a>>,
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
    /// The imported globals that another module would have to fill: a mistake where something reaches them.
    pub foreign_globals: Vec<ForeignGlobal<'a>>,
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
    /// The names of the custom sections, and what the section `producers` says of the compiler.
    pub(super) origin: foreign::Origin<'a>,
    /// Where a program of WASI may have exited with the code 0, and returns.
    pub exits: Option<Exits>,
    /// Where the compiler's library stands in it.
    pub(super) joined: Option<Joined<'a>>,
    names: HashMap<u32, &'a str>,
    /// The first name under which a function is exported.
    export_names: HashMap<u32, &'a str>,
}

/// An imported function.
#[derive(Clone, Debug)]
pub enum Import<'a> {
    /// One of the guest ABI.
    Host(HostFunction),
    /// One that the compiler's library has.
    Library(LibraryFunction<'a>),
    /// Another one: a mistake where a mapped export reaches it.
    Foreign(Foreign<'a>),
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
    /// The value of an imported global that nothing gives one, by its number in
    /// [`WasmModule::foreign_globals`].
    Imported(u32),
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

impl<'a> WasmModule<'a> {
    /// Reads and validates a module. `file` is the name for messages.
    ///
    /// # Errors
    /// X0104 and X0111 where the bytes are no linked module, X0501 where it is not valid, X0502 where it
    /// needs what is not compiled, X0505 for its imports: all that is found in one go.
    pub fn read(file: &str, bytes: &'a [u8]) -> Result<Self, Diagnostics> {
        if Parser::is_component(bytes) {
            let message = "a component, not a module";
            return Err(Diagnostic::new(Code::NotAModule, Place::wasm(file, 0), message)
                .help(CORE_MODULE.to_string())
                .into());
        }
        let sketch = Self::sketch(bytes);
        sketch.origin.linked(file)?;
        // First and in one call: of a module that is not valid, nothing else is said, and the validator's
        // hundreds of cases are compiled once, in wasmparser.
        proposal::validate(bytes).map_err(|faults| sketch.faults(file, &faults))?;
        // The features decide about encodings too: a limit of a 32-bit memory has at most five bytes.
        let mut parser = Parser::new(0);
        parser.set_features(proposal::SUPPORTED);
        let mut module = Self::empty(bytes);
        for payload in parser.parse_all(bytes) {
            payload.map_err(TakeError::from).and_then(|payload| module.take(file, payload)).map_err(
                |error| match error {
                    TakeError::Invalid(e) => module.fault(file, &Fault::Invalid(e)).into(),
                    TakeError::Refused(diagnostics) => diagnostics,
                },
            )?;
        }
        Ok(module)
    }

    fn empty(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            types: Vec::new(),
            imports: Vec::new(),
            functions: Vec::new(),
            bodies: Vec::new(),
            exports: Vec::new(),
            start: None,
            memory: None,
            globals: Vec::new(),
            foreign_globals: Vec::new(),
            data: Vec::new(),
            tables: Vec::new(),
            elements: Vec::new(),
            code_offset: 0,
            debug: HashMap::new(),
            exported_globals: Vec::new(),
            global_names: HashMap::new(),
            origin: foreign::Origin::default(),
            exits: None,
            joined: None,
            names: HashMap::new(),
            export_names: HashMap::new(),
        }
    }

    /// Returns what can be read of a module that does not validate: enough to say in which function an offset
    /// is.
    fn sketch(bytes: &'a [u8]) -> Self {
        let mut module = Self::empty(bytes);
        for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
            match payload {
                Payload::ImportSection(section) => {
                    let imports = section.into_imports_with_offsets().map_while(Result::ok);
                    let functions = imports.filter_map(|(offset, import)| match import.ty {
                        TypeRef::Func(ty) => Some(Import::Foreign(Foreign {
                            module: import.module,
                            name: import.name,
                            ty,
                            offset,
                        })),
                        _ => None,
                    });
                    module.imports.extend(functions);
                }
                Payload::ExportSection(_)
                | Payload::CodeSectionStart { .. }
                | Payload::CodeSectionEntry(_)
                | Payload::CustomSection(_) => _ = module.take("", payload),
                _ => {}
            }
        }
        module
    }

    fn faults(&self, file: &str, faults: &[Fault]) -> Diagnostics {
        Diagnostics(faults.iter().map(|fault| self.fault(file, fault)).collect())
    }

    /// An error of the validator, with the function and the author's line where there is one.
    fn fault(&self, file: &str, fault: &Fault) -> Diagnostic {
        let error = fault.error();
        let offset = error.offset();
        let number = self.bodies.iter().position(|body| body.range().contains(&offset));
        let place = Place::Wasm {
            file: file.to_string(),
            function: number.map(|number| self.function_name((self.imports.len() + number) as u32)),
            offset: Some(offset),
            source: number.and_then(|_| LineTable::of(self).find(offset as u32)),
        };
        match fault {
            Fault::Invalid(_) => {
                let cut = error.message().contains("unexpected end");
                let help =
                    cut.then(|| "the file ends too early: copy or compile the module again".to_string());
                Diagnostic::new(Code::InvalidModule, place, error.message()).help(help)
            }
            Fault::Unsupported(proposal, _) => {
                let message = match number.and_then(|number| mnemonic_at(&self.bodies[number], offset)) {
                    Some(op) => format!("{op} is not supported: it needs {}", proposal.name),
                    None => format!("the module needs {}, which is not supported", proposal.name),
                };
                Diagnostic::new(Code::Unsupported, place, message).help(proposal.way_out.to_string())
            }
        }
    }

    fn take(&mut self, file: &str, payload: Payload<'a>) -> Result<(), TakeError> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(ty?);
                }
            }
            Payload::ImportSection(section) => {
                let mut errors = Vec::new();
                for import in section.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    errors.extend(self.import(file, offset, &import).err());
                }
                if !errors.is_empty() {
                    return Err(TakeError::Refused(Diagnostics(errors)));
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
                            self.export_names.entry(export.index).or_insert(export.name);
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
                known => self.origin.take(section.name(), &known),
            },
            _ => {}
        }
        Ok(())
    }

    /// Takes a function; whether it is one of the guest ABI is said where something reaches it.
    fn import(&mut self, file: &str, offset: u64, import: &wasmparser::Import<'a>) -> Result<(), Diagnostic> {
        let (module, name) = (import.module, import.name);
        let ty = match import.ty {
            TypeRef::Func(ty) => ty,
            // No other module is there to have it, so it is the module's own; what it holds is written by
            // segments.
            TypeRef::Memory(memory) => {
                self.memory = Some((memory.initial, memory.maximum));
                return Ok(());
            }
            TypeRef::Table(table) if !foreign::is_of_a_loader(module, name) => {
                self.tables.push((table.initial, table.maximum));
                return Ok(());
            }
            // Whether another module would have to fill it is said where something reaches it.
            TypeRef::Global(global) => {
                let init = foreign::known_global(module, name, &global).unwrap_or_else(|| {
                    self.foreign_globals.push(ForeignGlobal { module, name, offset });
                    ConstExpr::Imported(self.foreign_globals.len() as u32 - 1)
                });
                self.globals.push(Global { mutable: global.mutable, ty: global.content_type, init });
                return Ok(());
            }
            _ => return Err(foreign::not_a_function(file, offset, import)),
        };
        let found = &self.types[ty as usize];
        let function =
            HostFunction::find(module, name).filter(|function| *found == abi::func_type(*function));
        self.imports.push(match function {
            Some(function) => Import::Host(function),
            None => Import::Foreign(Foreign { module, name, ty, offset }),
        });
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
                        Some(init @ (ConstExpr::Function(_) | ConstExpr::Imported(_))) => {
                            return Ok(init.clone());
                        }
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
        let library = match self.imports.get(function as usize) {
            Some(Import::Library(function)) => Some(function.name),
            _ => None,
        };
        let name = self.names.get(&function).or_else(|| self.export_names.get(&function)).copied();
        let name = library.or(name);
        FunctionName { index: function, name: name.map(str::to_string) }
    }

    /// Returns what the name section calls a function, as it stands there.
    pub(crate) fn written_name(&self, function: u32) -> Option<&'a str> {
        self.names.get(&function).copied()
    }

    /// Adds a function of the compiler's own, before the library is joined. Returns its number.
    pub(crate) fn add_function(&mut self, name: &'a str, ty: FuncType, body: FunctionBody<'a>) -> u32 {
        let number = self.functions.len() as u32;
        self.types.push(ty);
        self.functions.push(self.types.len() as u32 - 1);
        self.bodies.push(body);
        self.names.insert(number, name);
        number
    }

    /// Gives a function the name that another module has for one.
    pub(super) fn name(&mut self, function: u32, from: &WasmModule<'a>, named: u32) {
        self.names.extend(from.names.get(&named).map(|name| (function, *name)));
    }

    /// Returns the host function that an index names, if it is an import of the guest ABI.
    pub fn host_function(&self, function: u32) -> Option<HostFunction> {
        match self.imports.get(function as usize) {
            Some(Import::Host(function)) => Some(*function),
            _ => None,
        }
    }
}

/// The name of the instruction that has a byte at this offset.
fn mnemonic_at(body: &FunctionBody<'_>, offset: u64) -> Option<String> {
    let mut reader = body.get_operators_reader().ok()?;
    while !reader.eof() {
        let op = reader.read().ok()?;
        if reader.original_position() > offset {
            return Some(mnemonic(&op));
        }
    }
    None
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
    let typed = [
        "i32", "i64", "f32", "f64", "v128", "i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2", "local",
        "global", "memory", "table", "data", "elem", "ref", "struct", "array", "i31", "any", "extern",
        "atomic",
    ];
    if rest.is_empty() || !typed.contains(&head) {
        return name.to_string();
    }
    match rest.strip_prefix("atomic_") {
        // `i32.atomic.rmw8.add_u`
        Some(rest) if rest.starts_with("rmw") => format!("{head}.atomic.{}", rest.replacen('_', ".", 1)),
        Some(rest) => format!("{head}.atomic.{rest}"),
        None => format!("{head}.{rest}"),
    }
}

enum TakeError {
    Invalid(BinaryReaderError),
    Refused(Diagnostics),
}

impl From<BinaryReaderError> for TakeError {
    fn from(e: BinaryReaderError) -> Self {
        Self::Invalid(e)
    }
}
