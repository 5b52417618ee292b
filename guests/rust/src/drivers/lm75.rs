// SPDX-License-Identifier: MIT OR Apache-2.0
//! Thermometers LM75 and TMP105 on I2C.

use super::Registers;
use crate::i2c::Error;

/// An LM75 or a TMP105: `write_max = 3`, `read_max = 2`.
#[derive(Clone, Copy, Debug)]
pub struct Lm75(pub i32);

impl Lm75 {
    /// Reads the temperature in sixteenths of a degree. An LM75, and a TMP105 after power-on, has halves.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well.
    pub fn read(self) -> Result<i16, Error> {
        Ok(Registers(self.0).read16(0)? as i16 >> 4)
    }

    /// Sets the resolution of a TMP105: 9 to 12 bits, of which 12 are sixteenths of a degree.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well.
    pub fn resolution(self, bits: u8) -> Result<(), Error> {
        let registers = Registers(self.0);
        let configuration = registers.read8(1)? & !0x60;
        registers.write8(1, configuration | (bits.wrapping_sub(9) & 3) << 5)
    }
}
