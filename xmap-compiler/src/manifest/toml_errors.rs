//! Errors of the TOML parser as ours: a key that stands twice names both places.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::reader::Reader;
use crate::diagnostic::Code;

/// Syntax errors that are reported at most: after the first few the parser only guesses.
const MOST: usize = 10;

/// Reports the parser's errors. Whether the tables are worth a look all the same: they are when
/// nothing worse happened than a key that stands twice, of which the first is kept.
pub(super) fn report(reader: &mut Reader<'_>, root: &DeTable<'_>, errors: &[toml::de::Error]) -> bool {
    let mut only_duplicates = true;
    for error in errors.iter().take(MOST) {
        let span = error.span().unwrap_or(0..0);
        if error.message() == "duplicate key" {
            duplicate(reader, root, span);
        } else {
            only_duplicates = false;
            reader.error(Code::Syntax, &span, error.message());
        }
    }
    only_duplicates
}

fn duplicate(reader: &mut Reader<'_>, root: &DeTable<'_>, span: Range<usize>) {
    let text = &reader.source.text;
    let key = text.get(span.clone()).unwrap_or_default().trim_matches(['"', '\'']).to_string();
    let mut search = Search { text, key: &key, at: span.start, found: None };
    search.table(root, Kind::Root, 0);
    let found = search.found;
    if let Some(header) = header(text, span.start) {
        // The parser forgets the first `[table]` when it meets the second.
        let mut lines = text[..span.start].split_inclusive('\n').scan(0, |end, line| {
            *end += line.len();
            Some((*end - line.len(), line.trim_end()))
        });
        let first = lines.find(|(_, line)| line.trim() == header);
        let message = format!("{header} stands twice");
        let note = first.map(|(start, line)| {
            (reader.place(&(start..start + line.len())), "it stands here first".to_string())
        });
        reader.error(Code::DuplicateKey, &span, message).notes.extend(note);
        return;
    }
    let (code, message) = match &found {
        Some(Found { kind: Kind::Pins, .. }) if key.bytes().all(|b| b.is_ascii_digit()) => {
            (Code::DuplicateLine, format!("line {key} is declared twice"))
        }
        _ => (Code::DuplicateKey, format!("`{key}` stands twice in this table")),
    };
    let note = found.map(|found| (reader.place(&found.span), "it stands here first".to_string()));
    reader.error(code, &span, message).notes.extend(note);
}

/// The `[table]` whose header the place is in, if it is in one.
fn header(text: &str, at: usize) -> Option<&str> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |n| n + 1);
    let line = text[start..].lines().next()?.trim();
    (line.starts_with('[') && line.ends_with(']')).then_some(line)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Root,
    Pins,
    Other,
}

struct Found {
    span: Range<usize>,
    /// How many inline tables are around it.
    depth: usize,
    kind: Kind,
}

/// Looks for the first of two equal keys. The parser says only where the second stands: its table
/// is the innermost inline table around it, or else the last `[table]` before it.
struct Search<'k> {
    text: &'k str,
    key: &'k str,
    at: usize,
    found: Option<Found>,
}

impl Search<'_> {
    fn table(&mut self, table: &DeTable<'_>, kind: Kind, depth: usize) {
        for (key, value) in table {
            let span = key.span();
            let nearest = self.found.as_ref().is_none_or(|f| (f.depth, f.span.start) < (depth, span.start));
            if key.get_ref() == self.key && span.end <= self.at && nearest {
                self.found = Some(Found { span, depth, kind });
            }
            let pins = kind == Kind::Root && key.get_ref() == "pins";
            self.value(value, if pins { Kind::Pins } else { Kind::Other }, depth);
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, kind: Kind, depth: usize) {
        let span = value.span();
        match value.get_ref() {
            // The span of an inline table is all of it, that of a `[table]` its header.
            DeValue::Table(table) => {
                let inline = self.text.get(span.start..).is_some_and(|t| t.starts_with('{'));
                if !inline {
                    self.table(table, kind, depth);
                } else if span.contains(&self.at) {
                    self.table(table, kind, depth + 1);
                }
            }
            DeValue::Array(items) => {
                for item in items.iter() {
                    self.value(item, Kind::Other, depth);
                }
            }
            _ => {}
        }
    }
}
