//! What happened, for an operator who comes later.

use heapless::Deque;
use xmap_link::{DeviceEvent, DeviceEventKind, DeviceEvents};

use crate::modules::ModuleId;

/// Happenings that are held: more than a device in good health has in a day.
pub const HISTORY: usize = 64;

/// The last happenings, numbered from 0 at boot.
#[derive(Debug, Default)]
pub(crate) struct History {
    held: Deque<DeviceEvent, HISTORY>,
    next: u32,
}

impl History {
    pub(crate) fn push(&mut self, time_us: u64, module: ModuleId, what: DeviceEventKind) {
        if self.held.is_full() {
            self.held.pop_front();
        }
        _ = self.held.push_back(DeviceEvent { time_us, module: module.number(), what });
        self.next = self.next.wrapping_add(1);
    }

    /// The number that the next one will have.
    pub(crate) const fn next_number(&self) -> u32 {
        self.next
    }

    /// Returns a page from number `from` on, or from the oldest that is held. A host that does not know a
    /// kind of event (`edition`, [`DeviceEventKind::edition`]) gets no page with one: the page before ends
    /// there, the next begins behind.
    pub(crate) fn page(&self, from: u32, edition: u8) -> DeviceEvents {
        let known = |happening: &&DeviceEvent| happening.what.edition() <= edition;
        let oldest = self.next - self.held.len() as u32;
        let from = from.clamp(oldest, self.next);
        let held = |from: u32| self.held.iter().skip((from - oldest) as usize);
        let unknown = held(from).take_while(|happening| !known(happening)).count();
        let first = from + unknown as u32;
        let mut page = DeviceEvents { first, next: self.next, ..DeviceEvents::default() };
        let held = held(first).take_while(known).take(page.entries.capacity());
        page.entries.extend(held.copied());
        page
    }
}

#[cfg(test)]
mod tests {
    use xmap_link::TrapReport;

    use super::*;

    #[test]
    fn pages_follow_each_other_and_say_what_is_lost() {
        let mut history = History::default();
        for n in 0..HISTORY as u64 + 10 {
            history.push(n, ModuleId::FIRST, DeviceEventKind::Swapped);
        }
        let (mut from, mut seen) = (0, Vec::new());
        loop {
            let page = history.page(from, 0);
            if page.entries.is_empty() {
                break;
            }
            assert!(page.first == from || seen.is_empty());
            seen.extend(page.entries.iter().map(|entry| entry.time_us));
            from = page.first + page.entries.len() as u32;
        }
        assert_eq!(seen, (10..HISTORY as u64 + 10).collect::<Vec<_>>());
        assert_eq!(history.page(u32::MAX, 0).entries.len(), 0);
    }

    #[test]
    fn a_host_of_an_earlier_edition_gets_everything_that_it_knows_and_nothing_else() {
        let new = DeviceEventKind::SetAside { starts: 3 };
        let mut history = History::default();
        let all = [
            new,
            DeviceEventKind::Swapped,
            new,
            new,
            DeviceEventKind::Confirmed,
            DeviceEventKind::Reset,
            new,
        ];
        all.iter().for_each(|what| history.push(1, ModuleId::FIRST, *what));
        let read = |edition| {
            let (mut from, mut seen) = (0, Vec::new());
            loop {
                let page = history.page(from, edition);
                assert!(page.first >= from && page.next == 7);
                if page.entries.is_empty() {
                    return seen;
                }
                seen.extend(page.entries.iter().map(|entry| entry.what));
                from = page.first + page.entries.len() as u32;
            }
        };
        assert_eq!(read(0), [DeviceEventKind::Swapped, DeviceEventKind::Confirmed, DeviceEventKind::Reset]);
        assert_eq!(read(1), all);
        let refused = TrapReport { image: 0, export: 0, code: 17, op: 0, detail: 0 };
        let newer = DeviceEventKind::Refused(refused);
        history.push(1, ModuleId::FIRST, newer);
        assert_eq!((history.page(7, 1).entries.len(), history.page(7, 2).entries[0].what), (0, newer));
    }
}
