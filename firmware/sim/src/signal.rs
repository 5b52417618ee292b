//! Levels over time, and the VCD file that has them.

use std::collections::HashSet;
use std::io::{self, Write};

use xmap_boards::Line;

use crate::{Change, Traffic};

/// The levels of one line over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// What the manifest calls the line, or `gpio17`.
    pub name: String,
    /// The line.
    pub line: Line,
    /// Its level at the beginning.
    pub initial: bool,
    /// Its changes, in order.
    pub changes: Vec<Change>,
}

/// Writes a VCD file (IEEE 1364, section 18) with one wire for each signal, in microseconds, that
/// GTKWave opens. What buses carried is in it, decoded, as a variable of texts for each, which is an
/// extension of the viewers: a text stands from the beginning of a transfer to its end, with `_` for each
/// space.
///
/// A level that changed twice within a microsecond, because a module does not wait between two
/// stores, has both changes in the file; viewers show the last of them.
///
/// # Errors
/// Where `out` fails.
pub fn write_vcd(
    out: impl Write,
    module: &str,
    signals: &[Signal],
    traffic: &[Traffic],
    end_us: u64,
) -> io::Result<()> {
    let mut vcd = vcd::Writer::new(out);
    vcd.version(concat!("xmap ", env!("CARGO_PKG_VERSION")))?;
    vcd.timescale(1, vcd::TimescaleUnit::US)?;
    vcd.add_module(&identifier(module, "panel"))?;
    let mut wires = Vec::with_capacity(signals.len());
    let mut names = HashSet::new();
    for signal in signals {
        let fallback = format!("gpio{}", signal.line);
        let mut name = identifier(&signal.name, &fallback);
        while !names.insert(name.clone()) {
            name = format!("{name}_{}", signal.line);
        }
        wires.push(vcd.add_wire(1, &name)?);
    }
    let mut texts = Vec::with_capacity(traffic.len());
    for of in traffic {
        let mut name = identifier(&of.name, "bus");
        while !names.insert(name.clone()) {
            name += "_bus";
        }
        texts.push(vcd.add_var(vcd::VarType::String, 1, &name, None)?);
    }
    vcd.upscope()?;
    vcd.enddefinitions()?;

    vcd.timestamp(0)?;
    vcd.begin(vcd::SimulationCommand::Dumpvars)?;
    for (wire, signal) in wires.iter().zip(signals) {
        vcd.change_scalar(*wire, signal.initial)?;
    }
    for text in &texts {
        vcd.change_string(*text, IDLE)?;
    }
    vcd.end()?;
    let levels = wires.iter().zip(signals).flat_map(|(wire, signal)| {
        signal.changes.iter().map(|change| (change.time_us, change.step, *wire, Now::Level(change.high)))
    });
    let carried = texts.iter().zip(traffic).flat_map(|(text, of)| {
        let next = of.spans.iter().skip(1).map(|span| span.start_us).chain([u64::MAX]);
        of.spans.iter().zip(next).flat_map(|(span, next_us)| {
            let begin = (span.start_us, u32::MAX, *text, Now::Text(span.text.replace(' ', "_")));
            let end = (span.end_us, u32::MAX, *text, Now::Text(IDLE.to_owned()));
            std::iter::once(begin).chain((span.end_us < next_us && span.end_us < end_us).then_some(end))
        })
    });
    let mut changes: Vec<_> = levels.chain(carried).collect();
    changes.sort_by_key(|(time_us, step, ..)| (*time_us, *step));
    let mut now = 0;
    for (time_us, _, variable, value) in changes {
        if time_us != now {
            now = time_us;
            vcd.timestamp(now)?;
        }
        match value {
            Now::Level(high) => vcd.change_scalar(variable, high)?,
            Now::Text(text) => vcd.change_string(variable, &text)?,
        }
    }
    if end_us > now {
        vcd.timestamp(end_us)?;
    }
    vcd.flush()
}

/// The text of a bus that carries nothing.
const IDLE: &str = "-";

/// What a variable has from some time on.
enum Now {
    Level(bool),
    Text(String),
}

/// A name as VCD takes it: printable ASCII without spaces.
fn identifier(name: &str, fallback: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    // A name of nothing but replacements says nothing.
    if name.chars().all(|c| c == '_') { fallback.to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;
    use vcd::{Command, Value};

    fn line(n: u8) -> Line {
        Line::new(n).unwrap()
    }

    fn signal(name: &str, n: u8, initial: bool, changes: &[(u64, u32, bool)]) -> Signal {
        let change = |(time_us, step, high): &(u64, u32, bool)| Change {
            time_us: *time_us,
            step: *step,
            line: line(n),
            high: *high,
        };
        Signal { name: name.into(), line: line(n), initial, changes: changes.iter().map(change).collect() }
    }

    #[test]
    fn a_file_reads_back() {
        let signals = [
            signal("status lamp", 17, false, &[(0, 0, true), (120, 2, false), (120, 4, true)]),
            signal("button", 27, true, &[(120, 3, false)]),
            signal("button", 22, false, &[]),
        ];
        let span = |start_us, end_us, text: &str| Span { start_us, end_us, text: text.into() };
        let spans = vec![span(10, 30, "temp w 00 ok"), span(30, 120, "temp r 19 ok")];
        let traffic = [Traffic { name: "i2c1".into(), spans }];
        let mut file = Vec::new();
        write_vcd(&mut file, "hall 1", &signals, &traffic, 500).unwrap();
        let mut parser = vcd::Parser::new(file.as_slice());
        let header = parser.parse_header().unwrap();
        assert_eq!(header.timescale, Some((1, vcd::TimescaleUnit::US)));
        let code = |name: &str| header.find_var(&["hall_1", name]).unwrap().code;
        let (lamp, button, other) = (code("status_lamp"), code("button"), code("button_22"));
        let bus = code("i2c1");
        let text = |text: &str| Command::ChangeString(bus, text.into());
        let commands: Vec<Command> = parser.map(Result::unwrap).collect();
        let scalar = |id, high| Command::ChangeScalar(id, if high { Value::V1 } else { Value::V0 });
        assert_eq!(
            commands,
            [
                Command::Timestamp(0),
                Command::Begin(vcd::SimulationCommand::Dumpvars),
                scalar(lamp, false),
                scalar(button, true),
                scalar(other, false),
                text("-"),
                Command::End(vcd::SimulationCommand::Dumpvars),
                scalar(lamp, true),
                Command::Timestamp(10),
                text("temp_w_00_ok"),
                Command::Timestamp(30),
                text("temp_r_19_ok"),
                Command::Timestamp(120),
                scalar(lamp, false),
                scalar(button, false),
                scalar(lamp, true),
                text("-"),
                Command::Timestamp(500),
            ]
        );
    }

    #[test]
    fn names_are_what_viewers_take() {
        assert_eq!(identifier("Tür 1", "gpio4"), "T_r_1");
        assert_eq!(identifier("温度", "gpio4"), "gpio4");
        assert_eq!(identifier("", "panel"), "panel");
    }
}
