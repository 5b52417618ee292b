//! Swift, parsed by tree-sitter's grammar.

use std::collections::HashMap;

use xmap_compiler::manifest::Owner;

use super::shape::int;
use super::tree::{At, ending, nothing, parse, unread};
use super::{Declaration, Declarations, Declared, DeclaredParam, Shape};

/// Functions that end a life, beside `deinit`.
const ENDINGS: [&str; 4] = ["onDisappear", "dispose", "invalidate", "close"];

/// The functions that a text declares, and the ends of what has a handle.
pub(super) fn read(text: &str) -> Declarations {
    let tree = parse(tree_sitter_swift::LANGUAGE.into(), text);
    let root = At { node: tree.root_node(), all: text };
    let mut aliases = HashMap::new();
    let mut all = Declarations::default();
    for at in root.walk() {
        match at.kind() {
            "typealias_declaration" => {
                let children = at.children();
                let name = children.iter().find(|at| at.kind() == "type_identifier");
                if let (Some(name), Some(ty)) = (name, children.iter().rfind(|at| is_type(at))) {
                    let shape = declared(*ty, &aliases).shape;
                    aliases.insert(name.text(), shape);
                }
            }
            "deinit_declaration" => {
                if let Some(holder) = holder(at) {
                    let start = at.node.start_byte();
                    ending(at, "deinit", start..start + "deinit".len(), holder, &mut all);
                }
            }
            "function_declaration" | "protocol_function_declaration" => {
                let name = at.children().into_iter().find(|at| at.kind() == "simple_identifier");
                let Some(name) = name else { continue };
                if let Some(holder) = holder(at).filter(|_| ENDINGS.contains(&name.text())) {
                    ending(at, name.text(), name.span(), holder, &mut all);
                }
                all.functions.push(function(at, name, &aliases));
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

fn is_type(at: &At<'_>) -> bool {
    matches!(
        at.kind(),
        "user_type"
            | "optional_type"
            | "array_type"
            | "tuple_type"
            | "dictionary_type"
            | "function_type"
            | "opaque_type"
            | "existential_type"
            | "implicitly_unwrapped_type"
    )
}

fn function(at: At<'_>, name: At<'_>, aliases: &HashMap<&str, Shape>) -> Declaration {
    let children = at.children();
    let mut params = Vec::new();
    let mut behind = 0;
    for (n, child) in children.iter().enumerate().filter(|(_, child)| child.kind() == "parameter") {
        behind = n + 1;
        let parts = child.children();
        let name = parts.iter().rfind(|at| at.kind() == "simple_identifier");
        let owner = parts.iter().find(|at| at.kind() == "parameter_modifiers").and_then(|at| {
            match at.text().trim() {
                "borrowing" => Some(Owner::Borrow),
                "consuming" => Some(Owner::Own),
                _ => None,
            }
        });
        let ty = match parts.iter().rfind(|at| is_type(at)) {
            Some(ty) => declared(*ty, aliases),
            None => child.declared(Shape::Unknown("it has no type".into())),
        };
        // The grammar has no node for the mark of `UInt8!`.
        let nullable = ty.nullable || child.text().trim_end().ends_with('!');
        params.push(DeclaredParam {
            name: name.map(|at| at.text().to_string()).unwrap_or_default(),
            ty: Declared { owner, nullable, ..ty },
        });
    }
    let result =
        children[behind..].iter().find(|at| is_type(at) && at.node.start_byte() > name.node.end_byte());
    let result = result.map_or_else(|| nothing(name.span()), |ty| declared(*ty, aliases));
    Declaration { name: name.text().to_string(), params, result, span: name.span(), owners: at.owners(&[]) }
}

fn declared(at: At<'_>, aliases: &HashMap<&str, Shape>) -> Declared {
    // No recursion: a text may nest deeply.
    let (mut inner, mut nullable) = (at, false);
    while matches!(inner.kind(), "optional_type" | "implicitly_unwrapped_type") {
        nullable = true;
        match inner.children().into_iter().find(is_type) {
            Some(next) => inner = next,
            None => return at.declared(Shape::Unknown("no type of a contract".into())),
        }
    }
    let found = match inner.kind() {
        "tuple_type" if inner.children().is_empty() => nothing(at.span()),
        "array_type" if inner.text().replace(' ', "") == "[UInt8]" => at.declared(Shape::Bytes(None)),
        _ => at.declared(shape(inner, aliases)),
    };
    Declared { nullable, ..found }
}

fn shape(at: At<'_>, aliases: &HashMap<&str, Shape>) -> Shape {
    let text = at.text();
    let name = text.split('<').next().unwrap_or(text).trim();
    match name.strip_prefix("Swift.").unwrap_or(name) {
        "Void" => Shape::Void,
        "Bool" => Shape::Bool,
        "UInt8" => int(8, false),
        "Int8" => int(8, true),
        "UInt16" => int(16, false),
        "Int16" => int(16, true),
        "UInt32" => int(32, false),
        "Int32" | "CInt" => int(32, true),
        "UInt64" => int(64, false),
        "Int64" => int(64, true),
        "Float" | "Float32" => Shape::Float(32),
        "Double" | "Float64" => Shape::Float(64),
        "Int" | "UInt" => Shape::Unknown("its width is the machine's".into()),
        "String" => Shape::Text(None),
        "Data" => Shape::Bytes(None),
        "UnsafePointer"
        | "UnsafeMutablePointer"
        | "UnsafeRawPointer"
        | "UnsafeMutableRawPointer"
        | "OpaquePointer" => Shape::Pointer,
        name => aliases
            .get(name)
            .cloned()
            .unwrap_or_else(|| Shape::Unknown(format!("`{name}` is no type of a contract"))),
    }
}
