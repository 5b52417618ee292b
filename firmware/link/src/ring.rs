//! What a device notes of its calls: events of a few bytes each, and their decoder.
//!
//! An event is a head, the microseconds since the event before it in as few bytes as they take, and a
//! payload. Bits 0 to 4 of the head are the kind, bits 5 to 7 say how many of the time's eight bytes are left
//! out, because they are zero; 0 stands for all of them. Numbers of
//! more than a byte have their low byte first. A text is a byte for its length, whose top bit says that it
//! was cut, and that many bytes.

use core::fmt;

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_SPAN_TEXT, RING_BLOCK_BYTES};

/// Kinds of events, in bits 0 to 4 of the head.
pub mod kind {
    /// A host's call begins: the export's number on the link, two bytes.
    pub const CALL: u8 = 0;
    /// A handler begins: the export's number on the link, two bytes.
    pub const HANDLER: u8 = 1;
    /// A function that the device calls by itself begins: the module, one byte.
    pub const HOOK: u8 = 2;
    /// What was called is over.
    pub const RETURNED: u8 = 3;
    /// What was called has trapped: the code, one byte, and the op, four bytes.
    pub const TRAPPED: u8 = 4;
    /// Something happened to a module: [`super::ModuleEvent`] and the module, one byte.
    pub const MODULE: u8 = 5;
    /// The same, and the first four bytes of the hash of the image that is active from now on.
    pub const IMAGE: u8 = 6;
    /// A transfer on a bus is over: bus and outcome, one byte; its number, one byte; the address, one byte;
    /// the microseconds that it took, two bytes.
    pub const BUS: u8 = 7;
    /// The same, with four bytes for the microseconds.
    pub const LONG_BUS: u8 = 8;
    /// A span begins: the number of its name in the map, two bytes.
    pub const SPAN: u8 = 9;
    /// A span begins: its name as a text.
    pub const NAMED_SPAN: u8 = 10;
    /// The innermost span ends.
    pub const SPAN_END: u8 = 11;
    /// Spans were used in another way than they are meant: how, and a count.
    pub const MISUSE: u8 = 13;
    /// A span is given a value: place, kind of key and kind of value in one byte; key; value.
    pub const ATTRIBUTE: u8 = 12;
    /// The call that begins next belongs to a span of the caller's: trace, 16 bytes; span, eight bytes.
    pub const PARENT: u8 = 14;
}

/// Bits of the first byte of an attribute.
pub mod attribute {
    /// Which of the open spans, the outermost first.
    pub const PLACE: u8 = 0x0f;
    /// The key is a text, and no number of the map.
    pub const NAMED: u8 = 0x10;
    /// The kind of the value is in the bits from here up.
    pub const VALUE: u32 = 5;
    /// An integer of two bytes.
    pub const I16: u8 = 0;
    /// An integer of four bytes.
    pub const I32: u8 = 1;
    /// An integer of eight bytes.
    pub const I64: u8 = 2;
    /// A float of eight bytes.
    pub const F64: u8 = 3;
    /// A text.
    pub const TEXT: u8 = 4;
    /// The number of a text of the map, two bytes.
    pub const NUMBER: u8 = 5;
}

/// The bit of a text's length that says that it was cut.
pub const CUT: u8 = 0x80;

/// What happened to a module, in bits 0 to 5 of an event's byte; the module stands above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ModuleEvent {
    /// An image was mounted where none was.
    Mounted = 0,
    /// An image was not mounted.
    NotMounted = 1,
    /// A new image took the place of another.
    Swapped = 2,
    /// The new image is confirmed.
    Confirmed = 3,
    /// The image before came back.
    RolledBack = 4,
    /// The outputs became safe.
    MadeSafe = 5,
    /// The module was loaded anew.
    Restarted = 6,
    /// The module rests until it is reset.
    Faulted = 7,
    /// The module was reset by a host.
    Reset = 8,
    /// No host is heard.
    HostLost = 9,
    /// A host is heard again.
    HostBack = 10,
    /// A new policy does not allow the image.
    Disallowed = 11,
    /// The newest image was set aside.
    SetAside = 12,
}

impl ModuleEvent {
    /// Every one of them, by number.
    pub const ALL: [Self; 13] = [
        Self::Mounted,
        Self::NotMounted,
        Self::Swapped,
        Self::Confirmed,
        Self::RolledBack,
        Self::MadeSafe,
        Self::Restarted,
        Self::Faulted,
        Self::Reset,
        Self::HostLost,
        Self::HostBack,
        Self::Disallowed,
        Self::SetAside,
    ];

