// SPDX-License-Identifier: MIT OR Apache-2.0
//! A dimmer: a button turns the lamp on and off softly, in a second; a caller turns a servo.
#![no_std]

use xmap_guest::{State, pwm};

xmap_guest::panic_is_trap!();

/// The channels of panel.toml.
const LAMP: i32 = 0;
const FLAP: i32 = 1;
/// What each step changes: a hundredth of all.
const STEP: u16 = 656;

static ON: State<bool> = State::new(false);
static LEVEL: State<u16> = State::new(0);

#[unsafe(no_mangle)]
extern "C" fn on_press() {
    ON.set(!ON.get());
}

/// Every ten milliseconds.
#[unsafe(no_mangle)]
extern "C" fn on_step() {
    let (on, before) = (ON.get(), LEVEL.get());
    let level = if on { before.saturating_add(STEP) } else { before.saturating_sub(STEP) };
    if level != before {
        LEVEL.set(level);
        pwm::duty(LAMP, level);
    }
}

/// Turns the servo to so many degrees, 0 to 180: pulses of 1 to 2 ms.
#[unsafe(no_mangle)]
extern "C" fn turn(degrees: u8) -> bool {
    let is_one = degrees <= 180;
    if is_one {
        pwm::pulse_us(FLAP, 1_000 + u32::from(degrees) * 1_000 / 180);
    }
    is_one
}

#[unsafe(no_mangle)]
extern "C" fn level() -> u16 {
    LEVEL.get()
}
