//! The `.map` file: what turns an op's index into a function and a line of the author's source.
//! It stays on the host; nothing of it is in the image.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use xmap_image::{ExportId, Image, Op, Plain, Word, decode, is_plain};

use crate::diagnostic::SourcePlace;
use crate::ir::{Messages, Site};
use crate::link::{Linked, LinkedEntry, Origin as Function};
use crate::manifest::MappedExport;
use crate::wasm::{ConstExpr, LineTable, WasmModule, is_library};

/// The version of the file.
const FORMAT: u32 = 1;

/// Names and places of an image's code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMap {
    /// The version of this file: 1.
    pub format: u32,
    /// SHA-256 of the image that it belongs to, in hexadecimal.
    pub image: String,
    /// The functions, in the order of their code.
    pub functions: Vec<MapFunction>,
    /// The keys of the exports, by their positions in the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<String>,
    /// For each global of the image, its index in the module: only those that code uses are left.
    #[serde(default)]
    pub globals: Vec<u32>,
    /// For each part of state that the image keeps, the manifest's name; empty where it has an address alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// The line of each export's contract (docs/contract.md), where the image carries their hashes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contracts: Vec<String>,
    /// Names, keys and values of spans that are constants, by the numbers that the image has them by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
}

/// A function of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapFunction {
    /// Its name in messages.
    pub name: String,
    /// The index of its first word in the code section.
    pub start: u32,
    /// Its ops, in order.
    pub ops: Vec<MapOp>,
    /// Its loops with a constant number of rounds: the index of the first word within the function,
    /// and the rounds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loops: Vec<(u32, u64)>,
    /// Where it is called from, if it is the toolchain's alone: the author's lines, `MOST_CALLERS` at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<String>,
    /// For each of them, the exports that come by it, [`START`] for the start function; any does where there
    /// are none, or no list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callers_of: Vec<Vec<u16>>,
}

/// The start function among exports, as traps have it.
pub const START: u16 = u16::MAX;

/// The origin of an op. Ops that follow each other from one instruction have one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapOp {
    /// The index of the op's first word within the function.
    pub at: u32,
    /// The instruction's offset in the module.
    pub wasm: u32,
    /// `file:line:column`, where the module has debug information: the innermost that is not the toolchain's
    /// library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The author's lines that this one was inlined into, the innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inlined: Vec<String>,
    /// What the module says of a trap here, where that is known beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The place of a trap in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The function's name in messages.
    pub function: String,
    /// The instruction's offset in the module.
    pub wasm: u32,
    /// `file:line:column`, where it is known.
    pub source: Option<String>,
    /// The author's lines that this one was inlined into, the innermost first.
    pub inlined: Vec<String>,
    /// The author's lines that the function is called from, if it is the toolchain's alone.
    pub callers: Vec<String>,
    /// What the module says of it, where that is known beforehand.
    pub message: Option<String>,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((first, others)) = self.callers.split_first() {
            f.write_str(first)?;
            others.iter().try_for_each(|caller| write!(f, " or {caller}"))?;
            f.write_str(", by way of ")?;
        }
        if let Some(source) = &self.source {
            write!(f, "{source}, ")?;
        }
        for place in &self.inlined {
            write!(f, "inlined at {place}, ")?;
        }
        write!(f, "{}, wasm offset 0x{:x}", self.function, self.wasm)?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl MapFunction {
    /// Returns the lines that a call of an export may have come by. All, where none of them is known to be.
    fn callers_by(&self, export: Option<u16>) -> Vec<String> {
        let by = |n: usize| {
            self.callers_of
                .get(n)
                .is_none_or(|of| of.is_empty() || export.is_none_or(|export| of.contains(&export)))
        };
        let some = self.callers.iter().enumerate().filter(|(n, _)| by(*n)).map(|(_, line)| line.clone());
        let mut some: Vec<String> = some.collect();
        if some.is_empty() {
            some.clone_from(&self.callers);
        }
        let more = some.len().saturating_sub(MOST_SHOWN);
        if more > 1 {
            some.truncate(MOST_SHOWN);
            some.push(format!("{more} more lines"));
        }
        some
    }
}

