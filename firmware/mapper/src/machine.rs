//! Machine code in the place of the interpreter: an image's ops, translated.
//!
//! Both have one state, a [`Frame`], and one semantics. Machine code gives an op back that it does not finish
//! itself: a rare one, one of the port's, one that traps. The interpreter then runs that op alone.

use core::fmt;

use xmap_image::Image;

/// The machine code of an image.
pub trait Machine: fmt::Debug {
    /// Runs from the op `frame.op` until the outermost function has returned, or up to an op that it leaves
    /// to the interpreter. Of an image that is not its own it leaves every op.
    fn run(&self, frame: &mut Frame<'_>);
}

/// The state of a call between two ops.
#[derive(Debug)]
pub struct Frame<'f> {
    /// The image whose ops run.
    pub image: &'f Image<'f>,
    /// The register stack.
    pub stack: &'f mut [u64],
    /// The linear memory, as long as it is now.
    pub memory: &'f mut [u8],
    /// Globals, tables and the lengths of passive segments.
    pub slots: &'f mut [u64],
    /// Where the window is on the stack.
    pub base: u32,
    /// The last place for a window.
    pub last_base: u32,
    /// What `memory.size` says.
    pub pages: u32,
    /// Words of code that the call may still pay for.
    pub fuel: i64,
    /// The op to go on with; none where the outermost function has returned.
    pub op: Option<u32>,
}
