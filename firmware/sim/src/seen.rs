//! Which ops of an image have run: what stands in the place of machine code looks on, and runs nothing.

use std::cell::Cell;

use tiny_mapper::{Frame, Machine};
use xmap_device::MachineCode;
use xmap_image::Image;

/// The ops of a slot's image that have run.
#[derive(Debug, Default)]
pub struct SeenOps {
    image: [u8; 32],
    /// A place for each word of the code.
    seen: Vec<Cell<bool>>,
    /// The op that ran last.
    last: Cell<Option<u32>>,
    /// The image is the slot's; what was seen outlives it.
    runs: bool,
}

impl SeenOps {
    /// Forgets which op ran last.
    pub(crate) fn forget_last(&self) {
        self.last.set(None);
    }

    /// The op of an image that ran last, or runs, since that was forgotten.
    pub(crate) fn last(&self, image: &Image<'_>) -> Option<u32> {
        self.last.get().filter(|_| self.image == image.hash())
    }

    /// Adds what has run of an image.
    pub(crate) fn add_to(&self, image: &Image<'_>, seen: &mut [bool]) {
        if self.image == image.hash() {
            seen.iter_mut().zip(&self.seen).for_each(|(to, from)| *to |= from.get());
        }
    }
}

impl MachineCode for SeenOps {
    fn make(&mut self, image: &Image<'_>) {
        if self.image != image.hash() {
            self.image = image.hash();
            self.seen = vec![Cell::new(false); image.code().len()];
        }
        self.runs = true;
    }

    fn forget(&mut self) {
        self.runs = false;
    }

    fn machine(&self) -> Option<&dyn Machine> {
        self.runs.then_some(self)
    }
}

impl Machine for SeenOps {
    fn run(&self, frame: &mut Frame<'_>) {
        let op = frame.op();
        if let Some(op) = op.and_then(|op| self.seen.get(op as usize)) {
            op.set(true);
        }
        self.last.set(op);
    }

    fn sees_all(&self) -> bool {
        true
    }
}
