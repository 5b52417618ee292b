//! Images and policies on their way: one at a time, chunk by chunk.
//!
//! [`Uploads`] owns what is on its way and decides about it; the device has the places where the bytes go.

use xmap_link::Refusal;
use xmap_trust::Origin;

use crate::modules::ModuleId;
use crate::{Board, Device, HostId, Operation, Ram, Trust};

/// Microseconds without a chunk after which a transfer is given up: a host that is still there has sent three
/// times by then.
pub const SILENCE_US: u64 = 5_000_000;

/// What a transfer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The inactive slot of this module.
    Module(ModuleId),
    /// The owner's policy.
    Policy,
    /// The firmware slot that does not run.
    Firmware,
}

/// Something on its way.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) target: Target,
    /// The session that sends it.
    pub(crate) host: HostId,
    token: u32,
    pub(crate) bytes: u32,
    /// That of the image, as the host announced it.
    pub(crate) hash: [u8; 32],
    /// Where it comes from.
    pub(crate) origin: Origin,
    next: u32,
    touched_us: u64,
}

impl Transfer {
    pub(crate) const fn deadline_us(&self) -> u64 {
        self.touched_us + SILENCE_US
    }

    /// The module that it is told of.
    pub(crate) const fn module(&self) -> ModuleId {
        match self.target {
            Target::Module(module) => module,
            Target::Policy | Target::Firmware => ModuleId::FIRST,
        }
    }
}

/// What is on its way; nothing, most of the time.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    current: Option<Transfer>,
}

impl Uploads {
    /// Returns when what is on its way is given up; `None` where nothing is.
    pub(crate) fn deadline_us(&self) -> Option<u64> {
        self.current.as_ref().map(Transfer::deadline_us)
    }

    /// Forgets what is on its way.
    pub(crate) fn clear(&mut self) {
        self.current = None;
    }

    /// Forgets what is on its way if it fits, and returns the module that this is recorded for.
    pub(crate) fn give_up(&mut self, which: impl FnOnce(&Transfer) -> bool) -> Option<ModuleId> {
        self.current.take_if(|transfer| which(transfer)).map(|transfer| transfer.module())
    }

    /// Returns where a transfer stands that is begun again; `None` where there is none yet.
    ///
    /// # Errors
    /// [`Refusal::Busy`] while another one is under way.
    pub(crate) fn goes_on(
        &mut self,
        target: Target,
        bytes: u32,
        hash: [u8; 32],
        token: u32,
        now_us: u64,
    ) -> Result<Option<u32>, Refusal> {
        let Some(transfer) = &mut self.current else { return Ok(None) };
        let same = (transfer.target, transfer.token, transfer.bytes) == (target, token, bytes);
        if same && transfer.hash == hash {
            transfer.touched_us = now_us;
            return Ok(Some(transfer.next));
        }
        Err(Refusal::Busy { retry_ms: ms_until(transfer.deadline_us(), now_us) })
    }

    /// Begins a transfer; the one before is forgotten.
    pub(crate) fn start(
        &mut self,
        target: Target,
        bytes: u32,
        hash: [u8; 32],
        token: u32,
        origin: Origin,
        touched_us: u64,
    ) {
        self.current =
            Some(Transfer { target, host: HostId::LOCAL, token, bytes, hash, origin, next: 0, touched_us });
    }

    /// Takes note of a part. Returns the transfer where its bytes are to be put, `None` where they came
    /// before.
    ///
    /// # Errors
    /// [`Refusal::NoTransfer`], [`Refusal::BadChunk`].
    fn part(&mut self, token: u32, offset: u32, len: usize, now_us: u64) -> Result<Part<'_>, Refusal> {
        let transfer = self.current.as_mut().filter(|t| t.token == token).ok_or(Refusal::NoTransfer)?;
        let expected = transfer.next;
        let end = u32::try_from(len).ok().and_then(|len| offset.checked_add(len));
        let end = end.filter(|end| *end <= transfer.bytes).ok_or(Refusal::BadChunk { expected })?;
        transfer.touched_us = now_us;
        if end <= expected {
            return Ok(Part::Repeated { next: expected });
        }
        if offset != expected {
            return Err(Refusal::BadChunk { expected });
        }
        Ok(Part::New { transfer, end })
    }

    /// Ends the transfer with this token, all of which has come.
    ///
    /// # Errors
    /// [`Refusal::NoTransfer`]; [`Refusal::BadChunk`] where something is missing.
    pub(crate) fn take(&mut self, token: u32) -> Result<Transfer, Refusal> {
        let transfer = self.current.take_if(|t| t.token == token && t.next == t.bytes);
        transfer.ok_or(match &self.current {
            Some(transfer) if transfer.token == token => Refusal::BadChunk { expected: transfer.next },
            _ => Refusal::NoTransfer,
        })
    }

    /// Passes a part on, once. Returns where the next begins, or why it was not taken there.
    ///
    /// # Errors
    /// [`Refusal::NoTransfer`], [`Refusal::BadChunk`].
    pub(crate) fn pass_on<E>(
        &mut self,
        token: u32,
        offset: u32,
        data: &[u8],
        now_us: u64,
        take: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<Result<u32, E>, Refusal> {
        match self.part(token, offset, data.len(), now_us)? {
            Part::Repeated { next } => Ok(Ok(next)),
            Part::New { transfer, end } => {
                transfer.next = end;
                Ok(take(data).map(|()| end))
            }
        }
    }

    /// Returns whether the transfer with this token is for that.
    pub(crate) fn is_for(&self, token: u32, target: Target) -> bool {
        self.with(token).is_some_and(|transfer| transfer.target == target)
    }

    fn with(&self, token: u32) -> Option<&Transfer> {
        self.current.as_ref().filter(|transfer| transfer.token == token)
    }
}

