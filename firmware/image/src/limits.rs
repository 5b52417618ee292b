//! What an image may be at most; each number with its reason. The compiler refuses what
//! exceeds them with a place in the source, the verifier refuses it again.

/// Bytes of an image: section offsets fit 24 bits, and no panel comes near.
pub const MAX_IMAGE_BYTES: usize = 1 << 24;
/// Bytes of an image that the compiler accepts unless the manifest says otherwise: a panel of 64 exports.
pub const DEFAULT_IMAGE_BYTES: u32 = 12_288;
/// Images of a bundle: those that stand side by side on a device.
pub use xmap_boards::MAX_MODULES;
/// Exports: ids are 16 bits and travel over the link.
pub const MAX_EXPORTS: usize = 4096;
/// Functions: a call names its callee in 16 bits.
pub const MAX_FUNCTIONS: usize = 65_535;
/// Words of one function: fuel is charged in words, and a row has 16 bits for them.
pub const MAX_FUNCTION_WORDS: usize = 65_535;
/// Globals: an op names one in 16 bits.
pub const MAX_GLOBALS: usize = 65_535;
/// Registers of a function, register 0 (the link) included: a field of an op has 8 bits.
pub const MAX_FRAME: usize = 255;
/// Parameters of an export, or its results: they pass through the window.
pub const MAX_PARAMS: usize = 250;
/// Bytes of a `str` among the arguments or results of a call: no fuel pays for the look at whether it is
/// UTF-8.
pub const MAX_TEXT_BYTES: usize = 65_536;
/// Bytes of all strings together: a name row has 16 bits for an offset.
pub const MAX_STRING_BYTES: usize = 65_535;
/// Pages of linear memory: those of the WebAssembly specification, section 2.5.5.
pub const MAX_PAGES: u32 = 65_536;
/// Ops of a call where the manifest sets no `fuel`.
pub const DEFAULT_FUEL: u32 = 1_000_000;
/// Microseconds that a call may spend in `time.delay_us` where the manifest sets no `time_us`.
pub const DEFAULT_TIME_US: u32 = 1_000_000;
/// Bytes of linear memory where the manifest sets no `memory_bytes`: one page.
pub const DEFAULT_MEMORY_BYTES: u32 = 65_536;
/// Targets of a `br_table`, the default not counted: the op has 16 bits for them.
pub const MAX_TARGETS: usize = 65_000;
/// Registers that a window spans. A call needs this much room above its base.
pub const WINDOW: usize = 256;
/// Function types that indirect calls name: a function's row has 16 bits for its type.
pub const MAX_TYPES: usize = 65_535;
/// Tables: an op names one in 8 bits.
pub const MAX_TABLES: usize = 255;
/// References of a table that an image may ask for: each takes 8 bytes of RAM.
pub const MAX_TABLE_CAPACITY: u32 = 65_536;
/// References that a table which its module grows may reach, where the module names no maximum.
pub const DEFAULT_TABLE_CAPACITY: u32 = 1024;
/// Passive segments of a kind: an op names one in 16 bits.
pub const MAX_SEGMENTS: usize = 65_535;
/// Slots of the register stack, beside the window of the innermost function, that every image may use.
/// With the window they take 3,584 bytes.
pub const STACK_SLOTS: u32 = 192;
/// The same for an image whose functions call themselves: 32 KiB, a few hundred to a few thousand calls deep.
pub const RECURSIVE_STACK_SLOTS: u32 = 4096;
/// The same at most: 512 KiB.
pub const MAX_STACK_SLOTS: u32 = 65_536;
/// I2C devices of an image: a bus has 112 addresses, and a panel a handful of chips.
pub const MAX_I2C_DEVICES: usize = 16;
/// Bytes that a transfer writes, and that it reads: a page of the largest EEPROM with its address, a quarter
/// of a small display. A device copies what it writes.
pub const MAX_I2C_BYTES: usize = 256;
/// The addresses that an I2C device may have: the others are reserved by the bus's specification (UM10204,
/// section 3.1.12).
pub const I2C_ADDRESSES: core::ops::RangeInclusive<u8> = 0x08..=0x77;
/// Rates of an I2C bus: up to fast mode, and slow enough for any device.
pub const I2C_SPEED_HZ: core::ops::RangeInclusive<u32> = 10_000..=400_000;
/// SPI devices of an image: a bus has a few lines that select a device.
pub const MAX_SPI_DEVICES: usize = 8;
/// Bytes of a transfer on an SPI bus: a page of a flash memory with its command and address, and a row of a
/// display. A device copies what it writes.
pub const MAX_SPI_BYTES: usize = 512;
/// Rates of an SPI bus: what wires of some centimetres carry, and slow enough for any device.
pub const SPI_CLOCK_HZ: core::ops::RangeInclusive<u32> = 10_000..=32_000_000;
/// PWM channels of an image: a board has a few.
pub const MAX_PWM_CHANNELS: usize = 8;
/// Periods of a PWM channel in microseconds: what a lamp's driver takes, and what an eye sees.
pub const PWM_PERIOD_US: core::ops::RangeInclusive<u32> = 10..=1_000_000;
/// Serial ports of an image: a board has a few.
pub const MAX_UART_PORTS: usize = 4;
/// Bytes that a write to a serial port has, and that wait to be read: a frame of Modbus, the longest that it
/// has.
pub const MAX_UART_BYTES: usize = 256;
/// Rates of a serial port, in bits a second.
pub const UART_BAUD: core::ops::RangeInclusive<u32> = 300..=1_000_000;
/// Microseconds that a write to a serial port takes at most: the longest frame of Modbus at 9600 bits a
/// second. Nothing else of a panel runs meanwhile.
pub const MAX_UART_WRITE_US: u32 = 320_000;
/// Microseconds after which a transfer on a bus is ended at the latest: what SMBus gives a device that holds
/// the clock, three times. Nothing else of a panel runs meanwhile.
pub const MAX_BUS_TIMEOUT_US: u32 = 100_000;
/// Bytes of state that an image may keep over a swap or a restart, globals with 8 bytes each: a device that
/// has a disk reads no larger record back.
pub const MAX_KEPT_BYTES: u32 = 4 << 20;
/// Seconds between two writes of kept state that an image may ask for: a device's budget of writes has one a
/// minute, and a state that is written less than once a day is as good as one of the last orderly end.
pub const KEEP_EVERY_S: core::ops::RangeInclusive<u32> = 60..=86_400;
