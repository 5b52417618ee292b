//! The guest ABI in wasmparser's terms.

use wasmparser::{FuncType, ValType};
use xmap_abi::{HostFunction, WasmType};

/// Returns the type of a host function's import.
pub(super) fn func_type(function: HostFunction) -> FuncType {
    let row = function.row();
    let params = row.params.iter().map(|param| val_type(param.ty));
    FuncType::new(params, row.results.iter().map(|ty| val_type(*ty)))
}

const fn val_type(ty: WasmType) -> ValType {
    match ty {
        WasmType::I32 => ValType::I32,
        WasmType::I64 => ValType::I64,
        WasmType::F64 => ValType::F64,
    }
}
