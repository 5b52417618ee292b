//! A module's messages, for every host: the one whose call they came from gets them before its answer, and
//! the others hear of them here.

use tiny_mapper::{Function, LogLevel, Port, Pull};
use xmap_boards::{Bank, Line, PinMask};
use xmap_device::{Board, Cue, Edge, Record};
use xmap_link::limits::MAX_PAYLOAD;
use xmap_link::{Text, Trace, text_payload};

/// A port that notes the messages which somebody takes from its record.
#[derive(Debug)]
pub struct Overheard<P> {
    port: P,
    texts: Vec<Vec<u8>>,
}

impl<P> Overheard<P> {
    /// A port that has heard nothing.
    pub const fn new(port: P) -> Self {
        Self { port, texts: Vec::new() }
    }

    /// The port within.
    pub fn port_mut(&mut self) -> &mut P {
        &mut self.port
    }

    /// The payloads of text frames that were taken since this was last asked.
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.texts)
    }
}

impl<P: Record> Record for Overheard<P> {
    fn trace(&self, from: u32) -> Trace {
        self.port.trace(from)
    }

    fn next(&self) -> u32 {
        self.port.next()
    }

    fn lost(&self) -> u32 {
        self.port.lost()
    }

    fn texts_lost(&self) -> u32 {
        self.port.texts_lost()
    }

    fn lines_lost(&self) -> u32 {
        crate::log::lost()
    }

    fn take_texts(&mut self, each: &mut dyn FnMut(Text<'_>)) {
        let texts = &mut self.texts;
        self.port.take_texts(&mut |text| {
            let mut payload = [0; MAX_PAYLOAD];
            // A piece fits by the link's own limits.
            texts.extend(text_payload(&text, &mut payload).map(<[u8]>::to_vec));
            each(text);
        });
    }

    fn rehearse(&mut self, cue: &Cue) -> bool {
        self.port.rehearse(cue)
    }
}

impl<P: Port> Port for Overheard<P> {
    #[inline(always)]
    fn set(&mut self, bank: Bank, mask: PinMask) {
        self.port.set(bank, mask);
    }

    #[inline(always)]
    fn clear(&mut self, bank: Bank, mask: PinMask) {
        self.port.clear(bank, mask);
    }

    #[inline(always)]
    fn level(&mut self, bank: Bank) -> PinMask {
        self.port.level(bank)
    }

    fn is_output(&mut self, line: Line) -> bool {
        self.port.is_output(line)
    }

    fn select(&mut self, line: Line, function: Function) {
        self.port.select(line, function);
    }

    fn pull(&mut self, line: Line, pull: Pull) {
        self.port.pull(line, pull);
    }

    fn now_us(&mut self) -> u64 {
        self.port.now_us()
    }

    fn delay_us(&mut self, us: u32) {
        self.port.delay_us(us);
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        self.port.log(level, text);
    }
}

impl<P: Board> Board for Overheard<P> {
    fn detect(&mut self, line: Line, rising: bool, falling: bool) {
        self.port.detect(line, rising, falling);
    }

    fn take_edge(&mut self) -> Option<Edge> {
        self.port.take_edge()
    }

    fn lines_ready(&mut self) {
        self.port.lines_ready();
    }

    fn allow_text(&mut self, bytes: u32) {
        self.port.allow_text(bytes);
    }

    fn text_left(&self) -> Option<u32> {
        self.port.text_left()
    }

    fn lost_edges(&mut self) -> u32 {
        self.port.lost_edges()
    }
}
