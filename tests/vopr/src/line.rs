//! A serial line: bytes in their order, and what becomes of them on the way.

use std::collections::VecDeque;

use xmap_bodies::card::Random;

/// What a line does to bytes: how many of a million have it happen to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) flipped: u64,
    /// Bytes of noise before a frame, at most.
    pub(crate) noise: u64,
    /// Microseconds that a frame is late, at most.
    pub(crate) late_us: u64,
}

/// Microseconds from which on a frame counts as late: several times what the longest takes.
const LATE_US: u64 = 100_000;

/// One direction of a line.
#[derive(Debug, Default)]
pub(crate) struct Line {
    bytes: VecDeque<(u64, u8)>,
}

impl Line {
    /// Sends bytes at a time. Returns whether something happened to them.
    pub(crate) fn send(&mut self, now_us: u64, bytes: &[u8], weather: &Weather, random: &mut Random) -> bool {
        if bytes.is_empty() {
            return false;
        }
        let mut harm = false;
        // What was sent before comes before: a line does not reorder.
        let last_us = self.bytes.back().map_or(0, |(time_us, _)| *time_us);
        let mut time_us = last_us.max(now_us + random.below(weather.late_us + 1));
        // It waits behind what is late.
        harm |= last_us > now_us + LATE_US;
        for _ in 0..random.below(weather.noise + 1) {
            self.bytes.push_back((time_us, random.draw() as u8));
            harm = true;
        }
        // 115,200 bit/s; the frame comes as a whole, when its last byte does.
        time_us += 87 * bytes.len() as u64;
        for byte in bytes {
            let mut byte = *byte;
            let mut happens = |rate: u64| rate > 0 && random.below(1_000_000) < rate;
            if happens(weather.lost) {
                harm = true;
                continue;
            }
            let doubled = happens(weather.doubled);
            if happens(weather.flipped) {
                byte ^= 1 << random.below(8);
                harm = true;
            }
            self.bytes.push_back((time_us, byte));
            if doubled {
                self.bytes.push_back((time_us, byte));
                harm = true;
            }
        }
        harm || weather.late_us > 0
    }

    /// Takes the next byte that has come by now.
    pub(crate) fn take(&mut self, now_us: u64) -> Option<u8> {
        self.bytes.pop_front_if(|(time_us, _)| *time_us <= now_us).map(|(_, byte)| byte)
    }

    /// Returns when the next byte comes.
    pub(crate) fn next_us(&self) -> u64 {
        self.bytes.front().map_or(u64::MAX, |(time_us, _)| *time_us)
    }

    /// Forgets what is on its way.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }
}
