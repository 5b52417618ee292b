// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls each driver of `xmap_guest::drivers`, so that a script can hold it against its chip: the exports of
//! tests/buses/chips/chips.c.
#![no_std]

use core::arch::wasm32::unreachable;

use xmap_guest::bus::Error;
use xmap_guest::drivers::{
    At24, Ds1307, Fan, Led, Lm75, Mcp3008, Mcp23017, Modbus, ModbusError, Pca9552, Pcf8574, Registers, Servo,
    Ssd1306, Time,
};

xmap_guest::panic_is_trap!();

const TEMP: Lm75 = Lm75(0);
const CLOCK: Ds1307 = Ds1307(1);
const MEMORY: At24 = At24::large(2);
const SMALL: At24 = At24::small(3);
const PINS: Pcf8574 = Pcf8574(4);
const PORT: Mcp23017 = Mcp23017(5);
const LEDS: Pca9552 = Pca9552(6);
const BYTES: Registers = Registers(7);
const WORDS: Registers = Registers(8);
const SCREEN: Ssd1306 = Ssd1306::new(9, 64);
const ADC: Mcp3008 = Mcp3008(0);
const FLAP: Servo = Servo(0);
const VENT: Fan = Fan(1);
const METER: Modbus = Modbus::new(0, 100_000);

/// A value, or the status of its transfer below zero.
fn value(result: Result<impl Into<i32>, Error>) -> i32 {
    result.map_or_else(|error| -(error as i32), Into::into)
}

/// The status of a transfer.
fn status(result: Result<(), Error>) -> i32 {
    result.map_or_else(|error| error as i32, |()| 0)
}

fn number(error: ModbusError) -> i32 {
    match error {
        ModbusError::Bus(error) => error as i32,
        ModbusError::Damaged => 100,
        ModbusError::Exception(why) => 128 + i32::from(why),
    }
}

#[unsafe(no_mangle)]
extern "C" fn temperature() -> i32 {
    value(TEMP.read())
}

#[unsafe(no_mangle)]
extern "C" fn resolution(bits: u8) -> i32 {
    status(TEMP.resolution(bits))
}

#[unsafe(no_mangle)]
extern "C" fn set_clock(year: u16, hour: u8, minute: u8) -> i32 {
    let time = Time { year, month: 11, day: 28, weekday: 7, hour, minute, second: 0, stopped: false };
    status(CLOCK.set(&time))
}

fn now() -> Time {
    CLOCK.read().unwrap_or_else(|_| unreachable())
}

#[unsafe(no_mangle)]
extern "C" fn date() -> u32 {
    let time = now();
    u32::from(time.year) * 10_000 + u32::from(time.month) * 100 + u32::from(time.day)
}

#[unsafe(no_mangle)]
extern "C" fn clock() -> u32 {
    let time = now();
    let [weekday, hour, minute, second] = [time.weekday, time.hour, time.minute, time.second].map(u32::from);
    weekday * 1_000_000 + hour * 10_000 + minute * 100 + second
}

#[unsafe(no_mangle)]
extern "C" fn remember(byte: u8) -> i32 {
    status(CLOCK.store(55, byte))
}

#[unsafe(no_mangle)]
extern "C" fn recall() -> i32 {
    let mut byte = [0];
    value(CLOCK.load(55, &mut byte).map(|()| byte[0]))
}

fn read_from(chip: At24, place: u16) -> u32 {
    let mut bytes = [0; 4];
    if chip.read(place, &mut bytes).is_err() {
        unreachable();
    }
    u32::from_le_bytes(bytes)
}

#[unsafe(no_mangle)]
extern "C" fn keep(place: u16, value: u32) -> i32 {
    status(MEMORY.write(place, &value.to_le_bytes()))
}

#[unsafe(no_mangle)]
extern "C" fn kept(place: u16) -> u32 {
    read_from(MEMORY, place)
}

#[unsafe(no_mangle)]
extern "C" fn keep_small(place: u16, value: u32) -> i32 {
    status(SMALL.write(place, &value.to_le_bytes()))
}

#[unsafe(no_mangle)]
extern "C" fn kept_small(place: u16) -> u32 {
    read_from(SMALL, place)
}

#[unsafe(no_mangle)]
extern "C" fn pins(drive: u8) -> i32 {
    value(PINS.write(drive).and_then(|()| PINS.read()))
}

#[unsafe(no_mangle)]
extern "C" fn port(inputs: u16, pulled_up: u16, drive: u16) -> i32 {
    let set = PORT.inputs(inputs, pulled_up).and_then(|()| PORT.write(drive));
    value(set.and_then(|()| PORT.read()))
}

#[unsafe(no_mangle)]
extern "C" fn led(number: u8, state: u8) -> i32 {
    let states = [Led::On, Led::Off, Led::Blink0, Led::Blink1];
    status(LEDS.set(number, states[usize::from(state & 3)]))
}

#[unsafe(no_mangle)]
extern "C" fn blink(rate: u8, prescaler: u8, duty: u8) -> i32 {
    status(LEDS.blink(rate, prescaler, duty))
}

#[unsafe(no_mangle)]
extern "C" fn byte(place: u8, new: u8) -> i32 {
    value(BYTES.write8(place, new).and_then(|()| BYTES.read8(place)))
}

#[unsafe(no_mangle)]
extern "C" fn word(place: u8, new: u16) -> i32 {
    value(WORDS.write16(place, new).and_then(|()| WORDS.read16(place)))
}

#[unsafe(no_mangle)]
extern "C" fn volts(channel: u8) -> i32 {
    value(ADC.read(channel))
}

#[unsafe(no_mangle)]
extern "C" fn show(mut number: u32) -> i32 {
    let mut text = *b"Count: 000";
    for digit in text[7..].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let text = core::str::from_utf8(&text).unwrap_or_default();
    let shown = SCREEN.begin().and_then(|()| SCREEN.clear()).and_then(|()| SCREEN.text(1, 4, text));
    // As much as has room.
    status(shown.and_then(|()| SCREEN.text(7, 110, "#{}%")))
}

#[unsafe(no_mangle)]
extern "C" fn bright(contrast: u8) -> i32 {
    status(SCREEN.contrast(contrast))
}

#[unsafe(no_mangle)]
extern "C" fn turn(degrees: u32) {
    FLAP.degrees(degrees);
}

#[unsafe(no_mangle)]
extern "C" fn release() {
    FLAP.release();
}

#[unsafe(no_mangle)]
extern "C" fn vent(percent: u32) {
    VENT.percent(percent);
}

#[unsafe(no_mangle)]
extern "C" fn meter(slave: u8, first: u16) -> i32 {
    let mut registers = [0; 2];
    match METER.read(slave, first, &mut registers) {
        Ok(()) => i32::from(registers[0] & 0x7fff) << 16 | i32::from(registers[1]),
        Err(error) => -number(error),
    }
}

#[unsafe(no_mangle)]
extern "C" fn set_meter(slave: u8, place: u16, value: u16) -> i32 {
    METER.write(slave, place, value).map_or_else(number, |()| 0)
}
