//! `[pins]`: what the module may do with which line.

use std::ops::Range;

use toml::{Spanned, de::DeValue};
use xmap_boards::{Board, Line, LineSet};
use xmap_image::{PinMode, Pull, Safe};

use super::{
    At, Pin, lines_text,
    reader::{Reader, Table},
};
use crate::{diagnostic::Code, names};

pub(super) const MODES: &[(&str, PinMode)] =
    &[("in", PinMode::In), ("out", PinMode::Out), ("inout", PinMode::InOut)];
pub(super) const SAFE: &[(&str, Safe)] =
    &[("low", Safe::Low), ("high", Safe::High), ("hold", Safe::Hold), ("float", Safe::Float)];
pub(super) const PULLS: &[(&str, Pull)] = &[("none", Pull::None), ("up", Pull::Up), ("down", Pull::Down)];

/// The lines that could be read, sorted by line.
pub(super) fn parse(reader: &mut Reader<'_>, table: &Table<'_>, board: &Board) -> Vec<Pin> {
    let mut pins = Vec::new();
    for (key, value) in table.in_order() {
        // An entry may go by its name, and say which line it is.
        let named = match value.get_ref() {
            DeValue::Table(entries) => entries.contains_key("line") || entries.contains_key("header"),
            _ => false,
        };
        let line =
            if named { None } else { line(reader, &key, board).map(|line| At::new(line, key.span.clone())) };
        // The entry is checked even when its line is wrong.
        let pin = pin(reader, &key, value, line, named.then_some(board));
        pins.extend(pin);
    }
    same_names(reader, &pins);
    same_lines(reader, &pins);
    pins.sort_by_key(|pin| pin.line.value);
    pins
}

/// The line that a key names, if the board has it to give.
fn line(reader: &mut Reader<'_>, key: &At<&str>, board: &Board) -> Option<Line> {
    let digits = !key.value.is_empty() && key.value.bytes().all(|b| b.is_ascii_digit());
    if !digits || (key.value.len() > 1 && key.value.starts_with('0')) {
        let message = format!("[pins]: expected the number of a line, found `{}`", key.value);
        reader.error(Code::NoSuchLine, &key.span, message).help = Some(number_help(key.value, board));
        return None;
    }
    free_line(reader, key.value.parse().ok(), key.value, &key.span, board)
}

/// The line with a number, if the board has it to give.
fn free_line(
    reader: &mut Reader<'_>,
    number: Option<u8>,
    text: &str,
    span: &Range<usize>,
    board: &Board,
) -> Option<Line> {
    let Some(line) = number.and_then(|number| board.line(number)) else {
        let last = board.lines - 1;
        let message = format!("{} has no line {text}", board.name);
        reader.error(Code::NoSuchLine, span, message).help = Some(format!("its lines are 0 to {last}"));
        return None;
    };
    if let Some(reason) = board.reserved(line) {
        let message = format!("line {line} is reserved for {reason}");
        let needed = board.reserved.iter().map(|reserved| reserved.line).collect::<LineSet>();
        let mut help = format!("free are the lines {}", lines_text(board.all_lines() - needed));
        if let Some(carried) = board.line_at(line.number().into()) {
            help +=
                &format!("; lines are not counted as the header's pins are: pin {line} is line {carried}");
        }
        reader.error(Code::ReservedLine, span, message).help = Some(help);
        return None;
    }
    Some(line)
}

/// `header = 11`: the line that a pin of the header carries.
pub(super) fn header(reader: &mut Reader<'_>, table: &Table<'_>, board: &Board) -> Option<At<Line>> {
    let pin = reader.integer(table, "header", 0..=u64::MAX)?;
    match usize::try_from(pin.value).ok().and_then(|pin| board.line_at(pin)) {
        Some(line) => Some(At::new(line, pin.span)),
        None => {
            let message = format!("pin {} of the header carries no line", pin.value);
            let carried: Vec<String> =
                (1..=64).filter(|pin| board.line_at(*pin).is_some()).map(|pin| pin.to_string()).collect();
            reader.error(Code::NoSuchLine, &pin.span, message).help =
                Some(format!("those that carry one are {}", carried.join(", ")));
            None
        }
    }
}

/// The line that an entry with a name says.
fn line_of_entry(reader: &mut Reader<'_>, table: &Table<'_>, board: &Board) -> Option<At<Line>> {
    let at = match (table.entries.get("line"), table.entries.get("header")) {
        (Some(_), Some(header)) => {
            let message = format!("{} has both `line` and `header`", table.name);
            reader.error(Code::PinConflict, &header.span(), message).help =
                Some("leave one of them out".into());
            return None;
        }
        (None, _) => header(reader, table, board)?.map(|line| u64::from(line.number())),
        _ => reader.integer(table, "line", 0..=u64::MAX)?,
    };
    let line = free_line(reader, u8::try_from(at.value).ok(), &at.value.to_string(), &at.span, board)?;
    Some(At::new(line, at.span))
}

