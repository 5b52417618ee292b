//! The lines of an image: who may have them, their state at load, their safe state.
//!
//! | mode | at load, in this order | safe state (failed mount, unmount) |
//! | --- | --- | --- |
//! | `in` | pull; input | stays an input |
//! | `out`, `safe = "low"` or `"high"` | store the level; output; pull | store the level |
//! | `out`, `safe = "hold"` | store the level that it has, unless it is an output; output; pull | nothing |
//! | `out`, `safe = "float"` | pull; input; output when mounted | input |
//! | `inout`, `safe = "low"` or `"high"` | pull; store the level; input | store the level |
//! | `inout`, `safe = "hold"` | pull; store the level that it had, unless it is an output; input | nothing |
//! | `inout`, `safe = "float"` | pull; input | input |
//! | `any` | nothing | input, if it is an output |
//!
//! The level is stored before the line becomes an output, so that it never shows another one. A
//! floating output becomes an output only after `on_mount` has said yes: what the module stores
//! until then waits in the line's latch, and a module that fails to mount never drives it.
//!
//! **`hold` keeps the level that the line has.** At power-on that is the level of an input: of what is wired
//! to it, or of the pull that the chip has after a reset. It is read before anything of the image's lines is
//! changed, so it needs no time to settle: these pulls have held the line since the power came. After a
//! change of the pull the level would be neither the old nor the new one for a while (50 kOhm and a wire of 1
//! nF take 250 us). For the same reason the pull of an output comes last, when the line is driven: a line
//! that its pull alone holds does not move in between. A line that is an output keeps what was stored last;
//! its level may be another one where it is overloaded.
//!
//! A PWM channel has its safe duty from the load on, and whenever outputs become safe; in a swap, one that
//! both images declare alike goes on.
//!
//! A module without a manifest (`any`) says nothing about its lines, so those that it has made outputs become
//! inputs, which is what they are after a reset.

use core::fmt;

use tiny_mapper::{Function, Gpio, Port};
use xmap_boards::{Bank, Line, LineSet};
use xmap_image::{Image, PinMode, PinRow, PwmRow, Safe};

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

/// Checks that an image declares no line that its board needs, in any mode. The compiler declares none; an
/// image may come from elsewhere.
///
/// # Errors
/// The first such line.
pub fn check_lines(image: &Image<'_>) -> Result<(), ReservedLine> {
    let board = image.board().board();
    image.pins().iter().map(PinRow::line).chain(image.bus_lines().iter()).try_for_each(|line| {
        match board.reserved(line) {
            Some(reason) => Err(ReservedLine { line, reason }),
            None => Ok(()),
        }
    })
}

/// The levels of lines before anything of them is changed.
struct Before {
    /// Lines that are outputs.
    outputs: LineSet,
    /// The levels of the others.
    levels: LineSet,
}

impl Before {
    /// All of them as outputs: what was stored last stands.
    const STORED: Self = Self { outputs: LineSet::below(Line::COUNT), levels: LineSet::EMPTY };

    /// Looks at those of the lines whose level is to be held, and reads nothing else.
    fn of<'p, P: Gpio>(pins: impl Iterator<Item = &'p PinRow>, port: &mut P) -> Self {
        let held =
            |pin: &&PinRow| matches!(pin.mode(), PinMode::Out | PinMode::InOut) && pin.safe() == Safe::Hold;
        let (mut outputs, mut inputs) = (LineSet::EMPTY, LineSet::EMPTY);
        for line in pins.filter(held).map(PinRow::line) {
            let lines = if port.is_output(line) { &mut outputs } else { &mut inputs };
            lines.put(line, true);
        }
        let mut levels = LineSet::EMPTY;
        for bank in Bank::ALL.into_iter().filter(|bank| inputs.bank(*bank) != 0) {
            levels |= LineSet::of_bank(bank, port.level(bank));
        }
        Self { outputs, levels }
    }
}

/// Brings the lines of an image into their state at load; see the table above.
pub fn prepare_lines<P: Port>(image: &Image<'_>, port: &mut P) {
    let before = Before::of(image.pins().iter(), port);
    image.pins().iter().for_each(|pin| prepare(pin, &before, port));
    image.pwm().iter().for_each(|channel| set_safe(channel, port));
}

/// Gives a channel its safe duty. A board without channels has none: a call of the module says so.
fn set_safe<P: Port>(channel: &PwmRow, port: &mut P) {
    if let Some(pwm) = port.pwm() {
        pwm.set(channel, channel.safe_ns());
    }
}

/// Brings the lines from one image's declaration to another's. A line that both declare in the same mode
/// keeps function and level; its pull is set where it differs. Other lines of `old` become safe as it says,
/// other lines of `new` get their state at load. `rests` says that the outputs of `old` are in their safe
/// state.
pub(crate) fn change_lines<P: Port>(old: &Image<'_>, new: &Image<'_>, rests: bool, port: &mut P) {
    let before = Before::of(new.pins().iter().filter(|pin| stays(pin, old, rests).is_none()), port);
    change(old, new, rests, &before, port);
}

