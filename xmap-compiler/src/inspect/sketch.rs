//! What can be read of a module, also of one that is damaged or needs what is not compiled.

use wasmparser::{
    Encoding, ExternalKind, FuncType, KnownCustom, MemoryType, Parser, Payload, ProducersSectionReader,
    TypeRef, ValType,
};

use xmap_abi::HostFunction;

use crate::library;

/// A module, read as far as it goes.
#[derive(Debug, Default)]
pub(super) struct Sketch<'a> {
    /// It is a component.
    pub(super) component: bool,
    /// The section `producers`: field, tool and version.
    pub(super) producers: Vec<(&'a str, &'a str, &'a str)>,
    /// The names of the custom sections.
    pub(super) sections: Vec<&'a str>,
    /// Imports: module, name, and what is imported.
    pub(super) imports: Vec<(&'a str, &'a str, TypeRef)>,
    /// Exports: name, kind and index.
    pub(super) exports: Vec<(&'a str, ExternalKind, u32)>,
    types: Vec<Option<FuncType>>,
    /// The type of each function.
    functions: Vec<u32>,
    memory: Option<(MemoryType, bool)>,
    /// The bytes end in the middle.
    pub(super) cut: bool,
}

impl<'a> Sketch<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let mut sketch = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload {
                Ok(payload) => sketch.take(payload),
                Err(error) => {
                    sketch.cut = error.message().contains("unexpected end");
                    break;
                }
            }
            if sketch.component {
                break;
            }
        }
        sketch
    }

    fn take(&mut self, payload: Payload<'a>) {
        match payload {
            Payload::Version { encoding, .. } => self.component = encoding == Encoding::Component,
            Payload::TypeSection(section) => {
                let groups = section.into_iter().map_while(Result::ok);
                for ty in groups.flat_map(|group| group.into_types().collect::<Vec<_>>()) {
                    self.types.push(match ty.composite_type.inner {
                        wasmparser::CompositeInnerType::Func(ty) => Some(ty),
                        _ => None,
                    });
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports().map_while(Result::ok) {
                    match import.ty {
                        TypeRef::Func(ty) => self.functions.push(ty),
                        TypeRef::Memory(memory) => self.memory = Some((memory, true)),
                        _ => {}
                    }
                    self.imports.push((import.module, import.name, import.ty));
                }
            }
            Payload::FunctionSection(section) => {
                self.functions.extend(section.into_iter().map_while(Result::ok))
            }
            Payload::MemorySection(section) => {
                let memories = section.into_iter().map_while(Result::ok);
                self.memory = memories.map(|memory| (memory, false)).next().or(self.memory);
            }
            Payload::ExportSection(section) => {
                let exports = section.into_iter().map_while(Result::ok);
                self.exports.extend(exports.map(|export| (export.name, export.kind, export.index)));
            }
            Payload::CustomSection(section) => {
                self.sections.push(section.name());
                if let KnownCustom::Producers(fields) = section.as_known() {
                    self.producers(fields);
                }
            }
            _ => {}
        }
    }

    fn producers(&mut self, fields: ProducersSectionReader<'a>) {
        for field in fields.into_iter().map_while(Result::ok) {
            let values = field.values.into_iter().map_while(Result::ok);
            self.producers.extend(values.map(|value| (field.name, value.name, value.version)));
        }
    }

    /// Returns whether something is imported from a module whose name this says.
    pub(super) fn imports_from(&self, is: impl Fn(&str) -> bool) -> bool {
        self.imports.iter().any(|(module, ..)| is(module))
    }

    /// Returns whether an import has a name that this says.
    pub(super) fn imports_named(&self, is: impl Fn(&str, &str) -> bool) -> bool {
        self.imports.iter().any(|(module, name, _)| is(module, name))
    }

    /// Returns whether something is exported under this name.
    pub(super) fn exports(&self, wanted: &str) -> bool {
        self.exports.iter().any(|(name, ..)| *name == wanted)
    }

    /// The version of the first tool of this name, in any field of `producers`.
    pub(super) fn version(&self, tool: &str) -> Option<&'a str> {
        let found =
            self.producers.iter().find(|(_, name, version)| !version.is_empty() && is_tool(name, tool))?;
        Some(found.2.split(' ').next().unwrap_or_default())
    }

    /// The table of what the module has.
    pub(super) fn rows(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut rows = Vec::new();
        let mut row = |title, words: Vec<String>| {
            if !words.is_empty() {
                rows.push((title, words));
            }
        };
        let tools = self.producers.iter().filter(|(field, ..)| *field != "language");
        row(
            "made by",
            tools.map(|(_, name, version)| format!("{name} {version}").trim().to_string()).collect(),
        );
        row("memory", self.memory.iter().map(|(memory, imported)| memory_text(memory, *imported)).collect());
        for origin in Origin::ALL {
            let of = |import: &&(&str, &str, TypeRef)| Origin::of(import.0, import.1, &import.2) == origin;
            let name = |(module, name, _): &(&str, &str, TypeRef)| match origin {
                Origin::Wasi => name.to_string(),
                _ => format!("{module}.{name}"),
            };
            row(origin.title(), self.imports.iter().filter(of).map(name).collect());
        }
        let functions = self.exports.iter().filter(|(_, kind, _)| *kind == ExternalKind::Func);
        row(
            "exports",
            functions.map(|(name, _, index)| format!("{name}{}", self.signature(*index))).collect(),
        );
        rows
    }

    /// `(i32, i32) -> i32`.
    fn signature(&self, function: u32) -> String {
        let ty = self.functions.get(function as usize).and_then(|ty| self.types.get(*ty as usize)?.as_ref());
        let Some(ty) = ty else { return "(?)".to_string() };
        let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match ty.results() {
            [] => format!("({})", list(ty.params())),
            [one] => format!("({}) -> {one}", list(ty.params())),
            several => format!("({}) -> ({})", list(ty.params()), list(several)),
        }
    }
}

fn memory_text(memory: &MemoryType, imported: bool) -> String {
    let most = match memory.maximum {
        Some(most) if most == memory.initial => " and no more".to_string(),
        Some(most) => format!(", {most} at most"),
        None => String::new(),
    };
    let pages = if memory.initial == 1 { "page" } else { "pages" };
    let from = if imported { ", imported" } else { "" };
    format!("{} {pages} of 64 KiB{most}{from}", memory.initial)
}

/// Returns whether a tool has this name, which a distribution may stand before and a part behind:
/// `Debian clang`.
pub(super) fn is_tool(name: &str, tool: &str) -> bool {
    let name = name.to_lowercase();
    name.starts_with(tool) || name.strip_suffix(tool).is_some_and(|before| before.ends_with(' '))
}

/// Where an import comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Abi,
    Wasi,
    Library,
    Other,
    NoFunction,
}

impl Origin {
    const ALL: [Self; 5] = [Self::Abi, Self::Wasi, Self::Library, Self::Other, Self::NoFunction];

    fn of(module: &str, name: &str, ty: &TypeRef) -> Self {
        match ty {
            TypeRef::Func(_) if HostFunction::find(module, name).is_some() => Self::Abi,
            TypeRef::Func(_) if module == library::WASI => Self::Wasi,
            TypeRef::Func(_) if library::has(module, name) => Self::Library,
            TypeRef::Func(_) => Self::Other,
            _ => Self::NoFunction,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Abi => "guest ABI",
            Self::Wasi => "WASI",
            Self::Library => "built in",
            Self::Other => "foreign",
            Self::NoFunction => "imported",
        }
    }
}
