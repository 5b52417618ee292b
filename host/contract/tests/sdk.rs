//! `xmap openapi` and `xmap sdk`: a client compiles, passes its own tests, and does what its document says;
//! what no client can be made of is refused with its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value as Json, json};
use xmap_contract::sdk::{Language, document, model::Api, write};

const LOGGING: &str = include_str!("sdk/logging.yaml");
const CALLER: &str = include_str!("sdk/main.ts");

/// A folder of npm's packages, with the compiler of TypeScript.
fn node_modules() -> Option<PathBuf> {
    let given = std::env::var_os("XMAP_NODE_MODULES").map(PathBuf::from);
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node/node_modules");
    given.into_iter().chain([local]).find(|folder| folder.join("typescript/bin/tsc").is_file())
}

fn logging() -> Json {
    document::read(LOGGING).unwrap()
}

fn files(document: &Json) -> Vec<(String, String)> {
    let api = Api::read(document).unwrap_or_else(|error| panic!("{}: {}", error.pointer, error.why));
    write(&api, Language::TypeScript)
}

#[test]
fn logging_has_a_logger() {
    let files = files(&logging());
    let index = &files.iter().find(|(name, _)| name == "src/index.ts").unwrap().1;
    for part in [
        "export class Logger {",
        "async log(args: { level: Level; message: string; fields?: Array<LogField> }, options: runtime.CallOptions = {}): Promise<Receipt> {",
        "async getLog(args: { id: string; minLevel?: Level }, options",
        "export type Level = \"debug\" | \"info\" | \"warn\" | \"error\" | (string & {});",
        "Fails with `ApiError<Problem>`",
        "path: `/v1/log/${runtime.segment(args.id)}`",
        "  \"parent\"?: Entry;",
    ] {
        assert!(index.contains(part), "{part} is not in\n{index}");
    }
}

