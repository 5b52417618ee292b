//! A package of npm.

use std::fmt::Write as _;

use serde_json::json;

use super::model::{Api, Arg, Body, Kind, Named, Operation, Place, Type, camel};
use super::{File, OF_BASE, OF_USES};
use crate::names::words;

/// Names that a type may not have: others mean something else by them.
const TAKEN: [&str; 12] = [
    "Array", "Boolean", "Date", "Error", "Number", "Object", "Promise", "Record", "String", "Symbol",
    "BigInt", "Map",
];

/// Returns what stands above every file.
fn head(api: &Api) -> String {
    format!("// Written by `xmap sdk` from {:?} {}: what is changed here is lost.\n", api.title, api.version)
}

/// The files of the package.
pub(super) fn write(api: &Api) -> Vec<File> {
    let name = words(&api.title).join("-");
    let version = if api.version.split('.').count() == 3 { api.version.clone() } else { "0.1.0".into() };
    let panel = api.panel();
    let mut package = json!({
        "name": if name.is_empty() { "client".into() } else { name }, "version": version, "type": "module", "private": true,
        "exports": "./dist/src/index.js", "types": "./dist/src/index.d.ts", "files": ["dist"],
        "scripts": { "build": "tsc -p .", "test": "tsc -p . && node --test dist/test/client.test.js" },
        "devDependencies": { "typescript": "^5.0.0", "@types/node": ">=18" },
    });
    let config = json!({
        "compilerOptions": {
            "target": "ES2022", "module": "NodeNext", "moduleResolution": "NodeNext", "strict": true, "declaration": true,
            "noImplicitOverride": true, "exactOptionalPropertyTypes": true, "types": ["node"], "outDir": "dist", "rootDir": ".",
        },
        "include": ["src", "test"],
    });
    if panel.is_some() {
        package["exports"] = json!({ ".": "./dist/src/index.js", "./react": "./dist/src/react.js" });
        package["peerDependencies"] = json!({ "react": ">=18" });
        package["peerDependenciesMeta"] = json!({ "react": { "optional": true } });
        package["devDependencies"]["react"] = json!(">=18");
        package["devDependencies"]["@types/react"] = json!(">=18");
    }
    let mut files = vec![
        ("package.json".into(), format!("{package:#}\n")),
        ("tsconfig.json".into(), format!("{config:#}\n")),
        ("src/runtime.ts".into(), head(api) + include_str!("../../templates/typescript/runtime.ts")),
        ("src/index.ts".into(), index(api)),
        ("test/client.test.ts".into(), test(api)),
    ];
    if let Some((class, _)) = panel {
        let react = include_str!("../../templates/typescript/react.ts").replace("PANEL", &type_name(class));
        files.push((
            "src/session.ts".into(),
            head(api) + include_str!("../../templates/typescript/session.ts"),
        ));
        files.push(("src/react.ts".into(), head(api) + &react));
    }
    files
}

fn type_name(name: &str) -> String {
    if TAKEN.contains(&name) { format!("{name}_") } else { name.to_string() }
}

fn ty(of: &Type) -> String {
    match of {
        Type::Bool => "boolean".into(),
        Type::Int | Type::Float => "number".into(),
        // A small one is read as a number.
        Type::Long => "number | bigint".into(),
        Type::Text => "string".into(),
        Type::Bytes => "Uint8Array".into(),
        Type::List(of) => format!("Array<{}>", ty(of)),
        Type::Tuple(all) => format!("[{}]", all.iter().map(ty).collect::<Vec<_>>().join(", ")),
        Type::Named(name) => type_name(name),
        Type::Nullable(of) => format!("{} | null", ty(of)),
    }
}

fn comment(text: &str, indent: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{indent}/** {} */\n", text.replace("*/", "* /")) }
}

