//! Makes a module of `wasm-smith` worth comparing: functions are exported under names that the
//! compiler takes, memory and mutable globals so that wasmi shows them; most addresses are brought
//! into memory, and most arguments of native functions into what they take.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, RawSection,
};
use wasmparser::{FunctionBody, Operator, Parser, Payload, ValType};

use super::rng::Rng;
use super::shape::{Shape, is_behind_exports};

const VALID: &str = "wasm-smith makes valid modules";

/// Returns how many parameters each function has that is not imported.
pub(super) fn params(wasm: &[u8]) -> Vec<u32> {
    let shape = Shape::of(wasm).expect(VALID);
    shape.functions.iter().map(|ty| shape.types[*ty as usize].params().len() as u32).collect()
}

/// Rewrites a module that validates.
pub(super) fn rewrite(rng: &mut Rng, wasm: &[u8]) -> Vec<u8> {
    let shape = Shape::of(wasm).expect(VALID);
    let mut module = wasm_encoder::Module::new();
    let mut code = CodeSection::new();
    let mut exported = false;
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        let section = payload.as_section();
        let behind = section.as_ref().is_some_and(|(id, _)| is_behind_exports(*id));
        if (behind || matches!(payload, Payload::End(_))) && !exported {
            module.section(&exports(rng, &shape));
            exported = true;
        }
        match payload {
            Payload::ExportSection(_) | Payload::CustomSection(_) => {}
            Payload::FunctionSection(_) => {
                let mut functions = FunctionSection::new();
                shape.functions.iter().for_each(|ty| _ = functions.function(*ty));
                shape.imports.iter().for_each(|(_, _, ty)| _ = functions.function(*ty));
                module.section(&functions);
            }
            Payload::CodeSectionEntry(body) => {
                let params = &shape.types[shape.functions[code.len() as usize] as usize];
                code.function(&rewrite_body(rng, &shape, params.params().len() as u32, &body));
                if code.len() as usize == shape.functions.len() {
                    for (n, (from, name, ty)) in (0..).zip(&shape.imports) {
                        let params = shape.types[*ty as usize].params().len() as u32;
                        code.function(&wrapper(from, name, n, params));
                    }
                    module.section(&code);
                }
            }
            Payload::CodeSectionStart { .. } => {}
            _ => {
                if let Some((id, range)) = section {
                    module.section(&RawSection { id, data: &wasm[range.start as usize..range.end as usize] });
                }
            }
        }
    }
    module.finish()
}

/// Some functions, the memory and the mutable globals.
fn exports(rng: &mut Rng, shape: &Shape<'_>) -> ExportSection {
    let mut exports = ExportSection::new();
    let imports = shape.imports.len() as u32;
    let wrappers = if shape.functions.is_empty() { 0 } else { imports };
    let all = imports + shape.functions.len() as u32 + wrappers;
    for function in 0..all {
        let own = function >= imports && function < all - wrappers;
        // A caller outside has no references to give. A wrapper has the type of its import.
        let ty = shape.ty(if function < all - wrappers { function } else { function - (all - wrappers) });
        if ty.params().iter().chain(ty.results()).any(|ty| matches!(ty, ValType::Ref(_))) {
            continue;
        }
        if !rng.one_in(4) && own || rng.one_in(6) || function == imports {
            exports.export(&format!("e{function}"), ExportKind::Func, function);
        }
    }
    shape.export_state(&mut exports);
    exports
}

/// A function that brings arguments into what a native function takes, mostly.
fn wrapper(from: &str, name: &str, import: u32, params: u32) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    for param in 0..params {
        code.local_get(param);
        match (from, name, param) {
            ("gpio", "write", 0) | ("gpio", "read", 0) => code.i32_const(1).i32_and(),
            ("gpio", "write", _) => code.i32_const(0x0fff_3ffc).i32_and(),
            ("gpio", "pull", 1) => code.i32_const(3).i32_rem_u(),
            // Of these, 0, 1 and 28 to 31 are not declared.
            ("gpio", "toggle", 0) => code.i32_const(31).i32_and(),
            ("gpio", _, 0) => code.i32_const(26).i32_rem_u().i32_const(2).i32_add(),
            ("time", _, 0) => code.i32_const(0xfff).i32_and(),
            ("log", _, 1) => code.i32_const(0xffff).i32_and(),
            ("log", _, 2) => code.i32_const(15).i32_and(),
            _ => &mut code,
        };
    }
    code.call(import).end();
    function
}

