//! A package of SwiftPM.

use std::fmt::Write as _;

use serde_json::json;

use super::model::{Api, Arg, Body, Field, Kind, Named, Operation, Place, Type, camel, pascal};
use super::{File, OF_BASE, OF_ENUM, OF_USES};
use crate::names::words;

/// Words that a name may not be without quotes.
const KEYWORDS: [&str; 38] = [
    "as",
    "associatedtype",
    "break",
    "case",
    "catch",
    "class",
    "continue",
    "default",
    "defer",
    "deinit",
    "do",
    "else",
    "enum",
    "extension",
    "false",
    "for",
    "func",
    "guard",
    "if",
    "import",
    "in",
    "init",
    "inout",
    "internal",
    "is",
    "let",
    "nil",
    "operator",
    "private",
    "protocol",
    "public",
    "repeat",
    "return",
    "self",
    "static",
    "switch",
    "throw",
    "where",
];
/// Names that the methods themselves use.
const OWN: [&str; 8] = ["all", "digits", "encoded", "encoder", "request", "results", "segment", "timeout"];
/// Names of the runtime's types and of Swift's own.
const TAKEN: [&str; 16] = [
    "Any",
    "Array",
    "Bool",
    "Client",
    "ClientError",
    "Data",
    "Decimal",
    "Double",
    "Error",
    "Int",
    "Options",
    "PanelValue",
    "Request",
    "String",
    "Type",
    "Void",
];

fn head(api: &Api) -> String {
    format!("// Written by `xmap sdk` from {:?} {}: what is changed here is lost.\n", api.title, api.version)
}

/// The files of the package.
pub(super) fn write(api: &Api) -> Vec<File> {
    let name = format!("{}Client", pascal(&words(&api.title)));
    let package = format!(
        "// swift-tools-version:5.7\nimport PackageDescription\n\nlet package = Package(\n    name: \"{name}\",\n    \
         platforms: [.iOS(.v15), .macOS(.v12)],\n    products: [.library(name: \"{name}\", targets: [\"{name}\"])],\n    \
         targets: [\n        .target(name: \"{name}\"),\n        .testTarget(name: \"{name}Tests\", dependencies: [\"{name}\"]),\n    ]\n)\n"
    );
    let mut files = vec![
        ("Package.swift".into(), package),
        (
            format!("Sources/{name}/Runtime.swift"),
            head(api) + include_str!("../../templates/swift/Runtime.swift"),
        ),
        (format!("Sources/{name}/Api.swift"), code(api)),
        (format!("Tests/{name}Tests/ClientTests.swift"), test(api, &name)),
    ];
    if api.panel().is_some() {
        files.push((
            format!("Sources/{name}/Session.swift"),
            head(api) + include_str!("../../templates/swift/Session.swift"),
        ));
        files.push((
            format!("Sources/{name}/Lifecycle.swift"),
            head(api) + include_str!("../../templates/swift/Lifecycle.swift"),
        ));
    }
    files
}

fn type_name(name: &str) -> String {
    if TAKEN.contains(&name) { format!("{name}Value") } else { name.to_string() }
}

fn value_name(words: &[String]) -> String {
    let name = camel(words);
    if KEYWORDS.contains(&name.as_str()) { format!("`{name}`") } else { name }
}

/// The name of an argument: the methods' own names are taken.
fn arg_name(words: &[String]) -> String {
    let name = camel(words);
    if OWN.contains(&name.as_str()) { format!("{name}Value") } else { value_name(words) }
}

fn quoted(text: &str) -> String {
    json!(text).to_string()
}

fn ty(of: &Type) -> String {
    match of {
        Type::Bool => "Bool".into(),
        Type::Int => "Int".into(),
        Type::Long => "Decimal".into(),
        Type::Float => "Double".into(),
        Type::Text => "String".into(),
        Type::Bytes => "Data".into(),
        Type::List(of) => format!("[{}]", ty(of)),
        Type::Tuple(_) => "[PanelValue]".into(),
        Type::Named(name) => type_name(name),
        Type::Nullable(of) => format!("{}?", ty(of).trim_end_matches('?')),
    }
}

