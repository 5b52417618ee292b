//! Traps in words and in lines of source.

use std::path::Path;

use tiny_mapper::{Trap, TrapCode};
use xmap_abi::HostFunction;
use xmap_compiler::diagnostic::{Code, Diagnostic, Place};
use xmap_compiler::map::{Origin, SourceMap};
use xmap_device::{Hook, MountError};
use xmap_image::limits::DEFAULT_FUEL;

/// Returns why a call stopped, in words.
pub fn reason(trap: &Trap) -> String {
    let detail = trap.detail;
    match trap.code {
        TrapCode::Unreachable => "an `unreachable` instruction".into(),
        TrapCode::DivideByZero => "a division by zero".into(),
        TrapCode::IntegerOverflow => "the result does not fit its integer type".into(),
        TrapCode::OutOfBounds => format!("an access to address {detail:#x}, outside the memory"),
        TrapCode::UndeclaredLine => format!("line or bank {detail} is not declared for this use"),
        TrapCode::Fuel => "the call used up its fuel".into(),
        TrapCode::StackOverflow => "calls nest too deep".into(),
        TrapCode::BadArgument if detail & Trap::RESULT != 0 => {
            format!("result {} does not fit its type", detail & !Trap::RESULT)
        }
        TrapCode::BadArgument if trap.op == Trap::NO_OP => format!("argument {detail} does not fit"),
        TrapCode::BadArgument => format!("a native operation was given {detail}, which means nothing"),
        TrapCode::Time => format!("a wait of {detail} us more is longer than a call may wait"),
        TrapCode::UndefinedElement => format!("an indirect call of index {detail}, outside the table"),
        TrapCode::NullElement => format!("an indirect call of index {detail}, where the table has nothing"),
        TrapCode::SignatureMismatch => {
            format!("an indirect call of index {detail}, a function of another type")
        }
        TrapCode::TableOutOfBounds => format!("index {detail} is outside the table or the segment"),
        TrapCode::InvalidConversion => "NaN has no integer".into(),
        TrapCode::Unavailable => match u8::try_from(detail).ok().and_then(HostFunction::from_u8) {
            Some(function) => format!("this board has nothing for {function}"),
            None => format!("host function {detail} is not known here"),
        },
        TrapCode::Refused => format!("the module refused the call, with reason {}", detail as i32),
        TrapCode::BadText => format!("the text at address {detail:#x} is not UTF-8"),
    }
}

/// Returns where a trap happened, through the map of its image.
pub fn origin<'m>(maps: impl IntoIterator<Item = &'m SourceMap>, trap: &Trap) -> Option<Origin> {
    if trap.op == Trap::NO_OP {
        return None;
    }
    // The trap names its image by the beginning of its hash.
    let hash: String = trap.image.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    maps.into_iter().find(|map| map.image.starts_with(&hash))?.find(trap.op, Some(trap.export))
}

/// The author's lines that a trap can be said to be at, each as `file:line:column`.
pub fn places<'m>(maps: impl IntoIterator<Item = &'m SourceMap>, trap: &Trap) -> Vec<String> {
    let Some(Origin { source, inlined, callers, .. }) = origin(maps, trap) else { return Vec::new() };
    callers.into_iter().chain(source).chain(inlined).collect()
}

/// Returns why a panel was not mounted, and where in its source.
pub fn refused(path: &Path, map: Option<&SourceMap>, error: &MountError) -> Diagnostic {
    let shown = path.display();
    let file = Place::file(path);
    match error {
        MountError::Trap(hook, trap) => {
            let who = if *hook == Hook::Start { "the start function" } else { hook.name() };
            let message = format!("{shown}: {who} trapped: {}", reason(trap));
            let place = origin(map, trap).map_or(file, |origin| Place::File(origin.to_string()));
            let help = match (hook, trap.code) {
                (Hook::Start, TrapCode::Fuel) => Some(format!(
                    "it has {DEFAULT_FUEL} of fuel; say more in [limits] `fuel`, or let it do less. In a module that \
                     exports `_initialize`, too, a start function always has this"
                )),
                (_, TrapCode::Fuel) => Some("raise `fuel` in [limits], or let it do less".to_string()),
                _ => None,
            };
            Diagnostic::new(Code::MountFailed, place, message).help(help)
        }
        error => Diagnostic::new(Code::MountFailed, file, format!("{shown}: {error}")),
    }
}
