const std = @import("std");
const xmap = @import("xmap");

pub const panic = std.debug.no_panic;

const lamp = 17;
var presses: u32 = 0;

export fn lamp_set(on: bool) void {
    xmap.set(lamp, on);
}

export fn on_press() void {
    presses +%= 1;
    xmap.toggle(lamp);
    xmap.log(.info, "button");
}
