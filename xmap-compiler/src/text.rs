//! From an offset in a module to the place in the text that it was made of (`.wat`).

use std::path::Path;
use std::sync::Arc;

use wasmparser::{FromReader, Parser, Payload, SectionLimited};
use wast::Wat;
use wast::core::{FuncKind, Module, ModuleField, ModuleKind};
use wast::parser::{self, ParseBuffer};
use wast::token::Span;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::wasm::SourceMapText;

/// Makes the binary of a module's text, and gives what `also` makes of both.
///
/// # Errors
/// Where the text does not parse.
pub(crate) fn encode<T>(
    text: &str,
    also: impl FnOnce(&Module<'_>, &[u8]) -> T,
) -> Result<(Vec<u8>, T), wast::Error> {
    let mut buffer = ParseBuffer::new(text)?;
    buffer.track_instr_spans(true);
    match parser::parse::<Wat<'_>>(&buffer)? {
        Wat::Module(mut module) => {
            let bytes = module.encode()?;
            let also = also(&module, &bytes);
            Ok((bytes, also))
        }
        Wat::Component(component) => {
            Err(wast::Error::new(component.span, "a component, not a module".to_string()))
        }
    }
}

/// Bytes of the token of a module's text that starts at an offset, as far as an underline needs them.
pub(crate) fn token(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')')).unwrap_or(rest.len());
    // A single character at least, where there is one.
    end.max(rest.chars().next().map_or(0, char::len_utf8))
}

/// Where the parts of a module stand in its text.
#[derive(Debug)]
pub(crate) struct TextPlaces {
    source: Arc<Source>,
    /// Offsets in the module where an item or an instruction begins, each with its offset in the text;
    /// sorted.
    starts: Vec<(u64, usize)>,
    /// For each function, imported ones first, its offset in the text.
    functions: Vec<usize>,
}

impl TextPlaces {
    /// The places of a module that was made of this text; `None` where the text is another module's.
    pub(crate) fn of(path: &Path, text: String, module: &[u8]) -> Option<Self> {
        let places =
            |parsed: &Module<'_>, bytes: &[u8]| (bytes == module).then(|| walk(parsed, bytes)).flatten();
        let (_, places) = encode(&text, places).ok()?;
        let (starts, functions) = places?;
        Some(Self { source: Source::new(path.display().to_string(), text), starts, functions })
    }

    /// The place in the text of an offset in the module.
    pub(crate) fn find(&self, offset: u64) -> Option<Place> {
        let at = self.starts.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
        Some(self.place(self.starts[at].1))
    }

    fn place(&self, start: usize) -> Place {
        Place::text(&self.source, start..start + token(&self.source.text, start))
    }

    /// Returns the same as a source map has it, whose source goes by this name.
    pub(crate) fn source_map(&self, name: &str) -> SourceMapText {
        let mut starts: Vec<(usize, u64)> = self.starts.iter().map(|(at, text)| (*text, *at)).collect();
        starts.sort_unstable();
        // One way through the text: a line of a generated module may have all of it.
        let mut chars = self.source.text.char_indices().peekable();
        let [mut line, mut column] = [0, 0];
        let stretches = starts.into_iter().map(|(start, at)| {
            while let Some((_, c)) = chars.next_if(|(at, _)| *at < start) {
                [line, column] = if c == '\n' { [line + 1, 0] } else { [line, column + 1] };
            }
            (at as u32, [0, line, column])
        });
        SourceMapText::of(vec![name.to_string()], stretches.collect())
    }

    /// Puts places in the text where errors have places in the module.
    pub(crate) fn translate(&self, Diagnostics(errors): Diagnostics) -> Diagnostics {
        let translate = |place: &mut Place| {
            let Place::Wasm { file, function, offset, .. } = place else { return };
            let found = match (*file == self.source.path, offset, function) {
                (true, Some(offset), _) => self.find(*offset),
                (true, None, Some(function)) => {
                    self.functions.get(function.index as usize).map(|start| self.place(*start))
                }
                _ => None,
            };
            *place = found.unwrap_or_else(|| place.clone());
        };
        let one = |mut error: Diagnostic| {
            translate(&mut error.place);
            error.notes.iter_mut().for_each(|(place, _)| translate(place));
            error
        };
        Diagnostics(errors.into_iter().map(one).collect())
    }
}

