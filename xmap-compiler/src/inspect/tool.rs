//! Which compiler wrote a module, and for which host: by what each leaves in it.

use super::sketch::{Sketch, is_tool};
use crate::library;

/// A compiler and a target, and the flag that makes a panel of what it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tool {
    /// The compiler, with its version where it says it.
    name: String,
    /// What the module asks of its host.
    target: &'static str,
    /// What to change.
    way_out: Option<&'static str>,
}

const NO_SYSTEM: &str = "without a system";
const WASI_1: &str = "for WASI preview 1";
const JAVASCRIPT: &str = "for JavaScript";

/// How a module is recognised, and what is said of it then.
struct Known {
    is: fn(&Sketch<'_>) -> bool,
    name: &'static str,
    /// What the tool calls itself in the section `producers`: its version is taken from there.
    producer: &'static str,
    target: &'static str,
    way_out: Option<&'static str>,
}

const fn known(
    name: &'static str,
    producer: &'static str,
    target: &'static str,
    is: fn(&Sketch<'_>) -> bool,
    way_out: Option<&'static str>,
) -> Known {
    Known { is, name, producer, target, way_out }
}

fn wasi(sketch: &Sketch<'_>) -> bool {
    sketch.imports_from(|module| module == library::WASI)
}

fn go(sketch: &Sketch<'_>) -> bool {
    let section = sketch.sections.iter().any(|name| name.starts_with("go:") || *name == "go.version");
    (section || sketch.version("go cmd/compile").is_some() || sketch.producers.iter().any(|p| p.1 == "Go"))
        && !tinygo(sketch)
}

fn go_js(sketch: &Sketch<'_>) -> bool {
    sketch.imports_from(|module| matches!(module, "go" | "gojs")) && !tinygo(sketch)
}

fn tinygo(sketch: &Sketch<'_>) -> bool {
    sketch.version("tinygo").is_some()
        || sketch.exports.iter().any(|(name, ..)| name.starts_with("tinygo_"))
        || sketch.imports_named(|module, name| {
            let ticks = matches!(name, "runtime.ticks" | "runtime.sleepTicks");
            ticks || module == "env" && (name.starts_with("runtime.") || name.starts_with("syscall/js."))
        })
}

fn assemblyscript(sketch: &Sketch<'_>) -> bool {
    let managed = ["__new", "__pin", "__collect", "__rtti_base"].iter().any(|name| sketch.exports(name));
    managed
        || sketch.version("assemblyscript").is_some()
        || sketch.imports_named(|module, name| {
            module == "env" && (matches!(name, "abort" | "seed" | "trace") || name.starts_with("console."))
        }) && sketch.producers.is_empty()
            && !emscripten(sketch)
}

fn emscripten(sketch: &Sketch<'_>) -> bool {
    sketch.version("emscripten").is_some()
        || sketch.sections.contains(&"emscripten_metadata")
        || sketch.exports("emscripten_stack_init")
        || sketch.exports("_emscripten_stack_restore")
        || sketch.imports_named(|module, name| {
            let js = name.starts_with('_') && name.ends_with("_js");
            let of = ["emscripten_", "_emscripten_", "__syscall", "invoke_", "_embind_", "_emval_", "__cxa_"];
            let env = module == "env" && (js || of.iter().any(|prefix| name.starts_with(prefix)));
            env || module == "asm2wasm" || module == "a" && name.chars().count() <= 2
        })
}

fn has(sketch: &Sketch<'_>, language: &str) -> bool {
    sketch.producers.iter().any(|(_, name, _)| is_tool(name, language))
}

/// In the order in which they are tried.
const KNOWN: &[Known] = &[
    known(
        "TinyGo",
        "tinygo",
        "for WASI preview 1",
        |s| tinygo(s) && wasi(s),
        Some("build it with `tinygo build -target=wasip1 -buildmode=c-shared`, or -target=wasm-unknown"),
    ),
    known(
        "TinyGo",
        "tinygo",
        JAVASCRIPT,
        |s| tinygo(s) && s.imports_from(|module| matches!(module, "env" | "gojs" | "go")),
        Some(
            "build it for another target: `tinygo build -target=wasm-unknown -scheduler=none -gc=leaking \
             -panic=trap`, or -target=wasip1 -buildmode=c-shared",
        ),
    ),
    known("TinyGo", "tinygo", NO_SYSTEM, tinygo, None),
    known(
        "Go",
        "go",
        "for JavaScript (GOOS=js)",
        go_js,
        Some(
            "build it with `GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared` and export functions by \
             `//go:wasmexport` (Go 1.24 and later); `xmap go run` runs it as it is, on this machine",
        ),
    ),
    known("Go", "go", "for WASI preview 1, a library (reactor)", |s| go(s) && s.exports("_initialize"), None),
    known(
        "Go",
        "go",
        "for WASI preview 1, a program (command)",
        |s| go(s) && wasi(s),
        Some(
            "a program runs once and ends: build it with `-buildmode=c-shared` and export functions by \
             `//go:wasmexport`, and raise [limits] memory_bytes and max_bytes (docs/guest.md)",
        ),
    ),
    known(
        "wasm-bindgen",
        "wasm-bindgen",
        JAVASCRIPT,
        |s| {
            s.version("wasm-bindgen").is_some()
                || s.sections.contains(&"__wasm_bindgen_unstable")
                || s.imports_named(|module, name| {
                    module.starts_with("__wbindgen") || module == "wbg" || name.starts_with("__wb")
                })
        },
        Some(
            "its glue binds JavaScript, and a device has none: take wasm-bindgen, js-sys and web-sys out of Cargo.toml, \
             export with `#[unsafe(no_mangle)] extern \"C\"`, and build with `cargo build --target \
             wasm32-unknown-unknown`, not with wasm-pack",
        ),
    ),
    known(
        "Emscripten",
        "emscripten",
        "standalone",
        |s| emscripten(s) && wasi(s),
        Some("what is left of JavaScript has to go: `emcc --no-entry -sSTANDALONE_WASM -fno-exceptions`"),
    ),
    known(
        "Emscripten",
        "emscripten",
        JAVASCRIPT,
        emscripten,
        Some(
            "`emcc --no-entry -sSTANDALONE_WASM` leaves the JavaScript out; docs/guest.md compiles C without Emscripten",
        ),
    ),
    known(
        "Grain",
        "grain",
        "with Grain's runtime",
        |s| {
            s.imports_named(|module, name| module.starts_with("GRAIN$") || name.starts_with("GRAIN$"))
                || s.exports.iter().any(|(name, ..)| name.starts_with("GRAIN$"))
        },
        Some(
            "link the program with its runtime: `grain compile --release --elide-type-info`, with `@externalName` exports",
        ),
    ),
    known(
        "Kotlin",
        "kotlinc",
        "for a JavaScript engine with garbage collection",
        |s| s.imports_from(|module| module == "js_code") || s.version("kotlinc").is_some(),
        Some(
            "it needs an engine with a garbage collector, and a device has none; write the panel in another language",
        ),
    ),
    known(
        "Dart",
        "dart2wasm",
        "for a JavaScript engine with garbage collection",
        |s| s.imports_from(|module| module == "dart2wasm"),
        Some(
            "it needs an engine with a garbage collector, and a device has none; write the panel in another language",
        ),
    ),
    known(
        "MoonBit",
        "moonc",
        "with MoonBit's runtime",
        |s| s.imports_from(|module| module.starts_with("moonbit:")),
        Some("build it for linear memory and without `println`: `moon build --target wasm --release`"),
    ),
    known(
        "Javy",
        "javy",
        "for Javy's plugin",
        |s| s.imports_from(|module| module.starts_with("javy_") || module == "javy-default-plugin-v1"),
        Some(
            "`javy build` without `-C dynamic` puts QuickJS into the module; it is larger than a panel may be by default",
        ),
    ),
    known(
        ".NET",
        ".net",
        "with Mono's runtime",
        |s| s.imports_named(|_, name| name.starts_with("mono_wasm_") || name.starts_with("SystemNative_")),
        Some("a .NET program brings a runtime that needs JavaScript: it cannot be a panel"),
    ),
    known("AssemblyScript", "assemblyscript", NO_SYSTEM, assemblyscript, None),
    known("Swift", "swift", WASI_1, |s| has(s, "swift") && wasi(s), None),
    known("Swift", "swift", NO_SYSTEM, |s| has(s, "swift"), None),
    known("Zig", "zig", WASI_1, |s| has(s, "zig") && wasi(s), None),
    known("Zig", "zig", NO_SYSTEM, |s| has(s, "zig"), None),
    known("Rust", "rustc", WASI_1, |s| has(s, "rust") && wasi(s), None),
    known("Rust", "rustc", NO_SYSTEM, |s| has(s, "rust"), None),
    known("clang", "clang", WASI_1, |s| has(s, "clang") && wasi(s), None),
    known("clang", "clang", NO_SYSTEM, |s| has(s, "clang"), None),
];

impl Tool {
    pub(super) fn of(sketch: &Sketch<'_>) -> Self {
        let tool =
            |name: &str, target, way_out| Self { name: name.to_string(), target, way_out: Some(way_out) };
        if sketch.component {
            return tool(
                "",
                "a component (component model)",
                "build a core module: for wasm32-unknown-unknown or wasm32-wasip1 (rustc) and not wasm32-wasip2, without \
                 `wasm-tools component new`, `cargo component` or `jco componentize`",
            );
        }
        let part = |name: &str| sketch.sections.iter().any(|section| section.starts_with(name));
        if part("component-type")
            || sketch.imports_from(|module| module.contains(':') && module.contains('/'))
        {
            return tool(
                "",
                "a core module of a component",
                "its imports are interfaces of the component model: build for wasm32-wasip1 or \
                 wasm32-unknown-unknown, without wit-bindgen",
            );
        }
        if part("linking") || part("reloc.") {
            return tool("", "an object file", "link it: `wasm-ld --no-entry -o panel.wasm FILE`");
        }
        if part("dylink") {
            return tool(
                "",
                "a shared library",
                "link a module of its own: no `-shared`, `-pie` and `--experimental-pic` (clang, wasm-ld), no \
                 `-sSIDE_MODULE` (emcc)",
            );
        }
        if sketch.imports_from(|module| matches!(module, "wasi_unstable" | "wasi")) {
            return tool(
                "",
                "a module for WASI before preview 1",
                "build it with a compiler of 2020 or later: `wasm32-wasip1`",
            );
        }
        let Some(known) = KNOWN.iter().find(|known| (known.is)(sketch)) else {
            let target = if wasi(sketch) { "a module for WASI preview 1" } else { "a module" };
            return Self { name: String::new(), target, way_out: None };
        };
        let version =
            Some(known.producer).filter(|name| !name.is_empty()).and_then(|name| sketch.version(name));
        let version = version.map(|version| version.trim_start_matches("go")).unwrap_or_default();
        let name = format!("{} {version}", known.name).trim().to_string();
        Self { name, target: known.target, way_out: known.way_out }
    }

    /// Returns what the module is, as a noun phrase.
    pub(super) fn is(&self, sketch: &Sketch<'_>) -> String {
        let cut = if sketch.cut { ", cut short," } else { "" };
        match &self.name[..] {
            "" => format!("{}{}", self.target, cut.trim_end_matches(',')),
            name => format!("a module of {name}{cut} {}", self.target),
        }
    }

    /// Returns what to change, where the module does not compile.
    pub(super) fn way_out(&self, sketch: &Sketch<'_>) -> Option<String> {
        if sketch.cut {
            return Some("the file ends too early: copy or compile the module again".to_string());
        }
        self.way_out.map(str::to_string)
    }
}
