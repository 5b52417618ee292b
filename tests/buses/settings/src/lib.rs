// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings that an EEPROM keeps: a level with a mark and a sum, so that what was never written is not taken
//! for one.
#![no_std]

use xmap_guest::{State, gpio, i2c, log, time};

xmap_guest::panic_is_trap!();

/// The device of panel.toml.
const MEMORY: i32 = 0;
const LAMP: u8 = 17;
/// Where the settings are: the beginning of a page.
const PLACE: [u8; 2] = [0x01, 0x20];
const MARK: u8 = 0xa5;
/// What the chip takes to write.
const WRITE_US: u32 = 5_000;

static LEVEL: State<u8> = State::new(50);

fn sum(level: u8) -> u8 {
    (MARK.rotate_left(1) ^ MARK).rotate_left(1) ^ level
}

/// Keeps the level; the status of the transfer.
#[unsafe(no_mangle)]
extern "C" fn save() -> i32 {
    let level = LEVEL.get();
    match i2c::write(MEMORY, &[PLACE[0], PLACE[1], MARK, level, sum(level)]) {
        Ok(()) => {
            time::delay_us(WRITE_US);
            0
        }
        Err(error) => error as i32,
    }
}

/// Takes the level that is kept; whether one is.
#[unsafe(no_mangle)]
extern "C" fn load() -> bool {
    let mut kept = [0; 3];
    if i2c::write_read(MEMORY, &PLACE, &mut kept).is_err() {
        log::warn("no memory");
        return false;
    }
    let [mark, level, check] = kept;
    if mark != MARK || check != sum(level) {
        return false;
    }
    LEVEL.set(level);
    true
}

/// Sets the level, and the lamp where it is more than half.
#[unsafe(no_mangle)]
extern "C" fn dim(percent: u8) {
    LEVEL.set(percent);
    gpio::set(LAMP, percent > 50);
}

#[unsafe(no_mangle)]
extern "C" fn percent_now() -> u8 {
    LEVEL.get()
}

/// Returns whether the chip answers.
#[unsafe(no_mangle)]
extern "C" fn is_there() -> bool {
    i2c::write(MEMORY, &[]).is_ok()
}
