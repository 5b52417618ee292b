//! The bytes of a recording: how values are written, and how they are read again.
//!
//! Numbers are LEB128: seven bits in each byte, the low ones first. A time is the difference to the one
//! before, a bank's levels are the bits that differ from those before, and the wall clock is what it went on
//! beside the time since boot.

use tiny_mapper::BusStatus;
use xmap_boards::{BANKS, Bank, BoardId, Line};
use xmap_link::RecordingPage;

use super::operation::{Arguments, CHECK, EDGES, FORMAT, Operation};
use crate::Edge;

/// Operations from one check of the state to the next.
const CHECK_EVERY: u32 = 64;

/// What a digest of the outputs is made of.
pub mod mix {
    /// Lines were driven high.
    pub const SET: u32 = 1;
    /// Lines were driven low.
    pub const CLEAR: u32 = 2;
    /// A line became an input or an output.
    pub const SELECT: u32 = 3;
    /// A line's pull was set.
    pub const PULL: u32 = 4;
    /// A module waited.
    pub const DELAY: u32 = 5;
    /// Bytes went out on a bus.
    pub const BUS: u32 = 6;
    /// A PWM channel was set.
    pub const PWM: u32 = 7;

    /// Returns a digest with one more output in it.
    #[inline]
    pub const fn into(digest: u32, what: u32, which: u32, value: u32) -> u32 {
        // FNV-1a over words.
        ((digest ^ (what << 28 ^ which << 8)).rotate_left(9) ^ value).wrapping_mul(0x0100_0193)
    }
}

