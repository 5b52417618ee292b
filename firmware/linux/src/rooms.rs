//! The memory of the slots, on the heap.
//!
//! Each slot has as much as on bare metal, so that an image which one target takes, the other takes too. It
//! is virtual memory: a page takes RAM from its first use on, so a device with one small panel takes some ten
//! pages of it.

use std::array;

use xmap_boards::RPI4B;
use xmap_device::{Ram, SlotMemory};
use xmap_link::limits::MAX_MODULES;

/// Words of an image.
pub const IMAGE_WORDS: usize = RPI4B.limits.image_bytes / 4;

/// Memory on the heap.
#[derive(Debug)]
pub struct Heap;

impl Ram for Heap {
    type Words = Box<[u32]>;
    type Slots = Box<[u64]>;
    type Bytes = Box<[u8]>;
    type Code = crate::native::Native;
}

/// The rooms of a device.
pub fn rooms() -> [[SlotMemory<Heap>; 2]; MAX_MODULES] {
    let limits = RPI4B.limits;
    // Zeroed memory of this size comes from the kernel as it is, and nobody touches it here.
    let room = |_| SlotMemory {
        words: vec![0; IMAGE_WORDS].into(),
        stack: vec![0; xmap_image::limits::WINDOW + limits.stack_slots].into(),
        globals: vec![0; limits.slots].into(),
        memory: vec![0; limits.memory_bytes].into(),
    };
    array::from_fn(|_| array::from_fn(room))
}
