//! `[uart.NAME]`: the serial ports of the module, each with its bounds.

use xmap_boards::{Board, Line, UartPort};
use xmap_image::{
    Format, UartRow,
    limits::{MAX_UART_BYTES, MAX_UART_PORTS, MAX_UART_WRITE_US, UART_BAUD},
};

use super::{
    At, devices,
    reader::{Reader, Table},
};
use crate::diagnostic::Code;

/// One port of `[uart]`. Its index, which calls name, is its place in the manifest.
#[derive(Clone, Debug)]
pub struct Uart {
    /// The name; its place is the key.
    pub name: At<String>,
    /// The port; its place is that of its number.
    pub port: At<&'static UartPort>,
    /// The row that the image has of it, without its name.
    pub row: UartRow,
}

/// The ports that could be read, in the order of the text.
pub(super) fn parse(reader: &mut Reader<'_>, root: &Table<'_>, board: &Board) -> Vec<Uart> {
    let kind = ("uart", "serial ports", MAX_UART_PORTS);
    devices::parse(reader, root, kind, |reader, key, table| uart(reader, key, table, board))
}

fn uart(reader: &mut Reader<'_>, key: &At<&str>, table: &Table<'_>, board: &Board) -> Option<Uart> {
    reader.only(table, &["port", "baud", "format", "rs485", "write_max", "rx_buffer"]);
    reader.required(table, &["port", "baud"]);
    let name = devices::name(reader, "uart", key);
    let port = port(reader, table, board);
    let baud = reader.integer32(table, "baud", UART_BAUD);
    let format = format(reader, table);
    let errors = reader.errors.len();
    let de = de(reader, table, board);
    let most = ["write_max", "rx_buffer"].map(|key| {
        let most = MAX_UART_BYTES as u32;
        let found = reader.integer32(table, key, 1..=most);
        table.or([key], found, most).map(|found| found as u16)
    });
    if reader.errors.len() > errors {
        return None;
    }
    let (baud, port) = (baud?, port?);
    let row = UartRow::new(port.value.number, baud.value, format?, de, [most[0]?, most[1]?]);
    if row.worst_us() > MAX_UART_WRITE_US {
        let message = format!(
            "{}: the longest write takes {} us, {MAX_UART_WRITE_US} at most",
            table.name,
            row.worst_us()
        );
        reader.error(Code::ShortTimeout, &baud.span, message).help = Some("lower `write_max`".into());
        return None;
    }
    Some(Uart { name: name?, port, row })
}

fn port(reader: &mut Reader<'_>, table: &Table<'_>, board: &Board) -> Option<At<&'static UartPort>> {
    let ports = board.uart.iter().map(|port| format!("{} (lines {} and {})", port.number, port.tx, port.rx));
    let find = |number| board.uart_port(number);
    devices::place(reader, (table, board), ("port", "UART", "ports"), find, &ports.collect::<Vec<_>>())
}

/// `format = "8N1"`, which it is unless said.
fn format(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<Format> {
    if !table.has("format") {
        return Format::parse("8N1");
    }
    let text = reader.string(table, "format")?;
    if let Some(format) = Format::parse(&text.value) {
        return Some(format);
    }
    let message = format!("format: expected data bits, parity and stop bits, found `{}`", text.value);
    reader.error(Code::BadFormat, &text.span, message).help =
        Some("`8N1`, `8E1`, `8O1`, `8N2`, and the same with 7".into());
    None
}

/// `rs485 = { de = LINE }`.
fn de(reader: &mut Reader<'_>, table: &Table<'_>, board: &Board) -> Option<Line> {
    let rs485 = reader.sub_table(table, "rs485", format!("`rs485` of {}", table.name))?;
    reader.only(&rs485, &["de"]);
    reader.required(&rs485, &["de"]);
    let number = reader.integer(&rs485, "de", 0..=u64::MAX)?;
    let line = u8::try_from(number.value).ok().and_then(Line::new);
    let line = line.filter(|line| board.header.contains(*line) && board.reserved(*line).is_none());
    if line.is_none() {
        let message = format!("{}: line {} is none of the header that is free", rs485.name, number.value);
        reader.error(Code::NoSuchLine, &number.span, message);
    }
    line
}
