//! A panel with Zig's standard library, for wasm32-wasi: formatted text, an allocator and a panic with its
//! message.
const std = @import("std");
const xmap = @import("xmap");

const lamp = 17;
var presses: std.ArrayList([]u8) = .empty;
const allocator = std.heap.wasm_allocator;

export fn lamp_set(on: bool) void {
    xmap.set(lamp, on);
    std.debug.print("lamp {s}\n", .{if (on) "on" else "off"});
}

export fn press() u32 {
    const n: f64 = @floatFromInt(presses.items.len);
    const text = std.fmt.allocPrint(allocator, "press {d:>3}: {d:.2}", .{ presses.items.len + 1, n / 3.0 }) catch unreachable;
    presses.append(allocator, text) catch unreachable;
    std.debug.print("{s}", .{text});
    std.debug.print(" ({d} ä)\n", .{text.len});
    return presses.items.len;
}

export fn length(n: u32) u32 {
    return presses.items[n].len;
}
