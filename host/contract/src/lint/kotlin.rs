//! Kotlin, parsed by tree-sitter's grammar.

use std::collections::HashMap;

use xmap_compiler::manifest::Owner;

use super::shape::int;
use super::tree::{At, ending, nothing, parse, unread};
use super::{Declaration, Declarations, Declared, DeclaredParam, Shape};

/// Functions that end a life.
const ENDINGS: [&str; 5] = ["onDestroy", "onCleared", "close", "dispose", "onDispose"];

/// The functions that a text declares, and the ends of what has a handle.
pub(super) fn read(text: &str) -> Declarations {
    let tree = parse(tree_sitter_kotlin_ng::LANGUAGE.into(), text);
    let root = At { node: tree.root_node(), all: text };
    let mut aliases = HashMap::new();
    let mut all = Declarations::default();
    for at in root.walk() {
        match at.kind() {
            "type_alias" => {
                let children = at.children();
                if let (Some(name), Some(ty)) =
                    (children.iter().find(|at| at.kind() == "identifier"), children.last())
                {
                    let shape = declared(*ty, &aliases).shape;
                    aliases.insert(name.text(), shape);
                }
            }
            "function_declaration" => {
                let Some(name) = at.field("name") else { continue };
                if let Some(holder) = holder(at).filter(|_| ENDINGS.contains(&name.text())) {
                    ending(at, name.text(), name.span(), holder, &mut all);
                }
                all.functions.extend(function(at, name, &aliases));
            }
            _ => {}
        }
    }
    unread(root, &mut all);
    all
}

fn holder(at: At<'_>) -> Option<At<'_>> {
    let body = at.parent().filter(|parent| parent.kind() == "class_body")?;
    body.parent()
}

fn is_type(at: &At<'_>) -> bool {
    matches!(
        at.kind(),
        "user_type" | "nullable_type" | "function_type" | "parenthesized_type" | "non_nullable_type"
    )
}

fn function(at: At<'_>, name: At<'_>, aliases: &HashMap<&str, Shape>) -> Option<Declaration> {
    let children = at.children();
    let list = children.iter().position(|child| child.kind() == "function_value_parameters")?;
    let mut params = Vec::new();
    let mut owner = None;
    for child in children[list].children() {
        match child.kind() {
            "parameter_modifiers" => owner = annotated(child.text()),
            "parameter" => {
                let parts = child.children();
                let ty = parts.iter().find(|at| is_type(at)).copied();
                let name = parts.iter().find(|at| at.kind() == "identifier");
                let ty = match ty {
                    Some(ty) => declared(ty, aliases),
                    None => child.declared(Shape::Unknown("it has no type".into())),
                };
                params.push(DeclaredParam {
                    name: name.map(|at| at.text().to_string()).unwrap_or_default(),
                    ty: Declared { owner: owner.take(), ..ty },
                });
            }
            _ => {}
        }
    }
    let result = children[list + 1..].iter().find(|at| is_type(at));
    let body = children[list + 1..].iter().find(|at| at.kind() == "function_body");
    let result = match (result, body) {
        (Some(ty), _) => declared(*ty, aliases),
        // `fun f() = 5`: the compiler finds the type.
        (None, Some(body)) if body.text().trim_start().starts_with('=') => {
            body.declared(Shape::Unknown("its type is not written".into()))
        }
        _ => nothing(name.span()),
    };
    Some(Declaration {
        name: name.text().to_string(),
        params,
        result,
        span: name.span(),
        owners: at.owners(&[]),
    })
}

/// `@Own`, `@Borrow`, `@Copy`.
fn annotated(text: &str) -> Option<Owner> {
    [("@Own", Owner::Own), ("@Borrow", Owner::Borrow), ("@Copy", Owner::Copy)]
        .into_iter()
        .find(|(word, _)| text.split_whitespace().any(|part| part == *word))
        .map(|(_, owner)| owner)
}

fn declared(at: At<'_>, aliases: &HashMap<&str, Shape>) -> Declared {
    // No recursion: a text may nest deeply.
    let (mut inner, mut nullable) = (at, false);
    while matches!(inner.kind(), "nullable_type" | "parenthesized_type") {
        nullable |= inner.kind() == "nullable_type";
        match inner.children().into_iter().find(is_type) {
            Some(next) => inner = next,
            None => return at.declared(Shape::Unknown("no type of a contract".into())),
        }
    }
    Declared { nullable, ..at.declared(shape(inner, aliases)) }
}

fn shape(at: At<'_>, aliases: &HashMap<&str, Shape>) -> Shape {
    let text = at.text();
    let name = text.split('<').next().unwrap_or(text).trim();
    match name.strip_prefix("kotlin.").unwrap_or(name) {
        "Unit" => Shape::Void,
        "Boolean" => Shape::Bool,
        "UByte" => int(8, false),
        "Byte" => int(8, true),
        "UShort" => int(16, false),
        "Short" => int(16, true),
        "UInt" => int(32, false),
        "Int" => int(32, true),
        "ULong" => int(64, false),
        "Long" => int(64, true),
        "Float" => Shape::Float(32),
        "Double" => Shape::Float(64),
        "String" => Shape::Text(None),
        "ByteArray" | "UByteArray" => Shape::Bytes(None),
        "CPointer" | "COpaquePointer" | "Pointer" | "CValuesRef" => Shape::Pointer,
        name => aliases
            .get(name)
            .cloned()
            .unwrap_or_else(|| Shape::Unknown(format!("`{name}` is no type of a contract"))),
    }
}
