//! The fake device's modules: two, with slots, a transfer, a trial, and what happened.

use xmap_link::limits::{MAX_CHUNK, MAX_HAPPENINGS};
use xmap_link::*;

/// Bytes of a slot.
pub(super) const SLOT: u32 = 1 << 16;
/// Happenings that it keeps.
pub(super) const KEPT: usize = 30;

/// How a trial ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Confirmed,
    Taken(RollbackReason),
    Faulted,
    Never,
}

/// What runs in a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) hash: [u8; 32],
    pub(super) bytes: Vec<u8>,
    pub(super) generation: u16,
}

#[derive(Clone, Debug)]
struct Transfer {
    module: u8,
    token: u32,
    hash: [u8; 32],
    total: u32,
    bytes: Vec<u8>,
}

/// The modules, and how they behave.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    pub(super) running: [Running; 2],
    previous: [Option<Running>; 2],
    transfer: Option<Transfer>,
    pub(super) log: Vec<DeviceEvent>,
    polls: u32,
    on_trial: Option<u8>,
    /// Another host's transfer is under way.
    pub(super) busy: Option<u32>,
    /// What a commit comes to, where not a swap.
    pub(super) refuses: Option<ImageState>,
    /// How long a trial is, and how it ends after three questions.
    pub(super) trial_ms: u32,
    pub(super) ends: End,
    /// Chunks are answered with this, whatever came.
    pub(super) wants: Option<u32>,
    /// The second chunk is refused once, as if the first had been half as long.
    pub(super) half: bool,
    /// It forgets the transfer before its third chunk.
    pub(super) impatient: bool,
    /// The commit is carried out, and its answer is that there is no transfer.
    pub(super) forgetful: bool,
    /// More happens with each question than is answered.
    pub(super) endless: bool,
    /// How often a transfer began.
    pub(super) begun: u32,
}

impl Slots {
    /// Two modules, `hall` and `pump`, without a trial.
    pub(super) fn new() -> Self {
        let running = [1, 2].map(|n| Running { hash: [n; 32], bytes: Vec::new(), generation: 1 });
        Self {
            running,
            previous: [None, None],
            transfer: None,
            log: vec![happening(0, DeviceEventKind::Mounted), happening(1, DeviceEventKind::Mounted)],
            polls: 0,
            on_trial: None,
            busy: None,
            refuses: None,
            trial_ms: 0,
            ends: End::Confirmed,
            wants: None,
            half: false,
            impatient: false,
            forgetful: false,
            endless: false,
            begun: 0,
        }
    }

    /// A second image of module 0 is on trial.
    pub(super) fn tried(&mut self) {
        (self.trial_ms, self.ends) = (3000, End::Never);
        self.put(0, Running { hash: [9; 32], ..Running::default() }, DeviceEventKind::Swapped, self.trial_ms);
        self.on_trial = Some(0);
    }

    pub(super) fn restart(&mut self) {
        self.transfer = None;
        self.on_trial = None;
        self.log.clear();
    }

    pub(super) fn serve(&mut self, request: Request) -> Response {
        self.answer(request).unwrap_or_else(Response::Refused)
    }

    fn answer(&mut self, request: Request) -> Result<Response, Refusal> {
        match request {
            Request::Module { module } => self.status(module),
            Request::Begin { module, bytes, hash, token } => self.begin(module, bytes, hash, token),
            Request::Chunk { token, offset, data } => self.chunk(token, offset, &data),
            Request::Commit { token } => self.commit(token),
            Request::Confirm { module } => {
                if self.on_trial.take() != Some(module) {
                    return Err(Refusal::NotOnTrial);
                }
                self.log.push(happening(module, DeviceEventKind::Confirmed));
                Ok(Response::Done)
            }
            Request::Rollback { module } => {
                let previous = self.previous[usize::from(module)].take().ok_or(Refusal::NoPrevious)?;
                self.on_trial = None;
                Ok(self.put(module, previous, DeviceEventKind::RolledBack(RollbackReason::Asked), 0))
            }
            Request::Reset { module } => {
                self.log.extend(module.map(|module| happening(module, DeviceEventKind::Reset)));
                Ok(Response::Done)
            }
            Request::Happened { from } if self.endless => {
                let entries = [happening(0, DeviceEventKind::Overrun); MAX_HAPPENINGS].into();
                Ok(Response::Happened(DeviceEvents { first: from, next: u32::MAX, entries }))
            }
            Request::Happened { from } => {
                let first = (from as usize).clamp(self.log.len().saturating_sub(KEPT), self.log.len());
                let entries = self.log[first..].iter().take(MAX_HAPPENINGS).copied().collect();
                let (first, next) = (first as u32, self.log.len() as u32);
                Ok(Response::Happened(DeviceEvents { first, next, entries }))
            }
            _ => Err(Refusal::Unsupported),
        }
    }

