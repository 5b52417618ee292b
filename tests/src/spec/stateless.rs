//! Functions that touch nothing but their parameters and locals.
//!
//! Such a function is the same in every module, so a module that imports one can have a copy. The
//! suite's `table_copy` and `table_init` import nothing else.

use wasmparser::{ExternalKind, FuncType, FunctionBody, Operator, Parser, Payload, TypeRef};

/// A function without state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stateless {
    /// Its type.
    pub(super) ty: FuncType,
    /// Its body, as the binary format has it, without its length.
    pub(super) body: Vec<u8>,
}

/// The function that a module exports under a name, where it defines it and it has no state.
pub(super) fn exported(wasm: &[u8], name: &str) -> Option<Stateless> {
    let (mut types, mut functions, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    let (mut imported, mut index) = (0, None);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.ok()? {
            Payload::TypeSection(section) => {
                types = section.into_iter_err_on_gc_types().collect::<Result<_, _>>().ok()?;
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imported += usize::from(matches!(import.ok()?.ty, TypeRef::Func(_)));
                }
            }
            Payload::FunctionSection(section) => {
                functions = section.into_iter().collect::<Result<Vec<u32>, _>>().ok()?;
            }
            Payload::ExportSection(section) => {
                let found = section.into_iter().flatten();
                let mut functions = found.filter(|e| e.kind == ExternalKind::Func);
                index = functions.find(|e| e.name == name).map(|e| e.index as usize);
            }
            Payload::CodeSectionEntry(body) => bodies.push(body),
            _ => {}
        }
    }
    let defined = index?.checked_sub(imported)?;
    let body = bodies.get(defined)?;
    let ty = types.get(*functions.get(defined)? as usize)?.clone();
    has_no_state(body).then(|| Stateless { ty, body: body.as_bytes().to_vec() })
}

/// Returns whether a body consists of instructions that name nothing outside it; a few are enough.
fn has_no_state(body: &FunctionBody<'_>) -> bool {
    let Ok(ops) = body.get_operators_reader() else { return false };
    ops.into_iter().all(|op| {
        use Operator::{
            Drop, End, F32Const, F64Const, I32Add, I32Const, I32Mul, I32Sub, I64Const, LocalGet, LocalSet,
            LocalTee, Nop, Return,
        };
        matches!(
            op,
            Ok(Nop
                | End
                | Return
                | Drop
                | LocalGet { .. }
                | LocalSet { .. }
                | LocalTee { .. }
                | I32Const { .. }
                | I64Const { .. }
                | F32Const { .. }
                | F64Const { .. }
                | I32Add
                | I32Sub
                | I32Mul)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_seen() {
        let wasm = wat::parse_str(
            r#"(module
                 (import "spectest" "print" (func))
                 (global i32 (i32.const 1))
                 (func (export "seven") (result i32) (i32.const 7))
                 (func (export "same") (param i32) (result i32) (local.get 0))
                 (func (export "global") (result i32) (global.get 0))
                 (func (export "call") (call 0))
                 (export "import" (func 0)))"#,
        )
        .unwrap();
        let seven = exported(&wasm, "seven").unwrap();
        assert_eq!(seven.body, [0, 0x41, 7, 0x0b]);
        assert_eq!(exported(&wasm, "same").unwrap().ty.params().len(), 1);
        for name in ["global", "call", "import", "none"] {
            assert_eq!(exported(&wasm, name), None, "{name}");
        }
    }
}
