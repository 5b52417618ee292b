//! Who may ask, and who may read along.

use xmap_link::limits::{MAX_FRAME, MAX_PAYLOAD};
use xmap_link::{
    AuthResponder, Caller, Channel, Frame, Refusal, Reply, Request, Responder, Response, Role, RoleKey, Text,
    encode_bytes, text_payload,
};

use crate::{Board, Device, ModuleExport, Ram, Record, Trust, Wire};

/// The link's rules: those for everybody, or those for holders of a key.
// There is one of it, and no heap.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub(crate) enum Access {
    /// Whoever reaches the wire.
    Open(Responder),
    /// Whoever has a key.
    Guarded(AuthResponder),
}

impl Access {
    pub(crate) const fn open() -> Self {
        Self::Open(Responder::new())
    }

    pub(crate) const fn is_guarded(&self) -> bool {
        matches!(self, Self::Guarded(_))
    }

    pub(crate) const fn refused(&self) -> u32 {
        match self {
            Self::Open(responder) => responder.refused(),
            Self::Guarded(guard) => guard.refused(),
        }
    }

    /// Answers one frame, as [`Responder::respond`] and [`AuthResponder::respond`] do.
    pub(crate) fn respond(
        &mut self,
        frame: &Frame<'_>,
        now_us: u64,
        serve: impl FnOnce(Option<Caller<'_>>, Request) -> Response,
    ) -> Reply {
        match self {
            Self::Open(responder) => match responder.respond(frame, |request| serve(None, request)) {
                [] => Reply::None,
                _ => Reply::Plain,
            },
            Self::Guarded(guard) => guard.respond(frame, now_us, serve),
        }
    }

    /// The answer's bytes.
    pub(crate) fn bytes(&self, reply: Reply) -> &[u8] {
        match self {
            Self::Open(_) if reply == Reply::None => &[],
            Self::Open(responder) => responder.answer(),
            Self::Guarded(guard) => guard.bytes(reply),
        }
    }

    /// Returns whether anybody may read what goes unasked.
    pub(crate) const fn has_reader(&self) -> bool {
        match self {
            Self::Open(_) => true,
            Self::Guarded(guard) => guard.in_session(),
        }
    }

    /// Refuses new sessions up to this role; an open link leaves that to the service.
    pub(crate) const fn set_full(&mut self, full: Option<Role>) {
        if let Self::Guarded(guard) = self {
            guard.set_full(full);
        }
    }

    /// The role of the session that is under way, where keys are asked for.
    pub(crate) fn role(&self) -> Option<Role> {
        match self {
            Self::Open(_) => None,
            Self::Guarded(guard) => guard.caller().map(|key| key.role),
        }
    }

    /// Returns whether a session was asked for by somebody who knows a key's id.
    pub(crate) const fn is_opened(&self) -> bool {
        matches!(self, Self::Guarded(guard) if guard.is_opened())
    }

    /// Sends what goes unasked, to those who may read it.
    pub(crate) fn send(&mut self, wire: &mut impl Wire, channel: Channel, payload: &[u8]) {
        let mut buffer = [0; MAX_FRAME];
        let frame = match self {
            Self::Open(_) => encode_bytes(channel, payload, &mut buffer),
            Self::Guarded(guard) => match guard.stream(channel, payload, &mut buffer) {
                Some(frame) => frame,
                None => return,
            },
        };
        // What the callers send fits a frame by the link's own limits.
        if let Ok(frame) = frame {
            wire.write(frame);
        }
    }

    /// Sends a piece of a module's message, as the host knows them, to those who may read it.
    pub(crate) fn send_text(&mut self, wire: &mut impl Wire, edition: u8, text: Text<'_>) {
        let mut payload = [0; MAX_PAYLOAD];
        // A piece fits a frame by the link's own limits.
        if let Some(payload) = text_payload(&text.in_edition(edition), &mut payload) {
            self.send(wire, Channel::Text, payload);
        }
    }

    /// Sends a module's messages, to those who may read them. Nobody else gets them later: they are as old
    /// then as they are now.
    pub(crate) fn send_texts(&mut self, wire: &mut impl Wire, edition: u8, record: &mut impl Record) {
        record.take_texts(&mut |text| self.send_text(wire, edition, text));
    }
}

/// Returns whether the caller may run an export: one that its key's list names. On a device that is open
/// everybody may.
pub(crate) fn may_call<R: Ram, B: Board, T: Trust>(
    caller: Option<&RoleKey>,
    device: &Device<R, B, T>,
    export: ModuleExport,
) -> Result<(), Refusal> {
    let Some(key) = caller else { return Ok(()) };
    let image = device.image(export.module).ok_or(Refusal::UnknownExport)?;
    // An export without a key of its own has the empty one, which no pattern but `*` matches.
    let name = image.key(export.export).unwrap_or_default();
    if key.allows(name) { Ok(()) } else { Err(Refusal::ExportNotAllowed) }
}
