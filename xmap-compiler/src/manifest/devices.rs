//! What the tables of devices have in common, whatever the bus: names, time limits, and what each takes of
//! the board.

use std::ops::Range;

use xmap_boards::{Board, Line};
use xmap_image::{Claim, Extension, limits::MAX_BUS_TIMEOUT_US};

use super::{
    At, I2cDevice, Manifest, Pin, PwmChannel, SpiDevice, Uart,
    measure::TIMEOUT,
    reader::{Reader, Table},
};
use crate::{diagnostic::Code, names};

/// A device of the manifest, of any kind.
#[derive(Clone, Debug)]
pub struct Device<'m> {
    /// The table that it stands in: `i2c`.
    pub kind: &'static str,
    /// Its name; the place is the key.
    pub name: &'m At<String>,
    /// Where its bus is named.
    pub place: &'m Range<usize>,
    /// What it takes of the board.
    pub claim: Claim,
}

impl Device<'_> {
    /// Says what a line that the device takes is: `the clock line (SCL) of I2C bus 1`.
    fn role(&self, board: &Board, line: Line) -> String {
        let (number, what) = (self.claim.bus, self.kind.to_ascii_uppercase());
        if self.claim.section == Extension::Pwm {
            return format!("the line of PWM channel {number}");
        }
        let role = match self.claim.section {
            Extension::Uart => {
                let port = board.uart_port(number);
                return match port {
                    Some(port) if port.tx == line => format!("the sending line (TXD) of UART {number}"),
                    Some(port) if port.rx == line => format!("the receiving line (RXD) of UART {number}"),
                    _ => format!("the line of UART {number} that drives its bus (DE)"),
                };
            }
            Extension::Spi => {
                let bus = board.spi_bus(number);
                let is = |of: fn(&xmap_boards::SpiBus) -> Line| bus.is_some_and(|bus| of(bus) == line);
                if is(|bus| bus.sclk) {
                    "clock line (SCLK)"
                } else if is(|bus| bus.mosi) {
                    "data line (MOSI)"
                } else if is(|bus| bus.miso) {
                    "data line (MISO)"
                } else {
                    "select line (CE)"
                }
            }
            _ if board.i2c_bus(number).is_some_and(|bus| bus.sda == line) => "data line (SDA)",
            _ => "clock line (SCL)",
        };
        format!("the {role} of {what} bus {number}")
    }
}

/// The devices of all kinds.
pub(super) fn all<'m>(
    board: &Board,
    i2c: &'m [I2cDevice],
    spi: &'m [SpiDevice],
    pwm: &'m [PwmChannel],
    uart: &'m [Uart],
) -> Vec<Device<'m>> {
    let i2c = i2c.iter().filter_map(|device| {
        let claim = device.row.claim(board.id)?;
        Some(Device { kind: "i2c", name: &device.name, place: &device.bus.span, claim })
    });
    let spi = spi.iter().filter_map(|device| {
        let claim = device.row.claim(board.id)?;
        Some(Device { kind: "spi", name: &device.name, place: &device.bus.span, claim })
    });
    let pwm = pwm.iter().filter_map(|channel| {
        let claim = channel.row.claim(board.id)?;
        Some(Device { kind: "pwm", name: &channel.name, place: &channel.line.span, claim })
    });
    let uart = uart.iter().filter_map(|port| {
        let claim = port.row.claim(board.id)?;
        Some(Device { kind: "uart", name: &port.name, place: &port.port.span, claim })
    });
    i2c.chain(spi).chain(pwm).chain(uart).collect()
}

impl Manifest {
    /// Returns the devices on buses and the channels, kind by kind.
    pub fn devices(&self) -> Vec<Device<'_>> {
        all(self.board(), &self.i2c, &self.spi, &self.pwm, &self.uart)
    }
}

