//! `heap`: what one more loaded panel holds.

use peer_common::HeapCounter;
use stats_alloc::INSTRUMENTED_SYSTEM;

#[global_allocator]
static HEAP: HeapCounter = &INSTRUMENTED_SYSTEM;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    peer_tinywasm::with(&args, |peer, _| peer_common::heap(peer));
}