/// The same where `new` was active before and comes back with the state that it had: an output that holds has
/// again what was stored last, and not what the line shows since it is another image's input.
pub(crate) fn bring_back_lines<P: Port>(old: &Image<'_>, new: &Image<'_>, rests: bool, port: &mut P) {
    change(old, new, rests, &Before::STORED, port);
}

fn change<P: Port>(old: &Image<'_>, new: &Image<'_>, rests: bool, before: &Before, port: &mut P) {
    // A channel that both declare alike goes on.
    let is_in = |channel: &&PwmRow, image: &Image<'_>| image.pwm().iter().any(|other| other.is_same(channel));
    old.pwm().iter().filter(|channel| !is_in(channel, new)).for_each(|channel| set_safe(channel, port));
    new.pwm().iter().filter(|channel| !is_in(channel, old)).for_each(|channel| set_safe(channel, port));
    for pin in old.pins() {
        if stays(pin, new, false).is_none() {
            make_pin_safe(pin, port);
        }
    }
    for pin in new.pins() {
        match stays(pin, old, rests) {
            Some(before) if before.pull() != pin.pull() => port.pull(pin.line(), pin.pull()),
            Some(_) => {}
            None => prepare(pin, before, port),
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

fn prepare<P: Gpio>(pin: &PinRow, before: &Before, port: &mut P) {
    let line = pin.line();
    match (pin.mode(), pin.safe()) {
        (PinMode::Any, _) => {}
        (PinMode::Out, Safe::Low | Safe::High | Safe::Hold) => {
            latch(pin, before, port);
            port.select(line, Function::Output);
            port.pull(line, pin.pull());
        }
        (PinMode::In, _) | (_, Safe::Float) => {
            port.pull(line, pin.pull());
            port.select(line, Function::Input);
        }
        (PinMode::InOut, _) => {
            port.pull(line, pin.pull());
            latch(pin, before, port);
            port.select(line, Function::Input);
        }
    }
}

/// Stores the level that a line begins with: the safe one or, where that is to be held, the one that the line
/// had. An output that holds has it in its latch.
fn latch<P: Gpio>(pin: &PinRow, before: &Before, port: &mut P) {
    if pin.safe() != Safe::Hold {
        store_safe(pin, port);
    } else if !before.outputs.contains(pin.line()) {
        store(pin.line(), before.levels.contains(pin.line()), port);
    }
}

/// Makes outputs of the floating ones that were not outputs under the image before: the image is mounted.
pub(crate) fn release_lines<P: Gpio>(before: Option<(&Image<'_>, bool)>, image: &Image<'_>, port: &mut P) {
    for pin in image.pins() {
        let floating = pin.mode() == PinMode::Out && pin.safe() == Safe::Float;
        if floating && before.is_none_or(|(old, rests)| stays(pin, old, rests).is_none()) {
            port.select(pin.line(), Function::Output);
        }
    }
}

/// Brings the outputs of an image into their safe state, see the table above, and its channels to their safe
/// duty.
pub fn make_safe<P: Port>(image: &Image<'_>, port: &mut P) {
    image.pins().iter().for_each(|pin| make_pin_safe(pin, port));
    image.pwm().iter().for_each(|channel| set_safe(channel, port));
}

/// The same for who has nothing but the lines, as an interrupt handler: the line of a channel becomes an
/// input, which it is after the reset that follows.
pub fn make_safe_by_lines<P: Gpio>(image: &Image<'_>, port: &mut P) {
    image.pins().iter().for_each(|pin| make_pin_safe(pin, port));
    let channels = image.pwm().iter().filter_map(|channel| channel.line(image.board()));
    channels.for_each(|channel| port.select(channel.line, Function::Input));
}

fn make_pin_safe<P: Gpio>(pin: &PinRow, port: &mut P) {
    match (pin.mode(), pin.safe()) {
        (PinMode::In, _) => {}
        (PinMode::Out | PinMode::InOut, Safe::Float) => port.select(pin.line(), Function::Input),
        (PinMode::Out | PinMode::InOut, _) => store_safe(pin, port),
        (PinMode::Any, _) => {
            if port.is_output(pin.line()) {
                port.select(pin.line(), Function::Input);
            }
        }
    }
}

fn store_safe<P: Gpio>(pin: &PinRow, port: &mut P) {
    match pin.safe() {
        Safe::Low => store(pin.line(), false, port),
        Safe::High => store(pin.line(), true, port),
        Safe::Hold | Safe::Float => {}
    }
}

fn store<P: Gpio>(line: Line, high: bool, port: &mut P) {
    let (bank, mask) = (line.bank(), line.mask());
    if high { port.set(bank, mask) } else { port.clear(bank, mask) }
}
