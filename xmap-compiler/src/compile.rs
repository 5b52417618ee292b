//! The way of the data: a module and a manifest become an image, its map and its report.

use std::collections::BTreeMap;
use std::ops::Range;

use xmap_abi::HostFunction;
use xmap_boards::BoardId;
use xmap_image::limits::DEFAULT_FUEL;
use xmap_image::{
    Entry, Event, Export, FaultPolicy, Image, ImageBuilder, Manifest as Block, PinName, PinRow, Plain, Word,
    Zone, limits,
};

use crate::bounds::{self, Bound, BusTimes, Unbounded};
use crate::codes::Code;
use crate::contract::{self, Contract};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::emit::{Emitted, emit};
use crate::hooks::{Hooked, hooked};
use crate::ir::Messages;
use crate::keep::{Kept, kept};
use crate::library;
use crate::link::{Linked, LinkedEntry, link};
use crate::manifest::{ExportedFunction, Manifest, MappedExport, WasmTy, resolve_exports};
use crate::map::SourceMap;
use crate::memory::{self, Memory};
use crate::opt::Inlined;
use crate::pins::PinCheck;
use crate::program::{Program, program, too_complex};
use crate::report::{ExportReport, FunctionReport, How, Report, texts};
use crate::shadow::{Shadow, shadow};
use crate::spans::{self, Spans};
use crate::table;
use crate::timers;
use crate::wasm::{self, ConstExpr, Import, LineTable, SourceMapText, WasmModule};

/// The result of a compilation.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The image.
    pub words: Vec<Word>,
    /// Names and source lines, for the host.
    pub map: SourceMap,
    /// What it takes and what it costs.
    pub report: Report,
    /// What callers of its exports go by.
    pub contract: Contract,
    /// What a person should know of the image; each warns and none stands in the way.
    pub warnings: Vec<Diagnostic>,
    /// The steps that the compiler took ([`crate::work`]): the same on each machine.
    pub steps: u64,
}

impl Compiled {
    /// The image as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }
}

/// Compiles a module. `wasm` is the binary form; the manifest names the file for messages.
///
/// The result may be over the budget: [`Report::check_budget`] says so.
///
/// # Errors
/// Everything that is wrong with the module, or between it and the manifest, each with its place.
pub fn compile(manifest: &Manifest, wasm: &[u8]) -> Result<Compiled, Diagnostics> {
    compile_with(manifest, wasm, None)
}

/// [`compile`], with the source map that stands beside the module, for the lines of one without DWARF.
///
/// # Errors
/// As [`compile`].
pub fn compile_with(
    manifest: &Manifest,
    wasm: &[u8],
    map: Option<SourceMapText>,
) -> Result<Compiled, Diagnostics> {
    let file = manifest.wasm_path().display().to_string();
    let mut module = WasmModule::read(&file, wasm)?;
    let wrappers = contract::wrap(&module, manifest);
    contract::wrapped(&mut module, &wrappers);
    let hooked = hooked(&mut module, manifest);
    let library = library::library(&module, manifest);
    if let Some(library) = &library {
        library::link(&mut module, library);
    }
    let has_hook = module.exports.iter().any(|export| export.name == HOOK);
    let asks = manifest.has_text() && manifest.limits.fuel.value != DEFAULT_FUEL;
    if asks && !has_hook {
        start_as_hook(&mut module);
    }
    let mut compiled = compile_module(manifest, &file, &module, &hooked, map.clone())?;
    let Some(start) = start_beyond(&compiled) else { return Ok(compiled) };
    match start {
        // Its bound is known, and no device gives it as much.
        Some(_) if !has_hook => {
            start_as_hook(&mut module);
            compile_module(manifest, &file, &module, &hooked, map)
        }
        Some(fuel) => Err(start_fuel(&file, &module, Some(fuel)).into()),
        None => {
            compiled.warnings.extend(asks.then(|| start_fuel(&file, &module, None)));
            Ok(compiled)
        }
    }
}

/// What a device calls behind the start function.
const HOOK: &str = "_initialize";

/// Makes the start function the hook [`HOOK`], which runs right behind it: a device gives a start function
/// what an image without a manifest has, and a hook its bound, or what the manifest says.
fn start_as_hook(module: &mut WasmModule<'_>) {
    let start = module.start.take().map(|function| wasm::ExportedFunction { name: HOOK, function });
    module.exports.extend(start);
}

/// Returns whether an image's start function may take more fuel than a device gives it: its bound, `None`
/// where it has none.
fn start_beyond(compiled: &Compiled) -> Option<Option<u64>> {
    let image = Image::verify(&compiled.words).expect("the builder has verified what it built");
    let function = compiled.report.functions.get(image.header().start? as usize)?;
    match function.bound.map(|bound| bound.fuel) {
        Some(fuel) if fuel <= u64::from(DEFAULT_FUEL) => None,
        bound => Some(bound),
    }
}

