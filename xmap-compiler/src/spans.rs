//! Names, keys and values of spans that are constants: they become numbers, and their texts go into the map.
//!
//! A text is a constant where its address and its length are, and where it stands in what the module's memory
//! has at load. Of such a text no byte is in the image, as long as it can be seen that nothing else reads it:
//! where each address that code reads from is a constant or in the shadow stack. Where code reads from
//! addresses that only a call knows, the text stays with all other data.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use xmap_abi::{Capability, HostFunction, TEXT_NUMBER, TEXT_WIDE};
use xmap_image::{Op, Ty};

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Place};
use crate::ir::{Binary, Func, Inst, Kind, Site, Value};
use crate::manifest::{Manifest, MappedExport};
use crate::memory::at_load;
use crate::opt::{Inlined, settle};
use crate::shadow::Shadow;
use crate::wasm::{LineTable, WasmModule};
use crate::work::Exhausted;

/// Bytes of a constant text at most: a longer one is none that anybody reads in a trace.
const MOST_BYTES: u64 = 256;
/// Texts of an image at most: as many as a number of two bytes has.
const MOST_TEXTS: usize = 1 << 16;
/// Bytes that a load reads at most.
const LOADED: u64 = 8;

/// The constant texts of an image.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    /// The texts, by their numbers.
    pub(crate) texts: Vec<String>,
    /// Constants that are no text.
    pub(crate) warnings: Vec<Diagnostic>,
    /// Where they stand in memory.
    places: Vec<Range<u64>>,
}

/// The arguments of a function of `trace` that are texts: the places of their addresses.
fn texts_of(function: HostFunction) -> &'static [usize] {
    match function {
        HostFunction::TraceStartSpan => &[0],
        HostFunction::TraceSetAttrI64 | HostFunction::TraceSetAttrF64 => &[1],
        HostFunction::TraceSetAttrStr => &[1, 3],
        _ => &[],
    }
}

/// Takes all calls of `trace` out of a module: `start_span` returns 0.
///
/// # Errors
/// A function that takes more steps than it may, by its index.
pub(crate) fn forget(funcs: &mut Inlined) -> Result<(), (u32, Exhausted)> {
    let is_trace =
        |inst: &Inst| matches!(inst.kind, Kind::Host(f) if f.row().capability == Capability::Trace);
    for (index, func) in funcs.iter_mut() {
        let all = func.blocks.iter().flat_map(|block| &block.insts);
        let calls: Vec<&Inst> = all.filter(|inst| is_trace(inst)).collect();
        let results: Vec<Value> = calls.iter().flat_map(|inst| &inst.results).copied().collect();
        if !calls.is_empty() {
            func.blocks.iter_mut().for_each(|block| block.insts.retain(|inst| !is_trace(inst)));
            results.into_iter().for_each(|result| func.set_constant(result, 0));
            settle(func).map_err(|exhausted| (*index, exhausted))?;
        }
    }
    Ok(())
}

impl Spans {
    /// Gives the constant texts of all calls numbers.
    pub(crate) fn number(
        funcs: &mut Inlined,
        module: &WasmModule<'_>,
        lines: &LineTable<'_>,
        file: &str,
    ) -> Self {
        let mut spans = Self::default();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let written: Vec<Range<u64>> = funcs.values().flat_map(stores).collect();
        for func in funcs.values_mut() {
            let mut found = Vec::new();
            for (b, block) in func.blocks.iter().enumerate() {
                for (n, inst) in block.insts.iter().enumerate() {
                    let Kind::Host(function) = inst.kind else { continue };
                    for at in texts_of(function) {
                        let [address, len] = [*at, at + 1].map(|at| func.as_constant(inst.args[at]));
                        let (Some(address), Some(len)) = (address, len) else { continue };
                        match constant(module, address as u32, len as u32, &written) {
                            Some((place, Ok(text))) => {
                                let next = numbers.len();
                                let number = *numbers.entry(text.clone()).or_insert(next);
                                if number == next {
                                    spans.texts.push(text);
                                }
                                spans.places.push(place);
                                found.push((b, n, *at, number));
                            }
                            Some((_, Err(length))) => {
                                let offset = Site::offset(&func.sites, inst.offset);
                                spans
                                    .warnings
                                    .push(no_text(module, func, lines, file, function, length, offset));
                            }
                            None => {}
                        }
                    }
                }
            }
            for (b, n, at, number) in found.into_iter().filter(|(.., number)| *number < MOST_TEXTS) {
                let new = [number as u64, TEXT_NUMBER.into()].map(|bits| func.constant(bits));
                func.blocks[b].insts[n].args[at..at + 2].copy_from_slice(&new);
            }
        }
        spans.texts.truncate(MOST_TEXTS);
        spans
    }

    /// Returns the stretches of memory in which texts stand that nothing reads any more, one after the other.
    pub(crate) fn unread(
        &self,
        funcs: &Inlined,
        module: &WasmModule<'_>,
        shadow: &Shadow,
        manifest: &Manifest,
        exports: &[MappedExport],
    ) -> Vec<Range<u64>> {
        let reads_results =
            |export: &MappedExport| export.results.iter().any(|ty| matches!(ty, Ty::BytesPtr | Ty::StrPtr));
        let passive = module.data.iter().any(|segment| segment.address.is_none());
        let others = !manifest.keep.memory.is_empty() || exports.iter().any(reads_results) || passive;
        if self.places.is_empty() || self.texts.len() == MOST_TEXTS || others {
            return Vec::new();
        }
        let pointer = if let Shadow::Pointer(pointer) = shadow { Some(*pointer) } else { None };
        let mut read = Vec::new();
        if !funcs.values().all(|func| reads(func, pointer, &mut read)) {
            return Vec::new();
        }
        let mut unread: Vec<Range<u64>> = self.places.clone();
        unread.sort_by_key(|range| (range.start, range.end));
        for read in read {
            let pieces = unread.into_iter().flat_map(|range| {
                let before = range.start..range.end.min(read.start);
                let behind = range.start.max(read.end)..range.end;
                [before, behind].into_iter().filter(|piece| piece.start < piece.end)
            });
            unread = pieces.collect();
        }
        let mut end = 0;
        unread.retain_mut(|range| {
            range.start = range.start.max(end);
            end = end.max(range.end);
            range.start < range.end
        });
        unread
    }
}

