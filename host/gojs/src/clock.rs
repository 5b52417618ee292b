//! Time and random numbers: the machine's, or made from what was asked for.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Error;

/// What a look at a seeded clock costs, so that a program that waits by looking at it comes to an end. Go
/// does so where a function that JavaScript called sleeps.
const LOOK_NS: u64 = 100;
/// The same of a board's clock, where computing takes no time: looks that are free, then what each costs.
const FREE_LOOKS: u32 = 10_000;
const BUSY_LOOK_NS: u64 = 1000;

/// The clock that the program and its objects read.
#[derive(Debug)]
pub struct Clock {
    kind: Kind,
    /// The wall clock at the beginning, in nanoseconds since 1970.
    origin_ns: u64,
}

#[derive(Debug)]
enum Kind {
    Real(Instant),
    /// Time passes where the program waits, and a little where it looks.
    Virtual {
        now_ns: Cell<u64>,
        look_ns: u64,
        free: Cell<u32>,
        free_looks: u32,
    },
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { kind: Kind::Real(Instant::now()), origin_ns: since.as_nanos() as u64 }
    }

    /// A clock that starts at a number of milliseconds since 1970 and is the same in each run.
    pub fn seeded(start_ms: u64) -> Self {
        Self { kind: Kind::at_zero(LOOK_NS, 0), origin_ns: start_ms.saturating_mul(1_000_000) }
    }

    /// A simulated board's clock, which passes where the script says so. It begins a moment after 1970, since
    /// Go does not start at zero.
    pub fn still() -> Self {
        Self { kind: Kind::at_zero(BUSY_LOOK_NS, FREE_LOOKS), origin_ns: 1_000_000 }
    }

    /// Nanoseconds since the clock was made.
    pub fn elapsed_ns(&self) -> u64 {
        match &self.kind {
            Kind::Real(start) => start.elapsed().as_nanos() as u64,
            Kind::Virtual { now_ns, look_ns, free, .. } => {
                match free.get().checked_sub(1) {
                    Some(left) => free.set(left),
                    None => now_ns.set(now_ns.get().saturating_add(*look_ns)),
                }
                now_ns.get()
            }
        }
    }

    /// The wall clock when this one was made, in nanoseconds since 1970.
    pub fn origin_ns(&self) -> u64 {
        self.origin_ns
    }

    /// Nanoseconds since 1970: never goes back.
    pub fn now_ns(&self) -> u64 {
        self.origin_ns.saturating_add(self.elapsed_ns())
    }

    /// Waits until a number of nanoseconds after the clock was made.
    pub fn wait_until(&self, due_ns: u64) {
        match &self.kind {
            Kind::Real(start) => {
                std::thread::sleep(Duration::from_nanos(due_ns).saturating_sub(start.elapsed()));
            }
            Kind::Virtual { now_ns, free, free_looks, .. } => {
                now_ns.set(now_ns.get().max(due_ns));
                free.set(*free_looks);
            }
        }
    }
}

impl Kind {
    fn at_zero(look_ns: u64, free_looks: u32) -> Self {
        Self::Virtual { now_ns: Cell::new(0), look_ns, free: Cell::new(free_looks), free_looks }
    }
}

impl boa_engine::context::time::Clock for Clock {
    fn now(&self) -> boa_engine::context::time::JsInstant {
        let ns = self.elapsed_ns();
        boa_engine::context::time::JsInstant::new(ns / 1_000_000_000, (ns % 1_000_000_000) as u32)
    }

    fn system_time_millis(&self) -> i64 {
        (self.now_ns() / 1_000_000) as i64
    }
}

/// Random numbers: the operating system's, or a row that a seed gives.
#[derive(Debug)]
pub struct Random(Option<Cell<u64>>);

impl Random {
    /// The operating system's, or those of a seed.
    pub fn new(seed: Option<u64>) -> Self {
        Self(seed.map(Cell::new))
    }

    /// Fills bytes with random numbers.
    ///
    /// # Errors
    /// [`Error::NoRandom`].
    pub fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        let Some(state) = &self.0 else { return getrandom::fill(bytes).map_err(|_| Error::NoRandom) };
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&split_mix(state).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }

    /// A number from 0 to below 1.
    ///
    /// # Errors
    /// [`Error::NoRandom`].
    pub fn unit(&self) -> Result<f64, Error> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok((u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// The generator SplitMix64.
fn split_mix(state: &Cell<u64>) -> u64 {
    state.set(state.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
    let z = state.get();
    let z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}
