// SPDX-License-Identifier: MIT OR Apache-2.0
/**
 * What a panel written in AssemblyScript may call.
 *
 * Every `declare` here is a WebAssembly import that `xmap build` turns into one native operation;
 * there is nothing to link. docs/guest.md has the exact compiler flags and the whole table.
 *
 * A `pin` is a GPIO line number as the manifest's [pins] table declares it. A line that is not
 * declared, or a write to an input, is a compile-time error where the number is constant and a
 * trap where it is not. A call that cannot be done does not return; how a transfer on a bus ended is a
 * value (`Bus`).
 */

export namespace gpio {
  /** Drives an output: any non-zero `val` is high. */
  @external("gpio", "set")
  export declare function set(pin: i32, val: i32): void;

  /** The level of a line, 0 or 1; of an output, what the pin really carries. */
  @external("gpio", "get")
  export declare function get(pin: i32): i32;

  /** Reads the level of an output, then drives the opposite. */
  @external("gpio", "toggle")
  export declare function toggle(pin: i32): void;

  /**
   * Drives up to 32 lines of one bank (bank 0 has lines 0-31, bank 1 the next) in one store for each mask:
   * first the lines of `clear` go low, then those of `high` go high. A zero mask stores nothing.
   */
  @external("gpio", "write")
  export declare function write(bank: i32, high: u32, clear: u32): void;

  /** The levels of a bank's declared lines, line 32 * bank in bit 0; other bits are 0. */
  @external("gpio", "read")
  export declare function read(bank: i32): u32;

  /** Makes a line that the manifest declares `inout` an output (`out` not 0) or an input (0). */
  @external("gpio", "direction")
  export declare function direction(pin: i32, out: i32): void;

  /** Connects a line's pull resistor; see `Pull`. */
  @external("gpio", "pull")
  export declare function pull(pin: i32, pull: i32): void;
}

export namespace time {
  /** Microseconds since boot; never goes back. */
  @external("time", "now_us")
  export declare function nowUs(): i64;

  /** Microseconds since 1970, UTC; negative while the time is not known. It may go back. */
  @external("time", "unix_us")
  export declare function unixUs(): i64;

  /** Minute of the day in the manifest's zone, 0 to 1439; -1 while the time is not known. */
  @external("time", "local_minute")
  export declare function localMinute(): i32;

  /** Busy wait of `us` microseconds, counted against the export's time limit. */
  @external("time", "delay_us")
  export declare function delayUs(us: u32): void;
}

export namespace random {
  /** Fills `len` bytes at `ptr` with random numbers; a trap on a board that has none. */
  @external("random", "get")
  export declare function get(ptr: usize, len: i32): void;
}

export namespace call {
  /** Ends the call with the trap `refused` and this reason: the panel says no, and no policy follows. */
  @external("call", "refuse")
  export declare function refuse(reason: i32): void;
}

export namespace i2c {
  /**
   * Writes `wlen` bytes to an I2C device, then reads `rlen` bytes after a repeated start; without either it
   * sends the address alone. `device` is the index of a table [i2c.NAME] of the manifest, from 0. Returns a
   * `Bus`. The two ranges may overlap.
   */
  @external("i2c", "write_read")
  export declare function writeRead(device: i32, wptr: usize, wlen: i32, rptr: usize, rlen: i32): i32;
}

export namespace spi {
  /**
   * Sends `wlen` bytes to an SPI device and takes `rlen` of those that come meanwhile, with zeros behind what is
   * sent. `device` is the index of a table [spi.NAME] of the manifest, from 0. Returns a `Bus`. The two ranges
   * may overlap.
   */
  @external("spi", "transfer")
  export declare function transfer(device: i32, wptr: usize, wlen: i32, rptr: usize, rlen: i32): i32;
}

export namespace pwm {
  /**
   * Sets how much of each period a PWM channel is high: 0 nothing, 65535 all of it. `channel` is the index of a
   * table [pwm.NAME] of the manifest, from 0.
   */
  @external("pwm", "duty")
  export declare function duty(channel: i32, duty: i32): void;
  /** Sets how many microseconds of each period a PWM channel is high; more than the period is a trap. */
  @external("pwm", "pulse_us")
  export declare function pulseUs(channel: i32, us: i32): void;
}

export namespace uart {
  /**
   * Sends `len` bytes on a serial port, and returns when the last has left: a `Bus`. `device` is the index of a
   * table [uart.NAME] of the manifest, from 0.
   */
  @external("uart", "write")
  export declare function write(device: i32, ptr: usize, len: i32): i32;
  /** Takes up to `len` of the bytes that a serial port has received; returns how many, and waits for none. */
  @external("uart", "read")
  export declare function read(device: i32, ptr: usize, len: i32): i32;
}

/** The imports behind `span` and its functions, which take strings. */
export namespace trace {
  /** Begins a span within the one that is open, with `len` bytes at `ptr` as its name; returns its number. */
  @external("trace", "start_span")
  export declare function startSpan(ptr: usize, len: i32): i32;
  /** Ends a span, and those that were begun in it. */
  @external("trace", "end_span")
  export declare function endSpan(span: i32): void;
  /** Gives an open span an integer by a key. */
  @external("trace", "set_attr_i64")
  export declare function setAttrI64(span: i32, kptr: usize, klen: i32, value: i64): void;
  /** Gives an open span a float by a key. */
  @external("trace", "set_attr_f64")
  export declare function setAttrF64(span: i32, kptr: usize, klen: i32, value: f64): void;
  /** Gives an open span a text by a key. */
  @external("trace", "set_attr_str")
  export declare function setAttrStr(span: i32, kptr: usize, klen: i32, vptr: usize, vlen: i32): void;
}

