// SPDX-License-Identifier: MIT OR Apache-2.0
//! A panel's variables.

use core::cell::Cell;

/// A variable that lives between calls, as a `static`.
///
/// A module has one thread and its exports are not re-entered, so a [`Cell`] is all that is needed;
/// this type only lets it stand in a `static`. Values are copied in and out: no reference to the
/// inside ever exists.
#[derive(Debug)]
pub struct State<T: Copy>(Cell<T>);

// SAFETY: modules for xmap have no threads (the ABI has no import to start one, and shared memory
// is refused), so no two accesses ever happen at the same time.
unsafe impl<T: Copy> Sync for State<T> {}

impl<T: Copy> State<T> {
    /// A variable with its first value.
    pub const fn new(value: T) -> Self {
        Self(Cell::new(value))
    }

    /// The value.
    #[inline]
    pub fn get(&self) -> T {
        self.0.get()
    }

    /// Puts another value in its place.
    #[inline]
    pub fn set(&self, value: T) {
        self.0.set(value);
    }

    /// Replaces the value by a function of it, and returns the new one.
    #[inline]
    pub fn update(&self, f: impl FnOnce(T) -> T) -> T {
        let value = f(self.0.get());
        self.0.set(value);
        value
    }
}

impl<T: Copy, const N: usize> State<[T; N]> {
    /// The element at `i`, or nothing past the end.
    #[inline]
    pub fn at(&self, i: usize) -> Option<T> {
        self.cells().get(i).map(Cell::get)
    }

    /// Puts `value` at `i`, and says whether there is such a place.
    #[inline]
    pub fn put(&self, i: usize, value: T) -> bool {
        let place = self.cells().get(i);
        if let Some(place) = place {
            place.set(value);
        }
        place.is_some()
    }

    fn cells(&self) -> &[Cell<T>; N] {
        self.0.as_array_of_cells()
    }
}
