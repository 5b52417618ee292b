//! Spans in the Common Trace Format 1.8, which babeltrace and Trace Compass read: a folder with a text that
//! says what the events look like, and a stream of them.

use std::fmt::Write as _;

use crate::saved::Reading;
use crate::spans::{Span, Spans, Value};

/// The first four bytes of a packet.
const MAGIC: u32 = 0xc1fc_1fc1;

/// Kinds of events, by their numbers in the stream.
const BEGIN: u16 = 0;
const END: u16 = 1;
const ATTRIBUTE: u16 = 2;
const EVENT: u16 = 3;

/// The text `metadata`.
pub(crate) fn metadata(reading: &Reading) -> String {
    let (seconds, us) =
        (reading.boot_unix_us.div_euclid(1_000_000), reading.boot_unix_us.rem_euclid(1_000_000));
    let mut text = String::from(
        "/* CTF 1.8 */\n\n\
         typealias integer { size = 8; align = 8; signed = false; } := uint8_t;\n\
         typealias integer { size = 16; align = 8; signed = false; } := uint16_t;\n\
         typealias integer { size = 32; align = 8; signed = false; } := uint32_t;\n\
         typealias integer { size = 64; align = 8; signed = false; } := uint64_t;\n\
         typealias integer { size = 64; align = 8; signed = false; base = 16; } := id_t;\n\n\
         trace {\n    major = 1;\n    minor = 8;\n    byte_order = le;\n    packet.header := struct {\n        \
         uint32_t magic;\n        uint32_t stream_id;\n    };\n};\n\n",
    );
    writeln!(
        text,
        "clock {{\n    name = boot;\n    description = \"microseconds since the device's boot\";\n    \
         freq = 1000000;\n    offset_s = {seconds};\n    offset = {us};\n}};\n\n\
         typealias integer {{ size = 64; align = 8; signed = false; map = clock.boot.value; }} := time_t;\n\n\
         stream {{\n    id = 0;\n    packet.context := struct {{\n        time_t timestamp_begin;\n        \
         time_t timestamp_end;\n        uint64_t content_size;\n        uint64_t packet_size;\n        \
         uint64_t events_discarded;\n    }};\n    event.header := struct {{\n        uint16_t id;\n        \
         time_t timestamp;\n    }};\n}};\n"
    )
    .expect("a string takes all");
    for (name, id, fields) in [
        ("span_begin", BEGIN, "id_t span; id_t parent; uint8_t module; string kind; string name;"),
        ("span_end", END, "id_t span; string error;"),
        ("attribute", ATTRIBUTE, "id_t span; string key; string value;"),
        ("event", EVENT, "id_t span; string name; string detail;"),
    ] {
        writeln!(
            text,
            "event {{\n    name = \"{name}\";\n    id = {id};\n    stream_id = 0;\n    fields := struct {{ {fields} }};\n}};"
        )
        .expect("a string takes all");
    }
    text
}

/// The events of a stream, in the order of their times.
struct Stream {
    bytes: Vec<u8>,
    first_us: Option<u64>,
    last_us: u64,
}

impl Stream {
    fn head(&mut self, id: u16, time_us: u64, span: &Span) {
        // Times of a stream never go back.
        self.last_us = self.last_us.max(time_us);
        self.first_us.get_or_insert(self.last_us);
        self.bytes.extend(id.to_le_bytes());
        self.bytes.extend(self.last_us.to_le_bytes());
        self.bytes.extend(u64::from_be_bytes(span.id).to_le_bytes());
    }

    /// A text with its end; a zero within would be another one.
    fn text(&mut self, text: &str) {
        self.bytes.extend(text.bytes().filter(|byte| *byte != 0));
        self.bytes.push(0);
    }

    fn span(&mut self, spans: &[Span], within: &[Vec<usize>], place: usize) {
        let span = &spans[place];
        self.head(BEGIN, span.start_us, span);
        self.bytes.extend(span.parent.map_or(0, u64::from_be_bytes).to_le_bytes());
        self.bytes.push(span.module);
        self.text(span.kind.name());
        self.text(&span.name);
        let mut events = span.events.iter().peekable();
        for inner in &within[place] {
            while let Some(event) = events.next_if(|event| event.time_us < spans[*inner].start_us) {
                self.event(span, event);
            }
            self.span(spans, within, *inner);
        }
        events.for_each(|event| self.event(span, event));
        for (key, value) in &span.attributes {
            self.head(ATTRIBUTE, span.end_us, span);
            self.text(key);
            self.text(&shown(value));
        }
        self.head(END, span.end_us, span);
        self.text(span.error.as_deref().unwrap_or_default());
    }

    fn event(&mut self, span: &Span, event: &crate::spans::Happened) {
        self.head(EVENT, event.time_us, span);
        self.text(event.name);
        let detail: Vec<String> =
            event.attributes.iter().map(|(key, value)| format!("{key}={}", shown(value))).collect();
        self.text(&detail.join(" "));
    }
}

/// A value as a text.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(value) => value.clone(),
    }
}

/// The bytes of the stream: one packet.
pub(crate) fn stream(reading: &Reading, spans: &Spans) -> Vec<u8> {
    let all = &spans.spans;
    let places: std::collections::HashMap<_, _> =
        all.iter().enumerate().map(|(n, span)| (span.id, n)).collect();
    let mut within = vec![Vec::new(); all.len()];
    let mut roots = Vec::new();
    for (n, span) in all.iter().enumerate() {
        match span.parent.and_then(|parent| places.get(&parent)) {
            Some(parent) => within[*parent].push(n),
            None => roots.push(n),
        }
    }
    let mut stream = Stream { bytes: Vec::new(), first_us: None, last_us: 0 };
    for root in roots {
        stream.span(all, &within, root);
    }
    const HEAD: usize = 8 + 5 * 8;
    let bits = 8 * (HEAD + stream.bytes.len()) as u64;
    let mut packet = Vec::with_capacity(HEAD + stream.bytes.len());
    packet.extend(MAGIC.to_le_bytes());
    packet.extend(0_u32.to_le_bytes());
    for field in [stream.first_us.unwrap_or(0), stream.last_us, bits, bits, reading.lost] {
        packet.extend(field.to_le_bytes());
    }
    packet.extend(stream.bytes);
    packet
}
