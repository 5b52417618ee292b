// SPDX-License-Identifier: MIT OR Apache-2.0
/** A dimmer of sixteen LEDs behind a PCA9552, which goes to a new brightness step by step. */
import { Bus, gpio, i2c } from "../../../guests/assemblyscript/xmap";

/** The device of panel.toml, and the line of the LEDs' supply. */
const DRIVER: i32 = 0;
const POWER: i32 = 17;

/** Registers: the first rate's prescaler and duty, and the states of LEDs 0 to 3. */
const PSC0: u8 = 2;
const STATES: u8 = 6;
/** Bit 4 of a register's number lets it grow. */
const GROWS: u8 = 0x10;

/** States of an LED. */
const OFF: u32 = 1;
const BLINK0: u32 = 2;

/** What each step changes, in 256ths. */
const STEP: i32 = 16;

const bytes: usize = memory.data(4);

let wanted: i32 = 0;
let current: i32 = 0;

/** Every ten milliseconds. */
export function on_step(): void {
  if (current == wanted) return;
  const before = current;
  current = current < wanted ? min(current + STEP, wanted) : max(current - STEP, wanted);
  // 44 times a second; the LED is on for 256 less this.
  store<u8>(bytes, GROWS | PSC0);
  store<u8>(bytes, 0, 1);
  store<u8>(bytes, <u8>(256 - max(current, 1)), 2);
  if (i2c.writeRead(DRIVER, bytes, 3, bytes, 0) != Bus.Ok) {
    // The next step tries again.
    current = before;
    return;
  }
  if ((before == 0) != (current == 0)) gpio.set(POWER, current != 0);
}

/** Says how bright the LEDs are to be, in percent. */
export function dim(percent: u8): bool {
  if (percent > 100) return false;
  wanted = (<i32>percent * 255 + 50) / 100;
  return true;
}

/** The brightness of now, in 255ths. */
export function level(): u8 {
  return <u8>current;
}

/** The states of four LEDs; a status below zero. */
export function states(quarter: u8): i32 {
  store<u8>(bytes, STATES + (quarter & 3));
  const status = i2c.writeRead(DRIVER, bytes, 1, bytes, 1);
  return status == Bus.Ok ? <i32>load<u8>(bytes) : -status;
}

/** Connects an LED with the brightness, or turns it off. */
export function led(number: u8, on: bool): i32 {
  const before = states(number >> 2);
  if (before < 0) return -before;
  const shift: u32 = (number & 3) << 1;
  const after = (<u32>before & ~(<u32>3 << shift)) | ((on ? BLINK0 : OFF) << shift);
  store<u8>(bytes, STATES + ((number >> 2) & 3));
  store<u8>(bytes, <u8>after, 1);
  return i2c.writeRead(DRIVER, bytes, 2, bytes, 0);
}