/// A start function that has to do with the fuel of an image without a manifest, as its module has a hook of
/// its own: an error where it is known to take more.
fn start_fuel(file: &str, module: &WasmModule<'_>, bound: Option<u64>) -> Diagnostic {
    let function = module.start.map(|start| module.function_name(start));
    let place = Place::Wasm { file: file.to_string(), function, offset: None, source: None };
    let most = format!("the start function has {DEFAULT_FUEL} of fuel, whatever the manifest says");
    let help =
        format!("have `{HOOK}` call it, and leave the start function away: a hook has the manifest's `fuel`");
    match bound {
        Some(fuel) => Diagnostic::new(Code::StartFuel, place, format!("{most}, and takes up to {fuel}")),
        None => Diagnostic::warning(Code::StartFuel, place, format!("{most}, and may take more")),
    }
    .help(help)
}

fn compile_module(
    manifest: &Manifest,
    file: &str,
    module: &WasmModule<'_>,
    hooked: &Hooked,
    map: Option<SourceMapText>,
) -> Result<Compiled, Diagnostics> {
    let lines = LineTable::of(module).with_map(map);
    let mut exports = resolve_exports(manifest, &exported(module))?;
    let pins = |function| PinCheck { file, module, lines: &lines, manifest, function };

    let Program { mut funcs, shared, steps, messages } = program(file, module, hooked, &lines, &exports)?;
    hooked.settle(&mut funcs, &mut exports);
    let shadow = shadow(module, &funcs);
    if !manifest.trace {
        spans::forget(&mut funcs)
            .map_err(|(index, exhausted)| too_complex(file, module, index, exhausted))?;
    }
    let spans = Spans::number(&mut funcs, module, &lines, file);
    let unread = spans.unread(&funcs, module, &shadow, manifest, &exports);
    let emitted = emit_all(module, funcs, pins)?;
    let steps = steps + emitted.values().map(|function| function.steps).sum::<u64>();
    let linked = link(module, &exports, emitted, &shared);
    assemble(&Parts {
        manifest,
        module,
        exports: &exports,
        linked: &linked,
        shadow: &shadow,
        file,
        lines: &lines,
        steps,
        messages: &messages,
        spans: &spans,
        unread: &unread,
    })
}

/// Everything that an image is put together from.
struct Parts<'p, 'a> {
    manifest: &'p Manifest,
    module: &'p WasmModule<'a>,
    exports: &'p [MappedExport],
    linked: &'p Linked,
    shadow: &'p Shadow,
    file: &'p str,
    lines: &'p LineTable<'a>,
    steps: u64,
    messages: &'p Messages,
    spans: &'p Spans,
    /// Stretches of memory that only names of spans are in.
    unread: &'p [Range<u64>],
}

