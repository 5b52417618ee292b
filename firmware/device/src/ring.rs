//! What happened in and between calls, in a few bytes each: the ring that a host reads ([`xmap_link::ring`]).
//!
//! Events are written into blocks, one after the other, and each block begins with a whole time. The oldest
//! block makes room for the next one, with all of its events at once: so an event costs no look at what it
//! overwrites, and each block can be read without those before it. A build without the feature `trace` has no
//! block, and notes nothing.

use heapless::Vec;
use tiny_mapper::{SpanText, SpanValue, Trap};
use xmap_link::SpanParent;
use xmap_link::limits::{MAX_OPEN_SPANS, MAX_SPAN_TEXT, RING_BLOCK_BYTES, RING_BLOCKS};
use xmap_link::ring::{BusKind, CUT, Misuse, ModuleEvent, RingPage, attribute, kind};

/// Blocks of this build.
const BLOCKS: usize = if cfg!(feature = "trace") { RING_BLOCKS } else { 0 };

/// Bytes that an event is written as: its head with eight bytes of time, and eight of its payload; what an
/// event does not need of them the next one overwrites.
const WRITTEN: usize = 17;

/// Bytes of the longest event: a key and a value that are texts.
const LONGEST: usize = 1 + 7 + 1 + 2 * (1 + MAX_SPAN_TEXT);

/// A block of events that follow each other.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The number of the first event.
    first: u32,
    /// The time that it counts from.
    time_us: u64,
    /// How many events are written, none in a block that was never used, and above them how many bytes they
    /// take: both grow together.
    written: u32,
    bytes: [u8; RING_BLOCK_BYTES],
}

/// The depth while nothing is noted.
const OFF: usize = usize::MAX;

/// An event more in [`Block::written`], and a byte more.
const EVENT: u32 = 1;
const BYTE: u32 = 1 << 8;

/// From this many bytes on, and so events, a block has no room for what an event is written as.
const FULL: u32 = (RING_BLOCK_BYTES - WRITTEN + 1) as u32 * BYTE;

impl Block {
    const fn len(&self) -> usize {
        (self.written / BYTE) as usize
    }

    /// Returns the number of the event behind the last.
    const fn next(&self) -> u32 {
        self.first.wrapping_add(self.written % BYTE)
    }
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// An export, by a host: its number on the link.
    Call(u16),
    /// An export, by an event: its number on the link.
    Handler(u16),
    /// A function of a module that the device calls by itself.
    Hook(u8),
}

/// The ring.
#[derive(Debug)]
pub struct Ring {
    blocks: [Block; BLOCKS],
    current: usize,
    /// When the last event was.
    last_us: u64,
    /// Whether what runs is noted.
    on: bool,
    /// The open spans of the call that runs, the outermost first, by their numbers. So many count; [`OFF`]
    /// where nothing is noted, so that one look tells both.
    open: [u16; MAX_OPEN_SPANS],
    depth: usize,
    /// The number of the latest span.
    span: u16,
}

impl Ring {
    /// Whether this build notes anything.
    pub const BUILT: bool = BLOCKS > 0;

    /// An empty ring.
    pub const fn new() -> Self {
        Self {
            blocks: [Block { first: 0, time_us: 0, written: 0, bytes: [0; RING_BLOCK_BYTES] }; BLOCKS],
            current: 0,
            last_us: 0,
            on: false,
            open: [0; MAX_OPEN_SPANS],
            depth: OFF,
            span: 1,
        }
    }

    /// Notes that a call begins. With `on` false nothing of it is noted.
    #[inline]
    pub fn begin(&mut self, what: Called, on: bool, now_us: u64) {
        (self.depth, self.on) = (OFF, on && Self::BUILT);
        if self.on {
            self.depth = 0;
            let (kind, payload, len) = match what {
                Called::Call(export) => (kind::CALL, export, 2),
                Called::Handler(export) => (kind::HANDLER, export, 2),
                Called::Hook(module) => (kind::HOOK, module.into(), 1),
            };
            self.note(kind, payload.into(), len, now_us);
        }
    }

    /// Notes that the call which begins next belongs to a span of the caller's.
    pub fn parent(&mut self, parent: SpanParent, now_us: u64) {
        self.note_long(kind::PARENT, now_us, |event| {
            _ = event.extend_from_slice(&parent.trace);
            _ = event.extend_from_slice(&parent.span);
        });
    }

