//! Reads a client of an OpenAPI document. What is not understood is refused with its JSON pointer: a client
//! that leaves something out in silence is none.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::model::{Api, Arg, Body, Field, Kind, Named, Operation, Place, Refused, Type, pascal};
use crate::names::words;

type Result<T> = std::result::Result<T, Refused>;

fn refused<T>(pointer: &str, why: impl Into<String>) -> Result<T> {
    Err(Refused { pointer: pointer.to_string(), why: why.into() })
}

/// The pointer of a key below another one.
fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Only these keys, and those that begin with `x-`.
fn only(map: &Map<String, Json>, pointer: &str, known: &[&str]) -> Result<()> {
    match map.keys().find(|key| !known.contains(&key.as_str()) && !key.starts_with("x-")) {
        Some(key) => refused(&below(pointer, key), format!("`{key}` is not supported here")),
        None => Ok(()),
    }
}

fn object<'a>(value: &'a Json, pointer: &str) -> Result<&'a Map<String, Json>> {
    value.as_object().map_or_else(|| refused(pointer, "an object was expected"), Ok)
}

impl Api {
    /// Reads a document.
    ///
    /// # Errors
    /// What no client can be made of.
    pub fn read(document: &Json) -> Result<Self> {
        let root = object(document, "")?;
        let version = root.get("openapi").and_then(Json::as_str).unwrap_or_default();
        if !version.starts_with("3.1.") && version != "3.1" && !version.starts_with("3.0.") {
            return refused("/openapi", format!("OpenAPI 3.0 and 3.1 are read, and this is `{version}`"));
        }
        only(
            root,
            "",
            &[
                "openapi",
                "info",
                "servers",
                "paths",
                "components",
                "tags",
                "security",
                "externalDocs",
                "jsonSchemaDialect",
            ],
        )?;
        let mut reader =
            Reader { document, types: BTreeMap::new(), origins: BTreeMap::new(), later: Vec::new(), open: 0 };
        let mut groups: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
        let paths = root.get("paths").map(|paths| object(paths, "/paths")).transpose()?;
        for (path, item) in paths.into_iter().flatten() {
            let pointer = below("/paths", path);
            let item = object(item, &pointer)?;
            only(
                item,
                &pointer,
                &["get", "put", "post", "delete", "patch", "parameters", "summary", "description"],
            )?;
            for (method, operation) in item.iter().filter(|(key, _)| METHODS.contains(&key.as_str())) {
                let pointer = below(&pointer, method);
                let (group, operation) = reader.operation(path, item, method, operation, &pointer)?;
                let all = groups.entry(group).or_default();
                if all.iter().any(|other| other.name == operation.name) {
                    return refused(
                        &pointer,
                        format!("two operations become `{}`", operation.name.join("_")),
                    );
                }
                all.push(operation);
            }
        }
        if groups.is_empty() {
            return refused("/paths", "there is no operation");
        }
        reader.read_later()?;
        let text =
            |pointer: &str| document.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_string();
        let base = base(document)?;
        let schemes = document.pointer("/components/securitySchemes").and_then(Json::as_object);
        for (name, scheme) in schemes.into_iter().flatten() {
            if scheme["type"] != "http" || scheme["scheme"] != "bearer" {
                let pointer = below("/components/securitySchemes", name);
                return refused(&pointer, "only `type: http` with `scheme: bearer` is supported");
            }
        }
        let types =
            reader.types.into_iter().filter_map(|(name, kind)| Some(Named { name, kind: kind? })).collect();
        Ok(Self {
            title: text("/info/title"),
            version: text("/info/version"),
            base,
            bearer: schemes.is_some_and(|schemes| !schemes.is_empty()),
            groups,
            types,
        })
    }
}

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// The first server, with the defaults of its variables.
fn base(document: &Json) -> Result<String> {
    let Some(server) = document.pointer("/servers/0") else { return Ok(String::new()) };
    let mut url = server["url"].as_str().unwrap_or_default().trim_end_matches('/').to_string();
    for (name, variable) in server["variables"].as_object().into_iter().flatten() {
        let Some(default) = variable["default"].as_str() else {
            return refused(&below("/servers/0/variables", name), "a variable has a default");
        };
        url = url.replace(&format!("{{{name}}}"), default);
    }
    Ok(url)
}

struct Reader<'a> {
    document: &'a Json,
    /// The named types; one that is being read has no kind yet.
    types: BTreeMap<String, Option<Kind>>,
    /// Where each type that a reference leads to stands.
    origins: BTreeMap<String, String>,
    /// Types that are read later: the schema, its pointer, its name.
    later: Vec<(&'a Json, String, String)>,
    /// Lists that are being read within one another.
    open: usize,
}

