// SPDX-License-Identifier: MIT OR Apache-2.0
//! A counter on a display: a button counts, and a caller adds.
#![no_std]

use xmap_guest::drivers::glyph;
use xmap_guest::i2c::{self, Error};
use xmap_guest::{State, log};

xmap_guest::panic_is_trap!();

/// The device of panel.toml.
const SCREEN: i32 = 0;
/// The display has 96 of its 132 columns, from this one on.
const LEFT: u8 = 36;
const COLUMNS: usize = 96;

/// What a byte is: one command, or the picture from here on.
const COMMAND: u8 = 0x80;
const PICTURE: u8 = 0x40;

static COUNT: State<u16> = State::new(0);

/// Says where the next columns go.
fn at(page: u8, column: u8) -> Result<(), Error> {
    let column = LEFT + column;
    let [low, high] = [column & 15, 0x10 | column >> 4];
    i2c::write(SCREEN, &[COMMAND, 0xb0 | page, COMMAND, low, COMMAND, high])
}

fn columns(bytes: &[u8]) -> Result<(), Error> {
    let mut chunk = [PICTURE; 32];
    bytes.chunks(chunk.len() - 1).try_for_each(|bytes| {
        chunk[1..=bytes.len()].copy_from_slice(bytes);
        i2c::write(SCREEN, &chunk[..=bytes.len()])
    })
}

fn show(count: u16) -> Result<(), Error> {
    let mut digits = [0; 5];
    let mut rest = count;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    at(1, 60)?;
    digits.iter().try_for_each(|digit| columns(&glyph(*digit)).and_then(|()| columns(&[0])))
}

fn begin_all() -> Result<(), Error> {
    for page in 0..2 {
        at(page, 0)?;
        columns(&[0; COLUMNS])?;
    }
    at(0, 2)?;
    b"Visitors".iter().try_for_each(|letter| columns(&glyph(*letter)).and_then(|()| columns(&[0])))?;
    show(COUNT.get())?;
    i2c::write(SCREEN, &[COMMAND, 0xaf])
}

/// Draws all of it, and turns the display on. Returns how the transfers ended.
#[unsafe(no_mangle)]
extern "C" fn begin() -> i32 {
    begin_all().map_or_else(|error| error as i32, |()| 0)
}

/// Counts some more. Returns how the transfers ended.
#[unsafe(no_mangle)]
extern "C" fn add(number: u16) -> i32 {
    COUNT.set(COUNT.get().wrapping_add(number));
    show(COUNT.get()).map_or_else(|error| error as i32, |()| 0)
}

#[unsafe(no_mangle)]
extern "C" fn on_press() {
    if add(1) != 0 {
        log::warn("no display");
    }
}

#[unsafe(no_mangle)]
extern "C" fn count() -> u16 {
    COUNT.get()
}
