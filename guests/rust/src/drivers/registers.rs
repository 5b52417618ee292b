// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers of 8 and 16 bits behind a pointer of one byte: most sensors on I2C.

use crate::i2c::{self, Error};

/// A device with registers: `write_max = 3`, `read_max = 2`.
#[derive(Clone, Copy, Debug)]
pub struct Registers(pub i32);

impl Registers {
    /// Reads a register of 8 bits.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well; so do all functions here.
    pub fn read8(self, register: u8) -> Result<u8, Error> {
        let mut bytes = [0];
        i2c::write_read(self.0, &[register], &mut bytes)?;
        Ok(bytes[0])
    }

    /// Writes a register of 8 bits.
    pub fn write8(self, register: u8, value: u8) -> Result<(), Error> {
        i2c::write(self.0, &[register, value])
    }

    /// Reads a register of 16 bits, whose higher byte comes first.
    pub fn read16(self, register: u8) -> Result<u16, Error> {
        let mut bytes = [0; 2];
        i2c::write_read(self.0, &[register], &mut bytes)?;
        Ok(u16::from_be_bytes(bytes))
    }

    /// Writes a register of 16 bits.
    pub fn write16(self, register: u8, value: u16) -> Result<(), Error> {
        let [high, low] = value.to_be_bytes();
        i2c::write(self.0, &[register, high, low])
    }
}
