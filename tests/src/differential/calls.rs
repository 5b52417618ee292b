//! The calls of exports, and their arguments.

use std::fmt;
use std::str::FromStr;

use wasmparser::{ExternalKind, Parser, Payload, TypeRef, ValType};

use super::rng::Rng;

/// A call of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The export's name.
    pub name: String,
    /// The arguments as registers: those of 32-bit types are zero-extended.
    pub args: Vec<u64>,
}

impl FromStr for Call {
    type Err = String;

    /// Reads what [`Call`] prints: a name, and arguments as registers, in hexadecimal or decimal.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().ok_or("a call without a name")?.to_string();
        let bits = |word: &str| match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => word.parse(),
        };
        let args: Result<_, _> = words.map(|word| bits(word).map_err(|e| format!("{word}: {e}"))).collect();
        Ok(Self { name, args: args? })
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg:#x}"))
    }
}

/// The exported functions of a module that validates, with the types of their parameters.
pub(super) fn exports(wasm: &[u8]) -> Vec<(String, Vec<ValType>)> {
    let (mut types, mut functions, mut exports) = (Vec::new(), Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::TypeSection(section) => {
                types = section.into_iter_err_on_gc_types().map_while(Result::ok).collect();
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports().map_while(Result::ok) {
                    if let TypeRef::Func(ty) = import.ty {
                        functions.push(ty);
                    }
                }
            }
            Payload::FunctionSection(section) => functions.extend(section.into_iter().map_while(Result::ok)),
            Payload::ExportSection(section) => {
                for export in section.into_iter().map_while(Result::ok) {
                    if export.kind == ExternalKind::Func {
                        let params = types[functions[export.index as usize] as usize].params().to_vec();
                        exports.push((export.name.to_string(), params));
                    }
                }
            }
            _ => {}
        }
    }
    exports
}

/// One to three calls of each export, in an order that is not theirs.
pub(super) fn random(rng: &mut Rng, wasm: &[u8]) -> Vec<Call> {
    let exports = exports(wasm);
    let mut calls = Vec::new();
    for (name, params) in &exports {
        for _ in 0..rng.range(1, 3) {
            let args = params.iter().map(|ty| argument(rng, *ty)).collect();
            calls.push(Call { name: name.clone(), args });
        }
    }
    for n in (1..calls.len()).rev() {
        calls.swap(n, rng.below(n + 1));
    }
    calls
}

fn argument(rng: &mut Rng, ty: ValType) -> u64 {
    match ty {
        ValType::I64 => rng.integer(),
        ValType::F32 => rng.f32().to_bits().into(),
        ValType::F64 => rng.f64().to_bits(),
        _ => u64::from(rng.integer() as u32),
    }
}
