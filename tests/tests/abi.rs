//! The guest ABI is one table: documents and the bindings for panel authors are held against it.
//! `BLESS=1` rewrites the tables of docs/guest.md.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use xmap_abi::{BYTES_PER_WORD, Cost, HostFunction, WasmType};

fn file(path: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path, text)
}

const GO: &str = "guests/go/xmap.go";

/// An import as a binding declares it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Declaration {
    import: String,
    /// The function's name in the language.
    name: String,
    params: Vec<&'static str>,
    results: Vec<&'static str>,
}

impl Declaration {
    /// Returns what the table says, with the name that a language has for it.
    fn of(function: HostFunction, name: fn(&str, &str) -> String) -> Self {
        let row = function.row();
        Self {
            import: function.to_string(),
            name: name(row.module, row.name),
            params: row.params.iter().map(|param| param.ty.name()).collect(),
            results: row.results.iter().map(|ty| ty.name()).collect(),
        }
    }
}

/// The type that WebAssembly has for a type of one of the languages; none for no value.
fn wasm_type(ty: &str) -> Option<&'static str> {
    Some(match ty.trim() {
        "void" | "" => return None,
        "int64_t" | "uint64_t" | "i64" | "u64" => WasmType::I64.name(),
        "int32_t" | "uint32_t" | "i32" | "u32" | "usize" => WasmType::I32.name(),
        "double" | "f64" => WasmType::F64.name(),
        "int32" => WasmType::I32.name(),
        "int64" => WasmType::I64.name(),
        "float64" => WasmType::F64.name(),
        pointer if pointer.contains('*') || pointer == "unsafe.Pointer" => WasmType::I32.name(),
        other => panic!("no type of the guest ABI: {other}"),
    })
}

/// A declaration from its parts; `param` takes the type out of a parameter.
fn declaration([module, import, name, params, result]: [&str; 5], param: fn(&str) -> &str) -> Declaration {
    let params = params.split(',').map(str::trim).filter(|param| !matches!(*param, "" | "void"));
    Declaration {
        import: format!("{}.{}", module.trim(), import.trim()),
        name: name.trim().to_string(),
        params: params.map(|one| wasm_type(param(one)).expect("a parameter has a type")).collect(),
        results: wasm_type(result).into_iter().collect(),
    }
}

/// The type behind the colon of `name: type`.
fn behind_colon(param: &str) -> &str {
    param.split_once(':').expect("a name and a type").1
}

/// Returns what stands between two texts, and what follows.
fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<(&'t str, &'t str)> {
    text.split_once(from)?.1.split_once(to)
}

/// `XMAP_IMPORT_(gpio, get) int32_t xmap_gpio_get(int32_t pin);`
fn c(text: &str) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut rest = text.split_once("#define XMAP_IMPORT_").expect("the macro is defined").1;
    while let Some((import, behind)) = between(rest, "XMAP_IMPORT_(", ")") {
        let (declared, behind) = behind.split_once(");").expect("a declaration ends");
        let (module, import) = import.split_once(',').expect("a module and a name");
        let (head, params) = declared.split_once('(').expect("a parameter list");
        let (result, name) = head.trim().rsplit_once(' ').expect("a result and a name");
        found.push(declaration([module, import, name, params, result], |param| {
            // The type is all but the name, which may stand behind a star.
            param.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_')
        }));
        rest = behind;
    }
    found
}

/// `#[link_name = "get"] pub(crate) safe fn gpio_get(pin: i32) -> i32;` in a block of its module.
fn rust(text: &str) -> Vec<Declaration> {
    let mut found = Vec::new();
    for block in text.split("#[link(wasm_import_module = \"").skip(1) {
        let (module, block) = block.split_once('"').expect("a module's name ends");
        let mut rest = block.split("\n    }").next().expect("a block has a text");
        while let Some((import, behind)) = between(rest, "#[link_name = \"", "\"]") {
            let (name, behind) = between(behind, " fn ", "(").expect("a function");
            let (params, behind) = behind.split_once(')').expect("a parameter list ends");
            let (result, behind) = behind.split_once(';').expect("a declaration ends");
            let result = result.trim().trim_start_matches("->");
            found.push(declaration([module, import, name, params, result], behind_colon));
            rest = behind;
        }
    }
    found
}

/// `pub extern "gpio" fn get(pin: i32) i32;`
fn zig(text: &str) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((module, behind)) = between(rest, "extern \"", "\" fn ") {
        let (name, behind) = behind.split_once('(').expect("a parameter list");
        let (params, behind) = behind.split_once(')').expect("a parameter list ends");
        let (result, behind) = behind.split_once(';').expect("a declaration ends");
        found.push(declaration([module, name, name, params, result], behind_colon));
        rest = behind;
    }
    found
}