fn optional(of: &Type, required: bool) -> String {
    if required { ty(of) } else { format!("{}?", ty(of).trim_end_matches('?')) }
}

fn comment(text: &str, indent: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{indent}/// {text}\n") }
}

/// Returns whether a type has itself in a field that is no list: a value cannot.
fn is_recursive(api: &Api, name: &str) -> bool {
    let mut open = vec![name.to_string()];
    let mut seen = Vec::new();
    while let Some(at) = open.pop() {
        let Some(Kind::Object(fields)) =
            api.types.iter().find(|named| named.name == at).map(|named| &named.kind)
        else {
            continue;
        };
        for field in fields {
            let mut of = &field.ty;
            while let Type::Nullable(inner) = of {
                of = inner;
            }
            if let Type::Named(next) = of {
                if next == name {
                    return true;
                }
                if !seen.contains(next) {
                    seen.push(next.clone());
                    open.push(next.clone());
                }
            }
        }
    }
    false
}

fn code(api: &Api) -> String {
    let mut out = head(api);
    out.push_str("import Foundation\n\n");
    _ = writeln!(out, "/// {OF_BASE}\npublic let baseURL = {}", quoted(&api.base));
    if let Some((_, uses)) = api.panel() {
        _ = write!(
            out,
            "\n/// {OF_USES}\n\
             public let uses: [String] = [{}]\n\n#if !canImport(FoundationNetworking)\n\
             /// Connects to the panel: says what happens, and holds exports, of `uses`, until the session is\n\
             /// closed.\n\
             public func connect(\n    _ options: Options = Options(), held: [String] = uses,\n    \
             onState: @escaping @MainActor @Sendable (SessionState) -> Void = {{ _ in }},\n    \
             onNews: @escaping @MainActor @Sendable (News) -> Void = {{ _ in }}\n) -> Session {{\n    \
             let url = \"\\(options.baseURL ?? baseURL)/events?uses=\\(held.joined(separator: \",\"))\"\n    \
             return Session(options: options, url: url, onState: onState, onNews: onNews)\n}}\n#endif\n",
            uses.iter().map(|of| quoted(of)).collect::<Vec<_>>().join(", ")
        );
    }
    api.types.iter().for_each(|named| declare(api, &mut out, named));
    for (group, operations) in &api.groups {
        _ = writeln!(
            out,
            "\n/// The calls of {}.\npublic struct {}: Sendable {{",
            api.title,
            type_name(group)
        );
        out.push_str("    private let _client: Client\n\n    public init(_ options: Options = Options()) {\n        _client = Client(options: options, base: baseURL)\n    }\n");
        operations.iter().for_each(|operation| method(&mut out, operation));
        out.push_str("}\n");
    }
    out
}

fn declare(api: &Api, out: &mut String, named: &Named) {
    let name = type_name(&named.name);
    match &named.kind {
        Kind::Object(fields) => object(out, &name, fields, is_recursive(api, &named.name)),
        Kind::Enum(values) => enumeration(out, &name, values),
    }
}

fn enumeration(out: &mut String, name: &str, values: &[String]) {
    _ = writeln!(
        out,
        "\n/// {OF_ENUM}\npublic struct {name}: RawRepresentable, Codable, Hashable, Sendable {{"
    );
    out.push_str("    public let rawValue: String\n\n    public init(rawValue: String) {\n        self.rawValue = rawValue\n    }\n\n");
    for value in values {
        _ = writeln!(
            out,
            "    public static let {} = {name}(rawValue: {})",
            value_name(&words(value)),
            quoted(value)
        );
    }
    out.push_str("}\n");
}

