//! A contract as WIT. Signatures are for every tool that reads WIT; what it has no word for (keys, units,
//! ranges, ownership, lifecycle) stands in comments, one fact a line, and is read back from there.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use tiny_mapper::TrapCode;
use wit_parser::{Function, Resolve, Type, TypeDefKind};
use xmap_compiler::contract::{Contract, ContractExport};
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::manifest::Value;
use xmap_image::Ty;

use crate::names::{distinct, kebab};

/// Words that WIT uses itself.
const KEYWORDS: [&str; 47] = [
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
    "with",
    "world",
    "error-context",
    "float32",
    "float64",
    "union",
    "expected",
];

/// Writes a contract. `place` is its panel's, for messages.
///
/// # Errors
/// X1605.
pub fn print(contract: &Contract, place: &Place) -> Result<String, Diagnostic> {
    let package = kebab(&contract.panel).unwrap_or_else(|| "panel".into());
    let functions = distinct(place, contract.exports.iter().map(|export| export.name.as_str()), kebab)?;
    let mut text = String::new();
    let out = &mut text;
    _ = writeln!(
        out,
        "// Written by `xmap contract`. Lines that begin with `/// -` are part of the contract."
    );
    _ = writeln!(out, "package xmap:{}@{}.0.0;\n", identifier(&package), contract.version);
    _ = writeln!(out, "/// What ends a call that does not return.\ninterface errors {{\n    enum trap {{");
    for trap in TrapCode::ALL {
        _ = writeln!(out, "        {},", identifier(&trap.name().replace('_', "-")));
    }
    _ = writeln!(out, "    }}\n}}\n\n/// What the panel is called for.\ninterface exports {{");
    _ = writeln!(out, "    use errors.{{trap}};");
    for (export, name) in contract.exports.iter().zip(&functions) {
        export_text(out, export, name, place)?;
    }
    _ = writeln!(out, "}}\n\n/// What the panel sends.\ninterface events {{\n    use errors.{{trap}};\n");
    events_text(out, contract);
    _ = writeln!(out, "}}\n\n/// - panel: {}", contract.panel);
    for (line, name) in &contract.lines {
        match name {
            Some(name) => _ = writeln!(out, "/// - line {line}: {name}"),
            None => _ = writeln!(out, "/// - line {line}"),
        }
    }
    _ = writeln!(out, "world panel {{\n    import events;\n    export exports;\n}}");
    Ok(text)
}

fn export_text(
    out: &mut String,
    export: &ContractExport,
    name: &str,
    place: &Place,
) -> Result<(), Diagnostic> {
    let params = distinct(place, export.params.iter().map(|param| param.name.as_str()), kebab)?;
    let hash: String = export.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    _ = writeln!(out, "\n    /// - key: {}\n    /// - name: {}", export.key, export.name);
    _ = writeln!(out, "    /// - contract: {hash}");
    for param in &export.params {
        _ = writeln!(out, "    /// - param {}: {}", param.name, param.ty);
    }
    for (n, result) in export.results.iter().enumerate() {
        _ = writeln!(out, "    /// - result {n}: {result}");
    }
    for key in &export.needs {
        _ = writeln!(out, "    /// - needs: {key}");
    }
    if export.idempotent {
        _ = writeln!(out, "    /// - idempotent");
    }
    let params: Vec<String> = params
        .iter()
        .zip(&export.params)
        .map(|(name, param)| format!("{}: {}", identifier(name), wit_type(param.ty.value)))
        .collect();
    let results: Vec<&str> = export.results.iter().map(|ty| wit_type(ty.value)).collect();
    let result = match &results[..] {
        [] => "_".to_string(),
        [one] => (*one).to_string(),
        all => format!("tuple<{}>", all.join(", ")),
    };
    _ = writeln!(out, "    {}: func({}) -> result<{result}, trap>;", identifier(name), params.join(", "));
    Ok(())
}

fn events_text(out: &mut String, contract: &Contract) {
    let mut seen = BTreeSet::new();
    let names: Vec<String> = contract
        .lines
        .iter()
        .map(|(line, name)| {
            let name = name.as_deref().and_then(kebab).filter(|name| seen.insert(name.clone()));
            identifier(&name.unwrap_or_else(|| format!("line-{line}")))
        })
        .collect();
    if !names.is_empty() {
        _ = writeln!(out, "    enum line {{");
        names.iter().for_each(|name| _ = writeln!(out, "        {name},"));
        _ = writeln!(out, "    }}\n\n    /// A line has another level.");
        _ = writeln!(out, "    level: func(line: line, high: bool);\n");
    }
    if contract.logs {
        _ = writeln!(out, "    enum severity {{\n        debug,\n        info,\n        warn,\n    }}\n");
        _ = writeln!(out, "    /// The panel sends a message.");
        _ = writeln!(out, "    log: func(severity: severity, text: string);\n");
    }
    _ = writeln!(out, "    /// A call did not return, whoever made it.");
    _ = writeln!(out, "    trapped: func(key: string, trap: trap);");
}

