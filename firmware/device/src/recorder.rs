//! The last register stores, and a module's messages in order with them.

use heapless::{Deque, Vec};
use tiny_mapper::{Layer, LogLevel, Over, Port};
use xmap_boards::{Bank, BoardId, PinMask, RegisterKind};
use xmap_link::{Access, Level, RecordingPage, Text, Trace, TraceEntry, pieces};

use crate::{Board, BoardLayer, Cue};

/// Bytes before each message in the store of messages: `trace_at`, its module and level, its length.
const HEAD: usize = 7;

/// The bits of a level; those above have the module's number.
const LEVEL_BITS: u32 = 2;

/// A port that remembers: it passes everything on to the port within and keeps the last `N` stores
/// to set and clear registers, the same that a plain trace of the simulator shows. Loads are not kept: a
/// module that polls an input would push all else out.
///
/// A module's messages are kept as well, up to `TEXT` bytes of them with 7 bytes each beside their text,
/// until [`Record::take_texts`] fetches them; a message that finds no room is lost and counted, and so is one
/// that is beyond what its module may log ([`Board::allow_text`]). They are not passed on to the port within.
#[derive(Debug)]
pub struct Recorder<P, const N: usize, const TEXT: usize> {
    port: P,
    board: BoardId,
    entries: Deque<TraceEntry, N>,
    /// The number of the next store, from 0.
    next: u32,
    texts: Vec<u8, TEXT>,
    texts_lost: u32,
    /// Bytes that messages may still take, heads included.
    text_left: u32,
    /// The module whose messages they are.
    speaker: u8,
}

tiny_mapper::layered! {
    /// A record that stands in front of another one: it overrides what it changes.
    layer RecordLayer [Over<Inner: Record>]

    /// A record that a host can ask for.
    trait Record [] {
        mut {
            /// Hands out the messages, oldest first and in pieces that fit a frame, and forgets them.
            fn take_texts(each: &mut dyn FnMut(Text<'_>));
            /// Takes a step of a rehearsal. Returns whether this port rehearses; only a [`crate::Rehearsal`]
            /// does.
            fn rehearse(cue: &Cue) -> bool = |_| false;
        }
        ref {
            /// Returns a page of the stores from number `from` on, or from the oldest that is still held.
            fn trace(from: u32) -> Trace;
            /// Returns the number that the next store will have; numbers begin at 0.
            fn next() -> u32;
            /// Returns how many stores are no longer held.
            fn lost() -> u32;
            /// Returns how many messages found no room.
            fn texts_lost() -> u32;
            /// Returns how many lines of the program's own log were left out.
            fn lines_lost() -> u32 = |_| 0;
            /// Returns a page of what the flight recorder noted from this byte on; `None` where there is no
            /// such recorder.
            fn recorded(from: u32) -> Option<RecordingPage> = |_| None;
        }
    }
}

/// A borrowed record is one.
impl<R: Record + ?Sized> RecordLayer for &mut R {}

impl<P: Board, const N: usize, const TEXT: usize> Recorder<P, N, TEXT> {
    /// A recorder with nothing in it.
    pub fn new(port: P) -> Self {
        let board = port.id();
        Self {
            port,
            board,
            entries: Deque::new(),
            next: 0,
            texts: Vec::new(),
            texts_lost: 0,
            text_left: u32::MAX,
            speaker: 0,
        }
    }
}

impl<P: Port, const N: usize, const TEXT: usize> Recorder<P, N, TEXT> {
    /// The port within.
    pub fn port(&self) -> &P {
        &self.port
    }

    /// The port within.
    pub fn port_mut(&mut self) -> &mut P {
        &mut self.port
    }

    /// The stores that are held, oldest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &TraceEntry> {
        self.entries.iter()
    }

    fn push(&mut self, kind: RegisterKind, bank: Bank, value: PinMask) {
        let entry = TraceEntry {
            time_us: self.port.now_us(),
            access: Access::Write,
            offset: self.board.board().register(kind, bank).offset(),
            value,
        };
        if self.entries.is_full() {
            self.entries.pop_front();
        }
        // Fails for N = 0 only: such a recorder counts, and holds nothing.
        _ = self.entries.push_back(entry);
        self.next = self.next.saturating_add(1);
    }
}

impl<P: Port, const N: usize, const TEXT: usize> Record for Recorder<P, N, TEXT> {
    fn trace(&self, from: u32) -> Trace {
        let first = from.clamp(self.lost(), self.next);
        let skip = (first - self.lost()) as usize;
        let mut trace = Trace { first, next: self.next, ..Trace::default() };
        let held = self.entries.iter().skip(skip).take(trace.entries.capacity());
        trace.entries.extend(held.copied());
        trace
    }

    fn next(&self) -> u32 {
        self.next
    }

    fn lost(&self) -> u32 {
        self.next - self.entries.len() as u32
    }

    fn texts_lost(&self) -> u32 {
        self.texts_lost
    }

    fn take_texts(&mut self, each: &mut dyn FnMut(Text<'_>)) {
        let mut rest = self.texts.as_slice();
        while let Some(([a, b, c, d, of, low, high], tail)) = rest.split_first_chunk::<HEAD>() {
            let (text, behind) = tail.split_at(usize::from(u16::from_le_bytes([*low, *high])));
            let level = match of & ((1 << LEVEL_BITS) - 1) {
                0 => Level::Debug,
                1 => Level::Info,
                _ => Level::Warn,
            };
            // It was text when it came.
            let text = core::str::from_utf8(text).unwrap_or_default();
            let (trace_at, module) = (u32::from_le_bytes([*a, *b, *c, *d]), Some(of >> LEVEL_BITS));
            pieces(trace_at, level, module, text).for_each(&mut *each);
            rest = behind;
        }
        self.texts.clear();
    }
}

tiny_mapper::over!([P, const N: usize, const TEXT: usize] Recorder<P, N, TEXT> => port: P);

impl<P: Port, const N: usize, const TEXT: usize> Layer for Recorder<P, N, TEXT> {
    fn set(&mut self, bank: Bank, mask: PinMask) {
        // First the store: what is recorded must not delay it.
        self.port.set(bank, mask);
        self.push(RegisterKind::Set, bank, mask);
    }

    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.port.clear(bank, mask);
        self.push(RegisterKind::Clear, bank, mask);
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        let (room, whole) = (TEXT - self.texts.len(), HEAD + text.len());
        let left = u32::try_from(whole).ok().and_then(|whole| self.text_left.checked_sub(whole));
        let len = u16::try_from(text.len()).ok().filter(|_| whole <= room);
        let (Some(len), Some(left)) = (len, left) else {
            self.texts_lost = self.texts_lost.saturating_add(1);
            return;
        };
        self.text_left = left;
        let level = match level {
            LogLevel::Debug => Level::Debug,
            LogLevel::Info => Level::Info,
            LogLevel::Warn => Level::Warn,
        };
        let head =
            [&self.next.to_le_bytes()[..], &[level as u8 | self.speaker << LEVEL_BITS], &len.to_le_bytes()];
        // There is room for all of it, so none of these fails.
        for part in head.into_iter().chain([text.as_bytes()]) {
            _ = self.texts.extend_from_slice(part);
        }
    }
}

impl<P: Board, const N: usize, const TEXT: usize> BoardLayer for Recorder<P, N, TEXT> {
    fn allow_text(&mut self, module: u8, bytes: u32) {
        (self.speaker, self.text_left) = (module, bytes);
    }

    fn text_left(&self) -> Option<u32> {
        Some(self.text_left)
    }

    fn stores(&self) -> u32 {
        self.next
    }
}
