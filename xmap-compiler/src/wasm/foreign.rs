//! Imports that are no function of the guest ABI: which toolchain writes them, and how it does without.

use wasmparser::{FuncType, GlobalType, KnownCustom, TypeRef, ValType};
use xmap_abi::HostFunction;

use super::abi;
use super::read::{ConstExpr, Import, WasmModule};
use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Place};
use crate::library;
use crate::names::nearest;
use crate::recognize::LINK_IT;

/// An imported function that is none of the guest ABI, or has another type there.
#[derive(Clone, Copy, Debug)]
pub struct Foreign<'a> {
    /// The import's module.
    pub module: &'a str,
    /// The import's name.
    pub name: &'a str,
    /// Its type.
    pub ty: u32,
    /// Its offset in the module.
    pub offset: u64,
}

/// An imported global whose value another module would have to give.
#[derive(Clone, Copy, Debug)]
pub struct ForeignGlobal<'a> {
    /// The import's module.
    pub module: &'a str,
    /// The import's name.
    pub name: &'a str,
    /// Its offset in the module.
    pub offset: u64,
}

/// What custom sections say of the tools that wrote a module.
#[derive(Debug, Default)]
pub(super) struct Origin<'a> {
    /// The values of the section `producers`: languages and tools.
    producers: Vec<&'a str>,
    /// It has relocations: an object file, which is for a linker.
    object: bool,
    /// It wants to be loaded into another module's memory.
    shared: bool,
    go: bool,
}

impl<'a> Origin<'a> {
    /// Takes a custom section that is neither names nor debug information.
    pub(super) fn take(&mut self, name: &str, section: &KnownCustom<'a>) {
        self.object |= name == "linking" || name.starts_with("reloc.");
        self.shared |= name == "dylink.0" || name == "dylink";
        self.go |= name.starts_with("go:") || name == "go.version";
        if let KnownCustom::Producers(fields) = section {
            let fields = fields.clone().into_iter().map_while(Result::ok);
            let values = fields.flat_map(|field| field.values.into_iter().map_while(Result::ok));
            self.producers.extend(values.map(|value| value.name));
        }
    }

    /// Refuses a module that no linker has finished.
    ///
    /// # Errors
    /// X0111.
    pub(super) fn linked(&self, file: &str) -> Result<(), Diagnostic> {
        let (what, help) = match self {
            Self { object: true, .. } => ("an object file, which is not linked yet", LINK_IT),
            Self { shared: true, .. } => (
                "a shared library, which another module loads into its memory",
                "link a module of its own: no `-shared`, `-pie` and `--experimental-pic` (clang, wasm-ld), no \
                 `-sSIDE_MODULE` (emcc)",
            ),
            _ => return Ok(()),
        };
        let error = Diagnostic::new(Code::NotLinked, Place::File(file.into()), format!("{file}: {what}"));
        Err(error.help(help.to_string()))
    }

    fn made_by(&self, tool: &str) -> bool {
        self.producers.iter().any(|producer| producer.to_lowercase().contains(tool))
    }
}

/// Returns whether a table or a global is for a loader that puts several modules into one memory.
pub(super) fn is_of_a_loader(module: &str, name: &str) -> bool {
    matches!(module, "GOT.mem" | "GOT.func") || matches!(name, "__memory_base" | "__table_base")
}

/// The value of an imported global that is the same everywhere: asm.js has these two from JavaScript.
pub(super) fn known_global(module: &str, name: &str, ty: &GlobalType) -> Option<ConstExpr> {
    let value = match (module, name) {
        ("global", "NaN") => f64::NAN,
        ("global", "Infinity") => f64::INFINITY,
        _ => return None,
    };
    (!ty.mutable && ty.content_type == ValType::F64).then(|| ConstExpr::Bits(value.to_bits()))
}

/// Returns the error of an import that is a tag, or a table of another module.
pub(super) fn not_a_function(file: &str, offset: u64, import: &wasmparser::Import<'_>) -> Diagnostic {
    let kind = if matches!(import.ty, TypeRef::Table(_)) { "table" } else { "tag" };
    not_importable(file, offset, kind, (import.module, import.name))
}

/// Returns the error of an imported global that something reaches; `note` says what does.
pub(crate) fn global(file: &str, import: &ForeignGlobal<'_>, note: Option<(Place, String)>) -> Diagnostic {
    let mut error = not_importable(file, import.offset, "global", (import.module, import.name));
    error.notes.extend(note);
    error
}

fn not_importable(file: &str, offset: u64, kind: &str, (module, name): (&str, &str)) -> Diagnostic {
    let help = match kind {
        "table" => {
            "define the table in the module: no `--import-table` (wasm-ld), no `--importTable` (asc), \
                    `-sSTANDALONE_WASM` (emcc)"
        }
        _ if module == "GOT.mem" || module == "GOT.func" || name.starts_with("__") => {
            "link a module of its own: no `-fPIC`, `-shared` and `-pie` (clang, wasm-ld), no `-sSIDE_MODULE` (emcc)"
        }
        "global" => "give the global a value in the module; what a host knows is the parameter of an export",
        _ => "define the tag in the module, or compile without exceptions",
    };
    let message = format!("{module}.{name} is a {kind}, which a module cannot import");
    Diagnostic::new(Code::ImportKind, Place::wasm(file, offset), message).help(help.to_string())
}

