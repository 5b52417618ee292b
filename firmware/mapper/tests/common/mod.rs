//! A port that records, and small images by hand.
#![allow(dead_code, unreachable_pub)]

pub mod transcript;

use tiny_mapper::{
    CallError, Clock, Counters, Function as Direction, Gpio, I2c, Log, LogLevel, Mapper, Port, Pull, Pwm,
    Random, Spi, Store, Trap, Uart,
};
use xmap_abi::BusStatus;
use xmap_boards::{BANKS, Bank, BoardId, Line, PinMask};
use xmap_image::{
    Entry, Export, ExportId, Function, I2cRow, Image, ImageBuilder, Op, PinMode, PinRow, PwmRow, Safe,
    SpiRow, Ty, UartRow, Word,
};

/// What a port was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    Set(u32, PinMask),
    Clear(u32, PinMask),
    Select(u8, Direction),
    Pull(u8, Pull),
    Delay(u32),
    Log(LogLevel, String),
    Random(usize),
    /// A line, and how long each period is high, in nanoseconds.
    Pwm(u8, u32),
    /// Bus, address, what is written, how much is read.
    Bus(u8, u8, Vec<u8>, usize),
}

/// A port that records. Levels follow what is driven, and can be set from outside.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    pub did: Vec<Did>,
    pub levels: [PinMask; BANKS],
    pub now_us: u64,
    /// What random bytes are, on a board that has them.
    pub random: Option<u8>,
    /// How transfers end, on a board that has buses.
    pub bus: Option<BusStatus>,
    /// Whether the board has PWM channels.
    pub has_pwm: bool,
    /// Whether no bus that is named is there.
    pub no_such_bus: bool,
}

impl Recorder {
    pub fn take(&mut self) -> Vec<Did> {
        core::mem::take(&mut self.did)
    }
}

impl Gpio for Recorder {
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.levels[bank as usize] |= mask;
        self.did.push(Did::Set(bank as u32, mask));
    }
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.levels[bank as usize] &= !mask;
        self.did.push(Did::Clear(bank as u32, mask));
    }
    fn level(&mut self, bank: Bank) -> PinMask {
        self.levels[bank as usize]
    }
    fn select(&mut self, line: Line, function: Direction) {
        self.did.push(Did::Select(line.number(), function));
    }
    fn pull(&mut self, line: Line, pull: Pull) {
        self.did.push(Did::Pull(line.number(), pull));
    }
}

impl Clock for Recorder {
    fn now_us(&mut self) -> u64 {
        self.now_us
    }
    fn delay_us(&mut self, us: u32) {
        self.now_us += u64::from(us);
        self.did.push(Did::Delay(us));
    }
}

impl Log for Recorder {
    fn log(&mut self, level: LogLevel, text: &str) {
        self.did.push(Did::Log(level, text.into()));
    }
}

impl Random for Recorder {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        self.did.push(Did::Random(bytes.len()));
        bytes.fill(self.random.unwrap_or_default());
        self.random.is_some()
    }
}

impl Port for Recorder {
    fn random(&mut self) -> Option<&mut dyn Random> {
        self.random.is_some().then_some(self as &mut dyn Random)
    }

    fn pwm(&mut self) -> Option<&mut dyn Pwm> {
        self.has_pwm.then_some(self as &mut dyn Pwm)
    }

    fn uart(&mut self) -> Option<&mut dyn Uart> {
        self.bus.is_some().then_some(self as &mut dyn Uart)
    }

    fn spi(&mut self) -> Option<&mut dyn Spi> {
        self.bus.is_some().then_some(self as &mut dyn Spi)
    }

    fn i2c(&mut self) -> Option<&mut dyn I2c> {
        self.bus.is_some().then_some(self as &mut dyn I2c)
    }
}

impl Pwm for Recorder {
    fn set(&mut self, channel: &PwmRow, high_ns: u32) -> bool {
        self.did.push(Did::Pwm(channel.line_number(), high_ns));
        true
    }
}

impl Uart for Recorder {
    fn write(&mut self, device: &UartRow, bytes: &[u8]) -> Option<BusStatus> {
        self.did.push(Did::Bus(device.port_number(), 0, bytes.into(), 0));
        self.bus
    }

    fn read(&mut self, device: &UartRow, bytes: &mut [u8]) -> Option<usize> {
        self.did.push(Did::Bus(device.port_number(), 1, Vec::new(), bytes.len()));
        bytes.iter_mut().take(3).for_each(|byte| *byte = 0x77);
        Some(bytes.len().min(3))
    }
}

impl Spi for Recorder {
    fn transfer(&mut self, device: &SpiRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        if self.no_such_bus {
            return None;
        }
        self.did.push(Did::Bus(device.bus_number(), device.select(), write.into(), read.len()));
        read.fill(0x5a);
        self.bus
    }
}

