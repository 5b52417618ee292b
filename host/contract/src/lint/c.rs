//! C: headers and sources, parsed by tree-sitter's grammar.

use std::collections::HashMap;

use super::shape::int;
use super::tree::{At, nothing, parse, unread};
use super::{Declaration, Declarations, Declared, DeclaredParam, Shape};

/// The functions that a text declares.
pub(super) fn read(text: &str) -> Declarations {
    let tree = parse(tree_sitter_c::LANGUAGE.into(), text);
    let root = At { node: tree.root_node(), all: text };
    let mut aliases = HashMap::new();
    let mut all = Declarations::default();
    for at in root.walk() {
        match at.kind() {
            "type_definition" => {
                if let (Some(ty), Some(name)) = (at.field("type"), at.field("declarator"))
                    && name.kind() == "type_identifier"
                {
                    let shape = scalar(ty, &aliases);
                    aliases.insert(name.text(), shape);
                }
            }
            "declaration" | "function_definition" => all.functions.extend(function(at, &aliases)),
            _ => {}
        }
    }
    unread(root, &mut all);
    all
}

fn function(at: At<'_>, aliases: &HashMap<&str, Shape>) -> Option<Declaration> {
    let (ty, declarator) = (at.field("type")?, at.field("declarator")?);
    let (function, pointers) = inner(declarator, "function_declarator")?;
    let name = function.field("declarator").filter(|name| name.kind() == "identifier")?;
    let mut params = Vec::new();
    for param in function.field("parameters")?.children() {
        if !matches!(param.kind(), "parameter_declaration" | "variadic_parameter") {
            continue;
        }
        let Some(ty) = param.field("type") else {
            params.push(DeclaredParam {
                name: String::new(),
                ty: param.declared(Shape::Unknown("it takes any number of arguments".into())),
            });
            continue;
        };
        let declarator = param.field("declarator");
        // `(void)` is no parameter.
        if declarator.is_none() && ty.text() == "void" {
            continue;
        }
        let pointers = declarator.map_or(0, pointers_of);
        let name = declarator.and_then(|at| at.walk().into_iter().find(|at| at.kind() == "identifier"));
        params.push(DeclaredParam {
            name: name.map(|name| name.text().to_string()).unwrap_or_default(),
            ty: Declared { text: without_name(param, name), ..param.declared(shape(ty, pointers, aliases)) },
        });
    }
    let result = match shape(ty, pointers, aliases) {
        Shape::Void => nothing(ty.span()),
        shape => {
            Declared { text: format!("{}{}", ty.text(), " *".repeat(pointers.min(1))), ..ty.declared(shape) }
        }
    };
    Some(Declaration {
        name: name.text().to_string(),
        params,
        result,
        span: name.span(),
        owners: at.owners(&["linkage_specification"]),
    })
}

/// The declarator of this kind inside another one, and the pointers around it.
fn inner<'t>(mut at: At<'t>, kind: &str) -> Option<(At<'t>, usize)> {
    let mut pointers = 0;
    loop {
        if at.kind() == kind {
            return Some((at, pointers));
        }
        pointers += usize::from(at.kind() == "pointer_declarator");
        at = at.field("declarator")?;
    }
}

/// Addresses that a declarator stands for; an array is one.
fn pointers_of(at: At<'_>) -> usize {
    let is = |at: &At<'_>| {
        matches!(
            at.kind(),
            "pointer_declarator"
                | "array_declarator"
                | "abstract_pointer_declarator"
                | "abstract_array_declarator"
        )
    };
    at.walk().iter().filter(|at| is(at)).count()
}

fn without_name(param: At<'_>, name: Option<At<'_>>) -> String {
    let text = param.text();
    match name {
        Some(name) => {
            let from = name.node.start_byte() - param.node.start_byte();
            let to = from + name.text().len();
            format!("{}{}", &text[..from], &text[to..]).trim().to_string()
        }
        None => text.to_string(),
    }
}

fn shape(ty: At<'_>, pointers: usize, aliases: &HashMap<&str, Shape>) -> Shape {
    match pointers {
        0 => scalar(ty, aliases),
        1 => Shape::Pointer,
        _ => Shape::Unknown("an address of an address".into()),
    }
}

fn scalar(ty: At<'_>, aliases: &HashMap<&str, Shape>) -> Shape {
    let mut words: Vec<&str> = ty.text().split_whitespace().collect();
    words.sort_unstable();
    let machine = || Shape::Unknown("its width is the machine's".to_string());
    match words[..] {
        ["void"] => Shape::Void,
        ["bool" | "_Bool"] => Shape::Bool,
        ["uint8_t"] | ["char", "unsigned"] => int(8, false),
        ["int8_t"] | ["char", "signed"] => int(8, true),
        ["uint16_t"] | ["short", "unsigned"] | ["int", "short", "unsigned"] => int(16, false),
        ["int16_t"] | ["short"] | ["int", "short"] => int(16, true),
        ["uint32_t"] | ["unsigned"] | ["int", "unsigned"] => int(32, false),
        ["int32_t"] | ["int"] | ["signed"] | ["int", "signed"] => int(32, true),
        ["uint64_t"] | ["long", "long", "unsigned"] | ["int", "long", "long", "unsigned"] => int(64, false),
        ["int64_t"] | ["long", "long"] | ["int", "long", "long"] => int(64, true),
        ["float"] => Shape::Float(32),
        ["double"] => Shape::Float(64),
        ["char"] => Shape::Unknown("whether it has a sign is the machine's choice".into()),
        ["size_t" | "ssize_t" | "uintptr_t" | "intptr_t" | "ptrdiff_t"] | ["long"] | ["long", "unsigned"] => {
            machine()
        }
        [name] => aliases
            .get(name)
            .cloned()
            .unwrap_or_else(|| Shape::Unknown(format!("`{name}` is not declared in this file"))),
        _ => Shape::Unknown("no type of a contract".into()),
    }
}