    /// Returns the name that traces have for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mounted => "mounted",
            Self::NotMounted => "not_mounted",
            Self::Swapped => "swapped",
            Self::Confirmed => "confirmed",
            Self::RolledBack => "rolled_back",
            Self::MadeSafe => "made_safe",
            Self::Restarted => "restarted",
            Self::Faulted => "faulted",
            Self::Reset => "reset",
            Self::HostLost => "host_lost",
            Self::HostBack => "host_back",
            Self::Disallowed => "disallowed",
            Self::SetAside => "set_aside",
        }
    }

    /// Returns the one with this number, if there is one.
    pub const fn from_u8(number: u8) -> Option<Self> {
        if (number as usize) < Self::ALL.len() { Some(Self::ALL[number as usize]) } else { None }
    }
}

/// A kind of bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BusKind {
    /// I2C: the address is the device's.
    I2c = 0,
    /// SPI: the address is the chip select.
    Spi = 1,
    /// Bytes that a serial port sends; it has no address.
    UartWrite = 2,
    /// Bytes that were taken from a serial port; it has no address.
    UartRead = 3,
}

impl BusKind {
    /// Every kind, by number.
    pub const ALL: [Self; 4] = [Self::I2c, Self::Spi, Self::UartWrite, Self::UartRead];

    /// Returns the name that traces have for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I2c => "i2c",
            Self::Spi => "spi",
            Self::UartWrite => "uart_write",
            Self::UartRead => "uart_read",
        }
    }
}

/// A use of spans that is not meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Misuse {
    /// A span was ended that is not open: it was ended before, or never begun.
    NotOpen = 0,
    /// A span was ended before those that were begun in it: they are closed, so many.
    WrongOrder = 1,
    /// A call ended with open spans: they are closed, so many.
    LeftOpen = 2,
    /// So many spans were open that another one was not begun.
    TooDeep = 3,
    /// A value was given to a span that is not open.
    NoSpan = 4,
}

impl Misuse {
    /// Every one of them, by number.
    pub const ALL: [Self; 5] = [Self::NotOpen, Self::WrongOrder, Self::LeftOpen, Self::TooDeep, Self::NoSpan];

    /// Returns the name that traces have for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotOpen => "span_not_open",
            Self::WrongOrder => "span_ended_in_wrong_order",
            Self::LeftOpen => "span_never_ended",
            Self::TooDeep => "span_too_deep",
            Self::NoSpan => "attribute_of_no_span",
        }
    }

    /// Returns what it is, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotOpen => "a span was ended that is not open: twice, or never begun",
            Self::WrongOrder => "a span was ended before those that were begun in it, which are closed",
            Self::LeftOpen => "the call ended with open spans, which are closed",
            Self::TooDeep => "a span was not begun, because too many were open",
            Self::NoSpan => "a value was given to a span that is not open",
        }
    }
}

/// A name, a key or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingText<'a> {
    /// The number of a text of the image's map.
    Number(u16),
    /// The text itself, which a module may have made of any bytes, and whether it was cut.
    Bytes(&'a [u8], bool),
}

/// A value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RingValue<'a> {
    /// An integer.
    I64(i64),
    /// A float.
    F64(f64),
    /// A text.
    Text(RingText<'a>),
}

/// Something that a device noted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RingEvent<'a> {
    /// A host's call begins.
    Call {
        /// The export's number on the link.
        export: u16,
    },
    /// A handler begins.
    Handler {
        /// The export's number on the link.
        export: u16,
    },
    /// A function that the device calls by itself begins.
    Hook {
        /// The module.
        module: u8,
    },
    /// What was called is over.
    Returned,
    /// What was called has trapped; spans that were open are closed.
    Trapped {
        /// The mapper's trap code.
        code: u8,
        /// Index of the op in the code section; all ones where no op was run.
        op: u32,
    },
    /// Something happened to a module.
    Module {
        /// The module.
        module: u8,
        /// What.
        what: ModuleEvent,
        /// The first four bytes of the hash of the image that is active from now on, where it is another.
        image: Option<u32>,
    },
    /// A transfer on a bus is over.
    Bus {
        /// The kind of bus.
        bus: BusKind,
        /// Its number.
        number: u8,
        /// The device's address on it.
        address: u8,
        /// How it ended, as the module saw it.
        status: u8,
        /// Microseconds that it took.
        took_us: u32,
    },
    /// A span begins.
    Span(RingText<'a>),
    /// The innermost span ends.
    SpanEnd,
    /// Spans were used in another way than they are meant.
    Misuse {
        /// How.
        how: Misuse,
        /// How many spans it concerns.
        count: u8,
    },
    /// A span is given a value.
    Attribute {
        /// Which of the open spans, the outermost first.
        place: u8,
        /// By this key.
        key: RingText<'a>,
        /// The value.
        value: RingValue<'a>,
    },
    /// The call that begins next belongs to a span of the caller's.
    Parent(SpanParent),
}

