//! A run on the simulated board, told to a person.

use std::io::Write;

use tiny_mapper::{Trap, TrapCode};
use xmap_boards::Line;
use xmap_compiler::manifest::lines_text;
use xmap_compiler::map::Origin;
use xmap_image::Image;
use xmap_sim::{Access, Register, Shown, Sim, draw, time};

use super::Done;
use super::load::Loaded;
use super::output::{self, count};
use super::sim::Step;

/// What was loaded.
pub(super) fn loaded(loaded: &Loaded, out: &mut dyn Write) -> Done {
    let image = loaded.image.image();
    let header = image.header();
    let manifest = loaded.image.manifest();
    let path = loaded.path.display();
    writeln!(
        out,
        "{path}: {} version {} for {}, {}, {}",
        manifest.module,
        header.version,
        header.board.board().name,
        count(image.exports().len(), "export"),
        count(image.words().len() * 4, "byte")
    )?;
    if image.is_bare() {
        let lines = lines_text(image.declared());
        writeln!(out, "no manifest: lines {lines} may all be used")?;
    }
    if loaded.stale_map {
        let map = &loaded.map_path;
        writeln!(out, "{} is that of another image: traps have no source lines", map.display())?;
    }
    Ok(writeln!(out)?)
}

/// What the module did while it was mounted.
pub(super) fn mounted(sim: &mut Sim, out: &mut dyn Write) -> Done {
    writeln!(out, "{:>10}  mount", "0")?;
    let mut all = Vec::new();
    sim.show_new(&mut |shown| all.push(shown));
    all.iter().try_for_each(|shown| self::shown(&sim.image(), shown, out))
}

/// A step, and what it did.
pub(super) fn step(sim: &mut Sim, loaded: &Loaded, step: &Step, out: &mut dyn Write) -> Done {
    writeln!(out, "{:>10}  {}", time(sim.time_us()), step.text)?;
    let mut all = Vec::new();
    let played = step.play(sim, &mut |shown| all.push(shown));
    for shown in &all {
        self::shown(&sim.image(), shown, out)?;
        if let Shown::Trapped { trap, .. } | Shown::HandlerTrapped { trap, .. } = shown
            && let Some(origin) = origin(loaded, trap)
        {
            writeln!(out, "{INDENT}  at {origin}")?;
        }
    }
    played
}

/// The waveform, and what was counted.
pub(super) fn end(sim: &Sim, out: &mut dyn Write) -> Done {
    let drawn = draw(&sim.signals(), sim.time_us(), output::columns());
    if !drawn.is_empty() {
        write!(out, "\n{drawn}")?;
    }
    let counters = sim.counters();
    writeln!(
        out,
        "\n{}, {}, {}, {} of virtual time",
        count(counters.calls as usize, "call"),
        count(counters.traps as usize, "trap"),
        count(sim.stores().count(), "register store"),
        time(sim.time_us())
    )?;
    Ok(())
}

/// Where a step's doings stand.
const INDENT: &str = "              ";

fn shown(image: &Image<'_>, shown: &Shown, out: &mut dyn Write) -> Done {
    let text = match shown {
        Shown::Store(access) => format!("{access}  {}", effect(image, access)),
        Shown::Trapped { trap, .. } => format!("trap {}: {}", trap.code, reason(trap)),
        Shown::HandlerTrapped { name, trap } => format!("{name} trap {}: {}", trap.code, reason(trap)),
        Shown::Faulted { .. } => "faulted: the module takes no calls until it is reset".into(),
        Shown::Returned { values, .. } if values.is_empty() => return Ok(()),
        Shown::Returned { values, .. } => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("-> {}", values.join(" "))
        }
        Shown::Log(..) => shown.to_string(),
    };
    Ok(writeln!(out, "{INDENT}{text}")?)
}

/// What a store does to the lines, by their names: `lamp high`.
fn effect(image: &Image<'_>, access: &Access) -> String {
    let (bank, level) = match access.register {
        Register::Set(bank) => (bank, "high"),
        Register::Clear(bank) => (bank, "low"),
        _ => return String::new(),
    };
    // An image that was loaded has a block that holds.
    let manifest = image.manifest().unwrap_or_default();
    let name = |line: Line| match manifest.pins.iter().find(|pin| pin.line == line.number()) {
        Some(pin) => pin.name.to_string(),
        None => format!("line {line}"),
    };
    let lines = (0..Line::COUNT).filter_map(Line::new);
    let lines = lines.filter(|line| line.bank() == bank && line.mask() & access.value != 0);
    format!("{} {level}", lines.map(name).collect::<Vec<_>>().join(", "))
}

/// Why a call stopped, in words.
pub(super) fn reason(trap: &Trap) -> String {
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
        TrapCode::BadText => format!("the text at address {detail:#x} is not UTF-8"),
    }
}

/// Where a trap happened, through the map.
pub(super) fn origin(loaded: &Loaded, trap: &Trap) -> Option<Origin> {
    if trap.op == Trap::NO_OP { None } else { loaded.map.as_ref()?.find(trap.op) }
}
