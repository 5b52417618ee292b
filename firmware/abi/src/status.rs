//! How a transfer on a bus ended: a value that the module sees, never a trap.

use core::fmt;

/// The outcome of a transfer. The discriminant is what a host function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BusStatus {
    /// Every byte was transferred.
    Ok = 0,
    /// The device did not acknowledge its address or a byte.
    Nack = 1,
    /// The transfer was not done at its time limit, and was ended.
    Timeout = 2,
    /// Another controller drove the bus at the same time.
    ArbitrationLost = 3,
    /// A line of the bus was held low before the transfer began, and nine clocks did not free it.
    Busy = 4,
    /// Bytes came faster than they were taken, and were lost.
    Overrun = 5,
}

impl BusStatus {
    /// Every status, by number.
    pub const ALL: [BusStatus; 6] =
        [Self::Ok, Self::Nack, Self::Timeout, Self::ArbitrationLost, Self::Busy, Self::Overrun];

    /// Returns the status with this number, if there is one.
    pub const fn from_u8(number: u8) -> Option<Self> {
        if (number as usize) < Self::ALL.len() { Some(Self::ALL[number as usize]) } else { None }
    }

    /// Returns the name that documents, bindings and traces have for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Nack => "nack",
            Self::Timeout => "timeout",
            Self::ArbitrationLost => "arbitration_lost",
            Self::Busy => "busy",
            Self::Overrun => "overrun",
        }
    }
}

impl fmt::Display for BusStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_list() {
        for (n, status) in BusStatus::ALL.into_iter().enumerate() {
            assert_eq!(status as usize, n);
            assert_eq!(BusStatus::from_u8(n as u8), Some(status));
        }
        assert_eq!(BusStatus::from_u8(6), None);
    }
}
