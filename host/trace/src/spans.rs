//! Events become spans: calls, handlers and hooks with what was begun in them.

use std::collections::BTreeMap;

use tiny_mapper::TrapCode;
use xmap_abi::BusStatus;
use xmap_compiler::map::{SourceMap, hex};
use xmap_image::Plain;
use xmap_link::ring::{BusKind, Misuse, RingEvent, RingText, RingValue};
use xmap_link::{SpanParent, split_export_id};

use crate::saved::Reading;

/// The name of a trace.
pub(crate) type TraceId = [u8; 16];
/// The name of a span.
pub(crate) type SpanId = [u8; 8];

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Text(String),
}

/// Attributes, in the order in which they were given.
pub(crate) type Attributes = Vec<(String, Value)>;

/// What a span is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A host's call.
    Call,
    /// A handler.
    Handler,
    /// A function that the device calls by itself.
    Hook,
    /// A span of a module.
    Span,
    /// A transfer on a bus.
    Bus,
    /// Something that happened to a module: it takes no time.
    Module,
}

impl Kind {
    /// Returns the word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Handler => "handler",
            Self::Hook => "hook",
            Self::Span => "span",
            Self::Bus => "bus",
            Self::Module => "module",
        }
    }
}

/// Something that happened within a span.
#[derive(Clone, Debug)]
pub(crate) struct Happened {
    /// When, in microseconds since the device's boot.
    pub(crate) time_us: u64,
    /// What.
    pub(crate) name: &'static str,
    /// More of it.
    pub(crate) attributes: Attributes,
}

/// A span.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// The trace that it is part of.
    pub(crate) trace: TraceId,
    /// Its own name.
    pub(crate) id: SpanId,
    /// The span that it is within.
    pub(crate) parent: Option<SpanId>,
    /// What it is of.
    pub(crate) kind: Kind,
    /// The module.
    pub(crate) module: u8,
    /// What people call it.
    pub(crate) name: String,
    /// Its beginning and its end, in microseconds since the device's boot.
    pub(crate) start_us: u64,
    pub(crate) end_us: u64,
    /// What was said of it.
    pub(crate) attributes: Attributes,
    /// What happened in it.
    pub(crate) events: Vec<Happened>,
    /// Why it did not end well.
    pub(crate) error: Option<String>,
}

/// Spans, and what nothing could be made of.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    /// The spans, in the order of their beginnings.
    pub(crate) spans: Vec<Span>,
    /// Events of calls whose beginnings were overwritten.
    pub(crate) cut_off: u64,
    /// Names that no map has: numbers are shown.
    pub(crate) nameless: u64,
    /// Texts that are no UTF-8.
    pub(crate) not_utf8: u64,
    /// Uses of spans that are not meant.
    pub(crate) misuses: u64,
}

/// Maps of images, and a place where others are looked for.
pub(crate) struct Names<'n> {
    pub(crate) maps: &'n [SourceMap],
    pub(crate) find: fn(&str) -> Option<SourceMap>,
}

/// Spans in the making.
struct Maker<'m> {
    reading: &'m Reading,
    names: &'m Names<'m>,
    found: BTreeMap<u32, Option<SourceMap>>,
    /// The images of the modules, by the beginnings of their hashes, as far as they are known.
    images: BTreeMap<u8, u32>,
    made: Spans,
    /// The places of the open spans among all, the call first.
    open: Vec<usize>,
    parent: Option<SpanParent>,
    last_us: u64,
}

impl Spans {
    /// Makes spans of what was read.
    pub(crate) fn of(reading: &Reading, names: &Names<'_>) -> Self {
        let mut images = BTreeMap::new();
        for (number, module) in &reading.modules {
            images.extend(first_word(&module.image).map(|image| (*number, image)));
        }
        // Before the first event that tells of another image it is not known which one ran.
        for (.., event) in reading.noted.events() {
            if let RingEvent::Module { module, image: Some(_), .. } = event {
                images.remove(&module);
            }
        }
        let mut maker = Maker {
            reading,
            names,
            found: BTreeMap::new(),
            images,
            made: Self::default(),
            open: Vec::new(),
            parent: None,
            last_us: 0,
        };
        for (number, time_us, event) in reading.noted.events() {
            maker.last_us = time_us;
            maker.take(number, time_us, event);
        }
        // A call that had not ended when it was read.
        let open = std::mem::take(&mut maker.open);
        for place in open {
            let (span, last_us) = (&mut maker.made.spans[place], maker.last_us);
            span.end_us = last_us;
            span.attributes.push(("xmap.unfinished".into(), Value::Int(1)));
        }
        maker.made
    }
}

