//! The PWM channels that an image declares: no op can name another one.

use bytemuck::{Pod, Zeroable};
use xmap_boards::{BoardId, Line, PwmLine};

#[cfg(feature = "host-calls")]
use crate::limits;

/// The duty that is always high.
pub const FULL_DUTY: u16 = u16::MAX;

/// One PWM channel that an image declares: 12 bytes. Its index in the section is what a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct PwmRow {
    /// `line | safe << 16`; the bits between are zero.
    place: u32,
    period_us: u32,
    /// `offset | length << 16` of the name in the string section.
    pub(crate) name: u32,
}

impl PwmRow {
    /// A row without a name.
    pub const fn new(line: Line, period_us: u32, safe: u16) -> Self {
        Self { place: line.number() as u32 | (safe as u32) << 16, period_us, name: 0 }
    }

    /// The same row with a reference to its name.
    #[cfg(feature = "build")]
    pub(crate) const fn named(self, name: u32) -> Self {
        Self { name, ..self }
    }

    /// Returns whether every field is a value that exists on the board.
    #[cfg(feature = "host-calls")]
    pub(crate) fn check(&self, board: BoardId) -> bool {
        self.place >> 8 & 0xff == 0
            && self.line(board).is_some()
            && limits::PWM_PERIOD_US.contains(&self.period_us)
    }

    /// Returns the number of the line.
    pub const fn line_number(&self) -> u8 {
        self.place as u8
    }

    /// Returns the line and its channel, if the board has one there.
    pub fn line(&self, board: BoardId) -> Option<&'static PwmLine> {
        let line = Line::new(self.line_number())?;
        board.board().pwm.iter().find(|of| of.line == line)
    }

    /// Returns the time from one rising edge to the next.
    pub const fn period_us(&self) -> u32 {
        self.period_us
    }

    /// Returns the period in nanoseconds, of which a second has fewer than 32 bits hold.
    pub const fn period_ns(&self) -> u32 {
        self.period_us.saturating_mul(1_000)
    }

    /// Returns the duty that the channel has where its module cannot say.
    pub const fn safe(&self) -> u16 {
        (self.place >> 16) as u16
    }

    /// Returns how long a period is high with a duty, rounded to nanoseconds; `None` beyond [`FULL_DUTY`].
    pub const fn duty_ns(&self, duty: u32) -> Option<u32> {
        if duty > FULL_DUTY as u32 {
            return None;
        }
        let full = FULL_DUTY as u64;
        Some(((self.period_ns() as u64 * duty as u64 + full / 2) / full) as u32)
    }

    /// Returns how long a period is high with a pulse of so many microseconds; `None` where it is longer than
    /// the period.
    pub const fn pulse_ns(&self, us: u32) -> Option<u32> {
        if us <= self.period_us { Some(us.saturating_mul(1_000)) } else { None }
    }

    /// Returns how long a period is high with the safe duty.
    pub const fn safe_ns(&self) -> u32 {
        match self.duty_ns(self.safe() as u32) {
            Some(ns) => ns,
            None => 0,
        }
    }

    /// Returns whether another row is the same channel with the same period and safe duty, whatever the
    /// names.
    pub const fn is_same(&self, other: &Self) -> bool {
        self.place == other.place && self.period_us == other.period_us
    }
}

#[cfg(all(test, feature = "host-calls"))]
mod tests {
    use super::*;

    fn row(line: u8, period_us: u32) -> PwmRow {
        PwmRow::new(Line::new(line).unwrap(), period_us, 0x8000)
    }

    #[test]
    fn times_are_those_of_the_period() {
        let servo = row(18, 20_000);
        assert_eq!((servo.period_ns(), servo.safe(), servo.safe_ns()), (20_000_000, 0x8000, 10_000_153));
        assert_eq!(servo.duty_ns(0), Some(0));
        assert_eq!(servo.duty_ns(65_535), Some(20_000_000));
        assert_eq!(servo.duty_ns(65_536), None);
        assert_eq!(
            [0, 1_500, 20_000, 20_001].map(|us| servo.pulse_ns(us)),
            [Some(0), Some(1_500_000), Some(20_000_000), None]
        );
        assert_eq!(row(18, 1_000_000).duty_ns(65_535), Some(1_000_000_000));
    }

    #[test]
    fn rows_are_held_against_their_ranges() {
        assert!(row(12, 10).check(BoardId::Rpi4b) && row(19, 1_000_000).check(BoardId::Rpi4b));
        for (row, why) in [
            (row(17, 1_000), "a line without a channel"),
            (row(18, 9), "too short"),
            (row(18, 1_000_001), "too long"),
            (PwmRow { place: 18 | 1 << 8, ..row(18, 1_000) }, "a flag"),
        ] {
            assert!(!row.check(BoardId::Rpi4b), "{why}");
        }
        assert!(!row(18, 1_000).check(BoardId::Sim96));
    }
}
