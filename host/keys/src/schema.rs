//! The JSON schema of policy.toml: what editors complete and check with.

use std::fmt::Write;

use xmap_boards::{BOARDS, LAST_LINE};
use xmap_trust::{Limit, OpClass};

/// Writes the schema (JSON Schema, draft 7).
pub fn policy_schema() -> String {
    let quoted = |names: &mut dyn Iterator<Item = &'static str>| -> String {
        names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    };
    let boards = quoted(&mut BOARDS.iter().map(|board| board.name));
    let ops = quoted(&mut OpClass::ALL.iter().map(|class| class.name()));
    let mut limits = String::new();
    for limit in Limit::ALL {
        let comma = if limits.is_empty() { "" } else { ",\n" };
        _ = write!(limits, "{comma}        \"{}\": {{ \"$ref\": \"#/definitions/u32\" }}", limit.name());
    }
    let line = LAST_LINE.to_string();
    let words = [("@BOARDS@", &boards), ("@OPS@", &ops), ("@LIMITS@", &limits), ("@LINE@", &line)];
    words.iter().fold(TEMPLATE.to_string(), |text, (mark, word)| text.replace(mark, word))
}

const TEMPLATE: &str = r##"{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "policy.toml: whose images a device takes",
  "type": "object",
  "additionalProperties": false,
  "required": ["version"],
  "properties": {
    "version": { "description": "It only grows.", "$ref": "#/definitions/u32" },
    "key": {
      "description": "The keys whose images are taken; what is not named is not allowed.",
      "type": "array",
      "items": {
        "type": "object",
        "additionalProperties": false,
        "required": ["key", "origins", "modules", "boards", "lines", "ops"],
        "properties": {
          "key": { "description": "The public half, as `xmap keygen` prints it.", "$ref": "#/definitions/hex32" },
          "origins": { "description": "Where images may come from.", "$ref": "#/definitions/names" },
          "modules": { "description": "Names of modules.", "$ref": "#/definitions/names" },
          "boards": { "type": "array", "items": { "enum": [@BOARDS@] } },
          "lines": {
            "description": "Lines and ranges of them: 17, \"20-22\".",
            "type": "array",
            "items": {
              "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": @LINE@ },
                { "type": "string", "pattern": "^ *[0-9]+ *(- *[0-9]+ *)?$" }
              ]
            }
          },
          "ops": { "description": "What modules may do.", "type": "array", "items": { "enum": [@OPS@] } }
        }
      }
    },
    "pin": {
      "description": "Images that are taken by their hash.",
      "type": "array",
      "items": {
        "type": "object",
        "additionalProperties": false,
        "required": ["module", "hash", "origin"],
        "properties": {
          "module": { "$ref": "#/definitions/name" },
          "hash": { "$ref": "#/definitions/hex32" },
          "origin": { "$ref": "#/definitions/name" }
        }
      }
    },
    "revoked": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "images": { "description": "Hashes.", "type": "array", "items": { "$ref": "#/definitions/hex32" } },
        "keys": {
          "description": "Ids of keys.",
          "type": "array",
          "items": { "type": "string", "pattern": "^[0-9a-fA-F]{16}$" }
        }
      }
    },
    "minimum_version": {
      "description": "The oldest version of a module that is taken, by its name.",
      "type": "object",
      "additionalProperties": { "$ref": "#/definitions/u32" }
    },
    "limits": {
      "description": "What an image may ask for.",
      "type": "object",
      "additionalProperties": false,
      "properties": {
@LIMITS@
      }
    }
  },
  "definitions": {
    "u32": { "type": "integer", "minimum": 0, "maximum": 4294967295 },
    "hex32": { "type": "string", "pattern": "^[0-9a-fA-F]{64}$" },
    "name": { "type": "string", "minLength": 1 },
    "names": { "type": "array", "items": { "$ref": "#/definitions/name" } }
  }
}
"##;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::parse_policy;

    /// The keys that the reader knows in a table: what its help for an unknown key lists.
    fn known(policy: &str) -> Vec<String> {
        let errors = parse_policy("policy.toml", policy).unwrap_err();
        let help = errors.0.iter().find_map(|error| error.help.as_deref()?.strip_prefix("the keys are "));
        let mut keys: Vec<String> = help.expect(policy).split(", ").map(String::from).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_schema_has_the_keys_that_the_reader_knows() {
        let schema: serde_json::Value = serde_json::from_str(&policy_schema()).unwrap();
        for (policy, pointer) in [
            ("qqqqqqqqqqqqqqq = 1", ""),
            ("[[key]]\nqqqqqqqqqqqqqqq = 1", "/properties/key/items"),
            ("[[pin]]\nqqqqqqqqqqqqqqq = 1", "/properties/pin/items"),
            ("[revoked]\nqqqqqqqqqqqqqqq = 1", "/properties/revoked"),
            ("[limits]\nqqqqqqqqqqqqqqq = 1", "/properties/limits"),
        ] {
            let mut keys: Vec<String> =
                schema.pointer(pointer).unwrap()["properties"].as_object().unwrap().keys().cloned().collect();
            keys.sort();
            assert_eq!(keys, known(policy), "{pointer}");
        }
    }

    #[test]
    fn the_committed_schema_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/policy.schema.json");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, policy_schema()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == policy_schema(), "it is stale: BLESS=1 cargo test -p xmap-keys schema");
    }
}
