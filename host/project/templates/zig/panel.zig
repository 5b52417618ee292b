const std = @import("std");
/// The lines and the functions of panel.toml.
const names = @import("names.zig");
const lamp = names.lamp;

pub const panic = std.debug.no_panic;

var blinking = false;
var pressed: u32 = 0;

/// Begins and ends the blinking. A host can call it.
export fn blink(on: bool) void {
    blinking = on;
    if (!on) lamp.set(false);
}

/// How often the button was pressed.
export fn presses() u32 {
    return pressed;
}

/// panel.toml says on which edge of the button this is called.
export fn on_press() void {
    pressed +%= 1;
    blink(!blinking);
}

/// Called twice a second.
export fn on_tick() void {
    if (blinking) lamp.toggle();
}

// Types as panel.toml has them, or it does not compile.
comptime {
    _ = @as(*const names.exports.Blink, &blink);
    _ = @as(*const names.exports.Presses, &presses);
}
