//! A value that is made once, while the program starts, and stays.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A place for a value of the main loop.
#[derive(Debug)]
pub struct Once<T> {
    value: UnsafeCell<Option<T>>,
    taken: AtomicBool,
}

// SAFETY: one core runs the program, `set` gives the value to one caller alone, and interrupt handlers have
// no part of it: they are given nothing that `set` returns.
unsafe impl<T> Sync for Once<T> {}

impl<T> Once<T> {
    /// An empty place.
    pub const fn new() -> Self {
        Self { value: UnsafeCell::new(None), taken: AtomicBool::new(false) }
    }

    /// Puts the value there. `None` where there is one already.
    pub fn set(&'static self, value: T) -> Option<&'static T> {
        if self.taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        // SAFETY: only the first call comes to here, so no reference to the place exists, and none that is
        // not shared is ever made after this one.
        let place = unsafe { &mut *self.value.get() };
        Some(place.insert(value))
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self::new()
    }
}
