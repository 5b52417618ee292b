const std = @import("std");
const xmap = @import("xmap");

pub const panic = std.debug.no_panic;

/// The line of the lamp, as panel.toml declares it.
const lamp = @LAMP@;

var blinking = false;
var pressed: u32 = 0;

/// Begins and ends the blinking. A host can call it.
export fn blink(on: bool) void {
    blinking = on;
    if (!on) xmap.set(lamp, false);
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
    if (blinking) xmap.toggle(lamp);
}
