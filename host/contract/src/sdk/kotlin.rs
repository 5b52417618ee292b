//! A package of Gradle.

use std::fmt::Write as _;

use serde_json::json;

use super::model::{Api, Arg, Body, Field, Kind, Named, Operation, Place, Type, camel, pascal};
use super::{File, OF_BASE, OF_ENUM, OF_USES};
use crate::names::words;

/// Words that a name may not be.
const KEYWORDS: [&str; 30] = [
    "as",
    "break",
    "class",
    "continue",
    "do",
    "else",
    "false",
    "for",
    "fun",
    "if",
    "in",
    "interface",
    "is",
    "null",
    "object",
    "package",
    "return",
    "super",
    "this",
    "throw",
    "true",
    "try",
    "typealias",
    "typeof",
    "val",
    "var",
    "when",
    "while",
    "timeoutMs",
    "cancel",
];
/// Names of the runtime's types and of Kotlin's own.
const TAKEN: [&str; 24] = [
    "Any",
    "ApiException",
    "Boolean",
    "ByteArray",
    "Cancel",
    "CancelledException",
    "Client",
    "ClientException",
    "CutException",
    "Double",
    "Exception",
    "Json",
    "List",
    "Long",
    "Map",
    "NetworkException",
    "Options",
    "Pair",
    "Request",
    "String",
    "TimeoutException",
    "TrapException",
    "Triple",
    "Unit",
];

fn head(api: &Api, package: &str) -> String {
    format!(
        "// Written by `xmap sdk` from {:?} {}: what is changed here is lost.\npackage {package}\n\n",
        api.title, api.version
    )
}

/// The files of the package.
pub(super) fn write(api: &Api) -> Vec<File> {
    let title = words(&api.title);
    let name = if title.is_empty() { "client".to_string() } else { title.join("") };
    let package = format!("xmap.{}", name.trim_start_matches(|c: char| c.is_ascii_digit()));
    let folder = package.replace('.', "/");
    let build = format!(
        "plugins {{\n    kotlin(\"jvm\") version \"2.0.0\"\n}}\n\ngroup = \"xmap\"\nversion = {:?}\n\nrepositories {{\n    \
         mavenCentral()\n}}\n\ndependencies {{\n    testImplementation(kotlin(\"test\"))\n}}\n\ntasks.test {{\n    \
         useJUnitPlatform()\n}}\n",
        api.version
    );
    let mut files = vec![
        ("settings.gradle.kts".into(), format!("rootProject.name = \"{name}\"\n")),
        ("build.gradle.kts".into(), build),
        (
            format!("src/main/kotlin/{folder}/Runtime.kt"),
            head(api, &package) + include_str!("../../templates/kotlin/Runtime.kt"),
        ),
        (format!("src/main/kotlin/{folder}/Api.kt"), code(api, &package)),
        (format!("src/test/kotlin/{folder}/ClientTest.kt"), test(api, &package)),
    ];
    if api.panel().is_some() {
        files.push((
            format!("src/main/kotlin/{folder}/Session.kt"),
            head(api, &package) + include_str!("../../templates/kotlin/Session.kt"),
        ));
        // For the module of an app, which has androidx: this one is for every machine of Java.
        files.push((
            "android/Lifecycle.kt".into(),
            head(api, &package) + include_str!("../../templates/kotlin/Lifecycle.kt"),
        ));
    }
    files
}

fn type_name(name: &str) -> String {
    if TAKEN.contains(&name) { format!("{name}Value") } else { name.to_string() }
}

fn value_name(words: &[String]) -> String {
    let name = camel(words);
    if KEYWORDS[..28].contains(&name.as_str()) {
        format!("`{name}`")
    } else if KEYWORDS.contains(&name.as_str()) {
        format!("{name}Value")
    } else {
        name
    }
}

