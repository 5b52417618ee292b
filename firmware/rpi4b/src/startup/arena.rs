//! The memory that a module works in: handed out once.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use tiny_mapper::Store;

use crate::limits::{MEMORY_BYTES, SLOTS, STACK_SLOTS};

const _: () =
    assert!(MEMORY_BYTES == xmap_panel::MEMORY_BYTES_MAX, "memory.grow ends in the same place everywhere");

/// Zeroed at start-up; nothing of it is in `kernel8.img`.
struct Arena {
    /// Aligned for any access that a module may make.
    memory: UnsafeCell<Aligned>,
    stack: UnsafeCell<[u64; STACK_SLOTS]>,
    globals: UnsafeCell<[u64; SLOTS]>,
    taken: AtomicBool,
}

#[repr(align(64))]
struct Aligned([u8; MEMORY_BYTES]);

// SAFETY: the cells are reached by `take` alone, which gives them to one caller.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena {
    memory: UnsafeCell::new(Aligned([0; MEMORY_BYTES])),
    stack: UnsafeCell::new([0; STACK_SLOTS]),
    globals: UnsafeCell::new([0; SLOTS]),
    taken: AtomicBool::new(false),
};

/// The store for the mapper; `None` where somebody has it already.
pub fn take() -> Option<Store<'static>> {
    if ARENA.taken.swap(true, Ordering::Relaxed) {
        return None;
    }
    // SAFETY: the flag was not set, so that nobody has a reference to the cells, and nobody will get
    // one: it is never cleared.
    let memory = unsafe { &mut *ARENA.memory.get() };
    // SAFETY: as above.
    let stack = unsafe { &mut *ARENA.stack.get() };
    // SAFETY: as above.
    let globals = unsafe { &mut *ARENA.globals.get() };
    Some(Store { stack, memory: &mut memory.0, globals })
}