/// Reports names that two devices have, and lines that two of them, or one of them and `[pins]`, take.
pub(super) fn check(reader: &mut Reader<'_>, board: &Board, devices: &[Device<'_>], pins: &[Pin]) {
    for (n, device) in devices.iter().enumerate() {
        let (kind, name) = (device.kind, &device.name.value);
        let word = |device: &Device<'_>| names::word(&device.name.value);
        let note = |reader: &Reader<'_>, first: &Device<'_>| {
            (reader.place(&first.name.span), "the first one".to_string())
        };
        if let Some(first) = devices[..n].iter().find(|first| word(first) == word(device)) {
            let message = format!("{} {} and {kind} {name} have one name", first.kind, first.name.value);
            let note = note(reader, first);
            reader.error(Code::SameDevice, &device.name.span, message).notes.push(note);
        }
        let disputed = |first: &&Device<'_>| !device.claim.disputed(&first.claim).is_empty();
        if let Some(first) = devices[..n].iter().find(disputed)
            && let Some(line) = device.claim.disputed(&first.claim).iter().next()
        {
            let message =
                format!("{} {} and {kind} {name} both take line {line}", first.kind, first.name.value);
            // Of a channel, another line may be meant.
            let message = match first.claim.lines.contains(line) && device.claim.lines.contains(line) {
                true => message,
                false => format!(
                    "{} {} and {kind} {name} are both on PWM channel {}",
                    first.kind, first.name.value, device.claim.bus
                ),
            };
            let what = first.role(board, line);
            let note = match first.claim.section {
                Extension::Pwm => (reader.place(first.place), "the first one".to_string()),
                _ => (reader.place(first.place), format!("line {line} is {what}")),
            };
            let error = reader.error(Code::LineOfTwo, device.place, message);
            error.notes.push(note);
            error.help = Some("put one of them elsewhere".into());
        }
    }
    for pin in pins {
        let line = pin.line.value;
        let Some(device) = devices.iter().find(|device| device.claim.lines.contains(line)) else { continue };
        let message = format!("line {line} is {}", device.role(board, line));
        let what = match device.claim.section {
            Extension::Pwm | Extension::Uart => format!("{} {} has it", device.kind, device.name.value),
            _ => format!("{} {} is on bus {}", device.kind, device.name.value, device.claim.bus),
        };
        let note = (reader.place(device.place), what);
        let error = reader.error(Code::BusLine, &pin.line.span, message);
        error.notes.push(note);
        error.help = Some(match device.claim.section {
            Extension::Pwm => "leave the line out of [pins], or give the channel another one".into(),
            _ => "leave the line out of [pins], or put the device on another bus".into(),
        });
    }
}

/// The devices of a kind that could be read, in the order of the text; `device` reads one from its key and
/// its table.
pub(super) fn parse<T>(
    reader: &mut Reader<'_>,
    root: &Table<'_>,
    (kind, devices, most): (&str, &str, usize),
    mut device: impl FnMut(&mut Reader<'_>, &At<&str>, &Table<'_>) -> Option<T>,
) -> Vec<T> {
    let Some(table) = reader.sub_table(root, kind, format!("[{kind}]")) else { return Vec::new() };
    let entries = table.in_order();
    if entries.len() > most {
        let message = format!("{} {devices}, at most {most}", entries.len());
        reader.error(Code::TooManyDevices, &table.span, message);
    }
    let all = entries.into_iter().filter_map(|(key, value)| {
        let table = reader.table(format!("{kind} {}", key.value), value)?;
        device(reader, &key, &table)
    });
    all.collect()
}

/// The bus or port of a device, of which a key has the number: what `find` finds. `known` are those of the
/// board, and `one` and `many` what messages call them.
pub(super) fn place<T>(
    reader: &mut Reader<'_>,
    (table, board): (&Table<'_>, &Board),
    (key, one, many): (&str, &str, &str),
    find: impl Fn(u8) -> Option<&'static T>,
    known: &[String],
) -> Option<At<&'static T>> {
    let number = reader.integer(table, key, 0..=u64::MAX)?;
    if let Some(found) = u8::try_from(number.value).ok().and_then(find) {
        return Some(At::new(found, number.span));
    }
    let message = format!("{}: {} has no {one} {} for modules", table.name, board.name, number.value);
    let help = match known {
        [] => "it has none".to_string(),
        [only] => format!("its {key} is {only}"),
        known => format!("its {many} are {}", super::and(known)),
    };
    reader.error(Code::NoSuchBus, &number.span, message).help = Some(help);
    None
}

/// The name of a device: that of its table.
pub(super) fn name(reader: &mut Reader<'_>, kind: &str, key: &At<&str>) -> Option<At<String>> {
    let name = At::new(key.value.to_string(), key.span.clone());
    if names::word(key.value).is_none() {
        let message = format!("[{kind}]: `{}` has no letter or digit", key.value);
        reader.error(Code::BadName, &key.span, message);
        return None;
    }
    reader.short(&format!("[{kind}]"), &name).then_some(name)
}

/// The time limit of a transfer, which no longest one on the wire passes: what the table says, or twice that
/// and some more. The keys are those of the rate and of the lengths.
pub(super) fn timeout(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    wire_us: u32,
    [rate, lengths]: [&str; 2],
    slack_us: u32,
) -> Option<u32> {
    let who = &table.name;
    let given = TIMEOUT.keys().any(|key| table.has(key));
    match reader.measure32(table, &TIMEOUT, 1..=MAX_BUS_TIMEOUT_US) {
        None if given => None,
        Some(timeout) if timeout.value < wire_us => {
            let message =
                format!("{who}: the longest transfer takes {wire_us} us, timeout_us is {}", timeout.value);
            reader.error(Code::ShortTimeout, &timeout.span, message).help =
                Some(format!("raise `timeout_us` or `{rate}`, or lower {lengths}"));
            None
        }
        Some(timeout) => Some(timeout.value),
        None if wire_us > MAX_BUS_TIMEOUT_US => {
            let message = format!(
                "{who}: the longest transfer takes {wire_us} us, a time limit is {MAX_BUS_TIMEOUT_US} at most"
            );
            reader.error(Code::ShortTimeout, &table.span, message).help =
                Some(format!("raise `{rate}`, or lower {lengths}"));
            None
        }
        None => Some((2 * wire_us + slack_us).min(MAX_BUS_TIMEOUT_US)),
    }
}
