//! The memory of a recorder: how values are written, and what is kept of them.
//!
//! Numbers are LEB128: seven bits in each byte, the low ones first. A time is the difference to the one
//! before, a bank's levels are the bits that differ from those before, and the wall clock is what it went on
//! beside the time since boot.
//!
//! The memory has two halves. When one is nearly full the other begins with a snapshot of the device, in the
//! place of what it had: so there is always one half at least of what happened last.

use core::ops::Range;

use tiny_mapper::BusStatus;
use xmap_boards::{BANKS, Bank, BoardId};
use xmap_link::RecordingPage;

use super::noted::Noted;
use super::operation::{CHECK, EDGES, FOLLOWED, FORMAT, LONG_TURN, Operation, SNAPSHOT, TURN, unsigned};
use super::snapshot::{BoardState, Sink, Snapshot, Write};
use crate::Edge;

/// Bytes from one check of the state to the next: those of 64 turns of the main loop.
const CHECK_EVERY: usize = 256;

/// Microseconds that a turn has room for, from the time that was read before.
const TURN_US: u64 = 1 << 24;

/// What a digest of the outputs is made of.
pub mod mix {
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
    pub const fn into(digest: u32, what: u32, which: u32, value: u32) -> u32 {
        // FNV-1a over words.
        ((digest ^ (what << 28 ^ which << 8)).rotate_left(9) ^ value).wrapping_mul(0x0100_0193)
    }

    /// Returns a digest with lines of a bank that were driven high or low: four instructions, as every store
    /// takes them.
    #[inline]
    pub const fn drove(digest: u32, high: bool, bank: u32, mask: u32) -> u32 {
        (digest.rotate_left(if high { 5 } else { 11 }) ^ mask).wrapping_add(bank)
    }
}

/// What is to be noted at the end of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The hash of the state, with the number of the check.
    Check(u32),
    /// A snapshot: there was no room for the operation.
    Snapshot,
}

/// What is noted, in the memory of the recorder.
#[derive(Debug)]
pub(super) struct Tape<S> {
    memory: S,
    board: BoardId,
    /// Where the next byte goes.
    at: usize,
    /// Where the half that is written begins, and the number of its first byte in all that was noted.
    from: usize,
    from_number: u32,
    /// Where the half before it stands. It is gone where the one that is written runs into it.
    before: Range<usize>,
    /// Where the operation that is under way began, and the times before it.
    began: usize,
    began_us: (u64, i64),
    /// What it is doing ([`state`]), and above that the operations within operations: what a turn asks of the
    /// device itself is part of the turn. 0 between two operations.
    state: u32,
    last_us: u64,
    /// What the wall clock last was ahead of the time since boot.
    ahead_us: i64,
    levels: [u32; BANKS],
    digest: u32,
    /// The time of a turn of which nothing else was noted yet.
    turn_us: u64,
    /// Where the last edge says whether another follows.
    edge_at: usize,
    /// Where the next check is due, and the number of the last one. 0 also where there was no room.
    check_at: usize,
    checks: u32,
}

/// The bits of what a tape is doing: one word, as all of it is asked and set at once.
mod state {
    /// A turn of the main loop has begun, an operation: its time is known, and nothing is written.
    pub(super) const TURN: u32 = 1 << 23;
    /// An operation is under way, and noted.
    pub(super) const OPEN: u32 = 1;
    /// It took something that has to stay, such as a level.
    pub(super) const NOTED: u32 = 2;
    /// It took edges.
    pub(super) const EDGES: u32 = 4;
    /// An operation found no room, and what comes is not noted until there is a snapshot.
    pub(super) const FULL: u32 = 8;
    /// Nothing more is noted: no snapshot fits, or what follows cannot be played.
    pub(super) const ENDED: u32 = 16;
    /// Another operation, or one within another.
    pub(super) const ONE: u32 = 32;
    /// In a turn of which nothing is written yet: levels were read that were those of before.
    pub(super) const SAME: u32 = 1 << 24;
    /// More of these than there is room for with the turn.
    pub(super) const MOST_SAME: u32 = 4;
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Tape<S> {
    pub(super) fn new(memory: S, board: BoardId) -> Self {
        let mut tape = Self {
            memory,
            board,
            at: 0,
            from: 0,
            from_number: 0,
            before: 0..0,
            began: 0,
            began_us: (0, 0),
            state: 0,
            last_us: 0,
            ahead_us: 0,
            levels: [0; BANKS],
            digest: 0,
            turn_us: 0,
            edge_at: 0,
            check_at: CHECK_EVERY,
            checks: 0,
        };
        tape.byte(FORMAT);
        tape.varint((board as u16).into());
        if tape.is(state::FULL) {
            tape.state = state::ENDED;
        }
        tape.began = tape.at;
        tape
    }

    #[inline]
    const fn is(&self, bits: u32) -> bool {
        self.state & bits != 0
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.is(state::ENDED)
    }

    /// The whole operations.
    pub(super) fn whole(&self) -> Noted<'_> {
        let end = if self.state < state::ONE { self.at } else { self.began };
        let memory = self.memory.as_ref();
        let before = memory.get(self.before.clone()).filter(|_| !self.ran_over()).unwrap_or_default();
        let first = self.from_number.wrapping_sub(before.len() as u32);
        Noted { first, parts: [before, memory.get(self.from..end).unwrap_or_default()] }
    }

