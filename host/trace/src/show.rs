//! Spans for people, and as objects for scripts.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use xmap_compiler::map::hex;

use crate::chrome::object;
use crate::ctf::shown;
use crate::saved::Reading;
use crate::spans::{SpanId, Spans, Value};

/// A line for each span, in the order of their beginnings, those within others further in.
pub(crate) fn text(spans: &Spans) -> String {
    let mut text = String::new();
    let mut depths: HashMap<SpanId, usize> = HashMap::new();
    for span in &spans.spans {
        let depth = span.parent.and_then(|parent| depths.get(&parent)).map_or(0, |depth| depth + 1);
        depths.insert(span.id, depth);
        let (s, us) = (span.start_us / 1_000_000, span.start_us % 1_000_000);
        let took = span.end_us - span.start_us;
        write!(text, "{s:>6}.{us:06}  {}{} {}", "  ".repeat(depth), span.kind.name(), span.name)
            .expect("a string takes all");
        if span.kind != crate::spans::Kind::Module {
            write!(text, "  {took} us").expect("a string takes all");
        }
        let own = |(key, value): &(String, Value)| {
            let known = ["xmap.kind", "bus.kind", "bus.number", "bus.address"].contains(&key.as_str());
            let said = key == "bus.status" && *value == Value::Text("ok".into());
            (!known && !said).then(|| format!("{key}={}", shown(value)))
        };
        for attribute in span.attributes.iter().filter_map(own) {
            write!(text, "  {attribute}").expect("a string takes all");
        }
        if let Some(error) = &span.error {
            write!(text, "  failed: {error}").expect("a string takes all");
        }
        text.push('\n');
        for event in &span.events {
            let (s, us) = (event.time_us / 1_000_000, event.time_us % 1_000_000);
            let detail: Vec<String> =
                event.attributes.iter().map(|(k, v)| format!("{k}={}", shown(v))).collect();
            writeln!(
                text,
                "{s:>6}.{us:06}  {}! {}  {}",
                "  ".repeat(depth + 1),
                event.name,
                detail.join("  ")
            )
            .expect("a string takes all");
        }
    }
    text
}

/// An object for each span.
pub(crate) fn objects(reading: &Reading, spans: &Spans) -> Vec<Json> {
    let unix_us = |time_us: u64| reading.boot_unix_us.saturating_add_unsigned(time_us);
    let one = |span: &crate::spans::Span| {
        let events = span.events.iter().map(|event| {
            json!({ "name": event.name, "time_us": event.time_us, "attributes": object(&event.attributes) })
        });
        json!({
            "trace": hex(&span.trace),
            "span": hex(&span.id),
            "parent": span.parent.map(|parent| hex(&parent)),
            "kind": span.kind.name(),
            "name": span.name,
            "module": span.module,
            "start_us": span.start_us,
            "end_us": span.end_us,
            "start_unix_us": unix_us(span.start_us),
            "attributes": object(&span.attributes),
            "events": events.collect::<Vec<_>>(),
            "error": span.error,
        })
    };
    spans.spans.iter().map(one).collect()
}
