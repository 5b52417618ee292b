//! The memory that slots work in: a device's static memory, or a host's heap.

use core::fmt::Debug;
use core::marker::PhantomData;
use core::ops::DerefMut;

use tiny_mapper::Store;

/// Where memory comes from.
pub trait Ram {
    /// Words of an image.
    type Words: DerefMut<Target = [u32]> + Debug;
    /// Slots of 64 bits: registers, globals and tables.
    type Slots: DerefMut<Target = [u64]> + Debug;
    /// Bytes of linear memory.
    type Bytes: DerefMut<Target = [u8]> + Debug;
}

/// Borrowed memory: on a device, what the linker script sets apart.
#[derive(Debug)]
pub struct Borrowed<'m>(PhantomData<&'m mut ()>);

impl<'m> Ram for Borrowed<'m> {
    type Words = &'m mut [u32];
    type Slots = &'m mut [u64];
    type Bytes = &'m mut [u8];
}

/// The memory of one slot. What it held before does not matter.
#[derive(Debug)]
pub struct SlotMemory<R: Ram> {
    /// For the image: as many words as the largest may have.
    pub words: R::Words,
    /// For the registers of nested calls ([`xmap_image::Image::stack_slots`]).
    pub stack: R::Slots,
    /// For globals, tables and segments ([`xmap_image::Image::slots`]).
    pub globals: R::Slots,
    /// For linear memory.
    pub memory: R::Bytes,
}

/// What a mapper needs of a room; the words are for whoever has an image.
impl<'m> From<SlotMemory<Borrowed<'m>>> for Store<'m> {
    fn from(room: SlotMemory<Borrowed<'m>>) -> Self {
        Self { stack: room.stack, memory: room.memory, globals: room.globals }
    }
}
