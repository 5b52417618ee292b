//! Edges of registers that are a file: its levels are looked at every millisecond, and what differs is an
//! edge.

use std::collections::VecDeque;

use xmap_boards::{Line, LineSet};
use xmap_device::Edge;

/// Microseconds between two looks while something moves, and after nothing has moved for [`QUIET_US`].
const LOOK_US: u64 = 1000;
const SELDOM_US: u64 = 5000;
const QUIET_US: u64 = 1_000_000;

/// The levels at the last look, and the edges since.
#[derive(Debug, Default)]
pub struct Levels {
    /// Lines whose rising and falling edges are wanted.
    wanted: [LineSet; 2],
    levels: LineSet,
    /// When a level that is wanted last changed.
    moved_us: u64,
    came: VecDeque<Edge>,
}

impl Levels {
    /// Asks for edges of a line that is at this level now.
    pub fn detect(&mut self, line: Line, rising: bool, falling: bool, high: bool) {
        for (lines, on) in self.wanted.iter_mut().zip([rising, falling]) {
            lines.put(line, on);
        }
        self.levels.put(line, high);
        self.came.retain(|edge| edge.line != line);
    }

    /// Returns whether edges of any line are wanted.
    pub fn wants_any(&self) -> bool {
        !(self.wanted[0] | self.wanted[1]).is_empty()
    }

    /// Takes note of the levels. When to look again, in microseconds.
    pub fn look(&mut self, now_us: u64, levels: LineSet) -> u64 {
        if !self.wants_any() {
            return u64::MAX;
        }
        let wanted = self.wanted[0] | self.wanted[1];
        let changed = (levels ^ self.levels) & wanted;
        if !changed.is_empty() {
            self.moved_us = now_us;
        }
        for line in changed.iter() {
            let rising = levels.contains(line);
            if self.wanted[usize::from(!rising)].contains(line) {
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

    fn set(low: u32, high: u32) -> LineSet {
        LineSet::from_banks(&[low, high])
    }

    #[test]
    fn what_differs_between_two_looks_is_an_edge_where_it_is_wanted() {
        let line = |number| Line::new(number).unwrap();
        let mut levels = Levels::default();
        assert_eq!(levels.look(5, set(u32::MAX, u32::MAX)), u64::MAX, "nobody wants any");
        levels.detect(line(27), false, true, true);
        levels.detect(line(40), true, true, false);
        assert_eq!(levels.look(10, set(1 << 27, 0)), 1010);
        assert_eq!(levels.take(), None);
        levels.look(20, set(1, 1 << 8));
        assert_eq!(levels.take(), Some(Edge { line: line(27), rising: false, time_us: 20 }));
        assert_eq!(levels.take(), Some(Edge { line: line(40), rising: true, time_us: 20 }));
        levels.look(30, set(1 << 27, 1 << 8));
        assert_eq!(levels.take(), None, "rising was not asked for");
        levels.look(40, LineSet::EMPTY);
        levels.detect(line(27), false, false, false);
        assert_eq!(levels.take().map(|edge| edge.line), Some(line(40)), "the other one is forgotten");
        assert_eq!(levels.take(), None);
    }

    #[test]
    fn what_does_not_move_is_looked_at_seldom() {
        let line = Line::new(27).unwrap();
        let mut levels = Levels::default();
        levels.detect(line, true, true, false);
        assert_eq!(levels.look(QUIET_US - 1, LineSet::EMPTY), QUIET_US - 1 + LOOK_US);
        assert_eq!(levels.look(QUIET_US, LineSet::EMPTY), QUIET_US + SELDOM_US);
        assert_eq!(levels.look(2 * QUIET_US, set(1 << 27, 0)), 2 * QUIET_US + LOOK_US);
    }
}