/// The errors of foreign imports that mapped functions reach: one for those that have the same way out.
/// `reached` are indices of functions, each with the notes that say what reaches it.
pub(crate) fn errors(
    file: &str,
    module: &WasmModule<'_>,
    reached: impl IntoIterator<Item = (u32, Option<(Place, String)>)>,
) -> Vec<Diagnostic> {
    let mut errors: Vec<Diagnostic> = Vec::new();
    // Help and names of the errors of unknown imports, each with its place in `errors`.
    let mut families: Vec<(String, Vec<String>, usize)> = Vec::new();
    for (index, note) in reached {
        let Some(Import::Foreign(import)) = module.imports.get(index as usize) else { continue };
        let place = Place::wasm(file, import.offset);
        let name = format!("{}.{}", import.module, import.name);
        if let Some(function) = HostFunction::find(import.module, import.name) {
            let [expected, found] = [&abi::func_type(function), module.function_type(index)].map(signature);
            let message = format!("{name}: expected {expected}, found {found}");
            let mut error = Diagnostic::new(Code::ImportSignature, place, message);
            error.notes.extend(note);
            errors.push(error);
            continue;
        }
        if library::has(import.module, import.name) {
            let ty = module.function_type(index);
            let message = format!("{name}: {} is not its type", signature(ty));
            let mut error = Diagnostic::new(Code::ImportSignature, place, message);
            error.notes.extend(note);
            errors.push(
                error.help("declare it as its compiler does, or leave the declaration to it".to_string()),
            );
            continue;
        }
        let help = way_out(module, import);
        if let Some((_, names, at)) = families.iter_mut().find(|(other, ..)| *other == help) {
            names.push(name);
            let error = &mut errors[*at];
            error.message = format!("there are no imports {}", names.join(", "));
            if error.notes.len() < MOST_NOTES {
                error.notes.extend(note);
            }
            continue;
        }
        let mut error = Diagnostic::new(Code::UnknownImport, place, format!("there is no import {name}"));
        error.notes.extend(note);
        families.push((help.clone(), vec![name], errors.len()));
        errors.push(error.help(help));
    }
    errors
}

/// Notes of an error that say what reaches an import.
const MOST_NOTES: usize = 3;

/// Returns what to do about an import that does not exist, by the toolchain that writes it.
fn way_out(module: &WasmModule<'_>, import: &Foreign<'_>) -> String {
    let (from, name) = (import.module, import.name);
    let all: Vec<String> = HostFunction::ALL.iter().map(HostFunction::to_string).collect();
    let plain = name.strip_prefix("xmap_").unwrap_or(name).replacen('_', ".", 1);
    let wanted = if from == "env" { plain } else { format!("{from}.{name}") };
    if let Some(near) = nearest(&wanted, all.iter().map(String::as_str)) {
        return match from {
            "env" => format!(
                "the nearest import that exists is {near}: declare it with its module, as the bindings in guests/ do"
            ),
            _ => format!("the nearest import that exists is {near}"),
        };
    }
    let known = if is_go(module, from, name) {
        Some(GO)
    } else if is_tinygo(module, from, name) {
        Some(TINYGO)
    } else if is_wasm_bindgen(from, name) {
        Some(WASM_BINDGEN)
    } else if from.starts_with("wasi_") || from.starts_with("wasi:") || from == "wasi" {
        Some(WASI)
    } else if from.starts_with("wasm:") {
        Some("it is a built-in of JavaScript engines; compile for linear memory and without JavaScript")
    } else if from.contains(':') {
        Some("it is an interface of the component model; build a core module that imports the guest ABI")
    } else if is_emscripten(from, name) || from == "env" && module.imports.iter().any(is_emscripten_import) {
        Some(emscripten(name))
    } else if from == "env" {
        c_library(name)
    } else {
        None
    };
    match known {
        Some(help) => help.to_string(),
        None if from == "env" => {
            "it is declared and nowhere defined, and the linker was told to import what it does not find \
             (`--allow-undefined`, `--import-undefined`): link the file that defines it; the bindings in guests/ \
             declare the functions of the board"
                .to_string()
        }
        None => format!("the imports that exist are {}", all.join(", ")),
    }
}

const GO: &str = "a Go program for JavaScript asks for a host that a device is not: build it with `GOOS=wasip1 \
                  GOARCH=wasm go build -buildmode=c-shared`, and export functions by `//go:wasmexport` \
                  (docs/guest.md)";

const TINYGO: &str = "TinyGo's runtime asks for a host: `tinygo build -target=wasm-unknown -scheduler=none \
                      -gc=leaking -panic=trap` leaves that out";

const WASM_BINDGEN: &str = "wasm-bindgen binds JavaScript, and a device has none: take wasm-bindgen, js-sys and web-sys out \
                            of Cargo.toml, export with `#[unsafe(no_mangle)] extern \"C\"`, and build with `cargo build \
                            --target wasm32-unknown-unknown`, not with wasm-pack (docs/guest.md)";