    /// Notes that the call is over: with a trap, or without. What it left open is closed.
    #[inline]
    pub fn end(&mut self, trap: Option<&Trap>, now_us: u64) {
        if !self.on {
            return;
        }
        match trap {
            None => {
                if self.depth > 0 {
                    self.misuse(Misuse::LeftOpen, self.depth, now_us);
                }
                self.note(kind::RETURNED, 0, 0, now_us);
            }
            Some(trap) => {
                let payload = u64::from(trap.code as u8) | u64::from(trap.op) << 8;
                self.note(kind::TRAPPED, payload, 5, now_us);
            }
        }
        (self.depth, self.on) = (OFF, false);
    }

    /// Notes what happened to a module, and the beginning of the hash of its image where it has a new one.
    pub fn module(&mut self, module: u8, what: ModuleEvent, image: Option<u32>, now_us: u64) {
        let head = u64::from(what as u8 | module << 6);
        match image {
            None => self.note(kind::MODULE, head, 1, now_us),
            Some(image) => self.note(kind::IMAGE, head | u64::from(image) << 8, 5, now_us),
        }
    }

    /// Notes a transfer on a bus: the kind of bus, its number, the address on it, how it ended, and how long
    /// it took.
    pub fn bus(&mut self, bus: BusKind, [number, address, status]: [u8; 3], took_us: u64, now_us: u64) {
        if !self.on {
            return;
        }
        let what = u64::from((bus as u8) << 4 | status & 0xf);
        let head = what | u64::from(number) << 8 | u64::from(address) << 16;
        let took_us = u32::try_from(took_us).unwrap_or(u32::MAX);
        let payload = head | u64::from(took_us) << 24;
        let (kind, len) = if took_us <= u16::MAX.into() { (kind::BUS, 5) } else { (kind::LONG_BUS, 7) };
        self.note(kind, payload, len, now_us);
    }

    /// Begins a span, and returns its number: 0 where nothing is noted, -1 where too many are open.
    #[inline(always)]
    pub fn start_span(&mut self, name: SpanText<'_>, now_us: u64) -> i32 {
        // An odd number, and so never 0.
        let span = self.span.wrapping_add(2);
        let depth = self.depth;
        let Some(place) = self.open.get_mut(depth) else { return self.not_begun(now_us) };
        *place = span;
        (self.span, self.depth) = (span, depth + 1);
        match name {
            SpanText::Number(number) => self.note(kind::SPAN, number.into(), 2, now_us),
            text => self.note_long(kind::NAMED_SPAN, now_us, |event| push_text(event, text)),
        }
        // Read again: what had to be kept until here would be saved on the stack in each call.
        self.span.into()
    }

    /// Ends a span, and those that were begun in it.
    #[inline(always)]
    pub fn end_span(&mut self, span: i32, now_us: u64) {
        let within = self.depth.wrapping_sub(1);
        match self.open.get(within) {
            Some(open) if i32::from(*open) == span => {
                self.depth = within;
                self.note(kind::SPAN_END, 0, 0, now_us);
            }
            _ => self.end_other(span, now_us),
        }
    }

    /// A span finds no place: too many are open, or nothing is noted.
    #[cold]
    #[inline(never)]
    fn not_begun(&mut self, now_us: u64) -> i32 {
        if !self.on {
            return 0;
        }
        self.misuse(Misuse::TooDeep, self.depth, now_us);
        -1
    }

    /// Ends a span that is not the innermost.
    #[cold]
    #[inline(never)]
    fn end_other(&mut self, span: i32, now_us: u64) {
        match self.place(span) {
            None => self.missing(Misuse::NotOpen, span, now_us),
            Some(place) => {
                self.misuse(Misuse::WrongOrder, self.depth - 1 - place, now_us);
                self.depth = place;
                self.note(kind::SPAN_END, 0, 0, now_us);
            }
        }
    }

    /// Gives a span a value.
    #[inline(always)]
    pub fn set(&mut self, span: i32, key: SpanText<'_>, value: SpanValue<'_>, now_us: u64) {
        match (key, value) {
            (SpanText::Number(key), SpanValue::I64(number)) => self.set_number(span, key, number, now_us),
            (key, value) => self.set_other(span, key, value, now_us),
        }
    }

