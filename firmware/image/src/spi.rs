//! The SPI devices that an image declares: no op can name another one.

use bytemuck::{Pod, Zeroable};
use xmap_boards::{BoardId, Line, SpiBus};

#[cfg(feature = "host-calls")]
use crate::limits;

/// One SPI device that an image declares: 20 bytes. Its index in the section is what a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SpiRow {
    /// `bus | select << 8 | mode << 16`; the top byte is zero.
    place: u32,
    /// Bytes that a transfer has at most.
    max_bytes: u32,
    clock_hz: u32,
    timeout_us: u32,
    /// `offset | length << 16` of the name in the string section.
    pub(crate) name: u32,
}

impl SpiRow {
    /// A row without a name. `select` is the number of the line that selects the device, `mode` 0 to 3.
    pub const fn new([bus, select, mode]: [u8; 3], clock_hz: u32, max_bytes: u32, timeout_us: u32) -> Self {
        let place = bus as u32 | (select as u32) << 8 | (mode as u32) << 16;
        Self { place, max_bytes, clock_hz, timeout_us, name: 0 }
    }

    /// The same row with a reference to its name.
    #[cfg(feature = "build")]
    pub(crate) const fn named(self, name: u32) -> Self {
        Self { name, ..self }
    }

    /// Returns whether every field is a value that exists on the board, and the time limit holds the longest
    /// transfer.
    #[cfg(feature = "host-calls")]
    pub(crate) fn check(&self, board: BoardId) -> bool {
        self.place >> 18 == 0
            && self.bus(board).is_some_and(|bus| usize::from(self.select()) < bus.selects.len())
            && (1..=limits::MAX_SPI_BYTES as u32).contains(&self.max_bytes)
            && limits::SPI_CLOCK_HZ.contains(&self.clock_hz)
            && self.timeout_us <= limits::MAX_BUS_TIMEOUT_US
            && self.timeout_us >= self.wire_us(self.max_bytes)
    }

    /// Returns the number of the bus.
    pub const fn bus_number(&self) -> u8 {
        self.place as u8
    }

    /// Returns the bus, if the board has it.
    pub fn bus(&self, board: BoardId) -> Option<&'static SpiBus> {
        board.board().spi_bus(self.bus_number())
    }

    /// Returns the number of the line that selects the device.
    pub const fn select(&self) -> u8 {
        (self.place >> 8) as u8
    }

    /// Returns the line that selects the device, if the board has it.
    pub fn select_line(&self, board: BoardId) -> Option<Line> {
        self.bus(board)?.selects.get(usize::from(self.select())).copied()
    }

    /// Returns the mode: bit 1 is the clock's level between transfers (CPOL), bit 0 whether bits are taken at
    /// its second edge (CPHA).
    pub const fn mode(&self) -> u8 {
        (self.place >> 16) as u8
    }

    /// Returns how many bytes a transfer has at most.
    pub const fn max_bytes(&self) -> u32 {
        self.max_bytes
    }

    /// Returns the rate of the clock.
    pub const fn clock_hz(&self) -> u32 {
        self.clock_hz
    }

    /// Returns the microseconds after which a transfer that is not done is ended: what a call is charged.
    pub const fn timeout_us(&self) -> u32 {
        self.timeout_us
    }

    /// Returns the microseconds that a transfer of so many bytes takes on the wire, rounded up: eight clocks
    /// for each byte, and one for the device's selection and its end.
    pub const fn wire_us(&self, bytes: u32) -> u32 {
        let clocks = bytes as u64 * 8 + 1;
        match self.clock_hz {
            0 => u32::MAX,
            hz => (clocks * 1_000_000).div_ceil(hz as u64) as u32,
        }
    }
}

#[cfg(all(test, feature = "host-calls"))]
mod tests {
    use super::*;

    #[test]
    fn rows_are_held_against_their_ranges() {
        let row = SpiRow::new([0, 1, 3], 1_000_000, 4, 33);
        assert_eq!((row.wire_us(4), row.bus_number(), row.select(), row.mode()), (33, 0, 1, 3));
        assert_eq!(row.select_line(BoardId::Rpi4b).map(Line::number), Some(7));
        assert!(row.check(BoardId::Rpi4b) && !row.check(BoardId::Sim96));
        for (row, why) in [
            (SpiRow::new([1, 0, 0], 1_000_000, 4, 100), "no such bus"),
            (SpiRow::new([0, 2, 0], 1_000_000, 4, 100), "no such select line"),
            (SpiRow::new([0, 0, 4], 1_000_000, 4, 100), "no such mode"),
            (SpiRow::new([0, 0, 0], 9_999, 4, 100_000), "too slow"),
            (SpiRow::new([0, 0, 0], 32_000_001, 4, 100), "too fast"),
            (SpiRow::new([0, 0, 0], 1_000_000, 0, 100), "no bytes"),
            (SpiRow::new([0, 0, 0], 1_000_000, 513, 100_000), "too many bytes"),
            (SpiRow::new([0, 0, 0], 1_000_000, 4, 32), "the longest transfer takes 33"),
            (SpiRow::new([0, 0, 0], 1_000_000, 4, 100_001), "too long"),
        ] {
            assert!(!row.check(BoardId::Rpi4b), "{why}");
        }
    }
}