impl SourceMap {
    pub(crate) fn of(
        words: &[Word],
        module: &WasmModule<'_>,
        linked: &Linked,
        lines: &LineTable<'_>,
        exports: &[MappedExport],
        kept: Vec<String>,
        messages: &Messages,
    ) -> Self {
        let mut start = 0;
        let mut functions = Vec::new();
        let callers = Callers::of(module, linked, lines, exports);
        for (n, (function, source)) in linked.functions.iter().zip(&linked.sources).enumerate() {
            let mut ops: Vec<MapOp> = Vec::new();
            let mut last = None;
            let mut library = false;
            for (at, position) in &source.offsets {
                if last.replace(*position) != Some(*position) {
                    let chain = Chain::of(source, *position, lines);
                    library |= chain.source.is_some() && !chain.authors;
                    let wasm = Site::offset(&source.sites, *position);
                    ops.push(MapOp {
                        at: *at,
                        wasm,
                        source: chain.source,
                        inlined: chain.inlined,
                        message: message(messages, source, *position),
                    });
                }
            }
            let (callers, callers_of) =
                if library { callers.authors_of(n as u32).into_iter().unzip() } else { Default::default() };
            functions.push(MapFunction {
                name: module.function_name(source.index).to_string(),
                start,
                ops,
                loops: source.loops.clone(),
                callers,
                callers_of,
            });
            start += function.code.len() as u32;
        }
        let globals = linked.globals.clone();
        let image = Image::verify(words).ok();
        let key = |image: &Image<'_>, n: usize| image.key(ExportId(n as u16)).unwrap_or_default().to_string();
        let keys = |image: &Image<'_>| (0..image.exports().len()).map(|n| key(image, n)).collect();
        Self {
            format: FORMAT,
            image: image.as_ref().map(|image| hex(&image.hash())).unwrap_or_default(),
            functions,
            exports: image.as_ref().map(keys).unwrap_or_default(),
            globals,
            kept,
            contracts: Vec::new(),
            texts: Vec::new(),
        }
        .plain()
    }

    /// Keeps the lines of the contracts whose hashes the image carries.
    #[must_use]
    pub(crate) fn with_contracts(self, contracts: Vec<String>) -> Self {
        Self { contracts, ..self }.plain()
    }

    /// Keeps the texts that the image names by numbers.
    #[must_use]
    pub(crate) fn with_texts(self, texts: Vec<String>) -> Self {
        Self { texts, ..self }.plain()
    }

    /// Returns where the op with this index in the code section came from, in a call of an export.
    pub fn find(&self, op: u32, export: Option<u16>) -> Option<Origin> {
        let n = self.functions.partition_point(|f| f.start <= op).checked_sub(1)?;
        let function = &self.functions[n];
        let k = function.ops.partition_point(|o| function.start + o.at <= op).checked_sub(1)?;
        let MapOp { wasm, source, inlined, message, .. } = function.ops[k].clone();
        // Who calls it says more only where the line is the toolchain's.
        let library = source.as_ref().is_some_and(|source| is_library(source));
        let callers = if library { function.callers_by(export) } else { Vec::new() };
        Some(Origin { function: function.name.clone(), wasm, source, inlined, callers, message })
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a map has nothing that JSON cannot say") + "\n"
    }

    /// Reads a map and checks that it belongs to an image; none where it does not, so that a stale
    /// map never names a wrong line.
    pub fn read(text: &str, image: &Image<'_>) -> Option<Self> {
        Self::read_for(text, &image.hash())
    }

    /// Reads a map and checks that it belongs to the image with this hash.
    pub fn read_for(text: &str, hash: &[u8; 32]) -> Option<Self> {
        Self::read_any(text).filter(|map| map.image == hex(hash))
    }

    /// Reads a map, of whatever image: who uses it looks at [`SourceMap::image`].
    pub fn read_any(text: &str) -> Option<Self> {
        let map: Self = serde_json::from_str(text).ok()?;
        (map.format == FORMAT).then(|| map.plain())
    }

    /// Writes out what acts on a terminal: names and sources are anybody's, and are shown.
    fn plain(mut self) -> Self {
        let plain = |text: &mut String| {
            if !is_plain(text) {
                *text = Plain(text).to_string();
            }
        };
        self.exports.iter_mut().chain(&mut self.texts).for_each(plain);
        for function in &mut self.functions {
            plain(&mut function.name);
            function.callers.iter_mut().for_each(plain);
            for op in &mut function.ops {
                op.source.iter_mut().chain(&mut op.inlined).chain(&mut op.message).for_each(plain);
            }
        }
        self
    }
}

/// Returns what the module says of a trap at an op: at its instruction, or at one of the calls that it is
/// within.
fn message(messages: &Messages, source: &Function, position: u32) -> Option<String> {
    let calls = Site::calls(&source.sites, position);
    let mut offsets = std::iter::once(Site::offset(&source.sites, position)).chain(calls);
    offsets.find_map(|offset| messages.get(&offset)).cloned()
}

