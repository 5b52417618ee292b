//! The I2C devices that an image declares: no op can name another one.

use bytemuck::{Pod, Zeroable};
use xmap_boards::{BoardId, I2cBus};

#[cfg(feature = "host-calls")]
use crate::limits;

/// One I2C device that an image declares: 20 bytes. Its index in the section is what a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct I2cRow {
    /// `bus | address << 8 | registers << 16`; the top byte is zero.
    place: u32,
    /// `write_max | read_max << 16`, in bytes.
    most: u32,
    speed_hz: u32,
    timeout_us: u32,
    /// `offset | length << 16` of the name in the string section.
    pub(crate) name: u32,
}

impl I2cRow {
    /// A row without a name.
    pub const fn new(bus: u8, address: u8, speed_hz: u32, most: [u16; 2], timeout_us: u32) -> Self {
        let [write, read] = most;
        Self {
            place: bus as u32 | (address as u32) << 8,
            most: write as u32 | (read as u32) << 16,
            speed_hz,
            timeout_us,
            name: 0,
        }
    }

    /// The same row with a reference to its name.
    #[cfg(feature = "build")]
    pub(crate) const fn named(self, name: u32) -> Self {
        Self { name, ..self }
    }

    /// The same row with the registers that a transfer may name: their row's place among those of the image,
    /// counted from 1; 0 is any register.
    #[must_use]
    pub const fn with_registers(self, number: u8) -> Self {
        Self { place: self.place & 0xffff | (number as u32) << 16, ..self }
    }

    /// Returns the number of its registers' row, from 1; 0 where a transfer may name any register.
    pub const fn registers(&self) -> u8 {
        (self.place >> 16) as u8
    }

    /// Returns whether every field is a value that exists on the board, and the time limit holds the longest
    /// transfer.
    #[cfg(feature = "host-calls")]
    pub(crate) fn check(&self, board: BoardId) -> bool {
        const MOST: u32 = limits::MAX_I2C_BYTES as u32;
        self.place >> 24 == 0
            && self.bus(board).is_some()
            && limits::I2C_ADDRESSES.contains(&self.address())
            && self.write_max() <= MOST
            && self.read_max() <= MOST
            && limits::I2C_SPEED_HZ.contains(&self.speed_hz)
            && self.timeout_us <= limits::MAX_BUS_TIMEOUT_US
            && self.timeout_us >= self.wire_us(self.write_max(), self.read_max())
    }

    /// Returns the number of the bus.
    pub const fn bus_number(&self) -> u8 {
        self.place as u8
    }

    /// Returns the bus, if the board has it.
    pub fn bus(&self, board: BoardId) -> Option<&'static I2cBus> {
        board.board().i2c_bus(self.bus_number())
    }

    /// Returns the 7-bit address.
    pub const fn address(&self) -> u8 {
        (self.place >> 8) as u8
    }

    /// Returns how many bytes a transfer writes at most.
    pub const fn write_max(&self) -> u32 {
        self.most & 0xffff
    }

    /// Returns how many bytes a transfer reads at most.
    pub const fn read_max(&self) -> u32 {
        self.most >> 16
    }

    /// Returns the rate of the clock.
    pub const fn speed_hz(&self) -> u32 {
        self.speed_hz
    }

    /// Returns the microseconds after which a transfer that is not done is ended.
    pub const fn timeout_us(&self) -> u32 {
        self.timeout_us
    }

    /// Returns the microseconds that a transfer of these lengths takes on the wire where the device holds
    /// the clock at no time, rounded up.
    pub const fn wire_us(&self, write: u32, read: u32) -> u32 {
        self.us_of(wire_clocks(write, read))
    }

    /// Returns the microseconds that freeing the bus takes after a transfer that was ended: nine clocks and
    /// a stop condition, with one more for each line's way back, rounded up.
    pub const fn recovery_us(&self) -> u32 {
        self.us_of(RECOVERY_CLOCKS)
    }

    /// Returns the microseconds after which a transfer has ended and the bus is free, whatever the device
    /// does: what a call is charged.
    pub const fn worst_us(&self) -> u32 {
        self.timeout_us.saturating_add(self.recovery_us())
    }

    const fn us_of(&self, clocks: u32) -> u32 {
        let speed = self.speed_hz as u64;
        if speed == 0 { u32::MAX } else { (clocks as u64 * 1_000_000).div_ceil(speed) as u32 }
    }
}

/// The registers of a device that a transfer may name with the first byte that it writes: 64 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct I2cRegisters {
    /// Bit *n* of word *m*: register 32 * *m* + *n* may be read.
    read: [u32; 8],
    /// The same of those that may be written.
    write: [u32; 8],
}