/// Lists that lead to one another by references at most: each is read within the one before.
const MOST_OPEN: usize = 16;

/// Returns whether a schema takes `null`.
fn is_nullable(schema: &Json) -> bool {
    let kinds = schema.get("type").and_then(Json::as_array);
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "null")) || schema["nullable"] == true
}

const SCHEMA_KEYS: [&str; 25] = [
    "type",
    "properties",
    "required",
    "items",
    "prefixItems",
    "enum",
    "description",
    "title",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "additionalProperties",
    "default",
    "example",
    "examples",
    "nullable",
    "deprecated",
    "oneOf",
    "readOnly",
    "uniqueItems",
];

impl<'a> Reader<'a> {
    /// Returns what a reference leads to, and its pointer.
    fn resolve(&self, value: &'a Json, pointer: &str) -> Result<(&'a Json, String)> {
        let (mut value, mut at) = (value, pointer.to_string());
        for _ in 0..32 {
            let Some(reference) = value.get("$ref") else { return Ok((value, at)) };
            let Some(target) = reference.as_str().and_then(|text| text.strip_prefix('#')) else {
                return refused(
                    &below(&at, "$ref"),
                    "a reference leads into this document: `#/components/...`",
                );
            };
            value = match self.document.pointer(target) {
                Some(value) => value,
                None => return refused(&below(&at, "$ref"), format!("there is no `#{target}`")),
            };
            at = target.to_string();
        }
        refused(pointer, "references lead round in a circle")
    }

