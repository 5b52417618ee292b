//! The board as the device program sees it.

use tiny_mapper::{Function, LogLevel, Port, Pull};
use xmap_bcm2711::{Clock, GenericTimer, Gpio, Pi};
use xmap_boards::{Bank, Line, PinMask};
use xmap_panel::Edge;

/// The Raspberry Pi 4B: its lines and its clock. A module's messages wait
/// in the recorder around it, not here.
#[derive(Debug)]
pub struct Board(Pi<'static, GenericTimer, fn(LogLevel, &str)>);

/// The board's port with its clock.
pub fn board(gpio: Gpio<'static>, timer: GenericTimer) -> Board {
    Board(Pi::new(gpio, Clock::new(timer), |_, _| ()))
}

impl Port for Board {
    #[inline(always)]
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.0.set(bank, mask);
    }

    #[inline(always)]
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.0.clear(bank, mask);
    }

    #[inline(always)]
    fn level(&mut self, bank: Bank) -> PinMask {
        self.0.level(bank)
    }

    fn select(&mut self, line: Line, function: Function) {
        self.0.select(line, function);
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        self.0.pull(line, pull);
    }

    fn now_us(&mut self) -> u64 {
        self.0.now_us()
    }

    fn delay_us(&mut self, us: u32) {
        self.0.delay_us(us);
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        self.0.log(level, text);
    }
}

/// Edges come with the board's interrupts; until then it sees none.
impl xmap_panel::Board for Board {
    fn detect(&mut self, _: Line, _: bool, _: bool) {}

    fn take_edge(&mut self) -> Option<Edge> {
        None
    }
}