impl I2cRegisters {
    /// Makes the sets of these registers.
    pub fn new(read: impl IntoIterator<Item = u8>, write: impl IntoIterator<Item = u8>) -> Self {
        let mut all = Self::default();
        read.into_iter().for_each(|register| put(&mut all.read, register));
        write.into_iter().for_each(|register| put(&mut all.write, register));
        all
    }

    /// Returns whether a register may be read.
    pub fn reads(&self, register: u8) -> bool {
        has(&self.read, register)
    }

    /// Returns whether a register may be written.
    pub fn writes(&self, register: u8) -> bool {
        has(&self.write, register)
    }

    /// Returns whether a transfer may write these bytes: the first one names a register. Alone in front of
    /// bytes that are read, it is one to read; alone, either; in front of others, one to write. A transfer
    /// that writes nothing names none.
    pub fn allow(&self, write: &[u8], reads: bool) -> bool {
        match write {
            [] => true,
            [register] => self.reads(*register) || !reads && self.writes(*register),
            [register, ..] => self.writes(*register),
        }
    }
}

fn put(set: &mut [u32; 8], register: u8) {
    if let Some(word) = set.get_mut(usize::from(register / 32)) {
        *word |= 1 << (register % 32);
    }
}

fn has(set: &[u32; 8], register: u8) -> bool {
    set.get(usize::from(register / 32)).is_some_and(|word| word >> (register % 32) & 1 != 0)
}

/// Clocks of a recovery: nine, the stop condition, and one before and behind them.
const RECOVERY_CLOCKS: u32 = 12;

/// Clocks of a transfer: nine for each byte and each address, one for each start and the stop. A transfer
/// that writes nothing and reads nothing sends the address.
const fn wire_clocks(write: u32, read: u32) -> u32 {
    let writes = if write != 0 || read == 0 { 9 * (1 + write) + 1 } else { 0 };
    let reads = if read != 0 { 9 * (1 + read) + 1 } else { 0 };
    writes + reads + 1
}

#[cfg(all(test, feature = "host-calls"))]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_clocks() {
        let row = I2cRow::new(1, 0x48, 100_000, [1, 2], 1_000);
        // Start, address, one byte; start, address, two bytes; stop.
        assert_eq!(row.wire_us(1, 2), (1 + 18 + 1 + 27 + 1) * 10);
        assert_eq!(row.wire_us(0, 0), (1 + 9 + 1) * 10);
        assert_eq!(row.wire_us(0, 2), (1 + 27 + 1) * 10);
        assert_eq!(row.recovery_us(), 120);
        assert_eq!(row.worst_us(), 1_120);
        assert!(row.check(BoardId::Rpi4b));
        // 48 clocks of 2.5 us.
        assert_eq!(I2cRow::new(1, 0x48, 400_000, [1, 2], 120).wire_us(1, 2), 120);
    }

    #[test]
    fn registers_are_named_by_the_first_byte() {
        let registers = I2cRegisters::new([0, 31, 32, 255], [1, 32]);
        for (write, reads, allowed) in [
            (&[][..], true, true),
            (&[0], true, true),
            (&[255], true, true),
            (&[1], true, false),
            (&[1], false, true),
            (&[0], false, true),
            (&[2], false, false),
            (&[0, 7], false, false),
            (&[1, 7], false, true),
            (&[32, 7], true, true),
        ] {
            assert_eq!(registers.allow(write, reads), allowed, "{write:?} {reads}");
        }
    }

    #[test]
    fn rows_are_held_against_their_ranges() {
        for (row, why) in [
            (I2cRow::new(0, 0x48, 100_000, [1, 2], 1_000), "the bus of the HAT's EEPROM"),
            (I2cRow::new(1, 0x07, 100_000, [1, 2], 1_000), "a reserved address"),
            (I2cRow::new(1, 0x78, 100_000, [1, 2], 1_000), "a 10-bit address's prefix"),
            (I2cRow::new(1, 0x48, 9_999, [1, 2], 10_000), "too slow"),
            (I2cRow::new(1, 0x48, 400_001, [1, 2], 1_000), "too fast"),
            (I2cRow::new(1, 0x48, 100_000, [257, 2], 100_000), "writes too much"),
            (I2cRow::new(1, 0x48, 100_000, [1, 257], 100_000), "reads too much"),
            (I2cRow::new(1, 0x48, 100_000, [1, 2], 479), "the longest transfer takes 480"),
            (I2cRow::new(1, 0x48, 100_000, [1, 2], 100_001), "too long"),
            (
                I2cRow { place: 1 | 0x48 << 8 | 1 << 24, ..I2cRow::new(1, 0x48, 100_000, [1, 2], 480) },
                "a flag",
            ),
        ] {
            assert!(!row.check(BoardId::Rpi4b), "{why}");
        }
    }
}