fn ty(of: &Type) -> String {
    match of {
        Type::Bool => "Boolean".into(),
        Type::Int => "Long".into(),
        Type::Long => "java.math.BigInteger".into(),
        Type::Float => "Double".into(),
        Type::Text => "String".into(),
        Type::Bytes => "ByteArray".into(),
        Type::List(of) => format!("List<{}>", ty(of)),
        Type::Tuple(_) => "List<Any?>".into(),
        Type::Named(name) => type_name(name),
        Type::Nullable(of) => format!("{}?", ty(of).trim_end_matches('?')),
    }
}

/// An expression that reads a value of JSON.
fn read(of: &Type, value: &str) -> String {
    match of {
        Type::Bool => format!("Json.bool({value})"),
        Type::Int => format!("Json.int({value})"),
        Type::Long => format!("Json.long({value})"),
        Type::Float => format!("Json.float({value})"),
        Type::Text => format!("Json.text({value})"),
        Type::Bytes => format!("Json.bytes({value})"),
        Type::List(of) => format!("Json.list({value}).map {{ item -> {} }}", read(of, "item")),
        Type::Tuple(_) => format!("Json.list({value})"),
        Type::Named(name) => format!("{}.read({value})", type_name(name)),
        Type::Nullable(of) => format!("{value}?.let {{ of -> {} }}", read(of, "of")),
    }
}

/// An expression that gives a value as JSON.
fn give(of: &Type, value: &str) -> String {
    match of {
        Type::List(of) => format!("{value}.map {{ item -> {} }}", give(of, "item")),
        Type::Named(_) => format!("{value}.write()"),
        Type::Bytes => format!("Json.digits({value})"),
        Type::Nullable(of) => format!("{value}?.let {{ of -> {} }}", give(of, "of")),
        _ => value.to_string(),
    }
}

fn optional(of: &Type) -> Type {
    match of {
        Type::Nullable(_) => of.clone(),
        of => Type::Nullable(Box::new(of.clone())),
    }
}

fn comment(text: &str, indent: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{indent}/** {} */\n", text.replace("*/", "* /")) }
}

/// A text of Kotlin.
fn quoted(text: &str) -> String {
    json!(text).to_string().replace('$', "\\$")
}

fn code(api: &Api, package: &str) -> String {
    let mut out = head(api, package);
    _ = writeln!(out, "/** {OF_BASE} */\nconst val BASE_URL: String = {}", quoted(&api.base));
    if let Some((_, uses)) = api.panel() {
        _ = write!(
            out,
            "\n/** {OF_USES} */\n\
             val USES: List<String> = listOf({})\n\n\
             /** Connects to the panel: says what happens, and holds exports, of [USES], until the session is closed. */\n\
             fun connect(options: Options = Options(), listener: SessionListener = object : SessionListener {{}}, held: List<String> = USES): Session =\n    \
             Session(options, \"${{(options.baseUrl ?: BASE_URL).trimEnd('/')}}/events?uses=${{held.joinToString(\",\")}}\", listener)\n",
            uses.iter().map(|of| quoted(of)).collect::<Vec<_>>().join(", ")
        );
    }
    api.types.iter().for_each(|named| declare(&mut out, named));
    let mut errors: Vec<&Type> =
        api.groups.values().flatten().filter_map(|operation| operation.error.as_ref()).collect();
    errors.dedup();
    let mut seen = Vec::new();
    for of in errors {
        if let Type::Named(name) = of
            && !seen.contains(&name)
        {
            let name = type_name(name);
            let value = value_name(&words(&name));
            _ = writeln!(
                out,
                "\n/** The error's body as [{name}], where it is one. */\nval ApiException.{value}: {name}?"
            );
            _ = writeln!(
                out,
                "    get() = try {{ {name}.read(body) }} catch (error: NetworkException) {{ null }}"
            );
        }
        if let Type::Named(name) = of {
            seen.push(name);
        }
    }
    for (group, operations) in &api.groups {
        _ = write!(
            out,
            "\n{}class {}(options: Options = Options()) {{\n",
            comment(&format!("The calls of {}.", api.title), ""),
            type_name(group)
        );
        out.push_str("    private val _client = Client(options, BASE_URL)\n");
        operations.iter().for_each(|operation| method(&mut out, operation));
        out.push_str("}\n");
    }
    out
}

