//! The seam between the mapper and hardware.

use xmap_boards::{Bank, Line, PinMask};
pub use xmap_image::Pull;

/// What a line does: input or output. ALT functions are set up by the panel, not by a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Function {
    /// Input: the reset state of a line.
    Input = 0,
    /// Output.
    Output = 1,
}

/// What the mapper asks of a board. Implementations: the registers of the BCM2711, the simulator,
/// any set of `embedded-hal` pins ([`crate::HalPort`]).
///
/// The mapper calls these with lines and masks that the image declares, and with nothing else; so
/// none of them can fail. Each `set` and `clear` is one store to one register.
pub trait Port {
    /// Drives the lines of `mask` high: one store to GPSETn (*BCM2711 ARM Peripherals*, section 5.2).
    fn set(&mut self, bank: Bank, mask: PinMask);

    /// Drives the lines of `mask` low: one store to GPCLRn.
    fn clear(&mut self, bank: Bank, mask: PinMask);

    /// The levels of a bank's lines: one load from GPLEVn. Bits of lines that do not exist are zero.
    fn level(&mut self, bank: Bank) -> PinMask;

    /// Whether a line is an output (GPFSELn). A port that does not know says no: the line's level counts
    /// then.
    fn is_output(&mut self, line: Line) -> bool {
        _ = line;
        false
    }

    /// Makes a line an input or an output (GPFSELn).
    fn select(&mut self, line: Line, function: Function);

    /// Connects a line's pull resistor (GPIO_PUP_PDN_CNTRL_REGn).
    fn pull(&mut self, line: Line, pull: Pull);

    /// Microseconds since boot; never goes back.
    fn now_us(&mut self) -> u64;

    /// Waits; the mapper has bounded the sum of waits of a call.
    fn delay_us(&mut self, us: u32);

    /// Passes a module's message on. `text` lives only during the call.
    fn log(&mut self, level: LogLevel, text: &str);
}

/// A borrowed port is one: the owner has it back when the mapper is gone.
impl<P: Port + ?Sized> Port for &mut P {
    #[inline(always)]
    fn set(&mut self, bank: Bank, mask: PinMask) {
        (**self).set(bank, mask);
    }

    #[inline(always)]
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        (**self).clear(bank, mask);
    }

    #[inline(always)]
    fn level(&mut self, bank: Bank) -> PinMask {
        (**self).level(bank)
    }

    fn is_output(&mut self, line: Line) -> bool {
        (**self).is_output(line)
    }

    fn select(&mut self, line: Line, function: Function) {
        (**self).select(line, function);
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        (**self).pull(line, pull);
    }

    fn now_us(&mut self) -> u64 {
        (**self).now_us()
    }

    fn delay_us(&mut self, us: u32) {
        (**self).delay_us(us);
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        (**self).log(level, text);
    }
}

/// The level of a module's message (guest ABI, `log.message`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogLevel {
    /// 0.
    Debug,
    /// 1.
    Info,
    /// Any other.
    Warn,
}

impl LogLevel {
    /// The level with this number in the guest ABI.
    pub const fn from_i32(level: i32) -> Self {
        match level {
            0 => Self::Debug,
            1 => Self::Info,
            _ => Self::Warn,
        }
    }

    /// `DEBUG`, `INFO` or `WARN`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
        }
    }
}