fn object(out: &mut String, name: &str, fields: &[Field], is_class: bool) {
    let kind = if is_class { "final class" } else { "struct" };
    _ = writeln!(out, "\npublic {kind} {name}: Codable, Sendable {{");
    for field in fields {
        _ = writeln!(
            out,
            "    public let {}: {}",
            value_name(&field.name),
            optional(&field.ty, field.required)
        );
    }
    let takes: Vec<String> = fields
        .iter()
        .map(|field| {
            let default = if field.required { "" } else { " = nil" };
            format!("{}: {}{default}", value_name(&field.name), optional(&field.ty, field.required))
        })
        .collect();
    _ = writeln!(out, "\n    public init({}) {{", takes.join(", "));
    for field in fields {
        _ = writeln!(out, "        self.{} = {}", camel(&field.name), value_name(&field.name));
    }
    out.push_str("    }\n\n    enum CodingKeys: String, CodingKey {\n");
    for field in fields {
        _ = writeln!(out, "        case {} = {}", value_name(&field.name), quoted(&field.wire));
    }
    out.push_str("    }\n}\n");
}

/// A value of a path or a query as text.
fn text(arg: &Arg) -> String {
    let value = arg_name(&arg.name);
    match (&arg.ty, arg.required) {
        (Type::Text, _) => value,
        (Type::Named(_), true) => format!("{value}.rawValue"),
        (Type::Named(_), false) => format!("{value}?.rawValue"),
        (_, true) => format!("String(describing: {value})"),
        (_, false) => format!("{value}.map {{ String(describing: $0) }}"),
    }
}

