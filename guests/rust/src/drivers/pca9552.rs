// SPDX-License-Identifier: MIT OR Apache-2.0
//! LED driver PCA9552 on I2C: sixteen LEDs.

use super::Registers;
use crate::i2c::{self, Error};

/// A PCA9552: `write_max = 3`, `read_max = 1`.
#[derive(Clone, Copy, Debug)]
pub struct Pca9552(pub i32);

/// States of an LED; the last two blink at a rate of [`Pca9552::blink`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Led {
    /// On.
    On = 0,
    /// Off.
    Off = 1,
    /// Blinks at the first rate.
    Blink0 = 2,
    /// Blinks at the second.
    Blink1 = 3,
}

impl Pca9552 {
    /// Sets the state of an LED, 0 to 15.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well.
    pub fn set(self, led: u8, state: Led) -> Result<(), Error> {
        let (register, shift) = (6 + led / 4, led % 4 * 2);
        let states = Registers(self.0).read8(register)?;
        Registers(self.0).write8(register, states & !(3 << shift) | (state as u8) << shift)
    }

    /// Sets one of two rates: a period of (prescaler + 1) / 44 seconds, of which an LED is on
    /// (256 - duty) / 256.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well.
    pub fn blink(self, rate: u8, prescaler: u8, duty: u8) -> Result<(), Error> {
        // Bit 4 lets the register grow.
        i2c::write(self.0, &[0x10 | (2 + 2 * (rate & 1)), prescaler, duty])
    }
}
