//! What a device asks of its board beside what a module's call asks.

use tiny_mapper::Port;
use xmap_boards::Line;

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

/// A board that a [`crate::Device`] runs on. Interrupt handlers of an implementation only note what they saw;
/// the device asks for it between two events.
pub trait Board: Port {
    /// Asks for edges of a line to be seen: rising, falling, both or none. What was seen before is forgotten.
    fn detect(&mut self, line: Line, rising: bool, falling: bool);

    /// The oldest edge that nobody has asked for yet.
    fn take_edge(&mut self) -> Option<Edge>;

    /// The lines of a new image are set up: what comes now is the module's own.
    fn lines_ready(&mut self) {}

    /// Lets the messages that are logged from now on take this many bytes in all: what is beyond is dropped
    /// and counted.
    fn allow_text(&mut self, bytes: u32) {
        _ = bytes;
    }

    /// How many of those bytes are left; `None` on a board that keeps no messages.
    fn text_left(&self) -> Option<u32> {
        None
    }

    /// Edges that were seen and lost since this was last asked, because too many waited.
    fn lost_edges(&mut self) -> u32 {
        0
    }
}

/// A borrowed board is one.
impl<B: Board + ?Sized> Board for &mut B {
    fn detect(&mut self, line: Line, rising: bool, falling: bool) {
        (**self).detect(line, rising, falling);
    }

    fn take_edge(&mut self) -> Option<Edge> {
        (**self).take_edge()
    }

    fn lines_ready(&mut self) {
        (**self).lines_ready();
    }

    fn allow_text(&mut self, bytes: u32) {
        (**self).allow_text(bytes);
    }

    fn text_left(&self) -> Option<u32> {
        (**self).text_left()
    }

    fn lost_edges(&mut self) -> u32 {
        (**self).lost_edges()
    }
}
