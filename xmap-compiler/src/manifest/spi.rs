//! `[spi.NAME]`: the devices on SPI buses that the module may reach, each with its bounds.

use xmap_boards::{Board, SpiBus};
use xmap_image::{
    SpiRow,
    limits::{MAX_SPI_BYTES, MAX_SPI_DEVICES, SPI_CLOCK_HZ},
};

use super::{
    At, devices,
    measure::CLOCK,
    reader::{Reader, Table},
};
use crate::diagnostic::Code;

/// The clock's rate where the manifest says none: every device takes it.
pub(super) const DEFAULT_CLOCK_HZ: u32 = 1_000_000;

/// What a time limit has beyond twice the time on the wire where the manifest says none, in microseconds: no
/// device can make a transfer longer.
const SLACK_US: u32 = 100;

/// One device of `[spi]`. Its index, which calls name, is its place in the manifest.
#[derive(Clone, Debug)]
pub struct SpiDevice {
    /// The name; its place is the key.
    pub name: At<String>,
    /// The bus; its place is that of its number.
    pub bus: At<&'static SpiBus>,
    /// The row that the image has of it, without its name.
    pub row: SpiRow,
}

/// The devices that could be read, in the order of the text.
pub(super) fn parse(reader: &mut Reader<'_>, root: &Table<'_>, board: &Board) -> Vec<SpiDevice> {
    let kind = ("spi", "SPI devices", MAX_SPI_DEVICES);
    devices::parse(reader, root, kind, |reader, key, table| device(reader, key, table, board))
}

fn device(reader: &mut Reader<'_>, key: &At<&str>, table: &Table<'_>, board: &Board) -> Option<SpiDevice> {
    let keys = ["bus", "cs", "mode", "clock_hz", "clock", "max_bytes", "timeout_us", "timeout"];
    reader.only(table, &keys);
    reader.required(table, &["bus", "cs", "max_bytes"]);
    let name = devices::name(reader, "spi", key);
    let bus = bus(reader, table, board);
    let select = bus.as_ref().and_then(|bus| select(reader, table, bus.value));
    let mode = reader.integer32(table, "mode", 0..=3);
    let mode = table.or(["mode"], mode, 0);
    let max_bytes = reader.integer32(table, "max_bytes", 1..=MAX_SPI_BYTES as u32);
    let clock_hz = reader.measure32(table, &CLOCK, SPI_CLOCK_HZ);
    let clock_hz = table.or(CLOCK.keys(), clock_hz, DEFAULT_CLOCK_HZ);
    let (max_bytes, clock_hz) = (max_bytes?.value, clock_hz?);
    let wire_us = SpiRow::new([0; 3], clock_hz, max_bytes, 0).wire_us(max_bytes);
    let timeout_us = devices::timeout(reader, table, wire_us, ["clock_hz", "`max_bytes`"], SLACK_US);
    let bus = bus?;
    let row = SpiRow::new([bus.value.number, select?, mode? as u8], clock_hz, max_bytes, timeout_us?);
    Some(SpiDevice { name: name?, bus, row })
}

fn bus(reader: &mut Reader<'_>, table: &Table<'_>, board: &Board) -> Option<At<&'static SpiBus>> {
    let buses: Vec<String> = board.spi.iter().map(|bus| bus.number.to_string()).collect();
    let find = |number| board.spi_bus(number);
    devices::place(reader, (table, board), ("bus", "SPI bus", "buses"), find, &buses)
}

/// The number of the line that selects the device.
fn select(reader: &mut Reader<'_>, table: &Table<'_>, bus: &SpiBus) -> Option<u8> {
    let number = reader.integer(table, "cs", 0..=u64::MAX)?;
    if usize::try_from(number.value).is_ok_and(|number| number < bus.selects.len()) {
        return Some(number.value as u8);
    }
    let message = format!("{}: SPI bus {} has no select line {}", table.name, bus.number, number.value);
    let lines = bus.selects.iter().enumerate().map(|(n, line)| format!("{n} (line {line})"));
    let help = format!("its select lines are {}", super::and(&lines.collect::<Vec<_>>()));
    reader.error(Code::NoSuchBus, &number.span, message).help = Some(help);
    None
}
