//! Rust, parsed by tree-sitter's grammar.

use std::collections::HashMap;

use xmap_compiler::manifest::Owner;

use super::shape::int;
use super::tree::{At, ending, nothing, parse, unread};
use super::{Declaration, Declarations, Declared, DeclaredParam, Shape};

/// The functions that a text declares, and the ends of what has a handle.
pub(super) fn read(text: &str) -> Declarations {
    let tree = parse(tree_sitter_rust::LANGUAGE.into(), text);
    let root = At { node: tree.root_node(), all: text };
    let mut aliases = HashMap::new();
    let mut structs: HashMap<&str, At<'_>> = HashMap::new();
    let mut all = Declarations::default();
    let nodes = root.walk();
    for at in &nodes {
        match at.kind() {
            "type_item" => {
                if let (Some(name), Some(ty)) = (at.field("name"), at.field("type")) {
                    let shape = declared(ty, &aliases).shape;
                    aliases.insert(name.text(), shape);
                }
            }
            "struct_item" => {
                if let Some(name) = at.field("name") {
                    structs.insert(name.text(), *at);
                }
            }
            _ => {}
        }
    }
    for at in nodes {
        if !matches!(at.kind(), "function_signature_item" | "function_item") {
            continue;
        }
        let Some(name) = at.field("name") else { continue };
        if let Some(of) = dropped(at) {
            let holder = structs.get(of).copied().unwrap_or(at);
            ending(at, name.text(), name.span(), holder, &mut all);
        }
        all.functions.push(function(at, name, &aliases));
    }
    unread(root, &mut all);
    all
}

/// The type whose `Drop::drop` this is.
fn dropped(at: At<'_>) -> Option<&str> {
    let item = at.parent()?.parent().filter(|item| item.kind() == "impl_item")?;
    let is_drop = item.field("trait")?.text().rsplit("::").next() == Some("Drop");
    let of = item.field("type")?.text();
    is_drop.then_some(of.split('<').next().unwrap_or(of))
}

fn function(at: At<'_>, name: At<'_>, aliases: &HashMap<&str, Shape>) -> Declaration {
    let mut params = Vec::new();
    for param in at.field("parameters").into_iter().flat_map(At::children) {
        match param.kind() {
            "parameter" => {
                let name = param.field("pattern").map(|at| at.text().to_string()).unwrap_or_default();
                let ty = match param.field("type") {
                    Some(ty) => declared(ty, aliases),
                    None => param.declared(Shape::Unknown("it has no type".into())),
                };
                params.push(DeclaredParam { name, ty });
            }
            "variadic_parameter" => {
                let ty = param.declared(Shape::Unknown("it takes any number of arguments".into()));
                params.push(DeclaredParam { name: String::new(), ty });
            }
            _ => {}
        }
    }
    let result = match at.field("return_type") {
        Some(ty) => declared(result_of(ty), aliases),
        None => nothing(name.span()),
    };
    Declaration { name: name.text().to_string(), params, result, span: name.span(), owners: at.owners(&[]) }
}

/// Returns what a `Result` has where all went well.
fn result_of(at: At<'_>) -> At<'_> {
    let is = at.kind() == "generic_type"
        && at.field("type").is_some_and(|ty| ty.text().rsplit("::").next() == Some("Result"));
    let inner = is.then(|| at.field("type_arguments")?.children().into_iter().next()).flatten();
    inner.unwrap_or(at)
}

fn declared(at: At<'_>, aliases: &HashMap<&str, Shape>) -> Declared {
    if at.kind() == "unit_type" {
        return nothing(at.span());
    }
    if at.kind() == "generic_type"
        && at.field("type").is_some_and(|ty| ty.text().rsplit("::").next() == Some("Option"))
    {
        let inner = at.field("type_arguments").and_then(|all| all.children().into_iter().next());
        let shape = inner.map(|inner| shape(inner, aliases));
        let shape = shape.unwrap_or_else(|| Shape::Unknown("no type of a contract".into()));
        return Declared { nullable: true, ..at.declared(shape) };
    }
    at.declared(shape(at, aliases))
}

fn shape(at: At<'_>, aliases: &HashMap<&str, Shape>) -> Shape {
    if at.kind() == "pointer_type" {
        return Shape::Pointer;
    }
    let text: String = at.text().chars().filter(|c| !c.is_whitespace()).collect();
    // Lifetimes are no part of a type here.
    let text = match text.strip_prefix("&'") {
        Some(rest) => {
            let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            format!("&{}", &rest[name..])
        }
        None => text,
    };
    let known = text.strip_prefix("core::ffi::").or(text.strip_prefix("std::ffi::")).unwrap_or(&text);
    match known {
        "bool" => Shape::Bool,
        "u8" => int(8, false),
        "i8" => int(8, true),
        "u16" => int(16, false),
        "i16" => int(16, true),
        "u32" => int(32, false),
        "i32" | "c_int" => int(32, true),
        "u64" => int(64, false),
        "i64" => int(64, true),
        "f32" => Shape::Float(32),
        "f64" => Shape::Float(64),
        "usize" | "isize" => Shape::Unknown("its width is the machine's".into()),
        "&str" => Shape::Text(Some(Owner::Borrow)),
        "String" | "Box<str>" => Shape::Text(Some(Owner::Own)),
        "&[u8]" | "&mut[u8]" => Shape::Bytes(Some(Owner::Borrow)),
        "Vec<u8>" | "Box<[u8]>" => Shape::Bytes(Some(Owner::Own)),
        name => aliases
            .get(name)
            .cloned()
            .unwrap_or_else(|| Shape::Unknown(format!("`{name}` is no type of a contract"))),
    }
}
