// SPDX-License-Identifier: MIT OR Apache-2.0
/** A traffic light with a pedestrian crossing, a request button and a night mode. */
import { gpio, time, log, bit, Level } from "../../../guests/assemblyscript/xmap";

const RED: i32 = 2;
const AMBER: i32 = 3;
const GREEN: i32 = 4;
const REQUEST: i32 = 16;
const DONT_WALK: i32 = 20;
const WALK: i32 = 21;

const EVERY_LAMP: u32 = (1 << RED) | (1 << AMBER) | (1 << GREEN) | (1 << DONT_WALK) | (1 << WALK);

const enum Phase {
  Red = 0,
  RedAmber = 1,
  Green = 2,
  Amber = 3,
  Walk = 4,
  NightOn = 5,
  NightOff = 6,
}

/** Milliseconds of each phase, little-endian u16, as `set_duration` may change them. */
const durations: usize = memory.data<u16>([4000, 1000, 6000, 2000, 5000, 500, 500]);
const PHASES: i32 = 7;

let current: i32 = Phase.Red;
let sinceUs: i64 = 0;
let requested: bool = false;
let night: bool = false;

function durationUs(which: i32): i64 {
  return <i64>load<u16>(durations + (<usize>which << 1)) * 1000;
}

function lampsOf(which: i32): u32 {
  switch (which) {
    case Phase.Red: return bit(RED) | bit(DONT_WALK);
    case Phase.RedAmber: return bit(RED) | bit(AMBER) | bit(DONT_WALK);
    case Phase.Green: return bit(GREEN) | bit(DONT_WALK);
    case Phase.Amber: return bit(AMBER) | bit(DONT_WALK);
    case Phase.Walk: return bit(RED) | bit(WALK);
    case Phase.NightOn: return bit(AMBER);
    case Phase.NightOff: return 0;
    default: unreachable();
  }
  return 0;
}

function enter(next: i32): void {
  current = next;
  sinceUs = time.nowUs();
  const on = lampsOf(next);
  gpio.write(0, on, EVERY_LAMP & ~on);
}

function following(which: i32): i32 {
  if (night) return which == Phase.NightOn ? Phase.NightOff : Phase.NightOn;
  switch (which) {
    case Phase.Red:
      if (!requested) return Phase.RedAmber;
      requested = false;
      return Phase.Walk;
    case Phase.RedAmber: return Phase.Green;
    case Phase.Green: return Phase.Amber;
    case Phase.Amber: return Phase.Red;
    case Phase.Walk: return Phase.RedAmber;
    default: return Phase.Red;
  }
}

export function on_mount(): i32 {
  enter(Phase.Red);
  return 0;
}

export function on_unmount(): void {
  gpio.write(0, bit(RED) | bit(DONT_WALK), bit(AMBER) | bit(GREEN) | bit(WALK));
}

/** To be called often; goes on to the next phase where the time of this one is over. */
export function tick(): i32 {
  if (!gpio.get(REQUEST) && !requested && current != Phase.Walk && !night) request();
  if (time.nowUs() - sinceUs >= durationUs(current)) enter(following(current));
  return current;
}

/** What the button does. */
export function request(): void {
  requested = true;
  log(Level.Info, "crossing: grün requested");
}

export function set_night(on: bool): void {
  night = on;
  if (on) requested = false;
  log(Level.Warn, on ? "crossing: night" : "crossing: day");
}

/** False where there is no such phase, or where it would be shorter than a tenth of a second. */
export function set_duration(phase: i32, milliseconds: i32): bool {
  if (<u32>phase >= <u32>PHASES || milliseconds < 100) return false;
  store<u16>(durations + (<usize>phase << 1), <u16>milliseconds);
  return true;
}

export function phase(): i32 {
  return current;
}

/** Milliseconds until the next phase; negative where `tick` is late. */
export function phase_left_ms(): i32 {
  return <i32>((durationUs(current) - (time.nowUs() - sinceUs)) / 1000);
}

/** The lamps that burn: red, amber, green, don't walk, walk in bits 0 to 4. */
export function lamps(): i32 {
  const levels = gpio.read(0);
  return ((levels >> RED) & 7) | (((levels >> DONT_WALK) & 3) << 3);
}

/** A whole cycle with a pedestrian, in milliseconds. */
export function cycle_ms(): u32 {
  let sum: u32 = 0;
  for (let i = 0; i <= Phase.Walk; i++) sum += load<u16>(durations + (<usize>i << 1));
  return sum;
}

/** One message for each phase, by a switch whose cases fall through. */
export function announce(): void {
  switch (current) {
    case Phase.Walk:
      log(Level.Info, "walk");
    case Phase.Red:
    case Phase.RedAmber:
      log(Level.Info, "cars stand");
      break;
    case Phase.Green:
      log(Level.Info, "cars drive");
      break;
    default:
      log(Level.Info, "careful");
  }
}

/** Every lamp by itself for a moment, then the phase again. */
export function lamp_test(): void {
  for (let pin = 0; pin < 32; pin++) {
    const lamp = bit(pin);
    if (!(EVERY_LAMP & lamp)) continue;
    gpio.write(0, lamp, EVERY_LAMP ^ lamp);
    time.delayUs(20_000);
  }
  const on = lampsOf(current);
  gpio.write(0, on, EVERY_LAMP & ~on);
}
