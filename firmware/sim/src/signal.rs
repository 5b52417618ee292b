//! Levels over time, and the VCD file that has them.

use std::collections::HashSet;
use std::io::{self, Write};

use xmap_boards::Line;

use crate::Change;

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
/// GTKWave opens.
///
/// A level that changed twice within a microsecond, because a module does not wait between two
/// stores, has both changes in the file; viewers show the last of them.
///
/// # Errors
/// Where `out` fails.
pub fn write_vcd(out: impl Write, module: &str, signals: &[Signal], end_us: u64) -> io::Result<()> {
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
    vcd.upscope()?;
    vcd.enddefinitions()?;

    vcd.timestamp(0)?;
    vcd.begin(vcd::SimulationCommand::Dumpvars)?;
    for (wire, signal) in wires.iter().zip(signals) {
        vcd.change_scalar(*wire, signal.initial)?;
    }
    vcd.end()?;
    let mut changes: Vec<_> = wires
        .iter()
        .zip(signals)
        .flat_map(|(wire, signal)| signal.changes.iter().map(|change| (*wire, change)))
        .collect();
    changes.sort_by_key(|(_, change)| (change.time_us, change.step));
    let mut now = 0;
    for (wire, change) in changes {
        if change.time_us != now {
            now = change.time_us;
            vcd.timestamp(now)?;
        }
        vcd.change_scalar(wire, change.high)?;
    }
    if end_us > now {
        vcd.timestamp(end_us)?;
    }
    vcd.flush()
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
        let mut file = Vec::new();
        write_vcd(&mut file, "hall 1", &signals, 500).unwrap();
        let mut parser = vcd::Parser::new(file.as_slice());
        let header = parser.parse_header().unwrap();
        assert_eq!(header.timescale, Some((1, vcd::TimescaleUnit::US)));
        let code = |name: &str| header.find_var(&["hall_1", name]).unwrap().code;
        let (lamp, button, other) = (code("status_lamp"), code("button"), code("button_22"));
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
                Command::End(vcd::SimulationCommand::Dumpvars),
                scalar(lamp, true),
                Command::Timestamp(120),
                scalar(lamp, false),
                scalar(button, false),
                scalar(lamp, true),
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