/// `@external("gpio", "get") export declare function get(pin: i32): i32;`
fn assemblyscript(text: &str) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((import, behind)) = between(rest, "@external(", ")") {
        let (module, import) = import.split_once(',').expect("a module and a name");
        let (name, behind) = between(behind, "declare function ", "(").expect("a function");
        let (params, behind) = behind.split_once(')').expect("a parameter list ends");
        let (result, behind) = behind.split_once(';').expect("a declaration ends");
        let [module, import] = [module, import].map(|text| text.trim().trim_matches('"'));
        let result = result.trim().trim_start_matches(':');
        found.push(declaration([module, import, name, params, result], behind_colon));
        rest = behind;
    }
    found
}

/// `//go:wasmimport gpio set` above `func gpioSet(pin, val int32)`
fn go(text: &str) -> Vec<Declaration> {
    let mut found = Vec::new();
    for declared in text.split("//go:wasmimport ").skip(1) {
        let mut lines = declared.lines();
        let mut line = || lines.next().expect("an import, and a function in the next line");
        let (module, import) = line().split_once(' ').expect("a module and a name");
        let (name, params, result) = line()
            .strip_prefix("func ")
            .and_then(|rest| rest.split_once('('))
            .and_then(|(name, rest)| rest.split_once(')').map(|(params, result)| (name, params, result)))
            .expect("a function without a body");
        // A parameter without a type has that of the one behind it.
        let mut ty = "";
        let mut typed: Vec<&str> = params
            .rsplit(',')
            .map(|param| {
                ty = param.trim().split_once(' ').map_or(ty, |(_, ty)| ty);
                ty
            })
            .collect();
        typed.reverse();
        found.push(declaration([module, import, name, &typed.join(","), result], |ty| ty));
    }
    found
}

/// `now_us` as `nowUs`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_string();
    words.fold(first, |all, word| all + &capital(word))
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

