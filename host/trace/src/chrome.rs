//! Spans as Chrome's trace events, which browsers' viewers and Perfetto read.

use serde_json::{Map, Value as Json, json};

use crate::saved::Reading;
use crate::spans::{Span, Spans, Value};

/// The file's text: complete events (`X`), instants (`i`) and names (`M`), times in microseconds since the
/// device's boot.
pub(crate) fn text(reading: &Reading, spans: &Spans) -> String {
    let mut events = vec![json!({
        "ph": "M", "name": "process_name", "pid": 1, "tid": 0, "args": { "name": reading.device },
    })];
    for (number, module) in reading.modules.iter().filter(|(_, module)| !module.image.is_empty()) {
        events.push(json!({
            "ph": "M", "name": "thread_name", "pid": 1, "tid": number,
            "args": { "name": format!("module {number} {}", module.name) },
        }));
    }
    for span in &spans.spans {
        events.extend(of(span));
    }
    json!({ "traceEvents": events, "displayTimeUnit": "ms", "otherData": { "lost": reading.lost } })
        .to_string()
        + "\n"
}

fn of(span: &Span) -> Vec<Json> {
    let mut args = object(&span.attributes);
    if let Some(error) = &span.error {
        args.insert("error".into(), json!(error));
    }
    let whole = json!({
        "ph": "X", "name": span.name, "cat": span.kind.name(), "pid": 1, "tid": span.module,
        "ts": span.start_us, "dur": span.end_us - span.start_us, "args": args,
    });
    let instant = |event: &crate::spans::Happened| {
        json!({
            "ph": "i", "s": "t", "name": event.name, "cat": "event", "pid": 1, "tid": span.module,
            "ts": event.time_us, "args": object(&event.attributes),
        })
    };
    std::iter::once(whole).chain(span.events.iter().map(instant)).collect()
}

/// Attributes as an object.
pub(crate) fn object(attributes: &[(String, Value)]) -> Map<String, Json> {
    let value = |value: &Value| match value {
        Value::Int(value) => json!(value),
        // JSON has no number for these.
        Value::Float(value) if !value.is_finite() => json!(value.to_string()),
        Value::Float(value) => json!(value),
        Value::Text(value) => json!(value),
    };
    attributes.iter().map(|(key, of)| (key.clone(), value(of))).collect()
}
