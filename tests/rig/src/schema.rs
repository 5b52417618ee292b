//! A JSON schema of a file of configuration, against the code that reads the file.

use serde_json::Value as Json;

/// Holds the table of a schema that a JSON pointer leads to against what the reader says of a key `qqqq`,
/// which it does not know: it names those that it knows, in backquotes.
///
/// # Panics
/// Where the table has other keys, takes more of them, or requires one that the reader does not want.
pub fn has_keys(schema: &Json, pointer: &str, message: &str) {
    let mut known: Vec<&str> = message.split('`').skip(1).step_by(2).filter(|key| *key != "qqqq").collect();
    let table = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer} leads nowhere"));
    let keys = table["properties"].as_object().unwrap_or_else(|| panic!("{pointer}: no table"));
    let mut keys: Vec<&str> = keys.keys().map(String::as_str).collect();
    known.sort_unstable();
    keys.sort_unstable();
    assert_eq!(keys, known, "{pointer}: {message}");
    assert_eq!(table["additionalProperties"], false, "{pointer}");
    for key in table["required"].as_array().into_iter().flatten() {
        assert!(key.as_str().is_some_and(|key| known.contains(&key)), "{pointer}: {key}");
    }
}
