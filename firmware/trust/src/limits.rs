//! What an owner lets an image ask for at most; an image's own limits only stay below them.

use core::fmt;

use heapless::Vec;
use xmap_abi::Cost;
use xmap_boards::RPI4B;
use xmap_image::{EventSource, Image, Op, decode, limits};

/// Bytes of linear memory that a module may have on any target, however far its image lets it grow.
const MEMORY_BYTES_MAX: u32 = RPI4B.limits.memory_bytes as u32;

/// Something that an image asks for and an owner limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Limit {
    /// Bytes of the image.
    Image,
    /// Bytes of linear memory, those that it may grow to included.
    Memory,
    /// Bytes that it keeps over a swap or a restart, in all.
    Kept,
    /// Fuel of a call.
    Fuel,
    /// Microseconds that a call may wait.
    Time,
    /// The shortest period of a timer, in microseconds: the one limit that is a least.
    Period,
    /// Events of all its timers in a second.
    Events,
    /// Bytes of its messages in a second. No image says how many it will log: more are dropped and counted.
    Log,
}

impl Limit {
    /// Every limit, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Image,
        Self::Memory,
        Self::Kept,
        Self::Fuel,
        Self::Time,
        Self::Period,
        Self::Events,
        Self::Log,
    ];

    /// The key of `[limits]` in a policy and in the configuration of a device.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image_bytes",
            Self::Memory => "memory_bytes",
            Self::Kept => "kept_bytes",
            Self::Fuel => "fuel",
            Self::Time => "time_us",
            Self::Period => "period_us",
            Self::Events => "events_per_s",
            Self::Log => "log_bytes_per_s",
        }
    }

    /// The limit with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.name() == name)
    }

    /// The limit with this number.
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Returns what holds where no owner says otherwise, on every target, so that a call and its waits end
    /// before a watchdog does.
    pub const fn default(self) -> u32 {
        match self {
            // What a slot holds.
            Self::Image => RPI4B.limits.image_bytes as u32,
            Self::Memory => MEMORY_BYTES_MAX,
            // Written once in five minutes, 300 MB a day.
            Self::Kept => 1 << 20,
            // Some 0.3 s on a Pi 4B, and 2.7 s if each word buys as much as the dearest op but messages.
            Self::Fuel => 20_000_000,
            // Twice what a manifest has that says nothing.
            Self::Time => 2 * limits::DEFAULT_TIME_US,
            Self::Period => RPI4B.shortest_period_us,
            // Two timers of the shortest period.
            Self::Events => 20_000,
            // What a device holds of messages between two answers.
            Self::Log => 16_384,
        }
    }

    /// Returns whether it is a least, and not a most.
    pub const fn is_least(self) -> bool {
        matches!(self, Self::Period)
    }

    /// Returns what an image asks for of it; `None` where it has no use for it, or does not say.
    pub fn asked(self, image: &Image<'_>) -> Option<u32> {
        let capped = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let header = image.header();
        match self {
            Self::Image => Some(capped(image.bytes().len() as u64)),
            Self::Memory => {
                let grows = u64::from(header.memory_bytes) == u64::from(header.memory_pages) << 16;
                let reach = u64::from(header.memory_max_pages) << 16;
                let reach = if grows { reach.min(MEMORY_BYTES_MAX.into()) } else { 0 };
                Some(header.memory_bytes.max(capped(reach)))
            }
            Self::Kept => Some(capped(image.manifest().ok()?.policy.kept_bytes())).filter(|bytes| *bytes > 0),
            Self::Fuel => {
                let rows = image.exports().iter().filter(|row| !row.is_direct()).map(|row| row.second);
                rows.chain(header.start.map(|_| limits::DEFAULT_FUEL)).max()
            }
            Self::Time => waits(image).then_some(header.time_us),
            Self::Period => periods(image, |periods| periods.min()),
            Self::Events => periods(image, |periods| {
                Some(capped(periods.map(|us| 1_000_000u64.div_ceil(u64::from(us.max(1)))).sum()))
                    .filter(|events| *events > 0)
            }),
            Self::Log => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns whether an image has an op that waits, or that transfers on a bus, which is charged as a wait.
fn waits(image: &Image<'_>) -> bool {
    let timed = |op: Op, first| {
        let cost = op.host_function(first).map(|function| function.row().cost);
        matches!(cost, Some(Cost::Wait { .. } | Cost::Transfer { .. }))
    };
    let mut direct = image.exports().iter().filter(|row| row.is_direct());
    let waits = direct.any(|row| Op::from_u8(row.first as u8).is_some_and(|op| timed(op, row.first)));
    waits || decode(image.code()).any(|(_, op, words)| words.first().is_some_and(|first| timed(op, *first)))
}

/// The periods of an image's timers.
fn periods(image: &Image<'_>, f: impl FnOnce(&mut dyn Iterator<Item = u32>) -> Option<u32>) -> Option<u32> {
    let manifest = image.manifest().ok()?;
    f(&mut manifest.events.iter().filter_map(|event| match event.source {
        EventSource::Every { every_us } => Some(every_us),
        _ => None,
    }))
}

/// A value for each limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits([u32; Limit::ALL.len()]);

impl Default for Limits {
    fn default() -> Self {
        Self(Limit::ALL.map(Limit::default))
    }
}

/// The values of limits in their order, as they travel and stand in a policy. A later version may have more.
pub type LimitValues = Vec<u32, 16>;

impl Limits {
    /// Limits that no image is beyond.
    pub fn none() -> Self {
        Self(Limit::ALL.map(|limit| if limit.is_least() { 0 } else { u32::MAX }))
    }

    /// The value of a limit.
    pub const fn get(&self, limit: Limit) -> u32 {
        self.0[limit as usize]
    }

    /// These with another value for a limit.
    #[must_use]
    pub const fn with(mut self, limit: Limit, value: u32) -> Self {
        self.0[limit as usize] = value;
        self
    }

    /// Of each limit the stricter value.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        Self(Limit::ALL.map(|limit| {
            let (one, other) = (self.get(limit), other.get(limit));
            if limit.is_least() { one.max(other) } else { one.min(other) }
        }))
    }

    /// Holds an image against them, before it runs.
    ///
    /// # Errors
    /// The first limit that it is beyond.
    pub fn check(&self, image: &Image<'_>) -> Result<(), Exceeded> {
        self.exceeded(image).next().map_or(Ok(()), Err)
    }

    /// Every limit that an image is beyond.
    pub fn exceeded(&self, image: &Image<'_>) -> impl Iterator<Item = Exceeded> {
        let beyond = move |limit: Limit| {
            let (asked, allowed) = (limit.asked(image)?, self.get(limit));
            let beyond = if limit.is_least() { asked < allowed } else { asked > allowed };
            beyond.then_some(Exceeded { limit, asked, allowed })
        };
        Limit::ALL.into_iter().filter_map(beyond)
    }

    /// The values in their order.
    pub fn values(&self) -> LimitValues {
        self.0.into_iter().collect()
    }

    /// Limits of these values; those that are missing have their defaults. `None` where there are more than
    /// are known here: nobody would hold an image against them.
    pub fn from_values(values: &[u32]) -> Option<Self> {
        let mut limits = Self::default();
        limits.0.get_mut(..values.len())?.copy_from_slice(values);
        Some(limits)
    }
}

/// A limit that an image is beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub limit: Limit,
    /// What the image asks for.
    pub asked: u32,
    /// What is allowed.
    pub allowed: u32,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, asked, allowed } = self;
        let bound = if limit.is_least() { "least" } else { "most" };
        write!(f, "limit {limit}: {asked}, at {bound} {allowed}")
    }
}
