//! What a device asks of its board beside what a module's call asks.

use tiny_mapper::{Layer, Over, Port};
use xmap_boards::{BoardId, Line};
use xmap_link::NoFirmware;

use crate::{Due, Firmwares, Operation, Write};

/// An edge that the board saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The line.
    pub line: Line,
    /// Whether it rose; `false` is a falling edge.
    pub rising: bool,
    /// When, in microseconds since boot.
    pub time_us: u64,
}

tiny_mapper::layered! {
    /// A board that stands in front of another one: it overrides what it changes.
    layer BoardLayer [Layer + Over<Inner: Board>]

    /// A board that a [`crate::Device`] runs on. Interrupt handlers of an implementation only note what they
    /// saw; the device asks for it between two events.
    trait Board [Port] {
        mut {
            /// Asks for edges of a line to be seen: rising, falling, both or none. What was seen before is
            /// forgotten.
            fn detect(line: Line, rising: bool, falling: bool);
            /// Returns the oldest edge that nobody has asked for yet.
            fn take_edge() -> Option<Edge>;
            /// The lines of a new image are set up: what comes now is the module's own.
            fn lines_ready() = |_| ();
            /// Takes what is logged from now on for messages of the module with this number, and lets them
            /// take this many bytes in all: what is beyond is dropped and counted.
            fn allow_text(module: u8, bytes: u32) = |_| ();
            /// Sets the wall clock, in microseconds since 1970. Returns whether the board has one that can be
            /// set, and to this time.
            fn set_unix_us(unix_us: i64) -> bool = |_| false;
            /// Returns the board's firmwares, where it has two.
            fn firmwares() -> Result<&mut dyn Firmwares, NoFirmware> = |_| Err(NoFirmware::NoSlots);
            /// Returns the time of [`tiny_mapper::Clock::now_us`] for what only accounts go by: histories,
            /// metrics, the meter of messages. Nothing that a module or a line could see depends on it. A
            /// layer with times of its own has them here, too.
            fn stamp_us() -> u64 = |board| board.now_us();
            /// The device begins to do something: how it goes follows from what the board answers up to its
            /// end.
            fn begin(operation: &Operation<'_>) = |_| ();
            /// The device begins a turn of its main loop. Returns the time of [`tiny_mapper::Clock::now_us`],
            /// which a turn asks for first. A layer with times of its own has them here, too.
            fn begin_turn() -> u64 = |board| {
                board.begin(&Operation::Turn);
                board.now_us()
            };
            /// That is over; where nothing has changed, it need not have been. Returns what is to be noted of
            /// the device's state now, if anything is.
            fn end(changed: bool) -> Option<Due> = |_| None;
            /// Takes the hash of the device's state, for the check that was due. Returns whether a snapshot
            /// of it is due as well.
            fn note_state(state: u32) -> bool = |_| false;
            /// Takes a snapshot of the device's state, which it asks for.
            fn note_snapshot(write: &mut Write<'_>) = |_| ();
            /// Returns how many edges were seen and lost since this was last asked, because too many waited.
            fn lost_edges() -> u32 = |_| 0;
        }
        ref {
            /// Returns how many stores to set and clear registers there were, where somebody counts.
            fn stores() -> u32 = |_| 0;
            /// Returns which board it is. The device takes images for this board alone.
            fn id() -> BoardId;
            /// Returns how many of the allowed bytes are left; `None` on a board that keeps no messages.
            fn text_left() -> Option<u32> = |_| None;
        }
    }
}

/// A borrowed board is one.
impl<B: Board + ?Sized> BoardLayer for &mut B {}
