//! Source maps, as AssemblyScript and Emscripten write them beside a module: from an offset in the module to
//! a line.
//!
//! The form is ECMA-426: `mappings` has groups of base64 numbers, each group the difference to the one
//! before. A module is one line; its columns are bytes.

use std::ops::Range;

use serde::Deserialize;
use wasmparser::{BinaryReader, Parser, Payload};

use super::is_library;
use crate::diagnostic::SourcePlace;

/// Bytes of a source map that are read.
pub const MAX_SOURCE_MAP_BYTES: u64 = 64 << 20;

/// Returns where a module says that its source map stands: the text of its section `sourceMappingURL`.
pub fn source_map_url(wasm: &[u8]) -> Option<&str> {
    let url = Parser::new(0).parse_all(wasm).map_while(Result::ok).find_map(|part| match part {
        Payload::CustomSection(section) if section.name() == "sourceMappingURL" => Some(section.data()),
        _ => None,
    })?;
    let mut reader = BinaryReader::new(url, 0);
    reader.read_string().ok()
}

/// A source map, in the order of offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMapText {
    sources: Vec<String>,
    /// The first offset of each stretch, and the source, line and column that it comes from, all from 0; none
    /// where the map says that it comes from nowhere.
    stretches: Vec<(u32, Option<[u32; 3]>)>,
}

#[derive(Deserialize)]
struct Text {
    version: u32,
    sources: Vec<Option<String>>,
    mappings: String,
}

impl SourceMapText {
    /// Reads the text of a source map; none where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        // What stands in front of it where a browser shall not run it.
        let text = text.strip_prefix(")]}'").unwrap_or(text);
        let Text { version: 3, sources, mappings } = serde_json::from_str(text).ok()? else { return None };
        let sources = sources.into_iter().map(Option::unwrap_or_default).collect();
        let mut stretches = Vec::new();
        let mut state = [0i64; 4];
        // A second line would be one of another file.
        for segment in mappings.split(';').next()?.split(',').filter(|segment| !segment.is_empty()) {
            let numbers = numbers(segment)?;
            for (sum, number) in state.iter_mut().zip(&numbers) {
                *sum = sum.checked_add(*number)?;
            }
            let [at, source, line, column] = state.map(|sum| u32::try_from(sum).ok());
            let from = if numbers.len() >= 4 { Some([source?, line?, column?]) } else { None };
            stretches.push((at?, from));
        }
        stretches.is_sorted_by_key(|(at, _)| *at).then_some(Self { sources, stretches })
    }

    /// Makes a source map of offsets in a module with their sources, lines and columns, all from 0.
    pub(crate) fn of(sources: Vec<String>, mut places: Vec<(u32, [u32; 3])>) -> Self {
        places.sort_by_key(|(at, _)| *at);
        Self { sources, stretches: places.into_iter().map(|(at, place)| (at, Some(place))).collect() }
    }

    /// Returns the place that an offset in the module comes from. A source map does not say what was inlined
    /// where: behind a place in the toolchain's library stands the author's nearest one in the same function:
    /// before it, or else behind it.
    pub fn frames(&self, offset: u32, body: &Range<u32>) -> Vec<SourcePlace> {
        let behind = self.stretches.partition_point(|(first, _)| *first <= offset);
        let Some(place) = behind.checked_sub(1).and_then(|at| self.place(at)) else { return Vec::new() };
        if !is_library(&place.file) {
            return vec![place];
        }
        let within = |at: &usize| body.contains(&self.stretches[*at].0);
        let before = (0..behind).rev().take_while(within);
        let mut near = before.chain((behind..self.stretches.len()).take_while(within));
        let author = near.find_map(|at| self.place(at).filter(|place| !is_library(&place.file)));
        [Some(place), author].into_iter().flatten().collect()
    }

    fn place(&self, stretch: usize) -> Option<SourcePlace> {
        let [source, line, column] = self.stretches[stretch].1?;
        let file = self.sources.get(source as usize)?.clone();
        Some(SourcePlace { file, line: line.checked_add(1)?, column: column.checked_add(1)? })
    }
}

/// The numbers of a segment: base64 digits of five bits, the least significant first, with the sign in the
/// lowest bit.
fn numbers(segment: &str) -> Option<Vec<i64>> {
    let mut numbers = Vec::new();
    let (mut value, mut shift) = (0u64, 0);
    for byte in segment.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        if shift > 35 {
            return None;
        }
        value |= u64::from(digit & 31) << shift;
        shift += 5;
        if digit & 32 == 0 {
            let number = (value >> 1) as i64;
            numbers.push(if value & 1 == 0 { number } else { -number });
            (value, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(mappings: &str) -> Option<SourceMapText> {
        let text =
            format!(r#"{{"version":3,"sources":["a.ts","~lib/b.ts"],"names":[],"mappings":"{mappings}"}}"#);
        SourceMapText::parse(&text)
    }

    #[test]
    fn offsets_have_the_place_of_their_stretch() {
        // 16: a.ts:3:1; 20: ~lib/b.ts:2:5; 32: nowhere.
        let map = map("gBAEA,ICDI,Y").unwrap();
        let at = |offset| map.frames(offset, &(16..40)).first().map(ToString::to_string);
        assert_eq!(at(15), None);
        assert_eq!(at(16).as_deref(), Some("a.ts:3:1"));
        assert_eq!(at(19).as_deref(), Some("a.ts:3:1"));
        assert_eq!(at(20).as_deref(), Some("~lib/b.ts:2:5"));
        assert_eq!(at(32), None);
        // The line before it is the author's, and of the same function or not.
        let all = |body| map.frames(21, &body).len();
        assert_eq!((all(16..40), all(20..40)), (2, 1));
    }

    #[test]
    fn what_is_no_map_is_none() {
        for text in ["", "{}", "[1]", r#"{"version":2,"sources":[],"mappings":""}"#, "null"] {
            assert_eq!(SourceMapText::parse(text), None, "{text}");
        }
        for mappings in ["?", "g", "DAAA", "ggggggggggB", "AD", "AADA"] {
            assert!(map(mappings).is_none_or(|map| map.frames(0, &(0..9)).is_empty()), "{mappings}");
        }
        assert!(map("").is_some());
    }

    proptest! {
        #[test]
        fn no_text_panics(mappings in "[A-Za-z0-9+/,;]{0,80}", offset in any::<u32>()) {
            if let Some(map) = map(&mappings) {
                _ = map.frames(offset, &(0..offset));
            }
        }
    }
}
