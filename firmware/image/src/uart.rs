//! The serial ports that an image declares: no op can name another one.

use bytemuck::{Pod, Zeroable};
use xmap_boards::{BoardId, Line, UartPort};

#[cfg(feature = "host-calls")]
use crate::limits;

/// One serial port that an image declares: 16 bytes. Its index in the section is what a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct UartRow {
    /// `port | format << 8 | de << 16`; the top byte is zero.
    place: u32,
    baud: u32,
    /// `write_max | rx_buffer << 16`, in bytes.
    most: u32,
    /// `offset | length << 16` of the name in the string section.
    pub(crate) name: u32,
}

/// No line that drives the bus.
const NO_LINE: u8 = 0xff;
/// What a write may take beyond its time on the wire, in microseconds: the kernel looks only now and then
/// whether all was sent.
const SLACK_US: u32 = 20_000;

/// A parity bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// None.
    None = 0,
    /// An even number of ones.
    Even = 1,
    /// An odd number of ones.
    Odd = 2,
}

/// The bits of a character: `8N1` and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Data bits, 7 or 8.
    pub data: u8,
    /// The parity bit.
    pub parity: Parity,
    /// Stop bits, 1 or 2.
    pub stop: u8,
}

impl Format {
    /// Reads a text: `8N1`.
    pub fn parse(text: &str) -> Option<Self> {
        let [data, parity, stop] = text.as_bytes() else { return None };
        let parity = match parity.to_ascii_uppercase() {
            b'N' => Parity::None,
            b'E' => Parity::Even,
            b'O' => Parity::Odd,
            _ => return None,
        };
        let format = Self { data: data.wrapping_sub(b'0'), parity, stop: stop.wrapping_sub(b'0') };
        (matches!(format.data, 7 | 8) && matches!(format.stop, 1 | 2)).then_some(format)
    }

    /// Returns the bits of a character, the start bit included.
    pub const fn bits(self) -> u32 {
        1 + self.data as u32 + !matches!(self.parity, Parity::None) as u32 + self.stop as u32
    }

    const fn code(self) -> u8 {
        (self.data - 7) | (self.parity as u8) << 1 | (self.stop - 1) << 3
    }

    const fn from_code(code: u8) -> Option<Self> {
        let parity = match code >> 1 & 3 {
            0 => Parity::None,
            1 => Parity::Even,
            2 => Parity::Odd,
            _ => return None,
        };
        if code >> 4 != 0 { None } else { Some(Self { data: 7 + (code & 1), parity, stop: 1 + (code >> 3) }) }
    }
}

impl core::fmt::Display for Format {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let parity = match self.parity {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        write!(f, "{}{parity}{}", self.data, self.stop)
    }
}

impl UartRow {
    /// A row without a name; `de` is the line that is high while the port sends.
    pub const fn new(port: u8, baud: u32, format: Format, de: Option<Line>, most: [u16; 2]) -> Self {
        let de = match de {
            Some(line) => line.number(),
            None => NO_LINE,
        };
        let place = port as u32 | (format.code() as u32) << 8 | (de as u32) << 16;
        Self { place, baud, most: most[0] as u32 | (most[1] as u32) << 16, name: 0 }
    }

    /// The same row with a reference to its name.
    #[cfg(feature = "build")]
    pub(crate) const fn named(self, name: u32) -> Self {
        Self { name, ..self }
    }

    /// Returns whether every field is a value that exists on the board.
    #[cfg(feature = "host-calls")]
    pub(crate) fn check(&self, board: BoardId) -> bool {
        const MOST: u32 = limits::MAX_UART_BYTES as u32;
        let de = (self.place >> 16) as u8;
        let lines = board.board();
        let is_line = |line: Line| lines.all_lines().contains(line) && lines.reserved(line).is_none();
        self.place >> 24 == 0
            && self.port(board).is_some()
            && Format::from_code((self.place >> 8) as u8).is_some()
            && (de == NO_LINE || Line::new(de).is_some_and(is_line))
            && limits::UART_BAUD.contains(&self.baud)
            && (1..=MOST).contains(&self.write_max())
            && (1..=MOST).contains(&self.rx_buffer())
            && self.worst_us() <= limits::MAX_UART_WRITE_US
    }

