//! The lines of an image: who may have them, their state at load, their safe state.
//!
//! | mode | at load, in this order | safe state (failed mount, unmount) |
//! | --- | --- | --- |
//! | `in` | pull; input | stays an input |
//! | `out`, `safe = "low"` or `"high"` | pull; store the level; output | store the level |
//! | `out`, `safe = "hold"` | pull; output, with the level that was stored last | nothing |
//! | `out`, `safe = "float"` | pull; input; output when mounted | input |
//! | `inout` | pull; store the level, if `low` or `high`; input | input, if `float`; else as an `out` |
//! | `any` | nothing | nothing |
//!
//! The level is stored before the line becomes an output, so that it never shows another one. A
//! floating output becomes an output only after `on_mount` has said yes: what the module stores
//! until then waits in the line's latch, and a module that fails to mount never drives it.

use core::fmt;

use tiny_mapper::{Function, Port};
use xmap_boards::Line;
use xmap_image::{Image, PinMode, PinRow, Safe};

/// A line that the board needs for itself, and that an image declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedLine {
    /// The line.
    pub line: Line,
    /// What the board uses it for.
    pub reason: &'static str,
}

impl fmt::Display for ReservedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is reserved for {}", self.line, self.reason)
    }
}

/// Checks that an image declares no line that its board needs, in any mode. The compiler declares none; an image
/// may come from elsewhere.
///
/// # Errors
/// The first such line.
pub fn check_lines(image: &Image<'_>) -> Result<(), ReservedLine> {
    let board = image.board().board();
    image.pins().iter().map(PinRow::line).try_for_each(|line| match board.reserved(line) {
        Some(reason) => Err(ReservedLine { line, reason }),
        None => Ok(()),
    })
}

/// Brings the lines of an image into their state at load; see the table above.
pub fn prepare_lines<P: Port>(image: &Image<'_>, port: &mut P) {
    image.pins().iter().for_each(|pin| prepare(pin, port));
}

/// Brings the lines from one image's declaration to another's. A line that both declare in the same mode keeps
/// function and level; its pull is set where it differs. Other lines of `old` become safe as it says, other
/// lines of `new` get their state at load. `rests` says that the outputs of `old` are in their safe state.
pub(crate) fn change_lines<P: Port>(old: &Image<'_>, new: &Image<'_>, rests: bool, port: &mut P) {
    for pin in old.pins() {
        if stays(pin, new, false).is_none() {
            make_pin_safe(pin, port);
        }
    }
    for pin in new.pins() {
        match stays(pin, old, rests) {
            Some(before) if before.pull() != pin.pull() => port.pull(pin.line(), pin.pull()),
            Some(_) => {}
            None => prepare(pin, port),
        }
    }
}

/// The other image's row for a line that stays as it is between the two.
fn stays<'i>(pin: &PinRow, other: &Image<'i>, rests: bool) -> Option<&'i PinRow> {
    let other = other.pins().iter().find(|other| other.line() == pin.line() && other.mode() == pin.mode())?;
    // A floating output that rests is an input.
    let floats = rests && other.mode() == PinMode::Out && other.safe() == Safe::Float;
    (!floats).then_some(other)
}

fn prepare<P: Port>(pin: &PinRow, port: &mut P) {
    let line = pin.line();
    if pin.mode() == PinMode::Any {
        return;
    }
    port.pull(line, pin.pull());
    match pin.mode() {
        PinMode::Out if pin.safe() != Safe::Float => {
            store_safe(pin, port);
            port.select(line, Function::Output);
        }
        PinMode::InOut => {
            store_safe(pin, port);
            port.select(line, Function::Input);
        }
        _ => port.select(line, Function::Input),
    }
}

/// Makes outputs of the floating ones that were not outputs under the image before: the image is mounted.
pub(crate) fn release_lines<P: Port>(before: Option<(&Image<'_>, bool)>, image: &Image<'_>, port: &mut P) {
    for pin in image.pins() {
        let floating = pin.mode() == PinMode::Out && pin.safe() == Safe::Float;
        if floating && before.is_none_or(|(old, rests)| stays(pin, old, rests).is_none()) {
            port.select(pin.line(), Function::Output);
        }
    }
}

/// Brings the outputs of an image into their safe state; see the table above.
pub fn make_safe<P: Port>(image: &Image<'_>, port: &mut P) {
    image.pins().iter().for_each(|pin| make_pin_safe(pin, port));
}

fn make_pin_safe<P: Port>(pin: &PinRow, port: &mut P) {
    match (pin.mode(), pin.safe()) {
        (PinMode::Out | PinMode::InOut, Safe::Float) => port.select(pin.line(), Function::Input),
        (PinMode::Out | PinMode::InOut, _) => store_safe(pin, port),
        (PinMode::In | PinMode::Any, _) => {}
    }
}

fn store_safe<P: Port>(pin: &PinRow, port: &mut P) {
    let (bank, mask) = (pin.line().bank(), pin.line().mask());
    match pin.safe() {
        Safe::Low => port.clear(bank, mask),
        Safe::High => port.set(bank, mask),
        Safe::Hold | Safe::Float => {}
    }
}