    /// Returns whether the half that is written has come into the other one.
    fn ran_over(&self) -> bool {
        self.from < self.before.start && self.at > self.before.start
    }

    fn half(&self) -> usize {
        self.memory.as_ref().len() / 2
    }

    /// A page of the recording, for a host; `None` where there is no memory for one.
    pub(super) fn page(&self, from: u32) -> Option<RecordingPage> {
        if self.memory.as_ref().is_empty() {
            return None;
        }
        let whole = self.whole();
        let rest = whole.since(from);
        let mut page = RecordingPage {
            first: rest.first,
            next: whole.next(),
            ended: self.has_ended(),
            bytes: Default::default(),
        };
        for part in rest.parts {
            let room = page.bytes.capacity() - page.bytes.len();
            _ = page.bytes.extend_from_slice(part.get(..room).unwrap_or(part));
        }
        Some(page)
    }

    pub(super) fn begin(&mut self, operation: &Operation<'_>) {
        if self.state != 0 {
            return self.begin_within();
        }
        (self.began, self.state) = (self.at, state::ONE | state::OPEN);
        self.began_us = (self.last_us, self.ahead_us);
        operation.write(self);
        if *operation == Operation::Policy {
            (self.began, self.state) = (self.at, state::ENDED);
        }
    }

    /// Begins a turn of the main loop, which reads this time. It is written when it has come to something.
    #[inline]
    pub(super) fn begin_turn(&mut self, now_us: u64) {
        if self.state != 0 {
            self.begin_within();
            return self.time(now_us);
        }
        (self.state, self.turn_us) = (state::TURN, now_us);
    }

    #[cold]
    const fn begin_within(&mut self) {
        if !self.has_ended() {
            self.state += state::ONE;
        }
    }

    /// Returns whether what comes is noted: a turn that has only begun is written now.
    #[inline]
    fn is_open(&mut self) -> bool {
        self.is(state::OPEN) || self.is(state::TURN) && self.open_turn()
    }

    #[cold]
    fn open_turn(&mut self) -> bool {
        let same = self.state / state::SAME;
        self.state = self.state % state::SAME - state::TURN + (state::ONE | state::OPEN);
        if same != 0 {
            self.state |= state::NOTED;
        }
        self.began = self.at;
        self.began_us = (self.last_us, self.ahead_us);
        self.write_turn(same);
        self.is(state::OPEN)
    }

    /// Writes a turn with its time and so many levels that were those of before.
    #[inline]
    fn write_turn(&mut self, same: u32) {
        const LEN: usize = 4;
        let passed = self.turn_us.wrapping_sub(self.last_us);
        let room = self.memory.as_mut().get_mut(self.at..);
        let room = room.and_then(<[u8]>::first_chunk_mut::<{ LEN + state::MOST_SAME as usize }>);
        match room.filter(|_| passed < TURN_US) {
            Some(place) => {
                *place = (u64::from(TURN) | passed << 8).to_le_bytes();
                self.at += LEN + same as usize;
                self.last_us = self.turn_us;
            }
            None => self.write_long_turn(passed, same),
        }
    }

    #[cold]
    fn write_long_turn(&mut self, passed: u64, same: u32) {
        self.began = self.at;
        self.began_us = (self.last_us, self.ahead_us);
        self.last_us = self.turn_us;
        self.byte(LONG_TURN);
        self.varint(passed);
        (0..same).for_each(|_| self.byte(0));
    }

    /// Ends the operation. Returns what is to be noted of the state.
    #[inline]
    pub(super) fn end(&mut self, changed: bool) -> Option<Due> {
        if self.state % state::SAME != state::TURN {
            return self.end_noted(changed);
        }
        let same = self.state / state::SAME;
        self.state = 0;
        // Where nothing came of it, nothing is written.
        if changed { self.end_turn(same) } else { self.end_other_turn(same) }
    }