/// The lines of an op.
struct Chain {
    /// The author's line, or where there is none the toolchain's.
    source: Option<String>,
    /// The author's lines that it was inlined into.
    inlined: Vec<String>,
    /// One of them is the author's.
    authors: bool,
}

impl Chain {
    /// Follows an op through what compilers inlined: first the module's, then this one.
    fn of(source: &Function, position: u32, lines: &LineTable<'_>) -> Self {
        if !lines.exist() {
            return Self { source: None, inlined: Vec::new(), authors: false };
        }
        let calls = Site::calls(&source.sites, position);
        let offsets = std::iter::once(Site::offset(&source.sites, position)).chain(calls);
        let frames: Vec<SourcePlace> = offsets.flat_map(|offset| lines.frames(offset)).collect();
        let authors = |place: &&SourcePlace| !is_library(&place.file);
        let mut inlined: Vec<String> = frames.iter().filter(authors).map(ToString::to_string).collect();
        inlined.dedup();
        let authors = !inlined.is_empty();
        let source = if authors { Some(inlined.remove(0)) } else { frames.first().map(ToString::to_string) };
        Self { source, inlined, authors }
    }
}

/// The author's lines that a map has for a function of the toolchain's, at most; others are counted.
const MOST_CALLERS: usize = 32;
/// Those of them that are named for a trap.
const MOST_SHOWN: usize = 8;

/// For each function, the calls of it: the caller's number and the call's position.
struct Callers<'l, 'm> {
    calls: HashMap<u32, Vec<(usize, u32)>>,
    /// For each function that a device calls by itself or for a host, the exports that it is.
    entries: HashMap<u32, Vec<u16>>,
    /// Functions that may be called through a table, where anything is.
    indirect: BTreeSet<u32>,
    linked: &'l Linked,
    lines: &'l LineTable<'m>,
}

impl<'l, 'm> Callers<'l, 'm> {
    fn of(
        module: &WasmModule<'_>,
        linked: &'l Linked,
        lines: &'l LineTable<'m>,
        exports: &[MappedExport],
    ) -> Self {
        let mut entries: HashMap<u32, Vec<u16>> = HashMap::new();
        for (position, export) in (0..).zip(exports) {
            if let LinkedEntry::Function(function) = linked.entries[&export.function] {
                entries.entry(function).or_default().push(position);
            }
        }
        if let Some(start) = linked.start {
            entries.entry(start).or_default().push(START);
        }
        let mut indirect = BTreeSet::new();
        if !linked.types.is_empty() {
            let items = module.elements.iter().flat_map(|segment| &segment.items);
            let named = items.chain(module.globals.iter().map(|global| &global.init));
            let numbers = named.filter_map(|init| match init {
                ConstExpr::Function(function) => linked.numbers.get(function).copied(),
                _ => None,
            });
            indirect.extend(numbers);
            for function in &linked.functions {
                let refs = decode(&function.code).filter(|(_, op, _)| *op == Op::RefFunc);
                indirect.extend(refs.map(|(_, _, words)| words[0] >> 16));
            }
        }
        let mut calls: HashMap<u32, Vec<(usize, u32)>> = HashMap::new();
        if lines.exist() {
            for (n, (function, source)) in linked.functions.iter().zip(&linked.sources).enumerate() {
                for (at, _, words) in decode(&function.code).filter(|(_, op, _)| *op == Op::Call) {
                    let k = source.offsets.partition_point(|(first, _)| *first <= at as u32);
                    let Some((_, position)) = k.checked_sub(1).map(|k| source.offsets[k]) else { continue };
                    calls.entry(words[0] >> 16).or_default().push((n, position));
                }
            }
        }
        Self { calls, entries, indirect, linked, lines }
    }

    /// Returns the exports that come to a function; none where it may be any.
    fn exports_of(&self, functions: &BTreeSet<u32>) -> Vec<u16> {
        let (mut seen, mut found) = (functions.clone(), BTreeSet::new());
        let mut pending: Vec<u32> = functions.iter().copied().collect();
        while let Some(function) = pending.pop() {
            if self.indirect.contains(&function) {
                return Vec::new();
            }
            found.extend(self.entries.get(&function).into_iter().flatten());
            let callers = self.calls.get(&function).into_iter().flatten().map(|(caller, _)| *caller as u32);
            pending.extend(callers.filter(|caller| seen.insert(*caller)));
        }
        found.into_iter().collect()
    }

