//! The queue of events: bounded, in the order in which they came.

use heapless::Deque;
use xmap_image::{ExportId, OnOverrun};
use xmap_link::limits::MAX_MODULES;

use crate::Torn;
use crate::flight::{Exchange, time, value};
use crate::modules::ModuleId;

/// Events of one module that may wait: its share of the queue, so that a module whose events come faster
/// than it handles them loses its own and nobody else's.
pub const SHARE: usize = 16;

/// Events that may wait in all.
pub const QUEUE: usize = SHARE * MAX_MODULES;

/// An event that waits for its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The module.
    pub module: ModuleId,
    /// Its handler.
    pub export: ExportId,
    /// When it should have run, in microseconds since boot: the first deadline that it stands for.
    pub due_us: u64,
    /// The next deadline of its timer; `u64::MAX` where it is no timer's.
    pub next_us: u64,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// It waits.
    Waits,
    /// It became one with an event of the same timer that waits already.
    Coalesced,
    /// Its module's share is full, and one of them went.
    Overrun,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Deque<Waiting, QUEUE>,
}

impl Queue {
    /// Puts an event at the end.
    pub(crate) fn push(&mut self, event: Waiting, on_overrun: OnOverrun, coalesce: bool) -> Queued {
        let same = |other: &&Waiting| other.module == event.module;
        let is_timer = event.next_us != u64::MAX;
        if coalesce && is_timer && self.waiting.iter().filter(same).any(|other| other.export == event.export)
        {
            return Queued::Coalesced;
        }
        let overrun = self.waiting.iter().filter(same).count() >= SHARE;
        if overrun {
            match on_overrun {
                OnOverrun::DropNewest => return Queued::Overrun,
                OnOverrun::DropOldest => self.remove_first(|other| other.module == event.module),
            }
        }
        // Every module keeps to its share, so there is room.
        _ = self.waiting.push_back(event);
        if overrun { Queued::Overrun } else { Queued::Waits }
    }

    /// The event that came first.
    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// The first event of a module.
    pub(crate) fn pop_of(&mut self, module: ModuleId) -> Option<Waiting> {
        let event = self.waiting.iter().copied().find(|event| event.module == module)?;
        self.remove_first(|other| other.module == module);
        Some(event)
    }

    /// Forgets the events of a module. How many they were.
    pub(crate) fn forget(&mut self, module: ModuleId) -> u32 {
        let before = self.waiting.len();
        for _ in 0..before {
            if let Some(event) = self.waiting.pop_front()
                && event.module != module
            {
                _ = self.waiting.push_back(event);
            }
        }
        (before - self.waiting.len()) as u32
    }

    /// Returns whether an event of a module waits that was due before a time.
    pub(crate) fn waits_before(&self, module: ModuleId, end_us: u64) -> bool {
        self.waiting.iter().any(|event| event.module == module && event.due_us < end_us)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Exchanges the events that wait.
    pub(crate) fn exchange(&mut self, with: &mut dyn Exchange) -> Result<(), Torn> {
        let mut count = self.waiting.len() as u64;
        with.number(&mut count)?;
        self.waiting.truncate(usize::try_from(count).map_err(|_| Torn)?);
        while (self.waiting.len() as u64) < count {
            let none = Waiting { module: ModuleId::FIRST, export: ExportId(0), due_us: 0, next_us: 0 };
            self.waiting.push_back(none).map_err(|_| Torn)?;
        }
        self.waiting.iter_mut().try_for_each(|event| {
            event.module.exchange(with)?;
            value(with, &mut event.export.0)?;
            time(with, &mut event.due_us)?;
            time(with, &mut event.next_us)
        })
    }

    fn remove_first(&mut self, which: impl Fn(&Waiting) -> bool) {
        let mut removed = false;
        for _ in 0..self.waiting.len() {
            let Some(event) = self.waiting.pop_front() else { return };
            if !removed && which(&event) {
                removed = true;
            } else {
                _ = self.waiting.push_back(event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(module: u8) -> ModuleId {
        ModuleId::new(module).unwrap()
    }

    fn event(module: u8, export: u16, period_us: u64) -> Waiting {
        let next_us = if period_us == 0 { u64::MAX } else { u64::from(export) + period_us };
        Waiting { module: id(module), export: ExportId(export), due_us: u64::from(export), next_us }
    }

    fn push(queue: &mut Queue, event: Waiting, on_overrun: OnOverrun) -> Queued {
        queue.push(event, on_overrun, true)
    }

    fn exports(queue: &mut Queue) -> Vec<u16> {
        core::iter::from_fn(|| queue.pop()).map(|event| event.export.0).collect()
    }

    #[test]
    fn events_come_out_in_their_order() {
        let mut queue = Queue::default();
        for n in 0..4 {
            assert_eq!(push(&mut queue, event(n as u8 % 2, n, 0), OnOverrun::DropOldest), Queued::Waits);
        }
        assert_eq!(queue.pop_of(id(1)).map(|event| event.export.0), Some(1));
        assert_eq!(exports(&mut queue), [0, 2, 3]);
        assert!(queue.is_empty() && queue.pop_of(id(0)).is_none());
    }

    #[test]
    fn a_full_share_drops_what_the_manifest_says_and_nobody_elses() {
        for (on_overrun, expected) in [(OnOverrun::DropOldest, 1), (OnOverrun::DropNewest, 0)] {
            let mut queue = Queue::default();
            push(&mut queue, event(1, 99, 0), on_overrun);
            for n in 0..SHARE as u16 {
                assert_eq!(push(&mut queue, event(0, n, 0), on_overrun), Queued::Waits);
            }
            assert_eq!(push(&mut queue, event(0, SHARE as u16, 0), on_overrun), Queued::Overrun);
            let all = exports(&mut queue);
            let kept: Vec<u16> = (expected..expected + SHARE as u16).collect();
            assert_eq!(all, [&[99], kept.as_slice()].concat(), "{on_overrun:?}");
        }
    }

    #[test]
    fn every_module_has_its_share() {
        let mut queue = Queue::default();
        for module in 0..MAX_MODULES as u8 {
            for n in 0..SHARE as u16 {
                assert_eq!(push(&mut queue, event(module, n, 0), OnOverrun::DropNewest), Queued::Waits);
            }
        }
        assert_eq!(queue.forget(id(2)), SHARE as u32);
        assert_eq!(exports(&mut queue).len(), QUEUE - SHARE);
    }

    #[test]
    fn timers_coalesce_and_edges_do_not() {
        let mut queue = Queue::default();
        push(&mut queue, event(0, 1, 10), OnOverrun::DropOldest);
        assert_eq!(push(&mut queue, event(0, 1, 10), OnOverrun::DropOldest), Queued::Coalesced);
        assert_eq!(push(&mut queue, event(1, 1, 10), OnOverrun::DropOldest), Queued::Waits);
        assert_eq!(queue.push(event(0, 1, 10), OnOverrun::DropOldest, false), Queued::Waits);
        push(&mut queue, event(0, 2, 0), OnOverrun::DropOldest);
        assert_eq!(push(&mut queue, event(0, 2, 0), OnOverrun::DropOldest), Queued::Waits);
        assert_eq!(exports(&mut queue), [1, 1, 1, 2, 2]);
    }
}
