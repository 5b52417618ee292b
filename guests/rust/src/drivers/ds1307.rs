// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clocks DS1307 and DS1338 on I2C, for the years 2000 to 2099.

use crate::i2c::{self, Error};

/// A DS1307 or DS1338: `write_max = 8`, `read_max = 7`; more for its memory.
#[derive(Clone, Copy, Debug)]
pub struct Ds1307(pub i32);

/// A time as the chip has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// 0 to 59.
    pub second: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 1 is Sunday.
    pub weekday: u8,
    /// From 1.
    pub day: u8,
    /// From 1.
    pub month: u8,
    /// 2000 to 2099.
    pub year: u16,
    /// The oscillator stands, and the time is not known.
    pub stopped: bool,
}

const fn number(digits: u8) -> u8 {
    (digits >> 4) * 10 + (digits & 15)
}

const fn digits(number: u8) -> u8 {
    number / 10 << 4 | number % 10
}

impl Ds1307 {
    /// Reads the time.
    ///
    /// # Errors
    /// How the transfer ended, where it did not end well; so do all functions here.
    pub fn read(self) -> Result<Time, Error> {
        let mut registers = [0; 7];
        i2c::write_read(self.0, &[0], &mut registers)?;
        let [second, minute, hour, weekday, day, month, year] = registers;
        // Bit 6: twelve hours, where bit 5 is the afternoon.
        let hour = if hour & 0x40 != 0 {
            number(hour & 0x1f) % 12 + if hour & 0x20 != 0 { 12 } else { 0 }
        } else {
            number(hour & 0x3f)
        };
        Ok(Time {
            second: number(second & 0x7f),
            minute: number(minute & 0x7f),
            hour,
            weekday: weekday & 7,
            day: number(day & 0x3f),
            month: number(month & 0x1f),
            year: 2000 + u16::from(number(year)),
            stopped: second & 0x80 != 0,
        })
    }

    /// Sets the time, and lets the clock run.
    pub fn set(self, time: &Time) -> Result<(), Error> {
        let year = time.year.wrapping_sub(2000) as u8;
        let [second, minute, hour] = [time.second, time.minute, time.hour].map(digits);
        let [day, month, year] = [time.day, time.month, year].map(digits);
        i2c::write(self.0, &[0, second, minute, hour, time.weekday, day, month, year])
    }

    /// Reads bytes that the chip keeps: 56 of them, `at` from 0.
    pub fn load(self, at: u8, bytes: &mut [u8]) -> Result<(), Error> {
        i2c::write_read(self.0, &[at.wrapping_add(8)], bytes)
    }

    /// Writes one byte that the chip keeps.
    pub fn store(self, at: u8, byte: u8) -> Result<(), Error> {
        i2c::write(self.0, &[at.wrapping_add(8), byte])
    }
}
