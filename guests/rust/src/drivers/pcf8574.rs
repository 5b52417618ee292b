// SPDX-License-Identifier: MIT OR Apache-2.0
//! Expander PCF8574 on I2C: eight pins.

use crate::i2c::{self, Error};

/// A PCF8574: `write_max = 1`, `read_max = 1`.
#[derive(Clone, Copy, Debug)]
pub struct Pcf8574(pub i32);

impl Pcf8574 {
    /// Drives pins low where `pins` has a zero, and lets go of the others, which are inputs then.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well.
    pub fn write(self, pins: u8) -> Result<(), Error> {
        i2c::write(self.0, &[pins])
    }

    /// Reads the levels of the pins.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well.
    pub fn read(self) -> Result<u8, Error> {
        let mut pins = [0];
        i2c::write_read(self.0, &[], &mut pins)?;
        Ok(pins[0])
    }
}
