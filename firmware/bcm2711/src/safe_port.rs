//! What makes outputs safe, worked out in advance: for who has no time to ask an image.

use tiny_mapper::{Function, Gpio, Pull};
use xmap_boards::{Bank, Line, LineSet, PinMask};

use crate::SafeStores;

/// The stores that `work` makes on a port, if it only stores and selects. `xmap_device::make_safe_by_lines`
/// for each mounted image is such work, so that there is one meaning of safe.
pub fn safe_stores(work: impl FnOnce(&mut SafePort)) -> SafeStores {
    let mut port = SafePort(SafeStores::NONE);
    work(&mut port);
    port.0
}

/// A port that remembers levels and inputs instead of storing them.
#[derive(Debug)]
pub struct SafePort(SafeStores);

impl Gpio for SafePort {
    fn set(&mut self, bank: Bank, mask: PinMask) {
        let lines = LineSet::of_bank(bank, mask);
        self.0.set |= lines;
        self.0.clear -= lines;
    }

    fn clear(&mut self, bank: Bank, mask: PinMask) {
        let lines = LineSet::of_bank(bank, mask);
        self.0.clear |= lines;
        self.0.set -= lines;
    }

    fn level(&mut self, _: Bank) -> PinMask {
        0
    }

    fn is_output(&mut self, _: Line) -> bool {
        // It may be one by then.
        true
    }

    fn select(&mut self, line: Line, function: Function) {
        self.0.float.put(line, function == Function::Input);
    }

    fn pull(&mut self, _: Line, _: Pull) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_last_counts() {
        let line = |number| Line::new(number).unwrap();
        let stores = safe_stores(|port| {
            port.set(Bank::Zero, 1 << 17 | 1 << 4);
            port.clear(Bank::Zero, 1 << 4);
            port.clear(Bank::One, 1 << 8);
            port.select(line(27), Function::Input);
            port.select(line(41), Function::Input);
            port.select(line(41), Function::Output);
        });
        let set = LineSet::of(line(17));
        let clear = LineSet::of(line(4)) | LineSet::of(line(40));
        assert_eq!(stores, SafeStores { set, clear, float: LineSet::of(line(27)) });
    }
}