/** The length of a text of `trace` that is a string of AssemblyScript. */
const WIDE: i32 = -2;

/**
 * Begins a span within the one that is open; returns its number, which `trace.endSpan` takes. Names, keys and
 * texts that are constants are no bytes of the image. A call ends what it leaves open; wrong uses are told, and
 * nothing traps.
 */
// @ts-ignore: decorator
@inline
export function span(name: string): i32 {
  return trace.startSpan(changetype<usize>(name), WIDE);
}

/** Gives an open span an integer by a key. */
// @ts-ignore: decorator
@inline
export function attrI64(span: i32, key: string, value: i64): void {
  trace.setAttrI64(span, changetype<usize>(key), WIDE, value);
}

/** Gives an open span a float by a key. */
// @ts-ignore: decorator
@inline
export function attrF64(span: i32, key: string, value: f64): void {
  trace.setAttrF64(span, changetype<usize>(key), WIDE, value);
}

/** Gives an open span a text by a key. */
// @ts-ignore: decorator
@inline
export function attrStr(span: i32, key: string, text: string): void {
  trace.setAttrStr(span, changetype<usize>(key), WIDE, changetype<usize>(text), WIDE);
}

/** How a transfer on a bus ended. */
export const enum Bus {
  Ok = 0,
  /** The device did not acknowledge. */
  Nack = 1,
  /** It was not done at the manifest's time limit, and was ended. */
  Timeout = 2,
  /** Another controller drove the bus. */
  ArbitrationLost = 3,
  /** A line was held low, and could not be freed. */
  Busy = 4,
  /** Bytes were lost. */
  Overrun = 5,
}

/** The import behind `log`: `len` bytes of UTF-8 at `ptr`; other bytes are a trap. */
@external("log", "message")
export declare function logMessage(level: i32, ptr: usize, len: i32): void;

/** The pull resistor of a line; any other number is a trap. */
export const enum Pull {
  None = 0,
  Up = 1,
  Down = 2,
}

/** How much a message matters; any other number reads as `Warn`. */
export const enum Level {
  Debug = 0,
  Info = 1,
  Warn = 2,
}

/** The bit of a line in the masks of `gpio.write` and `gpio.read`, within the line's bank. */
// @ts-ignore: decorator
@inline
export function bit(pin: i32): u32 {
  return 1 << (pin & 31);
}

/** Bytes of one message at most; what does not fit is left out. */
const SCRATCH_BYTES: i32 = 128;
const scratch: usize = memory.data(SCRATCH_BYTES);

/**
 * Passes text on to the host. AssemblyScript's strings are UTF-16 and `String.UTF8.encode`
 * allocates, which no panel can: this writes UTF-8 into a buffer of its own. A character outside
 * the basic plane becomes two U+FFFD.
 */
export function log(level: i32, text: string): void {
  let n: i32 = 0;
  for (let i = 0; i < text.length; i++) {
    let c = <i32>load<u16>(changetype<usize>(text) + (<usize>i << 1));
    if ((c & 0xf800) == 0xd800) c = 0xfffd;
    if (n + 3 > SCRATCH_BYTES) break;
    if (c < 0x80) {
      store<u8>(scratch + n, c);
      n += 1;
    } else if (c < 0x800) {
      store<u8>(scratch + n, 0xc0 | (c >> 6));
      store<u8>(scratch + n + 1, 0x80 | (c & 0x3f));
      n += 2;
    } else {
      store<u8>(scratch + n, 0xe0 | (c >> 12));
      store<u8>(scratch + n + 1, 0x80 | ((c >> 6) & 0x3f));
      store<u8>(scratch + n + 2, 0x80 | (c & 0x3f));
      n += 3;
    }
  }
  logMessage(level, scratch, n);
}

/** Bytes that a host's call may bring. */
const ARGUMENT_BYTES: i32 = 256;

const argumentBytes: usize = memory.data(256);

/**
 * Lets hosts call functions with `str` and `bytes` parameters, where the panel exports it:
 * `export { on_arguments } from "./xmap"`. What a call brings is the module's until the next call.
 */
export function on_arguments(bytes: i32): usize {
  return <u32>bytes <= <u32>ARGUMENT_BYTES ? argumentBytes : 0;
}

/** What a panel is mounted with. */
export class Context {
  constructor(
    /** Microseconds since boot. */
    readonly nowUs: i64,
  ) {}
}

/**
 * A panel's life. `lifecycle(new Hall())` names the panel, and
 * `export { on_mount, on_tick, on_unmount } from "./xmap"` makes its exports; `on_tick` runs where the
 * manifest says when.
 */
export abstract class Lifecycle {
  /** What the panel calls its own from its mount to its unmount: any number. */
  handle: u32 = 0;
  /** Sets the panel up; 0 means mounted, any other number is shown to the host. */
  abstract onMount(context: Context): i32;
  /** Runs in each period. */
  onTick(): void {}
  /** Ends the panel; the manifest's safe states follow. */
  onUnmount(): void {}
}

let panel: Lifecycle | null = null;

/** Names the panel whose life the exports below are. */
export function lifecycle(named: Lifecycle): void {
  panel = named;
}

export function on_mount(): i32 {
  return panel!.onMount(new Context(time.nowUs()));
}

export function on_tick(): void {
  panel!.onTick();
}

export function on_unmount(): void {
  panel!.onUnmount();
}
