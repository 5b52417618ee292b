//! The host's side of the rules: one request, its repetitions and its answer.

/// The time to wait for an answer, and the number of attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Microseconds from each sending to the next. A call that runs longer is asked again while it
    /// runs; the device answers the repetition from memory, so that it still runs once.
    pub timeout_us: u64,
    /// How often to send, at least once.
    pub attempts: u32,
}

impl Default for Retry {
    /// Three times, 1.5 s apart: longer than a call with the default `time_us` (1 s) waits.
    fn default() -> Self {
        Self { timeout_us: 1_500_000, attempts: 3 }
    }
}

/// The next step of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the request, again or for the first time.
    Send,
    /// Wait for bytes until this time.
    WaitUntil {
        /// On the caller's clock, in microseconds.
        time_us: u64,
    },
    /// There is no answer.
    GiveUp,
}

/// A request on its way. It has no clock and no wire of its own: the caller says what time it is.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    seq: u16,
    retry: Retry,
    sent: u32,
    deadline_us: u64,
}

impl Exchange {
    /// A request that has not been sent yet.
    pub const fn new(seq: u16, retry: Retry) -> Self {
        Self { seq, retry, sent: 0, deadline_us: 0 }
    }

    /// The sequence number that the answer has to carry.
    pub const fn seq(&self) -> u16 {
        self.seq
    }

    /// Returns how often the request was sent.
    pub const fn sent(&self) -> u32 {
        self.sent
    }

    /// Returns what to do at this time, in microseconds of a clock that does not go back. After
    /// [`Step::Send`] the caller sends, and asks again.
    pub fn step(&mut self, now_us: u64) -> Step {
        if self.sent > 0 && now_us < self.deadline_us {
            Step::WaitUntil { time_us: self.deadline_us }
        } else if self.sent > 0 && self.sent >= self.retry.attempts {
            Step::GiveUp
        } else {
            self.sent += 1;
            self.deadline_us = now_us.saturating_add(self.retry.timeout_us);
            Step::Send
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_as_often_as_it_may_and_no_earlier_than_it_may() {
        let mut exchange = Exchange::new(9, Retry { timeout_us: 100, attempts: 2 });
        assert_eq!(exchange.step(1000), Step::Send);
        assert_eq!(exchange.step(1000), Step::WaitUntil { time_us: 1100 });
        assert_eq!(exchange.step(1099), Step::WaitUntil { time_us: 1100 });
        assert_eq!(exchange.step(1100), Step::Send);
        assert_eq!(exchange.step(1199), Step::WaitUntil { time_us: 1200 });
        assert_eq!(exchange.step(1200), Step::GiveUp);
        assert_eq!(exchange.step(5000), Step::GiveUp);
        assert_eq!((exchange.sent(), exchange.seq()), (2, 9));
    }

    #[test]
    fn a_request_is_sent_once_even_with_no_attempts_and_no_time() {
        let mut exchange = Exchange::new(0, Retry { timeout_us: 0, attempts: 0 });
        assert_eq!(exchange.step(u64::MAX), Step::Send);
        assert_eq!(exchange.step(u64::MAX), Step::GiveUp);
    }
}