    #[inline(always)]
    fn set_number(&mut self, span: i32, key: u16, number: i64, now_us: u64) {
        let place = self.depth.wrapping_sub(1);
        match self.open.get(place) {
            Some(open) if i32::from(*open) == span && i64::from(number as i16) == number => {
                let head = place as u64 | u64::from(attribute::I16) << attribute::VALUE;
                let payload = head | u64::from(key) << 8 | u64::from(number as u16) << 24;
                self.note(kind::ATTRIBUTE, payload, 5, now_us);
            }
            _ => self.set_other_number(span, key, number, now_us),
        }
    }

    #[cold]
    #[inline(never)]
    fn set_other_number(&mut self, span: i32, key: u16, number: i64, now_us: u64) {
        self.set_other(span, SpanText::Number(key), SpanValue::I64(number), now_us);
    }

    /// Gives a span that is not the innermost a value, or any of them one that is longer.
    #[cold]
    #[inline(never)]
    fn set_other(&mut self, span: i32, key: SpanText<'_>, value: SpanValue<'_>, now_us: u64) {
        let Some(place) = self.place(span) else { return self.missing(Misuse::NoSpan, span, now_us) };
        let value_kind = match value {
            SpanValue::I64(value) if i16::try_from(value).is_ok() => attribute::I16,
            SpanValue::I64(value) if i32::try_from(value).is_ok() => attribute::I32,
            SpanValue::I64(_) => attribute::I64,
            SpanValue::F64(_) => attribute::F64,
            SpanValue::Text(SpanText::Number(_)) => attribute::NUMBER,
            SpanValue::Text(_) => attribute::TEXT,
        };
        let head = place as u8 & attribute::PLACE | value_kind << attribute::VALUE;
        self.note_long(kind::ATTRIBUTE, now_us, |event| {
            match key {
                SpanText::Number(key) => {
                    _ = event.push(head);
                    _ = event.extend_from_slice(&key.to_le_bytes());
                }
                key => {
                    _ = event.push(head | attribute::NAMED);
                    push_text(event, key);
                }
            }
            match value {
                SpanValue::I64(value) => {
                    let len = match value_kind {
                        attribute::I16 => 2,
                        attribute::I32 => 4,
                        _ => 8,
                    };
                    event.extend(value.to_le_bytes().into_iter().take(len));
                }
                SpanValue::F64(value) => _ = event.extend_from_slice(&value.to_le_bytes()),
                SpanValue::Text(SpanText::Number(number)) => {
                    _ = event.extend_from_slice(&number.to_le_bytes());
                }
                SpanValue::Text(text) => push_text(event, text),
            }
        });
    }

    /// Returns the events from number `from` on, or from the oldest that are held: a block of them, which may
    /// begin with earlier ones.
    pub fn page(&self, from: u32) -> RingPage {
        // How many events ago: numbers begin again at 0.
        let next = self.blocks.get(self.current).map_or(0, Block::next);
        let age = |number: u32| next.wrapping_sub(number);
        let mut page = RingPage { first: next, next, ..RingPage::default() };
        if age(from) == 0 {
            return page;
        }
        let (newer, older) = self.blocks.split_at(self.current.saturating_add(1).min(BLOCKS));
        let held = older.iter().chain(newer).filter(|block| block.written > 0);
        let Some(block) =
            held.clone().rev().find(|block| age(block.first) >= age(from)).or(held.clone().next())
        else {
            return page;
        };
        (page.first, page.time_us) = (block.first, block.time_us);
        page.bytes.extend(block.bytes.iter().copied().take(block.len()));
        page
    }

    /// Writes an event whose payload is the lowest `len` bytes of `payload`, at most seven.
    // All of it is in each caller, a few instructions each, and what is rare is elsewhere.
    #[inline(always)]
    fn note(&mut self, kind: u8, payload: u64, len: u32, now_us: u64) {
        let place = self.current % const { if BLOCKS > 0 { BLOCKS } else { 1 } };
        let Some(block) = self.blocks.get_mut(place) else { return };
        let (written, last_us) = (block.written, self.last_us);
        if written >= FULL {
            return self.note_in_next(kind, payload, len, now_us);
        }
        let delta = now_us.saturating_sub(last_us);
        // The kind, which is not 0, stands below seven bytes of time, and so the bytes that are zero above
        // are none to seven: one less than are left out of eight. That one is added with the kind.
        let head = delta << 8 | u64::from(kind | 1 << 5);
        let zeros = u64::from(head.leading_zeros()) / 8;
        let (start, at) = (8, (written / BYTE) as usize);
        let Some(room) = block.bytes.get_mut(at..at + WRITTEN) else { return };
        let Some(room) = room.first_chunk_mut::<WRITTEN>() else { return };
        // Where all are left out the payload overwrites what the 8 has become.
        room[..start].copy_from_slice(&(head + (zeros << 5)).to_le_bytes());
        let behind = start - zeros as usize;
        room[behind..behind + start].copy_from_slice(&payload.to_le_bytes());
        block.written = written + (EVENT + (8 + len) * BYTE) - zeros as u32 * BYTE;
        self.last_us = last_us + delta;
    }

