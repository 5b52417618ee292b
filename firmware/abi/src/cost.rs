//! What a call of a host function is charged.

/// Bytes that one word of fuel reads, writes, copies or fills.
pub const BYTES_PER_WORD: u32 = 16;

/// The charge of a call beside the words of code that lead to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Nothing: its work is the same for all arguments.
    Fixed,
    /// Microseconds of the call's `time_us`, as many as parameter `us` says.
    Wait {
        /// The parameter.
        us: u8,
    },
    /// Fuel for a range of memory: a word for each [`BYTES_PER_WORD`] bytes beyond the first `free`.
    Range {
        /// The parameter that is the range's address.
        start: u8,
        /// The parameter that is its length in bytes.
        len: u8,
        /// Bytes that the op itself pays for.
        free: u32,
        /// Whether the range is written; it is read otherwise.
        writes: bool,
    },
    /// Microseconds of the call's `time_us`: the longest that a transfer of the declared device can take,
    /// whatever the device does.
    Transfer {
        /// The parameter that is the device's index.
        device: u8,
        /// The parameters that are address and length of the bytes that are written.
        write: [u8; 2],
        /// The same of those that are read, where any are.
        read: Option<[u8; 2]>,
    },
}

impl Cost {
    /// Returns the words of fuel for a range of `len` bytes; zero for a function without one.
    pub const fn fuel(self, len: u32) -> u32 {
        match self {
            Self::Range { free, .. } => len.saturating_sub(free) / BYTES_PER_WORD,
            Self::Fixed | Self::Wait { .. } | Self::Transfer { .. } => 0,
        }
    }
}
