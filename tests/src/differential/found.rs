//! Modules that others have written, made ready to be compared.

use wasm_encoder::{ExportKind, ExportSection, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload, ValType};

use super::rng::Rng;
use super::shape::{Shape, is_behind_exports};
use super::{Case, calls};

/// The module's functions under names that the compiler takes, and what the reference shows.
fn exports(shape: &Shape<'_>) -> ExportSection {
    let mut exports = ExportSection::new();
    for function in &shape.exported {
        let ty = shape.ty(*function);
        // A caller outside has no references and no vectors to give.
        let is_number =
            |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64);
        if ty.params().iter().chain(ty.results()).all(is_number) {
            exports.export(&format!("e{function}"), ExportKind::Func, *function);
        }
    }
    shape.export_state(&mut exports);
    exports
}

/// The case of a module that is valid: one to three calls of each function that it exports and that takes and
/// gives numbers, with a seed's arguments. Its memory may grow to `max_pages`.
///
/// # Errors
/// What wasmparser does not read.
pub fn found(wasm: &[u8], seed: u64, max_pages: u32) -> Result<Case, String> {
    let wasm = exported(wasm).map_err(|error| error.to_string())?;
    let calls = calls::random(&mut Rng::new(seed), &wasm);
    Ok(Case { wasm, calls, fuel: None, max_pages, any_nan: true })
}

fn exported(wasm: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let shape = Shape::of(wasm)?;
    let mut module = wasm_encoder::Module::new();
    let mut done = false;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let section = payload.as_section();
        let behind = section.as_ref().is_some_and(|(id, _)| is_behind_exports(*id));
        if (behind || matches!(payload, Payload::End(_))) && !done {
            module.section(&exports(&shape));
            done = true;
        }
        if matches!(payload, Payload::ExportSection(_) | Payload::CodeSectionEntry(_)) {
            continue;
        }
        // Custom sections are kept: of them names count, by which a stack pointer is known.
        if let Some((id, range)) = section {
            module.section(&RawSection { id, data: &wasm[range.start as usize..range.end as usize] });
        }
    }
    Ok(module.finish())
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, compare};
    use super::*;

    #[test]
    fn a_nan_of_either_engine_is_one() {
        let wasm = wat::parse_str(
            r#"(module
                (import "env" "memory" (memory 1))
                (func (export "f") (param f64) (result f64 f32)
                    (f64.store (i32.const 16) (f64.div (f64.const 0) (f64.const 0)))
                    (f64.div (f64.const 0) (f64.const 0)) (f32.sqrt (f32.const -1))))"#,
        )
        .unwrap();
        assert!(matches!(compare(&found(&wasm, 1, 16).unwrap()), Outcome::Equal { calls: 1.., .. }));
    }

    #[test]
    fn a_module_of_others_is_compared() {
        let wasm = wat::parse_str(
            r#"(module
                (import "env" "abort" (func $abort (param i32)))
                (memory (export "m") 1)
                (global (mut i32) (i32.const 3))
                (func $f (export "add two") (param i32) (result i32)
                    (global.set 0 (local.get 0)) (i32.store (i32.const 8) (local.get 0))
                    (i32.add (local.get 0) (i32.const 2)))
                (export "again" (func $f))
                (func (export "none") (param externref))
                (start $s)
                (func $s (global.set 0 (i32.const 9)))
                (data (i32.const 0) "abc"))"#,
        )
        .unwrap();
        let case = found(&wasm, 7, 16).unwrap();
        assert!(case.calls.iter().all(|call| call.name == "e1"), "{:?}", case.calls);
        let calls = case.calls.len();
        assert_eq!(compare(&case), Outcome::Equal { calls, traps: 0, stopped: 0 });
    }
}
