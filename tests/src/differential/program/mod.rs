//! Programs as compilers write them, for what `wasm-smith` is poor at: loops with counters that end,
//! walks through memory, switches, deep expressions with many live values, values that change
//! places at the head of a loop, and calls with many arguments and several results.
//!
//! A function calls only functions before it, so there is no recursion, and each loop has a
//! counter. What ends nevertheless late runs out of fuel.

mod body;
mod expr;
mod floats;
mod loops;
mod ops;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, FunctionSection, GlobalSection, GlobalType, ImportSection, MemorySection,
    MemoryType, Module, RefType, StartSection, TableSection, TableType, TypeSection, ValType,
};
use xmap_abi::{HostFunction, WasmType};

use super::rng::Rng;
use super::{Features, MAX_PAGES};
use body::Body;

/// Parameters and results.
type Signature = (Vec<ValType>, Vec<ValType>);

/// The module so far, as the bodies of its functions see it.
struct Program<'r> {
    rng: &'r mut Rng,
    features: Features,
    /// Types of functions and blocks, each once.
    types: Vec<Signature>,
    /// How many host functions are imported: all or none.
    imports: u32,
    /// The functions before the one that is being written.
    functions: Vec<Signature>,
    /// The globals and whether they may change.
    globals: Vec<(ValType, bool)>,
    /// Functions in the table; only those behind them call through it.
    table: Vec<u32>,
    /// Passive data segments.
    passive: u32,
}

impl Program<'_> {
    fn type_index(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let found = self.types.iter().position(|(p, r)| p == params && r == results);
        let n = found.unwrap_or_else(|| {
            self.types.push((params.to_vec(), results.to_vec()));
            self.types.len() - 1
        });
        n as u32
    }

    fn block_type(&mut self, params: &[ValType], results: &[ValType]) -> BlockType {
        match (params, results) {
            ([], []) => BlockType::Empty,
            ([], [one]) => BlockType::Result(*one),
            _ => BlockType::FunctionType(self.type_index(params, results)),
        }
    }

    fn ty(&mut self) -> ValType {
        let floats = if self.features.floats { 6 } else { 4 };
        [ValType::I32, ValType::I32, ValType::I32, ValType::I64, ValType::F32, ValType::F64]
            [self.rng.below(floats)]
    }

    fn types_of(&mut self, n: usize) -> Vec<ValType> {
        (0..n).map(|_| self.ty()).collect()
    }

    fn signature(&mut self) -> Signature {
        let params = if self.rng.one_in(8) { self.rng.range(8, 30) } else { self.rng.below(6) };
        let results = if self.rng.one_in(4) { self.rng.range(2, 8) } else { self.rng.below(2) };
        (self.types_of(params), self.types_of(results))
    }
}

const fn val_type(ty: WasmType) -> ValType {
    match ty {
        WasmType::I32 => ValType::I32,
        WasmType::I64 => ValType::I64,
        WasmType::F64 => ValType::F64,
    }
}

/// A module; it validates.
pub(super) fn module(rng: &mut Rng, features: &Features) -> Vec<u8> {
    let imports = if rng.one_in(3) { HostFunction::ALL.len() as u32 } else { 0 };
    let mut program = Program {
        rng,
        features: *features,
        types: Vec::new(),
        imports,
        functions: Vec::new(),
        globals: Vec::new(),
        table: Vec::new(),
        passive: 0,
    };
    for _ in 0..program.rng.below(5) {
        let global = (program.ty(), !program.rng.one_in(4));
        program.globals.push(global);
    }
    if features.bulk_memory {
        program.passive = program.rng.below(3) as u32;
    }
    let (mut import_section, mut function_section) = (ImportSection::new(), FunctionSection::new());
    for function in HostFunction::ALL.iter().take(imports as usize) {
        let row = function.row();
        let params: Vec<_> = row.params.iter().map(|param| val_type(param.ty)).collect();
        let results: Vec<_> = row.results.iter().map(|ty| val_type(*ty)).collect();
        let ty = program.type_index(&params, &results);
        import_section.import(row.module, row.name, EntityType::Function(ty));
    }
    let mut code = CodeSection::new();
    let count = program.rng.range(1, 6);
    for n in 0..count {
        if features.tables && n == count / 2 && n > 0 {
            let own = 0..n as u32;
            program.table = own.map(|f| imports + f).collect();
        }
        let signature = program.signature();
        let ty = program.type_index(&signature.0, &signature.1);
        function_section.function(ty);
        code.function(&Body::write(&mut program, &signature));
        program.functions.push(signature);
    }
    let start = program.rng.one_in(6).then(|| {
        // It may only have a type of its own.
        let ty = program.type_index(&[], &[]);
        function_section.function(ty);
        code.function(&Body::write(&mut program, &(Vec::new(), Vec::new())));
        imports + count as u32
    });
    assemble(&mut program, count as u32, &import_section, &function_section, start, &code)
}

