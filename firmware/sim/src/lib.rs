#![forbid(unsafe_code)]
//! The simulated board: a panel's image runs on the host, against a model of its board's GPIO block, and
//! everything that it does to a line can be seen. The board is one of `xmap_boards`, by default the Raspberry
//! Pi 4B.
//!
//! - [`Sim`] mounts an image as a device does and is what a panel's author writes tests with: call
//!   an export, press a button, let time pass, look at a lamp.
//! - [`SimBoard`] is the board: registers ([`Gpio`]), virtual time, a record of every access. It is a
//!   [`tiny_mapper::Port`], as the real board is.
//! - [`Script`] and [`run`] play a text of steps; what they show is the *plain trace*, which every
//!   target must reproduce.
//! - [`draw`] and [`write_vcd`] show levels over time: in a terminal, and in GTKWave.
//!
//! - [`SimBoard::attach`] connects an [`I2cDevice`] to a bus: a register file, a chip, or one that a test
//!   writes; [`SimBoard::disturb`] lets something go wrong at a clock of a transfer. [`SimBoard::attach_spi`]
//!   connects an [`SpiDevice`], [`SimBoard::attach_pwm`] a [`PwmDevice`], [`SimBoard::attach_uart`] a
//!   [`UartDevice`].
//!
//! # What is not simulated
//!
//! A module's computing takes no time; time passes where the test or the module waits. A transfer on a bus
//! takes the time that it takes on the wire; ALT functions have no other peripherals behind them. Lines have
//! no pull at reset, which on a real board differs from line to line; the lines that a manifest declares get
//! theirs at load, here as there.
//!
//! A module without a manifest does not say which lines are outputs. For its lines the last event
//! wins: a store makes the line follow it, a level from outside overrides that until the next store, and
//! a `gpio.direction` call settles it for good ([`Gpio::set_auto`]).

mod arguments;
mod board;
mod error;
mod gpio;
mod heap;
mod i2c;
mod passing;
mod picture;
mod pwm;
mod record;
mod recording;
mod replay;
mod run;
mod script;
mod seen;
mod signal;
mod sim;
mod spi;
mod svg;
mod traffic;
mod uart;
mod value;
mod waveform;

pub use arguments::{ArgumentError, Arguments};
pub use board::SimBoard;
pub use error::{CallError, SimError};
pub use gpio::{Contention, Gpio};
pub use heap::Heap;
pub use i2c::{
    Eeprom, I2cDevice, I2cFault, Mcp23017, Pca9552, Pcf8574, RegisterFile, Rtc, Screen, Tmp105, Transfer,
};
pub use passing::{MAX_EVENTS, MAX_EVENTS_AT_ONCE, MAX_TIME_US, Standstill};
pub use picture::Picture;
pub use pwm::{Fan, PwmDevice, Servo, Wave};
pub use record::{Access, Change, Event, EventKind, trace_line};
pub use recording::{Recording, RecordingError};
pub use replay::{Difference, Playback, Played, Replay, StoreDiffers};
pub use run::{Places, Player, Shown, StepError, StepErrorKind, Unexpected, run};
pub use script::{
    Action, Chip, ChipPlace, ChipStep, Drive, MAX_STEPS, Script, ScriptError, ScriptErrorKind, Step,
    Unrolled, When, parse_args,
};
pub use seen::SeenOps;
pub use signal::{Signal, write_vcd};
pub use sim::{Sim, SimDevice};
pub use spi::{Flash, Mcp3008, SpiDevice, SpiTransfer};
pub use svg::{escaped, svg};
pub use traffic::{Span, Traffic};
pub use uart::{Carried, ModbusSlave, UartDevice};
pub use value::{Unfit, Value};
pub use waveform::{draw, time};
/// What [`SimError::Mount`] says.
pub use xmap_device::MountError;