    #[inline]
    fn end_turn(&mut self, same: u32) -> Option<Due> {
        self.write_turn(same);
        if self.at < self.check_at { None } else { self.check() }
    }

    #[inline(never)]
    fn end_other_turn(&mut self, same: u32) -> Option<Due> {
        if same == 0 { None } else { self.end_turn(same) }
    }

    #[inline(never)]
    fn end_noted(&mut self, changed: bool) -> Option<Due> {
        if self.state & !(state::NOTED | state::EDGES) != state::ONE | state::OPEN {
            return self.end_within();
        }
        let stays = changed || self.is(state::NOTED);
        self.state = 0;
        if !stays {
            self.forget();
            return None;
        }
        if self.at < self.check_at { None } else { self.check() }
    }

    #[cold]
    fn end_within(&mut self) -> Option<Due> {
        if self.state >= state::ONE {
            self.state -= state::ONE;
        }
        (self.state == state::FULL).then(|| self.give_up())
    }

    /// There was no room for all of it.
    fn give_up(&mut self) -> Due {
        self.forget();
        Due::Snapshot
    }

    fn forget(&mut self) {
        self.at = self.began;
        (self.last_us, self.ahead_us) = self.began_us;
    }

    #[cold]
    fn check(&mut self) -> Option<Due> {
        if self.is(state::FULL) {
            return Some(self.give_up());
        }
        self.checks = self.checks.wrapping_add(1);
        Some(Due::Check(self.checks))
    }

    /// Notes the hash of the state, and what the outputs came to. Returns whether the half is nearly full.
    pub(super) fn state(&mut self, state: u32) -> bool {
        self.began = self.at;
        self.byte(CHECK);
        for byte in [self.digest.to_le_bytes(), state.to_le_bytes()].as_flattened() {
            self.byte(*byte);
        }
        if self.is(state::FULL) {
            self.at = self.began;
        }
        self.check_at = self.at + CHECK_EVERY;
        // What comes before the next check has a quarter.
        self.is(state::FULL) || self.at - self.from >= self.half() / 4 * 3
    }

