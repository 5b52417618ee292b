//! The least that a port can be: two stores, and nothing else of a board.

use tiny_mapper::{Clock, Function, Gpio, Log, LogLevel, Port, Pull};
use xmap_boards::{Bank, Line, PinMask};

/// Where the stores go.
pub trait Stores {
    /// Drives lines of a bank high.
    fn set(&mut self, bank: Bank, mask: PinMask);
    /// Drives lines of a bank low.
    fn clear(&mut self, bank: Bank, mask: PinMask);
}

/// A port whose inputs are low, whose clock stands still and whose messages nobody reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bare<S>(pub S);

impl<S: Stores> Gpio for Bare<S> {
    #[inline(always)]
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.0.set(bank, mask);
    }
    #[inline(always)]
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.0.clear(bank, mask);
    }
    fn level(&mut self, _: Bank) -> PinMask {
        0
    }
    fn select(&mut self, _: Line, _: Function) {}
    fn pull(&mut self, _: Line, _: Pull) {}
}

impl<S> Clock for Bare<S> {
    fn now_us(&mut self) -> u64 {
        0
    }
    fn delay_us(&mut self, _: u32) {}
}

impl<S> Log for Bare<S> {
    fn log(&mut self, _: LogLevel, _: &str) {}
}

impl<S: Stores> Port for Bare<S> {}