/// Bytes that are no events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedRing;

impl fmt::Display for MalformedRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these bytes are no events of a device")
    }
}

impl core::error::Error for MalformedRing {}

/// The events of a stretch of bytes, each with its time in microseconds since boot. It ends at the first that
/// does not decode.
#[derive(Clone, Debug)]
pub struct RingEvents<'a> {
    rest: &'a [u8],
    time_us: u64,
}

impl<'a> RingEvents<'a> {
    /// The events of bytes whose first event's time counts from `time_us`.
    pub const fn new(bytes: &'a [u8], time_us: u64) -> Self {
        Self { rest: bytes, time_us }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn half(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn text(&mut self) -> Option<RingText<'a>> {
        let head = self.byte()?;
        let len = usize::from(head & !CUT);
        if len > MAX_SPAN_TEXT {
            return None;
        }
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(RingText::Bytes(bytes, head & CUT != 0))
    }

    fn event(&mut self) -> Option<(u64, RingEvent<'a>)> {
        let head = self.byte()?;
        let mut time = [0; 8];
        let bytes = (8 - usize::from(head >> 5)) % 8;
        let (from, rest) = self.rest.split_at_checked(bytes)?;
        time.get_mut(..bytes)?.copy_from_slice(from);
        self.rest = rest;
        self.time_us = self.time_us.checked_add(u64::from_le_bytes(time))?;
        let event = match head & 0x1f {
            kind::CALL => RingEvent::Call { export: self.half()? },
            kind::HANDLER => RingEvent::Handler { export: self.half()? },
            kind::HOOK => RingEvent::Hook { module: self.byte()? },
            kind::RETURNED => RingEvent::Returned,
            kind::TRAPPED => RingEvent::Trapped { code: self.byte()?, op: u32::from_le_bytes(self.take()?) },
            kind @ (kind::MODULE | kind::IMAGE) => {
                let byte = self.byte()?;
                let image = if kind == kind::IMAGE { Some(u32::from_le_bytes(self.take()?)) } else { None };
                RingEvent::Module { module: byte >> 6, what: ModuleEvent::from_u8(byte & 0x3f)?, image }
            }
            kind @ (kind::BUS | kind::LONG_BUS) => {
                let [what, number, address] = self.take()?;
                RingEvent::Bus {
                    bus: *BusKind::ALL.get(usize::from(what >> 4))?,
                    number,
                    address,
                    status: what & 0xf,
                    took_us: if kind == kind::BUS {
                        self.half()?.into()
                    } else {
                        u32::from_le_bytes(self.take()?)
                    },
                }
            }
            kind::SPAN => RingEvent::Span(RingText::Number(self.half()?)),
            kind::NAMED_SPAN => RingEvent::Span(self.text()?),
            kind::SPAN_END => RingEvent::SpanEnd,
            kind::MISUSE => {
                let [how, count] = self.take()?;
                RingEvent::Misuse { how: *Misuse::ALL.get(usize::from(how))?, count }
            }
            kind::ATTRIBUTE => {
                let what = self.byte()?;
                let named = what & attribute::NAMED != 0;
                let key = if named { self.text()? } else { RingText::Number(self.half()?) };
                let value = match what >> attribute::VALUE {
                    attribute::I16 => RingValue::I64(i16::from_le_bytes(self.take()?).into()),
                    attribute::I32 => RingValue::I64(i32::from_le_bytes(self.take()?).into()),
                    attribute::I64 => RingValue::I64(i64::from_le_bytes(self.take()?)),
                    attribute::F64 => RingValue::F64(f64::from_le_bytes(self.take()?)),
                    attribute::TEXT => RingValue::Text(self.text()?),
                    attribute::NUMBER => RingValue::Text(RingText::Number(self.half()?)),
                    _ => return None,
                };
                RingEvent::Attribute { place: what & attribute::PLACE, key, value }
            }
            kind::PARENT => RingEvent::Parent(SpanParent { trace: self.take()?, span: self.take()? }),
            _ => return None,
        };
        Some((self.time_us, event))
    }
}

impl<'a> Iterator for RingEvents<'a> {
    type Item = Result<(u64, RingEvent<'a>), MalformedRing>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let event = self.event().ok_or(MalformedRing);
        if event.is_err() {
            self.rest = &[];
        }
        Some(event)
    }
}

/// A span of the caller's that a call belongs to (W3C Trace Context, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanParent {
    /// The trace: not all zeros.
    pub trace: [u8; 16],
    /// The span: not all zeros.
    pub span: [u8; 8],
}