fn method(out: &mut String, operation: &Operation) {
    let takes: String = operation
        .args
        .iter()
        .map(|arg| {
            format!(
                "{}: {}{}, ",
                arg_name(&arg.name),
                optional(&arg.ty, arg.required),
                if arg.required { "" } else { " = nil" }
            )
        })
        .collect();
    let mut path = quoted(&operation.path);
    for arg in operation.at(Place::Path) {
        path = path.replace(&format!("{{{}}}", arg.wire), &format!("\\(segment({}))", text(arg)));
    }
    out.push('\n');
    *out += &comment(&operation.summary, "    ");
    let result = match (&operation.result, operation.panel) {
        (None, _) => String::new(),
        (Some(of), false) => format!(" -> {}", ty(of)),
        (Some(of), true) => match of.results() {
            [] => String::new(),
            [one] => format!(" -> {}", ty(one)),
            all => format!(" -> ({})", all.iter().map(ty).collect::<Vec<_>>().join(", ")),
        },
    };
    _ = writeln!(
        out,
        "    public func {}({takes}timeout: TimeInterval? = nil) async throws{result} {{",
        value_name(&operation.name)
    );
    let body = match operation.body {
        Body::None => None,
        Body::Object | Body::Args => {
            let fields: Vec<&Arg> = operation.at(Place::Body).collect();
            out.push_str("        struct Body: Encodable {\n");
            if operation.body == Body::Args {
                out.push_str("            struct Args: Encodable {\n");
            }
            let indent = if operation.body == Body::Args { "                " } else { "            " };
            for arg in &fields {
                _ = writeln!(out, "{indent}let {}: {}", arg_name(&arg.name), optional(&arg.ty, arg.required));
            }
            if operation.body == Body::Args {
                _ = writeln!(
                    out,
                    "{indent}func encode(to encoder: Encoder) throws {{\n{indent}    var all = encoder.unkeyedContainer()"
                );
                for arg in &fields {
                    let value = arg_name(&arg.name);
                    _ = match arg.ty {
                        Type::Bytes => writeln!(out, "{indent}    try all.encode(digits({value}))"),
                        _ => writeln!(out, "{indent}    try all.encode({value})"),
                    };
                }
                _ = writeln!(out, "{indent}}}\n            }}\n            let args: Args");
                if let Some(hash) = &operation.contract {
                    _ = writeln!(out, "            let contract = {}", quoted(hash));
                }
            } else if !fields.is_empty() {
                _ = writeln!(out, "{indent}enum CodingKeys: String, CodingKey {{");
                for arg in &fields {
                    _ = writeln!(out, "{indent}    case {} = {}", arg_name(&arg.name), quoted(&arg.wire));
                }
                _ = writeln!(out, "{indent}}}");
            }
            out.push_str("        }\n");
            let given = fields
                .iter()
                .map(|arg| format!("{}: {}", arg_name(&arg.name), arg_name(&arg.name)))
                .collect::<Vec<_>>()
                .join(", ");
            Some(if operation.body == Body::Args {
                format!("Body(args: Body.Args({given}))")
            } else {
                format!("Body({given})")
            })
        }
        Body::Whole => operation.at(Place::Body).next().map(|arg| arg_name(&arg.name)),
    };
    let mut parts = vec![format!("method: \"{}\"", operation.method), format!("path: {path}")];
    let query: Vec<String> =
        operation.at(Place::Query).map(|arg| format!("({}, {})", quoted(&arg.wire), text(arg))).collect();
    if !query.is_empty() {
        parts.push(format!("query: [{}]", query.join(", ")));
    }
    if let Some(body) = body {
        parts.push(format!("body: try encoded({body})"));
    }
    parts.push(format!("idempotent: {}", operation.idempotent));
    _ = writeln!(out, "        let request = Request({})", parts.join(", "));
    match (&operation.result, operation.panel) {
        (None, _) => out.push_str("        _ = try await _client.call(request, timeout: timeout)\n"),
        (Some(_), false) => {
            out.push_str("        return try await _client.value(request, timeout: timeout)\n")
        }
        (Some(of), true) => match of.results() {
            [] => out.push_str("        _ = try await _client.panel(request, timeout: timeout)\n"),
            all => {
                out.push_str("        let results = try await _client.panel(request, timeout: timeout)\n");
                _ = writeln!(
                    out,
                    "        guard results.count == {} else {{ throw ClientError.answer(URLError(.cannotParseResponse)) }}",
                    all.len()
                );
                let read = |(n, of): (usize, &Type)| {
                    let read = match of {
                        Type::Bool => "bool",
                        Type::Int => "int",
                        Type::Long => "long",
                        Type::Float => "float",
                        Type::Bytes => "bytes",
                        _ => "text",
                    };
                    format!("try results[{n}].{read}()")
                };
                let values: Vec<String> = all.iter().enumerate().map(read).collect();
                match &values[..] {
                    [one] => _ = writeln!(out, "        return {one}"),
                    all => _ = writeln!(out, "        return ({})", all.join(", ")),
                }
            }
        },
    }
    out.push_str("    }\n");
}

/// A test of the package: what a value of a newer server becomes.
fn test(api: &Api, name: &str) -> String {
    let mut out = head(api);
    _ = writeln!(out, "import XCTest\n\n@testable import {name}\n\nfinal class ClientTests: XCTestCase {{");
    out.push_str("    func testSegmentsAreEncoded() {\n        XCTAssertEqual(segment(\"a/b \u{e9}\"), \"a%2Fb%20%C3%A9\")\n    }\n");
    for (name, values) in api.enums() {
        let name = type_name(name);
        _ = write!(
            out,
            "\n    func test{name}TakesNewValues() throws {{\n        let read = try JSONDecoder().decode([{name}].self, from: Data(\"[\\{}, \\\"newer\\\"]\".utf8))\n        \
             XCTAssertEqual(read, [{name}.{}, {name}(rawValue: \"newer\")])\n    }}\n",
            json!(values[0]).to_string().replace('"', "\\\"").trim_start_matches('\\'),
            value_name(&words(&values[0])),
        );
    }
    out.push_str("}\n");
    out
}