fn assemble(parts: &Parts<'_, '_>) -> Result<Compiled, Diagnostics> {
    let Parts { manifest, module, linked, file, .. } = *parts;
    let memory = Memory::of(file, module, manifest)?;
    let tables = table::tables(file, module, linked)?;
    let elements = table::elements(file, module, linked)?;
    let items: Vec<u16> = elements.iter().flat_map(|e| e.items.iter().copied()).collect();
    let globals = globals(parts)?;
    let kept = kept(manifest, module, linked, memory)?;
    let loops: Vec<&[(u32, u64)]> = linked.sources.iter().map(|s| &s.loops[..]).collect();
    // As much as the image will have, or more.
    let references: u64 = tables.iter().map(|table| u64::from(table.capacity) + 1).sum();
    let slots = references + (globals.len() + elements.len() + module.data.len()) as u64;
    let memory_bytes = u64::from(memory.bytes).max(u64::from(memory.max_pages) << 16);
    let buses = BusTimes::of_manifest(manifest);
    let program = bounds::Program {
        buses: &buses,
        costs: manifest.board().id.costs(),
        memory_bytes,
        slots,
        loops: &loops,
        functions: &linked.functions,
        types: &linked.function_types,
        items: &items,
        globals: &globals,
    };
    let bounds = bounds::bounds(program);
    let stack_slots = bounds::stack_slots(program);
    let exports = entries(parts, &bounds);
    let builder = ImageBuilder {
        board: manifest.board().id,
        version: manifest.module.version.value,
        start: linked.start,
        memory_bytes: memory.bytes,
        memory_pages: memory.pages,
        memory_max_pages: memory.max_pages,
        time_us: manifest.limits.time_us.value,
        exports: exports.clone(),
        functions: linked.functions.clone(),
        pins: manifest
            .pins
            .iter()
            .map(|pin| PinRow::new(pin.line.value, pin.mode.value, pin.safe, pin.pull))
            .collect(),
        globals,
        data: memory::segments(file, module, memory.bytes, parts.unread)?,
        types: linked.types.clone(),
        function_types: linked.function_types.clone(),
        tables,
        elements,
        passive_data: table::passive_data(module, linked),
        stack_slots,
        stack_pointer: parts.shadow.pointer(linked),
        i2c: manifest.i2c.iter().map(|device| (device.name.value.clone(), device.row)).collect(),
        i2c_registers: manifest.i2c.iter().filter_map(|device| device.registers).collect(),
        uart: manifest.uart.iter().map(|port| (port.name.value.clone(), port.row)).collect(),
        pwm: manifest.pwm.iter().map(|channel| (channel.name.value.clone(), channel.row)).collect(),
        spi: manifest.spi.iter().map(|device| (device.name.value.clone(), device.row)).collect(),
        contracts: contract::carried(parts.exports),
        untraced: !manifest.trace,
        zone: manifest.zone.as_ref().map_or(Zone::UTC, |zone| zone.value),
        manifest: block(parts, &kept),
    };
    let words = builder.build().map_err(|error| {
        Diagnostic::new(Code::CannotEncode, Place::File(file.to_string()), format!("{file}: {error}"))
    })?;
    let functions = linked.sources.iter().zip(&linked.functions).zip(&bounds);
    let functions = functions.map(|((source, function), bound)| FunctionReport {
        name: Plain(&module.function_name(source.index).to_string()).to_string(),
        bytes: function.code.len() * 4,
        bound: bound.ok(),
    });
    let map =
        SourceMap::of(&words, module, linked, parts.lines, parts.exports, kept.names.clone(), parts.messages);
    let map = map.with_contracts(contract::lines(parts.exports)).with_texts(parts.spans.texts.clone());
    let report = Report::new(
        &words,
        module.bytes.len(),
        manifest.limits.max_bytes.value,
        reports(manifest.board().id, &exports, linked, &bounds, &map, memory_bytes),
        functions.collect(),
        kept.names,
    );
    let timers = &report.timers;
    let names = |timer: &timers::BusTimer| report.exports.iter().find(|export| export.key == timer.key);
    let handler = timers.first().and_then(names).map(|export| export.name.clone());
    let listed =
        manifest.exports.iter().flatten().find(|export| Some(&export.name.value) == handler.as_ref());
    let place =
        listed.and_then(|export| export.on.as_ref()).map_or(&manifest.module.name.span, |on| &on.span);
    timers::check(timers, manifest.place(place))?;
    Ok(Compiled {
        words,
        map,
        report,
        contract: Contract::of(manifest, parts.exports, logs(module)),
        steps: parts.steps,
        warnings: [parts.shadow.warning(file, &manifest.policy), no_exports(parts)]
            .into_iter()
            .flatten()
            .chain(parts.spans.warnings.iter().cloned())
            .collect(),
    })
}

/// Returns whether a module imports `log.message`.
fn logs(module: &WasmModule<'_>) -> bool {
    let is_log = |import: &Import<'_>| matches!(import, Import::Host(f) if *f == HostFunction::LogMessage);
    module.imports.iter().any(is_log)
}

/// Says why an image has no exports: mostly an export was forgotten.
fn no_exports(parts: &Parts<'_, '_>) -> Option<Diagnostic> {
    if !parts.exports.is_empty() {
        return None;
    }
    let (file, place) = (parts.file, Place::File(parts.file.to_string()));
    let (message, help) = match parts.module.exports.is_empty() {
        true => (
            format!("{file}: the module exports no function, so nothing can call the image"),
            "mark what is called: `XMAP_EXPORT(name)` (C), `#[unsafe(no_mangle)] extern \"C\"` (Rust), `export fn` \
             (Zig), `export function` (AssemblyScript)",
        ),
        false => (
            format!("{file}: [exports] lists no function, so nothing can call the image"),
            "list functions, or leave [exports] out: then every exported function is mapped",
        ),
    };
    Some(Diagnostic::warning(Code::NoExports, place, message).help(help.to_string()))
}

/// The rows of the export table.
fn entries(parts: &Parts<'_, '_>, bounds: &[Result<Bound, Unbounded>]) -> Vec<Export> {
    let linked = parts.linked;
    let limit = parts.manifest.limits.fuel.value;
    let one = |export: &MappedExport| {
        let entry = match linked.entries[&export.function] {
            LinkedEntry::Direct(first, second) => Entry::Direct { first, second },
            LinkedEntry::Function(function) => {
                let bound = bounds[function as usize].ok().and_then(|bound| u32::try_from(bound.fuel).ok());
                Entry::Code { function, fuel: bound.unwrap_or(limit) }
            }
        };
        Export {
            key: export.key.clone(),
            name: export.name.clone(),
            params: export.params.clone(),
            results: export.results.clone(),
            entry,
        }
    };
    parts.exports.iter().map(one).collect()
}

