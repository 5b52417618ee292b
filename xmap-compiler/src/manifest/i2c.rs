//! `[i2c.NAME]`: the devices on I2C buses that the module may reach, each with its bounds.

use std::ops::RangeInclusive;

use toml::{Spanned, de::DeValue};
use xmap_boards::{Board, I2cBus};
use xmap_image::{
    I2cRegisters, I2cRow,
    limits::{I2C_ADDRESSES, I2C_SPEED_HZ, MAX_I2C_BYTES, MAX_I2C_DEVICES},
};

use super::{
    At, devices,
    measure::SPEED,
    reader::{Reader, Table},
};
use crate::diagnostic::Code;

/// The clock's rate where the manifest says none: standard mode, which every device takes.
pub(super) const DEFAULT_SPEED_HZ: u32 = 100_000;

/// What a time limit has beyond twice the time on the wire where the manifest says none, in microseconds: for
/// a device that holds the clock.
const SLACK_US: u32 = 1_000;

/// One device of `[i2c]`. Its index, which calls name, is its place in the manifest.
#[derive(Clone, Debug)]
pub struct I2cDevice {
    /// The name; its place is the key.
    pub name: At<String>,
    /// The bus; its place is that of its number.
    pub bus: At<&'static I2cBus>,
    /// The row that the image has of it, without its name.
    pub row: I2cRow,
    /// The registers that transfers may name; `None` where they may name any.
    pub registers: Option<I2cRegisters>,
}

/// The devices that could be read, in the order of the text.
pub(super) fn parse(reader: &mut Reader<'_>, root: &Table<'_>, board: &Board) -> Vec<I2cDevice> {
    let kind = ("i2c", "I2C devices", MAX_I2C_DEVICES);
    let mut devices =
        devices::parse(reader, root, kind, |reader, key, table| device(reader, key, table, board));
    let narrowed = devices.iter_mut().filter(|device| device.registers.is_some());
    (1..).zip(narrowed).for_each(|(number, device)| device.row = device.row.with_registers(number));
    same(reader, &devices);
    devices
}

fn device(reader: &mut Reader<'_>, key: &At<&str>, table: &Table<'_>, board: &Board) -> Option<I2cDevice> {
    reader.only(
        table,
        &[
            "bus",
            "address",
            "speed_hz",
            "speed",
            "write_max",
            "read_max",
            "timeout_us",
            "timeout",
            "registers",
        ],
    );
    reader.required(table, &["bus", "address", "write_max", "read_max"]);
    let name = devices::name(reader, "i2c", key);
    let bus = bus(reader, table, board);
    let address = address(reader, table);
    let most = MAX_I2C_BYTES as u32;
    let write_max = reader.integer32(table, "write_max", 0..=most);
    let read_max = reader.integer32(table, "read_max", 0..=most);
    let speed = reader.measure32(table, &SPEED, I2C_SPEED_HZ);
    let speed = table.or(SPEED.keys(), speed, DEFAULT_SPEED_HZ);
    let narrowed = table.has("registers");
    let registers = registers(reader, table);
    let (bus, speed_hz) = (bus?, speed?);
    let most = [write_max?.value as u16, read_max?.value as u16];
    let row =
        |timeout_us| I2cRow::new(bus.value.number, address.unwrap_or_default(), speed_hz, most, timeout_us);
    let wire_us = row(0).wire_us(most[0].into(), most[1].into());
    let lengths = "`write_max` or `read_max`";
    let timeout_us = devices::timeout(reader, table, wire_us, ["speed_hz", lengths], SLACK_US)?;
    address?;
    if narrowed && registers.is_none() {
        return None;
    }
    Some(I2cDevice { name: name?, bus, row: row(timeout_us), registers })
}

/// `registers = { read = [0, "16-31"], write = [1] }`.
fn registers(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<I2cRegisters> {
    let sets = reader.sub_table(table, "registers", format!("`registers` of {}", table.name))?;
    reader.only(&sets, &["read", "write"]);
    let errors = reader.errors.len();
    let [read, write] = ["read", "write"].map(|key| {
        let list = reader.list(&sets, key, "a list of registers").map_or(&[][..], |list| list.value);
        list.iter().filter_map(|item| range(reader, key, item)).flatten().collect::<Vec<u8>>()
    });
    (reader.errors.len() == errors).then(|| I2cRegisters::new(read, write))
}

/// A register, or a text with the first and the last of several.
fn range(reader: &mut Reader<'_>, key: &str, item: &Spanned<DeValue<'_>>) -> Option<RangeInclusive<u8>> {
    let DeValue::String(text) = item.get_ref() else {
        let one = reader.whole(key, item, 0..=0xff)?.value as u8;
        return Some(one..=one);
    };
    let ends = text.split_once('-').and_then(|(first, last)| Some([number(first)?, number(last)?]));
    match ends {
        Some([first, last]) if first <= last => Some(first..=last),
        _ => {
            let message = format!("{key}: expected registers, `\"16-31\"`, found `{text}`");
            reader.error(Code::OutOfRange, &item.span(), message).help =
                Some("registers are 0 to 255, the first one in front".into());
            None
        }
    }
}

/// A register, decimal or hexadecimal.
fn number(text: &str) -> Option<u8> {
    match text.trim().strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok(),
        None => text.trim().parse().ok(),
    }
}

fn bus(reader: &mut Reader<'_>, table: &Table<'_>, board: &Board) -> Option<At<&'static I2cBus>> {
    let buses = board.i2c.iter().map(|bus| format!("{} (lines {} and {})", bus.number, bus.sda, bus.scl));
    let find = |number| board.i2c_bus(number);
    devices::place(reader, (table, board), ("bus", "I2C bus", "buses"), find, &buses.collect::<Vec<_>>())
}

fn address(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<u8> {
    let at = reader.integer(table, "address", 0..=u64::MAX)?;
    if let Some(address) = u8::try_from(at.value).ok().filter(|address| I2C_ADDRESSES.contains(address)) {
        return Some(address);
    }
    let message = format!("{}: {:#04x} is no 7-bit address of a device", table.name, at.value);
    let half = u8::try_from(at.value / 2).ok().filter(|half| at.value > 0x77 && I2C_ADDRESSES.contains(half));
    let help = match half {
        Some(half) => format!("write {half:#04x}: the bit for reading is not part of it"),
        None => format!("addresses are {:#04x} to {:#04x}", I2C_ADDRESSES.start(), I2C_ADDRESSES.end()),
    };
    reader.error(Code::BadAddress, &at.span, message).help = Some(help);
    None
}

/// A bus has one device at an address.
fn same(reader: &mut Reader<'_>, devices: &[I2cDevice]) {
    for (n, device) in devices.iter().enumerate() {
        let place = |device: &I2cDevice| (device.row.bus_number(), device.row.address());
        if let Some(first) = devices[..n].iter().find(|first| place(first) == place(device)) {
            let (bus, address) = place(device);
            let message = format!(
                "i2c {} and i2c {} are both at {address:#04x} of bus {bus}",
                first.name.value, device.name.value
            );
            let note = (reader.place(&first.name.span), "the first one".to_string());
            reader.error(Code::SameDevice, &device.name.span, message).notes.push(note);
        }
    }
}
