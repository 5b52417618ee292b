//! Where things stand: the header and the order of the sections.

use xmap_boards::BoardId;

/// The first four bytes.
pub const MAGIC: [u8; 4] = *b"XMAP";
/// The format that this crate reads and writes.
pub const FORMAT: u16 = 1;
/// Words of the header.
pub const HEADER_WORDS: usize = 28;
/// Word of the first of the hash's eight words.
pub const HASH_WORD: usize = 4;
/// Words of the hash.
pub const HASH_WORDS: usize = 8;
/// No start function.
pub const NO_START: u32 = u32::MAX;

/// Words of the header that are not the hash.
pub mod field {
    /// `XMAP`.
    pub const MAGIC: usize = 0;
    /// `format | board << 16`.
    pub const FORMAT_BOARD: usize = 1;
    /// Bytes of the whole image.
    pub const LENGTH: usize = 2;
    /// The module's version.
    pub const VERSION: usize = 3;
    /// The start function's index, or all ones.
    pub const START: usize = 12;
    /// Bytes of linear memory at load.
    pub const MEMORY_BYTES: usize = 13;
    /// `pages at load | most pages << 16` in units of 64 KiB, each capped at 65535.
    pub const MEMORY_PAGES: usize = 14;
    /// Microseconds that a call may spend waiting.
    pub const TIME_US: usize = 15;
    /// Which extension sections there are: bit *n* stands for [`super::Extension`] *n*. Their byte
    /// lengths follow the header, one word for each bit that is set.
    pub const EXTENSIONS: usize = 16;
    /// Byte lengths of the sections, one word each.
    pub const SECTIONS: usize = 17;
}

/// The sections, in their order. Each starts on a word; the bytes up to the next are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Section {
    /// [`crate::ExportRow`]s, sorted by key.
    Exports = 0,
    /// [`crate::FunctionRow`]s.
    Functions = 1,
    /// Words of code.
    Code = 2,
    /// [`crate::PinRow`]s, sorted by line.
    Pins = 3,
    /// Initial values of globals, 8 bytes each, low word first.
    Globals = 4,
    /// [`crate::DataRow`]s.
    DataRows = 5,
    /// Bytes of the data segments.
    Data = 6,
    /// Types of the exports, one byte each.
    Signatures = 7,
    /// [`crate::NameRow`]s.
    Names = 8,
    /// UTF-8 of the names.
    Strings = 9,
    /// The manifest block.
    Manifest = 10,
}

/// How many sections there are.
pub const SECTIONS: usize = 11;

impl Section {
    /// Every section in its order.
    pub const ALL: [Section; SECTIONS] = [
        Section::Exports,
        Section::Functions,
        Section::Code,
        Section::Pins,
        Section::Globals,
        Section::DataRows,
        Section::Data,
        Section::Signatures,
        Section::Names,
        Section::Strings,
        Section::Manifest,
    ];
}

/// Sections that few images have. They stand behind the others, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Extension {
    /// [`crate::TypeRow`]s: the function types that indirect calls name.
    Types = 0,
    /// [`crate::TableRow`]s.
    Tables = 1,
    /// [`crate::ElementRow`]s: what stands in tables at load.
    Elements = 2,
    /// [`crate::PassiveRow`]s: element segments that `table.init` copies from.
    PassiveElements = 3,
    /// Function indices of both kinds of element segments, 16 bits each.
    ElementItems = 4,
    /// [`crate::PassiveRow`]s: data segments that `memory.init` copies from.
    PassiveData = 5,
    /// One word: slots of the register stack beside a window, where the image needs more than
    /// [`crate::limits::STACK_SLOTS`].
    Stack = 6,
    /// One word: the index of the global that is the pointer of the module's shadow stack, which its compiler
    /// keeps in linear memory.
    StackPointer = 7,
    /// [`crate::I2cRow`]s: the I2C devices that calls name.
    I2c = 8,
    /// [`crate::ContractHash`]es, one for each export, where its types do not say all of its contract.
    Contracts = 9,
    /// Three words: the rule of the zone that local time is in ([`crate::Zone`]).
    Zone = 10,
    /// [`crate::I2cRegisters`]: the registers of I2C devices that transfers may name.
    I2cRegisters = 11,
    /// [`crate::SpiRow`]s: the SPI devices that calls name.
    Spi = 12,
    /// [`crate::PwmRow`]s: the PWM channels that calls name.
    Pwm = 13,
    /// [`crate::UartRow`]s: the serial ports that calls name.
    Uart = 14,
    /// One word, 0: the device notes nothing of the module's calls.
    Untraced = 15,
}

/// How many extension sections there are. A build without host calls takes no image that has devices,
/// hashes of contracts or a zone.
pub(crate) const EXTENSIONS: usize = if crate::HOST_CALLS { 16 } else { 8 };

impl Extension {
    /// Every extension section in its order.
    pub const ALL: [Extension; EXTENSIONS] = [
        Extension::Types,
        Extension::Tables,
        Extension::Elements,
        Extension::PassiveElements,
        Extension::ElementItems,
        Extension::PassiveData,
        Extension::Stack,
        Extension::StackPointer,
        #[cfg(feature = "host-calls")]
        Extension::I2c,
        #[cfg(feature = "host-calls")]
        Extension::Contracts,
        #[cfg(feature = "host-calls")]
        Extension::Zone,
        #[cfg(feature = "host-calls")]
        Extension::I2cRegisters,
        #[cfg(feature = "host-calls")]
        Extension::Spi,
        #[cfg(feature = "host-calls")]
        Extension::Pwm,
        #[cfg(feature = "host-calls")]
        Extension::Uart,
        #[cfg(feature = "host-calls")]
        Extension::Untraced,
    ];
}

/// Returns the board of the header's word. An image for a board that does not exist is refused.
#[inline(always)]
pub(crate) const fn board(word: u32) -> BoardId {
    match BoardId::from_u16((word >> 16) as u16) {
        Some(board) => board,
        None => BoardId::Rpi4b,
    }
}

/// The header, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The board that the image was compiled for.
    pub board: BoardId,
    /// The module's version; it only grows.
    pub version: u32,
    /// The start function.
    pub start: Option<u32>,
    /// Bytes of linear memory at load.
    pub memory_bytes: u32,
    /// What `memory.size` says at load, in pages of 64 KiB.
    pub memory_pages: u32,
    /// How far `memory.grow` may go, in pages of 64 KiB.
    pub memory_max_pages: u32,
    /// Microseconds that a call may spend in `time.delay_us`.
    pub time_us: u32,
}

impl Header {
    /// The fields of a header that verification has taken.
    pub(crate) const fn of(head: &[u32; HEADER_WORDS]) -> Self {
        let start = head[field::START];
        Self {
            board: board(head[field::FORMAT_BOARD]),
            version: head[field::VERSION],
            start: if start == NO_START { None } else { Some(start) },
            memory_bytes: head[field::MEMORY_BYTES],
            memory_pages: head[field::MEMORY_PAGES] & 0xffff,
            memory_max_pages: head[field::MEMORY_PAGES] >> 16,
            time_us: head[field::TIME_US],
        }
    }
}

const _: () = assert!(field::SECTIONS + SECTIONS == HEADER_WORDS);
