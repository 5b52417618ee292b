//! `[exports]`: which functions are mapped, under which keys, with which types, and what calls them.

use std::{collections::HashMap, ops::Range};

use toml::{Spanned, de::DeValue};
use xmap_boards::Board;
use xmap_image::{ALL_DAYS, EventSource, HOOKS, MAX_EVENTS, PinMode};

use super::{
    At, Export, Pin,
    measure::{AFTER, DEBOUNCE, EVERY, Measure},
    reader::{Reader, Table},
    value::{Param, Typed, parse_param},
};
use crate::{diagnostic::Code, names, zone};

/// The declared lines.
pub(super) struct Lines<'a> {
    pub(super) pins: &'a [Pin],
    /// Whether these are all of them: entries with errors are left out.
    pub(super) all: bool,
    /// The board.
    pub(super) board: &'a Board,
}

#[derive(Clone, Copy)]
pub(super) enum Edge {
    Rising,
    Falling,
    Both,
}

pub(super) const EDGES: &[(&str, Edge)] =
    &[("rising", Edge::Rising), ("falling", Edge::Falling), ("both", Edge::Both)];

const RISING: u8 = 1;
const FALLING: u8 = 2;

/// The exports that could be read, in the order of the text.
pub(super) fn parse(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    namespace: &str,
    lines: &Lines<'_>,
) -> Vec<Export> {
    let mut exports = Vec::new();
    for (name, value) in table.in_order() {
        exports.extend(export(reader, &name, value, namespace, lines));
    }
    same_keys(reader, &exports);
    same_edges(reader, &exports);
    let handlers: Vec<_> = exports.iter().filter_map(|e| e.on.as_ref()).collect();
    if let Some(extra) = handlers.get(MAX_EVENTS) {
        let message = format!("{} handlers, at most {MAX_EVENTS}", handlers.len());
        reader.error(Code::TooManyHandlers, &extra.span, message);
    }
    exports
}

fn export(
    reader: &mut Reader<'_>,
    name: &At<&str>,
    value: &Spanned<DeValue<'_>>,
    namespace: &str,
    lines: &Lines<'_>,
) -> Option<Export> {
    let table = reader.table(format!("export `{}`", name.value), value)?;
    reader.only(&table, &["key", "params", "results", "on", "needs", "idempotent"]);
    let key = key(reader, &table, name, namespace);
    let params = params(reader, &table, name.value);
    let results = results(reader, &table, name.value);
    let on = reader
        .sub_table(&table, "on", format!("`on` of `{}`", name.value))
        .and_then(|on| trigger(reader, &on, name.value, lines));
    if table.has("on") {
        if let Some(params) = params.as_ref().filter(|params| !params.value.is_empty()) {
            let message = format!("{} is a handler and takes no params", name.value);
            reader.error(Code::HandlerSignature, &params.span, message).help =
                Some("leave `params` out; a handler reads levels with gpio.get".to_string());
        }
        if let Some(results) = results.as_ref().filter(|results| !results.value.is_empty()) {
            let message = format!("{} is a handler and has no results", name.value);
            reader.error(Code::HandlerSignature, &results.span, message).help =
                Some("leave `results` out; a handler that cannot go on traps".to_string());
        }
    }
    let needs = needs(reader, &table, name.value);
    let idempotent = reader.boolean(&table, "idempotent").unwrap_or(false);
    let name = At::new(name.value.to_string(), name.span.clone());
    Some(Export { name, key: key?, params, results, on, needs, idempotent })
}

/// `needs`: the functions that have to have been called before.
fn needs(reader: &mut Reader<'_>, table: &Table<'_>, export: &str) -> Vec<At<String>> {
    let Some(list) = reader.list(table, "needs", "an array of functions") else { return Vec::new() };
    let who = format!("`needs` of {export}");
    list.value.iter().filter_map(|item| reader.text(&who, item)).collect()
}

