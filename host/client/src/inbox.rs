//! What a device sends unasked.

use std::collections::VecDeque;

use xmap_link::{Channel, Level, Text, decode_text};

/// What came unasked is kept up to this many; then the oldest goes. A device that talks faster than
/// anybody listens must not fill the host's memory.
const MAX_KEPT: usize = 1 << 16;
/// Bytes of one message; what exceeds them is dropped. No panel has more memory to log from.
const MAX_MESSAGE: usize = 1 << 16;

/// A message of a module (`log.message`), put together from its pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How many register accesses the device had recorded before it.
    pub trace_at: u32,
    /// Its level.
    pub level: Level,
    /// Its text.
    pub text: String,
    /// The number of the module; `None` where the device does not say it.
    pub module: Option<u8>,
}

/// Something that came unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A module's message.
    Message(Message),
    /// A stretch of the firmware's defmt stream.
    Defmt(Vec<u8>),
}

/// What came and was not taken yet, oldest first.
#[derive(Debug, Default)]
pub struct Inbox {
    whole: VecDeque<Incoming>,
    /// A message of which more pieces are to come.
    partial: Option<Message>,
}

impl Inbox {
    /// Takes what came on a channel, or would have come on it without a session.
    pub fn unasked(&mut self, channel: u8, payload: &[u8]) {
        match Channel::from_u8(channel) {
            Some(Channel::Defmt) => self.defmt(payload),
            Some(Channel::Text) => self.text(payload),
            _ => {}
        }
    }

    pub(super) fn defmt(&mut self, bytes: &[u8]) {
        self.keep(Incoming::Defmt(bytes.to_vec()));
    }

    pub(super) fn text(&mut self, payload: &[u8]) {
        let Some(piece) = decode_text(payload) else { return };
        // A piece of another message says that the last piece of the one before was lost.
        let goes_on =
            |m: &Message| (m.trace_at, m.level, m.module) == (piece.trace_at, piece.level, piece.module);
        let mut message = match self.partial.take() {
            Some(message) if goes_on(&message) => message,
            cut => {
                cut.into_iter().for_each(|cut| self.keep(Incoming::Message(cut)));
                let Text { trace_at, level, module, .. } = piece;
                Message { trace_at, level, text: String::new(), module }
            }
        };
        if message.text.len() + piece.text.len() <= MAX_MESSAGE {
            message.text.push_str(piece.text);
        }
        if piece.more {
            self.partial = Some(message);
        } else {
            self.keep(Incoming::Message(message));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }

    /// Takes what is whole.
    pub fn take(&mut self) -> VecDeque<Incoming> {
        std::mem::take(&mut self.whole)
    }

    fn keep(&mut self, new: Incoming) {
        if self.whole.len() == MAX_KEPT {
            self.whole.pop_front();
        }
        self.whole.push_back(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmap_link::limits::{MAX_FRAME, MAX_TEXT};
    use xmap_link::{FrameReader, encode_text, pieces};

    fn feed(inbox: &mut Inbox, piece: &Text<'_>) {
        let mut buffer = [0; MAX_FRAME];
        let mut reader: FrameReader = FrameReader::new();
        for byte in encode_text(piece, &mut buffer).unwrap() {
            if let Some(frame) = reader.feed(*byte) {
                inbox.text(frame.payload);
            }
        }
    }

    fn texts(inbox: &mut Inbox) -> Vec<String> {
        let text = |incoming| match incoming {
            Incoming::Message(message) => message.text,
            Incoming::Defmt(_) => unreachable!("no defmt was fed"),
        };
        inbox.take().into_iter().map(text).collect()
    }

    #[test]
    fn pieces_become_one_message() {
        let mut inbox = Inbox::default();
        let long = "größer ".repeat(MAX_TEXT);
        pieces(3, Level::Info, Some(1), &long).for_each(|piece| feed(&mut inbox, &piece));
        pieces(3, Level::Info, Some(1), "").for_each(|piece| feed(&mut inbox, &piece));
        assert_eq!(texts(&mut inbox), [long, String::new()]);
        assert!(inbox.is_empty());
    }

    #[test]
    fn a_lost_last_piece_glues_nothing_together() {
        let mut inbox = Inbox::default();
        let first = Text { trace_at: 1, level: Level::Info, more: true, text: "first", module: None };
        feed(&mut inbox, &first);
        feed(&mut inbox, &Text { trace_at: 2, text: "second", ..first });
        feed(&mut inbox, &Text { trace_at: 2, more: false, text: "third", module: Some(2), ..first });
        assert_eq!(texts(&mut inbox), ["first", "second", "third"]);
    }

    #[test]
    fn an_endless_message_and_endless_messages_stay_bounded() {
        let mut inbox = Inbox::default();
        let text = "x".repeat(MAX_TEXT);
        for number in 0..=2 * MAX_MESSAGE / MAX_TEXT {
            let more = number < 2 * MAX_MESSAGE / MAX_TEXT;
            feed(&mut inbox, &Text { trace_at: 0, level: Level::Warn, more, text: &text, module: None });
        }
        assert_eq!(texts(&mut inbox)[0].len(), MAX_MESSAGE);
        (0..MAX_KEPT + 5).for_each(|_| inbox.defmt(b""));
        assert_eq!(inbox.take().len(), MAX_KEPT);
    }
}
