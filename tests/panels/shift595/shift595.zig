// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two 74HC595 shift registers in a row behind three lines, each with one seven-segment digit.

const std = @import("std");
const xmap = @import("xmap");

/// A panel prints no messages of its own when something impossible happens: it traps.
pub const panic = std.debug.no_panic;

const latch: xmap.Pin = 8;
const data: xmap.Pin = 10;
const clock: xmap.Pin = 11;
const output_enable_n: xmap.Pin = 25;

/// Segments a to g in bits 0 to 6 for the digits 0 to F.
const font = [16]u8{
    0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07,
    0x7f, 0x6f, 0x77, 0x7c, 0x39, 0x5e, 0x79, 0x71,
};

const Digit = enum(u4) { units = 0, tens = 8 };

/// What the registers show; the chips cannot be read back.
var shown: u16 = 0;

/// Shifts sixteen bits out, the far chip's first, and latches them at once.
fn shiftOut(word: u16) void {
    var rest = word;
    for (0..16) |_| {
        // Data and clock fall in one store; the chip samples data at the rising edge.
        if (rest & 0x8000 != 0) {
            xmap.write(0, xmap.bit(data), xmap.bit(clock));
        } else {
            xmap.write(0, 0, xmap.bit(data) | xmap.bit(clock));
        }
        xmap.set(clock, true);
        rest <<= 1;
    }
    xmap.set(clock, false);
    xmap.set(latch, true);
    xmap.set(latch, false);
    shown = word;
}

fn withDigit(word: u16, place: Digit, segments: u8) u16 {
    const shift = @intFromEnum(place);
    return word & ~(@as(u16, 0xff) << shift) | @as(u16, segments) << shift;
}

export fn on_mount() i32 {
    shiftOut(0);
    enable(true);
    xmap.log(.info, "display: ready");
    return 0;
}

export fn on_unmount() void {
    enable(false);
}

export fn enable(on: bool) void {
    xmap.set(output_enable_n, !on);
}

export fn clear() void {
    shiftOut(0);
}

export fn show_raw(high: u8, low: u8) void {
    shiftOut(@as(u16, high) << 8 | low);
}

/// Place 0 is the units, 1 the tens; false where there is no such place or digit.
export fn show_digit(place: u8, digit: u8) bool {
    const at: Digit = switch (place) {
        0 => .units,
        1 => .tens,
        else => return false,
    };
    if (digit >= font.len) return false;
    shiftOut(withDigit(shown, at, font[digit]));
    return true;
}

/// 0 to 99 in decimal, with the leading zero dark; false where it does not fit.
export fn show_number(value: u8) bool {
    if (value > 99) {
        xmap.log(.warn, "display: überlauf");
        return false;
    }
    var word = withDigit(0, .units, font[value % 10]);
    if (value >= 10) word = withDigit(word, .tens, font[value / 10]);
    shiftOut(word);
    return true;
}

export fn show_hex(value: u8) void {
    shiftOut(withDigit(withDigit(0, .units, font[value & 15]), .tens, font[value >> 4]));
}

export fn set_segment(index: u8, on: bool) bool {
    if (index >= 16) return false;
    const mask = @as(u16, 1) << @truncate(index);
    shiftOut(if (on) shown | mask else shown & ~mask);
    return true;
}

/// Turns the sixteen segments round by `steps` to the left; negative steps go right.
export fn rotate(steps: i8) u16 {
    const left: u4 = @truncate(@as(u8, @bitCast(steps)));
    shiftOut(std.math.rotl(u16, shown, left));
    return shown;
}

export fn shadow() u16 {
    return shown;
}

export fn segments_lit() u8 {
    return @popCount(shown);
}
