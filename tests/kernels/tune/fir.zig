//! A filter of 32 taps over 256 samples of 16 bits, in Q15 with saturation.

var samples: [256 + 32]i16 = undefined;
var taps: [32]i16 = undefined;

fn saturated(value: i64) i16 {
    const rounded = value + 0x4000 >> 15;
    if (rounded > 32767) return 32767;
    if (rounded < -32768) return -32768;
    return @intCast(rounded);
}

export fn run(n: u32) u32 {
    var state: u32 = 192837465;
    for (&taps, 0..) |*tap, i| tap.* = @intCast(@as(i32, @intCast(i * 977 % 2048)) - 600);
    var sum: u32 = 0;
    for (0..n) |_| {
        for (&samples) |*sample| {
            state = state *% 1664525 +% 1013904223;
            sample.* = @truncate(@as(i32, @bitCast(state)) >> 16);
        }
        for (0..256) |at| {
            var total: i64 = 0;
            for (taps, 0..) |tap, i| total += @as(i32, tap) * @as(i32, samples[at + i]);
            sum = sum *% 31 +% @as(u16, @bitCast(saturated(total)));
        }
    }
    return sum;
}
