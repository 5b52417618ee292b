// SPDX-License-Identifier: MIT OR Apache-2.0
//! CRC-16/MODBUS by nibbles: 32 bytes of table instead of 512.

use crate::buffer::Buffer;

/// The polynomial x^16 + x^15 + x^2 + 1 with its bits reversed.
const POLYNOMIAL: u16 = 0xa001;

static TABLE: [u16; 16] = {
    let mut table = [0; 16];
    let mut i = 0;
    while i < 16 {
        let mut value = i as u16;
        let mut bit = 0;
        while bit < 4 {
            value = if value & 1 != 0 { value >> 1 ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[i] = value;
        i += 1;
    }
    table
};

/// The checksum of a frame; zero where the frame ends with its own checksum.
pub(crate) fn of(frame: &Buffer) -> u16 {
    let mut crc = 0xffff;
    for i in 0..frame.len() {
        crc ^= u16::from(frame.at(i));
        crc = crc >> 4 ^ TABLE[usize::from(crc & 15)];
        crc = crc >> 4 ^ TABLE[usize::from(crc & 15)];
    }
    crc
}
