//! How a recording is read again: value for value, in the order in which the device that plays it asks.

use tiny_mapper::BusStatus;
use xmap_boards::{BANKS, Bank, Line};

use super::operation::{
    Arguments, CHECK, EDGES, FOLLOWED, FORMAT, LONG_TURN, Operation, SNAPSHOT, TURN, signed,
};
use super::snapshot::Snapshot;
use crate::Edge;

/// A recording does not go on as one of a device does: it was cut or changed, or the device that plays it
/// asks for something else than the one that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn;

/// Reads a recording.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    edges: bool,
    /// What the time of a turn is later than the one before, until the device asks for it.
    turn_passed: Option<u64>,
    /// More was asked for than there is.
    short: bool,
    last_us: u64,
    ahead_us: i64,
    levels: [u32; BANKS],
}

/// What stands next in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// The device does something.
    Operation(Operation<'a>),
    /// The device is as this says: how a recording begins whose first part is gone.
    Snapshot {
        /// What the recorder knew.
        of: Snapshot,
        /// What the device was, for [`crate::Device::restore`].
        device: &'a [u8],
    },
    /// The state is this.
    Check {
        /// The digest of the outputs.
        outputs: u32,
        /// That of the state.
        state: u32,
    },
}

impl<'a> Reader<'a> {
    /// Reads the beginning of a recording, which may be a snapshot. Returns the rest with the number of the
    /// board.
    ///
    /// # Errors
    /// [`Torn`] where it is none, or of another version ([`Self::version`]).
    pub fn new(bytes: &'a [u8]) -> Result<(Self, u16), Torn> {
        let mut reader = Self::bare(bytes);
        if Self::version(bytes) != Some(FORMAT) {
            return Err(Torn);
        }
        if bytes.first() == Some(&SNAPSHOT) {
            let mut scratch = Arguments::new();
            let Some(Next::Snapshot { of, .. }) = reader.clone().next(&mut scratch)? else {
                return Err(Torn);
            };
            return Ok((reader, of.board));
        }
        reader.at = 1;
        let board = reader.number()?;
        Ok((reader, board))
    }

