//! The text of a module's messages (`log.message`).

use serde::{Deserialize, Serialize};

use crate::limits::MAX_TEXT;

/// The level of a message, as the guest ABI numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Level {
    /// 0.
    Debug,
    /// 1.
    Info,
    /// Any other.
    Warn,
}

impl Level {
    /// `DEBUG`, `INFO` or `WARN`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
        }
    }
}

/// A module's message, or a piece of a long one: what a [`crate::Channel::Text`] frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text<'a> {
    /// How many register accesses had been recorded before it: puts it in order with the trace.
    pub trace_at: u32,
    /// Its level.
    pub level: Level,
    /// The next frame of this channel goes on with the same message.
    pub more: bool,
    /// At most [`MAX_TEXT`] bytes.
    pub text: &'a str,
    /// The number of the module that it is of; `None` where that is not said.
    #[serde(skip)]
    pub module: Option<u8>,
}

impl Text<'_> {
    /// The edition of the messages ([`crate::EDITION`]) from which on a text says which module it is of.
    const MODULE_EDITION: u8 = 3;

    /// Returns what a host that knows the messages up to an edition is sent.
    #[must_use]
    pub const fn in_edition(self, edition: u8) -> Self {
        if edition < Self::MODULE_EDITION { Self { module: None, ..self } } else { self }
    }
}

/// Cuts a module's message into pieces that fit a frame, between characters. An empty message is one piece.
pub fn pieces(trace_at: u32, level: Level, module: Option<u8>, text: &str) -> impl Iterator<Item = Text<'_>> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let (piece, after) = text.split_at(text.floor_char_boundary(MAX_TEXT));
        rest = (!after.is_empty()).then_some(after);
        Some(Text { trace_at, level, more: rest.is_some(), text: piece, module })
    })
}

/// Writes the payload of a [`crate::Channel::Text`] frame; the part of the buffer that it takes. `None` where
/// the buffer is too small, which [`crate::limits::MAX_PAYLOAD`] bytes exclude.
pub fn text_payload<'b>(text: &Text<'_>, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let len = postcard::to_slice(text, buffer).ok()?.len();
    let tail = text.module.as_slice();
    buffer.get_mut(len..len + tail.len())?.copy_from_slice(tail);
    buffer.get(..len + tail.len())
}

/// Reads the payload of a [`crate::Channel::Text`] frame; `None` where it is none.
pub fn decode_text(payload: &[u8]) -> Option<Text<'_>> {
    let (text, rest) = postcard::take_from_bytes::<Text<'_>>(payload).ok()?;
    match rest {
        [] => Some(text),
        [module] => Some(Text { module: Some(*module), ..text }),
        _ => None,
    }
}
