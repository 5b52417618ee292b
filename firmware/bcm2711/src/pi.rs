//! The board as the mapper sees it.

use tiny_mapper::{Function, LogLevel, Port, Pull};
use xmap_boards::{Bank, Line, PinMask};

use crate::{Clock, Counter, Gpio, PinFunction};

/// The Raspberry Pi 4B as a [`Port`]: GPIO block, clock, and where messages go.
#[derive(Debug)]
pub struct Pi<'a, C, L> {
    gpio: Gpio<'a>,
    clock: Clock<C>,
    log: L,
}

impl<'a, C: Counter, L: FnMut(LogLevel, &str)> Pi<'a, C, L> {
    /// The board, from its parts; `log` takes each message of the module.
    pub const fn new(gpio: Gpio<'a>, clock: Clock<C>, log: L) -> Self {
        Self { gpio, clock, log }
    }

    /// The lines and the clock, for a driver that needs both.
    pub const fn parts(&mut self) -> (&mut Gpio<'a>, &mut Clock<C>) {
        (&mut self.gpio, &mut self.clock)
    }
}

impl<C: Counter, L: FnMut(LogLevel, &str)> tiny_mapper::Gpio for Pi<'_, C, L> {
    #[inline(always)]
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.gpio.set(bank, mask);
    }

    #[inline(always)]
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.gpio.clear(bank, mask);
    }

    #[inline(always)]
    fn level(&mut self, bank: Bank) -> PinMask {
        self.gpio.level(bank)
    }

    // From here on, one of each in a program, whoever else calls it: none is on a hot path.
    #[inline(never)]
    fn is_output(&mut self, line: Line) -> bool {
        self.gpio.is_output(line)
    }

    #[inline(never)]
    fn select(&mut self, line: Line, function: Function) {
        let function = match function {
            Function::Input => PinFunction::Input,
            Function::Output => PinFunction::Output,
        };
        self.gpio.select(line, function);
    }

    #[inline(never)]
    fn pull(&mut self, line: Line, pull: Pull) {
        self.gpio.pull(line, pull);
    }
}

impl<C: Counter, L: FnMut(LogLevel, &str)> tiny_mapper::Clock for Pi<'_, C, L> {
    fn now_us(&mut self) -> u64 {
        self.clock.now_us()
    }

    #[inline(never)]
    fn delay_us(&mut self, us: u32) {
        self.clock.delay_us(us);
    }
}

impl<C: Counter, L: FnMut(LogLevel, &str)> tiny_mapper::Log for Pi<'_, C, L> {
    fn log(&mut self, level: LogLevel, text: &str) {
        (self.log)(level, text);
    }
}

impl<C: Counter, L: FnMut(LogLevel, &str)> Port for Pi<'_, C, L> {}