/// One page of what a device has noted: a stretch of events that follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingPage {
    /// The number of the first event of this page. It may be one before that asked for; where it is one
    /// behind, those between were overwritten. Numbers begin at 0 at boot, and again behind 2^32 - 1.
    pub first: u32,
    /// The number that the next event will have.
    pub next: u32,
    /// The time that the first event's counts from, in microseconds since boot.
    pub time_us: u64,
    /// The events; none where none is behind the number asked for.
    pub bytes: Vec<u8, RING_BLOCK_BYTES>,
}

impl RingPage {
    /// The events of the page, each with its time in microseconds since boot.
    pub fn events(&self) -> RingEvents<'_> {
        RingEvents::new(&self.bytes, self.time_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Option<(u64, RingEvent<'_>)> {
        RingEvents::new(bytes, 1000).next()?.ok()
    }

    #[test]
    fn each_kind_decodes() {
        let named = RingText::Bytes(b"ab", false);
        for (bytes, time_us, event) in [
            (&[0xe0 | kind::CALL, 7, 0x34, 0x12][..], 7, RingEvent::Call { export: 0x1234 }),
            (&[0xc0 | kind::HANDLER, 0, 1, 2, 0], 256, RingEvent::Handler { export: 2 }),
            (&[kind::HOOK, 3], 0, RingEvent::Hook { module: 3 }),
            (&[0xa0 | kind::RETURNED, 0, 0, 1], 0x1_0000, RingEvent::Returned),
            (&[kind::TRAPPED, 5, 1, 0, 0, 0], 0, RingEvent::Trapped { code: 5, op: 1 }),
            (
                &[kind::IMAGE, 0x42, 1, 0, 0, 0],
                0,
                RingEvent::Module { module: 1, what: ModuleEvent::Swapped, image: Some(1) },
            ),
            (
                &[kind::BUS, 0x12, 0, 1, 0xff, 1],
                0,
                RingEvent::Bus { bus: BusKind::Spi, number: 0, address: 1, status: 2, took_us: 511 },
            ),
            (&[kind::SPAN, 9, 0], 0, RingEvent::Span(RingText::Number(9))),
            (&[kind::NAMED_SPAN, 2, b'a', b'b'], 0, RingEvent::Span(named)),
            (&[kind::SPAN_END], 0, RingEvent::SpanEnd),
            (&[kind::MISUSE, 2, 3], 0, RingEvent::Misuse { how: Misuse::LeftOpen, count: 3 }),
            (
                &[kind::ATTRIBUTE, 0x12, 2, b'a', b'b', 0xff, 0xff],
                0,
                RingEvent::Attribute { place: 2, key: named, value: RingValue::I64(-1) },
            ),
        ] {
            assert_eq!(decoded(bytes), Some((1000 + time_us, event)), "{bytes:?}");
            for len in 1..bytes.len() {
                assert_eq!(decoded(&bytes[..len]), None, "{:?}", &bytes[..len]);
            }
        }
        // Kinds, values and numbers that there are not.
        for bytes in
            [&[0x1f][..], &[kind::MODULE, 0x3f], &[kind::MISUSE, 9, 0], &[kind::BUS, 0x40, 0, 0, 0, 0]]
        {
            assert_eq!(decoded(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn any_bytes_are_events_or_an_error() {
        let mut state = 1_u32;
        for _ in 0..20_000 {
            let bytes: [u8; 24] = core::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            });
            let all = RingEvents::new(&bytes, u64::MAX - 1000);
            let count = all.clone().count();
            assert!(count <= bytes.len() && all.take(count.saturating_sub(1)).all(|event| event.is_ok()));
        }
    }
}