    /// Returns the number of the port.
    pub const fn port_number(&self) -> u8 {
        self.place as u8
    }

    /// Returns the port, if the board has it.
    pub fn port(&self, board: BoardId) -> Option<&'static UartPort> {
        board.board().uart_port(self.port_number())
    }

    /// Returns the bits of a character.
    pub const fn format(&self) -> Format {
        match Format::from_code((self.place >> 8) as u8) {
            Some(format) => format,
            None => Format { data: 8, parity: Parity::None, stop: 1 },
        }
    }

    /// Returns the line that is high while the port sends, on an RS-485 bus.
    pub fn de(&self) -> Option<Line> {
        Line::new((self.place >> 16) as u8)
    }

    /// Returns the bits in a second.
    pub const fn baud(&self) -> u32 {
        self.baud
    }

    /// Returns how many bytes a write has at most.
    pub const fn write_max(&self) -> u32 {
        self.most & 0xffff
    }

    /// Returns how many received bytes wait at most.
    pub const fn rx_buffer(&self) -> u32 {
        self.most >> 16
    }

    /// Returns the microseconds that so many bytes take on the wire, rounded up.
    pub const fn wire_us(&self, bytes: u32) -> u32 {
        let bits = bytes as u64 * self.format().bits() as u64;
        match self.baud {
            0 => u32::MAX,
            baud => (bits * 1_000_000).div_ceil(baud as u64) as u32,
        }
    }

    /// Returns the microseconds after which a write has ended, whatever happens: what a call is charged.
    pub const fn worst_us(&self) -> u32 {
        self.wire_us(self.write_max()).saturating_add(SLACK_US)
    }
}

#[cfg(all(test, feature = "host-calls"))]
mod tests {
    use super::*;

    const FORMAT: Format = Format { data: 8, parity: Parity::Even, stop: 1 };

    #[test]
    fn formats_are_texts_and_codes() {
        for text in ["7N1", "7E1", "7O2", "8N1", "8N2", "8E1", "8O1"] {
            let format = Format::parse(text).unwrap();
            assert_eq!(format.to_string(), text);
            assert_eq!(Format::from_code(format.code()), Some(format));
        }
        assert_eq!(Format::parse("8e1"), Some(FORMAT));
        for text in ["", "8N", "9N1", "6N1", "8N0", "8N3", "8M1", "8N1 "] {
            assert_eq!(Format::parse(text), None, "{text}");
        }
        assert_eq!(["8N1", "8E1", "7N2"].map(|text| Format::parse(text).unwrap().bits()), [10, 11, 10]);
    }

    #[test]
    fn rows_are_held_against_their_ranges() {
        let row = UartRow::new(3, 19_200, FORMAT, Line::new(17), [256, 256]);
        assert!(row.check(BoardId::Rpi4b) && !row.check(BoardId::Sim96));
        // 2,816 bits.
        assert_eq!((row.wire_us(256), row.worst_us()), (146_667, 166_667));
        assert_eq!((row.de(), row.format(), row.rx_buffer()), (Line::new(17), FORMAT, 256));
        for (row, why) in [
            (UartRow::new(2, 19_200, FORMAT, None, [8, 8]), "the lines of a HAT's EEPROM"),
            (UartRow::new(3, 19_200, FORMAT, Line::new(14), [8, 8]), "a reserved line"),
            (UartRow::new(3, 299, FORMAT, None, [1, 8]), "too slow"),
            (UartRow::new(3, 1_000_001, FORMAT, None, [8, 8]), "too fast"),
            (UartRow::new(3, 19_200, FORMAT, None, [0, 8]), "writes nothing"),
            (UartRow::new(3, 19_200, FORMAT, None, [8, 257]), "too large a buffer"),
            (UartRow::new(3, 1_200, FORMAT, None, [256, 8]), "a write of two seconds"),
            (UartRow { place: row.place | 3 << 9, ..row }, "no such parity"),
            (UartRow { place: row.place | 1 << 24, ..row }, "a flag"),
        ] {
            assert!(!row.check(BoardId::Rpi4b), "{why}");
        }
    }
}
