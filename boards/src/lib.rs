#![no_std]
#![forbid(unsafe_code)]
//! What a board *is*, as data.
//!
//! Lines and banks, what each line may be used for, the registers of the GPIO block with their names and
//! offsets, what an op costs. No dependencies, no behaviour; every other crate takes its facts about hardware
//! from here. A board is a module of this crate; a new one is a module and a row of [`BoardId`].
//!
//! A build has as many lines and banks as the widest board that it knows ([`Line::COUNT`], [`BANKS`]). One
//! for the Raspberry Pi 4B alone knows no other board, so that its sets of lines are one word of 64 bits and
//! the questions about the board are constants. The feature `sim96` adds the board of that name, which only
//! the simulator builds.

mod costs;
mod gpio;
mod line;
mod line_set;
mod rpi4b;
#[cfg(feature = "sim96")]
mod sim96;

pub use costs::Costs;
pub use gpio::{Register, RegisterKind, RegisterMap, Registers};
pub use line::{BANKS, Bank, Line, PinMask};
pub use line_set::{LineBits, LineSet};
pub use rpi4b::{BOOT_MEDIA, RPI4B, boot_medium};
#[cfg(feature = "sim96")]
pub use sim96::SIM96;

/// Modules that a device runs side by side, each with memory of its own: the slots that a device has, and the
/// images of a bundle.
pub const MAX_MODULES: usize = 4;

/// Identifies a board inside an image. The number is part of the image format.
// Without `repr`, so that it takes no byte in a build that knows one board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BoardId {
    /// Raspberry Pi 4 Model B, BCM2711.
    Rpi4b = 1,
    /// A simulated board with three banks of lines.
    #[cfg(feature = "sim96")]
    Sim96 = 2,
}

impl BoardId {
    /// Returns the board with this number in an image, if this build knows one.
    pub const fn from_u16(id: u16) -> Option<Self> {
        match id {
            1 => Some(Self::Rpi4b),
            #[cfg(feature = "sim96")]
            2 => Some(Self::Sim96),
            _ => None,
        }
    }

    /// Returns the data of this board.
    #[inline(always)]
    pub const fn board(self) -> &'static Board {
        match self {
            Self::Rpi4b => &RPI4B,
            #[cfg(feature = "sim96")]
            Self::Sim96 => &SIM96,
        }
    }

    /// Returns the costs of ops on this board. Apart from [`Board`], so that a device does not carry them.
    pub const fn costs(self) -> &'static Costs {
        match self {
            Self::Rpi4b => &rpi4b::COSTS,
            #[cfg(feature = "sim96")]
            Self::Sim96 => &sim96::COSTS,
        }
    }
}

/// A line that a module may not have, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The line.
    pub line: Line,
    /// What the board uses it for, as a noun phrase: "the SD card's data lines".
    pub reason: &'static str,
}

/// An I2C bus of a board: where it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct I2cBus {
    /// The number, as the chip's documentation and Linux (`/dev/i2c-N`) have it.
    pub number: u8,
    /// The line that carries the data.
    pub sda: Line,
    /// The line that carries the clock.
    pub scl: Line,
    /// The number of the lines' alternate function that is the bus: 0 to 5.
    pub alt: u8,
}

impl I2cBus {
    /// Returns its two lines.
    pub const fn lines(&self) -> LineSet {
        LineSet::from_bits(LineSet::of(self.sda).bits() | LineSet::of(self.scl).bits())
    }
}

/// An SPI bus of a board: where it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiBus {
    /// The number, as the chip's documentation and Linux (`/dev/spidevN.M`) have it.
    pub number: u8,
    /// The line that carries the clock.
    pub sclk: Line,
    /// The line that carries what the board sends.
    pub mosi: Line,
    /// The line that carries what the board receives.
    pub miso: Line,
    /// The lines that select a device, by their numbers; low selects.
    pub selects: &'static [Line],
    /// The number of the lines' alternate function that is the bus: 0 to 5.
    pub alt: u8,
}

impl SpiBus {
    /// Returns the lines of the bus, those that select a device left out.
    pub const fn lines(&self) -> LineSet {
        let [clock, out, input] = [LineSet::of(self.sclk), LineSet::of(self.mosi), LineSet::of(self.miso)];
        LineSet::from_bits(clock.bits() | out.bits() | input.bits())
    }
}

/// A line that a PWM channel can drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PwmLine {
    /// The line.
    pub line: Line,
    /// The number of the channel; several lines may have one.
    pub channel: u8,
    /// The number of the line's alternate function that is the channel: 0 to 5.
    pub alt: u8,
}

/// A serial port of a board: where it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UartPort {
    /// The number, as the chip's documentation and Linux (`/dev/ttyAMAN`) have it.
    pub number: u8,
    /// The line that sends.
    pub tx: Line,
    /// The line that receives.
    pub rx: Line,
    /// The number of the lines' alternate function that is the port: 0 to 5.
    pub alt: u8,
}

