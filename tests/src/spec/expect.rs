//! The suite's messages, and what each stands for here.

use tiny_mapper::TrapCode;
use xmap_compiler::codes::Code;
use xmap_compiler::diagnostic::Diagnostics;

/// Returns whether a trap is the one that a message of `assert_trap` or `assert_exhaustion` means. The suite
/// compares beginnings: `uninitialized element 2` is an `uninitialized element`.
pub(super) fn is_trap(message: &str, code: TrapCode) -> bool {
    const KINDS: &[(&str, TrapCode)] = &[
        ("integer divide by zero", TrapCode::DivideByZero),
        ("integer overflow", TrapCode::IntegerOverflow),
        ("invalid conversion to integer", TrapCode::InvalidConversion),
        ("unreachable", TrapCode::Unreachable),
        ("out of bounds memory access", TrapCode::OutOfBounds),
        ("out of bounds table access", TrapCode::TableOutOfBounds),
        ("undefined element", TrapCode::UndefinedElement),
        ("uninitialized element", TrapCode::NullElement),
        ("indirect call type mismatch", TrapCode::SignatureMismatch),
        ("call stack exhausted", TrapCode::StackOverflow),
    ];
    KINDS.iter().find(|(text, _)| message.starts_with(text)).is_some_and(|(_, kind)| *kind == code)
}

/// Returns whether the compiler's refusal is the trap that instantiating the module would be: an active
/// segment that does not fit is found before there is an image.
pub(super) fn is_refused_trap(message: &str, refusal: &Diagnostics) -> bool {
    match message {
        "out of bounds memory access" => refusal.has(Code::DataOutside),
        "out of bounds table access" => refusal.has(Code::ElementsOutside),
        _ => false,
    }
}

/// Returns whether the compiler refused a module for what it imports.
pub(super) fn is_import(refusal: &Diagnostics) -> bool {
    [Code::UnknownImport, Code::ImportSignature, Code::ImportKind].iter().any(|code| refusal.has(*code))
}

/// Returns whether the compiler refused a module because it breaks a rule of WebAssembly. What a later
/// proposal allows is refused for what it needs.
pub(super) fn is_invalid(refusal: &Diagnostics) -> bool {
    [Code::InvalidModule, Code::NotAModule, Code::Unsupported].iter().any(|code| refusal.has(*code))
}