fn identifier(name: &str) -> String {
    if KEYWORDS.contains(&name) { format!("%{name}") } else { name.to_string() }
}

const fn wit_type(value: Value) -> &'static str {
    match value {
        Value::Bytes(_) => "list<u8>",
        Value::Str(_) => "string",
        Value::Scalar(ty) => match ty {
            Ty::I8 => "s8",
            Ty::I16 => "s16",
            Ty::I32 => "s32",
            Ty::I64 => "s64",
            ty => ty.name(),
        },
    }
}

/// Reads a contract that [`print()`] wrote.
///
/// # Errors
/// X1603 with what is wrong.
pub fn parse(path: &Path, text: &str) -> Result<Contract, Diagnostic> {
    let wrong = |message: String| {
        let help = "`xmap contract panel.toml -o FILE` writes one".to_string();
        let message = format!("{}: {message}", path.display());
        Diagnostic::new(Code::NotAContract, Place::file(path), message).help(help)
    };
    let mut resolve = Resolve::default();
    let package = resolve
        .push_source(&path.display().to_string(), text)
        .map_err(|error| wrong(format!("{error:#}").lines().collect::<Vec<_>>().join(" ")))?;
    let package = &resolve.packages[package];
    let world = package.worlds.get("panel").map(|world| &resolve.worlds[*world]);
    let world = world.ok_or_else(|| wrong("it has no world `panel`".into()))?;
    let facts = facts(world.docs.contents.as_deref());
    let panel = facts.iter().find_map(|fact| fact.strip_prefix("panel: "));
    let exports = package.interfaces.get("exports").map(|interface| &resolve.interfaces[*interface]);
    let exports = exports.ok_or_else(|| wrong("it has no interface `exports`".into()))?;
    let events = package.interfaces.get("events").map(|interface| &resolve.interfaces[*interface]);
    let exports: Result<Vec<_>, _> = exports.functions.values().map(|f| export(&resolve, f)).collect();
    let mut exports = exports.map_err(wrong)?;
    exports.sort_by(|a, b| a.key.cmp(&b.key));
    if let Some(pair) = exports.windows(2).find(|pair| pair[0].key == pair[1].key) {
        return Err(wrong(format!("two functions have the key {}", pair[0].key)));
    }
    let line = |fact: &&str| -> Option<(u8, Option<String>)> {
        let rest = fact.strip_prefix("line ")?;
        match rest.split_once(": ") {
            Some((line, name)) => Some((line.parse().ok()?, Some(name.to_string()))),
            None => Some((rest.parse().ok()?, None)),
        }
    };
    let version = package.name.version.as_ref().and_then(|version| u32::try_from(version.major).ok());
    Ok(Contract {
        panel: panel.ok_or_else(|| wrong("its world does not say `- panel: NAME`".into()))?.to_string(),
        version: version.ok_or_else(|| wrong("its package has no version".into()))?,
        exports,
        lines: facts.iter().filter_map(line).collect(),
        logs: events.is_some_and(|events| events.functions.contains_key("log")),
    })
}

/// The lines of a comment that are part of the contract.
fn facts(docs: Option<&str>) -> Vec<&str> {
    docs.unwrap_or_default().lines().filter_map(|line| line.trim().strip_prefix("- ")).collect()
}

/// Reads the facts of a function, and holds its signature against them.
fn export(resolve: &Resolve, function: &Function) -> Result<ContractExport, String> {
    let name = &function.name;
    let of_function = |message: String| format!("{name}: {message}");
    let export = ContractExport::of_facts(&facts(function.docs.contents.as_deref())).map_err(of_function)?;
    let results =
        results(resolve, function).ok_or_else(|| format!("{name}: it returns no `result<_, trap>`"))?;
    let same = export.params.len() == function.params.len() && export.results.len() == results.len();
    if export.key.is_empty() || !same {
        return Err(format!("{name}: its comment does not say its key and all of its types"));
    }
    let stated = export.params.iter().map(|param| &param.ty).chain(&export.results);
    for (typed, ty) in stated.zip(function.params.iter().map(|param| &param.ty).chain(&results)) {
        let (said, is) = (wit_type(typed.value), text_of(resolve, ty));
        if said != is {
            return Err(format!("{name}: the comment says `{said}`, the signature `{is}`"));
        }
    }
    Ok(export)
}

/// The types of a function's results.
fn results(resolve: &Resolve, function: &Function) -> Option<Vec<Type>> {
    let Some(Type::Id(id)) = function.result else { return None };
    let TypeDefKind::Result(result) = &resolve.types[id].kind else { return None };
    Some(match result.ok {
        None => Vec::new(),
        Some(Type::Id(id)) => match &resolve.types[id].kind {
            TypeDefKind::Tuple(tuple) => tuple.types.clone(),
            _ => vec![Type::Id(id)],
        },
        Some(one) => vec![one],
    })
}

fn text_of(resolve: &Resolve, ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::String => "string",
        Type::Id(id) if matches!(resolve.types[*id].kind, TypeDefKind::List(Type::U8)) => "list<u8>",
        _ => "another type",
    }
}
