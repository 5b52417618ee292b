//! The `.map` file: what turns an op's index into a function and a line of the author's source.
//! It stays on the host; nothing of it is in the image.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use xmap_image::{ExportId, Image, Op, Plain, Word, decode, is_plain};

use crate::diagnostic::SourcePlace;
use crate::ir::Site;
use crate::link::{Linked, Origin as Function};
use crate::wasm::{LineTable, WasmModule, is_library};

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
}

/// Where an op came from. Ops that follow each other from one instruction have one entry.
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

/// What a module says before it gives up, where the text is a constant: by the offset of the call that ends
/// it.
pub type Messages = BTreeMap<u32, String>;

/// Where a trap happened.
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

impl SourceMap {
    pub(crate) fn of(
        words: &[Word],
        module: &WasmModule<'_>,
        linked: &Linked,
        lines: &LineTable<'_>,
        kept: Vec<String>,
    ) -> Self {
        let mut start = 0;
        let mut functions = Vec::new();
        let callers = Callers::of(linked, lines);
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
                        message: None,
                    });
                }
            }
            functions.push(MapFunction {
                name: module.function_name(source.index).to_string(),
                start,
                ops,
                loops: source.loops.clone(),
                callers: if library { callers.authors_of(n as u32) } else { Vec::new() },
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
        }
        .plain()
    }

    /// Says what the module says at some calls that end it.
    #[must_use]
    pub(crate) fn with_messages(mut self, messages: &Messages) -> Self {
        if !messages.is_empty() {
            for op in self.functions.iter_mut().flat_map(|function| &mut function.ops) {
                op.message = messages.get(&op.wasm).cloned();
            }
        }
        self.plain()
    }

    /// Keeps the lines of the contracts whose hashes the image carries.
    #[must_use]
    pub(crate) fn with_contracts(self, contracts: Vec<String>) -> Self {
        Self { contracts, ..self }.plain()
    }

    /// Where the op with this index in the code section came from.
    pub fn find(&self, op: u32) -> Option<Origin> {
        let n = self.functions.partition_point(|f| f.start <= op).checked_sub(1)?;
        let function = &self.functions[n];
        let k = function.ops.partition_point(|o| function.start + o.at <= op).checked_sub(1)?;
        let MapOp { wasm, source, inlined, message, .. } = function.ops[k].clone();
        // Who calls it says more only where the line is the toolchain's.
        let library = source.as_ref().is_some_and(|source| is_library(source));
        let callers = if library { function.callers.clone() } else { Vec::new() };
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
        self.exports.iter_mut().for_each(plain);
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

/// The author's lines that are named for a function of the toolchain's, at most; others are counted.
const MOST_CALLERS: usize = 8;

/// For each function, the calls of it: the caller's number and the call's position.
struct Callers<'l, 'm> {
    calls: HashMap<u32, Vec<(usize, u32)>>,
    linked: &'l Linked,
    lines: &'l LineTable<'m>,
}

impl<'l, 'm> Callers<'l, 'm> {
    fn of(linked: &'l Linked, lines: &'l LineTable<'m>) -> Self {
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
        Self { calls, linked, lines }
    }

    /// Returns the nearest lines of the author that a function is called from.
    fn authors_of(&self, function: u32) -> Vec<String> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::from([function]);
        let mut pending = vec![function];
        while let Some(function) = pending.pop() {
            for (caller, position) in self.calls.get(&function).into_iter().flatten() {
                let chain = Chain::of(&self.linked.sources[*caller], *position, self.lines);
                match chain.source {
                    Some(source) if chain.authors => _ = found.insert(source),
                    _ if seen.insert(*caller as u32) => pending.push(*caller as u32),
                    _ => {}
                }
            }
        }
        let more = found.len().saturating_sub(MOST_CALLERS);
        let named = found.into_iter().take(MOST_CALLERS);
        named.chain((more > 0).then(|| format!("{more} more lines"))).collect()
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