/// One board.
#[derive(Debug)]
pub struct Board {
    /// The number in an image.
    pub id: BoardId,
    /// The name in a manifest: `board = "rpi4b"`.
    pub name: &'static str,
    /// The number of lines: they are numbered from 0 without gaps.
    pub lines: u8,
    /// Lines that the board itself needs.
    pub reserved: &'static [Reserved],
    /// Lines that a module without a manifest may use.
    pub header: LineSet,
    /// The header's pins from pin 1 on: the line that each carries, if it carries one.
    pub pins: &'static [Option<Line>],
    /// The registers of the GPIO block.
    pub gpio: RegisterMap,
    /// The I2C buses that a module may use, by their numbers.
    pub i2c: &'static [I2cBus],
    /// The SPI buses that a module may use, by their numbers.
    pub spi: &'static [SpiBus],
    /// The lines with a PWM channel that a module may use.
    pub pwm: &'static [PwmLine],
    /// The serial ports that a module may use, by their numbers.
    pub uart: &'static [UartPort],
    /// The shortest period of a timer, in microseconds: so long that a handler of a few ops and what the
    /// device does around it take a small part of it.
    pub shortest_period_us: u32,
    /// What a module may have of a device on this board.
    pub limits: Limits,
}

/// The share of a device on this board that a module may have. Every target of the board has the same, so
/// that all take the same images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a slot: of an image with its seal.
    pub image_bytes: usize,
    /// Bytes of linear memory, that which `memory.grow` adds included.
    pub memory_bytes: usize,
    /// Slots of 64 bits for globals, tables and the lengths of passive segments.
    pub slots: usize,
    /// Slots of 64 bits of the register stack, beside the window of the innermost function.
    pub stack_slots: usize,
}

impl Board {
    /// Returns the line with this number, if the board has one.
    #[inline(always)]
    pub const fn line(&self, number: u8) -> Option<Line> {
        if number < self.lines { Line::new(number) } else { None }
    }

    /// Returns the bank with this number, if the board has one.
    #[inline(always)]
    pub const fn bank(&self, number: u32) -> Option<Bank> {
        if number < self.lines.div_ceil(32) as u32 { Bank::new(number) } else { None }
    }

    /// Returns the I2C bus with this number, if modules may use one.
    pub fn i2c_bus(&self, number: u8) -> Option<&'static I2cBus> {
        self.i2c.iter().find(|bus| bus.number == number)
    }

    /// Returns the SPI bus with this number, if modules may use one.
    pub fn spi_bus(&self, number: u8) -> Option<&'static SpiBus> {
        self.spi.iter().find(|bus| bus.number == number)
    }

    /// Returns the serial port with this number, if modules may use one.
    pub fn uart_port(&self, number: u8) -> Option<&'static UartPort> {
        self.uart.iter().find(|port| port.number == number)
    }

    /// Returns the lines that a PWM channel can drive.
    pub fn pwm_lines(&self, channel: u8) -> LineSet {
        self.pwm.iter().filter(|of| of.channel == channel).map(|of| of.line).collect()
    }

    /// Returns the board's banks, each with its first and its last line.
    pub fn banks(&self) -> impl Iterator<Item = (Bank, u8, u8)> + use<> {
        let lines = self.lines;
        let bank = move |bank: Bank| {
            let first = 32 * bank as u8;
            (first < lines).then(|| (bank, first, (first + 31).min(lines - 1)))
        };
        Bank::ALL.into_iter().filter_map(bank)
    }

    /// Returns every line of the board.
    pub const fn all_lines(&self) -> LineSet {
        LineSet::below(self.lines)
    }

    /// Returns why `line` may not be used, if it is reserved.
    pub fn reserved(&self, line: Line) -> Option<&'static str> {
        self.reserved.iter().find(|r| r.line == line).map(|r| r.reason)
    }

    /// Returns the line that a pin of the header carries, if it carries one; pins count from 1.
    pub fn line_at(&self, pin: usize) -> Option<Line> {
        *self.pins.get(pin.checked_sub(1)?)?
    }
}

/// Returns the board with this name in a manifest, if this build knows one.
pub fn by_name(name: &str) -> Option<&'static Board> {
    #[cfg(feature = "sim96")]
    if name == SIM96.name {
        return Some(&SIM96);
    }
    BOARDS.iter().copied().find(|b| b.name == name)
}

/// Every board that can be bought, for messages that list them.
pub const BOARDS: &[&Board] = &[&RPI4B];

/// The highest number that a line has on any of [`BOARDS`].
pub const LAST_LINE: u8 = {
    let (mut most, mut n) = (0, 0);
    while n < BOARDS.len() {
        if BOARDS[n].lines > most {
            most = BOARDS[n].lines;
        }
        n += 1;
    }
    most - 1
};

/// Returns a line in the data of a board.
const fn line(number: u8) -> Line {
    match Line::new(number) {
        Some(line) => line,
        None => panic!("no such line"),
    }
}
