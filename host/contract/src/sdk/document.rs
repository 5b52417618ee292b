//! A document as a value, whether it is JSON or YAML, with limits: nothing in it is taken twice, nests deeply
//! or is one thing in two languages.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value as Json};

/// Values that nest in one another at most.
const MOST_NESTED: usize = 64;

/// Reads a document of JSON or YAML.
///
/// # Errors
/// What is wrong, with its line where that is known.
pub fn read(text: &str) -> Result<Json, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let mut open: Vec<Open> = Vec::new();
    let mut done: Option<Json> = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let at = |what: &str| format!("line {}: {what}", span.start.line());
        let value = match event {
            Event::Alias(_) => return Err(at("an alias; write the value there once more")),
            Event::Scalar(text, style, _, tag) => match tag {
                Some(_) => return Err(at("a tag; YAML as JSON has it is read")),
                None => scalar(&text, style == ScalarStyle::Plain),
            },
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= MOST_NESTED => {
                return Err(at(&format!("more than {MOST_NESTED} values nest in one another")));
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Table(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(list)) => Json::Array(list),
                Some(Open::Table(table, None)) => Json::Object(table),
                _ => return Err(at("a key without a value")),
            },
            Event::DocumentStart(_) if done.is_some() => return Err(at("a second document")),
            _ => continue,
        };
        match open.last_mut() {
            None => done = Some(value),
            Some(Open::List(list)) => list.push(value),
            Some(Open::Table(table, key)) => match key.take() {
                None => match value {
                    Json::String(text) => *key = Some(text),
                    // `200:` is a key of responses.
                    Json::Number(number) => *key = Some(number.to_string()),
                    _ => return Err(at("a key that is no text")),
                },
                Some(name) => {
                    if table.contains_key(&name) {
                        return Err(at(&format!("`{name}` stands there twice")));
                    }
                    table.insert(name, value);
                }
            },
        }
    }
    done.ok_or_else(|| "it is empty".to_string())
}

enum Open {
    List(Vec<Json>),
    Table(Map<String, Json>, Option<String>),
}

/// A plain scalar of YAML's core schema.
fn scalar(text: &str, plain: bool) -> Json {
    if !plain {
        return Json::String(text.to_string());
    }
    match text {
        "" | "~" | "null" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => {
            let whole = text.parse::<i64>().map(Number::from).ok();
            let float = || {
                let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                    && text.contains(['.', 'e', 'E']);
                is_number.then(|| text.parse().ok().and_then(Number::from_f64)).flatten()
            };
            whole.or_else(float).map_or_else(|| Json::String(text.to_string()), Json::Number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn yaml_is_what_json_says() {
        let text = "openapi: 3.1.0\npaths:\n  /v1/log: {post: {a: [1, -2.5, true, ~, \"3\"]}}\nresponses:\n  200: |\n    ok\n";
        let value = json!({
            "openapi": "3.1.0", "paths": { "/v1/log": { "post": { "a": [1, -2.5, true, null, "3"] } } },
            "responses": { "200": "ok\n" },
        });
        assert_eq!(read(text).unwrap(), value);
        assert_eq!(read(&value.to_string()).unwrap(), value);
    }

    #[test]
    fn what_would_grow_without_end_is_refused() {
        assert!(read("a: &x [1]\nb: *x\n").unwrap_err().contains("line 2: an alias"));
        assert!(read(&"[".repeat(100)).unwrap_err().contains("nest"));
        assert!(read("a: 1\na: 2\n").unwrap_err().contains("`a` stands there twice"));
        assert!(read("a: !x 1\n").unwrap_err().contains("a tag"));
        assert!(read("").is_err() && read("a: 1\n---\nb: 2\n").is_err() && read("{\"a\": ").is_err());
    }
}
