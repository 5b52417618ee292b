//! What buses carried over time, decoded.

use crate::{ChipPlace, EventKind, Sim, SpiTransfer, Transfer};

/// What one bus, port or channel carried over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// `i2c1`, `spi0`, `uart3`, or `lamp_duty` for a channel `lamp`.
    pub name: String,
    /// What it carried, in order.
    pub spans: Vec<Span>,
}

/// A stretch of time in which a bus carried something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it began, in microseconds since the board was made.
    pub start_us: u64,
    /// When it was over.
    pub end_us: u64,
    /// What it was: `temp w 00 r 19 80 ok`, with the name of the manifest for the device.
    pub text: String,
}

/// `w 01 03`, for each direction in which bytes went.
fn bytes(directions: &[(char, Option<&[u8]>)]) -> String {
    let mut text = String::new();
    for (letter, bytes) in directions {
        let Some(bytes) = bytes else { continue };
        text += &format!(" {letter}");
        bytes.iter().for_each(|byte| text += &format!(" {byte:02x}"));
    }
    text
}

impl Sim {
    /// Returns the bus that an event is of, and what it carried.
    fn decoded(&self, kind: &EventKind) -> Option<(String, String)> {
        Some(match kind {
            EventKind::Transfer(Transfer { bus, address, written, read, status }) => {
                let device = self.device_name(&ChipPlace::I2c { bus: *bus, address: *address });
                let device = device.map_or_else(|| format!("{address:#04x}"), str::to_owned);
                let bytes = bytes(&[('w', written.as_deref()), ('r', read.as_deref())]);
                (format!("i2c{bus}"), format!("{device}{bytes} {status}"))
            }
            EventKind::SpiTransfer(SpiTransfer { bus, select, written, read, status }) => {
                let device = self.device_name(&ChipPlace::Spi { bus: *bus, select: *select });
                let device = device.map_or_else(|| format!("ce{select}"), str::to_owned);
                let bytes = bytes(&[('w', Some(written)), ('r', Some(read))]);
                (format!("spi{bus}"), format!("{device}{bytes} {status}"))
            }
            EventKind::Carried(carried) => {
                let letter = if carried.sent { 'w' } else { 'r' };
                let bytes = bytes(&[(letter, Some(&carried.bytes))]);
                (format!("uart{}", carried.port), bytes.trim_start().to_owned())
            }
            EventKind::Wave(wave) => {
                let name = self.device_name(&ChipPlace::Pwm(wave.line));
                let name = name.map_or_else(|| format!("pwm{}", wave.line), str::to_owned);
                let permille = wave.high_ns / wave.period_us.max(1);
                (format!("{name}_duty"), format!("{}.{}%", permille / 10, permille % 10))
            }
            EventKind::Access(_) | EventKind::Log { .. } | EventKind::Driven { .. } => return None,
        })
    }

    /// Returns what buses, serial ports and PWM channels carried over time, each that carried something. What
    /// a channel has lasts until it has something else.
    pub fn traffic(&self) -> Vec<Traffic> {
        let now_us = self.time_us();
        let mut all: Vec<Traffic> = Vec::new();
        for event in self.board().events() {
            let Some((name, text)) = self.decoded(&event.kind) else { continue };
            let lasts = matches!(event.kind, EventKind::Wave(_));
            let end_us = if lasts { now_us } else { event.end_us };
            let span = Span { start_us: event.time_us, end_us, text };
            match all.iter_mut().find(|traffic| traffic.name == name) {
                None => all.push(Traffic { name, spans: vec![span] }),
                Some(traffic) => {
                    if let Some(last) = traffic.spans.last_mut().filter(|_| lasts) {
                        last.end_us = event.time_us;
                    }
                    traffic.spans.push(span);
                }
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }
}
