// SPDX-License-Identifier: MIT OR Apache-2.0
//! Displays SSD1306 on I2C: 128 by 64 or 32 pixels, without a copy of them in memory.

use super::glyph;
use crate::i2c::{self, Error};

/// An SSD1306: `write_max = 32`, a time limit of 5 ms.
#[derive(Clone, Copy, Debug)]
pub struct Ssd1306 {
    device: i32,
    rows: u8,
}

/// Bytes of the picture in a transfer.
const CHUNK: usize = 31;

impl Ssd1306 {
    /// A panel of 64 or 32 rows.
    pub const fn new(device: i32, rows: u8) -> Self {
        Self { device, rows }
    }

    fn send(self, control: u8, bytes: &[u8]) -> Result<(), Error> {
        let mut chunk = [control; 1 + CHUNK];
        chunk[1..=bytes.len()].copy_from_slice(bytes);
        i2c::write(self.device, &chunk[..=bytes.len()])
    }

    /// Sends commands, up to 31 bytes; more is a panic.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well; so do all functions here.
    pub fn commands(self, commands: &[u8]) -> Result<(), Error> {
        self.send(0x00, commands)
    }

    /// Turns the panel on. What it shows is what its memory has: clear it first.
    pub fn begin(self) -> Result<(), Error> {
        let wiring = if self.rows == 64 { 0x12 } else { 0x02 };
        // Off; rows, no offset, the first line; the charge pump, without which it is dark; from column to
        // column, then from page to page; as panels are wired; contrast; what the memory has, not inverted;
        // on.
        self.commands(&[
            0xae,
            0xa8,
            self.rows.wrapping_sub(1),
            0xd3,
            0x00,
            0x40,
            0x8d,
            0x14,
            0x20,
            0x00,
            0xa1,
            0xc8,
            0xda,
            wiring,
            0x81,
            0x7f,
            0xa4,
            0xa6,
            0xaf,
        ])
    }

    /// Says where the next bytes go: from this page of eight rows and this column on, up to the right edge.
    pub fn at(self, page: u8, column: u8) -> Result<(), Error> {
        self.commands(&[0x21, column, 127, 0x22, page, 7])
    }

    /// Sends columns of eight pixels, bit 0 the upper one.
    pub fn columns(self, bytes: &[u8]) -> Result<(), Error> {
        bytes.chunks(CHUNK).try_for_each(|chunk| self.send(0x40, chunk))
    }

    /// Makes the panel dark.
    pub fn clear(self) -> Result<(), Error> {
        self.at(0, 0)?;
        let mut left = usize::from(self.rows) * 16;
        while left != 0 {
            let now = left.min(CHUNK);
            self.send(0x40, &[0; CHUNK][..now])?;
            left -= now;
        }
        Ok(())
    }

    /// Writes a text, six columns for each character, as far as the right edge.
    pub fn text(self, page: u8, column: u8, text: &str) -> Result<(), Error> {
        self.at(page, column)?;
        let room = usize::from(128u8.saturating_sub(column) / 6);
        text.bytes().take(room).try_for_each(|c| {
            let [a, b, c, d, e] = glyph(c);
            self.columns(&[a, b, c, d, e, 0])
        })
    }

    /// Sets how bright it is, 0 to 255.
    pub fn contrast(self, contrast: u8) -> Result<(), Error> {
        self.commands(&[0x81, contrast])
    }
}