fn index(api: &Api) -> String {
    let mut out = head(api);
    out += "import * as runtime from \"./runtime.js\";\n\n";
    out += "export { ApiError, CancelledError, CutError, NetworkError, TimeoutError, TrapError } from \"./runtime.js\";\n";
    out += "export type { CallOptions, Options } from \"./runtime.js\";\n\n";
    _ = writeln!(out, "/** {OF_BASE} */\nexport const BASE_URL = {:?};", api.base);
    if let Some((_, uses)) = api.panel() {
        out = out.replacen(
            "import * as runtime from \"./runtime.js\";\n",
            "import * as runtime from \"./runtime.js\";\nimport { Session, type SessionHandlers } from \"./session.js\";\n",
            1,
        );
        _ = write!(
            out,
            "\nexport type {{ News, Session, SessionHandlers, SessionState }} from \"./session.js\";\n\n\
             /** {OF_USES} */\n\
             export const USES = {};\n\n\
             /** Connects to the panel: says what happens, and holds exports, of {{@link USES}}, until the session is closed. */\n\
             export function connect(options: runtime.Options = {{}}, handlers: SessionHandlers = {{}}, held: readonly string[] = USES): Session {{\n  \
             const base = (options.baseUrl ?? BASE_URL).replace(/\\/+$/, \"\");\n  \
             return new Session(options, `${{base}}/events?uses=${{held.join(\",\")}}`, handlers);\n}}\n",
            json!(uses)
        );
    }
    api.types.iter().for_each(|named| declare(&mut out, named));
    for (group, operations) in &api.groups {
        _ = write!(
            out,
            "\n/** The calls of {}. */\nexport class {} {{\n  readonly #client: runtime.Client;\n\n  \
             constructor(options: runtime.Options = {{}}) {{\n    this.#client = new runtime.Client(options, BASE_URL);\n  }}\n",
            api.title.replace("*/", "* /"),
            type_name(group)
        );
        operations.iter().for_each(|operation| method(&mut out, operation));
        out += "}\n";
    }
    out
}

fn declare(out: &mut String, named: &Named) {
    let name = type_name(&named.name);
    match &named.kind {
        Kind::Enum(values) => {
            let quoted: Vec<String> = values.iter().map(|value| json!(value).to_string()).collect();
            _ = writeln!(out, "\n/** One of {name}Values, or what a newer server has beside them. */");
            _ = writeln!(out, "export type {name} = {} | (string & {{}});", quoted.join(" | "));
            _ = writeln!(out, "export const {name}Values = [{}] as const;", quoted.join(", "));
        }
        Kind::Object(fields) => {
            _ = writeln!(out, "\nexport interface {name} {{");
            for field in fields {
                let optional = if field.required { "" } else { "?" };
                _ = writeln!(out, "  {}{optional}: {};", json!(field.wire), ty(&field.ty));
            }
            out.push_str("}\n");
        }
    }
}

/// Returns what a call gives: one result of a panel stands alone.
fn result(operation: &Operation) -> String {
    match (&operation.result, operation.panel) {
        (None, _) => "void".into(),
        (Some(of), true) => match of.results() {
            [] => "void".into(),
            [Type::Long] => "bigint".into(),
            [one] => ty(one),
            all => {
                let all = all.iter().map(|of| if *of == Type::Long { "bigint".into() } else { ty(of) });
                format!("[{}]", all.collect::<Vec<_>>().join(", "))
            }
        },
        (Some(of), false) => ty(of),
    }
}

