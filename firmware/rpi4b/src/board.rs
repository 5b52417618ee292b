//! The board as the device program sees it.

use tiny_mapper::{Function, LogLevel, Port, Pull};
use xmap_bcm2711::{Clock, GenericTimer, Gpio, Pi, SafeStores};
use xmap_boards::{Bank, Line, PinMask};
use xmap_panel::Edge;

use crate::interrupts;

/// The longest wait after which the main loop feeds the watchdog again.
const FEED_US: u32 = 100_000;

/// The Raspberry Pi 4B: its lines, its clock, and the edges that interrupt handlers noted. A module's messages wait
/// in the recorder around it, not here.
#[derive(Debug)]
pub struct Board(Pi<'static, GenericTimer, fn(LogLevel, &str)>);

/// The board's port with its clock.
pub fn board(gpio: Gpio<'static>, timer: GenericTimer) -> Board {
    Board(Pi::new(gpio, Clock::new(timer), |_, _| ()))
}

impl Board {
    /// A wait that an image's manifest allows is no hang: the watchdog is fed meanwhile.
    #[cold]
    fn long_delay_us(&mut self, us: u32) {
        let mut left = us;
        while left > FEED_US {
            self.0.delay_us(FEED_US);
            interrupts::feed();
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

impl xmap_panel::Board for Board {
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

/// The stores that `work` makes on a port, if it only stores and selects: for [`interrupts::set_safe`].
/// [`xmap_panel::make_safe`] for each mounted image is such work, so that there is one meaning of safe.
pub fn safe_stores(work: impl FnOnce(&mut SafePort)) -> SafeStores {
    let mut port = SafePort(SafeStores::NONE);
    work(&mut port);
    port.0
}

/// A port that remembers levels and inputs instead of storing them.
#[derive(Debug)]
pub struct SafePort(SafeStores);

impl Port for SafePort {
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.0.set[bank as usize] |= mask;
        self.0.clear[bank as usize] &= !mask;
    }

    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.0.clear[bank as usize] |= mask;
        self.0.set[bank as usize] &= !mask;
    }

    fn level(&mut self, _: Bank) -> PinMask {
        0
    }

    fn select(&mut self, line: Line, function: Function) {
        let float = &mut self.0.float[line.bank() as usize];
        match function {
            Function::Input => *float |= line.mask(),
            Function::Output => *float &= !line.mask(),
        }
    }

    fn pull(&mut self, _: Line, _: Pull) {}

    fn now_us(&mut self) -> u64 {
        0
    }

    fn delay_us(&mut self, _: u32) {}

    fn log(&mut self, _: LogLevel, _: &str) {}
}