/// What is noted, in the memory of the recorder.
#[derive(Debug)]
pub(super) struct Tape<S> {
    memory: S,
    /// Where the next byte goes.
    at: usize,
    /// Where the operation that is under way began, and the times before it.
    began: usize,
    began_us: (u64, i64),
    /// Operations within operations: what a turn asks of the device itself is part of the turn.
    depth: u32,
    /// An operation is under way, and noted.
    open: bool,
    last_us: u64,
    /// What the wall clock last was ahead of the time since boot.
    ahead_us: i64,
    levels: [u32; BANKS],
    digest: u32,
    operations: u32,
    /// The operation took something that has to stay, such as an edge.
    noted: bool,
    /// The memory has no room for more, or what follows cannot be played.
    ended: bool,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Tape<S> {
    pub(super) fn new(memory: S, board: BoardId) -> Self {
        let mut tape = Self {
            memory,
            at: 0,
            began: 0,
            began_us: (0, 0),
            depth: 0,
            open: false,
            last_us: 0,
            ahead_us: 0,
            levels: [0; BANKS],
            digest: 0,
            operations: 0,
            noted: false,
            ended: false,
        };
        tape.byte(FORMAT);
        tape.varint((board as u16).into());
        tape.ended |= tape.memory.as_ref().is_empty();
        tape.began = tape.at;
        tape
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The whole operations.
    pub(super) fn whole(&self) -> &[u8] {
        let end = if self.depth == 0 { self.at } else { self.began };
        self.memory.as_ref().get(..end).unwrap_or_default()
    }

    /// A page of the recording, for a host; `None` where there is no memory for one.
    pub(super) fn page(&self, from: u32) -> Option<RecordingPage> {
        if self.memory.as_ref().is_empty() {
            return None;
        }
        let whole = self.whole();
        let first = (from as usize).min(whole.len());
        let rest = whole.get(first..).unwrap_or_default();
        let mut page = RecordingPage {
            first: first as u32,
            next: whole.len() as u32,
            ended: self.ended,
            bytes: Default::default(),
        };
        let part = rest.get(..page.bytes.capacity()).unwrap_or(rest);
        _ = page.bytes.extend_from_slice(part);
        Some(page)
    }

    #[inline]
    pub(super) fn begin(&mut self, operation: &Operation<'_>) {
        self.depth += 1;
        if self.depth == 1 && !self.ended {
            (self.began, self.noted) = (self.at, false);
            self.began_us = (self.last_us, self.ahead_us);
            self.open = true;
            operation.write(self);
            if *operation == Operation::Policy {
                (self.began, self.ended, self.open) = (self.at, true, false);
            }
        }
    }

    /// Ends the operation. Returns the number of the check where the state is to be hashed.
    #[inline]
    pub(super) fn end(&mut self, changed: bool) -> Option<u32> {
        self.depth = self.depth.saturating_sub(1);
        if self.depth != 0 {
            return None;
        }
        self.open = false;
        if self.ended || !(changed || self.noted) {
            // Nothing came of it, or there is no room for all of it.
            self.at = self.began;
            (self.last_us, self.ahead_us) = self.began_us;
            return None;
        }
        self.operations = self.operations.wrapping_add(1);
        self.operations.is_multiple_of(CHECK_EVERY).then_some(self.operations / CHECK_EVERY)
    }

    /// Notes the hash of the state, and what the outputs came to.
    pub(super) fn state(&mut self, state: u32) {
        self.began = self.at;
        self.byte(CHECK);
        for byte in [self.digest.to_le_bytes(), state.to_le_bytes()].as_flattened() {
            self.byte(*byte);
        }
        if self.ended {
            self.at = self.began;
        }
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        match self.memory.as_mut().get_mut(self.at) {
            Some(place) => {
                *place = byte;
                self.at += 1;
            }
            // The operation is given up whole.
            None => self.no_room(),
        }
    }

    #[cold]
    fn no_room(&mut self) {
        (self.ended, self.open) = (true, false);
    }

    pub(super) fn pair(&mut self, tag: u8, value: u8) {
        self.byte(tag);
        self.byte(value);
    }

    #[inline]
    pub(super) fn varint(&mut self, value: u64) {
        if value < 0x80 {
            return self.byte(value as u8);
        }
        // Most times: up to 16 ms.
        let room = self.memory.as_mut().get_mut(self.at..).and_then(<[u8]>::first_chunk_mut::<2>);
        match room.filter(|_| value < 0x4000) {
            Some(two) => {
                *two = [value as u8 | 0x80, (value >> 7) as u8];
                self.at += 2;
            }
            None => self.long(value),
        }
    }

    #[inline(never)]
    fn long(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// A number that may be negative.
    pub(super) fn zigzag(&mut self, value: i64) {
        self.varint((value << 1 ^ value >> 63) as u64);
    }

    /// Bytes, their number in front of them.
    pub(super) fn sized(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        bytes.iter().for_each(|byte| self.byte(*byte));
    }

    /// A value that the board gave.
    pub(super) fn value(&mut self, value: u64) {
        if self.open {
            self.varint(value);
        }
    }

    pub(super) fn wall(&mut self, unix_us: i64) {
        if self.open {
            let ahead_us = unix_us.wrapping_sub(self.last_us as i64);
            let more_us = ahead_us.wrapping_sub(core::mem::replace(&mut self.ahead_us, ahead_us));
            self.zigzag(more_us);
        }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if self.open {
            bytes.iter().for_each(|byte| self.byte(*byte));
        }
    }

    pub(super) fn status(&mut self, status: Option<BusStatus>) {
        self.value(status.map_or(0, |status| status as u64 + 1));
    }

    /// Notes how a transfer ended, and what was read where there was one.
    pub(super) fn answer(&mut self, status: Option<BusStatus>, read: &[u8]) {
        self.status(status);
        if status.is_some() {
            self.bytes(read);
        }
    }

    #[inline]
    pub(super) fn time(&mut self, now_us: u64) {
        if self.open {
            let passed = now_us.wrapping_sub(self.last_us);
            self.last_us = now_us;
            self.varint(passed);
        }
    }

    #[inline]
    pub(super) fn level(&mut self, bank: Bank, levels: u32) {
        if self.open
            && let Some(before) = self.levels.get_mut(bank as usize)
        {
            let changed = core::mem::replace(before, levels) ^ levels;
            self.noted = true;
            self.varint(changed.into());
        }
    }

    /// An edge that the board saw, or none. The tag says where there are any.
    #[inline]
    pub(super) fn edge(&mut self, edge: Option<&Edge>) {
        if !self.open {
            return;
        }
        let tag = self.memory.as_mut().get_mut(self.began);
        let Some(Edge { line, rising, time_us }) = edge else {
            if tag.is_some_and(|tag| *tag & EDGES != 0) {
                self.byte(0);
            }
            return;
        };
        if let Some(tag) = tag {
            *tag |= EDGES;
        }
        self.noted = true;
        self.byte(line.number() + 1);
        self.zigzag(time_us.wrapping_sub(self.last_us) as i64);
        self.byte((*rising).into());
    }

    /// Takes an output into the digest.
    #[inline]
    pub(super) fn did(&mut self, what: u32, which: u32, value: u32) {
        self.digest = mix::into(self.digest, what, which, value);
    }

    pub(super) fn did_bytes(&mut self, what: u32, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.did(what, 0, (*byte).into()));
    }
}

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
    /// The state is this.
    Check {
        /// The digest of the outputs.
        outputs: u32,
        /// That of the state.
        state: u32,
    },
}

impl<'a> Reader<'a> {
    /// Reads the beginning of a recording. Returns the rest with the number of the board.
    ///
    /// # Errors
    /// [`Torn`] where it is none, or of another version.
    pub fn new(bytes: &'a [u8]) -> Result<(Self, u16), Torn> {
        let mut reader =
            Self { bytes, at: 0, edges: false, short: false, last_us: 0, ahead_us: 0, levels: [0; BANKS] };
        if reader.byte()? != FORMAT {
            return Err(Torn);
        }
        let board = reader.number()?;
        Ok((reader, board))
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
        self.edges = tag & EDGES != 0;
        Operation::read(tag, self, scratch).map(|operation| Some(Next::Operation(operation)))
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
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
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

    pub(super) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Torn> {
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
        self.last_us = self.last_us.wrapping_add(self.varint()?);
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
        let Some(number) = self.byte()?.checked_sub(1) else { return Ok(None) };
        let line = Line::new(number).ok_or(Torn)?;
        let time_us = self.last_us.wrapping_add(self.zigzag()? as u64);
        Ok(Some(Edge { line, rising: self.flag()?, time_us }))
    }
}
