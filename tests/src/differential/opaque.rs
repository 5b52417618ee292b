//! Ways around two errors of wasmi 2.0.0, for the module that wasmi gets; the compiler gets the other.
//! Both modules mean the same, and V8 agrees with xmap on those that differed.
//!
//! wasmi makes one instruction of `select` and the comparison with zero before it (`i32.eqz`,
//! `i32.eq`, `i32.ne`). Where what is compared stands in a slot, the instruction still reads its
//! condition from the register that the comparison, which is gone, would have written
//! (`try_fuse_select` in its `translator/func/mod.rs`). `(select (i32.const 1) (local.get 0) (i32.eqz
//! (local.get 0)))` gives 1 for 5. A condition that comes out of a local is not fused.
//!
//! A `br_table` that takes several values to blocks of unequal height loses some where the values'
//! old and new slots overlap (`branch_table_span`). A chain of `br_if` has no such copy.

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, Function, Instruction, ValType};
use wasmparser::{FunctionBody, Operator, Validator};

/// The module with each `select`'s condition taken through a local, and each `br_table` as branches.
///
/// # Errors
/// What makes the module invalid.
pub(super) fn through_locals(wasm: &[u8]) -> Result<Vec<u8>, String> {
    let module = rewritten(wasm, true)?;
    // Where control never comes, the blocks of a table may differ in their types; those of branches
    // that follow each other may not.
    match Validator::new().validate_all(&module) {
        Ok(_) => Ok(module),
        Err(_) => rewritten(wasm, false),
    }
}

fn rewritten(wasm: &[u8], tables: bool) -> Result<Vec<u8>, String> {
    let mut module = wasm_encoder::Module::new();
    let parser = wasmparser::Parser::new(0);
    let mut through = Through { params: super::rewrite::params(wasm), next: 0, tables };
    through.parse_core_module(&mut module, parser, wasm).map_err(|e| e.to_string())?;
    Ok(module.finish())
}

struct Through {
    /// How many parameters each function has that is not imported.
    params: Vec<u32>,
    next: usize,
    /// Whether to change `br_table`.
    tables: bool,
}

impl Reencode for Through {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Self::Error>> {
        let mut locals = Vec::new();
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            locals.push((count, utils::val_type(self, ty)?));
        }
        let condition = self.params[self.next] + locals.iter().map(|(count, _)| count).sum::<u32>();
        self.next += 1;
        locals.push((1, ValType::I32));
        let mut function = Function::new(locals);
        for op in body.get_operators_reader()? {
            let op = op?;
            if matches!(op, Operator::Select | Operator::TypedSelect { .. }) {
                function.instruction(&Instruction::LocalSet(condition));
                function.instruction(&Instruction::LocalGet(condition));
            }
            match op {
                Operator::BrTable { targets } if self.tables => {
                    function.instruction(&Instruction::LocalSet(condition));
                    for (n, target) in (0..).zip(targets.targets()) {
                        function.instruction(&Instruction::LocalGet(condition));
                        function.instruction(&Instruction::I32Const(n));
                        function.instruction(&Instruction::I32Eq);
                        function.instruction(&Instruction::BrIf(target?));
                    }
                    function.instruction(&Instruction::Br(targets.default()));
                }
                op => _ = function.instruction(&utils::instruction(self, op)?),
            }
        }
        code.function(&function);
        Ok(())
    }
}