    fn status(&mut self, module: u8) -> Result<Response, Refusal> {
        let at = usize::from(module);
        if at >= self.running.len() {
            return Err(Refusal::NoModule);
        }
        let mut life = Life::Running;
        if self.on_trial == Some(module) {
            self.polls += 1;
            if self.polls > 3 && self.ends != End::Never {
                self.on_trial = None;
                match self.ends {
                    End::Taken(why) => {
                        let previous = self.previous[at].take().unwrap();
                        self.put(module, previous, DeviceEventKind::RolledBack(why), 0);
                    }
                    End::Faulted => life = Life::Faulted,
                    _ => self.log.push(happening(module, DeviceEventKind::Confirmed)),
                }
            }
        }
        let Running { hash, generation, .. } = self.running[at];
        Ok(Response::Module(ModuleStatus {
            module,
            life,
            name: ["hall", "pump"][at].try_into().unwrap(),
            image: Some(ImageInfo { hash, version: 3, exports: 5 }),
            generation,
            trial_ms: if self.on_trial == Some(module) { self.trial_ms } else { 0 },
            previous: self.previous[at].is_some(),
            calls: 7,
            ..ModuleStatus::default()
        }))
    }

    fn begin(&mut self, module: u8, bytes: u32, hash: [u8; 32], token: u32) -> Result<Response, Refusal> {
        if let Some(retry_ms) = self.busy {
            return Err(Refusal::Busy { retry_ms });
        }
        if self.on_trial.is_some() {
            return Err(Refusal::Busy { retry_ms: self.trial_ms });
        }
        if bytes > SLOT {
            return Err(Refusal::TooLarge { most: SLOT });
        }
        self.begun += 1;
        match &self.transfer {
            Some(open) if open.token == token && open.hash == hash => {}
            _ => self.transfer = Some(Transfer { module, token, hash, total: bytes, bytes: Vec::new() }),
        }
        Ok(Response::Staging { next: self.transfer.as_ref().unwrap().bytes.len() as u32 })
    }

    fn chunk(&mut self, token: u32, offset: u32, data: &[u8]) -> Result<Response, Refusal> {
        if self.impatient && offset as usize == 2 * MAX_CHUNK {
            (self.transfer, self.impatient) = (None, false);
        }
        let open = self.transfer.as_mut().filter(|open| open.token == token).ok_or(Refusal::NoTransfer)?;
        if let Some(next) = self.wants {
            return Ok(Response::Staging { next });
        }
        if self.half && offset as usize == MAX_CHUNK {
            self.half = false;
            open.bytes.truncate(MAX_CHUNK / 2);
        }
        let expected = open.bytes.len() as u32;
        if offset != expected || offset + data.len() as u32 > open.total {
            return Err(Refusal::BadChunk { expected });
        }
        open.bytes.extend_from_slice(data);
        Ok(Response::Staging { next: open.bytes.len() as u32 })
    }

    fn commit(&mut self, token: u32) -> Result<Response, Refusal> {
        let open = self.transfer.take().filter(|open| open.token == token).ok_or(Refusal::NoTransfer)?;
        if open.bytes.len() as u32 != open.total {
            return Err(Refusal::BadChunk { expected: open.bytes.len() as u32 });
        }
        if let Some(state) = self.refuses {
            self.log.push(happening(open.module, DeviceEventKind::NotMounted(state)));
            return Ok(Response::NotSwapped { state });
        }
        if self.trial_ms > 0 {
            (self.on_trial, self.polls) = (Some(open.module), 0);
        }
        let new = Running { hash: open.hash, bytes: open.bytes, generation: 0 };
        let swapped = self.put(open.module, new, DeviceEventKind::Swapped, self.trial_ms);
        if self.forgetful { Err(Refusal::NoTransfer) } else { Ok(swapped) }
    }

    fn put(&mut self, module: u8, new: Running, what: DeviceEventKind, trial_ms: u32) -> Response {
        let at = usize::from(module);
        let generation = self.running[at].generation + 1;
        let old = std::mem::replace(&mut self.running[at], Running { generation, ..new });
        self.previous[at] = Some(old);
        self.log.push(happening(module, what));
        Response::Swapped { module, generation, trial_ms }
    }
}

fn happening(module: u8, what: DeviceEventKind) -> DeviceEvent {
    DeviceEvent { time_us: 1_500_000, module, what }
}