#[test]
fn a_typescript_client_compiles_and_does_what_its_document_says() {
    let Some(modules) = node_modules() else {
        println!(
            "skipped the client in TypeScript: no tsc (`npm install typescript @types/node` in target/node)"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, text) in files(&logging()) {
        fs::create_dir_all(folder.join(&name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }
    fs::write(folder.join("test/main.test.ts"), CALLER).unwrap();
    std::os::unix::fs::symlink(&modules, folder.join("node_modules")).unwrap();
    let run = |command: &mut Command| {
        let output = command.current_dir(folder).output().unwrap();
        let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{command:?}\n{text}");
        text
    };
    run(Command::new("node").arg(modules.join("typescript/bin/tsc")).args(["-p", "."]));
    let said =
        run(Command::new("node").args(["--test", "dist/test/client.test.js", "dist/test/main.test.js"]));
    assert!(said.contains("pass 6") && said.contains("fail 0"), "{said}");
}

/// What is refused, and the place that the message names.
#[test]
fn what_no_client_can_be_made_of_is_refused_with_its_place() {
    let refused = |change: &dyn Fn(&mut Json)| {
        let mut document = logging();
        change(&mut document);
        match Api::read(&document) {
            Ok(_) => panic!("taken: {document}"),
            Err(error) => (error.pointer, error.why),
        }
    };
    let schema = "/components/schemas/Receipt/properties/id";
    for (pointer, value, place) in [
        ("/openapi", json!("2.0"), "/openapi"),
        ("/openapi", json!("4.0.0"), "/openapi"),
        (schema, json!({ "anyOf": [] }), "/components/schemas/Receipt/properties/id/anyOf"),
        (schema, json!({ "type": "string", "not": {} }), "/components/schemas/Receipt/properties/id/not"),
        (schema, json!({ "$ref": "other.yaml#/x" }), "/components/schemas/Receipt/properties/id/$ref"),
        (
            schema,
            json!({ "$ref": "#/components/schemas/Nothing" }),
            "/components/schemas/Receipt/properties/id/$ref",
        ),
        (schema, json!({ "type": "object" }), "/components/schemas/Receipt/properties/id"),
        (schema, json!({ "type": ["string", "integer"] }), "/components/schemas/Receipt/properties/id/type"),
        (schema, json!({ "type": "integer", "enum": [1] }), "/components/schemas/Receipt/properties/id/enum"),
        (
            "/components/schemas/Level",
            json!({ "$ref": "#/components/schemas/Level" }),
            "/paths/~1v1~1log/post/requestBody/content/application~1json/schema/properties/level",
        ),
        ("/components/schemas/Level/enum", json!(["a-b", "a_b"]), "/components/schemas/Level/enum"),
        ("/components/schemas/Receipt/required", json!(["nothing"]), "/components/schemas/Receipt/required"),
        (
            "/components/schemas/Entry/properties/class",
            json!({ "type": "array" }),
            "/components/schemas/Entry/properties/class",
        ),
        ("/paths/~1v1~1log/post/responses", json!({}), "/paths/~1v1~1log/post/responses"),
        (
            "/paths/~1v1~1log~1{id}/get/parameters/0/in",
            json!("header"),
            "/paths/~1v1~1log~1{id}/get/parameters/0/in",
        ),
        ("/paths/~1v1~1log~1{id}/get/parameters/0/name", json!("other"), "/paths/~1v1~1log~1{id}/get"),
        ("/components/securitySchemes/token/type", json!("apiKey"), "/components/securitySchemes/token"),
        ("/paths", json!({}), "/paths"),
    ] {
        let (found, why) = refused(&|document| *document.pointer_mut(pointer).unwrap() = value.clone());
        assert_eq!(found, place, "{pointer} = {value}: {why}");
    }
    let (found, why) = refused(&|document| {
        document["paths"]["/v1/log"]["post"]["callbacks"] = json!({});
    });
    assert_eq!(found, "/paths/~1v1~1log/post/callbacks", "{why}");
    // A chain of types that is longer than any: each is a class; a chain of lists is too much.
    let chain = |document: &mut Json, next: &dyn Fn(&Json) -> Json| {
        let schemas = document["components"]["schemas"].as_object_mut().unwrap();
        for n in 0..20_000 {
            let after = json!({ "$ref": format!("#/components/schemas/T{}", n + 1) });
            schemas.insert(format!("T{n}"), next(&after));
        }
        schemas.insert("T20000".into(), json!({ "type": "string" }));
        schemas["Receipt"]["properties"]["id"] = json!({ "$ref": "#/components/schemas/T0" });
    };
    let mut long = logging();
    chain(&mut long, &|after| json!({ "type": "object", "properties": { "next": after } }));
    assert_eq!(Api::read(&long).unwrap().types.len(), 20_006);
    let (_, why) = refused(&|document| chain(document, &|after| json!({ "type": "array", "items": after })));
    assert_eq!(why, "more than 16 lists lead to one another");
    let (_, why) = refused(&|document| {
        document["components"]["schemas"]["log-field"] =
            json!({ "type": "object", "properties": { "a": { "type": "string" } } });
        document["components"]["schemas"]["Receipt"]["properties"]["id"] =
            json!({ "$ref": "#/components/schemas/log-field" });
    });
    assert_eq!(why, "two types become `LogField`");
    // Two names that become one.
    let (found, why) = refused(&|document| {
        document["components"]["schemas"]["Receipt"]["properties"]["ID"] = json!({ "type": "string" });
    });
    assert!(
        found.starts_with("/components/schemas/Receipt/properties/") && why.contains("become one name"),
        "{found} {why}"
    );
}

#[test]
fn the_program_writes_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("logging.yaml"), LOGGING).unwrap();
    let run = |line: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_xmap-sdk"))
            .args(line.split(' '))
            .current_dir(folder)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        (text, output.status.code().unwrap())
    };
    let (text, status) = run("logging.yaml --lang typescript -o client");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("wrote client/src/index.ts\n"), "{text}");
    assert_eq!(run("logging.yaml --lang typescript -o client").1, 0, "its own folder is written anew");
    fs::create_dir(folder.join("mine")).unwrap();
    fs::write(folder.join("mine/work.txt"), "mine").unwrap();
    let (text, status) = run("logging.yaml --lang typescript -o mine");
    assert_eq!(status, 1);
    assert!(text.contains("X0106") && fs::read_dir(folder.join("mine")).unwrap().count() == 1, "{text}");
    fs::write(folder.join("bad.yaml"), LOGGING.replace("maxLength: 4096", "allOf: []")).unwrap();
    let (text, status) = run("bad.yaml --lang typescript -o bad");
    assert_eq!(status, 1);
    assert!(
        text.contains("X1608") && text.contains("/properties/message/allOf: `allOf` is not supported here"),
        "{text}"
    );
    assert!(!folder.join("bad").exists());
    // Cut anywhere, it is a message.
    for end in (0..LOGGING.len()).step_by(97) {
        if let Ok(document) = document::read(&LOGGING[..end]) {
            _ = Api::read(&document);
        }
    }
}