fn declare(out: &mut String, named: &Named) {
    match &named.kind {
        Kind::Enum(values) => enumeration(out, &type_name(&named.name), values),
        Kind::Object(fields) => object(out, &type_name(&named.name), fields),
    }
}

fn enumeration(out: &mut String, name: &str, values: &[String]) {
    _ = writeln!(out, "\n/** {OF_ENUM} */\n@JvmInline\nvalue class {name}(val wire: String) {{");
    out.push_str("    override fun toString(): String = wire\n\n    internal fun write(): Any? = wire\n\n    companion object {\n");
    for value in values {
        _ = writeln!(out, "        val {}: {name} = {name}({})", pascal(&words(value)), quoted(value));
    }
    _ = writeln!(
        out,
        "\n        internal fun read(value: Any?): {name} = {name}(Json.text(value))\n    }}\n}}"
    );
}

fn object(out: &mut String, name: &str, fields: &[Field]) {
    _ = writeln!(out, "\nclass {name}(");
    for field in fields {
        let of = if field.required { field.ty.clone() } else { optional(&field.ty) };
        let default = if field.required { "" } else { " = null" };
        _ = writeln!(out, "    val {}: {}{default},", value_name(&field.name), ty(&of));
    }
    _ = writeln!(out, ") {{\n    internal fun write(): Any? = buildMap<String, Any?> {{");
    for field in fields {
        let value = value_name(&field.name);
        match field.required {
            true => _ = writeln!(out, "        put({}, {})", quoted(&field.wire), give(&field.ty, &value)),
            false => {
                _ = writeln!(
                    out,
                    "        {value}?.let {{ of -> put({}, {}) }}",
                    quoted(&field.wire),
                    give(&not_null(&field.ty), "of")
                )
            }
        }
    }
    _ = writeln!(
        out,
        "    }}\n\n    companion object {{\n        internal fun read(value: Any?): {name} {{\n            val map = Json.map(value)\n            return {name}("
    );
    for field in fields {
        let of = if field.required { field.ty.clone() } else { optional(&field.ty) };
        _ = writeln!(
            out,
            "                {} = {},",
            value_name(&field.name),
            read(&of, &format!("map[{}]", quoted(&field.wire)))
        );
    }
    out.push_str("            )\n        }\n    }\n}\n");
}

fn not_null(of: &Type) -> Type {
    match of {
        Type::Nullable(of) => (**of).clone(),
        of => of.clone(),
    }
}