    #[cold]
    #[inline(never)]
    fn note_in_next(&mut self, kind: u8, payload: u64, len: u32, now_us: u64) {
        self.turn(now_us);
        // A new block has room.
        self.note(kind, payload, len, now_us);
    }

    /// Goes on in the next block, whose events are overwritten.
    fn turn(&mut self, now_us: u64) {
        let next = self.blocks.get(self.current).map_or(0, Block::next);
        self.current = if self.current + 1 < BLOCKS { self.current + 1 } else { 0 };
        self.last_us = self.last_us.max(now_us);
        if let Some(block) = self.blocks.get_mut(self.current) {
            (block.first, block.time_us, block.written) = (next, self.last_us, 0);
        }
    }

    /// Writes an event whose payload is longer, or of no fixed length.
    #[cold]
    #[inline(never)]
    fn note_long(&mut self, kind: u8, now_us: u64, payload: impl FnOnce(&mut Vec<u8, LONGEST>)) {
        let len = self.blocks.get(self.current).map_or(0, Block::len);
        if RING_BLOCK_BYTES - len < LONGEST {
            self.turn(now_us);
        }
        let delta = now_us.saturating_sub(self.last_us) & (u64::MAX >> 8);
        let left_out = delta.leading_zeros() / 8;
        let mut event: Vec<u8, LONGEST> = Vec::new();
        _ = event.push(kind | (left_out as u8 % 8) << 5);
        event.extend(delta.to_le_bytes().into_iter().take(8 - left_out as usize));
        payload(&mut event);
        let Some(block) = self.blocks.get_mut(self.current) else { return };
        let at = block.len();
        let Some(room) = block.bytes.get_mut(at..at + event.len()) else { return };
        room.copy_from_slice(&event);
        block.written += EVENT + event.len() as u32 * BYTE;
        self.last_us = self.last_us.max(now_us);
    }

    /// Returns the place of an open span.
    fn place(&self, span: i32) -> Option<usize> {
        let span = u16::try_from(span).ok()?;
        let depth = if self.on { self.depth } else { 0 };
        self.open.iter().take(depth).rposition(|open| *open == span)
    }

    /// A span is named that is not open. One that found no room was told of when it was begun.
    fn missing(&mut self, how: Misuse, span: i32, now_us: u64) {
        if self.on && span >= 0 {
            self.misuse(how, 0, now_us);
        }
    }

    #[cold]
    #[inline(never)]
    fn misuse(&mut self, how: Misuse, count: usize, now_us: u64) {
        self.note(kind::MISUSE, u64::from(how as u8) | (count as u64) << 8, 2, now_us);
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds a text with its length, cut where it is too long.
fn push_text(event: &mut Vec<u8, LONGEST>, text: SpanText<'_>) {
    let mut add = |kept: &[u8], is_cut: bool| {
        _ = event.push(kept.len() as u8 | if is_cut { CUT } else { 0 });
        _ = event.extend_from_slice(kept);
    };
    match text {
        // It has been written before.
        SpanText::Number(_) => {}
        SpanText::Bytes(text) => {
            let kept = text.get(..MAX_SPAN_TEXT).unwrap_or(text);
            add(kept, kept.len() < text.len());
        }
        SpanText::Wide(text) => {
            let units = text.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
            let mut kept: Vec<u8, MAX_SPAN_TEXT> = Vec::new();
            for unit in char::decode_utf16(units) {
                let c = unit.unwrap_or(char::REPLACEMENT_CHARACTER);
                if kept.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()).is_err() {
                    return add(&kept, true);
                }
            }
            add(&kept, false);
        }
    }
}

#[cfg(all(test, feature = "trace"))]
mod tests {
    use tiny_mapper::TrapCode;
    use xmap_link::ring::{RingEvent, RingText, RingValue};

    use super::*;

