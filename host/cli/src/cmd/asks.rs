//! What an image does without being asked and what it asks of a device: start function, handlers, fuel,
//! waits, memory, function selects and pulls, and the limits that it is beyond.

use xmap_boards::Line;
use xmap_compiler::report::device_texts;
use xmap_image::{Days, EventSource, ExportId, Image, Op, PinMode, PinRow, Pull, Zone, decode};
use xmap_trust::{Limit, Limits};

use super::clean::one_line;

/// Returns when a handler is called.
pub(super) fn trigger(source: EventSource) -> String {
    let edge = |edge: &str, line: u8, debounce_us: u32| match debounce_us {
        0 => format!("{edge} edge of line {line}"),
        us => format!("{edge} edge of line {line} that holds {us} us"),
    };
    match source {
        EventSource::Rising { line, debounce_us } => edge("rising", line, debounce_us),
        EventSource::Falling { line, debounce_us } => edge("falling", line, debounce_us),
        EventSource::Both { line, debounce_us } => edge("any", line, debounce_us),
        EventSource::Every { every_us } => format!("every {every_us} us"),
        EventSource::After { after_us } => format!("once, {after_us} us after the mount"),
        EventSource::At { minute, days } => {
            format!("at {:02}:{:02} {}", minute / 60, minute % 60, Days(days))
        }
    }
}

/// The facts, each with the name of its line.
pub(super) fn facts(image: &Image<'_>) -> Vec<(&'static str, String)> {
    let header = image.header();
    let none = || "none".to_string();
    let asked = |limit: Limit| limit.asked(image);
    let manifest = image.manifest().unwrap_or_default();
    let mut handlers: Vec<String> = manifest
        .events
        .iter()
        .map(|event| {
            let name = image.name(ExportId(event.export)).unwrap_or_default();
            format!("{} {}", one_line(name), trigger(event.source))
        })
        .collect();
    if let Some(events) = asked(Limit::Events) {
        handlers.push(format!("timers up to {events} a second"));
    }
    let memory = match (header.memory_bytes, asked(Limit::Memory).unwrap_or(0)) {
        (0, 0) => none(),
        (now, most) if most > now => format!("{now} bytes, up to {most}"),
        (now, _) => format!("{now} bytes"),
    };
    let beyond = match Limits::default().check(image) {
        Ok(()) => "within those that a device has by default".into(),
        Err(exceeded) => format!("beyond those that a device has by default: {exceeded}"),
    };
    let mut facts = vec![
        ("start", header.start.map_or_else(none, |function| format!("function {function}"))),
        ("handlers", if handlers.is_empty() { none() } else { handlers.join("; ") }),
        ("fuel", asked(Limit::Fuel).map_or_else(none, |fuel| format!("{fuel} of a call at most"))),
        ("waits", asked(Limit::Time).map_or_else(none, |us| format!("{us} us of a call at most"))),
        ("memory", format!("{memory}; {} slots, {} of the stack", image.slots(), image.stack_slots())),
        ("limits", beyond),
    ];
    facts.extend(device_texts(image));
    if image.zone() != Zone::UTC
        || manifest.events.iter().any(|event| matches!(event.source, EventSource::At { .. }))
    {
        facts.push(("zone", image.zone().to_string()));
    }
    facts.extend(lines_of(image));
    facts
}

/// The lines whose function select or pull is stored to: at the mount, and by ops.
fn lines_of(image: &Image<'_>) -> impl Iterator<Item = (&'static str, String)> {
    let direct = image.exports().iter().filter(|row| row.is_direct()).map(|row| row.first as u8);
    let ops: Vec<u8> = decode(image.code()).map(|(_, op, _)| op as u8).chain(direct).collect();
    let has = |op: Op| ops.contains(&(op as u8));
    let lines = |which: &dyn Fn(&PinRow) -> bool| -> Vec<Line> {
        image.pins().iter().filter(|pin| which(pin)).map(|pin| pin.line()).collect()
    };
    let both = |pin: &PinRow| matches!(pin.mode(), PinMode::InOut | PinMode::Any);
    let selects = [
        ("output", lines(&|pin| pin.mode() == PinMode::Out)),
        ("input", lines(&|pin| matches!(pin.mode(), PinMode::In | PinMode::InOut))),
        ("set by the module", if has(Op::GpioDirection) { lines(&both) } else { Vec::new() }),
    ];
    let pulls = [
        ("up", lines(&|pin| pin.pull() == Pull::Up)),
        ("down", lines(&|pin| pin.pull() == Pull::Down)),
        (
            "set by the module",
            if has(Op::GpioPull) { lines(&|pin| pin.mode() != PinMode::Out) } else { Vec::new() },
        ),
    ];
    let text = |groups: [(&str, Vec<Line>); 3]| {
        let group = |(what, lines): &(&str, Vec<Line>)| {
            let lines: Vec<String> = lines.iter().map(Line::to_string).collect();
            format!("{what} {}", lines.join(", "))
        };
        let groups: Vec<String> = groups.iter().filter(|(_, lines)| !lines.is_empty()).map(group).collect();
        groups.join("; ")
    };
    [("selects", text(selects)), ("pulls", text(pulls))].into_iter().filter(|(_, text)| !text.is_empty())
}