fn method(out: &mut String, operation: &Operation) {
    let takes: String = operation
        .args
        .iter()
        .map(|arg| {
            let of = if arg.required { arg.ty.clone() } else { optional(&arg.ty) };
            format!("{}: {}{}, ", value_name(&arg.name), ty(&of), if arg.required { "" } else { " = null" })
        })
        .collect();
    let mut path = quoted(&operation.path);
    for arg in operation.at(Place::Path) {
        path =
            path.replace(&format!("{{{}}}", arg.wire), &format!("${{segment({})}}", value_name(&arg.name)));
    }
    let mut parts = vec![format!("\"{}\"", operation.method), path];
    let given = |arg: &Arg| match arg.required {
        true => give(&arg.ty, &value_name(&arg.name)),
        false => format!("{}?.let {{ of -> {} }}", value_name(&arg.name), give(&not_null(&arg.ty), "of")),
    };
    let query: Vec<String> =
        operation.at(Place::Query).map(|arg| format!("{} to {}", quoted(&arg.wire), given(arg))).collect();
    if !query.is_empty() {
        parts.push(format!("query = listOf({})", query.join(", ")));
    }
    let body = match operation.body {
        Body::None => None,
        Body::Object => {
            let all: Vec<String> = operation
                .at(Place::Body)
                .map(|arg| match arg.required {
                    true => format!("put({}, {})", quoted(&arg.wire), given(arg)),
                    false => format!(
                        "{}?.let {{ of -> put({}, {}) }}",
                        value_name(&arg.name),
                        quoted(&arg.wire),
                        give(&not_null(&arg.ty), "of")
                    ),
                })
                .collect();
            Some(format!("buildMap<String, Any?> {{ {} }}", all.join("; ")))
        }
        Body::Args => {
            let contract =
                operation.contract.iter().map(|hash| format!(", \"contract\" to {}", quoted(hash)));
            let args = operation.at(Place::Body).map(given).collect::<Vec<_>>().join(", ");
            Some(format!("mapOf(\"args\" to listOf<Any?>({args}){})", contract.collect::<String>()))
        }
        Body::Whole => operation.at(Place::Body).next().map(given),
    };
    if let Some(body) = body {
        parts.push(format!("hasBody = true, body = {body}"));
    }
    parts.push(format!("idempotent = {}", operation.idempotent));
    let request = format!("Request({})", parts.join(", "));
    out.push('\n');
    *out += &comment(&operation.summary, "    ");
    _ = write!(
        out,
        "    fun {}({takes}timeoutMs: Int? = null, cancel: Cancel? = null)",
        value_name(&operation.name)
    );
    let call = |kind: &str| format!("_client.{kind}({request}, timeoutMs, cancel)");
    match (&operation.result, operation.panel) {
        (None, _) => _ = writeln!(out, " {{\n        {}\n    }}", call("call")),
        (Some(of), false) => {
            _ = writeln!(
                out,
                ": {} {{\n        val answer = {}\n        return {}\n    }}",
                ty(of),
                call("call"),
                read(of, "answer")
            );
        }
        (Some(of), true) => match of.results() {
            [] => _ = writeln!(out, " {{\n        {}\n    }}", call("panel")),
            [one] => {
                _ = writeln!(out, ": {} = {}", ty(one), read(one, &format!("{}.getOrNull(0)", call("panel"))))
            }
            all => {
                let class = match all.len() {
                    2 => "Pair",
                    3 => "Triple",
                    _ => "List",
                };
                let types: Vec<String> = all.iter().map(ty).collect();
                let of = if class == "List" { "Any?".into() } else { types.join(", ") };
                let make = if class == "List" { "listOf" } else { class };
                let read = |(n, of)| read(of, &format!("all.getOrNull({n})"));
                let values: Vec<String> = all.iter().enumerate().map(read).collect();
                _ = writeln!(
                    out,
                    ": {class}<{of}> {{\n        val all = {}\n        return {make}({})\n    }}",
                    call("panel"),
                    values.join(", ")
                );
            }
        },
    }
}

/// A test of the package: its JSON, and what a value of a newer server becomes.
fn test(api: &Api, package: &str) -> String {
    let mut out = head(api, package);
    out.push_str(
        "import kotlin.test.Test\nimport kotlin.test.assertEquals\nimport kotlin.test.assertFailsWith\n\nclass ClientTest {\n    \
         @Test\n    fun jsonReadsBack() {\n        val text = \"\"\"{\"a\":[1,-2,18446744073709551615,true,null,\"h\u{e9} \\\\\\\"\"]}\"\"\"\n        \
         assertEquals(text, Json.write(Json.read(text)))\n        assertFailsWith<IllegalArgumentException> { Json.read(\"{\") }\n    }\n",
    );
    for (name, values) in api.enums() {
        let name = type_name(name);
        _ = write!(
            out,
            "\n    @Test\n    fun {}TakesNewValues() {{\n        assertEquals({name}.{}, {name}.read({}))\n        \
             assertEquals(\"newer\", {name}.read(\"newer\").wire)\n    }}\n",
            camel(&words(&name)),
            pascal(&words(&values[0])),
            quoted(&values[0]),
        );
    }
    out.push_str("}\n");
    out
}
