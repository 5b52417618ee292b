// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Modbus RTU slave: reads and writes of holding registers, as the specification of Modbus over serial line
//! has them (V1.02, sections 2.3 and 2.5).
#![no_std]

use core::cell::UnsafeCell;

use xmap_guest::{gpio, time, uart};

xmap_guest::panic_is_trap!();

/// The port of panel.toml, and the line.
const BUS: i32 = 0;
const LAMP: u8 = 22;
/// This slave's address.
const ADDRESS: u8 = 17;
const REGISTERS: usize = 16;
/// A frame ends with a pause: 1.75 ms at rates above 19200 bits a second.
const PAUSE_US: i64 = 1_750;

struct Slave {
    registers: [u16; REGISTERS],
    frame: [u8; 256],
    len: usize,
    last_us: i64,
}

struct Only(UnsafeCell<Slave>);

// SAFETY: a panel has one thread, and no handler runs in another.
unsafe impl Sync for Only {}

static SLAVE: Only = Only(UnsafeCell::new(Slave {
    registers: [0; REGISTERS],
    frame: [0; 256],
    len: 0,
    last_us: 0,
}));

fn slave() -> &'static mut Slave {
    // SAFETY: each export takes it once, and none calls another.
    unsafe { &mut *SLAVE.0.get() }
}

fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 != 0 { crc >> 1 ^ 0xa001 } else { crc >> 1 })
    })
}

#[unsafe(no_mangle)]
extern "C" fn on_mount() -> i32 {
    // The port receives from its first call on.
    uart::read(BUS, &mut slave().frame);
    0
}

/// Every millisecond.
#[unsafe(no_mangle)]
extern "C" fn on_tick() {
    let slave = slave();
    let now_us = time::now_us();
    // More than a frame has is none.
    if slave.len == slave.frame.len() {
        slave.len = 0;
    }
    let count = uart::read(BUS, &mut slave.frame[slave.len..]);
    if count != 0 {
        (slave.len, slave.last_us) = (slave.len + count, now_us);
    } else if slave.len != 0 && now_us - slave.last_us >= PAUSE_US {
        slave.answer();
        slave.len = 0;
    }
}

impl Slave {
    fn answer(&mut self) {
        let Some((body, sum)) = self.frame[..self.len].split_last_chunk::<2>() else { return };
        let [address, function, arguments @ ..] = body else { return };
        if crc(body) != u16::from_le_bytes(*sum) || *address != ADDRESS {
            return;
        }
        let word = |at: usize| Some(u16::from_be_bytes([*arguments.get(at)?, *arguments.get(at + 1)?]));
        let (function, first, second) = (*function, word(0), word(2));
        let mut reply = [0; 64];
        (reply[0], reply[1]) = (ADDRESS, function);
        let range = |first: u16, count: u16| {
            let first = usize::from(first);
            first..(first + usize::from(count))
        };
        let len = match (function, first, second) {
            // Read holding registers.
            (3, Some(first), Some(count)) if (1..=16).contains(&count) => {
                match self.registers.get(range(first, count)) {
                    Some(registers) => {
                        reply[2] = 2 * registers.len() as u8;
                        for (to, register) in reply[3..].chunks_exact_mut(2).zip(registers) {
                            to.copy_from_slice(&register.to_be_bytes());
                        }
                        Ok(3 + 2 * registers.len())
                    }
                    None => Err(2),
                }
            }
            // Write one register: the reply is the request.
            (6, Some(at), Some(value)) => match self.registers.get_mut(usize::from(at)) {
                Some(register) => {
                    *register = value;
                    reply[2..6].copy_from_slice(&arguments[..4]);
                    Ok(6)
                }
                None => Err(2),
            },
            // Write registers.
            (16, Some(first), Some(count)) if arguments.len() == 5 + 2 * usize::from(count) => {
                match self.registers.get_mut(range(first, count)) {
                    Some(registers) => {
                        for (register, bytes) in registers.iter_mut().zip(arguments[5..].chunks_exact(2)) {
                            *register = u16::from_be_bytes([bytes[0], bytes[1]]);
                        }
                        reply[2..6].copy_from_slice(&arguments[..4]);
                        Ok(6)
                    }
                    None => Err(2),
                }
            }
            (3 | 6 | 16, ..) => Err(3),
            _ => Err(1),
        };
        // An error has the upper bit of the function, and its number.
        let len = len.unwrap_or_else(|error: u8| {
            (reply[1], reply[2]) = (function | 0x80, error);
            3
        });
        let sum = crc(&reply[..len]).to_le_bytes();
        reply[len..len + 2].copy_from_slice(&sum);
        _ = uart::write(BUS, &reply[..len + 2]);
        gpio::set(LAMP, self.registers[0] != 0);
    }
}

#[unsafe(no_mangle)]
extern "C" fn register(number: u8) -> u16 {
    slave().registers.get(usize::from(number)).copied().unwrap_or(0)
}
