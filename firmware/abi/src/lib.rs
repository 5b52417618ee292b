#![no_std]
#![forbid(unsafe_code)]
//! The guest ABI as one table: every function that a module may import.
//!
//! Compiler, verifier, mapper, disassembler, trust policy, documents, fuzzers and the bindings in `guests/`
//! take from [`HostFunction`] what a host function is called, what it takes and what it costs, or a test
//! holds them against it. So a new host function is one row here, one implementation for each board that
//! has its capability, and its test: ARCHITECTURE.md, *How to add a host function*.
//!
//! # Examples
//!
//! ```
//! use xmap_abi::{HostFunction, OpClass};
//!
//! let set = HostFunction::find("gpio", "set").unwrap();
//! assert_eq!(set.row().class, Some(OpClass::GpioWrite));
//! assert_eq!(set.row().signature().to_string(), "(pin i32, val i32)");
//! assert_eq!(set.row().import().to_string(), r#"(import "gpio" "set" (func (param i32 i32)))"#);
//! ```

mod class;
mod cost;
mod status;
mod table;
mod text;

pub use class::OpClass;
pub use cost::{BYTES_PER_WORD, Cost};
pub use status::BusStatus;
pub use table::HostFunction;
pub use text::{Import, Module, Signature};

/// The length of a text of `trace.*` that stands for a constant: the address is the number that the image's
/// map has the text by. No memory has so many bytes.
pub const TEXT_NUMBER: u32 = u32::MAX;

/// The length of a text of `trace.*` that stands for a string as AssemblyScript has it: UTF-16, with the
/// number of its bytes in the four bytes in front of the address.
pub const TEXT_WIDE: u32 = u32::MAX - 1;

/// A type of WebAssembly that a parameter or a result of a host function has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WasmType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// A float of 64 bits.
    F64,
}

impl WasmType {
    /// Returns the name that WebAssembly's text format has for the type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F64 => "f64",
        }
    }
}

/// A parameter of a host function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// The name, for documents, bindings and disassembly.
    pub name: &'static str,
    /// The type.
    pub ty: WasmType,
}

/// The part that a host function works on: a part of a board, or the call itself. Every board has the first
/// three parts; any other is a trait of the mapper that a board has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Lines that are read and driven.
    Gpio,
    /// The time since boot, and waits.
    Clock,
    /// Messages for people.
    Log,
    /// A source of random numbers.
    Random,
    /// I2C buses.
    I2c,
    /// The call that is running: no part of a board.
    Call,
    /// SPI buses.
    Spi,
    /// PWM channels.
    Pwm,
    /// Serial ports.
    Uart,
    /// What is noted of the calls of a module: spans. A device that notes nothing lets it pass.
    Trace,
}

impl Capability {
    /// Returns the name that documents have for the capability.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gpio => "GPIO",
            Self::Clock => "clock",
            Self::Log => "log",
            Self::Random => "random",
            Self::I2c => "I2C",
            Self::Call => "call",
            Self::Spi => "SPI",
            Self::Pwm => "PWM",
            Self::Uart => "UART",
            Self::Trace => "trace",
        }
    }

    /// Returns whether every board has it.
    pub const fn is_universal(self) -> bool {
        matches!(self, Self::Gpio | Self::Clock | Self::Log | Self::Call | Self::Trace)
    }
}

/// The form in which an image names a host function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// By ops of its own: with constant lines they have less to check.
    Ops,
    /// By `host_call` and the number of its row.
    Row,
}

/// A row of the table: one host function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The import's module.
    pub module: &'static str,
    /// The import's name.
    pub name: &'static str,
    /// The parameters.
    pub params: &'static [Param],
    /// The types of the results, one at most.
    pub results: &'static [WasmType],
    /// The part of the board that it works on.
    pub capability: Capability,
    /// Its class in an owner's policy; none where it does nothing outside the module.
    pub class: Option<OpClass>,
    /// What a call is charged.
    pub cost: Cost,
    /// How an image names it.
    pub call: Call,
    /// What it does, in one line.
    pub doc: &'static str,
}

impl Row {
    /// Returns the parameters and results as documents write them: `(pin i32) -> i32`.
    pub const fn signature(&self) -> Signature<'_> {
        Signature(self)
    }

    /// Returns the import in WebAssembly's text format.
    pub const fn import(&self) -> Import<'_> {
        Import(self)
    }
}
