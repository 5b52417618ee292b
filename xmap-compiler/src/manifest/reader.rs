//! Typed access to TOML tables that goes on after an error: each step either has a value or has
//! reported why not.

use std::{ops::Range, ops::RangeInclusive, sync::Arc};

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::{At, toml_errors};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics, Place, Source},
    names,
};

/// Reads a text whose root table errors call `root`. `read` is given the table where the text is TOML, or
/// would be but for keys that stand twice; it reports an error where it returns nothing. Never panics,
/// whatever the text is.
///
/// # Errors
/// The errors of the parser and those that `read` reported, in the order of the text.
pub fn read_toml<T>(
    source: &Arc<Source>,
    root: &str,
    read: impl FnOnce(&mut Reader<'_>, &Table<'_>) -> Option<T>,
) -> Result<T, Diagnostics> {
    let mut reader = Reader { source, errors: Vec::new(), meant: Vec::new() };
    let (table, syntax) = DeTable::parse_recoverable(&source.text);
    let sound = toml_errors::report(&mut reader, table.get_ref(), &syntax);
    let value = sound.then(|| {
        // The root has no header: what is missing in it is missing at the beginning of the text.
        read(&mut reader, &Table { name: root.into(), span: 0..0, entries: table.get_ref() })
    });
    let mut errors = reader.errors;
    match value {
        Some(Some(value)) if errors.is_empty() => Ok(value),
        _ => {
            errors.sort_by_key(|error| match &*error.place {
                Place::Text { span, .. } => span.start,
                _ => 0,
            });
            Err(Diagnostics(errors))
        }
    }
}

/// A table with the name that errors call it.
#[derive(Clone)]
pub struct Table<'a> {
    /// The name.
    pub name: String,
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// The entries as the parser has them.
    pub entries: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    /// The entries in the order of the text.
    pub fn in_order(&self) -> Vec<(At<&'a str>, &'a Spanned<DeValue<'a>>)> {
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value)| (At::new(key.get_ref().as_ref(), key.span()), value))
            .collect();
        entries.sort_by_key(|(key, _)| key.span.start);
        entries
    }

    /// Returns whether the table has a key.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Returns the value that was read under one of these keys, or `default` where the table has none of
    /// them; nothing where a value was reported.
    pub fn or<'k, T>(
        &self,
        keys: impl IntoIterator<Item = &'k str>,
        value: Option<At<T>>,
        default: T,
    ) -> Option<T> {
        match value {
            Some(value) => Some(value.value),
            None => (!keys.into_iter().any(|key| self.has(key))).then_some(default),
        }
    }
}

/// The text and the errors found so far.
pub struct Reader<'s> {
    /// The text.
    pub source: &'s Arc<Source>,
    /// The errors found so far.
    pub errors: Vec<Diagnostic>,
    /// Keys that unknown ones were taken for, each with the beginning of its table: they are not missing.
    meant: Vec<(usize, String)>,
}