/// The key: `key`, or the name of the function. The runtime's own exports keep their names.
fn key(reader: &mut Reader<'_>, table: &Table<'_>, name: &At<&str>, namespace: &str) -> Option<At<String>> {
    let written = if table.has("key") {
        reader.string(table, "key")?
    } else if HOOKS.contains(&name.value) {
        return Some(At::new(name.value.to_string(), name.span.clone()));
    } else {
        At::new(name.value.to_string(), name.span.clone())
    };
    match names::key(namespace, &written.value) {
        Ok(key) => Some(At::new(key, written.span)),
        Err(_) => {
            let message = format!("`{}` has no letter or digit for a key", written.value);
            let help = (!table.has("key")).then(|| "give it one: `key = \"...\"`".to_string());
            reader.error(Code::BadName, &written.span, message).help = help;
            None
        }
    }
}

fn same_keys(reader: &mut Reader<'_>, exports: &[Export]) {
    let mut seen: HashMap<&str, &Export> = HashMap::new();
    for export in exports {
        let key = export.key.value.as_str();
        if let Some(first) = seen.get(key) {
            let message =
                format!("`{}` and `{}` both have the key {key}", first.name.value, export.name.value);
            let note = (reader.place(&first.key.span), format!("`{}` has it", first.name.value));
            reader.error(Code::KeyCollision, &export.key.span, message).notes.push(note);
        } else {
            seen.insert(key, export);
        }
    }
}

/// Each edge of a line has one handler.
fn same_edges(reader: &mut Reader<'_>, exports: &[Export]) {
    let edges = |export: &Export| match export.on.as_ref()?.value {
        EventSource::Rising { line, .. } => Some((line, RISING)),
        EventSource::Falling { line, .. } => Some((line, FALLING)),
        EventSource::Both { line, .. } => Some((line, RISING | FALLING)),
        EventSource::Every { .. } | EventSource::After { .. } | EventSource::At { .. } => None,
    };
    for (n, export) in exports.iter().enumerate() {
        let Some((line, ours)) = edges(export) else { continue };
        for first in &exports[..n] {
            let Some((other, theirs)) = edges(first) else { continue };
            let which = match ours & theirs {
                0 => continue,
                RISING => "rising edges",
                FALLING => "falling edges",
                _ => "both edges",
            };
            if let (true, Some(on), Some(first_on)) = (line == other, &export.on, &first.on) {
                let names = (&first.name.value, &export.name.value);
                let message = format!("`{}` and `{}` both handle {which} of line {line}", names.0, names.1);
                let note = (reader.place(&first_on.span), format!("`{}` handles them", names.0));
                let error = reader.error(Code::SameEdge, &on.span, message);
                error.notes.push(note);
                error.help = Some("call both functions from one handler".to_string());
            }
        }
    }
}

fn params(reader: &mut Reader<'_>, table: &Table<'_>, export: &str) -> Option<At<Vec<Param>>> {
    let list = reader.list(table, "params", "an array of strings")?;
    let mut params: Vec<Param> = Vec::new();
    let mut seen: HashMap<String, Range<usize>> = HashMap::new();
    for (position, item) in list.value.iter().enumerate() {
        let who = format!("{export} param {position}");
        let Some(text) = reader.text(&who, item) else { continue };
        match parse_param(&text.value) {
            Err((message, help)) => {
                reader.error(Code::BadParam, &text.span, format!("{who}: {message}")).help = help;
            }
            Ok((name, ty)) => {
                if let Some(first) = seen.get(&name) {
                    let note = (reader.place(first), "the first one".to_string());
                    let message = format!("{who}: there is a `{name}` already");
                    reader.error(Code::BadParam, &text.span, message).notes.push(note);
                }
                seen.insert(name.clone(), text.span.clone());
                params.push(Param { name, ty, span: text.span });
            }
        }
    }
    Some(At::new(params, list.span))
}

