//! The memory of the slots, on the heap.
//!
//! Each slot has as much as on bare metal, so that an image which one target takes, the other takes too. It is virtual
//! memory: a page takes RAM from its first use on, so a device with one small panel takes some ten pages of it.

use std::array;

use xmap_link::limits::MAX_MODULES;
use xmap_panel::{MEMORY_BYTES_MAX, Ram, Room};

/// Words of an image: 256 KiB, as on bare metal.
pub const IMAGE_WORDS: usize = 65_536;
/// Slots for globals, tables and segments of an image, as on bare metal.
const SLOTS: usize = 4 << 16;
/// Slots of the mapper's register stack: what an image may ask for at most.
const STACK_SLOTS: usize = xmap_image::limits::WINDOW + xmap_image::limits::MAX_STACK_SLOTS as usize;

/// Memory on the heap.
#[derive(Debug)]
pub struct Heap;

impl Ram for Heap {
    type Words = Box<[u32]>;
    type Slots = Box<[u64]>;
    type Bytes = Box<[u8]>;
}

/// The rooms of a device.
pub fn rooms() -> [[Room<Heap>; 2]; MAX_MODULES] {
    // Zeroed memory of this size comes from the kernel as it is, and nobody touches it here.
    let room = |_| Room {
        words: vec![0; IMAGE_WORDS].into(),
        stack: vec![0; STACK_SLOTS].into(),
        globals: vec![0; SLOTS].into(),
        memory: vec![0; MEMORY_BYTES_MAX].into(),
    };
    array::from_fn(|_| array::from_fn(room))
}
