//! XXH64 of 1 KiB: products, rotations and additions of 64 bits.

const p1: u64 = 0x9E3779B185EBCA87;
const p2: u64 = 0xC2B2AE3D27D4EB4F;
const p3: u64 = 0x165667B19E3779F9;
const p4: u64 = 0x85EBCA77C2B2AE63;

var bytes: [1024]u8 = undefined;

fn rotl(x: u64, comptime n: u6) u64 {
    return x << n | x >> (63 - n + 1);
}

fn word(at: usize) u64 {
    var value: u64 = 0;
    for (0..8) |i| value |= @as(u64, bytes[at + i]) << @intCast(i * 8);
    return value;
}

fn step(lane: u64, input: u64) u64 {
    return rotl(lane +% input *% p2, 31) *% p1;
}

fn merge(hash: u64, lane: u64) u64 {
    return (hash ^ step(0, lane)) *% p1 +% p4;
}

fn hash_of(seed: u64) u64 {
    var a = seed +% p1 +% p2;
    var b = seed +% p2;
    var c = seed;
    var d = seed -% p1;
    var at: usize = 0;
    while (at < bytes.len) : (at += 32) {
        a = step(a, word(at));
        b = step(b, word(at + 8));
        c = step(c, word(at + 16));
        d = step(d, word(at + 24));
    }
    var hash = rotl(a, 1) +% rotl(b, 7) +% rotl(c, 12) +% rotl(d, 18);
    hash = merge(merge(merge(merge(hash, a), b), c), d) +% bytes.len;
    hash = (hash ^ hash >> 33) *% p2;
    hash = (hash ^ hash >> 29) *% p3;
    return hash ^ hash >> 32;
}

export fn run(n: u32) u32 {
    for (&bytes, 0..) |*byte, i| byte.* = @truncate(i *% 31 +% 7);
    var sum: u64 = 0;
    for (0..n) |round| {
        sum = hash_of(sum +% round);
        bytes[round & 1023] = @truncate(sum);
    }
    return @truncate(sum);
}