fn results(reader: &mut Reader<'_>, table: &Table<'_>, export: &str) -> Option<At<Vec<At<Typed>>>> {
    let list = reader.list(table, "results", "an array of strings")?;
    let mut results = Vec::new();
    for (position, item) in list.value.iter().enumerate() {
        let who = format!("{export} result {position}");
        let Some(text) = reader.text(&who, item) else { continue };
        match Typed::parse(&text.value) {
            Ok(ty) if ty.fixed.is_some() && position + 1 < list.value.len() => {
                let message = format!("{who}: `{ty}` stands last");
                reader.error(Code::BadParam, &text.span, message);
            }
            Ok(ty) => results.push(At::new(ty, text.span)),
            Err((message, help)) => {
                reader.error(Code::BadParam, &text.span, format!("{who}: {message}")).help = help;
            }
        }
    }
    Some(At::new(results, list.span))
}

/// `on`: exactly one of an edge, a period, a delay and a time of the day.
fn trigger(
    reader: &mut Reader<'_>,
    on: &Table<'_>,
    export: &str,
    lines: &Lines<'_>,
) -> Option<At<EventSource>> {
    const TRIGGERS: [&str; 7] = ["pin", "header", "every_us", "every", "after_us", "after", "at"];
    let mut known = TRIGGERS.to_vec();
    known.extend(["edge", "debounce_us", "debounce", "days"]);
    reader.only(on, &known);
    let given: Vec<_> = TRIGGERS.into_iter().filter(|key| on.has(key)).collect();
    let kind = match given[..] {
        [one] => one,
        // That both say the same is what their own reader reports.
        [one, _] if [EVERY, AFTER].iter().any(|both| both.keys().all(|key| on.has(key))) => one,
        [] if TRIGGERS.iter().any(|key| reader.is_meant(on, key)) => return None,
        [] => {
            let message = format!("{export}: `on` needs one of `pin`, `every_us`, `after_us`, `at`");
            reader.error(Code::BadTrigger, &on.span, message);
            return None;
        }
        [first, second, ..] => {
            let message = format!("{export}: `on` has both `{first}` and `{second}`");
            reader.error(Code::BadTrigger, &on.span, message).help =
                Some("map one handler for each".to_string());
            return None;
        }
    };
    let is_edge = matches!(kind, "pin" | "header");
    for (key, _) in on.in_order() {
        let belongs = match key.value {
            "edge" | "debounce_us" | "debounce" if !is_edge => "pin",
            "days" if kind != "at" => "at",
            _ => continue,
        };
        let message = format!("{export}: `{}` belongs to `{belongs}`, not to `{kind}`", key.value);
        reader.error(Code::BadTrigger, &key.span, message);
    }
    let source = match kind {
        _ if is_edge => edge(reader, on, export, lines)?,
        "every_us" | "every" => {
            EventSource::Every { every_us: time(reader, on, &EVERY, lines.board.shortest_period_us)? }
        }
        "at" => {
            let days = days(reader, on);
            let minute = time_of_day(reader, on)?;
            EventSource::At { minute, days: days? }
        }
        _ => EventSource::After { after_us: time(reader, on, &AFTER, 0)? },
    };
    Some(At::new(source, on.span.clone()))
}

/// A time in microseconds, which an image has 32 bits for.
fn time(reader: &mut Reader<'_>, on: &Table<'_>, key: &Measure, least: u32) -> Option<u32> {
    let errors = reader.errors.len();
    let time = reader.measure32(on, key, least..=u32::MAX);
    if let Some(error) = reader.errors.get_mut(errors).filter(|error| error.code == Code::OutOfRange) {
        let shortest = match least {
            0 => String::new(),
            least => format!("the board's shortest period is {least} us; "),
        };
        error.help = Some(
            shortest
                + "the longest time is 4294967295 us, 71 minutes; for a longer one let `every_us = 60000000`, a \
                   minute, call the function, and count the calls there: a day is 1440 of them",
        );
    }
    time.map(|at| at.value)
}

/// `on.at`: a time of the day.
fn time_of_day(reader: &mut Reader<'_>, on: &Table<'_>) -> Option<u16> {
    let text = reader.string(on, "at")?;
    let minute = zone::time_of_day(&text.value);
    if minute.is_none() {
        let message =
            format!("at: expected a time of the day, \"00:00\" to \"23:59\", found `{}`", text.value);
        reader.error(Code::BadSchedule, &text.span, message);
    }
    minute
}

