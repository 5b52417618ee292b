const xmap = @import("xmap");

pub const panic = @import("std").debug.no_panic;

const lamp = 17;

pub fn onMount(context: xmap.Context) xmap.MountError!u32 {
    if (context.now_us < 0) return error.Refused;
    xmap.log(.info, "mounted");
    xmap.set(lamp, true);
    return 7;
}

pub fn onTick(handle: u32) void {
    if (handle == 7) xmap.toggle(lamp);
}

pub fn onUnmount(handle: u32) void {
    if (handle == 7) xmap.set(lamp, false);
    xmap.log(.info, "unmounted");
}

comptime {
    xmap.lifecycle(@This());
}