    /// A reader of a recording's bytes, or of the device's part of a snapshot.
    pub(crate) const fn bare(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            edges: false,
            turn_passed: None,
            short: false,
            last_us: 0,
            ahead_us: 0,
            levels: [0; BANKS],
        }
    }

    /// Returns the version of a recording's format; `None` where it is too short.
    pub fn version(bytes: &[u8]) -> Option<u8> {
        let at = if bytes.first() == Some(&SNAPSHOT) { 5 } else { 0 };
        bytes.get(at).copied()
    }

    /// The place of the next byte.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Returns whether it ended within something: it was cut.
    pub const fn is_short(&self) -> bool {
        self.short
    }

    /// Returns what stands next; `None` at the end. Arguments of a call stand in `scratch`.
    ///
    /// # Errors
    /// [`Torn`].
    pub fn next<'s>(&mut self, scratch: &'s mut Arguments) -> Result<Option<Next<'s>>, Torn>
    where
        'a: 's,
    {
        let Some(tag) = self.bytes.get(self.at).copied() else { return Ok(None) };
        self.at += 1;
        if tag == CHECK {
            let [outputs, state] = [*self.array()?, *self.array()?].map(u32::from_le_bytes);
            return Ok(Some(Next::Check { outputs, state }));
        }
        if tag == SNAPSHOT {
            return self.snapshot().map(Some);
        }
        self.edges = tag & EDGES != 0;
        self.turn_passed = match tag & !EDGES {
            TURN => {
                let [a, b, c] = *self.array()?;
                Some(u32::from_le_bytes([a, b, c, 0]).into())
            }
            LONG_TURN => Some(self.varint()?),
            _ => None,
        };
        Operation::read(tag, self, scratch).map(|operation| Some(Next::Operation(operation)))
    }

    fn snapshot<'s>(&mut self) -> Result<Next<'s>, Torn>
    where
        'a: 's,
    {
        let len = u32::from_le_bytes(*self.array()?);
        let bytes = self.take(len as usize)?;
        let mut of = Snapshot::default();
        let mut from = Self { bytes, at: 0, ..self.clone() };
        of.exchange(&mut from)?;
        (self.last_us, self.ahead_us, self.levels) = (of.last_us, of.ahead_us, of.levels);
        Ok(Next::Snapshot { of, device: bytes.get(from.at..).unwrap_or_default() })
    }

    pub(super) fn byte(&mut self) -> Result<u8, Torn> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.cut())?;
        self.at += 1;
        Ok(byte)
    }

    #[cold]
    const fn cut(&mut self) -> Torn {
        self.short = true;
        Torn
    }

    /// Reads a number.
    ///
    /// # Errors
    /// [`Torn`], also where it has more than 64 bits.
    pub fn varint(&mut self) -> Result<u64, Torn> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = u64::from(self.byte()?);
            let bits = byte & 0x7f;
            if shift > 63 || bits << shift >> shift != bits {
                return Err(Torn);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    /// Reads a number that fits its type.
    ///
    /// # Errors
    /// [`Torn`] where it does not.
    pub fn number<N: TryFrom<u64>>(&mut self) -> Result<N, Torn> {
        N::try_from(self.varint()?).map_err(|_| Torn)
    }

    /// Reads a number that may be negative.
    ///
    /// # Errors
    /// [`Torn`].
    pub fn zigzag(&mut self) -> Result<i64, Torn> {
        let value = self.varint()?;
        Ok(signed(value))
    }

    /// Reads so many bytes.
    ///
    /// # Errors
    /// [`Torn`].
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Torn> {
        let end = self.at.checked_add(count).ok_or(Torn)?;
        let bytes = self.bytes.get(self.at..end).ok_or_else(|| self.cut())?;
        self.at = end;
        Ok(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Torn> {
        self.take(N)?.try_into().map_err(|_| Torn)
    }

    pub(super) fn sized(&mut self) -> Result<&'a [u8], Torn> {
        let count = self.number()?;
        self.take(count)
    }

    /// Reads a flag.
    ///
    /// # Errors
    /// [`Torn`] where it is neither 0 nor 1.
    pub fn flag(&mut self) -> Result<bool, Torn> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Torn),
        }
    }

    /// Reads the time, in microseconds since boot.
    ///
    /// # Errors
    /// [`Torn`].
    pub fn time_us(&mut self) -> Result<u64, Torn> {
        let passed = match self.turn_passed.take() {
            Some(passed) => passed,
            None => self.varint()?,
        };
        self.last_us = self.last_us.wrapping_add(passed);
        Ok(self.last_us)
    }

    /// Reads what the wall clock shows, in microseconds since 1970.
    ///
    /// # Errors
    /// [`Torn`].
    pub fn unix_us(&mut self) -> Result<i64, Torn> {
        self.ahead_us = self.ahead_us.wrapping_add(self.zigzag()?);
        Ok(self.ahead_us.wrapping_add(self.last_us as i64))
    }

    /// The time that was read last.
    pub const fn last_us(&self) -> u64 {
        self.last_us
    }

    /// Reads the levels of a bank.
    ///
    /// # Errors
    /// [`Torn`].
    pub fn levels(&mut self, bank: Bank) -> Result<u32, Torn> {
        let changed: u32 = self.number()?;
        let levels = self.levels.get_mut(bank as usize).ok_or(Torn)?;
        *levels ^= changed;
        Ok(*levels)
    }

    /// Reads how a transfer ended.
    ///
    /// # Errors
    /// [`Torn`].
    pub fn status(&mut self) -> Result<Option<BusStatus>, Torn> {
        match self.byte()?.checked_sub(1) {
            None => Ok(None),
            Some(number) => BusStatus::from_u8(number).map(Some).ok_or(Torn),
        }
    }

    /// Reads an edge, where the operation took any.
    ///
    /// # Errors
    /// [`Torn`].
    pub fn edge(&mut self) -> Result<Option<Edge>, Torn> {
        if !self.edges {
            return Ok(None);
        }
        let line = Line::new(self.byte()?).ok_or(Torn)?;
        let time_us = self.last_us.wrapping_add(self.zigzag()? as u64);
        let flags = self.byte()?;
        if flags & !(FOLLOWED | 1) != 0 {
            return Err(Torn);
        }
        self.edges = flags & FOLLOWED != 0;
        Ok(Some(Edge { line, rising: flags & 1 != 0, time_us }))
    }
}
