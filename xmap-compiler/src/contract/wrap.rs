//! Functions that return an address alone, of bytes whose number the manifest states (`bytes[16]`): each gets
//! a wrapper that returns the number as well, so that all that follows sees an address and a length.

use wasmparser::{BinaryReader, FuncType, FunctionBody, ValType};

use crate::manifest::Manifest;
use crate::wasm::{ExportedFunction, WasmModule};

/// The body of a wrapper.
pub(crate) struct Wrapped {
    /// The export's place among those of the module.
    export: usize,
    body: Vec<u8>,
}

const END: u8 = 0x0b;
const CALL: u8 = 0x10;
const LOCAL_GET: u8 = 0x20;
const I32_CONST: u8 = 0x41;

/// Returns the wrappers that a module needs; a function of other types than the manifest says gets none, and
/// is an error later.
pub(crate) fn wrap(module: &WasmModule<'_>, manifest: &Manifest) -> Vec<Wrapped> {
    let listed = manifest.exports.iter().flatten().filter_map(|export| {
        let results = export.results.as_ref()?;
        let last = results.value.last()?;
        Some((&export.name.value, results.value.len(), last.value.fixed?))
    });
    let mut wrappers = Vec::new();
    for (name, results, bytes) in listed {
        let Some(at) = module.exports.iter().position(|export| export.name == name) else { continue };
        let function = module.exports[at].function;
        let ty = module.function_type(function);
        if ty.results().last() != Some(&ValType::I32) || ty.results().len() < results {
            continue;
        }
        let mut body = vec![0];
        for param in 0..ty.params().len() as u32 {
            body.push(LOCAL_GET);
            unsigned(&mut body, param);
        }
        body.push(CALL);
        unsigned(&mut body, function);
        body.push(I32_CONST);
        signed(&mut body, bytes as i32);
        body.push(END);
        wrappers.push(Wrapped { export: at, body });
    }
    wrappers
}

/// Puts the wrappers in the place of their functions.
pub(crate) fn wrapped<'a>(module: &mut WasmModule<'a>, wrappers: &'a [Wrapped]) {
    for wrapper in wrappers {
        let ExportedFunction { name, function } = module.exports[wrapper.export];
        let ty = module.function_type(function);
        let results = ty.results().iter().copied().chain([ValType::I32]);
        let ty = FuncType::new(ty.params().to_vec(), results);
        let offset = module.body(function).map_or(0, |body| body.range().start);
        let body = FunctionBody::new(BinaryReader::new(&wrapper.body, offset));
        let function = module.add_function(name, ty, body);
        module.exports[wrapper.export] = ExportedFunction { name, function };
    }
}

fn unsigned(to: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn signed(to: &mut Vec<u8>, mut value: i32) {
    loop {
        let byte = value as u8 & 0x7f;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            return to.push(byte);
        }
        to.push(byte | 0x80);
    }
}
