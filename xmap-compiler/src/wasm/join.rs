//! Joins a module with the compiler's library: imports that the library exports get its bodies.
//!
//! The library's own functions, types, globals and passive data stand behind the module's, so that nothing of
//! the module's gets another number. A library function that takes the place of an import has the import's
//! number.

use wasmparser::FunctionBody;
use xmap_abi::HostFunction;

use super::read::{ConstExpr, Import, WasmModule};

/// A function of the library in the place of an import.
#[derive(Clone, Debug)]
pub struct LibraryFunction<'a> {
    /// The import's module and name: `env.abort`.
    pub name: &'a str,
    /// Whether control never comes back from it.
    pub ends: bool,
    body: FunctionBody<'a>,
}

/// Where the library's items stand in the module.
#[derive(Debug, Default)]
pub(super) struct Joined<'a> {
    /// For each function of the library, what a call of it calls.
    functions: Vec<Callee>,
    /// The number of its first type, global and data segment.
    types: u32,
    globals: u32,
    data: u32,
    /// The bodies behind the module's own.
    bodies: Vec<FunctionBody<'a>>,
    /// The position of its instructions: that of the first import whose place it took.
    position: u32,
}

/// The callee of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// A function of the guest ABI.
    Host(HostFunction),
    /// A function of the module.
    Function(u32),
}

/// The numbers that the instructions of a function name: those of the module, or those of the library.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'m, 'a>(Option<&'m Joined<'a>>);

impl Scope<'_, '_> {
    /// The position of an instruction that stands at an offset.
    pub fn position(self, offset: u32) -> u32 {
        self.0.map_or(offset, |joined| joined.position)
    }

    /// The function that a call names, by its number in the module.
    pub fn callee(self, function: u32) -> Callee {
        self.0.map_or(Callee::Function(function), |joined| joined.functions[function as usize])
    }

    /// A type's number in the module.
    pub fn ty(self, index: u32) -> u32 {
        self.0.map_or(index, |joined| joined.types + index)
    }

    /// A global's number in the module.
    pub fn global(self, index: u32) -> u32 {
        self.0.map_or(index, |joined| joined.globals + index)
    }

    /// A data segment's number in the module.
    pub fn data(self, index: u32) -> u32 {
        self.0.map_or(index, |joined| joined.data + index)
    }
}

impl<'a> WasmModule<'a> {
    /// Puts functions of a library in the place of imports of the same name and type; where the library has
    /// several of a name, all but the first have a space and more behind it. `ends` says which never return.
    ///
    /// Returns where each of its exports is, by name.
    pub fn join(
        &mut self,
        library: &WasmModule<'a>,
        ends: fn(&str) -> bool,
    ) -> impl Fn(&str) -> Option<u32> + use<'a> {
        let mut joined = Joined {
            types: self.types.len() as u32,
            globals: self.globals.len() as u32,
            data: self.data.len() as u32,
            ..Joined::default()
        };
        let mut places: Vec<Option<u32>> = vec![None; library.functions.len()];
        for (index, import) in self.imports.iter_mut().enumerate() {
            let Import::Foreign(foreign) = import else { continue };
            let named = |name: &str| {
                let rest = name.strip_prefix(foreign.module).and_then(|rest| rest.strip_prefix('.'));
                let rest = rest.and_then(|rest| rest.strip_prefix(foreign.name));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            };
            let ty = &self.types[foreign.ty as usize];
            let fits = |function: u32| library.function_type(function) == ty;
            let found = library.exports.iter().find(|e| named(e.name) && fits(e.function));
            let Some(export) = found else { continue };
            let Some(body) = library.body(export.function) else { continue };
            if joined.position == 0 {
                joined.position = foreign.offset as u32;
            }
            places[export.function as usize].get_or_insert(index as u32);
            let name = export.name.split(' ').next().unwrap_or_default();
            *import = Import::Library(LibraryFunction { name, ends: ends(name), body: body.clone() });
        }
        for (function, place) in places.iter().enumerate() {
            let callee = match library.imports.get(function) {
                Some(Import::Host(function)) => Callee::Host(*function),
                Some(Import::Foreign(import)) => {
                    let export = self.exports.iter().find(|export| export.name == import.name);
                    Callee::Function(export.map_or(u32::MAX, |export| export.function))
                }
                _ if place.is_some() => Callee::Function(place.unwrap_or_default()),
                _ => {
                    let number = self.functions.len() as u32;
                    self.functions.push(joined.types + library.functions[function]);
                    joined.bodies.extend(library.body(function as u32).cloned());
                    self.name(number, library, function as u32);
                    Callee::Function(number)
                }
            };
            joined.functions.push(callee);
        }
        self.types.extend(library.types.iter().cloned());
        self.globals.extend(library.globals.iter().cloned());
        self.data.extend(library.data.iter().cloned());
        let exports: Vec<(&'a str, Callee)> =
            library.exports.iter().map(|e| (e.name, joined.functions[e.function as usize])).collect();
        self.joined = Some(joined);
        move |name| match exports.iter().find(|(export, _)| *export == name)?.1 {
            Callee::Function(function) => Some(function),
            Callee::Host(_) => None,
        }
    }

    /// The numbers that a function's instructions name.
    pub fn scope(&self, function: u32) -> Scope<'_, 'a> {
        let library = match self.imports.get(function as usize) {
            Some(Import::Library(_)) => true,
            Some(_) => false,
            None => function as usize >= self.imports.len() + self.bodies.len(),
        };
        Scope(self.joined.as_ref().filter(|_| library))
    }

    /// The body of a function that is not imported, or whose import the library has.
    pub fn body(&self, function: u32) -> Option<&FunctionBody<'a>> {
        let Some(own) = (function as usize).checked_sub(self.imports.len()) else {
            let Import::Library(function) = &self.imports[function as usize] else { return None };
            return Some(&function.body);
        };
        let library = || self.joined.as_ref()?.bodies.get(own - self.bodies.len());
        self.bodies.get(own).or_else(library)
    }

    /// The number of the first global that is the library's.
    pub fn own_globals(&self) -> u32 {
        self.joined.as_ref().map_or(self.globals.len() as u32, |joined| joined.globals)
    }

    /// Returns whether a function may be called where nothing stands behind the call: by a reference, or as
    /// an export.
    pub fn is_referenced(&self, function: u32) -> bool {
        let items = self.elements.iter().flat_map(|segment| &segment.items);
        let mut references = items.chain(self.globals.iter().map(|global| &global.init));
        references.any(|of| matches!(of, ConstExpr::Function(of) if *of == function))
            || self.exports.iter().any(|export| export.function == function)
    }

    /// Returns whether control never comes back from a function.
    pub fn ends(&self, function: u32) -> bool {
        matches!(
            self.imports.get(function as usize),
            Some(Import::Library(LibraryFunction { ends: true, .. }))
        )
    }
}
