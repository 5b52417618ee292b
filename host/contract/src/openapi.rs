//! A panel's exports as an OpenAPI 3.1 document: what `xmap serve` answers, typed for this panel.
//!
//! Errors, traps and the way in are those of the gateway's own document.

use serde_json::{Map, Value as Json, json};
use xmap_compiler::contract::{Contract, ContractExport, ContractParam};
use xmap_compiler::diagnostic::{Diagnostic, Place};
use xmap_compiler::manifest::{Typed, Value, ValueRange};
use xmap_image::Ty;

use crate::names::{camel, distinct};

/// Bytes of text and bytes that come with one call over the link (`MAX_ARGUMENT_BYTES` of `xmap-link`).
const MOST_CONTENT: u32 = 240;

/// The gateway's document, whose parts these are.
const GATEWAY: &str = include_str!("../../gateway/openapi.json");
/// The operation of it that all of these are.
const CALL: &str = "/paths/~1v1~1devices~1{device}~1exports~1{key}/post";

/// Writes the document.
///
/// # Errors
/// X1605.
pub fn document(contract: &Contract, place: &Place) -> Result<Json, Diagnostic> {
    let gateway: Json = serde_json::from_str(GATEWAY).expect("the gateway's tests hold its document");
    let names = distinct(place, contract.exports.iter().map(|export| export.name.as_str()), |name| {
        camel(name, false)
    })?;
    let call = gateway.pointer(CALL).expect("the gateway runs exports");
    let mut paths = Map::new();
    for (export, name) in contract.exports.iter().zip(&names) {
        paths.insert(
            format!("/exports/{}", export.key),
            json!({ "post": operation(contract, export, name, call) }),
        );
    }
    let components = &gateway["components"];
    // Those that a call is answered with.
    let named = |response: &Json| Some(response["$ref"].as_str()?.rsplit('/').next()?.to_string());
    let shared: Map<String, Json> = call["responses"]
        .as_object()
        .into_iter()
        .flat_map(|all| all.values().filter_map(named))
        .map(|name| (name.clone(), components["responses"][&name].clone()))
        .collect();
    let title = &contract.panel;
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": title, "version": format!("{}.0.0", contract.version), "license": gateway["info"]["license"],
            "description": format!("The exports of the panel `{title}`, behind `xmap serve`. Written by `xmap openapi`."),
        },
        "servers": [{
            "url": "http://127.0.0.1:8021/v1/devices/{device}",
            "description": "A gateway on this machine",
            "variables": { "device": { "default": "sim", "description": "The device's name at the gateway" } },
        }],
        "tags": [{ "name": "Panel", "description": format!("The exports of `{title}`") }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": components["securitySchemes"]["token"] },
            "schemas": { "Problem": components["schemas"]["Problem"], "Trap": components["schemas"]["Trap"] },
            "responses": shared,
        },
    }))
}

fn operation(contract: &Contract, export: &ContractExport, name: &str, call: &Json) -> Json {
    let hash: String = export.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut responses = call["responses"].as_object().cloned().unwrap_or_default();
    responses.insert("200".into(), answer(export));
    let mut operation = json!({
        "operationId": name, "tags": ["Panel"], "summary": format!("`{}`", export.key),
        "x-xmap-contract": hash, "x-idempotent": export.idempotent, "responses": responses,
    });
    if !export.needs.is_empty() {
        let needed =
            export.needs.iter().filter_map(|key| contract.export(key)).map(|export| export.name.as_str());
        let needed: Vec<&str> = needed.collect();
        operation["description"] = json!(format!("Needs a call of {} before it.", needed.join(", ")));
        operation["x-needs"] = json!(export.needs);
    }
    let args: Vec<Json> = export.params.iter().map(argument).collect();
    let mut list = json!({ "type": "array", "minItems": args.len(), "maxItems": args.len() });
    if !args.is_empty() {
        list["prefixItems"] = json!(args);
    }
    operation["requestBody"] = json!({
        "required": !args.is_empty(),
        "content": { "application/json": { "schema": {
            "type": "object", "required": ["args"],
            "properties": { "args": list, "contract": { "type": "string", "default": hash } },
        } } },
    });
    operation
}

/// The results, or the trap.
fn answer(export: &ContractExport) -> Json {
    let results: Vec<Json> = export.results.iter().map(result).collect();
    let mut list = json!({ "type": ["array", "null"], "minItems": results.len(), "maxItems": results.len() });
    if !results.is_empty() {
        list["prefixItems"] = json!(results);
    }
    json!({
        "description": "The results, or the trap",
        "content": { "application/json": { "schema": {
            "type": "object", "required": ["key", "results", "trap"],
            "properties": {
                "key": { "type": "string" },
                "results": list,
                "trap": { "oneOf": [{ "$ref": "#/components/schemas/Trap" }, { "type": "null" }] },
                "missing_bytes": {
                    "type": "integer", "minimum": 1,
                    "description": "How many bytes of the results did not fit the device's answer",
                },
            },
        } } },
    })
}

/// An argument, with its name as the title.
fn argument(param: &ContractParam) -> Json {
    let mut schema = value(&param.ty);
    match param.ty.value {
        Value::Scalar(_) => {}
        // A character has a byte or more.
        Value::Str(_) => schema["maxLength"] = json!(MOST_CONTENT),
        Value::Bytes(_) => schema["maxLength"] = json!(digits(MOST_CONTENT)),
    }
    schema["title"] = json!(param.name);
    schema
}

fn result(ty: &Typed) -> Json {
    let mut schema = value(ty);
    if let Some(fixed) = ty.fixed {
        (schema["minLength"], schema["maxLength"]) = (json!(digits(fixed)), json!(digits(fixed)));
    }
    schema
}

/// A value as JSON has it: texts as they are, bytes as text of `0x` and two digits each.
fn value(ty: &Typed) -> Json {
    match ty.value {
        Value::Scalar(scalar) => number(scalar, ty),
        Value::Str(_) => json!({ "type": "string" }),
        Value::Bytes(_) => json!({
            "type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$", "x-xmap-bytes": true,
            "description": "Bytes: 0x and two hexadecimal digits for each",
        }),
    }
}

/// Characters of so many bytes.
const fn digits(bytes: u32) -> u32 {
    bytes.saturating_mul(2).saturating_add(2)
}

fn number(scalar: Ty, ty: &Typed) -> Json {
    let mut schema = match scalar {
        Ty::Bool => return json!({ "type": "boolean" }),
        Ty::F32 => json!({ "type": "number", "format": "float" }),
        Ty::F64 => json!({ "type": "number", "format": "double" }),
        Ty::U64 => json!({ "type": "integer", "format": "uint64" }),
        Ty::I64 => json!({ "type": "integer", "format": "int64" }),
        _ => json!({ "type": "integer" }),
    };
    let is_long = matches!(scalar, Ty::U64 | Ty::I64);
    match ty.range.or_else(|| ValueRange::of(scalar).filter(|_| !is_long)) {
        // Beyond 53 bits many readers of JSON have no whole numbers.
        Some(ValueRange::Whole(least, most)) if least >= -(1 << 53) && most <= 1 << 53 => {
            (schema["minimum"], schema["maximum"]) = (json!(least as i64), json!(most as i64));
        }
        Some(ValueRange::Float(least, most)) => {
            (schema["minimum"], schema["maximum"]) = (json!(least), json!(most));
        }
        _ => {}
    }
    if let Some(unit) = &ty.unit {
        schema["x-unit"] = json!(unit);
    }
    schema
}