/// Starts in the binary with their offsets in the text, and the functions' offsets in the text.
type Walked = (Vec<(u64, usize)>, Vec<usize>);

/// Walks through text and binary side by side: the encoder keeps the order of fields and instructions.
fn walk(module: &Module<'_>, bytes: &[u8]) -> Option<Walked> {
    let ModuleKind::Text(fields) = &module.kind else { return None };
    let spans = |pick: fn(&ModuleField<'_>) -> Option<Span>| {
        // What the parser makes for itself, such as a type that only a function states, stands nowhere.
        let place = |span: Span| if span.offset() == 0 { module.span.offset() } else { span.offset() };
        fields.iter().filter_map(pick).map(place).collect::<Vec<usize>>()
    };
    let imports = fields.iter().filter_map(|field| match field {
        ModuleField::Import(group) => Some(group),
        _ => None,
    });
    let imports: Vec<usize> =
        imports.flat_map(|group| vec![group.span.offset(); group.item_sigs().len()]).collect();
    let functions = || {
        fields.iter().filter_map(|field| match field {
            ModuleField::Func(func) => Some(func),
            _ => None,
        })
    };
    let own: Vec<usize> = functions().map(|func| func.span.offset()).collect();
    let mut bodies = functions();
    let mut all_functions = Vec::new();
    let mut starts = vec![(0, module.span.offset())];
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            Payload::TypeSection(section) => {
                let types = spans(|field| match field {
                    ModuleField::Type(ty) => Some(ty.span),
                    ModuleField::Rec(group) => Some(group.span),
                    _ => None,
                });
                zip(&mut starts, section, &types);
            }
            Payload::ImportSection(section) => {
                let items = section.into_imports_with_offsets().map_while(Result::ok).zip(&imports);
                for ((offset, import), span) in items {
                    starts.push((offset, *span));
                    if matches!(import.ty, wasmparser::TypeRef::Func(_)) {
                        all_functions.push(*span);
                    }
                }
            }
            Payload::FunctionSection(section) => zip(&mut starts, section, &own),
            Payload::TableSection(section) => zip(
                &mut starts,
                section,
                &spans(|field| match field {
                    ModuleField::Table(table) => Some(table.span),
                    _ => None,
                }),
            ),
            Payload::MemorySection(section) => zip(
                &mut starts,
                section,
                &spans(|field| match field {
                    ModuleField::Memory(memory) => Some(memory.span),
                    _ => None,
                }),
            ),
            Payload::TagSection(section) => zip(
                &mut starts,
                section,
                &spans(|field| match field {
                    ModuleField::Tag(tag) => Some(tag.span),
                    _ => None,
                }),
            ),
            Payload::GlobalSection(section) => zip(
                &mut starts,
                section,
                &spans(|field| match field {
                    ModuleField::Global(global) => Some(global.span),
                    _ => None,
                }),
            ),
            Payload::ExportSection(section) => zip(
                &mut starts,
                section,
                &spans(|field| match field {
                    ModuleField::Export(export) => Some(export.span),
                    _ => None,
                }),
            ),
            Payload::ElementSection(section) => zip(
                &mut starts,
                section,
                &spans(|field| match field {
                    ModuleField::Elem(elem) => Some(elem.span),
                    _ => None,
                }),
            ),
            Payload::DataSection(section) => zip(
                &mut starts,
                section,
                &spans(|field| match field {
                    ModuleField::Data(data) => Some(data.span),
                    _ => None,
                }),
            ),
            Payload::StartSection { range, .. } => {
                let start = spans(|field| match field {
                    ModuleField::Start(index) => Some(index.span()),
                    _ => None,
                });
                starts.extend(start.first().map(|span| (range.start, *span)));
            }
            Payload::CodeSectionEntry(body) => {
                let func = bodies.next()?;
                starts.push((body.range().start, func.span.offset()));
                let FuncKind::Inline { expression, .. } = &func.kind else { continue };
                let ops = body.get_operators_reader().ok()?.into_iter_with_offsets().map_while(Result::ok);
                let instructions = expression.instr_spans.iter().flatten();
                let pairs = ops.zip(instructions).map(|((_, offset), span)| (offset, span.offset()));
                starts.extend(pairs);
            }
            _ => {}
        }
    }
    all_functions.extend(own);
    // What is generated (types of functions, exports in their functions) is not always in the text's order.
    starts.sort_by_key(|(offset, _)| *offset);
    Some((starts, all_functions))
}