/// Returns what to write in the place of a key that is no plain number: `GPIO17`, `pin 11`, `017`, `lamp`.
fn number_help(key: &str, board: &Board) -> String {
    let digits = key.trim_start_matches(|c: char| !c.is_ascii_digit());
    let number: Option<usize> = digits.parse().ok();
    let word = key[..key.len() - digits.len()].trim_end_matches(|c: char| !c.is_alphanumeric());
    match (number, word.to_lowercase().as_str()) {
        (Some(pin), "pin" | "board" | "phys" | "physical" | "header" | "j8" | "p1") => {
            match board.line_at(pin) {
                Some(line) => format!("pin {pin} of the header is line {line}: write `{line} = {{ ... }}`"),
                None => format!("pin {pin} of the header carries no line"),
            }
        }
        (Some(number), "" | "gpio" | "bcm" | "line" | "io") if !key.starts_with('-') => {
            format!("write `{number} = {{ ... }}`")
        }
        _ if names::word(key).is_some_and(|word| word == key) => {
            format!("write `17 = {{ name = \"{key}\", ... }}`, or `{key} = {{ line = 17, ... }}`")
        }
        _ => "write `17 = { name = \"...\", mode = \"out\" }`".to_string(),
    }
}

fn pin(
    reader: &mut Reader<'_>,
    key: &At<&str>,
    value: &Spanned<DeValue<'_>>,
    line: Option<At<Line>>,
    named: Option<&Board>,
) -> Option<Pin> {
    let who = format!("pin {}", key.value);
    if let DeValue::String(mode) = value.get_ref()
        && MODES.iter().any(|(name, _)| *name == mode.as_ref())
    {
        let error = reader.wrong_type(&who, "a table", value.get_ref(), &value.span());
        error.help = Some(format!("write `{} = {{ mode = \"{mode}\" }}`", key.value));
        return None;
    }
    let table = reader.table(who, value)?;
    reader.only(&table, &["name", "line", "header", "mode", "safe", "pull"]);
    reader.required(&table, &["mode"]);
    let line = match named {
        Some(_) if key.value.bytes().all(|b| b.is_ascii_digit()) => {
            let message = format!("[pins]: line {} is said by its key already", key.value);
            reader.error(Code::PinConflict, &key.span, message).help = Some(
                "give the entry a name, `lamp = { line = 17, ... }`, or leave `line` and `header` out".into(),
            );
            None
        }
        Some(board) => line_of_entry(reader, &table, board),
        None => line,
    };
    let name = match named {
        Some(_) if !table.has("name") => name_of_entry(reader, key),
        _ => reader.name(&table, "name"),
    };
    let mode = reader.word(&table, "mode", MODES);
    let safe = reader.word(&table, "safe", SAFE);
    let pull = reader.word(&table, "pull", PULLS);
    let mode = mode?;
    conflicts(reader, key.value, mode.value, safe.as_ref(), pull.as_ref());
    Some(Pin {
        line: line?,
        name,
        mode,
        safe: safe.map_or(Safe::Hold, |s| s.value),
        pull: pull.map_or(Pull::None, |p| p.value),
    })
}

/// The name of an entry that goes by it.
fn name_of_entry(reader: &mut Reader<'_>, key: &At<&str>) -> Option<At<String>> {
    let name = At::new(key.value.to_string(), key.span.clone());
    if names::word(key.value).is_none() {
        let message = format!("[pins]: `{}` has no letter or digit", key.value);
        reader.error(Code::BadName, &key.span, message);
        return None;
    }
    reader.short("[pins]", &name).then_some(name)
}

/// A safe state is for what the module drives, a pull for what may be an input.
fn conflicts(
    reader: &mut Reader<'_>,
    line: &str,
    mode: PinMode,
    safe: Option<&At<Safe>>,
    pull: Option<&At<Pull>>,
) {
    if let (PinMode::In, Some(safe)) = (mode, safe) {
        let message = format!("line {line} is an input and has no safe state");
        reader.error(Code::PinConflict, &safe.span, message).help = Some("leave `safe` out".to_string());
    }
    let floats = safe.is_some_and(|s| s.value == Safe::Float);
    if let (PinMode::Out, Some(pull)) = (mode, pull)
        && !floats
    {
        let message = format!("line {line} is always an output and needs no pull");
        reader.error(Code::PinConflict, &pull.span, message).help =
            Some("leave `pull` out, or let the line go with safe = \"float\"".to_string());
    }
}

fn same_names(reader: &mut Reader<'_>, pins: &[Pin]) {
    let mut seen: Vec<(String, u8, Range<usize>)> = Vec::new();
    for pin in pins {
        let Some(name) = &pin.name else { continue };
        let Some(word) = names::word(&name.value) else { continue };
        let line = pin.line.value.number();
        if let Some((word, other, first)) = seen.iter().find(|(w, ..)| *w == word) {
            let message = format!("lines {other} and {line} are both named `{word}`");
            let note = (reader.place(first), format!("line {other} has the name"));
            reader.error(Code::DuplicatePinName, &name.span, message).notes.push(note);
        } else {
            seen.push((word, line, name.span.clone()));
        }
    }
}

/// Entries with names may say one line twice; of those with numbers, TOML does not allow it.
fn same_lines(reader: &mut Reader<'_>, pins: &[Pin]) {
    for (n, pin) in pins.iter().enumerate() {
        if let Some(first) = pins[..n].iter().find(|first| first.line.value == pin.line.value) {
            let message = format!("line {} is declared twice", pin.line.value);
            let note = (reader.place(&first.line.span), "it stands here first".to_string());
            reader.error(Code::DuplicateLine, &pin.line.span, message).notes.push(note);
        }
    }
}
