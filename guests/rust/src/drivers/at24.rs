// SPDX-License-Identifier: MIT OR Apache-2.0
//! EEPROMs 24Cxx on I2C.

use crate::i2c::{self, Error};
use crate::time;

/// A 24Cxx: `write_max` is 2 + page (1 + page up to 256 bytes), `read_max` as much as is read at once.
#[derive(Clone, Copy, Debug)]
pub struct At24 {
    device: i32,
    two_bytes: bool,
    page: u8,
}

/// Polls of a chip that writes, a millisecond each: data sheets say 5 to 10 ms.
const POLLS: u32 = 20;

impl At24 {
    /// A chip of up to 256 bytes, with pages of 8: 24C01 and 24C02.
    pub const fn small(device: i32) -> Self {
        Self { device, two_bytes: false, page: 8 }
    }

    /// A larger one, with pages of 32 or more: 24C32 and up.
    pub const fn large(device: i32) -> Self {
        Self { device, two_bytes: true, page: 32 }
    }

    /// Puts an address in front of a buffer. Returns its length.
    fn place(self, at: u16, buffer: &mut [u8; 34]) -> usize {
        let [high, low] = at.to_be_bytes();
        if self.two_bytes {
            (buffer[0], buffer[1]) = (high, low);
            2
        } else {
            buffer[0] = low;
            1
        }
    }

    /// Reads bytes.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well.
    pub fn read(self, at: u16, bytes: &mut [u8]) -> Result<(), Error> {
        let mut buffer = [0; 34];
        let used = self.place(at, &mut buffer);
        i2c::write_read(self.device, &buffer[..used], bytes)
    }

    /// Writes bytes, page by page, and waits until the chip has each.
    ///
    /// # Errors
    /// As [`At24::read`]; [`Error::Nack`] where the chip does not come to an end.
    pub fn write(self, mut at: u16, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let room = usize::from(self.page) - usize::from(at) % usize::from(self.page);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            let mut buffer = [0; 34];
            let used = self.place(at, &mut buffer);
            buffer[used..used + now.len()].copy_from_slice(now);
            i2c::write(self.device, &buffer[..used + now.len()])?;
            self.ready()?;
            (at, bytes) = (at.wrapping_add(now.len() as u16), later);
        }
        Ok(())
    }

    fn ready(self) -> Result<(), Error> {
        for _ in 0..POLLS {
            time::delay_us(1000);
            match i2c::write(self.device, &[]) {
                Err(Error::Nack) => {}
                ended => return ended,
            }
        }
        Err(Error::Nack)
    }
}
