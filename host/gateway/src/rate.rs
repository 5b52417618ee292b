//! How often somebody may ask.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::problem::Problem;

/// Requests of a token in a second, and how many may come at once. Somebody who looks after hundreds of
/// devices has one for each of them in a second.
const PER_S: f64 = 500.0;
const AT_ONCE: f64 = 1000.0;
/// The same for requests without a good token from one address: guesses.
const GUESSES_PER_S: f64 = 5.0;
const GUESSES_AT_ONCE: f64 = 50.0;
/// Addresses that are remembered.
const MOST_ADDRESSES: usize = 1024;
/// Streams of events that a token may have open.
const STREAMS: usize = 32;

/// A bucket that fills with time and that each request takes one of.
#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(most: f64) -> Self {
        Self { left: most, at: Instant::now() }
    }

    fn take(&mut self, per_s: f64, most: f64) -> bool {
        let now = Instant::now();
        self.left = (self.left + now.duration_since(self.at).as_secs_f64() * per_s).min(most);
        self.at = now;
        let there = self.left >= 1.0;
        if there {
            self.left -= 1.0;
        }
        there
    }
}

/// The rates of tokens: what each has asked and has open.
pub struct Rates(Vec<(Mutex<Bucket>, AtomicUsize)>);

impl Rates {
    /// For so many tokens.
    pub fn new(tokens: usize) -> Self {
        Self((0..tokens).map(|_| (Mutex::new(Bucket::full(AT_ONCE)), AtomicUsize::new(0))).collect())
    }

    /// Counts a request.
    ///
    /// # Errors
    /// X1510.
    pub fn admit(&self, token: usize) -> Result<(), Problem> {
        let mut bucket = self.0[token].0.lock().expect("nobody panics while it is locked");
        if bucket.take(PER_S, AT_ONCE) {
            return Ok(());
        }
        Err(Problem::too_much(format!("more than {PER_S} requests a second")))
    }

    /// Counts a stream that opens; [`Rates::close`] counts it back.
    ///
    /// # Errors
    /// X1510.
    pub fn open(&self, token: usize) -> Result<(), Problem> {
        let streams = &self.0[token].1;
        if streams.fetch_add(1, Ordering::Relaxed) < STREAMS {
            return Ok(());
        }
        streams.fetch_sub(1, Ordering::Relaxed);
        Err(Problem::too_much(format!("more than {STREAMS} streams of events")))
    }

    /// A stream has ended.
    pub fn close(&self, token: usize) {
        self.0[token].1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Requests without a good token, by address.
#[derive(Default)]
pub struct Strangers(Mutex<HashMap<IpAddr, Bucket>>);

impl Strangers {
    /// Counts one.
    ///
    /// # Errors
    /// X1510.
    pub fn admit(&self, from: IpAddr) -> Result<(), Problem> {
        let mut all = self.0.lock().expect("nobody panics while it is locked");
        if all.len() >= MOST_ADDRESSES && !all.contains_key(&from) {
            // Those that have been quiet are full again, and need not be remembered.
            all.retain(|_, bucket| bucket.at.elapsed().as_secs_f64() * GUESSES_PER_S < GUESSES_AT_ONCE);
            if all.len() >= MOST_ADDRESSES {
                return Err(Problem::too_much("too many requests without a token"));
            }
        }
        let bucket = all.entry(from).or_insert_with(|| Bucket::full(GUESSES_AT_ONCE));
        if bucket.take(GUESSES_PER_S, GUESSES_AT_ONCE) {
            return Ok(());
        }
        Err(Problem::too_much("too many requests without a token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_as_many_requests_as_fit_its_bucket() {
        let rates = Rates::new(2);
        let taken = (0..3000).take_while(|_| rates.admit(0).is_ok()).count();
        assert!((1000..2500).contains(&taken), "{taken}");
        assert!(rates.admit(1).is_ok(), "the other token has its own");
        let opened = (0..100).take_while(|_| rates.open(0).is_ok()).count();
        assert_eq!(opened, STREAMS);
        rates.close(0);
        assert!(rates.open(0).is_ok());
    }

    #[test]
    fn guesses_are_few_and_addresses_are_bounded() {
        let strangers = Strangers::default();
        let guesses = (0..1000).take_while(|_| strangers.admit([127, 0, 0, 1].into()).is_ok()).count();
        assert!((50..100).contains(&guesses), "{guesses}");
        for n in 0..4096u32 {
            _ = strangers.admit(IpAddr::from(n.to_be_bytes()));
        }
        assert!(strangers.0.lock().unwrap().len() <= MOST_ADDRESSES);
    }
}
