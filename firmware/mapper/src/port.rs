//! The seam between the mapper and hardware: a port is made of capabilities.
//!
//! Every board has [`Gpio`], [`Clock`] and [`Log`]. Any other capability is a trait of its own, and a method
//! of [`Port`] that says whether a board has it; unless a board says so, it has not. A port in front of
//! another one implements [`Layer`], and with it all of these.

use xmap_abi::BusStatus;
use xmap_boards::{Bank, Line, PinMask};
pub use xmap_image::Pull;
use xmap_image::{I2cRow, PwmRow, SpiRow, UartRow};

use crate::Over;

/// The function of a line: input or output. ALT functions are set up by the panel, not by a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Function {
    /// Input: the reset state of a line.
    Input = 0,
    /// Output.
    Output = 1,
}

crate::layered! {
    /// A port that stands in front of another one: it overrides what it changes, and the port behind it does
    /// all else.
    layer Layer [Over<Inner: Port>]

    /// The lines of a board.
    ///
    /// The mapper calls these with lines and masks that the image declares, and with nothing else; so
    /// none of them can fail. Each `set` and `clear` is one store to one register.
    trait Gpio [] {
        mut {
            /// Drives the lines of `mask` high: one store to GPSETn (*BCM2711 ARM Peripherals*, section 5.2).
            fn set(bank: Bank, mask: PinMask);
            /// Drives the lines of `mask` low: one store to GPCLRn.
            fn clear(bank: Bank, mask: PinMask);
            /// Returns the levels of a bank's lines: one load from GPLEVn. Bits of lines that do not exist
            /// are zero.
            fn level(bank: Bank) -> PinMask;
            /// Returns whether a line is an output (GPFSELn). A board that does not know says no: the line's
            /// level counts then.
            fn is_output(line: Line) -> bool = |_| false;
            /// Makes a line an input or an output (GPFSELn).
            fn select(line: Line, function: Function);
            /// Connects a line's pull resistor (GPIO_PUP_PDN_CNTRL_REGn).
            fn pull(line: Line, pull: Pull);
        }
    }

    /// The clock of a board.
    trait Clock [] {
        mut {
            /// Returns the microseconds since boot; they never go back.
            fn now_us() -> u64;
            /// Waits; the mapper has bounded the sum of waits of a call.
            fn delay_us(us: u32);
            /// Returns the microseconds since 1970, UTC, as a host or a clock chip has set them; negative
            /// while the time is not known. Unlike `now_us` they may go back.
            fn unix_us() -> i64 = |_| -1;
            /// Returns the seconds since boot, up to 2^32 - 1.
            #[cfg(feature = "uptime")]
            fn uptime_s() -> u32 = |board| u32::try_from(board.now_us() / 1_000_000).unwrap_or(u32::MAX);
        }
    }

    /// Where a board sends messages.
    trait Log [] {
        mut {
            /// Passes a module's message on. `text` lives only during the call.
            fn log(level: LogLevel, text: &str);
        }
    }

    /// What the mapper asks of a board: the registers of the BCM2711, the simulator, any set of
    /// `embedded-hal` pins ([`crate::HalPort`]).
    trait Port [Gpio + Clock + Log] {
        mut {
            /// Returns the source of random numbers, on a board that has one.
            fn random() -> Option<&mut dyn Random> = |_| None;
            /// Returns the I2C buses, on a board that has any.
            fn i2c() -> Option<&mut dyn I2c> = |_| None;
            /// Returns the SPI buses, on a board that has any.
            fn spi() -> Option<&mut dyn Spi> = |_| None;
            /// Returns the PWM channels, on a board that has any.
            fn pwm() -> Option<&mut dyn Pwm> = |_| None;
            /// Returns the serial ports, on a board that has any.
            fn uart() -> Option<&mut dyn Uart> = |_| None;
            /// Returns where a module's spans are noted, on a board that notes them.
            fn spans() -> Option<&mut dyn Spans> = |_| None;
        }
    }
}