impl Reader<'_> {
    /// Returns a place in the text.
    pub fn place(&self, span: &Range<usize>) -> Place {
        Place::text(self.source, span.clone())
    }

    /// Reports an error; notes and help can be added to what is returned.
    pub fn error(&mut self, code: Code, span: &Range<usize>, message: impl Into<String>) -> &mut Diagnostic {
        let error = Diagnostic::new(code, self.place(span), message);
        self.errors.push(error);
        self.errors.last_mut().expect("just pushed")
    }

    /// Reports every key of the table that is not in `known`.
    pub fn only(&mut self, table: &Table<'_>, known: &[&str]) {
        for (key, _) in table.in_order() {
            if !known.contains(&key.value) {
                let near = names::nearest(key.value, known.iter().copied()).filter(|near| !table.has(near));
                self.meant.extend(near.map(|near| (table.span.start, near.to_string())));
                let help = names::did_you_mean(key.value, known.iter().copied())
                    .unwrap_or_else(|| format!("the keys are {}", known.join(", ")));
                let message = format!("unknown key `{}` in {}", key.value, table.name);
                self.error(Code::UnknownKey, &key.span, message).help = Some(help);
            }
        }
    }

    /// Returns whether an unknown key of the table was taken for this one.
    pub fn is_meant(&self, table: &Table<'_>, key: &str) -> bool {
        self.meant.iter().any(|(start, meant)| *start == table.span.start && meant == key)
    }

    /// Reports a key that must be there and is not.
    pub fn required(&mut self, table: &Table<'_>, keys: &[&str]) {
        for key in keys {
            if !table.has(key) && !self.is_meant(table, key) {
                let message = format!("{} needs `{key}`", table.name);
                self.error(Code::MissingKey, &table.span, message);
            }
        }
    }

    /// Returns a value as a table with the name that errors call it; reports any other value.
    pub fn table<'a>(&mut self, name: String, value: &'a Spanned<DeValue<'a>>) -> Option<Table<'a>> {
        match value.get_ref() {
            DeValue::Table(entries) => Some(Table { name, span: value.span(), entries }),
            other => {
                self.wrong_type(&name, "a table", other, &value.span());
                None
            }
        }
    }

    /// The table under a key of another one, where it is there.
    pub fn sub_table<'a>(&mut self, table: &Table<'a>, key: &str, name: String) -> Option<Table<'a>> {
        self.table(name, table.entries.get(key)?)
    }

    /// Returns the string under a key, where the key is there; reports any other value.
    pub fn string(&mut self, table: &Table<'_>, key: &str) -> Option<At<String>> {
        let value = table.entries.get(key)?;
        self.text(key, value)
    }

    /// Returns a value as a string; reports any other value.
    pub fn text(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<At<String>> {
        match value.get_ref() {
            DeValue::String(text) => Some(At::new(text.to_string(), value.span())),
            other => {
                self.wrong_type(name, "a string", other, &value.span());
                None
            }
        }
    }

    /// Returns the array under a key, where the key is there; reports any other value.
    pub fn list<'a>(
        &mut self,
        table: &Table<'a>,
        key: &str,
        expected: &str,
    ) -> Option<At<&'a [Spanned<DeValue<'a>>]>> {
        let value = table.entries.get(key)?;
        match value.get_ref() {
            DeValue::Array(items) => Some(At::new(&**items, value.span())),
            other => {
                self.wrong_type(key, expected, other, &value.span());
                None
            }
        }
    }

    /// Returns the boolean under a key, where the key is there; reports any other value.
    pub fn boolean(&mut self, table: &Table<'_>, key: &str) -> Option<bool> {
        let value = table.entries.get(key)?;
        let DeValue::Boolean(flag) = value.get_ref() else {
            self.wrong_type(key, "true or false", value.get_ref(), &value.span());
            return None;
        };
        Some(*flag)
    }

    /// Returns the integer under a key, where the key is there; reports any other value and any other range.
    pub fn integer(&mut self, table: &Table<'_>, key: &str, range: RangeInclusive<u64>) -> Option<At<u64>> {
        self.whole(key, table.entries.get(key)?, range)
    }

    /// Returns a value as an integer; reports any other value and any other range.
    pub fn whole(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        range: RangeInclusive<u64>,
    ) -> Option<At<u64>> {
        let DeValue::Integer(integer) = value.get_ref() else {
            let help = match value.get_ref() {
                DeValue::String(text) if text.parse::<u64>().is_ok() => {
                    Some(format!("write `{key} = {text}`"))
                }
                _ => None,
            };
            self.wrong_type(key, "an integer", value.get_ref(), &value.span()).help = help;
            return None;
        };
        match number(integer).and_then(|n| u64::try_from(n).ok()).filter(|n| range.contains(n)) {
            Some(n) => Some(At::new(n, value.span())),
            None => {
                let message =
                    format!("{key}: expected {} to {}, found {integer}", range.start(), range.end());
                self.error(Code::OutOfRange, &value.span(), message);
                None
            }
        }
    }

    /// An integer that fits 32 bits.
    pub fn integer32(&mut self, table: &Table<'_>, key: &str, range: RangeInclusive<u32>) -> Option<At<u32>> {
        let (first, last) = range.into_inner();
        let at = self.integer(table, key, first.into()..=last.into())?;
        Some(At::new(u32::try_from(at.value).ok()?, at.span))
    }

    /// One of a few words, each with what it stands for.
    pub fn word<T: Copy>(&mut self, table: &Table<'_>, key: &str, words: &[(&str, T)]) -> Option<At<T>> {
        let text = self.string(table, key)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(At::new(*meaning, text.span));
        }
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("{key}: expected one of {}; found `{}`", names.join(", "), text.value);
        self.error(Code::UnknownWord, &text.span, message).help = names::did_you_mean(&text.value, names);
        None
    }

    /// A name for people: something must be left of it as a key, and it fits a column of a table.
    pub fn name(&mut self, table: &Table<'_>, key: &str) -> Option<At<String>> {
        let text = self.string(table, key)?;
        if names::word(&text.value).is_none() {
            let message = format!("{key}: `{}` has no letter or digit", text.value);
            self.error(Code::BadName, &text.span, message);
            return None;
        }
        self.short(key, &text).then_some(text)
    }

    /// Returns whether a name is short enough for a column; reports a longer one.
    pub fn short(&mut self, key: &str, text: &At<String>) -> bool {
        let (chars, most) = (text.value.chars().count(), super::MAX_NAME_CHARS);
        if chars > most {
            let message = format!("{key}: at most {most} characters, found {chars}");
            self.error(Code::OutOfRange, &text.span, message);
        }
        let acting = text.value.chars().find(|c| xmap_image::acts(*c));
        if let Some(c) = acting {
            let message = format!("{key}: the character {} would act on what shows it", c.escape_default());
            self.error(Code::OutOfRange, &text.span, message);
        }
        chars <= most && acting.is_none()
    }

    /// Reports a value of another type than was expected.
    pub fn wrong_type(
        &mut self,
        name: &str,
        expected: &str,
        found: &DeValue<'_>,
        span: &Range<usize>,
    ) -> &mut Diagnostic {
        let found = match found {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        let message = format!("{name}: expected {expected}, found {found}");
        self.error(Code::WrongType, span, message)
    }
}

fn number(integer: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}