/// A folder of npm's packages with the compiler of Kotlin, where a Java machine runs it.
fn kotlin() -> Option<PathBuf> {
    let java = Command::new("java").arg("-version").output().is_ok_and(|output| output.status.success());
    let given = std::env::var_os("XMAP_NODE_MODULES").map(PathBuf::from);
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node/node_modules");
    given
        .into_iter()
        .chain([local])
        .map(|folder| folder.join("kotlin-compiler"))
        .find(|folder| java && folder.join("bin/kotlinc").is_file())
}

#[test]
fn a_kotlin_client_compiles_and_does_what_its_document_says() {
    let Some(kotlin) = kotlin() else {
        println!(
            "skipped the client in Kotlin: no kotlinc (`npm install kotlin-compiler` in target/node) or no java"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut sources = vec!["Main.kt".to_string(), "fails.kt".to_string()];
    fs::write(folder.join("Main.kt"), include_str!("sdk/Main.kt")).unwrap();
    fs::write(folder.join("fails.kt"), include_str!("sdk/fails.kt").replace("PANEL", "logging")).unwrap();
    for (name, text) in write(&Api::read(&logging()).unwrap(), Language::Kotlin) {
        if let Some(name) = name.strip_prefix("src/main/kotlin/xmap/logging/") {
            fs::write(folder.join(name), text).unwrap();
            sources.push(name.to_string());
        }
    }
    assert_eq!(sources.len(), 4);
    let run = |command: &mut Command| {
        let output = command.current_dir(folder).output().unwrap();
        let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{command:?}\n{text}");
        text
    };
    run(Command::new("bash").arg(kotlin.join("bin/kotlinc")).args(["-d", "out"]).args(&sources));
    let classes = format!("out:{}", kotlin.join("lib/kotlin-stdlib.jar").display());
    let said = run(Command::new("java").args(["-cp", &classes, "xmap.logging.MainKt"]));
    assert_eq!(said, "done\n");
}

/// No compiler of Swift runs here: the grammar reads every file, and what is written is a golden file.
#[test]
fn a_swift_client_is_what_it_was_and_reads_as_swift() {
    let files = write(&Api::read(&logging()).unwrap(), Language::Swift);
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_swift::LANGUAGE.into()).unwrap();
    for (name, text) in &files {
        let tree = parser.parse(text, None).unwrap();
        let root = tree.root_node();
        assert!(!root.has_error(), "{name}: {}", root.to_sexp());
    }
    let api = &files.iter().find(|(name, _)| name.ends_with("Api.swift")).unwrap().1;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/Logging.swift");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&golden, api).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert!(*api == expected, "{}: BLESS=1 cargo test -p xmap-contract --test sdk\n{api}", golden.display());
    assert!(api.contains("public func log(level: Level, message: String, fields: [LogField]? = nil, timeout: TimeInterval? = nil)"));
}

/// The document of a panel with every kind of type, and what an independent linter says of it.
#[test]
fn a_panels_document_is_valid_for_another_tool() {
    let typed = |text: &str| xmap_compiler::manifest::Typed::parse(text).unwrap();
    let types = [
        "bool",
        "u8 0..=100 %",
        "i8",
        "u16",
        "i16",
        "u32",
        "i32",
        "u64 us",
        "i64",
        "f32 0..=1",
        "f64",
        "bytes",
        "own str",
    ];
    let exports = types.iter().enumerate().map(|(n, ty)| xmap_compiler::contract::ContractExport {
        key: format!("hall.take_{n}"),
        name: format!("take_{n}"),
        params: vec![xmap_compiler::contract::ContractParam { name: "level".into(), ty: typed(ty) }],
        results: vec![typed(ty)],
        needs: if n > 0 { vec!["hall.take_0".into()] } else { Vec::new() },
        idempotent: n % 2 == 0,
    });
    let contract = xmap_compiler::contract::Contract {
        panel: "hall".into(),
        version: 3,
        exports: exports.collect(),
        lines: Vec::new(),
        logs: false,
    };
    let place = xmap_compiler::diagnostic::Place::File("panel.toml".into());
    let document = xmap_contract::openapi::document(&contract, &place).unwrap();
    let api = Api::read(&document).unwrap_or_else(|error| panic!("{}: {}", error.pointer, error.why));
    let operations = &api.groups["Panel"];
    assert_eq!(operations.len(), 13);
    assert!(operations.iter().all(|operation| operation.panel));
    assert_eq!(operations.iter().filter(|operation| operation.idempotent).count(), 7);
    // Texts and bytes are one value each, there and back.
    let of = |n: usize, rest: &str| {
        let body = "content/application~1json/schema/properties";
        let at = format!("/paths/~1exports~1hall.take_{n}/post/{}", rest.replace("BODY", body));
        document.pointer(&at).unwrap_or_else(|| panic!("{at}")).clone()
    };
    assert_eq!(of(11, "requestBody/BODY/args/maxItems"), 1);
    assert_eq!(of(11, "requestBody/BODY/args/prefixItems/0/x-xmap-bytes"), true);
    assert_eq!(of(11, "responses/200/BODY/results/prefixItems/0/x-xmap-bytes"), true);
    assert_eq!(of(12, "requestBody/BODY/args/prefixItems/0/type"), "string");
    // A client of it in Swift has its session and its screen, which the grammar reads.
    let swift = write(&api, Language::Swift);
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_swift::LANGUAGE.into()).unwrap();
    for (name, text) in &swift {
        assert!(!parser.parse(text, None).unwrap().root_node().has_error(), "{name}:\n{text}");
    }
    let code = &swift.iter().find(|(name, _)| name.ends_with("/Api.swift")).unwrap().1;
    for part in [
        "public func take11(level: Data, timeout: TimeInterval? = nil) async throws -> Data {",
        "try all.encode(digits(level))",
        "return try results[0].bytes()",
        "public func take12(level: String, timeout: TimeInterval? = nil) async throws -> String {",
    ] {
        assert!(code.contains(part), "{part} is not in\n{code}");
    }
    assert!(
        code.contains("\n/// closed.\npublic func connect(\n") && code.contains("\"hall.take_0:"),
        "{code}"
    );
    assert!(
        swift.iter().any(|(name, text)| name.ends_with("Lifecycle.swift") && text.contains(".onDisappear {"))
    );
    let linter = |folder: PathBuf| Some(folder.join("@redocly/cli/bin/cli.js")).filter(|path| path.is_file());
    let Some(linter) = node_modules().and_then(linter) else {
        println!("skipped the linter of OpenAPI: no redocly (`npm install @redocly/cli` in target/node)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hall.json"), document.to_string()).unwrap();
    let output = Command::new("node")
        .arg(linter)
        .args(["lint", "hall.json", "--format", "json"])
        .current_dir(folder.path())
        .env("REDOCLY_TELEMETRY", "off")
        .output()
        .unwrap();
    let said: Json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_eq!((&said["totals"]["errors"], &said["totals"]["warnings"]), (&json!(0), &json!(0)), "{said:#}");
}
