// SPDX-License-Identifier: MIT OR Apache-2.0
//! A frame on its way in or out.

use xmap_guest::State;

/// Bytes of a frame at most; the longest that this server has a use for is 10.
const CAPACITY: usize = 32;

/// A frame in linear memory.
pub(crate) struct Buffer {
    bytes: State<[u8; CAPACITY]>,
    len: State<usize>,
    overran: State<bool>,
}

impl Buffer {
    pub(crate) const fn new() -> Self {
        Self { bytes: State::new([0; CAPACITY]), len: State::new(0), overran: State::new(false) }
    }

    pub(crate) fn clear(&self) {
        self.len.set(0);
        self.overran.set(false);
    }

    pub(crate) fn push(&self, byte: u8) {
        let len = self.len.get();
        if self.bytes.put(len, byte) {
            self.len.set(len + 1);
        } else {
            self.overran.set(true);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// Returns whether bytes were lost since `clear`.
    pub(crate) fn overran(&self) -> bool {
        self.overran.get()
    }

    /// The byte at `i`; 0 past the end.
    pub(crate) fn at(&self, i: usize) -> u8 {
        if i < self.len() { self.bytes.at(i).unwrap_or(0) } else { 0 }
    }

    /// The big-endian word at `i`.
    pub(crate) fn word(&self, i: usize) -> u16 {
        u16::from(self.at(i)) << 8 | u16::from(self.at(i + 1))
    }
}
