//! The compiler's library: functions that compilers import by themselves, as WebAssembly that is linked into
//! a module before it is lowered.
//!
//! WASI preview 1 (docs/wasi.md), what AssemblyScript and Emscripten ask their host for, and the block
//! functions of C. The library is written on the guest ABI, so a device knows nothing of it, and what a panel
//! does not reach is not compiled. Its state is in globals alone: of the module's memory no byte is its own.

mod text;

use crate::manifest::Manifest;
use crate::wasm::{ExportedFunction, Import, WasmModule};

use text::Wanted;

/// Functions that do not return to their caller, which traps behind them: the place of the trap is the
/// call's.
const ENDS: [&str; 4] = ["env.abort", "env._abort_js", "env.exit", EXIT];
/// The one of them that ends a program without a trap where the code is 0.
const EXIT: &str = "wasi_snapshot_preview1.proc_exit";

/// The hook that runs once when a panel is mounted.
const INITIALIZE: &str = "_initialize";
/// What runs once when a program is.
const START: &str = "_start";

/// The name of the modules of WASI preview 1.
pub(crate) const WASI: &str = "wasi_snapshot_preview1";

/// Returns whether the library has a function of this name.
pub(crate) fn has(module: &str, name: &str) -> bool {
    let exported = |text: &str| {
        let mut names = text.split("export \"").skip(1).filter_map(|rest| rest.split(['"', ' ']).next());
        names.any(|export| export.strip_prefix(module).and_then(|rest| rest.strip_prefix('.')) == Some(name))
    };
    exported(text::WASI) || exported(text::ENV) || exported(text::WIDE)
}

/// The library's binary form, where a module imports something that it may have.
pub(crate) fn library(module: &WasmModule<'_>, manifest: &Manifest) -> Option<Vec<u8>> {
    let foreign = |import: &Import<'_>| match import {
        Import::Foreign(import) => import.module == "env" || import.module == WASI,
        _ => false,
    };
    if !module.imports.iter().any(foreign) {
        return None;
    }
    let wasi = &manifest.wasi;
    let args: Vec<String> = std::iter::once(&manifest.module.name.value).chain(&wasi.args).cloned().collect();
    let wanted = Wanted { args: &args, env: &wasi.env, command: is_command(module) };
    let encoded = crate::text::encode(&text::library(&wanted), |_, _| ());
    Some(encoded.expect("the library parses: a test compiles all of it").0)
}

/// Links what a module imports from the library, which `bytes` are, and makes a program's `_start` the hook
/// that runs once when the panel is mounted.
pub(crate) fn link<'a>(module: &mut WasmModule<'a>, bytes: &'a [u8]) {
    let command = is_command(module);
    let library = WasmModule::read("the compiler's library", bytes).expect("the library is valid");
    let joined = module.join(&library, |name| ENDS.contains(&name));
    if let Some(function) = joined("command").filter(|_| command) {
        let exited = library.exported_globals.iter().find(|(name, _)| *name == "exited");
        let flag = exited.map(|(_, index)| module.own_globals() + index);
        module.exits = flag.map(|flag| module.exits(EXIT, flag));
        module.exports.retain(|export| export.name != START);
        module.exports.push(ExportedFunction { name: INITIALIZE, function });
    }
}

/// Returns whether a module is a program of WASI: its `_start` runs once.
fn is_command(module: &WasmModule<'_>) -> bool {
    let exports = |name: &str| module.exports.iter().find(|export| export.name == name);
    let wasi = |import: &Import<'_>| match import {
        Import::Foreign(import) => import.module == WASI,
        _ => false,
    };
    let plain = |export: &ExportedFunction<'_>| {
        let ty = module.function_type(export.function);
        ty.params().is_empty() && ty.results().is_empty()
    };
    module.imports.iter().any(wasi) && exports(INITIALIZE).is_none() && exports(START).is_some_and(plain)
}