    fn operation(
        &mut self,
        path: &str,
        item: &'a Map<String, Json>,
        method: &str,
        value: &'a Json,
        pointer: &str,
    ) -> Result<(String, Operation)> {
        let operation = object(value, pointer)?;
        only(
            operation,
            pointer,
            &[
                "operationId",
                "summary",
                "description",
                "tags",
                "parameters",
                "requestBody",
                "responses",
                "security",
                "deprecated",
            ],
        )?;
        let fallback = format!("{method} {path}");
        let name = words(operation.get("operationId").and_then(Json::as_str).unwrap_or(&fallback));
        if name.is_empty() {
            return refused(&below(pointer, "operationId"), "it has no letter or digit");
        }
        let tag = operation.get("tags").and_then(|tags| tags.get(0)).and_then(Json::as_str);
        let title = self.document.pointer("/info/title").and_then(Json::as_str).unwrap_or("Api");
        let group = pascal(&words(tag.unwrap_or(title)));
        let mut args = Vec::new();
        for (from, list) in [
            (&below(pointer, "parameters"), operation.get("parameters")),
            (&"".to_string(), item.get("parameters")),
        ] {
            for (n, parameter) in list.and_then(Json::as_array).into_iter().flatten().enumerate() {
                args.push(self.parameter(parameter, &format!("{from}/{n}"))?);
            }
        }
        let base = pascal(&name);
        let body = match operation.get("requestBody") {
            Some(body) => self.body(body, &below(pointer, "requestBody"), &base, &mut args)?,
            None => Body::None,
        };
        let mut names: Vec<&Vec<String>> = args.iter().map(|arg| &arg.name).collect();
        names.sort();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return refused(pointer, format!("two arguments become `{}`", pair[0].join("_")));
        }
        for hole in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            if !args.iter().any(|arg| arg.place == Place::Path && arg.wire == hole) {
                return refused(pointer, format!("the path's `{{{hole}}}` is no parameter"));
            }
        }
        let responses = match operation.get("responses") {
            Some(responses) => object(responses, &below(pointer, "responses"))?,
            None => return refused(pointer, "it has no responses"),
        };
        let (mut result, mut panel, mut errors, mut good) = (None, false, Vec::new(), false);
        for (status, response) in responses {
            let at = below(&below(pointer, "responses"), status);
            let (response, at) = self.resolve(response, &at)?;
            only(object(response, &at)?, &at, &["description", "content", "headers"])?;
            let schema = response["content"].as_object().and_then(|content| {
                let (kind, media) = content.iter().find(|(kind, _)| is_json(kind))?;
                Some((media.get("schema")?, below(&below(&below(&at, "content"), kind), "schema")))
            });
            if response["content"].as_object().is_some_and(|content| !content.is_empty()) && schema.is_none()
            {
                return refused(&below(&at, "content"), "only JSON is supported");
            }
            let is_good = status.starts_with('2');
            let suffix = if is_good { "Result" } else { "Error" };
            let ty = match schema {
                Some((schema, at)) => {
                    let is_panel = is_good && operation.contains_key("x-xmap-contract");
                    panel |= is_panel;
                    let schema_of = if is_panel {
                        schema.pointer("/properties/results").unwrap_or(schema)
                    } else {
                        schema
                    };
                    if is_panel {
                        self.schema(&schema["properties"]["trap"], &below(&at, "properties/trap"), "Trap")?;
                    }
                    let mut ty = self.schema(schema_of, &at, &format!("{base}{suffix}"))?;
                    if is_panel {
                        mark_bytes(&mut ty, schema_of);
                    }
                    Some(ty)
                }
                None => None,
            };
            if is_good && !good {
                (result, good) = (ty, true);
            } else if !is_good {
                errors.push(ty);
            }
        }
        if !good {
            return refused(&below(pointer, "responses"), "none of them is a success");
        }
        errors.retain(Option::is_some);
        errors.dedup();
        let error = if errors.len() == 1 { errors.remove(0) } else { None };
        let idempotent = match operation.get("x-idempotent").and_then(Json::as_bool) {
            Some(said) => said,
            None => matches!(method, "get" | "put" | "delete"),
        };
        let summary = operation.get("summary").or(operation.get("description")).and_then(Json::as_str);
        let operation = Operation {
            name,
            summary: summary.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "),
            method: method.to_uppercase(),
            path: path.to_string(),
            args,
            body,
            result,
            panel,
            contract: operation.get("x-xmap-contract").and_then(Json::as_str).map(String::from),
            error,
            idempotent,
        };
        Ok((group, operation))
    }

    fn parameter(&mut self, value: &'a Json, pointer: &str) -> Result<Arg> {
        let (value, at) = self.resolve(value, pointer)?;
        let map = object(value, &at)?;
        only(map, &at, &["name", "in", "required", "schema", "description", "example", "deprecated"])?;
        let wire = map.get("name").and_then(Json::as_str).unwrap_or_default().to_string();
        let place = match map.get("in").and_then(Json::as_str) {
            Some("path") => Place::Path,
            Some("query") => Place::Query,
            other => {
                return refused(
                    &below(&at, "in"),
                    format!("a parameter in `{}` is not supported", other.unwrap_or("nothing")),
                );
            }
        };
        let ty = match map.get("schema") {
            Some(schema) => self.schema(schema, &below(&at, "schema"), &pascal(&words(&wire)))?,
            None => return refused(&at, "it has no schema"),
        };
        let is_enum = |schema| Ok(self.resolve(schema, &at)?.0.get("enum").is_some());
        let plain = matches!(ty, Type::Bool | Type::Int | Type::Long | Type::Float | Type::Text)
            || (matches!(ty, Type::Named(_)) && map.get("schema").map_or(Ok(false), is_enum)?);
        if !plain {
            return refused(&below(&at, "schema"), "a parameter of a path or a query is one value");
        }
        let required = place == Place::Path || map.get("required") == Some(&Json::Bool(true));
        Ok(Arg { name: name(&wire, &at)?, wire, ty, required, place })
    }

    fn body(&mut self, value: &'a Json, pointer: &str, base: &str, args: &mut Vec<Arg>) -> Result<Body> {
        let (value, at) = self.resolve(value, pointer)?;
        only(object(value, &at)?, &at, &["content", "required", "description"])?;
        let content = object(&value["content"], &below(&at, "content"))?;
        let Some((kind, media)) = content.iter().find(|(kind, _)| is_json(kind)) else {
            return refused(&below(&at, "content"), "only JSON is supported");
        };
        let at = below(&below(&below(&at, "content"), kind), "schema");
        let Some(schema) = media.get("schema") else { return refused(&at, "there is none") };
        let (inner, inner_at) = self.resolve(schema, &at)?;
        let properties = inner.get("properties").and_then(Json::as_object);
        // The arguments of a panel's export, in their order.
        let is_panel =
            |all: &&Map<String, Json>| all.keys().all(|key| matches!(key.as_str(), "args" | "contract"));
        if let Some(list) = properties.filter(is_panel).and_then(|all| all.get("args")) {
            let at = below(&inner_at, "properties/args");
            for (n, item) in list["prefixItems"].as_array().into_iter().flatten().enumerate() {
                let at = format!("{at}/prefixItems/{n}");
                let title = item["title"].as_str().map_or_else(|| format!("arg{n}"), str::to_string);
                let mut ty = self.schema(item, &at, &format!("{base}{n}"))?;
                if is_bytes(item) {
                    ty = Type::Bytes;
                }
                args.push(Arg {
                    name: name(&title, &at)?,
                    wire: title,
                    ty,
                    required: true,
                    place: Place::Body,
                });
            }
            return Ok(Body::Args);
        }
        if let Some(properties) = properties {
            let fields = self.fields(inner, properties, &inner_at, base)?;
            args.extend(fields.into_iter().map(|field| Arg {
                wire: field.wire,
                name: field.name,
                ty: field.ty,
                required: field.required,
                place: Place::Body,
            }));
            // What has to be there stands before what may be left out.
            args.sort_by_key(|arg| !arg.required);
            return Ok(Body::Object);
        }
        let ty = self.schema(schema, &at, &format!("{base}Body"))?;
        args.push(Arg {
            wire: "body".into(),
            name: vec!["body".into()],
            ty,
            required: true,
            place: Place::Body,
        });
        Ok(Body::Whole)
    }

    fn fields(
        &mut self,
        schema: &'a Json,
        properties: &'a Map<String, Json>,
        pointer: &str,
        base: &str,
    ) -> Result<Vec<Field>> {
        only(object(schema, pointer)?, pointer, &SCHEMA_KEYS)?;
        if schema.get("additionalProperties").is_some_and(Json::is_object) {
            return refused(
                &below(pointer, "additionalProperties"),
                "a table with any keys is not supported",
            );
        }
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        if let Some(missing) = required.iter().find(|name| !properties.contains_key(**name)) {
            return refused(&below(pointer, "required"), format!("`{missing}` is no property"));
        }
        let mut fields: Vec<Field> = Vec::new();
        for (wire, value) in properties {
            let at = below(&below(pointer, "properties"), wire);
            let ty = self.schema(value, &at, &format!("{base}{}", pascal(&words(wire))))?;
            let name = name(wire, &at)?;
            if let Some(other) = fields.iter().find(|field| field.name == name) {
                return refused(&at, format!("`{}` and `{wire}` become one name", other.wire));
            }
            fields.push(Field { wire: wire.clone(), name, ty, required: required.contains(&wire.as_str()) });
        }
        Ok(fields)
    }

    /// The type of a schema; `base` is the name of a type that has none.
    fn schema(&mut self, value: &'a Json, pointer: &str, base: &str) -> Result<Type> {
        if let Some(reference) = value.get("$ref") {
            return self.reference(value, reference.as_str().unwrap_or_default(), pointer);
        }
        let map = object(value, pointer)?;
        only(map, pointer, &SCHEMA_KEYS)?;
        if let Some(choices) = map.get("oneOf") {
            let choices = choices.as_array().map(Vec::as_slice).unwrap_or_default();
            let is_null = |choice: &&Json| choice["type"] == "null";
            let rest: Vec<(usize, &Json)> =
                choices.iter().enumerate().filter(|(_, choice)| !is_null(choice)).collect();
            let at = below(pointer, "oneOf");
            return match rest[..] {
                [(n, one)] if rest.len() < choices.len() => {
                    Ok(Type::Nullable(Box::new(self.schema(one, &format!("{at}/{n}"), base)?)))
                }
                _ => refused(&at, "only a choice of one type and `null` is supported"),
            };
        }
        let mut kinds: Vec<&str> = match map.get("type") {
            Some(Json::String(one)) => vec![one],
            Some(Json::Array(all)) => all.iter().filter_map(Json::as_str).collect(),
            _ if map.contains_key("enum") => vec!["string"],
            _ if map.contains_key("properties") => vec!["object"],
            _ => return refused(pointer, "it has no type"),
        };
        let nullable = is_nullable(value);
        kinds.retain(|kind| *kind != "null");
        let [kind] = kinds[..] else {
            return refused(&below(pointer, "type"), "only one type, or one and `null`, is supported");
        };
        let ty = match kind {
            "boolean" => Type::Bool,
            "integer" if matches!(map.get("format").and_then(Json::as_str), Some("int64" | "uint64")) => {
                Type::Long
            }
            "integer" => Type::Int,
            "number" => Type::Float,
            "string" if map.contains_key("enum") => self.choice(map, pointer, base)?,
            "string" => Type::Text,
            "array" => self.list(map, pointer, base)?,
            "object" => {
                let Some(properties) = map.get("properties").and_then(Json::as_object) else {
                    return refused(pointer, "an object without properties is not supported");
                };
                if self.types.contains_key(base) {
                    return refused(pointer, format!("two types become `{base}`"));
                }
                self.types.insert(base.to_string(), None);
                let fields = self.fields(value, properties, pointer, base)?;
                self.types.insert(base.to_string(), Some(Kind::Object(fields)));
                Type::Named(base.to_string())
            }
            other => return refused(&below(pointer, "type"), format!("`{other}` is not supported")),
        };
        if kind != "string" && map.contains_key("enum") {
            return refused(&below(pointer, "enum"), "only an enum of texts is supported");
        }
        Ok(if nullable { Type::Nullable(Box::new(ty)) } else { ty })
    }

    /// The type that a reference leads to. An object or an enum is read later, so that types which lead to
    /// one another are no recursion.
    fn reference(&mut self, value: &'a Json, text: &str, pointer: &str) -> Result<Type> {
        let known = text.strip_prefix("#/components/schemas/").is_some_and(|name| !name.contains('/'));
        if !known {
            return refused(
                &below(pointer, "$ref"),
                "a reference of a schema is `#/components/schemas/NAME`",
            );
        }
        let (target, at) = self.resolve(value, pointer)?;
        let name = at.rsplit('/').next().unwrap_or_default();
        let base = pascal(&words(name));
        if target.get("properties").is_some() || target.get("enum").is_some() {
            match self.origins.get(&base) {
                Some(origin) if *origin != at => return refused(&at, format!("two types become `{base}`")),
                Some(_) => {}
                None => {
                    self.origins.insert(base.clone(), at.clone());
                    self.later.push((target, at, base.clone()));
                }
            }
            let named = Type::Named(base);
            return Ok(if is_nullable(target) { Type::Nullable(Box::new(named)) } else { named });
        }
        if self.open >= MOST_OPEN {
            return refused(
                &below(pointer, "$ref"),
                format!("more than {MOST_OPEN} lists lead to one another"),
            );
        }
        self.open += 1;
        let ty = self.schema(target, &at, &base);
        self.open -= 1;
        ty
    }

    /// Reads the types that references lead to, and those that these lead to.
    fn read_later(&mut self) -> Result<()> {
        while let Some((target, at, base)) = self.later.pop() {
            self.schema(target, &at, &base)?;
        }
        Ok(())
    }

    fn choice(&mut self, map: &Map<String, Json>, pointer: &str, base: &str) -> Result<Type> {
        let at = below(pointer, "enum");
        let values: Option<Vec<String>> =
            map["enum"].as_array().into_iter().flatten().map(|v| v.as_str().map(String::from)).collect();
        let Some(values) = values.filter(|values| !values.is_empty()) else {
            return refused(&at, "only an enum of texts is supported");
        };
        let mut names: Vec<Vec<String>> = values.iter().map(|value| words(value)).collect();
        names.sort();
        if names.windows(2).any(|pair| pair[0] == pair[1]) || names[0].is_empty() {
            return refused(&at, "two values become one name, or one has none");
        }
        if let Some(Some(Kind::Enum(other))) = self.types.get(base)
            && *other == values
        {
            return Ok(Type::Named(base.to_string()));
        }
        if self.types.contains_key(base) {
            return refused(pointer, format!("two types become `{base}`"));
        }
        self.types.insert(base.to_string(), Some(Kind::Enum(values)));
        Ok(Type::Named(base.to_string()))
    }

    fn list(&mut self, map: &'a Map<String, Json>, pointer: &str, base: &str) -> Result<Type> {
        if let Some(items) = map.get("prefixItems").and_then(Json::as_array) {
            let mut all = Vec::new();
            for (n, item) in items.iter().enumerate() {
                all.push(self.schema(item, &format!("{pointer}/prefixItems/{n}"), &format!("{base}{n}"))?);
            }
            return Ok(Type::Tuple(all));
        }
        match map.get("items") {
            Some(items) if items.is_object() => Ok(Type::List(Box::new(self.schema(
                items,
                &below(pointer, "items"),
                &format!("{base}Item"),
            )?))),
            None if map.get("maxItems") == Some(&Json::from(0)) => Ok(Type::Tuple(Vec::new())),
            _ => refused(pointer, "a list says what its items are"),
        }
    }
}

/// Returns whether a text of a panel has bytes.
fn is_bytes(schema: &Json) -> bool {
    schema["x-xmap-bytes"] == true
}

/// Says which of a panel's results are bytes.
fn mark_bytes(ty: &mut Type, schema: &Json) {
    match ty {
        Type::Nullable(of) => mark_bytes(of, schema),
        Type::Tuple(all) => {
            for (of, item) in all.iter_mut().zip(schema["prefixItems"].as_array().into_iter().flatten()) {
                if is_bytes(item) {
                    *of = Type::Bytes;
                }
            }
        }
        _ => {}
    }
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn name(wire: &str, pointer: &str) -> Result<Vec<String>> {
    let name = words(wire);
    if name.is_empty() {
        refused(pointer, format!("`{wire}` has no letter or digit that other languages have"))
    } else {
        Ok(name)
    }
}
