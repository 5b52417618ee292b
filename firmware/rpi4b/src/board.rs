//! The board as the device program sees it.

use tiny_mapper::{Function, LogLevel, Port, Pull};
use xmap_bcm2711::{Clock, GenericTimer, Gpio, Pi};
use xmap_boards::{Bank, Line, PinMask};
use xmap_device::Edge;

use crate::interrupts;

/// The longest wait after which the main loop feeds the watchdog again.
const FEED_US: u32 = 100_000;

/// The Raspberry Pi 4B: its lines, its clock, and the edges that interrupt handlers noted. A module's
/// messages wait in the recorder around it, not here.
#[derive(Debug)]
pub struct Board(Pi<'static, GenericTimer, fn(LogLevel, &str)>);

/// The board's port with its clock.
pub fn board(gpio: Gpio<'static>, timer: GenericTimer) -> Board {
    Board(Pi::new(gpio, Clock::new(timer), |_, _| ()))
}

impl Board {
    /// A wait that an image's manifest allows is no hang: the watchdog is fed meanwhile, for a fixed time in
    /// all.
    #[cold]
    fn long_delay_us(&mut self, us: u32) {
        let mut left = us;
        while left > FEED_US {
            self.0.delay_us(FEED_US);
            interrupts::feed_in_wait(FEED_US);
            left -= FEED_US;
        }
        self.0.delay_us(left);
    }
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

    fn is_output(&mut self, line: Line) -> bool {
        self.0.is_output(line)
    }

    fn select(&mut self, line: Line, function: Function) {
        // The register has other lines' functions, and a handler may make those inputs.
        critical_section::with(|_| self.0.select(line, function));
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        self.0.pull(line, pull);
    }

    fn now_us(&mut self) -> u64 {
        self.0.now_us()
    }

    fn delay_us(&mut self, us: u32) {
        if us > FEED_US {
            self.long_delay_us(us);
        } else {
            self.0.delay_us(us);
        }
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        self.0.log(level, text);
    }
}

impl xmap_device::Board for Board {
    fn detect(&mut self, line: Line, rising: bool, falling: bool) {
        interrupts::detect(line, rising, falling);
    }

    fn take_edge(&mut self) -> Option<Edge> {
        interrupts::take_edge()
    }

    fn lost_edges(&mut self) -> u32 {
        interrupts::lost_edges()
    }
}
