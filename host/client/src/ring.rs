//! What a device has noted of its calls, from page to page.

use xmap_link::ring::RingEvent;
use xmap_link::{Refusal, Request, Response, RingPage, SpanParent};

use crate::client::Client;
use crate::error::{Error, ErrorCode};

/// Events that a device has noted, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// Pages, each with how many of its first events another page had before.
    pages: Vec<(RingPage, usize)>,
    /// The number of the next event that is wanted.
    next: u32,
    /// Events that were overwritten before they could be read.
    lost: u64,
}

impl Noted {
    /// No events yet: all that a device holds are wanted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Events from a number on.
    pub fn since(next: u32) -> Self {
        Self { next, ..Self::default() }
    }

    /// Returns the number of the next event that is wanted.
    pub const fn next(&self) -> u32 {
        self.next
    }

    /// Returns how many events were overwritten before they could be read.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// The pages, as they came.
    pub fn pages(&self) -> impl ExactSizeIterator<Item = &RingPage> {
        self.pages.iter().map(|(page, _)| page)
    }

    /// Takes the next page. Returns whether there is more to ask for. What does not decode of a page is left
    /// out, and what stands behind it with it.
    pub fn take(&mut self, page: RingPage) -> bool {
        let count = page.events().take_while(Result::is_ok).count();
        // Numbers go round, so a page begins before or behind what is wanted by their distance.
        let ahead = page.first.wrapping_sub(self.next) as i32;
        let skip = if ahead > 0 {
            self.lost += ahead as u64;
            0
        } else {
            ahead.unsigned_abs() as usize
        };
        let next = page.first.wrapping_add(count as u32);
        if count <= skip {
            return false;
        }
        self.next = next;
        let more = page.next != next;
        self.pages.push((page, skip));
        more
    }

    /// The events, each with its number and its time in microseconds since the device's boot.
    pub fn events(&self) -> impl Iterator<Item = (u32, u64, RingEvent<'_>)> {
        self.pages.iter().flat_map(|(page, skip)| {
            let numbered = page.events().map_while(Result::ok).enumerate().skip(*skip);
            numbered.map(|(n, (time_us, event))| (page.first.wrapping_add(n as u32), time_us, event))
        })
    }

    /// Takes the pages away, and goes on behind them.
    #[must_use]
    pub fn split(&mut self) -> Self {
        let next = Self { next: self.next, lost: 0, pages: Vec::new() };
        std::mem::replace(self, next)
    }
}

impl Client {
    /// Reads what the device has noted since `noted` was read, or all that it holds.
    ///
    /// # Errors
    ///
    /// See [`Client`]; [`ErrorCode::NoFeature`] where its firmware notes nothing.
    pub fn read_noted(&mut self, noted: &mut Noted) -> Result<(), Error> {
        // A device that notes faster than it is read has an end, too.
        for _ in 0..2 * xmap_link::limits::RING_BLOCKS {
            match self.ask(&Request::Ring { from: noted.next })? {
                Response::Ring(page) => {
                    if !noted.take(page) {
                        break;
                    }
                }
                Response::Refused(Refusal::Unsupported) => return Err(self.notes_nothing()),
                other => return Err(self.unwanted(&other)),
            }
        }
        Ok(())
    }

    /// Says that the next call belongs to a span of the caller's.
    ///
    /// # Errors
    ///
    /// As [`Client::read_noted`].
    pub fn set_parent(&mut self, parent: SpanParent) -> Result<(), Error> {
        match self.ask(&Request::Parent(parent))? {
            Response::Done => Ok(()),
            Response::Refused(Refusal::Unsupported) => Err(self.notes_nothing()),
            other => Err(self.unwanted(&other)),
        }
    }

    fn notes_nothing(&self) -> Error {
        let help = "flash the firmware that belongs to this xmap (`cargo xtask image`), built with its feature `trace`";
        self.error(ErrorCode::NoFeature, "its firmware notes nothing of calls").help(help.to_string())
    }
}

#[cfg(test)]
mod tests {
    use xmap_link::ring::kind;

    use super::*;

    fn page(first: u32, count: usize, next: u32) -> RingPage {
        let bytes = [0xe0 | kind::RETURNED, 1].repeat(count).into_iter().collect();
        RingPage { first, next, time_us: u64::from(first), bytes }
    }

    #[test]
    fn pages_follow_each_other_and_what_is_lost_is_counted() {
        let mut noted = Noted::new();
        assert!(noted.take(page(10, 5, 20)));
        // The block had grown when it was read again.
        assert!(noted.take(page(10, 8, 20)));
        assert!(!noted.take(page(18, 2, 20)));
        assert!(!noted.take(page(20, 0, 20)));
        assert_eq!((noted.next(), noted.lost()), (20, 10));
        let numbers: Vec<u32> = noted.events().map(|(number, ..)| number).collect();
        assert_eq!(numbers, (10..20).collect::<Vec<_>>());
        let first = noted.split();
        assert_eq!((first.events().count(), noted.events().count()), (10, 0));
        assert!(!noted.take(page(30, 1, 31)));
        assert_eq!((noted.lost(), noted.events().next().map(|(number, ..)| number)), (10, Some(30)));
    }

    #[test]
    fn numbers_go_round() {
        let mut noted = Noted::since(u32::MAX - 1);
        assert!(noted.take(page(u32::MAX - 3, 4, 5)));
        assert!(!noted.take(page(0, 5, 5)));
        let numbers: Vec<u32> = noted.events().map(|(number, ..)| number).collect();
        assert_eq!((numbers, noted.lost()), (vec![u32::MAX - 1, u32::MAX, 0, 1, 2, 3, 4], 0));
    }

    #[test]
    fn bytes_that_are_no_events_end_a_page() {
        let mut noted = Noted::new();
        let mut broken = page(0, 3, 9);
        broken.bytes.push(0x1f).unwrap();
        assert!(noted.take(broken.clone()));
        assert!(!noted.take(broken), "nothing new came of it");
        assert_eq!(noted.events().count(), 3);
    }
}
