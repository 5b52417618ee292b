//! What interrupt handlers noted and the main loop has not taken yet: bounded, and what finds no room is
//! counted.

use heapless::Deque;
use xmap_bcm2711::{SERIAL_PORTS, Seen, rose};
use xmap_boards::{Line, LineSet};
use xmap_device::Edge;

use crate::deadlines::Deadlines;
use crate::limits::{EDGES, RECEIVED_BYTES, SERIAL_BYTES};

/// The notes.
#[derive(Debug)]
pub struct Notes {
    /// Something was noted since the main loop last woke.
    pub fresh: bool,
    /// Bytes of the link.
    pub bytes: Deque<u8, RECEIVED_BYTES>,
    /// Bytes of the link that did not arrive whole.
    pub broken_bytes: u32,
    /// Bytes of modules' serial ports.
    pub serial: [SerialNotes; SERIAL_PORTS],
    edges: Deque<Edge, EDGES>,
    lost_edges: u32,
    /// Lines whose rising edges were asked for; and falling ones.
    rising: LineSet,
    falling: LineSet,
    /// What the timer is for.
    pub deadlines: Deadlines,
    /// How often the main loop did not feed in time.
    pub starved: u32,
}

impl Notes {
    /// Nothing noted, nothing asked for.
    pub const fn new() -> Self {
        Self {
            fresh: false,
            bytes: Deque::new(),
            broken_bytes: 0,
            serial: [const { SerialNotes::new() }; SERIAL_PORTS],
            edges: Deque::new(),
            lost_edges: 0,
            rising: LineSet::EMPTY,
            falling: LineSet::EMPTY,
            deadlines: Deadlines::NONE,
            starved: 0,
        }
    }

    /// Edges of a line are asked for: rising, falling, both or none. Those that wait are forgotten.
    pub fn detect(&mut self, line: Line, rising: bool, falling: bool) {
        self.rising.put(line, rising);
        self.falling.put(line, falling);
        for _ in 0..self.edges.len() {
            if let Some(edge) = self.edges.pop_front()
                && edge.line != line
            {
                // There is room: one was taken out.
                _ = self.edges.push_back(edge);
            }
        }
    }

    /// Notes edges, each with this time, in the order of their lines; those that nobody asked for are none.
    pub fn saw(&mut self, seen: &Seen, time_us: u64) {
        for line in (seen.lines & (self.rising | self.falling)).iter() {
            let asked = |lines: LineSet| lines.contains(line);
            let rising = rose(asked(self.rising), asked(self.falling), asked(seen.levels));
            if self.edges.push_back(Edge { line, rising, time_us }).is_err() {
                self.lost_edges = self.lost_edges.saturating_add(1);
            }
        }
    }

    /// The oldest edge.
    pub fn take_edge(&mut self) -> Option<Edge> {
        self.edges.pop_front()
    }

    /// Edges that found no room since this was last asked.
    pub fn take_lost_edges(&mut self) -> u32 {
        core::mem::take(&mut self.lost_edges)
    }
}

/// What a module's serial port has received.
#[derive(Debug)]
pub struct SerialNotes {
    bytes: Deque<u8, SERIAL_BYTES>,
    /// Bytes that wait at most; none before somebody listens.
    room: usize,
}

impl SerialNotes {
    /// Nothing received, nobody listens.
    const fn new() -> Self {
        Self { bytes: Deque::new(), room: 0 }
    }

    /// Forgets what has come, and has room for so many bytes from now on.
    pub fn listen(&mut self, room: usize) {
        self.bytes.clear();
        self.room = room;
    }

    /// Returns whether somebody listens.
    pub const fn is_heard(&self) -> bool {
        self.room != 0
    }

    /// Notes a byte; one that finds no room is lost.
    pub fn note(&mut self, byte: u8) {
        if self.bytes.len() < self.room {
            // There is room: that of the type is the most.
            _ = self.bytes.push_back(byte);
        }
    }

