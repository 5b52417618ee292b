// SPDX-License-Identifier: MIT OR Apache-2.0
//! A pump that fills a tank, driven by a timer and by edges.
#![no_std]

use xmap_guest::{State, gpio, log, time};

xmap_guest::panic_is_trap!();

const MOTOR: u8 = 5;
const VALVE: u8 = 6;
const ALARM: u8 = 13;
const AUTO: u8 = 19;
/// Float switches: closed to ground where there is water.
const LOW: u8 = 20;
const HIGH: u8 = 21;

/// The valve's way, before the motor may start.
const VALVE_US: u32 = 2000;
/// Control steps without a pulse of the flow meter until the pump is taken to run dry.
const DRY_STEPS: u8 = 20;

/// Pulses of the flow meter: what was pumped is not forgotten when a new version takes over.
#[unsafe(no_mangle)]
pub static PULSES: State<u32> = State::new(0);

static PULSES_PER_LITRE: State<u32> = State::new(4);
static ENABLED: State<bool> = State::new(false);
static RUNNING: State<bool> = State::new(false);
/// Control steps since the last pulse.
static STILL: State<u8> = State::new(0);

fn start() {
    gpio::set(VALVE, true);
    time::delay_us(VALVE_US);
    gpio::set(MOTOR, true);
    STILL.set(0);
    RUNNING.set(true);
}

fn stop() {
    gpio::set(MOTOR, false);
    gpio::set(VALVE, false);
    RUNNING.set(false);
}

/// Sensors have settled after half a second of power.
#[unsafe(no_mangle)]
extern "C" fn on_start() {
    log::info("pump: automatic");
    gpio::write(0, gpio::bit(AUTO), gpio::bit(ALARM));
    ENABLED.set(true);
}

#[unsafe(no_mangle)]
extern "C" fn on_control() {
    if !ENABLED.get() {
        return;
    }
    let (low, high) = (!gpio::get(LOW), !gpio::get(HIGH));
    if high && !low {
        panic!("water above, none below: a switch or its wire is broken");
    }
    if !RUNNING.get() {
        if !low {
            start();
        }
    } else if high {
        stop();
    } else if STILL.update(|steps| steps + 1) == DRY_STEPS {
        stop();
        gpio::set(ALARM, true);
        ENABLED.set(false);
        log::warn("pump: no flow");
    }
}

#[unsafe(no_mangle)]
extern "C" fn on_flow() {
    STILL.set(0);
    PULSES.update(|pulses| pulses.wrapping_add(1));
}

#[unsafe(no_mangle)]
extern "C" fn on_high() {
    if gpio::get(HIGH) {
        log::debug("below the mark");
    } else {
        log::debug("full");
    }
}

#[unsafe(no_mangle)]
extern "C" fn running() -> bool {
    RUNNING.get()
}

/// Litres since the count began.
#[unsafe(no_mangle)]
extern "C" fn litres() -> u32 {
    PULSES.get() / PULSES_PER_LITRE.get()
}

/// Tells what a pulse is; returns microlitres for each. Zero pulses for a litre trap.
#[unsafe(no_mangle)]
extern "C" fn calibrate(pulses_per_litre: u16) -> u32 {
    let pulses = u32::from(pulses_per_litre);
    let microlitres = 1_000_000 / pulses;
    PULSES_PER_LITRE.set(pulses);
    microlitres
}

/// Somebody has looked at the alarm.
#[unsafe(no_mangle)]
extern "C" fn acknowledge() {
    gpio::set(ALARM, false);
    ENABLED.set(true);
}

/// Opens the valve until the tank is empty. That never comes while nobody lets the world go on: a mistake,
/// and the end of the call's fuel.
#[unsafe(no_mangle)]
extern "C" fn bleed() {
    gpio::set(VALVE, true);
    while !gpio::get(LOW) {}
    gpio::set(VALVE, false);
}