fn is_go(module: &WasmModule<'_>, from: &str, name: &str) -> bool {
    let runtime = matches!(from, "go" | "gojs") && !is_tinygo(module, from, name);
    runtime || module.origin.go && !is_tinygo(module, from, name)
}

fn is_tinygo(module: &WasmModule<'_>, from: &str, name: &str) -> bool {
    let ticks = matches!(name, "runtime.ticks" | "runtime.sleepTicks");
    let runtime = from == "env" && (name.starts_with("runtime.") || name.starts_with("syscall/js."));
    ticks && matches!(from, "env" | "go" | "gojs")
        || runtime
        || module.origin.made_by("tinygo")
        || module.exports.iter().any(|export| export.name.starts_with("tinygo_"))
}

fn is_wasm_bindgen(from: &str, name: &str) -> bool {
    from.starts_with("__wbindgen") || from == "wbg" || from.starts_with("./") || name.starts_with("__wb")
}

fn is_emscripten_import(import: &Import<'_>) -> bool {
    matches!(import, Import::Foreign(import) if is_emscripten(import.module, import.name))
}

/// Returns whether Emscripten's JavaScript provides it; `-O3` shortens its modules and names to letters.
fn is_emscripten(from: &str, name: &str) -> bool {
    const PREFIXES: [&str; 12] = [
        "emscripten_",
        "_emscripten_",
        "__cxa_",
        "___cxa_",
        "invoke_",
        "_emval_",
        "_embind_",
        "__embind_",
        "__syscall",
        "___syscall",
        "__asyncify",
        "___",
    ];
    const NAMES: [&str; 10] = [
        "setTempRet0",
        "getTempRet0",
        "abortOnCannotGrowMemory",
        "abortStackOverflow",
        "_abort",
        "segfault",
        "alignfault",
        "nullFunc_ii",
        "__assert_fail",
        "_llvm_trap",
    ];
    let shortened = from == "a" && name.chars().count() <= 2;
    let other = matches!(from, "asm2wasm" | "global.Math");
    let js = name.starts_with('_') && name.ends_with("_js");
    let env = from == "env" && (PREFIXES.iter().any(|p| name.starts_with(p)) || NAMES.contains(&name) || js);
    shortened || other || env
}

fn emscripten(name: &str) -> &'static str {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if starts(&["__cxa_", "___cxa_", "invoke_", "llvm_eh"]) {
        "Emscripten throws and catches C++ exceptions in JavaScript: `emcc -fno-exceptions`, and \
         `-sSUPPORT_LONGJMP=0` where nothing calls setjmp"
    } else if starts(&["_emval_", "_embind_", "__embind_"]) {
        "embind binds JavaScript, and a device has none: export functions with `extern \"C\"` and \
         EMSCRIPTEN_KEEPALIVE"
    } else {
        "Emscripten's JavaScript provides it, and a device has none: `emcc --no-entry -sSTANDALONE_WASM` leaves \
         most of it out; what stays (files, stdio, time, exit) needs an operating system. docs/guest.md compiles C \
         without Emscripten"
    }
}

const WASI: &str = "of WASI, preview 1 is compiled in (`wasi_snapshot_preview1`): build for wasm32-wasip1 (rustc, clang) or \
                    wasm32-wasi (zig), not for wasm32-wasip2 and not with a compiler from before 2020";

/// Functions of the C library and of the compiler's runtime that a linker did not find.
fn c_library(name: &str) -> Option<&'static str> {
    const LIBRARY: [&str; 54] = [
        "printf",
        "fprintf",
        "sprintf",
        "snprintf",
        "vsnprintf",
        "vprintf",
        "iprintf",
        "puts",
        "putchar",
        "putc",
        "getchar",
        "scanf",
        "sscanf",
        "malloc",
        "free",
        "calloc",
        "realloc",
        "_exit",
        "atexit",
        "strcmp",
        "strncmp",
        "strcpy",
        "strncpy",
        "strcat",
        "strchr",
        "strstr",
        "strtol",
        "atoi",
        "atof",
        "qsort",
        "rand",
        "srand",
        "time",
        "clock",
        "usleep",
        "sleep",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "atan2",
        "exp",
        "log",
        "log10",
        "log2",
        "pow",
        "fmod",
        "round",
        "sinf",
        "cosf",
        "powf",
        "fmodf",
    ];
    if LIBRARY.contains(&name) {
        Some(
            "it is a function of the C library, which is not linked; `--allow-undefined` (wasm-ld) hides that: define it in \
             the module, or do without",
        )
    } else if name.starts_with("__") && (name.ends_with("i3") || name.ends_with("f2") || name.ends_with("f3"))
    {
        Some("it is a function of the compiler's runtime: link compiler-rt (libclang_rt.builtins-wasm32.a)")
    } else {
        None
    }
}

/// `(i32, i32) -> (i64)`, without the arrow where there is no result.
fn signature(ty: &FuncType) -> String {
    let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let params = list(ty.params());
    match ty.results() {
        [] => format!("({params})"),
        results => format!("({params}) -> ({})", list(results)),
    }
}
