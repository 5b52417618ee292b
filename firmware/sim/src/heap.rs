//! The memory of a simulated device's slots.

use xmap_device::{Ram, SlotMemory};
use xmap_image::{Image, limits};

use crate::seen::SeenOps;

/// Memory on the heap.
#[derive(Debug)]
pub struct Heap;

impl Ram for Heap {
    type Words = Vec<u32>;
    type Slots = Vec<u64>;
    type Code = SeenOps;
    type Bytes = Vec<u8>;
}

/// Room for an image: as much as it may come to use on a device, and no more than a device has.
pub(crate) fn room(image: &Image<'_>) -> SlotMemory<Heap> {
    let (header, board) = (image.header(), image.board().board().limits);
    let memory = ((header.memory_max_pages as usize) << 16).max(header.memory_bytes as usize);
    SlotMemory {
        words: vec![0; image.words().len().min(board.image_bytes / 4)],
        stack: vec![0; image.stack_slots().min(limits::WINDOW + board.stack_slots)],
        globals: vec![0; image.slots().min(board.slots)],
        memory: vec![0; memory.min(board.memory_bytes)],
    }
}

/// No room: that of a slot which no image has.
pub(crate) fn no_room() -> SlotMemory<Heap> {
    SlotMemory { words: Vec::new(), stack: Vec::new(), globals: Vec::new(), memory: Vec::new() }
}
