//! The manifest's exports against the functions that a module exports.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use xmap_image::{
    EventSource, HOOKS, ON_ARGUMENTS, Plain, Ty,
    limits::{MAX_EXPORTS, MAX_PARAMS, MAX_STRING_BYTES},
};

use super::{At, Export, Keys, Manifest, Param, Value, value::wasm_type};
use crate::{
    contract::{ContractExport, ContractParam},
    diagnostic::{Code, Diagnostic, Diagnostics, FunctionName, MOST_SHOWN, Place},
    names,
};

/// A type of WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WasmTy {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
}

impl WasmTy {
    /// The type of an export that the manifest does not type: integers are signed.
    pub const fn untyped(self) -> Ty {
        match self {
            WasmTy::I32 => Ty::I32,
            WasmTy::I64 => Ty::I64,
            WasmTy::F32 => Ty::F32,
            WasmTy::F64 => Ty::F64,
        }
    }
}

impl fmt::Display for WasmTy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WasmTy::I32 => "i32",
            WasmTy::I64 => "i64",
            WasmTy::F32 => "f32",
            WasmTy::F64 => "f64",
        })
    }
}

/// A function that a module exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedFunction<'m> {
    /// The name of the export.
    pub name: &'m str,
    /// Its parameters.
    pub params: Vec<WasmTy>,
    /// Its results.
    pub results: Vec<WasmTy>,
    /// The function's index, imports counted.
    pub function: u32,
}

impl ExportedFunction<'_> {
    /// `(i32, i32) -> (i64)`.
    fn signature(&self) -> String {
        format!("{} -> {}", list(&self.params), list(&self.results))
    }
}

fn list(types: &[WasmTy]) -> String {
    let types: Vec<_> = types.iter().map(WasmTy::to_string).collect();
    format!("({})", types.join(", "))
}

/// One export of the image: a function of the module with its key and its types.
#[derive(Clone, Debug)]
pub struct MappedExport {
    /// The key.
    pub key: String,
    /// The name in the module.
    pub name: String,
    /// The function's index, imports counted.
    pub function: u32,
    /// One type for each WebAssembly parameter.
    pub params: Vec<Ty>,
    /// A name for each of them: the manifest's (a length is `buf_len`), or `arg0`, `arg1`...
    pub param_names: Vec<String>,
    /// One type for each WebAssembly result.
    pub results: Vec<Ty>,
    /// What calls it, where it is a handler.
    pub on: Option<EventSource>,
    /// What its callers go by.
    pub contract: ContractExport,
    /// Its entry in the manifest, or the function in the module.
    pub place: Place,
}

/// Maps a module's exported functions: those that `[exports]` lists and the runtime's own, or all of
/// them when there is no `[exports]`. Sorted by key. `functions` are in the module's order.
///
/// # Errors
///
/// A listed function that the module does not export, types or counts that differ, fixed signatures
/// that differ (`on_mount`, handlers), keys that collide, and more exports, parameters or names than
/// an image holds: all of them in one go.
pub fn resolve_exports(
    manifest: &Manifest,
    functions: &[ExportedFunction<'_>],
) -> Result<Vec<MappedExport>, Diagnostics> {
    let mut resolver =
        Resolver { manifest, file: manifest.wasm_path().display().to_string(), errors: Vec::new() };
    let mut mapped = match &manifest.exports {
        Some(listed) => resolver.listed(listed, functions),
        None => resolver.all(functions),
    };
    resolver.hooks(&mapped, functions);
    resolver.collisions(&mapped);
    resolver.needs(&mut mapped);
    resolver.totals(&mapped);
    if resolver.errors.is_empty() {
        mapped.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(mapped)
    } else {
        Err(Diagnostics(resolver.errors))
    }
}

struct Resolver<'a> {
    manifest: &'a Manifest,
    file: String,
    errors: Vec<Diagnostic>,
}

const CLEANUP: &str = "export_cleanup";

