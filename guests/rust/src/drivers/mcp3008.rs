// SPDX-License-Identifier: MIT OR Apache-2.0
//! Converter MCP3008 on SPI: eight voltages to 10 bits.

use crate::spi::{self, Error};

/// An MCP3008: `mode = 0`, `max_bytes = 3`, a clock of up to 1.35 MHz at 2.7 V.
#[derive(Clone, Copy, Debug)]
pub struct Mcp3008(pub i32);

impl Mcp3008 {
    /// Measures a channel, 0 to 7: 0 to 1023.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well.
    pub fn read(self, channel: u8) -> Result<u16, Error> {
        // A start bit, then "one channel against ground" and which.
        let mut got = [0; 3];
        spi::transfer(self.0, &[1, 0x80 | (channel & 7) << 4, 0], &mut got)?;
        Ok(u16::from(got[1] & 3) << 8 | u16::from(got[2]))
    }
}