    /// Takes bytes, the oldest first, and returns how many.
    pub fn take(&mut self, bytes: &mut [u8]) -> usize {
        let count = self.bytes.len().min(bytes.len());
        for to in bytes.iter_mut().take(count) {
            *to = self.bytes.pop_front().unwrap_or_default();
        }
        count
    }
}

impl Default for Notes {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u8) -> Line {
        Line::new(number).unwrap()
    }

    fn seen(lines: [u32; 2], levels: [u32; 2]) -> Seen {
        Seen { lines: LineSet::from_banks(&lines), levels: LineSet::from_banks(&levels) }
    }

    fn take_all(notes: &mut Notes) -> Vec<(u8, bool, u64)> {
        core::iter::from_fn(|| notes.take_edge())
            .map(|edge| (edge.line.number(), edge.rising, edge.time_us))
            .collect()
    }

    #[test]
    fn edges_come_out_in_order_with_their_direction_and_time() {
        let mut notes = Notes::new();
        notes.detect(line(2), true, false);
        notes.detect(line(27), true, true);
        notes.detect(line(45), false, true);
        // The level is what it is after a pulse; a line whose rising edges alone were asked for rose.
        notes.saw(&seen([1 << 2 | 1 << 27, 1 << 13], [1 << 27, 1 << 13]), 7);
        notes.saw(&seen([1 << 27, 0], [0, 0]), 9);
        assert_eq!(take_all(&mut notes), [(2, true, 7), (27, true, 7), (45, false, 7), (27, false, 9)]);
        assert_eq!(notes.take_lost_edges(), 0);
    }

    #[test]
    fn what_nobody_asked_for_is_no_edge() {
        let mut notes = Notes::new();
        notes.detect(line(4), true, true);
        notes.detect(line(4), false, false);
        notes.saw(&seen([u32::MAX, u32::MAX], [0, 0]), 1);
        assert_eq!(take_all(&mut notes), []);
    }

    #[test]
    fn asking_again_forgets_the_lines_own_edges_alone() {
        let mut notes = Notes::new();
        notes.detect(line(4), true, true);
        notes.detect(line(5), true, true);
        for time in 0..3 {
            notes.saw(&seen([1 << 4 | 1 << 5, 0], [1 << 4, 0]), time);
        }
        notes.detect(line(4), true, false);
        assert_eq!(take_all(&mut notes), [(5, false, 0), (5, false, 1), (5, false, 2)]);
    }

    #[test]
    fn a_serial_port_keeps_what_came_first() {
        let mut notes = SerialNotes::new();
        assert!(!notes.is_heard());
        notes.note(1);
        notes.listen(4);
        assert!(notes.is_heard());
        (2..8).for_each(|byte| notes.note(byte));
        let mut bytes = [0; 3];
        assert_eq!((notes.take(&mut bytes), bytes), (3, [2, 3, 4]));
        assert_eq!((notes.take(&mut bytes), bytes[0]), (1, 5));
        assert_eq!(notes.take(&mut bytes), 0);
        // All of the type's room; another listener has nothing of it.
        notes.listen(SERIAL_BYTES);
        (0..=255).for_each(|byte| notes.note(byte));
        assert_eq!(notes.take(&mut [0; 300]), SERIAL_BYTES);
        notes.note(9);
        notes.listen(1);
        assert_eq!(notes.take(&mut bytes), 0);
    }

    #[test]
    fn edges_without_room_are_counted_and_the_oldest_stay() {
        let mut notes = Notes::new();
        notes.detect(line(4), true, true);
        for time in 0..EDGES as u64 + 3 {
            notes.saw(&seen([1 << 4, 0], [1 << 4, 0]), time);
        }
        assert_eq!(notes.take_lost_edges(), 3);
        assert_eq!(notes.take_lost_edges(), 0);
        let times: Vec<u64> = take_all(&mut notes).iter().map(|edge| edge.2).collect();
        assert_eq!(times, (0..EDGES as u64).collect::<Vec<_>>());
    }
}
