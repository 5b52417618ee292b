//! What a module says before it gives up, where that is known when it is compiled: it goes into the map, and
//! a trap is shown with it.

use crate::memory::at_load;
use crate::wasm::{Import, WasmModule};

/// Characters of a message that are kept.
const MOST_CHARS: usize = 200;

/// The text of a call that ends the module, as far as its arguments are constants: of the compiler's library,
/// of Rust's panics, of C's assertions.
pub(super) fn ending(module: &WasmModule<'_>, function: u32, args: &[Option<u64>]) -> Option<String> {
    let Some(Import::Library(library)) = module.imports.get(function as usize) else {
        let name = module.written_name(function)?;
        return panic(module, name, args).or_else(|| assertion(module, name, args));
    };
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

/// What functions of Rust's `core` say that end with a panic, by the ends of their names; the first of those
/// that fit counts. Where there is no text, it is the first two arguments.
const PANICS: &[(&str, Option<&str>)] = &[
    ("panic", None),
    ("expect_failed", None),
    ("panic_bounds_check", Some("index out of bounds")),
    ("panic_const_add_overflow", Some("attempt to add with overflow")),
    ("panic_const_sub_overflow", Some("attempt to subtract with overflow")),
    ("panic_const_mul_overflow", Some("attempt to multiply with overflow")),
    ("panic_const_div_overflow", Some("attempt to divide with overflow")),
    ("panic_const_rem_overflow", Some("attempt to calculate the remainder with overflow")),
    ("panic_const_neg_overflow", Some("attempt to negate with overflow")),
    ("panic_const_shl_overflow", Some("attempt to shift left with overflow")),
    ("panic_const_shr_overflow", Some("attempt to shift right with overflow")),
    ("panic_const_div_by_zero", Some("attempt to divide by zero")),
    ("panic_const_rem_by_zero", Some("attempt to calculate the remainder with a divisor of zero")),
    ("option13unwrap_failed", Some("called `Option::unwrap()` on a `None` value")),
    ("option::unwrap_failed", Some("called `Option::unwrap()` on a `None` value")),
];

/// A panic of Rust: a function of `core` that is given the place in the source, as the last of its arguments.
fn panic(module: &WasmModule<'_>, name: &str, args: &[Option<u64>]) -> Option<String> {
    if !(name.starts_with("core::") || (name.starts_with('_') && name.contains("4core"))) {
        return None;
    }
    // The hash that older symbols have behind the name: `::h0123456789abcdef`, `17h0123456789abcdefE`.
    let is_hash = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = match name.rsplit_once("::h").or_else(|| name.trim_end_matches('E').rsplit_once("17h")) {
        Some((name, hash)) if is_hash(hash) => name,
        _ => name,
    };
    let place = location(module, (*args.last()?)?)?;
    let ends = |end: &str| {
        let before = name.strip_suffix(end)?;
        // Behind a `::`, or the number of its characters.
        let number = before.strip_suffix(&end.len().to_string());
        (before.ends_with("::") || number.is_some() || end.contains("unwrap")).then_some(())
    };
    let said = PANICS.iter().find(|(end, _)| ends(end).is_some()).map(|(_, text)| *text);
    let text = match (said, args) {
        (Some(Some(text)), _) => Some(text.to_string()),
        (Some(None), [Some(at), Some(length), ..]) => utf8(module, *at, *length),
        // A text without arguments, as Rust 1.9x passes one.
        (None, [Some(at), Some(length), _]) if length & 1 == 1 => utf8(module, *at, *length >> 1),
        _ => None,
    };
    Some(format!("{} in {place}", text.as_deref().unwrap_or("a panic")))
}

/// `core::panic::Location`: a file's address and length, line and column.
fn location(module: &WasmModule<'_>, at: u64) -> Option<String> {
    let bytes = at_load(module, at, 16)?;
    let number = |n: usize| u32::from_le_bytes(*bytes.as_chunks().0.get(n).unwrap_or(&[0; 4]));
    let [file, length, line, column] = [0, 1, 2, 3].map(number);
    let is_place = (1..1 << 20).contains(&line) && (1..1 << 16).contains(&column);
    let file = utf8(module, file.into(), length.into()).filter(|file| is_place && !file.is_empty())?;
    Some(format!("{file}:{line}:{column}"))
}

/// An assertion of C: expression, file, line, function.
fn assertion(module: &WasmModule<'_>, name: &str, args: &[Option<u64>]) -> Option<String> {
    let ("__assert_fail", [Some(expression), Some(file), Some(line), ..]) = (name, args) else { return None };
    let text = |at: u64| {
        let ended = (0..=MOST_CHARS).find(|n| at_load(module, at, n + 1).is_some_and(|text| text[*n] == 0));
        utf8(module, at, ended? as u64)
    };
    Some(format!("assertion failed: {} in {}:{line}", text(*expression)?, text(*file)?))
}

/// Text in the module's data segments.
fn utf8(module: &WasmModule<'_>, at: u64, length: u64) -> Option<String> {
    let bytes =
        at_load(module, at, usize::try_from(length).ok().filter(|length| *length <= 4 * MOST_CHARS)?)?;
    Some(String::from_utf8(bytes).ok()?.chars().take(MOST_CHARS).collect())
}

/// A string of AssemblyScript that stands in a data segment: UTF-16, with the number of its bytes in front.
fn string(module: &WasmModule<'_>, at: u64) -> Option<String> {
    let length = at_load(module, at.checked_sub(4)?, 4)?;
    // The length is the module's word: no more is read than is kept.
    let length = (u32::from_le_bytes(length.try_into().ok()?) as usize).min(4 * MOST_CHARS);
    let text = at_load(module, at, length)?;
    let units: Vec<u16> = text.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    Some(String::from_utf16_lossy(&units).chars().take(MOST_CHARS).collect())
}