fn rewrite_body(rng: &mut Rng, shape: &Shape<'_>, params: u32, body: &FunctionBody<'_>) -> Function {
    let reencoder = &mut RoundtripReencoder;
    let mut locals = Vec::new();
    for local in body.get_locals_reader().expect(VALID) {
        let (count, ty) = local.expect(VALID);
        locals.push((count, reencoder.val_type(ty).expect(VALID)));
    }
    // One more of each type, to hold a value while the address below it is changed.
    let scratch = params + locals.iter().map(|(count, _)| count).sum::<u32>();
    const TYPES: [ValType; 4] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
    locals.extend(TYPES.map(|ty| (1, reencoder.val_type(ty).expect(VALID))));
    let mut function = Function::new(locals);
    let imports = shape.imports.len() as u32;
    let wrappers = imports + shape.functions.len() as u32;
    for op in body.get_operators_reader().expect(VALID) {
        let op = op.expect(VALID);
        match (&op, access(&op)) {
            (Operator::Call { function_index }, _) if *function_index < imports && !rng.one_in(8) => {
                function.instruction(&Instruction::Call(wrappers + function_index));
                continue;
            }
            (_, Some(Access::Load)) if !rng.one_in(16) => mask(rng, &mut function),
            (_, Some(Access::Store(ty))) if !rng.one_in(16) => {
                let local = scratch + TYPES.iter().position(|t| *t == ty).unwrap_or_default() as u32;
                function.instruction(&Instruction::LocalSet(local));
                mask(rng, &mut function);
                function.instruction(&Instruction::LocalGet(local));
            }
            _ => {}
        }
        let narrow = matches!(op, Operator::F32DemoteF64);
        let changes = narrow || matches!(op, Operator::F64PromoteF32);
        function.instruction(&reencoder.instruction(op).expect(VALID));
        if changes {
            canonical(&mut function, narrow, scratch + if narrow { 2 } else { 3 });
        }
    }
    function
}

/// Keeps some low bits of the address on the stack.
fn mask(rng: &mut Rng, function: &mut Function) {
    function.instruction(&Instruction::I32Const(rng.pick(&[0xff, 0xffc, 0xffff])));
    function.instruction(&Instruction::I32And);
}

/// Makes a NaN on the stack canonical: `wasm-smith` leaves those of conversions out.
fn canonical(function: &mut Function, narrow: bool, local: u32) {
    let mut code = function.instructions();
    code.local_tee(local);
    if narrow {
        code.f32_const(f32::from_bits(0x7fc0_0000).into()).local_get(local).local_get(local).f32_eq();
    } else {
        let nan = f64::from_bits(0x7ff8_0000_0000_0000);
        code.f64_const(nan.into()).local_get(local).local_get(local).f64_eq();
    }
    code.select();
}

enum Access {
    Load,
    Store(ValType),
}

fn access(op: &Operator<'_>) -> Option<Access> {
    use Operator as O;
    Some(match op {
        O::I32Load { .. }
        | O::I64Load { .. }
        | O::F32Load { .. }
        | O::F64Load { .. }
        | O::I32Load8S { .. }
        | O::I32Load8U { .. }
        | O::I32Load16S { .. }
        | O::I32Load16U { .. }
        | O::I64Load8S { .. }
        | O::I64Load8U { .. }
        | O::I64Load16S { .. }
        | O::I64Load16U { .. }
        | O::I64Load32S { .. }
        | O::I64Load32U { .. } => Access::Load,
        O::I32Store { .. } | O::I32Store8 { .. } | O::I32Store16 { .. } => Access::Store(ValType::I32),
        O::I64Store { .. } | O::I64Store8 { .. } | O::I64Store16 { .. } | O::I64Store32 { .. } => {
            Access::Store(ValType::I64)
        }
        O::F32Store { .. } => Access::Store(ValType::F32),
        O::F64Store { .. } => Access::Store(ValType::F64),
        _ => return None,
    })
}
