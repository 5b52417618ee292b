//! What happened, for an operator who comes later.

use heapless::Deque;
use xmap_link::{Happening, Happenings, What};

/// Happenings that are held: more than a device in good health has in a day.
pub const HISTORY: usize = 64;

/// The last happenings, numbered from 0 at boot.
#[derive(Debug, Default)]
pub(crate) struct History {
    held: Deque<Happening, HISTORY>,
    next: u32,
}

impl History {
    pub(crate) fn push(&mut self, time_us: u64, module: u8, what: What) {
        if self.held.is_full() {
            self.held.pop_front();
        }
        _ = self.held.push_back(Happening { time_us, module, what });
        self.next = self.next.wrapping_add(1);
    }

    /// A page from number `from` on, or from the oldest that is held.
    pub(crate) fn page(&self, from: u32) -> Happenings {
        let oldest = self.next - self.held.len() as u32;
        let first = from.clamp(oldest, self.next);
        let mut page = Happenings { first, next: self.next, ..Happenings::default() };
        let held = self.held.iter().skip((first - oldest) as usize).take(page.entries.capacity());
        page.entries.extend(held.copied());
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_say_what_is_lost() {
        let mut history = History::default();
        for n in 0..HISTORY as u64 + 10 {
            history.push(n, 0, What::Swapped);
        }
        let (mut from, mut seen) = (0, Vec::new());
        loop {
            let page = history.page(from);
            if page.entries.is_empty() {
                break;
            }
            assert!(page.first == from || seen.is_empty());
            seen.extend(page.entries.iter().map(|entry| entry.time_us));
            from = page.first + page.entries.len() as u32;
        }
        assert_eq!(seen, (10..HISTORY as u64 + 10).collect::<Vec<_>>());
        assert_eq!(history.page(u32::MAX).entries.len(), 0);
    }
}
