// SPDX-License-Identifier: MIT OR Apache-2.0
//! A unipolar stepper motor (28BYJ-48 behind a ULN2003) with a home switch.
#![no_std]

use xmap_guest::{State, gpio, log, time};

xmap_guest::panic_is_trap!();

const HOME_SWITCH: u8 = 26;
const COILS: [u8; 4] = [5, 6, 13, 19];
const ALL_COILS: u32 = mask(0b1111);

/// Half steps of one turn of the shaft, gear included.
const HALF_STEPS_PER_TURN: u32 = 4096;

/// The lines of the coils whose bits are set in `pattern`.
const fn mask(pattern: u8) -> u32 {
    let mut mask = 0;
    let mut i = 0;
    while i < 4 {
        if pattern >> i & 1 != 0 {
            mask |= gpio::bit(COILS[i]);
        }
        i += 1;
    }
    mask
}

/// Coil patterns of the eight half steps; full steps use the odd ones, wave drive the even ones.
const SEQUENCE: [u8; 8] = [0b0001, 0b0011, 0b0010, 0b0110, 0b0100, 0b1100, 0b1000, 0b1001];

static MASKS: [u32; 8] = {
    let mut masks = [0; 8];
    let mut i = 0;
    while i < 8 {
        masks[i] = mask(SEQUENCE[i]);
        i += 1;
    }
    masks
};

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Half,
    Full,
    Wave,
}

static MODE: State<Mode> = State::new(Mode::Half);
/// In half steps, whatever the mode.
static POSITION: State<i32> = State::new(0);
static TRAVELLED: State<u64> = State::new(0);
static STEP_US: State<u32> = State::new(1000);

/// Goes one step of the mode and waits until the rotor has followed.
fn advance(forward: bool) {
    let half_steps = if MODE.get() == Mode::Half { 1 } else { 2 };
    let delta = if forward { half_steps } else { -half_steps };
    let position = POSITION.update(|p| p.wrapping_add(delta));
    TRAVELLED.update(|t| t + half_steps as u64);
    let on = MASKS[(position & 7) as usize];
    gpio::write(0, on, ALL_COILS & !on);
    time::delay_us(STEP_US.get());
}

#[unsafe(no_mangle)]
extern "C" fn on_mount() -> i32 {
    release();
    log::info("axis: position unknown until seek_home");
    0
}

/// Steps forward, or back where negative; returns the new position in half steps.
#[unsafe(no_mangle)]
extern "C" fn step(steps: i32) -> i32 {
    for _ in 0..steps.unsigned_abs() {
        advance(steps > 0);
    }
    POSITION.get()
}

/// Goes to a position, or as near as the mode allows.
#[unsafe(no_mangle)]
extern "C" fn move_to(target: i32) -> i32 {
    let width = if MODE.get() == Mode::Half { 1 } else { 2 };
    step(target.wrapping_sub(POSITION.get()) / width)
}

#[unsafe(no_mangle)]
extern "C" fn position() -> i32 {
    POSITION.get()
}

/// 0 half steps, 1 full steps, 2 wave drive. The rotor is brought onto the mode's pattern.
#[unsafe(no_mangle)]
extern "C" fn set_mode(mode: u8) -> bool {
    let (mode, odd) = match mode {
        0 => (Mode::Half, POSITION.get() & 1),
        1 => (Mode::Full, 1),
        2 => (Mode::Wave, 0),
        _ => return false,
    };
    if POSITION.get() & 1 != odd {
        MODE.set(Mode::Half);
        advance(true);
    }
    MODE.set(mode);
    true
}

/// Sets the speed, and returns the time of one half step in microseconds. A speed of zero traps:
/// the division has no result, and Rust's panic is `unreachable`.
#[unsafe(no_mangle)]
extern "C" fn set_speed(rpm: u16) -> u32 {
    let step_us = 60_000_000 / (HALF_STEPS_PER_TURN * u32::from(rpm));
    STEP_US.set(step_us);
    step_us
}

/// Goes back until the switch closes; false where it has not within `limit` steps.
#[unsafe(no_mangle)]
extern "C" fn seek_home(limit: u16) -> bool {
    for _ in 0..limit {
        if !gpio::get(HOME_SWITCH) {
            POSITION.set(0);
            log::info("axis: home");
            return true;
        }
        advance(false);
    }
    log::warn("axis: no home switch");
    false
}

/// Takes the current off the coils: the axis can be turned by hand.
#[unsafe(no_mangle)]
extern "C" fn release() {
    gpio::write(0, 0, ALL_COILS);
}

/// The coils that carry current, coil a in bit 0.
#[unsafe(no_mangle)]
extern "C" fn coils() -> u8 {
    let levels = gpio::read(0);
    let mut pattern = 0;
    for (i, line) in COILS.iter().enumerate() {
        if levels & gpio::bit(*line) != 0 {
            pattern |= 1 << i;
        }
    }
    pattern
}

/// Half steps since the mount, in both directions.
#[unsafe(no_mangle)]
extern "C" fn travelled() -> u64 {
    TRAVELLED.get()
}

/// Half steps for an angle, rounded towards zero.
#[unsafe(no_mangle)]
extern "C" fn steps_for_degrees(millidegrees: i64) -> i64 {
    millidegrees.wrapping_mul(i64::from(HALF_STEPS_PER_TURN)) / 360_000
}