fn args(operation: &Operation) -> String {
    let one =
        |arg: &Arg| format!("{}{}: {}", camel(&arg.name), if arg.required { "" } else { "?" }, ty(&arg.ty));
    operation.args.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn request(operation: &Operation) -> String {
    let value = |arg: &Arg| format!("args.{}", camel(&arg.name));
    let mut path = operation.path.replace('`', "%60").replace('$', "%24");
    for arg in operation.at(Place::Path) {
        path = path.replace(&format!("{{{}}}", arg.wire), &format!("${{runtime.segment({})}}", value(arg)));
    }
    let mut parts = vec![format!("method: \"{}\"", operation.method), format!("path: `{path}`")];
    let object = |place| {
        operation
            .at(place)
            .map(|arg| format!("{}: {}", json!(arg.wire), value(arg)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if operation.at(Place::Query).next().is_some() {
        parts.push(format!("query: {{ {} }}", object(Place::Query)));
    }
    match operation.body {
        Body::None => {}
        Body::Object => parts.push(format!("body: {{ {} }}", object(Place::Body))),
        Body::Args => {
            let given = |arg: &Arg| match arg.ty {
                Type::Bytes => format!("runtime.digits({})", value(arg)),
                _ => value(arg),
            };
            let all: Vec<String> = operation.at(Place::Body).map(given).collect();
            let contract = operation.contract.iter().map(|hash| format!(", \"contract\": {}", json!(hash)));
            parts.push(format!("body: {{ \"args\": [{}]{} }}", all.join(", "), contract.collect::<String>()));
        }
        Body::Whole => parts.push("body: args.body".into()),
    }
    parts.push(format!("idempotent: {}", operation.idempotent));
    parts.join(", ")
}

/// The name of a call: a class has one constructor.
fn method_name(operation: &Operation) -> String {
    let name = camel(&operation.name);
    if name == "constructor" { format!("{name}_") } else { name }
}

fn method(out: &mut String, operation: &Operation) {
    let name = method_name(operation);
    let result = result(operation);
    out.push('\n');
    let error = match &operation.error {
        Some(of) => format!(" Fails with `ApiError<{}>`.", ty(of)),
        None => String::new(),
    };
    *out += &comment(format!("{}{error}", operation.summary).trim(), "  ");
    let optional = operation.args.iter().all(|arg| !arg.required);
    let takes = match operation.args.is_empty() {
        true => String::new(),
        false => format!("args: {{ {} }}{}, ", args(operation), if optional { " = {}" } else { "" }),
    };
    let request = request(operation);
    _ = writeln!(out, "  async {name}({takes}options: runtime.CallOptions = {{}}): Promise<{result}> {{");
    if operation.panel {
        let all = operation.result.as_ref().map_or(&[][..], Type::results);
        let read = |n: usize, of: &Type| match of {
            Type::Long => format!("runtime.long(results[{n}])"),
            Type::Float => format!("runtime.float(results[{n}])"),
            Type::Bytes => format!("runtime.bytes(results[{n}])"),
            of => format!("results[{n}] as {}", ty(of)),
        };
        let all: Vec<String> = all.iter().enumerate().map(|(n, of)| read(n, of)).collect();
        let keep = if all.is_empty() { "" } else { "const results = " };
        _ = writeln!(out, "    {keep}await this.#client.panel({{ {request} }}, options);");
        match &all[..] {
            [] => {}
            [one] => _ = writeln!(out, "    return {one};"),
            all => _ = writeln!(out, "    return [{}];", all.join(", ")),
        }
    } else {
        _ = writeln!(out, "    return this.#client.call<{result}>({{ {request} }}, options);");
    }
    out.push_str("  }\n");
}

/// A value of a type, for the package's own test.
fn sample(api: &Api, of: &Type) -> String {
    match of {
        Type::Bool => "true".into(),
        Type::Int | Type::Float => "1".into(),
        Type::Long => "18446744073709551615n".into(),
        Type::Text => "\"\u{e9}\"".into(),
        Type::Bytes => "new Uint8Array([0, 171])".into(),
        Type::List(_) => "[]".into(),
        Type::Tuple(all) => {
            format!("[{}]", all.iter().map(|of| sample(api, of)).collect::<Vec<_>>().join(", "))
        }
        Type::Nullable(_) => "null".into(),
        Type::Named(name) => {
            match api.types.iter().find(|named| named.name == *name).map(|named| &named.kind) {
                Some(Kind::Enum(values)) => json!(values[0]).to_string(),
                Some(Kind::Object(fields)) => {
                    let all = fields.iter().filter(|field| field.required);
                    let all: Vec<String> = all
                        .map(|field| format!("{}: {}", json!(field.wire), sample(api, &field.ty)))
                        .collect();
                    format!("{{ {} }}", all.join(", "))
                }
                None => "{}".into(),
            }
        }
    }
}

/// A test of the package: each call against a server that is none.
fn test(api: &Api) -> String {
    let mut out = head(api);
    out += "import assert from \"node:assert/strict\";\nimport { test } from \"node:test\";\n\n\
            import * as api from \"../src/index.js\";\n\n\
            /** A server that answers in turn, and keeps what it was asked. */\n\
            function server(...answers: Array<{ status: number; body: string } | Error>) {\n  \
            const asked: Array<{ url: string; init: RequestInit }> = [];\n  \
            const fetch = async (url: string, init: RequestInit): Promise<Response> => {\n    \
            asked.push({ url, init });\n    const answer = answers[Math.min(asked.length, answers.length) - 1]!;\n    \
            if (answer instanceof Error) throw answer;\n    \
            return new Response(answer.status === 204 ? null : answer.body, { status: answer.status });\n  };\n  \
            return { asked, options: { fetch, baseUrl: \"http://server\", token: \"t\" } };\n}\n";
    for (group, operations) in &api.groups {
        for operation in operations {
            let name = method_name(operation);
            let given: Vec<String> = operation
                .args
                .iter()
                .filter(|arg| arg.required)
                .map(|arg| format!("{}: {}", camel(&arg.name), sample(api, &arg.ty)))
                .collect();
            let given = if given.is_empty() && operation.args.is_empty() {
                String::new()
            } else {
                format!("{{ {} }}", given.join(", "))
            };
            let answer = match (&operation.result, operation.panel) {
                (None, _) => "{ status: 204, body: \"\" }".to_string(),
                (Some(of), true) => {
                    let results: Vec<String> = of
                        .results()
                        .iter()
                        .map(|of| match of {
                            Type::Bytes => "\"0x00ab\"".into(),
                            of => sample(api, of).trim_end_matches('n').to_string(),
                        })
                        .collect();
                    let body = format!(
                        "{{\"key\":\"k\",\"results\":[{}],\"trap\":null,\"newer\":1}}",
                        results.join(",")
                    );
                    format!("{{ status: 200, body: {} }}", json!(body))
                }
                (Some(of), false) => {
                    format!(
                        "{{ status: 200, body: JSON.stringify({}) }}",
                        sample(api, of).replace("18446744073709551615n", "1")
                    )
                }
            };
            let class = type_name(group);
            let comma = if given.is_empty() { "" } else { ", " };
            _ = write!(
                out,
                "\ntest(\"{class}.{name}\", async () => {{\n  const good = server({answer});\n  \
                 await new api.{class}(good.options).{name}({given});\n  assert.equal(good.asked.length, 1);\n  \
                 assert.equal(good.asked[0]!.init.method, \"{}\");\n  assert.ok(good.asked[0]!.url.startsWith(\"http://server/\"));\n  \
                 const away = server(new Error(\"away\"));\n  \
                 await assert.rejects(new api.{class}({{ ...away.options, retries: 1 }}).{name}({given}), api.NetworkError);\n  \
                 assert.equal(away.asked.length, {}, \"only what may be repeated is\");\n  \
                 const bad = server({{ status: 400, body: '{{\"code\":\"newer\"}}' }});\n  \
                 await assert.rejects(new api.{class}(bad.options).{name}({given}), api.ApiError);\n  \
                 const signal = AbortSignal.abort();\n  \
                 await assert.rejects(new api.{class}(good.options).{name}({given}{comma}{{ signal }}), api.CancelledError);\n}});\n",
                operation.method,
                if operation.idempotent { 2 } else { 1 },
            );
        }
    }
    out
}
