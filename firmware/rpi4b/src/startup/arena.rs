//! The memory that modules work in: rooms, handed out once.
//!
//! The linker script sets it apart, so that it is neither in `kernel8.img` nor zeroed at start-up, and
//! rooms for every module and its successor cost no time at boot.

use core::sync::atomic::{AtomicBool, Ordering};

use xmap_device::{Borrowed, SCRATCH_WORDS};

use crate::limits::{FLIGHT_BYTES, IMAGE_WORDS, MEMORY_BYTES, MODULES, SLOTS, SLOTS_A_MODULE, STACK_SLOTS};

unsafe extern "C" {
    /// First byte of the memory that `boards/rpi4b/memory.ld` sets apart.
    static rooms_begin: u8;
    /// The byte behind its last.
    static rooms_end: u8;
}

/// A room of this device. What it holds at first is anything: [`tiny_mapper::Mapper::load`] writes all that a
/// module can read.
pub type SlotMemory = xmap_device::SlotMemory<Borrowed<'static>>;

/// Addresses that are set apart for rooms; nothing that an earlier boot stage handed over may be there.
pub(super) fn place() -> core::ops::Range<usize> {
    (&raw const rooms_begin).addr()..(&raw const rooms_end).addr()
}

/// The rooms: for each module that may be mounted at the same time, one for its image and one for the
/// image that takes over. `None` where somebody has them already.
pub fn take() -> Option<[[SlotMemory; SLOTS_A_MODULE]; MODULES]> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return None;
    }
    let mut free = Free { place: place().start..flight_place().start };
    Some(core::array::from_fn(|_| {
        core::array::from_fn(|_| SlotMemory {
            words: free.cut(IMAGE_WORDS),
            stack: free.cut(STACK_SLOTS),
            globals: free.cut(SLOTS),
            memory: free.cut(MEMORY_BYTES),
        })
    }))
}

/// The buffer that the store works with, behind the rooms.
fn scratch_place() -> core::ops::Range<usize> {
    let core::ops::Range { end, .. } = place();
    end - SCRATCH_WORDS * size_of::<u32>()..end
}

/// The buffer that the store works with. `None` where somebody has it already.
pub fn scratch() -> Option<&'static mut [u32]> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return None;
    }
    Some(Free { place: scratch_place() }.cut(SCRATCH_WORDS))
}

/// The memory of the flight recorder, in front of that buffer.
fn flight_place() -> core::ops::Range<usize> {
    let core::ops::Range { start: end, .. } = scratch_place();
    end - FLIGHT_BYTES..end
}

/// The memory of the flight recorder. `None` where somebody has it already.
pub fn flight() -> Option<&'static mut [u8]> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return None;
    }
    Some(Free { place: flight_place() }.cut(FLIGHT_BYTES))
}

/// What is left of the memory.
struct Free {
    place: core::ops::Range<usize>,
}

/// A type of which every bit pattern is a value.
trait Plain {}
impl Plain for u8 {}
impl Plain for u32 {}
impl Plain for u64 {}

impl Free {
    /// The next `len` values, on a cache line of their own.
    fn cut<T: Plain>(&mut self, len: usize) -> &'static mut [T] {
        const LINE: usize = 64;
        let start = self.place.start.next_multiple_of(LINE);
        let end = start + len * size_of::<T>();
        assert!(end <= self.place.end, "boards/rpi4b/memory.ld has room for all rooms");
        self.place.start = end;
        let first = core::ptr::with_exposed_provenance_mut(start);
        // SAFETY: the memory is mapped as ordinary memory and belongs to no object of this program: the
        // linker script puts nothing there, and start-up refuses what an earlier boot stage put there.
        // It is no variable that nobody has initialised: it holds what the memory chips hold, and any
        // bits make a value of `T`. `take`, `scratch` and `flight` run once each, over parts that do not
        // overlap, and `cut` moves on, so that no byte is given twice; the address is aligned to 64 bytes
        // and not null.
        unsafe { core::slice::from_raw_parts_mut(first, len) }
    }
}
