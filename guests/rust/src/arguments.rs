// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text and bytes that a host's call brings.

use core::cell::UnsafeCell;

/// A buffer of `N` bytes that the device copies a call's `str` and `bytes` arguments into, as a `static` of
/// [`arguments!`](crate::arguments).
#[derive(Debug)]
pub struct Arguments<const N: usize>(UnsafeCell<[u8; N]>);

// SAFETY: modules for xmap have no threads, as for `State`. Nothing here reads or writes the buffer: the
// device does, between two calls.
unsafe impl<const N: usize> Sync for Arguments<N> {}

impl<const N: usize> Arguments<N> {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self(UnsafeCell::new([0; N]))
    }

    /// Returns where so many bytes can stand; null where there is no room.
    pub fn place(&self, bytes: usize) -> *mut u8 {
        if bytes <= N { self.0.get().cast() } else { core::ptr::null_mut() }
    }
}

impl<const N: usize> Default for Arguments<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Lets hosts call functions with `str` and `bytes` parameters: makes the export `on_arguments` with a buffer
/// of so many bytes. What a call brings is the module's until the next call.
#[macro_export]
macro_rules! arguments {
    ($bytes:expr) => {
        static XMAP_ARGUMENTS: $crate::Arguments<{ $bytes }> = $crate::Arguments::new();

        #[unsafe(no_mangle)]
        extern "C" fn on_arguments(bytes: usize) -> *mut u8 {
            XMAP_ARGUMENTS.place(bytes)
        }
    };
}

/// Returns the bytes of a `bytes` parameter.
///
/// # Safety
/// Address and length are those of one parameter of the export that runs, which the device has checked, and
/// the slice is not used after it has returned.
pub unsafe fn bytes<'a>(address: *const u8, length: usize) -> &'a [u8] {
    // An empty one may have the address 0, which no reference has.
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(address, length) }
}

/// Returns the text of a `str` parameter.
///
/// # Safety
/// As [`bytes`]. The device has checked that it is UTF-8.
pub unsafe fn text<'a>(address: *const u8, length: usize) -> &'a str {
    // SAFETY: the caller's promise.
    unsafe { core::str::from_utf8_unchecked(bytes(address, length)) }
}