/// The first four bytes of a hash in hexadecimal, as a word of an event has them.
fn first_word(image: &str) -> Option<u32> {
    u32::from_str_radix(image.get(..8)?, 16).ok().map(u32::swap_bytes)
}

impl Maker<'_> {
    fn take(&mut self, number: u32, time_us: u64, event: RingEvent<'_>) {
        match event {
            RingEvent::Parent(parent) => self.parent = Some(parent),
            RingEvent::Call { export } => self.root(number, time_us, Kind::Call, export),
            RingEvent::Handler { export } => self.root(number, time_us, Kind::Handler, export),
            RingEvent::Hook { module } => {
                self.end_all(time_us);
                let place = self.begin(number, time_us, Kind::Hook, module, "device's own call".into());
                self.open.push(place);
            }
            RingEvent::Module { module, what, image } => {
                if let Some(image) = image {
                    self.images.insert(module, image);
                }
                let place = self.begin(number, time_us, Kind::Module, module, what.name().to_string());
                let image = image.map(|image| ("xmap.image".into(), Value::Text(hex(&image.to_le_bytes()))));
                self.made.spans[place].attributes.extend(image);
            }
            // All else is within a call.
            _ if self.open.is_empty() => self.made.cut_off += 1,
            RingEvent::Returned => {
                self.end_all(time_us);
            }
            RingEvent::Trapped { code, op } => {
                let module = self.module();
                let code_name =
                    TrapCode::from_u8(code).map_or_else(|| format!("code {code}"), |c| c.to_string());
                let mut attributes: Attributes = vec![("trap.code".into(), Value::Int(code.into()))];
                if op != u32::MAX {
                    attributes.push(("trap.op".into(), Value::Int(op.into())));
                    let place = self.map(module).and_then(|map| map.find(op, None));
                    attributes
                        .extend(place.map(|place| ("trap.place".into(), Value::Text(place.to_string()))));
                }
                for place in self.open.clone() {
                    self.made.spans[place].error = Some(code_name.clone());
                }
                self.happened(time_us, "trap", attributes);
                self.end_all(time_us);
            }
            RingEvent::Bus { bus, number: bus_number, address, status, took_us } => {
                let (name, address) = match bus {
                    BusKind::I2c => (format!("i2c{bus_number} {address:#04x}"), Some(address)),
                    BusKind::Spi => (format!("spi{bus_number} cs {address}"), Some(address)),
                    BusKind::UartWrite => (format!("uart{bus_number} write"), None),
                    BusKind::UartRead => (format!("uart{bus_number} read"), None),
                };
                let place = self.begin(number, time_us, Kind::Bus, self.module(), name);
                let within_us = self.open.last().map_or(0, |open| self.made.spans[*open].start_us);
                let status_name =
                    BusStatus::from_u8(status).map_or_else(|| status.to_string(), |s| s.name().to_string());
                let span = &mut self.made.spans[place];
                span.start_us = time_us.saturating_sub(took_us.into()).max(within_us);
                span.attributes.push(("bus.kind".into(), Value::Text(bus.name().into())));
                span.attributes.push(("bus.number".into(), Value::Int(bus_number.into())));
                span.attributes.extend(address.map(|a| ("bus.address".into(), Value::Int(a.into()))));
                span.attributes.push(("bus.status".into(), Value::Text(status_name.clone())));
                span.error = (status != 0).then_some(status_name);
            }
            RingEvent::Span(name) => {
                let name = self.text(name);
                let place = self.begin(number, time_us, Kind::Span, self.module(), name);
                self.open.push(place);
            }
            RingEvent::SpanEnd => {
                // The call itself ends by an event of its own.
                if self.open.len() > 1 {
                    self.end(time_us);
                } else {
                    self.made.cut_off += 1;
                }
            }
            RingEvent::Misuse { how, count } => {
                self.made.misuses += 1;
                let attributes = vec![
                    ("spans".into(), Value::Int(count.into())),
                    ("meaning".into(), Value::Text(how.words().into())),
                ];
                self.happened(time_us, how.name(), attributes);
                if matches!(how, Misuse::WrongOrder | Misuse::LeftOpen) {
                    for _ in 0..count {
                        if self.open.len() > 1 {
                            self.end(time_us);
                        }
                    }
                }
            }
            RingEvent::Attribute { place, key, value } => {
                let key = self.text(key);
                let value = match value {
                    RingValue::I64(value) => Value::Int(value),
                    RingValue::F64(value) => Value::Float(value),
                    RingValue::Text(text) => Value::Text(self.text(text)),
                };
                // Spans stand behind the call.
                match self.open.get(usize::from(place) + 1) {
                    Some(span) => {
                        let attributes = &mut self.made.spans[*span].attributes;
                        attributes.retain(|(old, _)| *old != key);
                        attributes.push((key, value));
                    }
                    None => self.made.cut_off += 1,
                }
            }
        }
    }

    /// Begins a call or a handler.
    fn root(&mut self, number: u32, time_us: u64, kind: Kind, export: u16) {
        self.end_all(time_us);
        let (module, position) = split_export_id(export);
        let known = self.map(module).and_then(|map| map.exports.get(usize::from(position)).cloned());
        let current = self.reading.modules.get(&module).and_then(|of| first_word(&of.image));
        let told = self.reading.keys.get(&export).filter(|_| self.images.get(&module).copied() == current);
        let told = told.map(|key| Plain(key).to_string());
        let key = known.or(told).filter(|key| !key.is_empty());
        let name = key.unwrap_or_else(|| {
            self.made.nameless += 1;
            format!("module {module} #{position}")
        });
        let place = self.begin(number, time_us, kind, module, name);
        self.open.push(place);
    }

    /// Adds a span in the innermost open one, or in that of the caller; returns its place.
    fn begin(&mut self, number: u32, time_us: u64, kind: Kind, module: u8, name: String) -> usize {
        let within = self.open.last().map(|place| &self.made.spans[*place]);
        let asked = self.parent.filter(|_| within.is_none() && kind == Kind::Call);
        if within.is_none() {
            self.parent = None;
        }
        let (trace, parent) = match (within, asked) {
            (Some(within), _) => (within.trace, Some(within.id)),
            (None, Some(SpanParent { trace, span })) => (trace, Some(span)),
            (None, None) => (self.id(b't', number), None),
        };
        let of = self.reading.modules.get(&module);
        let module_name = of.map_or_else(|| module.to_string(), |of| Plain(&of.name).to_string());
        let attributes = vec![
            ("xmap.kind".to_string(), Value::Text(kind.name().into())),
            ("xmap.module".to_string(), Value::Text(module_name)),
        ];
        self.made.spans.push(Span {
            trace,
            id: self.id(b's', number),
            parent,
            kind,
            module,
            name,
            start_us: time_us,
            end_us: time_us,
            attributes,
            events: Vec::new(),
            error: None,
        });
        self.made.spans.len() - 1
    }

    /// Returns a name that nothing else has: made of the reading's random number and of an event's.
    fn id<const N: usize>(&self, of: u8, number: u32) -> [u8; N] {
        let mut hash = hmac_sha256::Hash::new();
        hash.update(self.reading.seed);
        hash.update([of]);
        hash.update(number.to_le_bytes());
        let mut id: [u8; N] = *hash.finalize().first_chunk().expect("a hash is longer");
        // All zeros would be none.
        id[0] |= 1;
        id
    }

    fn end(&mut self, time_us: u64) {
        if let Some(place) = self.open.pop() {
            let span = &mut self.made.spans[place];
            span.end_us = time_us.max(span.start_us);
        }
    }

    fn end_all(&mut self, time_us: u64) {
        while !self.open.is_empty() {
            self.end(time_us);
        }
    }

    /// Adds something that happened to the innermost open span.
    fn happened(&mut self, time_us: u64, name: &'static str, attributes: Attributes) {
        if let Some(place) = self.open.last() {
            self.made.spans[*place].events.push(Happened { time_us, name, attributes });
        }
    }

    /// The module of the call that runs.
    fn module(&self) -> u8 {
        self.open.first().map_or(0, |place| self.made.spans[*place].module)
    }

    /// The map of the image that a module has now.
    fn map(&mut self, module: u8) -> Option<&SourceMap> {
        let image = *self.images.get(&module)?;
        let digits = hex(&image.to_le_bytes());
        let names = self.names;
        let found = self.found.entry(image).or_insert_with(|| {
            let given = names.maps.iter().find(|map| map.image.starts_with(&digits)).cloned();
            given.or_else(|| (names.find)(&digits))
        });
        found.as_ref()
    }

    fn text(&mut self, text: RingText<'_>) -> String {
        match text {
            RingText::Number(number) => {
                let module = self.module();
                let known = self.map(module).and_then(|map| map.texts.get(usize::from(number)).cloned());
                known.unwrap_or_else(|| {
                    self.made.nameless += 1;
                    format!("#{number}")
                })
            }
            RingText::Bytes(bytes, cut) => {
                let text = match std::str::from_utf8(bytes) {
                    Ok(text) => text.to_string(),
                    // Only its end was cut.
                    Err(error) if cut && error.error_len().is_none() => {
                        String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
                    }
                    Err(_) => {
                        self.made.not_utf8 += 1;
                        String::from_utf8_lossy(bytes).into_owned()
                    }
                };
                // What acts on a terminal is written out: the text is anybody's.
                let text = Plain(&text).to_string();
                if cut { text + "..." } else { text }
            }
        }
    }
}
