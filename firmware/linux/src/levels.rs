//! Edges of registers that are a file: its levels are looked at every millisecond, and what differs is an
//! edge.

use std::collections::VecDeque;

use xmap_boards::{Line, PinMask};
use xmap_device::Edge;

/// Microseconds between two looks while something moves, and after nothing has moved for [`QUIET_US`].
const LOOK_US: u64 = 1000;
const SELDOM_US: u64 = 5000;
const QUIET_US: u64 = 1_000_000;

/// The levels at the last look, and the edges since.
#[derive(Debug, Default)]
pub struct Levels {
    /// Lines whose rising and falling edges are wanted.
    wanted: [u64; 2],
    levels: u64,
    /// When a level that is wanted last changed.
    moved_us: u64,
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

    /// Whether edges of any line are wanted.
    pub const fn wants_any(&self) -> bool {
        self.wanted[0] | self.wanted[1] != 0
    }

    /// Takes note of the levels, a word for each bank. When to look again, in microseconds.
    pub fn look(&mut self, now_us: u64, banks: [PinMask; 2]) -> u64 {
        if !self.wants_any() {
            return u64::MAX;
        }
        let wanted = self.wanted[0] | self.wanted[1];
        let levels = u64::from(banks[0]) | u64::from(banks[1]) << 32;
        let changed = (levels ^ self.levels) & wanted;
        if changed != 0 {
            self.moved_us = now_us;
        }
        for line in (0..Line::COUNT).filter_map(Line::new).filter(|line| changed & line.mask64() != 0) {
            let rising = levels & line.mask64() != 0;
            if self.wanted[usize::from(!rising)] & line.mask64() != 0 {
                self.came.push_back(Edge { line, rising, time_us: now_us });
            }
        }
        self.levels = levels;
        let quiet = now_us.saturating_sub(self.moved_us) >= QUIET_US;
        now_us.saturating_add(if quiet { SELDOM_US } else { LOOK_US })
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

    #[test]
    fn what_does_not_move_is_looked_at_seldom() {
        let line = Line::new(27).unwrap();
        let mut levels = Levels::default();
        levels.detect(line, true, true, false);
        assert_eq!(levels.look(QUIET_US - 1, [0, 0]), QUIET_US - 1 + LOOK_US);
        assert_eq!(levels.look(QUIET_US, [0, 0]), QUIET_US + SELDOM_US);
        assert_eq!(levels.look(2 * QUIET_US, [1 << 27, 0]), 2 * QUIET_US + LOOK_US);
    }
}
