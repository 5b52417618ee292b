// SPDX-License-Identifier: MIT OR Apache-2.0
//! Expander MCP23017 on I2C: sixteen pins, port A in the lower half.

use crate::i2c::{self, Error};

/// An MCP23017: `write_max = 3`, `read_max = 2`.
#[derive(Clone, Copy, Debug)]
pub struct Mcp23017(pub i32);

const IODIR: u8 = 0x00;
const GPPU: u8 = 0x0c;
const GPIO: u8 = 0x12;
const OLAT: u8 = 0x14;

impl Mcp23017 {
    /// Writes a register of both ports: that of port A has this number, and that of port B the next.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well; so do all functions here.
    pub fn put(self, register: u8, value: u16) -> Result<(), Error> {
        let [a, b] = value.to_le_bytes();
        i2c::write(self.0, &[register, a, b])
    }

    /// Reads a register of both ports.
    pub fn get(self, register: u8) -> Result<u16, Error> {
        let mut bytes = [0; 2];
        i2c::write_read(self.0, &[register], &mut bytes)?;
        Ok(u16::from_le_bytes(bytes))
    }

    /// Sets which pins are inputs, and which of them are pulled up.
    pub fn inputs(self, inputs: u16, pulled_up: u16) -> Result<(), Error> {
        self.put(GPPU, pulled_up)?;
        self.put(IODIR, inputs)
    }

    /// Drives the outputs.
    pub fn write(self, pins: u16) -> Result<(), Error> {
        self.put(OLAT, pins)
    }

    /// Reads the levels of all pins.
    pub fn read(self) -> Result<u16, Error> {
        self.get(GPIO)
    }
}
