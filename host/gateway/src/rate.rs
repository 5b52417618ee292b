//! How often somebody may ask.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::problem::Problem;

/// Requests of a token. Somebody who looks after hundreds of devices has one for each of them in a second.
const TOKEN: Rate = Rate { per_s: 500.0, at_once: 1000.0 };
/// Requests without a good token from one address: guesses.
const GUESSES: Rate = Rate { per_s: 5.0, at_once: 50.0 };
/// Addresses that are remembered.
const MOST_ADDRESSES: usize = 1024;
/// Streams of events that a token may have open.
const STREAMS: usize = 32;

/// How many requests a second, and how many may come at once.
struct Rate {
    per_s: f64,
    at_once: f64,
}

/// A bucket that fills with time and that each request takes one of.
#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(rate: &Rate) -> Self {
        Self { left: rate.at_once, at: Instant::now() }
    }

    /// Returns whether the bucket would be full again by now.
    fn is_full(&self, rate: &Rate) -> bool {
        self.at.elapsed().as_secs_f64() * rate.per_s >= rate.at_once
    }

    fn take(&mut self, rate: &Rate) -> bool {
        let now = Instant::now();
        let filled = now.duration_since(self.at).as_secs_f64() * rate.per_s;
        self.left = (self.left + filled).min(rate.at_once);
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
        Self((0..tokens).map(|_| (Mutex::new(Bucket::full(&TOKEN)), AtomicUsize::new(0))).collect())
    }

    /// Counts a request.
    ///
    /// # Errors
    /// X1510.
    pub fn admit(&self, token: usize) -> Result<(), Problem> {
        let mut bucket = self.0[token].0.lock().expect("nobody panics while it is locked");
        if bucket.take(&TOKEN) {
            return Ok(());
        }
        Err(Problem::too_much(format!("more than {} requests a second", TOKEN.per_s)))
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
            all.retain(|_, bucket| !bucket.is_full(&GUESSES));
            if all.len() >= MOST_ADDRESSES {
                return Err(Problem::too_much("too many requests without a token"));
            }
        }
        let bucket = all.entry(from).or_insert_with(|| Bucket::full(&GUESSES));
        if bucket.take(&GUESSES) {
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
