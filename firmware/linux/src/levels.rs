//! Edges of registers that are a file: its levels are looked at every millisecond, and what differs is an edge.

use std::collections::VecDeque;

use xmap_boards::{Line, PinMask};
use xmap_panel::Edge;

/// Microseconds between two looks.
const LOOK_US: u64 = 1000;

/// The levels at the last look, and the edges since.
#[derive(Debug, Default)]
pub struct Levels {
    /// Lines whose rising and falling edges are wanted.
    wanted: [u64; 2],
    levels: u64,
    came: VecDeque<Edge>,
}

impl Levels {
    /// Asks for edges of a line that is at this level now.
    pub fn detect(&mut self, line: Line, rising: bool, falling: bool, high: bool) {
        let bit = line.mask64();
        for (lines, on) in self.wanted.iter_mut().zip([rising, falling]) {
            *lines = *lines & !bit | if on { bit } else { 0 };
        }
        self.levels = self.levels & !bit | if high { bit } else { 0 };
        self.came.retain(|edge| edge.line != line);
    }

    /// Takes note of the levels, a word for each bank. When to look again, in microseconds.
    pub fn look(&mut self, now_us: u64, banks: [PinMask; 2]) -> u64 {
        let wanted = self.wanted[0] | self.wanted[1];
        if wanted == 0 {
            return u64::MAX;
        }
        let levels = u64::from(banks[0]) | u64::from(banks[1]) << 32;
        let changed = (levels ^ self.levels) & wanted;
        for line in (0..Line::COUNT).filter_map(Line::new).filter(|line| changed & line.mask64() != 0) {
            let rising = levels & line.mask64() != 0;
            if self.wanted[usize::from(!rising)] & line.mask64() != 0 {
                self.came.push_back(Edge { line, rising, time_us: now_us });
            }
        }
        self.levels = levels;
        now_us.saturating_add(LOOK_US)
    }

    /// The oldest edge.
    pub fn take(&mut self) -> Option<Edge> {
        self.came.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_between_two_looks_is_an_edge_where_it_is_wanted() {
        let line = |number| Line::new(number).unwrap();
        let mut levels = Levels::default();
        assert_eq!(levels.look(5, [u32::MAX; 2]), u64::MAX, "nobody wants any");
        levels.detect(line(27), false, true, true);
        levels.detect(line(40), true, true, false);
        assert_eq!(levels.look(10, [1 << 27, 0]), 1010);
        assert_eq!(levels.take(), None);
        levels.look(20, [1, 1 << 8]);
        assert_eq!(levels.take(), Some(Edge { line: line(27), rising: false, time_us: 20 }));
        assert_eq!(levels.take(), Some(Edge { line: line(40), rising: true, time_us: 20 }));
        levels.look(30, [1 << 27, 1 << 8]);
        assert_eq!(levels.take(), None, "rising was not asked for");
        levels.look(40, [0, 0]);
        levels.detect(line(27), false, false, false);
        assert_eq!(levels.take().map(|edge| edge.line), Some(line(40)), "the other one is forgotten");
        assert_eq!(levels.take(), None);
    }
}