/// What a chunk is.
enum Part<'t> {
    /// One that has come before.
    Repeated { next: u32 },
    /// The next one: up to where it goes.
    New { transfer: &'t mut Transfer, end: u32 },
}

/// Milliseconds until a time.
fn ms_until(end_us: u64, now_us: u64) -> u32 {
    crate::module::capped(end_us.saturating_sub(now_us).div_ceil(1000))
}

/// An origin as far as it fits: a longer one than a seal can have is none that a policy names.
pub(crate) fn cut(origin: &str) -> Origin {
    let end = origin.floor_char_boundary(xmap_trust::MAX_ORIGIN_BYTES);
    origin.get(..end).and_then(|origin| Origin::try_from(origin).ok()).unwrap_or_default()
}

impl<R: Ram, B: Board, T: Trust> Device<R, B, T> {
    /// Makes the inactive slot of a module ready for an image of `bytes`, its seal included, that comes from
    /// `origin`. A repetition goes on where the transfer stands. Returns where the next chunk begins.
    ///
    /// # Errors
    /// [`Refusal::NoModule`], [`Refusal::TooLarge`]; [`Refusal::Busy`] while another transfer is under way,
    /// or a trial that needs the other slot.
    pub fn begin_from(
        &mut self,
        module: u8,
        bytes: u32,
        hash: [u8; 32],
        token: u32,
        origin: &str,
    ) -> Result<u32, Refusal> {
        let id = ModuleId::new(module).ok_or(Refusal::NoModule)?;
        let now_us = self.board.now_us();
        if let Some(next) = self.uploads.goes_on(Target::Module(id), bytes, hash, token, now_us)? {
            return Ok(next);
        }
        let of = &mut self.modules[id];
        if let Some(end_us) = of.trial_us {
            return Err(Refusal::Busy { retry_ms: ms_until(end_us, now_us) });
        }
        // The image before the active one goes here: there are two slots.
        let had = of.previous;
        self.begins(&Operation::Forget(module));
        self.modules[id].forget_previous();
        self.ended(had);
        let most = self.modules[id].inactive_mut().words_mut().map_or(0, |words| words.len() * 4) as u32;
        if bytes > most {
            return Err(Refusal::TooLarge { most });
        }
        self.uploads.start(Target::Module(id), bytes, hash, token, cut(origin), now_us);
        Ok(0)
    }

    /// Takes a part of what is on its way. One that has come before is taken as a repetition. Returns where
    /// the next begins.
    ///
    /// # Errors
    /// [`Refusal::NoTransfer`], [`Refusal::BadChunk`].
    pub fn chunk(&mut self, token: u32, offset: u32, data: &[u8]) -> Result<u32, Refusal> {
        let now_us = self.board.now_us();
        let (transfer, end) = match self.uploads.part(token, offset, data.len(), now_us)? {
            Part::Repeated { next } => return Ok(next),
            Part::New { transfer, end } => (transfer, end),
        };
        let expected = transfer.next;
        let place = match transfer.target {
            Target::Module(id) => {
                let words = self.modules[id].inactive_mut().words_mut();
                bytemuck::cast_slice_mut::<u32, u8>(words.ok_or(Refusal::NoTransfer)?)
            }
            Target::Policy => self.gate.staging(),
            // It does not stay in memory: `Device::firmware_part`.
            Target::Firmware => return Err(Refusal::NoTransfer),
        };
        let place = place.get_mut(offset as usize..end as usize);
        place.ok_or(Refusal::BadChunk { expected })?.copy_from_slice(data);
        transfer.next = end;
        Ok(end)
    }

    /// Returns whether the transfer with this token is that of a policy.
    pub fn is_policy(&self, token: u32) -> bool {
        self.uploads.is_for(token, Target::Policy)
    }

    /// Makes the transfer with this token a session's own, which it ends with.
    pub fn own_transfer(&mut self, host: HostId, token: u32) {
        if let Some(transfer) = self.uploads.current.as_mut().filter(|transfer| transfer.token == token) {
            transfer.host = host;
        }
    }

    /// Returns whether the transfer with this token is this session's. A session that begins it again takes
    /// it over.
    pub fn owns_transfer(&self, host: HostId, token: u32) -> bool {
        self.uploads.with(token).is_some_and(|transfer| transfer.host == host)
    }

    /// Forgets a transfer. Whether there was one with this token.
    pub fn abort(&mut self, token: u32) -> bool {
        self.uploads.give_up(|transfer| transfer.token == token).is_some()
    }
}