/// The stretches of memory that a function writes at constant addresses.
fn stores(func: &Func) -> Vec<Range<u64>> {
    let place = |inst: &Inst| match inst.kind {
        Kind::Store(_, offset) => {
            let from = func.as_constant(inst.args[0])? + u64::from(offset);
            Some(from..from + LOADED)
        }
        _ => None,
    };
    func.blocks.iter().flat_map(|block| &block.insts).filter_map(place).collect()
}

/// Returns where a text stands and what it is, if it stands in what memory has at load and is not written;
/// its length, where it is none.
fn constant(
    module: &WasmModule<'_>,
    address: u32,
    len: u32,
    written: &[Range<u64>],
) -> Option<(Range<u64>, Result<String, usize>)> {
    let from = u64::from(address);
    let (place, text) = if len == TEXT_WIDE {
        let head = at_load(module, from.checked_sub(4)?, 4)?;
        let len = u64::from(u32::from_le_bytes(head.try_into().ok()?));
        let units = at_load(module, from, usize::try_from(len).ok().filter(|_| len <= 2 * MOST_BYTES)?)?;
        let units: Vec<u16> = units.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        (from..from + len, String::from_utf16(&units).map_err(|_| units.len() * 2))
    } else {
        let len = u64::from(len);
        let text = at_load(module, from, usize::try_from(len).ok().filter(|_| len <= MOST_BYTES)?)?;
        (from..from + len, String::from_utf8(text).map_err(|error| error.as_bytes().len()))
    };
    let is_written = |range: &Range<u64>| range.start < place.end && place.start < range.end;
    (!written.iter().any(is_written)).then_some((place, text))
}

/// A constant that is no text.
fn no_text(
    module: &WasmModule<'_>,
    func: &Func,
    lines: &LineTable<'_>,
    file: &str,
    function: HostFunction,
    len: usize,
    offset: u32,
) -> Diagnostic {
    let place = Place::Wasm {
        file: file.to_string(),
        function: Some(module.function_name(func.index)),
        offset: Some(offset.into()),
        source: lines.find(offset),
    };
    let message = format!("{function}: these {len} bytes are no UTF-8");
    Diagnostic::warning(Code::NotAName, place, message)
        .help("give the bytes of a text, and their number; they travel as they are".to_string())
}

/// Adds the stretches of memory that a function reads. Returns whether that are all: not where it reads from
/// addresses that only a call knows.
fn reads(func: &Func, pointer: Option<u32>, read: &mut Vec<Range<u64>>) -> bool {
    let stack = on_stack(func, pointer);
    func.blocks.iter().flat_map(|block| &block.insts).all(|inst| {
        let on_stack = |at: usize| stack.contains(&inst.args[at]);
        let mut range = |at: usize, offset: u32, len: Option<u64>| {
            if on_stack(at) {
                return true;
            }
            let from = func.as_constant(inst.args[at]).map(|from| from + u64::from(offset));
            let known = from.zip(len).map(|(from, len)| from..from.saturating_add(len));
            let is_known = known.is_some();
            read.extend(known);
            is_known
        };
        let length = |at: usize| func.as_constant(inst.args[at]);
        match inst.kind {
            Kind::Load(_, offset) => range(0, offset, Some(LOADED)),
            Kind::Plain { op: Op::MemoryCopy, .. } => range(1, 0, length(2)),
            Kind::Host(HostFunction::LogMessage | HostFunction::UartWrite) => range(1, 0, length(2)),
            Kind::Host(HostFunction::I2cWriteRead | HostFunction::SpiTransfer) => range(1, 0, length(2)),
            Kind::Host(function) => texts_of(function).iter().all(|at| match length(*at + 1) {
                Some(len) if len == u64::from(TEXT_NUMBER) => true,
                Some(len) if len == u64::from(TEXT_WIDE) => false,
                len => range(*at, 0, len),
            }),
            _ => true,
        }
    })
}

/// The values that are addresses in the shadow stack: its pointer, and what is that far from it.
fn on_stack(func: &Func, pointer: Option<u32>) -> HashSet<Value> {
    let mut stack = HashSet::new();
    let Some(pointer) = pointer else { return stack };
    loop {
        let before = stack.len();
        for inst in func.blocks.iter().flat_map(|block| &block.insts) {
            let is = |at: usize| stack.contains(&inst.args[at]);
            let found = match inst.kind {
                Kind::GlobalGet(global) => global == pointer,
                Kind::Binary(Binary::Add, _) => is(0) != is(1),
                Kind::Binary(Binary::Sub, _) => is(0) && !is(1),
                Kind::Binary(Binary::And, _) => is(0) != is(1),
                Kind::Select => is(1) && is(2),
                _ => false,
            };
            if found {
                stack.extend(&inst.results);
            }
        }
        if stack.len() == before {
            return stack;
        }
    }
}