    /// All that is held, from a number on: the numbers of the events, their times, and they.
    fn read(ring: &Ring, mut from: u32) -> std::vec::Vec<(u32, u64, std::string::String)> {
        let mut all = std::vec::Vec::new();
        loop {
            let page = ring.page(from);
            let mut number = page.first;
            for event in page.events() {
                let (time_us, event) = event.unwrap();
                if number.wrapping_sub(from) < u32::MAX / 2 {
                    all.push((number, time_us, std::format!("{event:?}")));
                }
                number = number.wrapping_add(1);
            }
            if number == from {
                assert_eq!(number, page.next);
                return all;
            }
            from = number;
        }
    }

    fn texts(ring: &Ring) -> std::vec::Vec<std::string::String> {
        read(ring, 0).into_iter().map(|(_, _, text)| text).collect()
    }

    #[test]
    fn events_are_read_as_they_were_noted() {
        let mut ring = Ring::new();
        ring.begin(Called::Call(0x1005), true, 10);
        let outer = ring.start_span(SpanText::Number(3), 1_000);
        let inner = ring.start_span(SpanText::Bytes(b"inner"), 70_000);
        for value in [7, -70_000, i64::MIN] {
            ring.set(outer, SpanText::Number(1), SpanValue::I64(value), 70_000);
        }
        ring.set(inner, SpanText::Bytes(b"key"), SpanValue::F64(1.5), 70_001);
        ring.set(inner, SpanText::Number(2), SpanValue::Text(SpanText::Bytes(&[b'x'; 40])), 70_001);
        ring.bus(BusKind::I2c, [1, 0x48, 2], 300, 80_000);
        ring.bus(BusKind::UartWrite, [0, 0, 0], 100_000, 180_000);
        let wide: std::vec::Vec<u8> = "grün 💡".encode_utf16().flat_map(u16::to_le_bytes).collect();
        ring.set(inner, SpanText::Wide(&wide), SpanValue::Text(SpanText::Wide(&[0; 99])), 180_000);
        ring.end_span(inner, 180_000);
        ring.end_span(outer, 180_000);
        ring.end(None, 1 << 40);
        let events = read(&ring, 0);
        assert!(events.iter().enumerate().all(|(n, (number, ..))| n as u32 == *number));
        let times: std::vec::Vec<u64> = events.iter().map(|(_, time_us, _)| *time_us).collect();
        let expected = [
            10, 1_000, 70_000, 70_000, 70_000, 70_000, 70_001, 70_001, 80_000, 180_000, 180_000, 180_000,
            180_000,
        ];
        assert_eq!((&times[..13], times[13]), (&expected[..], 1 << 40));
        let number = RingText::Number;
        let attribute = |place, key, value| RingEvent::Attribute { place, key, value };
        let bus =
            |bus, number, address, status, took_us| RingEvent::Bus { bus, number, address, status, took_us };
        let expected = [
            RingEvent::Call { export: 0x1005 },
            RingEvent::Span(number(3)),
            RingEvent::Span(RingText::Bytes(b"inner", false)),
            attribute(0, number(1), RingValue::I64(7)),
            attribute(0, number(1), RingValue::I64(-70_000)),
            attribute(0, number(1), RingValue::I64(i64::MIN)),
            attribute(1, RingText::Bytes(b"key", false), RingValue::F64(1.5)),
            attribute(1, number(2), RingValue::Text(RingText::Bytes(&[b'x'; MAX_SPAN_TEXT], true))),
            bus(BusKind::I2c, 1, 0x48, 2, 300),
            bus(BusKind::UartWrite, 0, 0, 0, 100_000),
            attribute(
                1,
                RingText::Bytes("grün 💡".as_bytes(), false),
                RingValue::Text(RingText::Bytes(&[0; MAX_SPAN_TEXT], true)),
            ),
            RingEvent::SpanEnd,
            RingEvent::SpanEnd,
            RingEvent::Returned,
        ];
        let shown: std::vec::Vec<_> = expected.iter().map(|event| std::format!("{event:?}")).collect();
        assert_eq!(texts(&ring), shown);
    }

