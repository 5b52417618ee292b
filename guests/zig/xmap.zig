// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a panel written in Zig may call.
//!
//! Every function here is a WebAssembly import that `xmap build` turns into one native operation;
//! there is nothing to link. docs/guest.md has the exact compiler flags and the whole table.
//!
//! A `pin` is a GPIO line number as the manifest's [pins] table declares it. A line that is not
//! declared, or a write to an input, is a compile-time error where the number is constant and a
//! trap where it is not. A call that cannot be done does not return; how a transfer on a bus ended is an
//! error value.

/// The imports themselves, with their WebAssembly types.
pub const abi = struct {
    pub const gpio = struct {
        pub extern "gpio" fn set(pin: i32, val: i32) void;
        pub extern "gpio" fn get(pin: i32) i32;
        pub extern "gpio" fn toggle(pin: i32) void;
        pub extern "gpio" fn write(bank: i32, set: u32, clear: u32) void;
        pub extern "gpio" fn read(bank: i32) u32;
        pub extern "gpio" fn direction(pin: i32, out: i32) void;
        pub extern "gpio" fn pull(pin: i32, pull: i32) void;
    };
    pub const time = struct {
        pub extern "time" fn now_us() i64;
        pub extern "time" fn delay_us(us: u32) void;
        pub extern "time" fn unix_us() i64;
        pub extern "time" fn local_minute() i32;
    };
    pub const log = struct {
        pub extern "log" fn message(level: i32, ptr: [*]const u8, len: usize) void;
    };
    pub const random = struct {
        pub extern "random" fn get(ptr: [*]u8, len: usize) void;
    };
    pub const call = struct {
        pub extern "call" fn refuse(reason: i32) void;
    };
    pub const i2c = struct {
        pub extern "i2c" fn write_read(device: i32, wptr: [*]const u8, wlen: usize, rptr: [*]u8, rlen: usize) i32;
    };
    pub const uart = struct {
        pub extern "uart" fn write(device: i32, ptr: [*]const u8, len: usize) i32;
        pub extern "uart" fn read(device: i32, ptr: [*]u8, len: usize) i32;
    };
    pub const pwm = struct {
        pub extern "pwm" fn duty(channel: i32, duty: i32) void;
        pub extern "pwm" fn pulse_us(channel: i32, us: u32) void;
    };
    pub const trace = struct {
        pub extern "trace" fn start_span(ptr: [*]const u8, len: usize) i32;
        pub extern "trace" fn end_span(span: i32) void;
        pub extern "trace" fn set_attr_i64(span: i32, kptr: [*]const u8, klen: usize, value: i64) void;
        pub extern "trace" fn set_attr_f64(span: i32, kptr: [*]const u8, klen: usize, value: f64) void;
        pub extern "trace" fn set_attr_str(span: i32, kptr: [*]const u8, klen: usize, vptr: [*]const u8, vlen: usize) void;
    };
    pub const spi = struct {
        pub extern "spi" fn transfer(device: i32, wptr: [*]const u8, wlen: usize, rptr: [*]u8, rlen: usize) i32;
    };
};

/// A GPIO line number of the board.
pub const Pin = u8;

/// The pull resistor of a line.
pub const Pull = enum(i32) { none = 0, up = 1, down = 2 };

/// How much a message matters.
pub const Level = enum(i32) { debug = 0, info = 1, warn = 2 };

/// Drives an output high (`true`) or low.
pub inline fn set(pin: Pin, high: bool) void {
    abi.gpio.set(pin, @intFromBool(high));
}

/// The level of a line; of an output, what the pin really carries.
pub inline fn get(pin: Pin) bool {
    return abi.gpio.get(pin) != 0;
}

/// Reads the level of an output, then drives the opposite.
pub inline fn toggle(pin: Pin) void {
    abi.gpio.toggle(pin);
}

/// Drives up to 32 lines of one bank (bank 0 has lines 0-31, bank 1 the next) in one store for each mask:
/// first the lines of `clear` go low, then those of `high` go high. A zero mask stores nothing.
pub inline fn write(bank: u1, high: u32, clear: u32) void {
    abi.gpio.write(bank, high, clear);
}

/// The levels of a bank's declared lines, line 32 * bank in bit 0; other bits are 0.
pub inline fn read(bank: u1) u32 {
    return abi.gpio.read(bank);
}

/// Makes a line that the manifest declares `inout` an output or an input.
pub inline fn direction(pin: Pin, out: bool) void {
    abi.gpio.direction(pin, @intFromBool(out));
}

/// Connects a line's pull resistor.
pub inline fn pull(pin: Pin, resistor: Pull) void {
    abi.gpio.pull(pin, @intFromEnum(resistor));
}

/// Microseconds since boot; never goes back.
pub inline fn nowUs() i64 {
    return abi.time.now_us();
}

/// Microseconds since 1970, UTC; negative while the time is not known. It may go back.
pub inline fn unixUs() i64 {
    return abi.time.unix_us();
}

/// Minute of the day in the manifest's zone, 0 to 1439; -1 while the time is not known.
pub inline fn localMinute() i32 {
    return abi.time.local_minute();
}

/// Busy wait of `us` microseconds, counted against the export's time limit.
pub inline fn delayUs(us: u32) void {
    abi.time.delay_us(us);
}

/// Passes UTF-8 text on to the host; other bytes are a trap.
pub inline fn log(level: Level, text: []const u8) void {
    abi.log.message(@intFromEnum(level), text.ptr, text.len);
}

