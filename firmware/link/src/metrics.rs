//! What a device counts of each export: calls, how they ended, and how long they took.

use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets of times, in microseconds, the bound itself included. What takes longer is in
/// one more bucket. Each is four times the one before, so that a bucket is found by a count of bits.
pub const BOUNDS_US: [u32; 11] = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];

/// Buckets of times: those of [`BOUNDS_US`], and one without a bound.
pub const BUCKETS: usize = BOUNDS_US.len() + 1;

/// Exports of one page: each takes at most 113 bytes, and a page must fit a tagged frame.
pub const MAX_METRICS: usize = 4;

/// What a device has counted of an export since its image became active. Counters of 32 bits stop at their
/// largest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportMetrics {
    /// The module.
    pub module: u8,
    /// The export's position in the image; none for all exports together that found no row of their own.
    pub export: Option<u16>,
    /// Calls of hosts and of events.
    pub calls: u32,
    /// Those of them that trapped, refused ones left out.
    pub traps: u32,
    /// Those of them that the module refused.
    pub refused: u32,
    /// Microseconds that they took, all together.
    pub time_us: u64,
    /// Words of fuel that they took, all together.
    pub fuel: u64,
    /// The most fuel that one took.
    pub fuel_max: u32,
    /// Where a timer or an edge calls it: the longest time from the event to the call, in microseconds.
    pub late_us_max: u32,
    /// How many calls took how long.
    pub times: [u32; BUCKETS],
}

impl ExportMetrics {
    /// Returns the place of a time in [`ExportMetrics::times`].
    pub const fn bucket(us: u64) -> usize {
        let bits = match us.checked_sub(1) {
            None | Some(0) => 0,
            Some(below) => u64::BITS - below.leading_zeros(),
        };
        let bucket = bits.div_ceil(2) as usize;
        if bucket < BUCKETS { bucket } else { BUCKETS - 1 }
    }
}

/// One page of what a device counts of exports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsPage {
    /// The place behind the last of this page; 0 where there are no more.
    pub next: u16,
    /// The exports that were called, in the order of their first calls.
    pub exports: Vec<ExportMetrics, MAX_METRICS>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_whose_bound_it_does_not_pass() {
        for (n, bound) in BOUNDS_US.into_iter().enumerate() {
            let bound = u64::from(bound);
            assert_eq!((ExportMetrics::bucket(bound), ExportMetrics::bucket(bound + 1)), (n, n + 1));
        }
        assert_eq!((ExportMetrics::bucket(0), ExportMetrics::bucket(u64::MAX)), (0, BUCKETS - 1));
    }
}