    #[test]
    fn wrong_uses_of_spans_are_events() {
        let mut ring = Ring::new();
        let misuse = |how, count| std::format!("{:?}", RingEvent::Misuse { how, count });
        ring.begin(Called::Handler(1), true, 0);
        let [a, b, c] = [1, 2, 3].map(|name| ring.start_span(SpanText::Number(name), 0));
        ring.end_span(b, 0);
        ring.end_span(c, 0);
        ring.set(b, SpanText::Number(0), SpanValue::I64(0), 0);
        ring.end_span(0, 0);
        ring.end_span(-1, 0);
        ring.end_span(i32::MAX, 0);
        assert_eq!(ring.start_span(SpanText::Number(4), 0), c + 2);
        ring.end(None, 0);
        ring.end_span(a, 0);
        let expected = [
            std::format!("{:?}", RingEvent::Handler { export: 1 }),
            std::format!("{:?}", RingEvent::Span(RingText::Number(1))),
            std::format!("{:?}", RingEvent::Span(RingText::Number(2))),
            std::format!("{:?}", RingEvent::Span(RingText::Number(3))),
            misuse(Misuse::WrongOrder, 1),
            "SpanEnd".into(),
            misuse(Misuse::NotOpen, 0),
            misuse(Misuse::NoSpan, 0),
            misuse(Misuse::NotOpen, 0),
            misuse(Misuse::NotOpen, 0),
            std::format!("{:?}", RingEvent::Span(RingText::Number(4))),
            misuse(Misuse::LeftOpen, 2),
            "Returned".into(),
        ];
        assert_eq!(texts(&ring), expected);
    }

    #[test]
    fn a_trap_closes_what_is_open_and_depth_is_bounded() {
        let mut ring = Ring::new();
        ring.begin(Called::Hook(2), true, 5);
        let spans: std::vec::Vec<i32> = (0..20).map(|n| ring.start_span(SpanText::Number(n), 5)).collect();
        assert!(spans[..MAX_OPEN_SPANS].iter().all(|span| *span > 0));
        assert!(spans[MAX_OPEN_SPANS..].iter().all(|span| *span == -1));
        let trap = Trap { image: 1, export: 2, code: TrapCode::Fuel, op: 77, detail: 0 };
        ring.end(Some(&trap), 6);
        ring.begin(Called::Hook(2), true, 7);
        ring.end(None, 7);
        let texts = texts(&ring);
        assert_eq!(texts.iter().filter(|text| text.contains("TooDeep")).count(), 4);
        let trapped = std::format!("{:?}", RingEvent::Trapped { code: TrapCode::Fuel as u8, op: 77 });
        assert_eq!(texts[texts.len() - 3..], [trapped, "Hook { module: 2 }".into(), "Returned".into()]);
    }

    #[test]
    fn what_is_overwritten_is_counted_and_numbers_go_round() {
        for first in [0, u32::MAX - 100] {
            let mut ring = Ring::new();
            ring.blocks[0].first = first;
            let count = 5_000_u32;
            for n in 0..count {
                ring.module(1, ModuleEvent::Confirmed, None, u64::from(n) * 100);
            }
            let events = read(&ring, first);
            let oldest = events[0].0;
            let lost = oldest.wrapping_sub(first);
            assert!(lost > 0 && lost + events.len() as u32 == count, "{lost} {}", events.len());
            for (n, (number, time_us, _)) in events.iter().enumerate() {
                assert_eq!(*number, oldest.wrapping_add(n as u32));
                assert_eq!(*time_us, u64::from(lost + n as u32) * 100);
            }
            // From the middle of a block.
            let later = events[events.len() / 2].0;
            assert_eq!(read(&ring, later), events[events.len() / 2..]);
            assert_eq!(read(&ring, first.wrapping_add(count)), []);
        }
    }

    #[test]
    fn nothing_is_noted_of_what_is_not_to_be() {
        let mut ring = Ring::new();
        ring.begin(Called::Call(1), false, 0);
        assert_eq!(ring.start_span(SpanText::Number(0), 0), 0);
        ring.end_span(0, 0);
        ring.bus(BusKind::Spi, [0, 0, 0], 1, 1);
        ring.end(None, 2);
        assert_eq!((texts(&ring).len(), ring.page(0)), (0, RingPage::default()));
    }

    #[test]
    fn a_clock_that_goes_back_makes_no_time_go_back() {
        let mut ring = Ring::new();
        for now_us in [1_000, 500, 1_001] {
            ring.module(0, ModuleEvent::Reset, None, now_us);
        }
        let times: std::vec::Vec<u64> = read(&ring, 0).iter().map(|(_, time_us, _)| *time_us).collect();
        assert_eq!(times, [1_000, 1_000, 1_001]);
    }
}
