#![no_std]
#![deny(unsafe_code)]
//! Runs machine code that the checker has admitted: the state of a call into machine registers, and back.
//!
//! The one step from data to instructions. What makes it sound stands at [`Code::new`]; making memory
//! executable is the caller's, since that is another thing under Linux than on bare metal.

#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
mod trampoline;

use core::fmt;

use tiny_mapper::{Frame, Machine};
use xmap_image::{HASH_WORD, HASH_WORDS, Image, Word, limits};
use xmap_native::Checked;

/// An image, by where its words stand and what they are.
#[derive(Debug)]
struct Identity {
    place: *const Word,
    words: usize,
    hash: [Word; HASH_WORDS],
}

impl Identity {
    fn of(image: &Image<'_>) -> Self {
        let words = image.words();
        let mut hash = [0; HASH_WORDS];
        hash.iter_mut().zip(words.iter().skip(HASH_WORD)).for_each(|(to, from)| *to = *from);
        Self { place: words.as_ptr(), words: words.len(), hash }
    }

    /// Returns whether it is that of an image. Asked each time that the code is entered.
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    fn is_of(&self, image: &Image<'_>) -> bool {
        let words = image.words();
        words.as_ptr() == self.place
            && words.len() == self.words
            && words.get(HASH_WORD..HASH_WORD + HASH_WORDS) == Some(&self.hash)
    }
}

/// The machine code of an image, where it can be executed. `T` holds the table of ops.
pub struct Code<T> {
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    image: Identity,
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    slots: usize,
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    table: T,
    words: usize,
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    address: *const u32,
}

impl<T: AsRef<[u32]>> Code<T> {
    /// Takes code that the checker has admitted, its table, and the address at which the same words are
    /// executable; `None` where the table is another one.
    ///
    /// # Safety
    /// At `address` the words of `checked` stand, as many as there are, for as long as the value lives. They
    /// may be executed, nothing writes to them, and the instruction cache has seen them. The image's hash is
    /// that of its content, and so is that of every image that the code is run for.
    #[allow(unsafe_code)]
    pub unsafe fn new(checked: &Checked<'_>, table: T, address: *const u32) -> Option<Self> {
        let (image, slots) = (Identity::of(checked.image()), checked.slots());
        let is_same = table.as_ref() == checked.table();
        is_same.then_some(Self { image, slots, table, words: checked.words().len(), address })
    }

    /// Words of the code.
    pub fn words(&self) -> usize {
        self.words
    }

    /// Returns whether the state of a call is what the checker has relied on: the image is the one whose code
    /// it is, and stack, slots and memory are as large as verification has it.
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    fn is_for(&self, frame: &mut Frame<'_>) -> bool {
        let windows = frame.last_base() as usize + limits::WINDOW;
        self.image.is_of(frame.image())
            && windows <= frame.stack_mut().len()
            && frame.base() <= frame.last_base()
            && frame.slots_mut().len() >= self.slots
            && frame.memory_mut().len() <= 1 << 32
            && frame.fuel() >= 0
    }
}

/// Makes code that was written to memory visible to what fetches instructions.
pub fn publish(words: &[u32]) {
    #[cfg(target_arch = "aarch64")]
    trampoline::publish(words);
    #[cfg(not(target_arch = "aarch64"))]
    let _ = words;
}

impl<T> fmt::Debug for Code<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words at {:p}", self.words, self.address)
    }
}

impl<T: AsRef<[u32]>> Machine for Code<T> {
    fn run(&self, frame: &mut Frame<'_>) {
        #[cfg(target_arch = "aarch64")]
        {
            let table = self.table.as_ref();
            let place = frame.op().and_then(|op| table.get(op as usize)).copied();
            if let Some(place) = place.filter(|place| *place != 0)
                && self.is_for(frame)
            {
                trampoline::run(table, self.address, place, frame);
            }
        }
        // Any other machine leaves every op to the interpreter.
        #[cfg(not(target_arch = "aarch64"))]
        let _ = frame;
    }
}
