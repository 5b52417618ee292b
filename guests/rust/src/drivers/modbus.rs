// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Modbus RTU master on a serial port: registers of slaves.

use crate::bus::Error;
use crate::{time, uart};

/// A master. Its port wants `write_max = 8` and `rx_buffer = 256`.
#[derive(Clone, Copy, Debug)]
pub struct Modbus {
    port: i32,
    limit_us: u32,
}

/// Why a request had no answer that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModbusError {
    /// The request was not sent, or no answer came in time ([`Error::Timeout`]).
    Bus(Error),
    /// The answer is not one to this request.
    Damaged,
    /// The slave's number for why not: 2 is a register that is not there.
    Exception(u8),
}

/// Registers that are read at most at once.
const MOST: usize = 16;

fn sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| if sum & 1 != 0 { sum >> 1 ^ 0xa001 } else { sum >> 1 })
    })
}

impl Modbus {
    /// A master that waits so long for each answer.
    pub const fn new(port: i32, limit_us: u32) -> Self {
        Self { port, limit_us }
    }

    /// Sends a request and waits for an answer of `len` bytes, both without their sums.
    fn ask(self, request: [u8; 6], len: usize) -> Result<[u8; 5 + 2 * MOST], ModbusError> {
        let mut frame = [0; 5 + 2 * MOST];
        // What came before is no answer.
        while uart::read(self.port, &mut frame) != 0 {}
        let [low, high] = sum(&request).to_le_bytes();
        let [address, function, a, b, c, d] = request;
        uart::write(self.port, &[address, function, a, b, c, d, low, high]).map_err(ModbusError::Bus)?;
        let (mut got, mut want, mut waited_us) = (0, len + 2, 0);
        while got < want {
            if waited_us >= self.limit_us {
                let silent = ModbusError::Bus(Error::Timeout);
                return Err(if got == 0 { silent } else { ModbusError::Damaged });
            }
            time::delay_us(500);
            waited_us += 500;
            got += uart::read(self.port, &mut frame[got..want]);
            // What the slave refuses is shorter.
            if got >= 2 && frame[1] == function | 0x80 {
                want = 5;
            }
        }
        let (body, end) = frame[..want].split_at(want - 2);
        let is_one = frame[0] == address && frame[1] & 0x7f == function && sum(body).to_le_bytes() == *end;
        match (is_one, frame[1] & 0x80 != 0) {
            (false, _) => Err(ModbusError::Damaged),
            (true, true) => Err(ModbusError::Exception(frame[2])),
            (true, false) => Ok(frame),
        }
    }

    /// Reads up to 16 holding registers of a slave.
    ///
    /// # Errors
    /// Why there is no answer that counts.
    pub fn read(self, slave: u8, first: u16, registers: &mut [u16]) -> Result<(), ModbusError> {
        let count = registers.len();
        if count == 0 || count > MOST {
            return Err(ModbusError::Exception(3));
        }
        let [high, low] = first.to_be_bytes();
        let answer = self.ask([slave, 3, high, low, 0, count as u8], 3 + 2 * count)?;
        if usize::from(answer[2]) != 2 * count {
            return Err(ModbusError::Damaged);
        }
        for (register, bytes) in registers.iter_mut().zip(answer[3..].chunks_exact(2)) {
            *register = u16::from_be_bytes([bytes[0], bytes[1]]);
        }
        Ok(())
    }

    /// Writes a holding register of a slave.
    ///
    /// # Errors
    /// Why there is no answer that counts.
    pub fn write(self, slave: u8, register: u16, value: u16) -> Result<(), ModbusError> {
        let ([high, low], [upper, lower]) = (register.to_be_bytes(), value.to_be_bytes());
        self.ask([slave, 6, high, low, upper, lower], 6).map(drop)
    }
}