fn zip<'a, T: FromReader<'a>>(
    starts: &mut Vec<(u64, usize)>,
    section: SectionLimited<'a, T>,
    spans: &[usize],
) {
    // What is wrong with a section as a whole is shown at its first item.
    starts.extend(spans.first().map(|span| (section.range().start, *span)));
    let items = section.into_iter_with_offsets().map_while(Result::ok);
    starts.extend(items.zip(spans).map(|((offset, _), span)| (offset, *span)));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"(module
  (import "gpio" "set" (func $set (param i32 i32)))
  (memory 1)
  (global $n (mut i32) (i32.const 0))
  (data (i32.const 8) "ab")
  (func $on (export "on")
    (call $set (i32.const 17)
      (i32.const 1)))
  (func (export "sum") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.const 3))
      (else
        (global.get $n)))))
"#;

    #[test]
    fn instructions_and_items_are_found_in_the_text() {
        let (bytes, ()) = encode(TEXT, |_, _| ()).unwrap();
        let places = TextPlaces::of(Path::new("t.wat"), TEXT.into(), &bytes).unwrap();
        let word = |offset: u64| match places.find(offset).unwrap() {
            Place::Text { source, span } => source.text[span].to_string(),
            place => panic!("{place}"),
        };
        let mut seen = Vec::new();
        for payload in Parser::new(0).parse_all(&bytes) {
            match payload.unwrap() {
                Payload::CodeSectionEntry(body) => {
                    for op in body.get_operators_reader().unwrap().into_iter_with_offsets() {
                        seen.push(word(op.unwrap().1));
                    }
                }
                Payload::ImportSection(section) => {
                    seen.push(word(section.into_imports_with_offsets().next().unwrap().unwrap().0));
                }
                Payload::DataSection(section) => {
                    seen.push(word(section.into_iter_with_offsets().next().unwrap().unwrap().0));
                }
                Payload::ExportSection(section) => {
                    let exports = section.into_iter_with_offsets();
                    seen.extend(exports.map(|export| places.find(export.unwrap().0).unwrap().to_string()));
                }
                _ => {}
            }
        }
        let expected = [
            "import",
            "t.wat:6:4",
            "t.wat:9:4",
            "i32.const",
            "i32.const",
            "call",
            "call",
            "local.get",
            "if",
            "i32.const",
            "else",
            "global.get",
            "if",
            "if",
            "data",
        ];
        assert_eq!(seen.len(), expected.len(), "{seen:?}");
        for (seen, expected) in seen.iter().zip(expected) {
            assert!(seen == expected || expected == "if", "{seen} for {expected}");
        }
    }

    #[test]
    fn a_source_map_of_the_text_has_the_same_places() {
        let text =
            TEXT.replace("(memory 1)", ";; gr\u{fc}\u{df}e\n(memory 1)").replace("\n    (call", " (call");
        let (bytes, ()) = encode(&text, |_, _| ()).unwrap();
        let places = TextPlaces::of(Path::new("t.wat"), text, &bytes).unwrap();
        let map = places.source_map("t.wat");
        for (offset, _) in &places.starts {
            let of_map = map.frames(*offset as u32, &(0..u32::MAX));
            assert_eq!(of_map.len(), 1);
            assert_eq!(of_map[0].to_string(), places.find(*offset).unwrap().to_string(), "{offset}");
        }
    }

    #[test]
    fn the_text_of_another_module_has_no_places() {
        let (bytes, ()) = encode(TEXT, |_, _| ()).unwrap();
        assert!(TextPlaces::of(Path::new("t.wat"), TEXT.replace("17", "18"), &bytes).is_none());
        assert!(TextPlaces::of(Path::new("t.wat"), "(module".into(), &bytes).is_none());
    }
}
