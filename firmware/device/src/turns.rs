//! Whose turn it is: events and hosts share the main loop's time.
//!
//! A loop that runs an event and answers a request in turns would leave a host one request between two
//! events: where those are long and always due, asking for the status takes as many of them as it has
//! requests. So hosts have a turn of their own once long events have taken a while without a rest, and a host
//! is there that has asked lately. Where nobody asks, events lose nothing; short ones, after each of which a
//! request is answered, and a loop that rests between two events never lose anything.

/// Microseconds of an event from which on it is a long one.
const LONG_US: u64 = 5_000;
/// Microseconds of long events after which hosts have their turn.
const EVENTS_US: u64 = 30_000;
/// Microseconds since a host was heard or came in which it is expected to go on.
const EXPECTED_US: u64 = 100_000;
/// The longest turn of hosts as a multiple of the events before it, and its bounds in microseconds: events
/// keep a fourth of the time at least, or a tenth where each takes no longer than [`EVENTS_US`] together.
const SHARE: u64 = 3;
const HOSTS_US: [u64; 2] = [100_000, 300_000];

/// The turns of a main loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// Microseconds of long events since the hosts' turn and the latest rest.
    events_us: u64,
    /// When the hosts' turn is over at the latest, while it lasts.
    until_us: Option<u64>,
}

impl Turns {
    /// Begins a turn of the main loop. Returns whether events may run in it. `heard_us` is when a host was
    /// heard, or came, last.
    pub fn begin(&mut self, now_us: u64, heard_us: Option<u64>) -> bool {
        let expected = heard_us.is_some_and(|heard_us| now_us < heard_us.saturating_add(EXPECTED_US));
        if self.until_us.is_none() && self.events_us >= EVENTS_US && expected {
            let [least, most] = HOSTS_US;
            self.until_us = Some(now_us.saturating_add((self.events_us * SHARE).clamp(least, most)));
        }
        if self.until_us.is_some_and(|until_us| !expected || now_us >= until_us) {
            *self = Self::default();
        }
        if !expected {
            self.events_us = 0;
        }
        self.until_us.is_none()
    }

    /// Notes that an event took so long.
    pub fn ran(&mut self, us: u64) {
        if us >= LONG_US {
            self.events_us = self.events_us.saturating_add(us);
        }
    }

    /// Notes that no event was due: what comes next does not wait for anything that was before.
    pub fn rested(&mut self) {
        self.events_us = 0;
    }

    /// Returns when a turn of hosts ends in which nothing comes, in microseconds since boot: the loop has to
    /// wake then. `None` where it is the events' turn.
    pub fn ends_us(&self, heard_us: Option<u64>) -> Option<u64> {
        let quiet_us = heard_us.unwrap_or(0).saturating_add(EXPECTED_US);
        self.until_us.map(|until_us| until_us.min(quiet_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A main loop on which events of this length are always due, and a host that has `requests` from
    /// `asks_us` on, each `gap_us` after the answer to the one before. When the last one was answered, and
    /// the time of events up to `end_us`.
    fn run(event_us: u64, requests: u32, asks_us: u64, gap_us: u64, end_us: u64) -> (u64, u64) {
        let (mut turns, mut now_us, mut events_us) = (Turns::default(), 0, 0);
        let (mut left, mut next_us, mut heard_us, mut done_us) = (requests, asks_us, None, 0);
        while now_us < end_us {
            // It is there once the loop looks at the sockets.
            if left > 0 && now_us >= next_us {
                heard_us = Some(now_us);
            }
            if turns.begin(now_us, heard_us) {
                now_us += event_us;
                events_us += event_us;
                turns.ran(event_us);
            }
            now_us += 10;
            if left > 0 && now_us >= next_us {
                (left, heard_us, done_us) = (left - 1, Some(now_us), now_us);
                next_us = now_us + gap_us;
            }
        }
        assert_eq!(left, 0, "all are answered");
        (done_us, events_us)
    }

    #[test]
    fn a_host_waits_for_one_event_and_not_for_one_before_each_request() {
        for event_us in [10, 1_000, 19_000, 29_000, 50_000, 99_000] {
            for asks_us in [0, 1_234_567, 1_250_001] {
                let (done_us, _) = run(event_us, 8, asks_us, 2_000, 3_000_000);
                let most_us = 2 * EVENTS_US.max(event_us) + 8 * (2_100 + event_us.min(LONG_US));
                assert!(done_us - asks_us <= most_us, "{event_us}: {} us", done_us - asks_us);
            }
        }
    }

    #[test]
    fn events_lose_nothing_while_nobody_asks_and_keep_their_share_while_somebody_does() {
        let (_, alone_us) = run(50_000, 0, 0, 0, 10_000_000);
        assert!(alone_us > 9_990_000, "{alone_us}");
        for (event_us, least) in [(50_000, 4), (2_000_000, 2), (6_000, 10), (1_000, 1)] {
            // Whoever asks all the time.
            let (mut turns, mut now_us, mut events_us) = (Turns::default(), 0, 0);
            while now_us < 60_000_000 {
                if turns.begin(now_us, Some(now_us)) {
                    now_us += event_us;
                    events_us += event_us;
                    turns.ran(event_us);
                }
                now_us += 10;
            }
            assert!(events_us >= now_us / least * 9 / 10, "{event_us}: {events_us} of {now_us}");
        }
    }

    #[test]
    fn a_turn_of_hosts_is_over_when_they_are_quiet() {
        let mut turns = Turns::default();
        turns.ran(EVENTS_US);
        assert!(!turns.begin(1_000, Some(900)));
        assert_eq!(turns.ends_us(Some(900)), Some(900 + EXPECTED_US));
        assert!(turns.begin(900 + EXPECTED_US, Some(900)));
        assert_eq!(turns.ends_us(Some(900)), None);
        // A rest between two events leaves nobody waiting.
        turns.ran(EVENTS_US);
        turns.rested();
        assert!(turns.begin(2_000, Some(1_900)));
    }
}
