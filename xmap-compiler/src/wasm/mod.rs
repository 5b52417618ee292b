//! The module as it was read: parsed and validated by wasmparser, with what the compiler needs of it.

mod abi;
mod debug;
mod exits;
pub(crate) mod foreign;
mod join;
mod proposal;
mod read;
mod source_map;

pub use debug::{LineTable, is_library};
pub use exits::Exits;
pub use foreign::{Foreign, ForeignGlobal};
pub use join::{Callee, LibraryFunction, Scope};
pub(crate) use read::mnemonic;
pub use read::{ConstExpr, DataSegment, ElementSegment, ExportedFunction, Global, Import, WasmModule};
pub use source_map::{MAX_SOURCE_MAP_BYTES, SourceMapText, source_map_url};
