//! Memory that code is copied to, and that is writable or executable, never both.

use std::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
use xmap_enter::{Code, publish};
use xmap_native::Checked;

/// Some of it.
pub(crate) struct Executable {
    address: *mut u32,
    words: usize,
}

impl Executable {
    pub(crate) fn new(words: usize) -> Self {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, wherever the kernel puts it.
        let place = unsafe { mmap_anonymous(ptr::null_mut(), words * 4, protection, MapFlags::PRIVATE) };
        Self { address: place.expect("memory").cast(), words }
    }

    /// Copies code and makes it executable.
    pub(crate) fn take<'c>(&'c mut self, checked: Checked<'c>) -> Code<&'c [u32]> {
        let words = checked.words();
        assert!(words.len() <= self.words);
        let protect = |flags| {
            // SAFETY: the mapping is this value's alone, and no reference into it is held.
            unsafe { mprotect(self.address.cast(), self.words * 4, flags) }.expect("protection");
        };
        protect(MprotectFlags::READ | MprotectFlags::WRITE);
        // SAFETY: it is writable, as large, and overlaps nothing.
        unsafe { self.address.copy_from_nonoverlapping(words.as_ptr(), words.len()) };
        // SAFETY: it holds these words, and nothing writes to them while the slice lives.
        publish(unsafe { core::slice::from_raw_parts(self.address, words.len()) });
        protect(MprotectFlags::READ | MprotectFlags::EXEC);
        // SAFETY: the words stand there, published, executable and not writable, until `self` is borrowed
        // anew. Generated images have the hash of their content.
        let code = unsafe { Code::new(&checked, checked.table(), self.address) };
        code.expect("the table is that of the code")
    }
}
