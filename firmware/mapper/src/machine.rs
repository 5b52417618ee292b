//! Machine code in the place of the interpreter: an image's ops, translated.
//!
//! Both have one state, a [`Frame`], and one semantics. Machine code gives an op back that it does not finish
//! itself: a rare one, one of the port's, one that traps. The interpreter then runs that op alone.

use core::fmt;

use xmap_image::Image;

/// The machine code of an image.
pub trait Machine: fmt::Debug {
    /// Runs from the op [`Frame::op`] until the outermost function has returned, or up to an op that it
    /// leaves to the interpreter. Of an image that is not its own it leaves every op.
    fn run(&self, frame: &mut Frame<'_>);

    /// Returns whether it is asked at each op, however few it runs itself: one that watches runs none.
    fn sees_all(&self) -> bool {
        false
    }
}

/// The state of a call between two ops. Only the mapper makes one, so that what stands on the stack is what
/// ops of the image have left there.
#[derive(Debug)]
pub struct Frame<'f> {
    pub(crate) image: &'f Image<'f>,
    pub(crate) stack: &'f mut [u64],
    pub(crate) memory: &'f mut [u8],
    pub(crate) slots: &'f mut [u64],
    pub(crate) base: u32,
    pub(crate) last_base: u32,
    pub(crate) pages: u32,
    pub(crate) fuel: i64,
    pub(crate) op: Option<u32>,
}

impl<'f> Frame<'f> {
    /// The image whose ops run.
    pub fn image(&self) -> &'f Image<'f> {
        self.image
    }

    /// The register stack.
    pub fn stack_mut(&mut self) -> &mut [u64] {
        self.stack
    }

    /// The linear memory, as long as it is now.
    pub fn memory_mut(&mut self) -> &mut [u8] {
        self.memory
    }

    /// Globals, tables and the lengths of passive segments.
    pub fn slots_mut(&mut self) -> &mut [u64] {
        self.slots
    }

    /// Returns where the window is on the stack.
    pub fn base(&self) -> u32 {
        self.base
    }

    /// The last place for a window.
    pub fn last_base(&self) -> u32 {
        self.last_base
    }

    /// Returns what `memory.size` says.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// Words of code that the call may still pay for.
    pub fn fuel(&self) -> i64 {
        self.fuel
    }

    /// The op to go on with; none where the outermost function has returned.
    pub fn op(&self) -> Option<u32> {
        self.op
    }

    /// Says where code has come to: the place of the window, the fuel that is left, the op to go on with.
    pub fn set(&mut self, base: u32, fuel: i64, op: Option<u32>) {
        (self.base, self.fuel, self.op) = (base, fuel, op);
    }
}
