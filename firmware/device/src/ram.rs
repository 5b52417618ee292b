//! The memory that slots work in: a device's static memory, or a host's heap.

use core::fmt::Debug;
use core::marker::PhantomData;
use core::ops::DerefMut;

use tiny_mapper::{Machine, Store};
use xmap_image::Image;

/// A source of memory.
pub trait Ram {
    /// Words of an image.
    type Words: DerefMut<Target = [u32]> + Debug;
    /// Slots of 64 bits: registers, globals and tables.
    type Slots: DerefMut<Target = [u64]> + Debug;
    /// Bytes of linear memory.
    type Bytes: DerefMut<Target = [u8]> + Debug;
    /// The machine code of an image: `()` on a target that has none.
    type Code: MachineCode;
}

/// The machine code of a slot's image: a cache, which the slot makes anew or does without.
pub trait MachineCode: Debug + Default {
    /// Makes the code of an image, if it can.
    fn make(&mut self, image: &Image<'_>);
    /// Throws it away.
    fn forget(&mut self);
    /// Returns it, if there is any.
    fn machine(&self) -> Option<&dyn Machine>;
}

/// None.
impl MachineCode for () {
    fn make(&mut self, _: &Image<'_>) {}

    fn forget(&mut self) {}

    fn machine(&self) -> Option<&dyn Machine> {
        None
    }
}

/// Borrowed memory: on a device, what the linker script sets apart.
#[derive(Debug)]
pub struct Borrowed<'m>(PhantomData<&'m mut ()>);

impl<'m> Ram for Borrowed<'m> {
    type Words = &'m mut [u32];
    type Slots = &'m mut [u64];
    type Bytes = &'m mut [u8];
    type Code = ();
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