    /// Returns the nearest lines of the author that a function is called from, each with the exports that
    /// come by it.
    fn authors_of(&self, function: u32) -> Vec<(String, Vec<u16>)> {
        let mut found: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        let mut seen = BTreeSet::from([function]);
        let mut pending = vec![function];
        while let Some(function) = pending.pop() {
            for (caller, position) in self.calls.get(&function).into_iter().flatten() {
                let chain = Chain::of(&self.linked.sources[*caller], *position, self.lines);
                match chain.source {
                    Some(source) if chain.authors => {
                        found.entry(source).or_default().insert(*caller as u32);
                    }
                    _ if seen.insert(*caller as u32) => pending.push(*caller as u32),
                    _ => {}
                }
            }
        }
        let more = found.len().saturating_sub(MOST_CALLERS);
        let named = found.into_iter().take(MOST_CALLERS);
        let named = named.map(|(line, functions)| (line, self.exports_of(&functions)));
        named.chain((more > 0).then(|| (format!("{more} more lines"), Vec::new()))).collect()
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use xmap_boards::RPI4B;

    use super::*;
    use crate::compile::compile_with;
    use crate::manifest::Manifest;
    use crate::wasm::SourceMapText;

    /// A function of the toolchain's that two exports call, one of them at two lines, and a third one through
    /// a table.
    const TEXT: &str = r#"(module
        (type $t (func (param i32) (result i32)))
        (memory 1)
        (table 1 funcref)
        (elem (i32.const 0) $c)
        (func $lib (param i32) (result i32)
            (loop
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (local.get 0)))
                (br_if 0 (i32.lt_u (i32.load (i32.const 0)) (i32.const 9))))
            (i32.div_u (i32.const 1) (local.get 0)))
        (func $a (export "a") (param i32) (result i32) (call $lib (local.get 0)))
        (func $b (export "b") (param i32) (result i32)
            (i32.add (call $lib (local.get 0)) (call $lib (i32.add (local.get 0) (i32.const 1)))))
        (func $c (param i32) (result i32) (i32.xor (call $lib (local.get 0)) (i32.const 7)))
        (func (export "d") (param i32) (result i32)
            (call_indirect (type $t) (local.get 0) (i32.load (i32.const 8)))))"#;

    #[test]
    fn a_line_that_the_export_does_not_come_by_is_not_named() {
        let wasm = crate::text::encode(TEXT, |_, _| ()).unwrap().0;
        // Each instruction has a line of its own; those of the first function are the toolchain's.
        let mut places = Vec::new();
        let bodies = wasmparser::Parser::new(0).parse_all(&wasm).filter_map(|part| match part.unwrap() {
            wasmparser::Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        });
        for (n, body) in bodies.enumerate() {
            let source = u32::from(n > 0);
            for (line, op) in body.get_operators_reader().unwrap().into_iter_with_offsets().enumerate() {
                places.push((op.unwrap().1 as u32, [source, 100 * n as u32 + line as u32, 0]));
            }
        }
        let lines = SourceMapText::of(["~lib/array.ts", "panel.ts"].map(String::from).to_vec(), places);
        let manifest = Manifest::bare(&RPI4B, Path::new("panel.wasm"));
        let compiled = compile_with(&manifest, &wasm, Some(lines)).unwrap();
        let map = compiled.map;
        let lib = map.functions.iter().find(|function| !function.callers.is_empty()).unwrap();
        assert_eq!(lib.callers.len(), 4, "{lib:?}");
        let op = lib.start + lib.ops.last().unwrap().at;
        let position = |key: &str| map.exports.iter().position(|export| export == key).unwrap() as u16;
        let named = |key: &str| {
            let origin = map.find(op, Some(position(key))).unwrap();
            assert_eq!(origin.source.as_deref().map(is_library), Some(true));
            origin.callers
        };
        // What stands in a table may be called by anything.
        let of = |line: &str| line.strip_prefix("panel.ts:").unwrap()[..1].to_string();
        let of = |key: &str| named(key).iter().map(|line| of(line)).collect::<String>();
        assert_eq!(
            (of("default.a"), of("default.b"), of("default.d")),
            ("13".into(), "223".into(), "3".into())
        );
        // A map of before has no such list, and names all.
        let old = SourceMap {
            functions: map
                .functions
                .iter()
                .cloned()
                .map(|f| MapFunction { callers_of: Vec::new(), ..f })
                .collect(),
            ..map.clone()
        };
        assert_eq!(old.find(op, None).unwrap().callers.len(), 4);
    }
}
