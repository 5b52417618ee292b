//! A module's messages, for every host: the one whose call they came from gets them before its answer, and
//! the others hear of them here.

use tiny_mapper::{Layer, Port};
use xmap_device::{Board, BoardLayer, Record, RecordLayer};
use xmap_link::limits::MAX_PAYLOAD;
use xmap_link::{Text, text_payload};

/// A port that notes the messages which somebody takes from its record.
#[derive(Debug)]
pub struct Overheard<P> {
    port: P,
    texts: Vec<Vec<u8>>,
    /// Messages that a host was not sent, as it left too much unread.
    unread: u32,
}

impl<P> Overheard<P> {
    /// A port that has heard nothing.
    pub const fn new(port: P) -> Self {
        Self { port, texts: Vec::new(), unread: 0 }
    }

    /// The port within.
    pub fn port_mut(&mut self) -> &mut P {
        &mut self.port
    }

    /// Counts messages that a host was not sent.
    pub fn count_unread(&mut self, messages: u32) {
        self.unread = self.unread.saturating_add(messages);
    }

    /// The payloads of text frames that were taken since this was last asked.
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.texts)
    }
}

tiny_mapper::over!([P] Overheard<P> => port: P);

impl<P: Port> Layer for Overheard<P> {}

impl<P: Board> BoardLayer for Overheard<P> {}

impl<P: Record> RecordLayer for Overheard<P> {
    fn texts_lost(&self) -> u32 {
        self.port.texts_lost().saturating_add(self.unread)
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
}
