//! The module as it was read: parsed and validated by wasmparser, with what the compiler needs of it.

mod abi;
mod debug;
mod read;

pub use abi::{IMPORTS, Native, NativeImport, find as find_import};
pub use debug::Lines;
pub(crate) use read::mnemonic;
pub use read::{ConstExpr, DataSegment, ElementSegment, ExportedFunction, Global, WasmModule};
