//! The `.map` file: what turns an op's index into a function and a line of the author's source.
//! It stays on the host; nothing of it is in the image.

use serde::{Deserialize, Serialize};
use xmap_image::{Image, Word};

use crate::diagnostic::SourcePlace;
use crate::link::Linked;
use crate::wasm::{Lines, WasmModule};

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
    /// For each global of the image, its index in the module: only those that code uses are left.
    #[serde(default)]
    pub globals: Vec<u32>,
    /// For each part of state that the image keeps, the manifest's name; empty where it has an address alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
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
}

/// Where an op came from. Ops that follow each other from one instruction have one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapOp {
    /// The index of the op's first word within the function.
    pub at: u32,
    /// The instruction's offset in the module.
    pub wasm: u32,
    /// `file:line:column`, where the module has debug information.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Where a trap happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The function's name in messages.
    pub function: String,
    /// The instruction's offset in the module.
    pub wasm: u32,
    /// `file:line:column`, where it is known.
    pub source: Option<String>,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}, ")?;
        }
        write!(f, "{}, wasm offset 0x{:x}", self.function, self.wasm)
    }
}

impl SourceMap {
    pub(crate) fn of(
        words: &[Word],
        module: &WasmModule<'_>,
        linked: &Linked,
        lines: &Lines<'_>,
        kept: Vec<String>,
    ) -> Self {
        let mut start = 0;
        let mut functions = Vec::new();
        for (function, source) in linked.functions.iter().zip(&linked.sources) {
            let mut ops: Vec<MapOp> = Vec::new();
            for (at, wasm) in &source.offsets {
                if ops.last().is_none_or(|last| last.wasm != *wasm) {
                    let source = lines.find(*wasm).map(|place: SourcePlace| place.to_string());
                    ops.push(MapOp { at: *at, wasm: *wasm, source });
                }
            }
            functions.push(MapFunction {
                name: module.function_name(source.index).to_string(),
                start,
                ops,
                loops: source.loops.clone(),
            });
            start += function.code.len() as u32;
        }
        let globals = linked.globals.clone();
        Self { format: FORMAT, image: hash_of(words), functions, globals, kept }
    }

    /// Where the op with this index in the code section came from.
    pub fn find(&self, op: u32) -> Option<Origin> {
        let n = self.functions.partition_point(|f| f.start <= op).checked_sub(1)?;
        let function = &self.functions[n];
        let k = function.ops.partition_point(|o| function.start + o.at <= op).checked_sub(1)?;
        let MapOp { wasm, source, .. } = &function.ops[k];
        Some(Origin { function: function.name.clone(), wasm: *wasm, source: source.clone() })
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
        (map.format == FORMAT).then_some(map)
    }
}

fn hash_of(words: &[Word]) -> String {
    Image::verify(words).map(|image| hex(&image.hash())).unwrap_or_default()
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