/// `on.days`: days of the week, all of them where there is none.
fn days(reader: &mut Reader<'_>, on: &Table<'_>) -> Option<u8> {
    if !on.has("days") {
        return Some(ALL_DAYS);
    }
    let text = reader.string(on, "days")?;
    match zone::days(&text.value) {
        Ok(days) => Some(days),
        Err(word) => {
            let message = format!("days: expected days of the week, found `{word}`");
            let help =
                "write `daily`, `mon-fri` or `sat, sun`; the days are mon, tue, wed, thu, fri, sat and sun";
            reader.error(Code::BadSchedule, &text.span, message).help = Some(help.to_string());
            None
        }
    }
}

/// Reports a schedule where no zone says what its time is in.
pub(super) fn need_zone(reader: &mut Reader<'_>, exports: &[Export]) {
    let is_schedule = |on: &&At<EventSource>| matches!(on.value, EventSource::At { .. });
    let Some(on) = exports.iter().filter_map(|export| export.on.as_ref()).find(is_schedule) else { return };
    let help = "write, above [exports]:\n[clock]\nzone = \"Europe/Berlin\"";
    let message = "a schedule needs the zone that its time is in";
    reader.error(Code::NoZone, &on.span, message).help = Some(help.to_string());
}

fn edge(reader: &mut Reader<'_>, on: &Table<'_>, export: &str, lines: &Lines<'_>) -> Option<EventSource> {
    reader.required(on, &["edge"]);
    let edge = reader.word(on, "edge", EDGES);
    let debounce_us = reader.measure32(on, &DEBOUNCE, 0..=u32::MAX).map_or(0, |at| at.value);
    let line = line(reader, on, export, lines)?;
    Some(match edge?.value {
        Edge::Rising => EventSource::Rising { line, debounce_us },
        Edge::Falling => EventSource::Falling { line, debounce_us },
        Edge::Both => EventSource::Both { line, debounce_us },
    })
}

/// `on.pin` or `on.header`: a declared line that can be an input.
fn line(reader: &mut Reader<'_>, on: &Table<'_>, export: &str, lines: &Lines<'_>) -> Option<u8> {
    let line = match on.entries.get("pin") {
        Some(value) => {
            // Where an entry of [pins] is wrong, its name is not known here.
            if !lines.all && matches!(value.get_ref(), DeValue::String(_)) {
                return None;
            }
            let name = |pin: &Pin| Some((pin.name.as_ref()?.value.clone(), pin.line.value.number()));
            let named: Vec<_> = lines.pins.iter().filter_map(name).collect();
            let named: Vec<_> = named.iter().map(|(name, line)| (name.as_str(), *line)).collect();
            reader.line_of("pin", value, &named)?
        }
        None => super::pins::header(reader, on, lines.board)?.map(|line| u64::from(line.number())),
    };
    let found = lines.pins.iter().find(|p| u64::from(p.line.value.number()) == line.value);
    let Some(pin) = found else {
        if !lines.all {
            return None;
        }
        let inputs: Vec<_> = lines
            .pins
            .iter()
            .filter(|p| p.mode.value != PinMode::Out)
            .map(|p| p.line.value.to_string())
            .collect();
        let help = if inputs.is_empty() {
            format!("declare it: `{} = {{ mode = \"in\" }}` in [pins]", line.value)
        } else {
            format!("the declared inputs are: {}", inputs.join(", "))
        };
        let message = format!("{export} waits for an edge on line {}, which is not declared", line.value);
        reader.error(Code::UndeclaredLine, &line.span, message).help = Some(help);
        return None;
    };
    if pin.mode.value == PinMode::Out {
        let message = format!("{export} waits for an edge on line {}, which is an output", line.value);
        let note = (reader.place(&pin.mode.span), "declared here".to_string());
        reader.error(Code::NotAnInput, &line.span, message).notes.push(note);
        return None;
    }
    u8::try_from(line.value).ok()
}
