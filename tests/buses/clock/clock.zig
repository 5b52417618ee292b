// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lamp that a clock chip switches: on working days at seven for two hours, and each evening.

const std = @import("std");
const xmap = @import("xmap");

/// A panel prints no messages of its own when something impossible happens: it traps.
pub const panic = std.debug.no_panic;

/// The device of panel.toml, and the lines.
const clock = 0;
const lamp: xmap.Pin = 17;
const alarm: xmap.Pin = 22;

/// A stretch of time on some days of the week, of which bit 0 is Sunday.
const Stretch = struct { days: u8, from: u16, to: u16 };

const working_days = 0b0111110;
const every_day = 0b1111111;

const schedule = [_]Stretch{
    .{ .days = working_days, .from = 7 * 60, .to = 9 * 60 },
    .{ .days = every_day, .from = 17 * 60 + 30, .to = 22 * 60 },
};

/// The clock was set; before, its time is nobody's.
var runs = false;
/// The minute of the week from Sunday on, -1 while it is not known.
var now: i32 = -1;
var lit = false;

fn digits(number: u8) u8 {
    return number / 10 << 4 | number % 10;
}

fn value(of: u8) u8 {
    return (of >> 4) * 10 + (of & 15);
}

/// Reads minute, hour and day of the week, which are registers 1 to 3.
fn read() xmap.BusError!i32 {
    var registers: [3]u8 = undefined;
    try xmap.i2cWriteRead(clock, &.{1}, &registers);
    const minute = value(registers[0] & 0x7f);
    const hour = value(registers[1] & 0x3f);
    const day: i32 = (registers[2] & 7) - 1;
    return (day * 24 + hour) * 60 + minute;
}

fn isLit(minute_of_the_week: i32) bool {
    const of: u16 = @intCast(minute_of_the_week);
    const day: u3 = @intCast(of / (24 * 60));
    const minute = of % (24 * 60);
    for (schedule) |stretch| {
        if (stretch.days >> day & 1 != 0 and minute >= stretch.from and minute < stretch.to) return true;
    }
    return false;
}

/// Every second.
export fn on_second() void {
    if (!runs) return;
    now = read() catch -1;
    xmap.set(alarm, now < 0);
    const want = now >= 0 and isLit(now);
    if (want != lit) {
        lit = want;
        xmap.set(lamp, want);
    }
}

/// Sets the clock to a day of the week, 1 is Sunday, and a time. Returns whether the chip has taken it.
export fn set(day: u8, hour: u8, minute: u8) bool {
    if (day < 1 or day > 7 or hour > 23 or minute > 59) return false;
    // 22 November 2026 is a Sunday. Chips know the day by the date or by its register: both are told.
    const date = [_]u8{ 4, digits(21 + day), digits(11), digits(26) };
    const time = [_]u8{ 0, 0, digits(minute), digits(hour), day };
    xmap.i2cWriteRead(clock, &date, &.{}) catch return false;
    xmap.i2cWriteRead(clock, &time, &.{}) catch return false;
    runs = true;
    return true;
}

export fn minute_of_week() i32 {
    return now;
}

export fn is_lit() bool {
    return lit;
}
