//! What happened on a simulated board, in order.

use std::fmt;

use tiny_mapper::LogLevel;
use xmap_boards::{Line, Register};

use crate::{Carried, SpiTransfer, Transfer, Wave};

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Virtual time, in microseconds since the board was made.
    pub time_us: u64,
    /// When it was over: later where it took time.
    pub end_us: u64,
    /// What it was.
    pub kind: EventKind,
}

/// The kind of an event in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A register was loaded from or stored to.
    Access(Access),
    /// A module logged a message.
    Log {
        /// Its level.
        level: LogLevel,
        /// Its text.
        text: String,
    },
    /// Something outside was connected to a line (`Some`: its level) or disconnected (`None`).
    Driven {
        /// The line.
        line: Line,
        /// The level.
        level: Option<bool>,
    },
    /// A transfer on a bus ended; its time is that of its beginning.
    Transfer(Transfer),
    /// A transfer on an SPI bus ended; its time is that of its beginning.
    SpiTransfer(SpiTransfer),
    /// A PWM channel has something else from now on.
    Wave(Wave),
    /// A serial port has sent bytes, and the time is that of the beginning; or a module has taken some.
    Carried(Carried),
}

/// One access to a register of the GPIO block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// A store or a load.
    pub write: bool,
    /// The register.
    pub register: Register,
    /// What was stored or loaded.
    pub value: u32,
}

impl Access {
    /// Returns whether it stored to a set or a clear register: what the plain trace of a run shows.
    pub const fn drives(&self) -> bool {
        self.write && self.register.kind.drives()
    }
}

/// `GPSET0 0x00020000`, without the direction.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#010x}", self.register, self.value)
    }
}

/// A line of the full trace (`--trace`): `       120us W GPSET0 0x00020000`, or
/// `       120us I2C1 0x48 w 00 r 19 80 ok`. Only accesses and transfers have one.
pub fn trace_line(event: &Event) -> Option<String> {
    match &event.kind {
        EventKind::Access(access) => {
            let direction = if access.write { 'W' } else { 'R' };
            Some(format!("{:>10}us {direction} {access}", event.time_us))
        }
        EventKind::Transfer(transfer) => Some(format!("{:>10}us {transfer}", event.time_us)),
        EventKind::SpiTransfer(transfer) => Some(format!("{:>10}us {transfer}", event.time_us)),
        EventKind::Carried(carried) => Some(format!("{:>10}us {carried}", event.time_us)),
        EventKind::Wave(wave) => Some(format!("{:>10}us {wave}", event.time_us)),
        EventKind::Log { .. } | EventKind::Driven { .. } => None,
    }
}

/// A level on a pad that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Virtual time, in microseconds.
    pub time_us: u64,
    /// Counts what changed levels: changes with one number came at the same instant, by one store.
    /// Two stores without a wait between them have one time and different numbers.
    pub step: u32,
    /// The line.
    pub line: Line,
    /// Its level from now on.
    pub high: bool,
}