/// The types of the functions that the runtime calls by their names.
fn hook(name: &str) -> Option<(&'static [WasmTy], &'static [WasmTy])> {
    match name {
        "on_mount" => Some((&[], &[WasmTy::I32])),
        CLEANUP => Some((&[WasmTy::I32], &[])),
        ON_ARGUMENTS => Some((&[WasmTy::I32], &[WasmTy::I32])),
        "_initialize" | "on_unmount" => Some((&[], &[])),
        _ => None,
    }
}

impl Resolver<'_> {
    fn listed(&mut self, listed: &[Export], functions: &[ExportedFunction<'_>]) -> Vec<MappedExport> {
        let by_name: HashMap<_, _> = functions.iter().map(|f| (f.name, f)).collect();
        let mut mapped = Vec::new();
        for export in listed {
            match by_name.get(export.name.value.as_str()) {
                Some(function) => mapped.extend(self.typed(export, function)),
                None => self.missing(&export.name, functions),
            }
        }
        for function in functions {
            let is_listed = || listed.iter().any(|e| e.name.value == function.name);
            if HOOKS.contains(&function.name) && !is_listed() {
                mapped.extend(self.unlisted(function));
            }
        }
        mapped
    }

    /// Every exported function but those that are hooks alone.
    fn all(&mut self, functions: &[ExportedFunction<'_>]) -> Vec<MappedExport> {
        let hooks = &self.manifest.hooks;
        let is_hook = |name: &str| {
            let mut names = hooks.iter().flat_map(|hooks| hooks.before.iter().chain(&hooks.after));
            names.any(|hook| hook.value == name)
                && hooks.iter().all(|hooks| hooks.export.value != name)
                && !HOOKS.contains(&name)
        };
        functions.iter().filter(|f| !is_hook(f.name)).filter_map(|f| self.unlisted(f)).collect()
    }

    /// The hooks of exports against the functions that they are.
    fn hooks(&mut self, mapped: &[MappedExport], functions: &[ExportedFunction<'_>]) {
        let manifest = self.manifest;
        let by_name: HashMap<_, _> = functions.iter().map(|f| (f.name, f)).collect();
        for hooks in &manifest.hooks {
            let name = &hooks.export.value;
            let Some(export) = by_name.get(name.as_str()) else {
                self.missing(&hooks.export, functions);
                continue;
            };
            let why = if HOOKS.contains(&name.as_str()) {
                Some("is called by the runtime, and has no hooks")
            } else {
                let is_mapped = mapped.iter().any(|mapped| mapped.name == Plain(name).to_string());
                (!is_mapped).then_some("has hooks, and is not mapped: list it in [exports]")
            };
            if let Some(why) = why {
                let place = manifest.place(&hooks.export.span);
                self.errors.push(Diagnostic::new(Code::NotHookable, place, format!("{name} {why}")));
                continue;
            }
            let (params, results) = (&export.params, &export.results);
            let behind: Vec<WasmTy> = results.iter().chain(params).copied().collect();
            let either: [&[WasmTy]; 2] = [&[WasmTy::I32], &[]];
            for (hook, params, results) in
                [(&hooks.before, params, &either[..]), (&hooks.after, &behind, &either[1..])]
            {
                let Some(hook) = hook else { continue };
                let Some(function) = by_name.get(hook.value.as_str()) else {
                    self.missing(hook, functions);
                    continue;
                };
                if function.params == *params && results.contains(&&function.results[..]) {
                    continue;
                }
                let types = |results: &&[WasmTy]| format!("{} -> {}", list(params), list(results));
                let expected = results.iter().map(types).collect::<Vec<_>>().join(" or ");
                let message = format!("{}: expected {expected}, found {}", hook.value, function.signature());
                let note = format!("`{name}` is {}", export.signature());
                let error = Diagnostic::new(Code::HookSignature, manifest.place(&hook.span), message)
                    .note(self.wasm(export), note);
                self.errors.push(error);
            }
        }
    }

    fn missing(&mut self, name: &At<String>, functions: &[ExportedFunction<'_>]) {
        let At { value: name, span } = name;
        let message = format!("{} does not export a function `{name}`", self.file);
        let known = || functions.iter().map(|f| f.name);
        let near = || {
            names::did_you_mean(name, known()).or_else(|| {
                let few = names::nearest_few(name, known(), 3);
                (!few.is_empty()).then(|| format!("the nearest are: {}", few.join(", ")))
            })
        };
        // Names are compared for errors that are shown.
        let help = if self.errors.len() < MOST_SHOWN { near() } else { None };
        let place = self.manifest.place(span);
        self.errors.push(Diagnostic::new(Code::NoSuchExport, place, message).help(help));
    }

    /// An export whose types are the module's own.
    fn unlisted(&mut self, function: &ExportedFunction<'_>) -> Option<MappedExport> {
        let place = self.wasm(function);
        if self.manifest.keys == Keys::Verbatim {
            return Some(untyped(function, Plain(function.name).to_string(), place));
        }
        let key = if HOOKS.contains(&function.name) {
            function.name.to_string()
        } else {
            match names::key(&self.manifest.module.namespace.value, function.name) {
                Ok(key) => key,
                Err(_) => {
                    let message = format!("`{}` has no letter or digit for a key", function.name);
                    let help = "map it in [exports] with a `key`".to_string();
                    let error = Diagnostic::new(Code::BadName, place, message).help(help);
                    self.errors.push(error);
                    return None;
                }
            }
        };
        self.fixed(function, None).then(|| hooked(untyped(function, key, place)))
    }

    /// An export that the manifest lists.
    fn typed(&mut self, export: &Export, function: &ExportedFunction<'_>) -> Option<MappedExport> {
        let errors = self.errors.len();
        let place = self.manifest.place(&export.name.span);
        let mut mapped = hooked(untyped(function, export.key.value.clone(), place));
        mapped.on = export.on.as_ref().map(|on| on.value);
        if let Some(params) = &export.params {
            let types = || {
                params.value.iter().flat_map(|p| p.ty.value.types().iter().map(|ty| (*ty, p.span.clone())))
            };
            self.same(function, "param", &function.params, types().collect(), &params.span);
            mapped.params = types().map(|(ty, _)| ty).collect();
            mapped.param_names = params
                .value
                .iter()
                .flat_map(|p| {
                    p.ty.value.types().iter().map(|ty| match ty {
                        Ty::Len => format!("{}_len", p.name),
                        _ => p.name.clone(),
                    })
                })
                .collect();
            let param = |p: &Param| ContractParam { name: p.name.clone(), ty: p.ty.clone() };
            mapped.contract.params = params.value.iter().map(param).collect();
        }
        if let Some(results) = &export.results {
            let types = || {
                results
                    .value
                    .iter()
                    .flat_map(|r| r.value.value.types().iter().map(|ty| (*ty, r.span.clone())))
            };
            self.same(function, "result", &function.results, types().collect(), &results.span);
            mapped.results = types().map(|(ty, _)| ty).collect();
            mapped.contract.results = results.value.iter().map(|r| r.value.clone()).collect();
        }
        mapped.contract.idempotent = export.idempotent;
        if self.fixed(function, Some(export)) {
            self.handle(export, &mapped);
        }
        (self.errors.len() == errors).then_some(mapped)
    }

    /// The manifest's types against the module's, position by position.
    fn same(
        &mut self,
        function: &ExportedFunction<'_>,
        what: &str,
        found: &[WasmTy],
        expected: Vec<(Ty, std::ops::Range<usize>)>,
        span: &std::ops::Range<usize>,
    ) {
        let name = function.name;
        let note = format!("the function is {}", function.signature());
        if expected.len() != found.len() {
            let message = format!("{name}: expected {} {what}s, found {}", expected.len(), found.len());
            let error = Diagnostic::new(Code::CountMismatch, self.manifest.place(span), message)
                .note(self.wasm(function), note);
            self.errors.push(error);
            return;
        }
        for (position, ((ty, span), found)) in expected.into_iter().zip(found).enumerate() {
            let expected = wasm_type(ty);
            if expected != *found {
                let message = format!("{name} {what} {position}: expected {expected}, found {found}");
                let place = self.manifest.place(&span);
                let error = Diagnostic::new(Code::TypeMismatch, place, message)
                    .note(self.wasm(function), note.clone());
                self.errors.push(error);
            }
        }
    }

    /// The signatures that the runtime fixes. Whether this one is as it has to be.
    fn fixed(&mut self, function: &ExportedFunction<'_>, export: Option<&Export>) -> bool {
        let name = function.name;
        let note = format!("the function is {}", function.signature());
        if let Some((params, results)) = hook(name)
            && (function.params != params || function.results != results)
        {
            let (params, results) = (list(params), list(results));
            let message = format!("{name}: expected {params} -> {results}, found {}", function.signature());
            // Where the manifest lists it, there is a line to show.
            let error = match export {
                Some(export) => {
                    let place = self.manifest.place(&export.name.span);
                    Diagnostic::new(Code::RuntimeSignature, place, message).note(self.wasm(function), note)
                }
                None => Diagnostic::new(Code::RuntimeSignature, self.wasm(function), message),
            };
            self.errors.push(error.help(
                "the runtime calls it by this name; rename it where it is for something else".to_string(),
            ));
            return false;
        }
        let Some(on) = export.and_then(|e| e.on.as_ref()) else { return true };
        let what = match (function.params.is_empty(), function.results.is_empty()) {
            (true, true) => return true,
            (false, _) => "takes no params",
            (true, false) => "has no results",
        };
        let message = format!("{name} is a handler and {what}");
        let error = Diagnostic::new(Code::HandlerSignature, self.manifest.place(&on.span), message)
            .note(self.wasm(function), note)
            .help("export a function of type () -> () that calls it".to_string());
        self.errors.push(error);
        false
    }

    /// The runtime's handles are of 32 bits, and none of them may be refused as an argument.
    fn handle(&mut self, export: &Export, mapped: &MappedExport) {
        if let (CLEANUP, Some(params)) = (&*mapped.name, &export.params)
            && mapped.params != [Ty::U32]
        {
            let message = format!("{CLEANUP}: a handle is a u32");
            let place = self.manifest.place(&params.span);
            let help = "write `params = [\"handle: u32\"]`, or leave it out".to_string();
            self.errors.push(Diagnostic::new(Code::RuntimeSignature, place, message).help(help));
        }
    }

    /// Two functions with one key. Those that the manifest lists have been compared already.
    fn collisions(&mut self, mapped: &[MappedExport]) {
        let mut seen: HashMap<&str, &MappedExport> = HashMap::new();
        for export in mapped {
            let Some(first) = seen.insert(&export.key, export) else { continue };
            let message = format!("`{}` and `{}` both have the key {}", first.name, export.name, export.key);
            let error = Diagnostic::new(Code::KeyCollision, export.place.clone(), message)
                .note(first.place.clone(), format!("`{}` has it", first.name))
                .help("give one of them another `key` in [exports]".to_string());
            self.errors.push(error);
        }
    }

    /// The calls that have to come before others, by their keys.
    fn needs(&mut self, mapped: &mut [MappedExport]) {
        let keys: Vec<(String, String)> = mapped.iter().map(|e| (e.name.clone(), e.key.clone())).collect();
        for export in self.manifest.exports.iter().flatten().filter(|export| !export.needs.is_empty()) {
            let Some(mapped) = mapped.iter_mut().find(|mapped| mapped.name == export.name.value) else {
                continue;
            };
            for needed in &export.needs {
                let is_it = |(name, key): &&(String, String)| {
                    *name != mapped.name && (*name == needed.value || *key == needed.value)
                };
                if let Some((_, key)) = keys.iter().find(is_it) {
                    mapped.contract.needs.push(key.clone());
                    continue;
                }
                let message = format!(
                    "{} needs a call of `{}` before it, which no other export is",
                    export.name.value, needed.value
                );
                let others =
                    keys.iter().map(|(name, _)| name.as_str()).filter(|name| *name != export.name.value);
                let error = Diagnostic::new(Code::NeedsUnknown, self.manifest.place(&needed.span), message)
                    .help(names::did_you_mean(&needed.value, others));
                self.errors.push(error);
            }
            mapped.contract.needs.sort();
            mapped.contract.needs.dedup();
        }
        if let Some(circle) = circle(mapped) {
            let message = format!("{circle} needs a call of itself before the first one");
            let place = mapped.iter().find(|e| e.key == circle).map(|e| e.place.clone());
            let place = place.unwrap_or_else(|| Place::File(self.file.clone()));
            self.errors.push(
                Diagnostic::new(Code::NeedsUnknown, place, message)
                    .help("leave one of the `needs` of the circle out".to_string()),
            );
        }
    }

    fn totals(&mut self, mapped: &[MappedExport]) {
        let whole = || Place::File(self.file.clone());
        let mut errors = Vec::new();
        if mapped.len() > MAX_EXPORTS {
            let message = format!("{} exports, at most {MAX_EXPORTS}", mapped.len());
            errors.push(Diagnostic::new(Code::TooManyExports, whole(), message));
        }
        let bytes: usize = mapped.iter().map(|e| e.key.len() + e.name.len()).sum();
        if bytes > MAX_STRING_BYTES {
            let message = format!("names and keys take {bytes} bytes, at most {MAX_STRING_BYTES}");
            errors.push(Diagnostic::new(Code::TooManyStrings, whole(), message));
        }
        for export in mapped {
            for (what, count) in [("params", export.params.len()), ("results", export.results.len())] {
                if count > MAX_PARAMS {
                    let message = format!("{}: {count} {what}, at most {MAX_PARAMS}", export.name);
                    errors.push(Diagnostic::new(Code::TooManyParams, export.place.clone(), message));
                }
            }
        }
        self.errors.append(&mut errors);
    }

    fn wasm(&self, function: &ExportedFunction<'_>) -> Place {
        Place::Wasm {
            file: self.file.clone(),
            function: Some(FunctionName { index: function.function, name: Some(function.name.to_string()) }),
            offset: None,
            source: None,
        }
    }
}

/// Returns the key of an export that needs a call of itself before its first one, by way of others.
fn circle(mapped: &[MappedExport]) -> Option<String> {
    let mut left: Vec<&ContractExport> = mapped.iter().map(|e| &e.contract).collect();
    loop {
        let count = left.len();
        // What needs nothing that is left can be called, and then what needs it.
        let keys: HashSet<&str> = left.iter().map(|export| export.key.as_str()).collect();
        left.retain(|export| export.needs.iter().any(|key| keys.contains(key.as_str())));
        if left.len() == count {
            return left.first().map(|export| export.key.clone());
        }
    }
}

/// An export that the runtime calls has the types of that call.
fn hooked(mut mapped: MappedExport) -> MappedExport {
    if let (CLEANUP, [param], [name]) = (&*mapped.name, &mut mapped.params[..], &mut mapped.param_names[..]) {
        (*param, *name) = (Ty::U32, "handle".to_string());
        mapped.contract.params =
            vec![ContractParam { name: name.clone(), ty: Value::Scalar(Ty::U32).into() }];
    }
    mapped
}

fn untyped(function: &ExportedFunction<'_>, key: String, place: Place) -> MappedExport {
    let param = |(n, ty): (usize, &WasmTy)| ContractParam {
        name: format!("arg{n}"),
        ty: Value::Scalar(ty.untyped()).into(),
    };
    let contract = ContractExport {
        key: key.clone(),
        name: Plain(function.name).to_string(),
        params: function.params.iter().enumerate().map(param).collect(),
        results: function.results.iter().map(|ty| Value::Scalar(ty.untyped()).into()).collect(),
        needs: Vec::new(),
        idempotent: false,
    };
    MappedExport {
        key,
        // A module may name its exports as it likes, an image may not.
        name: Plain(function.name).to_string(),
        function: function.function,
        params: function.params.iter().map(|ty| ty.untyped()).collect(),
        param_names: (0..function.params.len()).map(|n| format!("arg{n}")).collect(),
        results: function.results.iter().map(|ty| ty.untyped()).collect(),
        on: None,
        contract,
        place,
    }
}