/// Begins a span within the one that is open; returns its number. Names, keys and texts that are constants are
/// no bytes of the image. A call ends what it leaves open; wrong uses are told, and nothing traps.
pub inline fn traceStartSpan(name: []const u8) i32 {
    return abi.trace.start_span(name.ptr, name.len);
}

/// Ends a span, and those that were begun in it.
pub inline fn traceEndSpan(span: i32) void {
    abi.trace.end_span(span);
}

/// Gives an open span an integer by a key.
pub inline fn traceSetAttrI64(span: i32, key: []const u8, value: i64) void {
    abi.trace.set_attr_i64(span, key.ptr, key.len, value);
}

/// Gives an open span a float by a key.
pub inline fn traceSetAttrF64(span: i32, key: []const u8, value: f64) void {
    abi.trace.set_attr_f64(span, key.ptr, key.len, value);
}

/// Gives an open span a text by a key.
pub inline fn traceSetAttrStr(span: i32, key: []const u8, text: []const u8) void {
    abi.trace.set_attr_str(span, key.ptr, key.len, text.ptr, text.len);
}

/// Fills the bytes with random numbers; a trap on a board that has none.
pub inline fn randomGet(bytes: []u8) void {
    abi.random.get(bytes.ptr, bytes.len);
}

/// Ends the call with the trap `refused` and this reason: the panel says no, and no policy follows.
pub inline fn callRefuse(reason: i32) noreturn {
    abi.call.refuse(reason);
    unreachable;
}

/// Why a transfer on a bus did not end well: the device did not acknowledge, the manifest's time limit
/// passed, another controller drove the bus, a line was held low, bytes were lost.
pub const BusError = error{ Nack, Timeout, ArbitrationLost, Busy, Overrun };

/// Writes bytes to an I2C device, then reads some after a repeated start; without either it sends the address
/// alone. `device` is the index of a table [i2c.NAME] of the manifest, from 0.
pub inline fn i2cWriteRead(device: i32, bytes: []const u8, buffer: []u8) BusError!void {
    return ended(abi.i2c.write_read(device, bytes.ptr, bytes.len, buffer.ptr, buffer.len));
}

/// Sends bytes to an SPI device and takes as many as the buffer holds of those that come meanwhile, with
/// zeros behind what is sent. `device` is the index of a table [spi.NAME] of the manifest, from 0.
pub inline fn spiTransfer(device: i32, bytes: []const u8, buffer: []u8) BusError!void {
    return ended(abi.spi.transfer(device, bytes.ptr, bytes.len, buffer.ptr, buffer.len));
}

/// Sets how much of each period a PWM channel is high: 0 nothing, 65535 all of it. `channel` is the index of
/// a table [pwm.NAME] of the manifest, from 0.
pub inline fn pwmDuty(channel: i32, duty: u16) void {
    abi.pwm.duty(channel, duty);
}

/// Sets how many microseconds of each period a PWM channel is high; more than the period is a trap.
pub inline fn pwmPulseUs(channel: i32, us: u32) void {
    abi.pwm.pulse_us(channel, us);
}

/// Sends bytes on a serial port, and returns when the last has left. `device` is the index of a table
/// [uart.NAME] of the manifest, from 0.
pub inline fn uartWrite(device: i32, bytes: []const u8) BusError!void {
    return ended(abi.uart.write(device, bytes.ptr, bytes.len));
}

/// Takes bytes that a serial port has received, as many as the buffer holds, and returns how many; it waits
/// for none.
pub inline fn uartRead(device: i32, buffer: []u8) usize {
    return @intCast(abi.uart.read(device, buffer.ptr, buffer.len));
}

inline fn ended(status: i32) BusError!void {
    return switch (status) {
        0 => {},
        1 => error.Nack,
        2 => error.Timeout,
        3 => error.ArbitrationLost,
        4 => error.Busy,
        else => error.Overrun,
    };
}

/// The bit of a line in the masks of `write` and `read`, within the line's bank.
pub inline fn bit(pin: Pin) u32 {
    return @as(u32, 1) << @truncate(pin);
}

/// Lets hosts call functions with `str` and `bytes` parameters: makes the export on_arguments with a buffer
/// of so many bytes, into which the device copies what a call brings: `comptime { xmap.arguments(256); }`. It
/// is the module's until the next call.
pub fn arguments(comptime size: usize) void {
    const exports = struct {
        var buffer: [size]u8 = undefined;

        fn place(bytes: usize) callconv(.c) ?[*]u8 {
            return if (bytes <= size) &buffer else null;
        }
    };
    @export(&exports.place, .{ .name = "on_arguments" });
}

/// What a panel is mounted with.
pub const Context = struct {
    /// Microseconds since boot.
    now_us: i64,
};

/// Why a panel is not mounted.
pub const MountError = error{Refused};

/// Makes the exports on_mount, on_tick and on_unmount of a struct that has `onMount(Context) MountError!u32`,
/// `onTick(handle: u32) void` and `onUnmount(handle: u32) void`: `comptime { xmap.lifecycle(@This()); }`.
/// `on_tick` runs where the manifest says when.
pub fn lifecycle(comptime Panel: type) void {
    const exports = struct {
        var handle: u32 = 0;

        fn mount() callconv(.c) i32 {
            handle = Panel.onMount(.{ .now_us = nowUs() }) catch return 1;
            return 0;
        }

        fn tick() callconv(.c) void {
            Panel.onTick(handle);
        }

        fn unmount() callconv(.c) void {
            Panel.onUnmount(handle);
        }
    };
    @export(&exports.mount, .{ .name = "on_mount" });
    @export(&exports.tick, .{ .name = "on_tick" });
    @export(&exports.unmount, .{ .name = "on_unmount" });
}