impl I2c for Recorder {
    fn write_read(&mut self, device: &I2cRow, write: &[u8], read: &mut [u8]) -> Option<BusStatus> {
        if self.no_such_bus {
            return None;
        }
        self.did.push(Did::Bus(device.bus_number(), device.address(), write.into(), read.len()));
        read.fill(0xa5);
        self.bus
    }
}

/// A row of a line that exists.
pub fn pin(line: u8, mode: PinMode) -> PinRow {
    PinRow::new(Line::new(line).expect("a line"), mode, Safe::Low, Pull::None)
}

/// A builder with an output (17), an input (27), an inout (22), and an output of bank 1 (42).
pub fn builder() -> ImageBuilder<'static> {
    let mut builder = ImageBuilder::new(BoardId::Rpi4b);
    builder.pins =
        vec![pin(17, PinMode::Out), pin(27, PinMode::In), pin(22, PinMode::InOut), pin(42, PinMode::Out)];
    builder
}

/// A function with a frame for any of its registers.
pub fn function(params: u8, results: u8, code: &[Word]) -> Function {
    Function { frame: 64, params, results, code: code.to_vec() }
}

/// Adds an export under its own name.
pub fn export(builder: &mut ImageBuilder<'_>, name: &str, params: &[Ty], results: &[Ty], entry: Entry) {
    builder.exports.push(Export {
        key: format!("test.{name}"),
        name: name.into(),
        params: params.to_vec(),
        results: results.to_vec(),
        entry,
    });
}

/// Adds a function and an export of it, with a generous fuel.
pub fn code(builder: &mut ImageBuilder<'_>, name: &str, params: &[Ty], results: &[Ty], code: &[Word]) -> u32 {
    let index = builder.add(function(params.len() as u8, results.len() as u8, code));
    export(builder, name, params, results, Entry::Code { function: index, fuel: 1_000_000_000 });
    index
}

/// Adds a direct entry.
pub fn direct(builder: &mut ImageBuilder<'_>, name: &str, params: &[Ty], results: &[Ty], words: &[Word]) {
    let second = words.get(1).copied().unwrap_or(0);
    export(builder, name, params, results, Entry::Direct { first: words[0], second });
}

/// A call's outcome without its borrow.
pub type Outcome = Result<Vec<u64>, CallError>;

/// Loads a builder's image with 2,048 stack slots and three pages of memory, and hands the mapper to `f`.
pub fn with<T>(builder: &ImageBuilder<'_>, f: impl FnOnce(&mut Mapper<'_, Recorder>) -> T) -> T {
    let words = builder.build().expect("the image verifies");
    with_words(&words, f)
}

/// The same for an image's words.
pub fn with_words<T>(words: &[Word], f: impl FnOnce(&mut Mapper<'_, Recorder>) -> T) -> T {
    let image = Image::verify(words).expect("the image verifies");
    let (mut stack, mut memory, mut globals) = ([0xdead; 2048], vec![0xee; 3 << 16], [7; 64]);
    let store = Store { stack: &mut stack, memory: &mut memory, globals: &mut globals };
    let mut mapper = Mapper::load(image, Recorder::default(), store).expect("the store is large enough");
    f(&mut mapper)
}

/// Calls an export by its name.
pub fn call(mapper: &mut Mapper<'_, Recorder>, name: &str, args: &[u64]) -> Outcome {
    let id = mapper.find(name).unwrap_or(ExportId(u16::MAX));
    mapper.call(id, args).map(<[u64]>::to_vec)
}

/// The trap of an outcome.
pub fn trap(outcome: Outcome) -> Trap {
    match outcome {
        Err(CallError::Trap(trap)) => trap,
        other => panic!("no trap: {other:?}"),
    }
}

/// `code` and `detail` of the trap of an outcome.
pub fn fault(outcome: Outcome) -> (tiny_mapper::TrapCode, u32) {
    let trap = trap(outcome);
    (trap.code, trap.detail)
}

/// The fuel that the last call used.
pub fn fuel(mapper: &Mapper<'_, Recorder>) -> u32 {
    let Counters { fuel, .. } = mapper.counters();
    fuel
}

/// An i32 in a register.
pub fn i(value: i32) -> u64 {
    u64::from(value as u32)
}

/// The short form of an op with three byte fields.
pub fn op(op: Op, a: u8, b: u8, c: u8) -> Word {
    op.abc(a, b, c)
}

/// Return.
pub const RET: Word = Op::Ret.abc(0, 0, 0);

/// `fib(n)` by recursion, as the function with this index.
pub const fn fib(index: u16) -> [Word; 8] {
    [
        Op::BrGtUI.abc(1, 1, 1),
        ret(1),
        Op::AddI32.abc(3, 1, -1i8 as u8),
        Op::Call.a16(2, index),
        Op::AddI32.abc(5, 1, -2i8 as u8),
        Op::Call.a16(4, index),
        Op::Add32.abc(1, 3, 5),
        ret(1),
    ]
}

/// Return register `r`.
pub const fn ret(r: u8) -> Word {
    Op::RetV.abc(r, 0, 0)
}