/// Writes the methods of a [`Port`] or a [`Layer`] that is these parts of a board itself: `parts!(i2c: I2c)`.
#[macro_export]
macro_rules! parts {
    ($($method:ident: $Part:ident),* $(,)?) => {$(
        fn $method(&mut self) -> Option<&mut dyn $crate::$Part> {
            Some(self)
        }
    )*};
}

/// A source of random numbers.
pub trait Random {
    /// Fills the bytes with numbers that nobody can foretell; a simulator's are those of its seed. Returns
    /// whether it could.
    fn fill(&mut self, bytes: &mut [u8]) -> bool;
}

/// The I2C buses of a board.
///
/// The mapper calls it with a device that the image declares and with no more bytes than that says.
pub trait I2c {
    /// Writes bytes to the device, then reads from it after a repeated start; without either it sends the
    /// address alone. Returns how it ended, [`I2cRow::worst_us`] after the call at the latest: a transfer
    /// that is not done at its time limit is ended, and the bus freed by nine clocks and a stop condition.
    /// What was read before a transfer that failed may stand in `read`. `None` where the board cannot reach
    /// the bus.
    fn write_read(&mut self, device: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus>;
}

/// The SPI buses of a board.
///
/// The mapper calls it with a device that the image declares and with no more bytes than that says.
pub trait Spi {
    /// Selects the device, sends bytes and takes as many, and ends the selection: as many as the longer of
    /// both has, with zeros for what `write` lacks, while what `read` has no room for is dropped. Returns how
    /// it ended, [`SpiRow::timeout_us`] after the call at the latest. `None` where the board cannot reach the
    /// bus.
    fn transfer(&mut self, device: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus>;
}

/// The PWM channels of a board.
///
/// The mapper calls it with a channel that the image declares.
pub trait Pwm {
    /// Lets a channel drive its line with the period that it declares, high for so many nanoseconds from the
    /// beginning of each, from now on or from the next period on; no more than the period. Returns whether
    /// the board could.
    fn set(&mut self, channel: &PwmRow, high_ns: u32) -> bool;
}

/// The serial ports of a board.
///
/// The mapper calls it with a port that the image declares and with no more bytes than that says. A port is
/// set up by its first call, and receives from then on.
pub trait Uart {
    /// Sends bytes, with the declared line high meanwhile. Returns how it ended, [`UartRow::worst_us`] after
    /// the call at the latest. `None` where the board cannot reach the port.
    fn write(&mut self, device: &UartRow, bytes: &[u8]) -> Option<BusStatus>;

    /// Takes bytes that were received, the oldest first, and returns how many; it waits for none. `None`
    /// where the board cannot reach the port.
    fn read(&mut self, device: &UartRow, bytes: &mut [u8]) -> Option<usize>;
}

/// A name, a key or a value of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanText<'t> {
    /// The number that the compiler has given to a constant: the image's map has the text.
    Number(u16),
    /// The text, which need not be one: any bytes of the module's memory.
    Bytes(&'t [u8]),
    /// UTF-16, two bytes a unit, which need not be right either.
    Wide(&'t [u8]),
}

/// A value that a span is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SpanValue<'t> {
    /// An integer.
    I64(i64),
    /// A float.
    F64(f64),
    /// A text.
    Text(SpanText<'t>),
}

/// Where the spans of a module are noted.
///
/// The mapper calls it with numbers of spans as the module gives them. A number that names no open span is
/// noted as a mistake of the module; nothing of it is a trap.
pub trait Spans {
    /// Begins a span within those that are open; returns its number, which is not positive where there is no
    /// room for another one.
    fn start(&mut self, name: SpanText<'_>) -> i32;

    /// Ends a span, and those that were begun in it.
    fn end(&mut self, span: i32);

    /// Gives an open span a value.
    fn set(&mut self, span: i32, key: SpanText<'_>, value: SpanValue<'_>);
}

/// A borrowed port is one: the owner has it back when the borrower is gone.
impl<P: Port + ?Sized> Layer for &mut P {}

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