#[test]
fn bindings_declare_the_table() {
    type Bindings = (&'static str, fn(&str) -> Vec<Declaration>, fn(&str, &str) -> String);
    let bindings: [Bindings; 5] = [
        (GO, go, |module, name| module.to_string() + &capital(&camel(name))),
        ("guests/c/xmap.h", c, |module, name| format!("xmap_{module}_{name}")),
        ("guests/rust/src/lib.rs", rust, |module, name| format!("{module}_{name}")),
        ("guests/zig/xmap.zig", zig, |_, name| name.to_string()),
        ("guests/assemblyscript/xmap.ts", assemblyscript, |module, name| match module {
            "log" => module.to_string() + &capital(&camel(name)),
            _ => camel(name),
        }),
    ];
    for (path, parse, name) in bindings {
        let mut declared = parse(&file(path).1);
        // Go's crypto/rand reaches the generator by WASI.
        let bound = |f: &&HostFunction| path != GO || **f != HostFunction::RandomGet;
        let mut expected: Vec<_> =
            HostFunction::ALL.iter().filter(bound).map(|f| Declaration::of(*f, name)).collect();
        declared.sort();
        expected.sort();
        assert_eq!(declared, expected, "{path} declares something else than firmware/abi/src/table.rs");
    }
}

/// A declaration that says something else shows.
#[test]
fn wrong_bindings_are_found() {
    let (_, header) = file("guests/c/xmap.h");
    let (_, package) = file(GO);
    for (from, to) in [
        ("wasmimport gpio set\n", "wasmimport gpio put\n"),
        ("func gpioSet(pin, val int32)", "func gpioSet(pin int64, val int32)"),
        ("func timeNowUs() int64", "func timeNowUs() int32"),
    ] {
        let wrong = package.replacen(from, to, 1);
        assert_ne!(wrong, package, "{from}");
        assert_ne!(go(&wrong), go(&package), "{from}");
    }
    for (from, to) in [
        ("XMAP_IMPORT_(gpio, get) int32_t", "XMAP_IMPORT_(gpio, get) int64_t"),
        ("XMAP_IMPORT_(gpio, pull)", "XMAP_IMPORT_(gpio, pulls)"),
        ("xmap_gpio_set(int32_t pin, int32_t val)", "xmap_gpio_set(int32_t pin)"),
        ("XMAP_IMPORT_(time, now_us) int64_t xmap_time_now_us(void);", ""),
    ] {
        let wrong = header.replacen(from, to, 1);
        assert_ne!(wrong, header, "{from}");
        assert_ne!(c(&wrong), c(&header), "{from}");
    }
}

/// The names that a panel's author writes, by language: C, Rust, Zig, AssemblyScript, Go. Each file of the
/// bindings defines the last word of each.
fn author_names(function: HostFunction) -> [String; 5] {
    let row = function.row();
    let (module, name) = (row.module, row.name);
    if function == HostFunction::LogMessage {
        return [
            "`XMAP_LOG`, `xmap_log_message`",
            "`log::debug`, `info`, `warn`",
            "`log`",
            "`log`, `logMessage`",
            "`Log`",
        ]
        .map(str::to_string);
    }
    // AssemblyScript's strings have functions of their own.
    let assemblyscript = match function {
        HostFunction::TraceStartSpan => Some("`span`, `trace.startSpan`"),
        HostFunction::TraceSetAttrI64 => Some("`attrI64`, `trace.setAttrI64`"),
        HostFunction::TraceSetAttrF64 => Some("`attrF64`, `trace.setAttrF64`"),
        HostFunction::TraceSetAttrStr => Some("`attrStr`, `trace.setAttrStr`"),
        _ => None,
    };
    let c = match function {
        HostFunction::TraceStartSpan => Some("`XMAP_SPAN`"),
        HostFunction::TraceSetAttrI64 => Some("`XMAP_ATTR_I64`"),
        HostFunction::TraceSetAttrF64 => Some("`XMAP_ATTR_F64`"),
        HostFunction::TraceSetAttrStr => Some("`XMAP_ATTR_STR`"),
        _ => None,
    };
    let zig = match module {
        "gpio" | "time" => camel(name),
        _ => module.to_string() + &capital(&camel(name)),
    };
    let go = match (module, name) {
        ("random", _) => "`crypto/rand`".to_string(),
        ("gpio", "pull") => "`SetPull`".to_string(),
        ("gpio" | "time" | "call" | "trace", _) => format!("`{}`", capital(&camel(name))),
        _ => format!("`{}{}`", module.to_uppercase(), capital(&camel(name))),
    };
    [
        c.map_or(String::new(), |c| format!("{c}, ")) + &format!("`xmap_{module}_{name}`"),
        format!("`{module}::{name}`"),
        format!("`{zig}`"),
        assemblyscript.map_or_else(|| format!("`{module}.{}`", camel(name)), str::to_string),
        go,
    ]
}

fn imports() -> String {
    let mut out =
        "| import | wasm type | C (`xmap.h`) | Rust (`xmap_guest`) | Zig (`xmap`) | AssemblyScript | Go (`xmap`) |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_string();
    for function in HostFunction::ALL {
        let names = author_names(*function).join(" | ");
        writeln!(out, "| `{function}` | {} | {names} |", function.row().signature()).expect("a string");
    }
    out
}

fn functions() -> String {
    let mut out = "| import | what it does | capability | class in a policy | charge |\n\
         | --- | --- | --- | --- | --- |\n"
        .to_string();
    for function in HostFunction::ALL {
        let row = function.row();
        let name = |n: u8| row.params[usize::from(n)].name;
        let charge = match row.cost {
            Cost::Fixed => "none".to_string(),
            Cost::Wait { us } => format!("`{}` of the call's `time_us`", name(us)),
            Cost::Transfer { device, .. } => {
                format!("the longest that `{}` can take, of the call's `time_us`", name(device))
            }
            Cost::Range { len, free: 0, .. } => {
                format!("a word of fuel for each {BYTES_PER_WORD} bytes of `{}`", name(len))
            }
            Cost::Range { len, free, .. } => {
                format!("a word of fuel for each {BYTES_PER_WORD} bytes of `{}` beyond {free}", name(len))
            }
        };
        let (doc, capability, class) = (row.doc, row.capability.name(), row.class);
        let class = class.map_or("none".to_string(), |class| format!("`{class}`"));
        writeln!(out, "| `{function}` | {doc} | {capability} | {class} | {charge} |").expect("a string");
    }
    out
}

#[test]
fn the_tables_of_the_document_are_those_of_the_code() {
    let (path, old) = file("docs/guest.md");
    let mut new = old.clone();
    for (name, table) in [("imports", imports()), ("host functions", functions())] {
        let (head, rest) = new.split_once(&format!("<!-- {name} -->\n")).expect("the table's first mark");
        let (_, tail) = rest.split_once("<!-- end -->").expect("the table's last mark");
        new = format!("{head}<!-- {name} -->\n{table}<!-- end -->{tail}");
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, new).expect("the document is writable");
    } else {
        assert_eq!(old, new, "docs/guest.md differs: BLESS=1 rewrites its tables");
    }
}

#[test]
fn the_names_of_the_document_are_defined() {
    let [c, rust, zig, assemblyscript] =
        ["guests/c/xmap.h", "guests/rust/src/lib.rs", "guests/zig/xmap.zig", "guests/assemblyscript/xmap.ts"];
    let files = [c, rust, zig, assemblyscript, GO].map(|path| (path, file(path).1));
    for function in HostFunction::ALL {
        for (names, (path, text)) in author_names(*function).iter().zip(&files) {
            // Those of Go's own packages are not ours.
            for name in names.split(", ").filter(|name| !name.contains('/')) {
                let word = name.trim_matches('`').rsplit([':', '.']).next().expect("a word");
                assert!(text.contains(&format!(" {word}(")), "{path} defines no {name}");
            }
        }
    }
}

/// Host functions are described one by one, too.
#[test]
fn the_document_describes_every_host_function() {
    let (_, guest) = file("docs/guest.md");
    for function in HostFunction::ALL {
        assert!(guest.contains(&format!("- **`{function}`**")), "docs/guest.md does not describe {function}");
    }
}

/// An owner's classes of operations are all in the document for owners.
#[test]
fn the_classes_of_a_policy_are_documented() {
    let (_, security) = file("docs/security.md");
    for class in xmap_abi::OpClass::ALL {
        assert!(security.contains(&format!("\"{class}\"")), "docs/security.md does not name {class}");
    }
}
