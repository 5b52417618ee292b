//! TypeScript, parsed by tree-sitter's grammars.

use std::collections::HashMap;

use super::tree::{At, ending, nothing, parse, unread};
use super::{Declaration, Declarations, Declared, DeclaredParam, Shape};

/// Functions that end a life.
const ENDINGS: [&str; 6] =
    ["dispose", "close", "destroy", "onDestroy", "ngOnDestroy", "componentWillUnmount"];
/// What stands around a declaration: a comment is above that.
const WRAPPERS: [&str; 2] = ["export_statement", "ambient_declaration"];

/// The functions that a text declares, and the ends of what has a handle.
pub(super) fn read(text: &str, jsx: bool) -> Declarations {
    let language =
        if jsx { tree_sitter_typescript::LANGUAGE_TSX } else { tree_sitter_typescript::LANGUAGE_TYPESCRIPT };
    let tree = parse(language.into(), text);
    let root = At { node: tree.root_node(), all: text };
    let mut aliases = HashMap::new();
    let mut all = Declarations::default();
    for at in root.walk() {
        match at.kind() {
            "type_alias_declaration" => {
                if let (Some(name), Some(ty)) = (at.field("name"), at.field("value")) {
                    let shape = declared(ty, &aliases).shape;
                    aliases.insert(name.text(), shape);
                }
            }
            "function_signature"
            | "function_declaration"
            | "method_signature"
            | "method_definition"
            | "abstract_method_signature" => {
                let Some(name) = at.field("name") else { continue };
                let is_ending = ENDINGS.contains(&name.text()) || name.text() == "[Symbol.dispose]";
                if let Some(holder) = holder(at).filter(|_| is_ending) {
                    ending(at, name.text(), name.span(), holder, &mut all);
                }
                all.functions.push(function(at, at, name, &aliases));
            }
            // `duty: (level: number) => boolean`.
            "property_signature" => {
                let ty = at.field("type").and_then(|ty| ty.child("function_type"));
                if let (Some(name), Some(ty)) = (at.field("name"), ty) {
                    all.functions.push(function(ty, at, name, &aliases));
                }
            }
            _ => {}
        }
    }
    unread(root, &mut all);
    all
}

fn holder(at: At<'_>) -> Option<At<'_>> {
    at.parent().filter(|parent| parent.kind() == "class_body")?.parent()
}

fn function(at: At<'_>, whole: At<'_>, name: At<'_>, aliases: &HashMap<&str, Shape>) -> Declaration {
    let mut params = Vec::new();
    for param in at.field("parameters").into_iter().flat_map(At::children) {
        if !matches!(param.kind(), "required_parameter" | "optional_parameter") {
            continue;
        }
        let pattern = param.field("pattern");
        // It is no argument.
        if pattern.is_some_and(|pattern| pattern.kind() == "this") {
            continue;
        }
        let ty = param.field("type").and_then(|ty| ty.children().into_iter().next());
        let ty = match ty {
            _ if pattern.is_some_and(|pattern| pattern.kind() == "rest_pattern") => {
                param.declared(Shape::Unknown("it takes any number of arguments".into()))
            }
            Some(ty) => declared(ty, aliases),
            None => param.declared(Shape::Unknown("it has no type".into())),
        };
        let nullable = ty.nullable || param.kind() == "optional_parameter" || param.field("value").is_some();
        let name = pattern.map(|pattern| pattern.text().to_string()).unwrap_or_default();
        params.push(DeclaredParam { name, ty: Declared { nullable, ..ty } });
    }
    let result = at.field("return_type").and_then(|ty| match ty.kind() {
        "type_annotation" => ty.children().into_iter().next(),
        _ => Some(ty),
    });
    let result = match result {
        Some(ty) => declared(promised(ty), aliases),
        None => name.declared(Shape::Unknown("its type is not written".into())),
    };
    let name = name.text().trim_matches(['"', '\'']).to_string();
    let span = whole.field("name").map_or_else(|| at.span(), At::span);
    Declaration { name, params, result, span, owners: whole.owners(&WRAPPERS) }
}

/// Returns what a promise is of.
fn promised(at: At<'_>) -> At<'_> {
    let is_promise = at.kind() == "generic_type" && at.text().starts_with("Promise<");
    let inner = is_promise.then(|| at.child("type_arguments")?.children().into_iter().next()).flatten();
    inner.unwrap_or(at)
}

fn declared(at: At<'_>, aliases: &HashMap<&str, Shape>) -> Declared {
    // The parts of a union, with or without parentheses. No recursion: a text may nest deeply.
    let (mut parts, mut open) = (Vec::new(), vec![at]);
    while let Some(part) = open.pop() {
        match part.kind() {
            "union_type" | "parenthesized_type" => open.extend(part.children()),
            _ => parts.push(part),
        }
    }
    let is_missing = |part: &At<'_>| matches!(part.text(), "null" | "undefined");
    let rest: Vec<At<'_>> = parts.iter().filter(|part| !is_missing(part)).copied().collect();
    match rest[..] {
        [] if parts.iter().any(|part| part.text() == "undefined") => nothing(at.span()),
        [one] if one.text() == "void" => nothing(at.span()),
        [one] => Declared { nullable: parts.len() > 1, ..at.declared(shape(one, aliases)) },
        _ => at.declared(Shape::Unknown("one of several types".into())),
    }
}

fn shape(at: At<'_>, aliases: &HashMap<&str, Shape>) -> Shape {
    let text = at.text();
    match text.split('<').next().unwrap_or(text).trim() {
        "void" => Shape::Void,
        "boolean" => Shape::Bool,
        "number" => Shape::Number,
        "bigint" => Shape::BigInt,
        "string" => Shape::Text(None),
        "Uint8Array" | "ArrayBuffer" | "Buffer" => Shape::Bytes(None),
        name => aliases
            .get(name)
            .cloned()
            .unwrap_or_else(|| Shape::Unknown(format!("`{name}` is no type of a contract"))),
    }
}