fn assemble(
    program: &mut Program<'_>,
    count: u32,
    imports: &ImportSection,
    functions: &FunctionSection,
    start: Option<u32>,
    code: &CodeSection,
) -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    for (params, results) in &program.types {
        types.ty().function(params.iter().copied(), results.iter().copied());
    }
    module.section(&types).section(imports).section(functions);
    let slots = program.table.len() as u64 + 2;
    if !program.table.is_empty() {
        let mut tables = TableSection::new();
        let (element_type, table64, shared) = (RefType::FUNCREF, false, false);
        tables.table(TableType { element_type, table64, shared, minimum: slots, maximum: Some(slots) });
        module.section(&tables);
    }
    let mut memories = MemorySection::new();
    let maximum = program.rng.one_in(2).then(|| program.rng.range(1, MAX_PAGES as usize + 2) as u64);
    let page_size_log2 = None;
    memories.memory(MemoryType { minimum: 1, maximum, memory64: false, shared: false, page_size_log2 });
    module.section(&memories);
    let mut globals = GlobalSection::new();
    for (val_type, mutable) in program.globals.clone() {
        let init = constant(program.rng, val_type);
        globals.global(GlobalType { val_type, mutable, shared: false }, &init);
    }
    module.section(&globals);
    let mut exports = ExportSection::new();
    for n in program.imports..program.imports + count {
        // Without an export a function is dead, or inlined everywhere.
        if n == program.imports + count - 1 || !program.rng.one_in(3) {
            exports.export(&format!("e{n}"), ExportKind::Func, n);
        }
    }
    exports.export("memory", ExportKind::Memory, 0);
    for (n, _) in program.globals.iter().enumerate().filter(|(_, (_, mutable))| *mutable) {
        exports.export(&format!("g{n}"), ExportKind::Global, n as u32);
    }
    module.section(&exports);
    if let Some(function_index) = start {
        module.section(&StartSection { function_index });
    }
    if !program.table.is_empty() {
        let mut elements = ElementSection::new();
        let functions = program.table.as_slice().into();
        elements.active(None, &ConstExpr::i32_const(1), Elements::Functions(functions));
        module.section(&elements);
    }
    data(program, &mut module, code);
    module.finish()
}

/// The code between the count of the data segments and the data.
fn data(program: &mut Program<'_>, module: &mut Module, code: &CodeSection) {
    let mut data = DataSection::new();
    for _ in 0..program.passive {
        let len = program.rng.below(40);
        data.passive(program.rng.bytes(len));
    }
    for _ in 0..program.rng.below(4) {
        let at = program.rng.below(0xff00) & if program.rng.one_in(2) { 0xff } else { 0xffff };
        let len = program.rng.below(200);
        let mut bytes = program.rng.bytes(len);
        // Runs of zeros, which the compiler may leave out.
        let zeros = program.rng.below(len + 1);
        let from = program.rng.below(len + 1);
        bytes.iter_mut().skip(from).take(zeros).for_each(|byte| *byte = 0);
        data.active(0, &ConstExpr::i32_const(at as i32), bytes);
    }
    if program.passive != 0 {
        module.section(&DataCountSection { count: data.len() });
    }
    module.section(code).section(&data);
}

fn constant(rng: &mut Rng, ty: ValType) -> ConstExpr {
    match ty {
        ValType::I64 => ConstExpr::i64_const(rng.integer() as i64),
        ValType::F32 => ConstExpr::f32_const(rng.f32().into()),
        ValType::F64 => ConstExpr::f64_const(rng.f64().into()),
        _ => ConstExpr::i32_const(rng.integer() as i32),
    }
}