    /// Begins the other half with a snapshot: `write` gives the device's part of it.
    #[cold]
    pub(super) fn snapshot(&mut self, of_board: BoardState, write: &mut Write<'_>) {
        if self.has_ended() || self.state >= state::ONE {
            return;
        }
        let (half, at) = (self.half(), self.at);
        let number = self.from_number.wrapping_add((at - self.from) as u32);
        // One that ran into the other half leaves room for neither, and what found no room is missing.
        let follows = !self.is(state::FULL) && at <= self.from + half;
        let before = if follows { self.from..at } else { 0..0 };
        let start = if follows && self.from == 0 { half } else { 0 };
        let mut head = Snapshot {
            board: self.board as u16,
            last_us: self.last_us,
            ahead_us: self.ahead_us,
            levels: self.levels,
            digest: self.digest,
            checks: self.checks,
            of_board,
        };
        let mut all = |put: &mut Sink<'_>, len: u32| {
            put(&[SNAPSHOT]);
            put(&len.to_le_bytes());
            // A writer gives no reason to fail.
            _ = head.exchange(&mut |bytes: &[u8]| put(bytes));
            write(put);
        };
        let mut len = 0;
        all(&mut |bytes| len += bytes.len(), 0);
        let Some(mut room) = self.memory.as_mut().get_mut(start..start + half).filter(|_| len <= half) else {
            // What there is stays.
            self.state = state::ENDED;
            return;
        };
        all(
            &mut |bytes| {
                // There is room for all of it.
                if let Some((place, rest)) = core::mem::take(&mut room).split_at_mut_checked(bytes.len()) {
                    place.copy_from_slice(bytes);
                    room = rest;
                }
            },
            len as u32 - 5,
        );
        (self.from, self.from_number, self.before) = (start, number, before);
        (self.at, self.began, self.state) = (start + len, start + len, 0);
        self.check_at = self.at + CHECK_EVERY;
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
        // What there was of the operation is given up; those within it are counted on.
        self.state = self.state & !(state::ONE - 1) | state::FULL;
        self.check_at = 0;
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
        self.varint(unsigned(value));
    }

    /// Bytes, their number in front of them.
    pub(super) fn sized(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        bytes.iter().for_each(|byte| self.byte(*byte));
    }

    /// A value that the board gave.
    pub(super) fn value(&mut self, value: u64) {
        if self.is_open() {
            self.varint(value);
        }
    }

    pub(super) fn wall(&mut self, unix_us: i64) {
        if self.is_open() {
            let ahead_us = unix_us.wrapping_sub(self.last_us as i64);
            let more_us = ahead_us.wrapping_sub(core::mem::replace(&mut self.ahead_us, ahead_us));
            self.zigzag(more_us);
        }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if self.is_open() {
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
        if self.is_open() {
            let passed = now_us.wrapping_sub(self.last_us);
            self.last_us = now_us;
            self.varint(passed);
        }
    }

    #[inline]
    pub(super) fn level(&mut self, bank: Bank, levels: u32) {
        let Some(before) = self.levels.get_mut(bank as usize) else { return };
        // In a turn: the states of all else are below, and so beyond.
        let turn = self.state.wrapping_sub(state::TURN);
        if *before == levels && turn < state::SAME * state::MOST_SAME {
            self.state += state::SAME;
            return;
        }
        self.other_level(bank, levels);
    }

    #[inline(never)]
    fn other_level(&mut self, bank: Bank, levels: u32) {
        if self.is_open()
            && let Some(before) = self.levels.get_mut(bank as usize)
        {
            let changed = core::mem::replace(before, levels) ^ levels;
            self.state |= state::NOTED;
            self.varint(changed.into());
        }
    }

    /// An edge that the board saw, or none.
    #[inline]
    pub(super) fn edge(&mut self, edge: Option<&Edge>) {
        let Some(Edge { line, rising, time_us }) = edge else { return };
        if !self.is_open() {
            return;
        }
        // The tag says that there are any, and each that another one follows.
        let (place, bit) = if self.is(state::EDGES) { (self.edge_at, FOLLOWED) } else { (self.began, EDGES) };
        if let Some(place) = self.memory.as_mut().get_mut(place) {
            *place |= bit;
        }
        self.state |= state::NOTED | state::EDGES;
        self.byte(line.number());
        self.zigzag(time_us.wrapping_sub(self.last_us) as i64);
        self.edge_at = self.at;
        self.byte((*rising).into());
    }

    /// Takes lines that were driven into the digest.
    #[inline]
    pub(super) fn drove(&mut self, high: bool, bank: Bank, mask: u32) {
        self.digest = mix::drove(self.digest, high, bank as u32, mask);
    }

    /// Takes an output into the digest.
    pub(super) fn did(&mut self, what: u32, which: u32, value: u32) {
        self.digest = mix::into(self.digest, what, which, value);
    }

    pub(super) fn did_bytes(&mut self, what: u32, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.did(what, 0, (*byte).into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operations that each read a value of five bytes.
    fn turns(tape: &mut Tape<std::vec::Vec<u8>>, count: u64) {
        for _ in 0..count {
            tape.begin(&Operation::Look);
            tape.value(1 << 32);
            match tape.end(true) {
                Some(Due::Check(_)) if tape.state(7) => tape.snapshot(BoardState::default(), &mut |_| ()),
                Some(Due::Snapshot) => tape.snapshot(BoardState::default(), &mut |_| ()),
                _ => {}
            }
        }
    }

    #[test]
    fn the_older_half_goes_and_numbers_go_on() {
        let mut tape = Tape::new(std::vec![0; 4096], BoardId::Rpi4b);
        let (mut first, mut next, mut halves) = (0, 0, 0);
        for _ in 0..2000 {
            turns(&mut tape, 1);
            let whole = tape.whole();
            assert!(whole.next() > next && whole.first >= first && whole.len() <= 4096, "{whole:?}");
            assert!(first == 0 || whole.len() >= 1024, "a half is there: {}", whole.len());
            halves += u32::from(whole.first != first);
            (first, next) = (whole.first, whole.next());
            let begins = whole.parts.concat();
            assert_eq!(begins[0], if first == 0 { FORMAT } else { SNAPSHOT });
        }
        assert!(halves > 4 && !tape.has_ended(), "{halves}");
        assert_eq!(Tape::new(std::vec![0; 4096], BoardId::Rpi4b).page(9).unwrap().first, 0);
        // One that has no room for a snapshot keeps what it has, and says so.
        let mut small = Tape::new(std::vec![0; 30], BoardId::Rpi4b);
        turns(&mut small, 20);
        assert!(small.has_ended() && small.whole().first == 0 && small.whole().len() > 20);
        assert!(Tape::new(std::vec![0; 0], BoardId::Rpi4b).has_ended());
    }
}
