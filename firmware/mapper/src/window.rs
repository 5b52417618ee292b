//! The window: the registers that an op can name, a stretch of one stack.

use xmap_image::limits;

/// The registers of a function: 256 of them, so that a byte names one without a check.
pub(crate) type Window = [u64; limits::WINDOW];

/// Returns the window at `base`; `None` where there is no room for one.
#[inline(always)]
pub(crate) fn window_at(stack: &mut [u64], base: u32) -> Option<&mut Window> {
    // 32 bits, so that the end cannot wrap and one comparison is enough.
    let base = base as usize;
    stack.get_mut(base..base + limits::WINDOW)?.first_chunk_mut()
}
