// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Modbus RTU server with eight coils on eight lines.
//!
//! Bytes of the request come in by `rx_byte`, `handle` answers, and the response goes out by
//! `tx_byte` while the line `bus_driver` keeps the RS-485 driver on (*MODBUS over Serial Line*,
//! section 2.5.1; function codes: *MODBUS Application Protocol*, sections 6.1, 6.5 and 6.11).
#![no_std]

mod buffer;
mod crc;

use buffer::Buffer;
use xmap_guest::{State, gpio, log, time};

xmap_guest::panic_is_trap!();

const BUS_DRIVER: u8 = 24;
const FIRST_COIL: u8 = 4;
const COILS: u16 = 8;
/// A pause of 3.5 characters ends a frame; above 19200 baud it is this long.
const SILENCE_US: i64 = 1750;

const READ_COILS: u8 = 1;
const WRITE_COIL: u8 = 5;
const WRITE_COILS: u8 = 15;

/// The exception codes of the protocol.
#[derive(Clone, Copy)]
enum Exception {
    Function = 1,
    Address = 2,
    Value = 3,
}

static UNIT: State<u8> = State::new(0x11);
static RX: Buffer = Buffer::new();
static TX: Buffer = Buffer::new();
static RX_AT_US: State<i64> = State::new(0);
static HANDLED: State<u16> = State::new(0);
static DROPPED: State<u16> = State::new(0);

#[unsafe(no_mangle)]
extern "C" fn on_mount() -> i32 {
    gpio::write(0, 0, 0xff << FIRST_COIL);
    log::info("modbus: unit 17");
    0
}

/// Takes one byte of the request, and returns how many there are. A byte after a pause begins a
/// new frame.
#[unsafe(no_mangle)]
extern "C" fn rx_byte(byte: u8) -> u8 {
    let now_us = time::now_us();
    if now_us - RX_AT_US.get() >= SILENCE_US {
        RX.clear();
    }
    RX_AT_US.set(now_us);
    RX.push(byte);
    RX.len() as u8
}

#[unsafe(no_mangle)]
extern "C" fn rx_reset() {
    RX.clear();
}

/// The checksum of what came in so far: zero for a whole frame.
#[unsafe(no_mangle)]
extern "C" fn rx_crc() -> u16 {
    crc::of(&RX)
}

/// Works on the request, and returns the length of the response; 0 where there is none, because
/// the frame is damaged, for another unit, or for all of them.
#[unsafe(no_mangle)]
extern "C" fn handle() -> u8 {
    TX.clear();
    let unit = RX.at(0);
    let broadcast = unit == 0;
    if RX.len() < 4 || RX.overran() || crc::of(&RX) != 0 {
        DROPPED.update(|n| n.saturating_add(1));
        log::warn("modbus: frame dropped");
        RX.clear();
        return 0;
    }
    if !broadcast && unit != UNIT.get() {
        RX.clear();
        return 0;
    }
    let function = RX.at(1);
    TX.push(UNIT.get());
    TX.push(function);
    let done = match function {
        READ_COILS if broadcast => Err(Exception::Function),
        READ_COILS => read_coils(),
        WRITE_COIL => write_coil(),
        WRITE_COILS => write_coils(),
        _ => Err(Exception::Function),
    };
    if let Err(exception) = done {
        TX.clear();
        TX.push(UNIT.get());
        TX.push(function | 0x80);
        TX.push(exception as u8);
    }
    RX.clear();
    HANDLED.update(|n| n.wrapping_add(1));
    if broadcast {
        TX.clear();
        return 0;
    }
    let sum = crc::of(&TX);
    TX.push(sum as u8);
    TX.push((sum >> 8) as u8);
    gpio::set(BUS_DRIVER, true);
    TX.len() as u8
}

/// The first coil and the number of coils that a request names, where they exist.
fn range() -> Result<(u16, u16), Exception> {
    let (first, count) = (RX.word(2), RX.word(4));
    if count == 0 || count > 0x7b0 {
        return Err(Exception::Value);
    }
    if u32::from(first) + u32::from(count) > u32::from(COILS) {
        return Err(Exception::Address);
    }
    Ok((first, count))
}

/// The coils of a range, as bits of the coils' byte.
fn bits(first: u16, count: u16) -> u32 {
    ((1 << count) - 1) << first
}

fn read_coils() -> Result<(), Exception> {
    let (first, count) = range()?;
    TX.push(1);
    TX.push(((u32::from(coils()) & bits(first, count)) >> first) as u8);
    Ok(())
}

fn write_coil() -> Result<(), Exception> {
    let (coil, value) = (RX.word(2), RX.word(4));
    let on = match value {
        0xff00 => true,
        0 => false,
        _ => return Err(Exception::Value),
    };
    if coil >= COILS {
        return Err(Exception::Address);
    }
    gpio::set(FIRST_COIL + coil as u8, on);
    echo();
    Ok(())
}

fn write_coils() -> Result<(), Exception> {
    let (first, count) = range()?;
    if u16::from(RX.at(6)) != count.div_ceil(8) || RX.len() != 10 {
        return Err(Exception::Value);
    }
    let changed = bits(first, count);
    let on = (u32::from(RX.at(7)) << first) & changed;
    gpio::write(0, on << FIRST_COIL, (changed & !on) << FIRST_COIL);
    echo();
    Ok(())
}

/// The response to a write repeats the request's address and value.
fn echo() {
    for i in 2..6 {
        TX.push(RX.at(i));
    }
}

/// A byte of the response, or -1 past its end.
#[unsafe(no_mangle)]
extern "C" fn tx_byte(index: u8) -> i32 {
    if usize::from(index) < TX.len() { i32::from(TX.at(index.into())) } else { -1 }
}

/// The last byte has gone out: the bus is free.
#[unsafe(no_mangle)]
extern "C" fn tx_done() {
    TX.clear();
    gpio::set(BUS_DRIVER, false);
}

/// The levels of the coils' lines, coil 0 in bit 0.
#[unsafe(no_mangle)]
extern "C" fn coils() -> u8 {
    (gpio::read(0) >> FIRST_COIL) as u8
}

/// Addresses 1 to 247 are units of their own; 0 is for all, the rest is reserved.
#[unsafe(no_mangle)]
extern "C" fn set_address(unit: u8) -> bool {
    let valid = matches!(unit, 1..=247);
    if valid {
        UNIT.set(unit);
    }
    valid
}

#[unsafe(no_mangle)]
extern "C" fn frames_handled() -> u16 {
    HANDLED.get()
}

#[unsafe(no_mangle)]
extern "C" fn frames_dropped() -> u16 {
    DROPPED.get()
}
