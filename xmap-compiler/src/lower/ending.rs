//! What a module says before it gives up, where that is known when it is compiled: it goes into the map, and
//! a trap is shown with it.

use crate::wasm::{ConstExpr, Import, WasmModule};

/// Characters of a message that are kept.
const MOST_CHARS: usize = 200;

/// The text of a call that ends the module, as far as its arguments are constants.
pub(super) fn ending(module: &WasmModule<'_>, function: u32, args: &[Option<u64>]) -> Option<String> {
    let Some(Import::Library(library)) = module.imports.get(function as usize) else { return None };
    match (library.name, args) {
        // AssemblyScript: message, file, line, column.
        ("env.abort", [message, file, line, column]) => {
            let mut text = string(module, (*message)?).unwrap_or_else(|| "abort".to_string());
            if let (Some(file), Some(line), Some(column)) =
                (file.and_then(|at| string(module, at)), line, column)
            {
                text += &format!(" in {file}:{line}:{column}");
            }
            Some(text)
        }
        ("env.abort" | "env._abort_js", []) => Some("abort".to_string()),
        ("env.exit" | "wasi_snapshot_preview1.proc_exit", [Some(code)]) => {
            Some(format!("exit {}", *code as i32))
        }
        _ => None,
    }
}

/// A string of AssemblyScript that stands in a data segment: UTF-16, with the number of its bytes in front.
fn string(module: &WasmModule<'_>, at: u64) -> Option<String> {
    let bytes = |from: u64, count: usize| {
        let segments = module.data.iter().rev().filter_map(|segment| match segment.address {
            Some(ConstExpr::Bits(address)) => Some((address, segment.bytes)),
            _ => None,
        });
        let within = |(address, bytes): (u64, &'_ [u8])| {
            let start = usize::try_from(from.checked_sub(address)?).ok()?;
            bytes.get(start..start.checked_add(count)?).map(<[u8]>::to_vec)
        };
        segments.into_iter().find_map(within)
    };
    let length = bytes(at.checked_sub(4)?, 4)?;
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    let text = bytes(at, length)?;
    let units: Vec<u16> = text.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    Some(String::from_utf16_lossy(&units).chars().take(MOST_CHARS).collect())
}
