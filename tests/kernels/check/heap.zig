//! A queue by priority of 256 events, as a binary heap: filled, then emptied.

const Event = struct { at: u32, id: u32 };

var heap: [256]Event = undefined;
var len: usize = 0;

fn push(event: Event) void {
    var i = len;
    len += 1;
    while (i > 0) {
        const parent = (i - 1) / 2;
        if (heap[parent].at <= event.at) break;
        heap[i] = heap[parent];
        i = parent;
    }
    heap[i] = event;
}

fn pop() Event {
    const top = heap[0];
    len -= 1;
    const last = heap[len];
    var i: usize = 0;
    while (2 * i + 1 < len) {
        var child = 2 * i + 1;
        if (child + 1 < len and heap[child + 1].at < heap[child].at) child += 1;
        if (heap[child].at >= last.at) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

export fn run(n: u32) u32 {
    var state: u32 = 987654321;
    var sum: u32 = 0;
    for (0..n) |_| {
        for (0..256) |id| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            push(.{ .at = state >> 8, .id = @intCast(id) });
        }
        while (len > 0) sum = sum *% 31 +% pop().id;
    }
    return sum;
}