/// Returns what the report says of each row of the export table.
fn reports(
    board: BoardId,
    exports: &[Export],
    linked: &Linked,
    bounds: &[Result<Bound, Unbounded>],
    map: &SourceMap,
    memory_bytes: u64,
) -> Vec<ExportReport> {
    let one = |export: &Export| {
        let (how, unbounded, bytes) = match export.entry {
            Entry::Direct { first, .. } => (How::direct(first), None, 0),
            Entry::Code { function, fuel } => {
                let (how, unbounded) = How::of(bounds[function as usize], fuel, Some(map));
                (how, unbounded, linked.functions[function as usize].code.len() * 4)
            }
        };
        ExportReport {
            board,
            key: export.key.clone(),
            name: export.name.clone(),
            bytes,
            values: (export.params.len(), export.results.len()),
            texts: texts(export.params.iter().chain(&export.results).copied(), memory_bytes),
            how,
            unbounded,
        }
    };
    exports.iter().map(one).collect()
}

/// The initial values of the globals that are left.
fn globals(parts: &Parts<'_, '_>) -> Result<Vec<u64>, Diagnostic> {
    let one = |index: &u32| match &parts.module.globals[*index as usize].init {
        ConstExpr::Bits(bits) => Ok(*bits),
        ConstExpr::Function(function) => Ok(u64::from(parts.linked.numbers[function]) + 1),
        ConstExpr::Unsupported(op, offset) => {
            let place = Place::wasm(parts.file, u64::from(*offset));
            Err(Diagnostic::new(Code::Unsupported, place, format!("{op} is not supported")))
        }
        ConstExpr::Imported(_) => unreachable!("what the code reaches is no import"),
    };
    parts.linked.globals.iter().map(one).collect()
}

/// The cold part of the image.
fn block<'p>(parts: &Parts<'p, '_>, kept: &Kept) -> Block<'p> {
    let manifest = parts.manifest;
    let names = manifest.pins.iter().filter_map(|pin| {
        let name = pin.name.as_ref()?.value.as_str();
        Some(PinName { line: pin.line.value.number(), name })
    });
    let handlers = parts
        .exports
        .iter()
        .enumerate()
        .filter_map(|(n, export)| Some(Event { export: n as u16, source: export.on? }));
    let mut pins: Vec<PinName<'_>> = names.collect();
    pins.sort_by_key(|pin| pin.line);
    let keep = kept.rows.iter().copied().collect();
    // The manifest has been checked against all capacities: lines are distinct, the rest counted.
    Block {
        module: &manifest.module.name.value,
        namespace: &manifest.module.namespace.value,
        pins: pins.into_iter().collect(),
        events: handlers.collect(),
        policy: FaultPolicy {
            layout: kept.layout,
            keep,
            persist: manifest.keep.persist,
            ..manifest.policy.clone()
        },
    }
}

fn exported<'m>(module: &WasmModule<'m>) -> Vec<ExportedFunction<'m>> {
    let types = |types: &[wasmparser::ValType]| {
        let ty = |ty: &wasmparser::ValType| match ty {
            wasmparser::ValType::I64 => WasmTy::I64,
            wasmparser::ValType::F32 => WasmTy::F32,
            wasmparser::ValType::F64 => WasmTy::F64,
            wasmparser::ValType::Ref(_) => WasmTy::I64,
            _ => WasmTy::I32,
        };
        types.iter().map(ty).collect()
    };
    let one = |export: &crate::wasm::ExportedFunction<'m>| {
        let ty = module.function_type(export.function);
        ExportedFunction {
            name: export.name,
            params: types(ty.params()),
            results: types(ty.results()),
            function: export.function,
        }
    };
    module.exports.iter().map(one).collect()
}

/// Emits all functions.
fn emit_all<'a>(
    module: &WasmModule<'_>,
    funcs: Inlined,
    pins: impl Fn(u32) -> PinCheck<'a>,
) -> Result<BTreeMap<u32, Emitted>, Diagnostics> {
    let most = |n: usize, most: usize, what: &str, code| {
        let place = || Place::File(pins(0).file.to_string());
        if n <= most {
            Ok(())
        } else {
            Err(Diagnostic::new(code, place(), format!("{n} {what}, at most {most}")))
        }
    };
    most(module.functions.len(), limits::MAX_FUNCTIONS, "functions", Code::TooManyFunctions)?;
    most(module.globals.len(), limits::MAX_GLOBALS, "globals", Code::TooManyGlobals)?;
    let mut emitted = BTreeMap::new();
    let mut errors = Vec::new();
    for (index, func) in funcs {
        match emit(&func, &pins(index)) {
            Ok(function) => _ = emitted.insert(index, function),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(emitted) } else { Err(Diagnostics(errors)) }
}
