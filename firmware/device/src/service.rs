//! The device's end of the link: requests in, responses out, over any wire.

use tiny_mapper::{CallError, Clock, Gpio};
use xmap_boards::{Bank, LineSet};
use xmap_image::{ContractHash, Ty};
use xmap_link::limits::{MAX_ARGS, MAX_BANKS};
use xmap_link::{
    Args, AuthResponder, Boot, Channel, Described, EDITION, Export, ExportMetrics, FULL_RETRY_MS,
    FirmwareRequest, FrameCounters, FrameReader, Hello, HostCounts, MAX_METRICS, MetricsPage, PROTOCOL,
    PolicyState, Refusal, Request, Response, ResultBytes, Role, RoleKey, SpanParent, Status, Text, Thing,
    features,
};

use crate::access::{Access, may_call};
use crate::device::report;
use crate::module::{capped, image_info};
use crate::{
    Board, Cue, Device, Handle, HostId, ModuleExport, NotCalled, Ram, Record, Ring, Trust, Unplaced,
};

/// A stream of bytes to a host: a UART, a socket, a buffer in a test.
pub trait Wire {
    /// The next byte that has arrived, or `None` where none has. Does not wait.
    fn read(&mut self) -> Option<u8>;

    /// Sends bytes; waits until they are on their way.
    fn write(&mut self, bytes: &[u8]);

    /// Returns where an image that comes over this wire comes from, for the owner's policy: `uart`, `unix`.
    /// The name of a wire that does not say more is no name that a policy has.
    fn origin(&self) -> &'static str {
        "link"
    }
}

/// The identity of a device, whatever is mounted.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The board, by its number in the image format.
    pub board: u16,
    /// What the program was started for.
    pub boot: Boot,
    /// Bits of [`xmap_link::features`].
    pub features: u32,
    /// Ticks of the clock in a second, as the hardware reports them.
    pub clock_hz: u32,
    /// The firmware's version; what does not fit a greeting is cut off.
    pub firmware: &'static str,
}

/// Serves a host. One request is answered at a time; a module's messages go out before the answer.
#[derive(Debug)]
pub struct Service {
    identity: Identity,
    reader: FrameReader,
    access: Access,
    session: Session,
    reset: bool,
    /// A host has asked for the trial of another firmware, and it can begin.
    tries: bool,
    /// The edition of the messages that the host of this session knows.
    edition: u8,
    /// What the latest request made count as good.
    touched: u16,
    /// The span that the next call belongs to.
    parent: Option<SpanParent>,
}

/// The session of the host at the other end of the wire.
#[derive(Debug, Default)]
struct Session {
    /// Its number on the device; none before the first.
    host: Option<HostId>,
    /// Its number on this wire, where keys are asked for.
    number: u32,
    /// Whether the host is one of those that are served. On a guarded device the guard says so.
    admitted: bool,
    /// Sessions up to this role find no room.
    full: Option<Role>,
}

impl Session {
    const NONE: Self = Self { host: None, number: 0, admitted: false, full: None };

    /// Takes note of a request, and returns its session; the one before ends where this is another.
    fn of<R: Ram, B: Board, T: Trust>(
        &mut self,
        caller: Option<u32>,
        request: &Request,
        device: &mut Device<R, B, T>,
    ) -> HostId {
        let begins = match caller {
            Some(number) => core::mem::replace(&mut self.number, number) != number,
            None => matches!(request, Request::Hello { .. }),
        };
        match self.host {
            Some(host) if !begins => host,
            before => {
                if let Some(before) = before {
                    device.end_session(before);
                }
                *self.host.insert(device.begin_session())
            }
        }
    }
}

impl Service {
    /// A service that has heard nothing yet, open to whoever reaches the wire: for development.
    pub const fn new(identity: Identity) -> Self {
        Self::with(identity, Access::open())
    }

    /// A service that has heard nothing yet, for those who have a key. All others get an answer to their
    /// greeting alone.
    pub const fn guarded(identity: Identity, guard: AuthResponder) -> Self {
        Self::with(identity, Access::Guarded(guard))
    }

    const fn with(identity: Identity, access: Access) -> Self {
        Self {
            identity,
            reader: FrameReader::new(),
            access,
            session: Session::NONE,
            reset: false,
            tries: false,
            edition: 0,
            touched: 0,
            parent: None,
        }
    }

    /// Takes the bytes that have arrived and answers the first request among them. Returns whether
    /// there was one; where not, all bytes were taken and the caller may rest until the next.
    pub fn poll<R: Ram, B: Board + Record, T: Trust>(
        &mut self,
        wire: &mut impl Wire,
        device: &mut Device<R, B, T>,
    ) -> bool {
        while let Some(byte) = wire.read() {
            let counters = self.reader.counters();
            let Some(frame) = self.reader.feed(byte) else { continue };
            let context = Context {
                identity: &self.identity,
                guarded: self.access.is_guarded(),
                origin: wire.origin(),
                refused: self.access.refused(),
                frames_good: counters.good.saturating_add(1),
                frames_bad: counters.bad(),
            };
            if !context.guarded && (self.session.admitted || self.session.full.is_none()) {
                device.heard();
            }
            let Self { session, reset, tries, edition, touched, parent, .. } = self;
            *touched = 0;
            let now_us = device.board_mut().now_us();
            let reply = self.access.respond(&frame, now_us, |caller, request| {
                // A greeting on a guarded device is anybody's, and begins nothing.
                if context.guarded && caller.is_none() {
                    return context.serve((None, HostId::LOCAL), request, device);
                }
                if !context.guarded && !session.admitted {
                    session.admitted = session.full.is_none();
                    if !session.admitted && !matches!(request, Request::Hello { .. }) {
                        return Response::Refused(Refusal::Busy { retry_ms: FULL_RETRY_MS });
                    }
                }
                // A stranger's frames keep no module waiting for its host; nor do those of the host that
                // somebody sends once more, which do not come to here.
                if caller.is_some() {
                    device.heard();
                }
                *reset |= matches!(request, Request::Reset { module: None });
                let host = session.of(caller.map(|caller| caller.session), &request, device);
                match request {
                    Request::Hello { .. } => (*edition, *parent) = (0, None),
                    Request::Edition { edition: known } => {
                        *edition = known.min(EDITION);
                        return Response::Done;
                    }
                    Request::Happened { from } => {
                        return Response::Happened(device.happened_in(*edition, from));
                    }
                    Request::Parent(of) if Ring::BUILT => {
                        *parent = Some(of);
                        return Response::Done;
                    }
                    Request::Call { .. }
                    | Request::CallBytes { .. }
                    | Request::CallWith { .. }
                    | Request::CallHandle { .. } => device.parent = parent.take(),
                    _ => {}
                }
                let is_try = matches!(request, Request::Firmware(FirmwareRequest::Try));
                let confirms = if let Request::Confirm { module } = &request { Some(*module) } else { None };
                let response = context.serve((caller.map(|caller| caller.key), host), request, device);
                // Nobody else's call has it, whatever became of this one.
                device.parent = None;
                *tries |= is_try && matches!(response, Response::Done);
                let image = |module| Thing::Image.bit(module) | Thing::Versions.bit(0);
                *touched = match (&response, confirms) {
                    // An image on trial does not count as good yet.
                    (Response::Swapped { module, trial_ms: 0, .. }, _) => image(*module),
                    (Response::Done, Some(module)) => image(module),
                    (Response::Policy(PolicyState::Taken { .. }), _) => Thing::Policy.bit(0),
                    _ => 0,
                };
                response
            });
            self.access.send_texts(wire, self.edition, device.board_mut());
            wire.write(self.access.bytes(reply));
            return true;
        }
        false
    }

    /// Returns whether a host has asked for a restart of the device. The answer is on its way.
    pub const fn wants_reset(&self) -> bool {
        self.reset
    }

    /// Returns whether a host has asked for a restart with the firmware that was written. The answer is on
    /// its way.
    pub const fn wants_trial(&self) -> bool {
        self.tries
    }

    /// Says whether there is room for another session: none for those of a role up to `full`. They are
    /// refused with [`Refusal::Busy`]; a session that is under way goes on.
    pub const fn set_full(&mut self, full: Option<Role>) {
        self.session.full = full;
        self.access.set_full(full);
    }

    /// Returns the role of the session that is under way; `None` before the first. Where no keys are asked
    /// for, all own the device.
    pub fn role(&self) -> Option<Role> {
        if self.access.is_guarded() { self.access.role() } else { self.session.admitted.then_some(Role::Own) }
    }

    /// Returns whether a session was asked for by somebody who knows a key's id.
    pub const fn is_opened(&self) -> bool {
        self.access.is_opened()
    }

    /// Ends the session, as the wire is gone: nothing of it stays on the device.
    pub fn end<R: Ram, B: Board, T: Trust>(&mut self, device: &mut Device<R, B, T>) {
        if let Some(host) = self.session.host.take() {
            device.end_session(host);
        }
    }

    /// Returns what the latest request made count as good, by [`Thing::bit`]: a device that has a storage
    /// answers when it is there. 0 where the request was another one, or came to nothing.
    pub const fn touched(&self) -> u16 {
        self.touched
    }

    /// The edition of the messages ([`EDITION`]) that the host of this session knows.
    pub const fn edition(&self) -> u8 {
        self.edition
    }

    /// Returns how frames fared so far.
    pub const fn frames(&self) -> FrameCounters {
        self.reader.counters()
    }

    /// Sends the messages that are waiting: for what a module logs while no request is answered. Where nobody
    /// may read them, they go.
    pub fn send_texts<R: Ram, B: Board + Record, T: Trust>(
        &mut self,
        wire: &mut impl Wire,
        device: &mut Device<R, B, T>,
    ) {
        self.access.send_texts(wire, self.edition, device.board_mut());
    }

    /// Sends a piece of a message that others heard as well. Where nobody may read it, it goes.
    pub fn send_text(&mut self, wire: &mut impl Wire, text: Text<'_>) {
        self.access.send_text(wire, self.edition, text);
    }

    /// Returns whether anybody may read what [`Service::send_bytes`] sends.
    pub const fn has_reader(&self) -> bool {
        self.access.has_reader()
    }

    /// Sends bytes that nobody asked for, such as a stretch of the device's own log: at most
    /// [`xmap_link::limits::MAX_TAGGED_STREAM`]. Where nobody may read them, or there are more, they go.
    pub fn send_bytes(&mut self, wire: &mut impl Wire, channel: Channel, bytes: &[u8]) {
        self.access.send(wire, channel, bytes);
    }
}

/// What an answer needs beside the device.
struct Context<'s> {
    identity: &'s Identity,
    guarded: bool,
    /// Where what comes over this wire comes from.
    origin: &'s str,
    refused: u32,
    frames_good: u32,
    frames_bad: u32,
}

impl Context<'_> {
    /// `caller` has the role that the request needs; none is anybody, on a device that is open.
    fn serve<R: Ram, B: Board + Record, T: Trust>(
        &self,
        (caller, host): (Option<&RoleKey>, HostId),
        request: Request,
        device: &mut Device<R, B, T>,
    ) -> Response {
        match request {
            Request::Hello { nonce, .. } => Response::Hello(self.hello(nonce, device)),
            Request::Status => Response::Status(self.status(device)),
            Request::Trace { from } => Response::Trace(device.board().trace(from)),
            Request::Levels => levels(device.board_mut()),
            Request::Kept => Response::Kept(device.keep_status()),
            Request::Limits => Response::Limits { values: device.limits().values() },
            Request::Clock => Response::Clock(device.clock()),
            Request::SetClock { unix_us } if device.set_clock(unix_us) => Response::Clock(device.clock()),
            Request::SetClock { .. } => Response::Refused(Refusal::Unsupported),
            Request::Rehearse { lines, levels, advance_us } => rehearse(
                device,
                &Cue { lines: LineSet::from_banks(&lines), levels: LineSet::from_banks(&levels), advance_us },
            ),
            Request::Callers { module } => match device.callers(module) {
                Some(callers) => Response::Callers(callers.clone()),
                None => Response::Refused(Refusal::NoModule),
            },
            Request::Metrics { from } => Response::Metrics(metrics(device, from)),
            Request::Ring { from } => match device.ring(from) {
                Some(page) => Response::Ring(page),
                None => Response::Refused(Refusal::Unsupported),
            },
            Request::Recording { from } => match device.board().recorded(from) {
                Some(page) => Response::Recording(page),
                None => Response::Refused(Refusal::Unsupported),
            },
            Request::Hosts => Response::Hosts(HostCounts {
                mistakes: capped(device.mistakes()),
                texts_lost: device.board().texts_lost(),
                lines_lost: device.board().lines_lost(),
            }),
            request => {
                operate((caller, host, self.origin), request, device).unwrap_or_else(Response::Refused)
            }
        }
    }

    fn hello<R: Ram, B: Board, T: Trust>(&self, nonce: u32, device: &Device<R, B, T>) -> Hello {
        let identity = self.identity;
        let machine_code = device.modules.iter().any(|(_, module)| module.active().runs_machine_code());
        let mut hello = Hello {
            protocol: PROTOCOL,
            nonce,
            board: identity.board,
            boot: identity.boot,
            features: identity.features
                | features::SWAP
                | features::EDITION
                | if machine_code { features::MACHINE_CODE } else { 0 }
                | if self.guarded { features::GUARDED } else { 0 }
                | if device.is_development() { 0 } else { features::TRUST },
            clock_hz: identity.clock_hz,
            firmware: Default::default(),
            image: device.modules.iter().find_map(|(_, module)| Some(image_info(&module.image()?))),
        };
        let room = hello.firmware.capacity();
        let cut = identity.firmware.floor_char_boundary(room);
        _ = hello.firmware.push_str(identity.firmware.get(..cut).unwrap_or_default());
        hello
    }

    fn status<R: Ram, B: Board + Record, T: Trust>(&self, device: &mut Device<R, B, T>) -> Status {
        let (calls, traps) = device.calls();
        let image = device.image_state();
        let board = device.board_mut();
        Status {
            uptime_us: board.now_us(),
            image,
            calls: capped(calls),
            traps: capped(traps),
            refused: self.refused,
            frames_good: self.frames_good,
            frames_bad: self.frames_bad,
            trace_next: board.next(),
            trace_lost: board.lost(),
        }
    }
}

/// A page of what was counted of exports.
fn metrics<R: Ram, B: Board, T: Trust>(device: &Device<R, B, T>, from: u16) -> MetricsPage {
    let mut rows = device.metrics().skip(from.into());
    let exports: heapless::Vec<ExportMetrics, MAX_METRICS> = rows.by_ref().take(MAX_METRICS).collect();
    let next = if rows.next().is_some() { from.saturating_add(exports.len() as u16) } else { 0 };
    MetricsPage { next, exports }
}

fn levels<P: Gpio + Clock>(port: &mut P) -> Response {
    let mut banks = [0; MAX_BANKS];
    for (levels, bank) in banks.iter_mut().zip(Bank::ALL) {
        *levels = port.level(bank);
    }
    Response::Levels { time_us: port.now_us(), banks }
}

/// Turns of the device that one step of a rehearsal takes at most.
const CUE_TURNS: u32 = 256;

/// Connects the levels, runs what follows at once, and lets time pass with all that falls due in it: as much
/// as fits a number of turns. The time in the answer says how far it came, and the host asks for the rest.
fn rehearse<R: Ram, B: Board + Record, T: Trust>(device: &mut Device<R, B, T>, cue: &Cue) -> Response {
    if !device.board_mut().rehearse(&Cue { advance_us: 0, ..*cue }) {
        return Response::Refused(Refusal::Unsupported);
    }
    let end_us = device.board_mut().now_us().saturating_add(cue.advance_us);
    device.pass_until(end_us, CUE_TURNS, |board, us| {
        board.rehearse(&Cue { lines: LineSet::EMPTY, levels: LineSet::EMPTY, advance_us: us });
    });
    levels(device.board_mut())
}

/// The requests that name a module or an export.
fn operate<R: Ram, B: Board, T: Trust>(
    (caller, host, origin): (Option<&RoleKey>, HostId, &str),
    request: Request,
    device: &mut Device<R, B, T>,
) -> Result<Response, Refusal> {
    Ok(match request {
        Request::Call { export, args } => {
            let export = callable(device, &export, false)?;
            may_call(caller, device, export)?;
            outcome(|results| device.call(export, &args, results))?
        }
        Request::CallBytes { export, args } => {
            let export = callable(device, &export, true)?;
            may_call(caller, device, export)?;
            let mut bytes = ResultBytes::new();
            let mut each = |of: &[u8]| take(&mut bytes, of);
            match outcome(|results| device.call_reading(export, &args, results, &mut each))? {
                Response::Returned { results } => Response::ReturnedBytes { results, bytes },
                other => other,
            }
        }
        Request::CallWith { export, mut args, bytes: content } => {
            let export = callable(device, &export, true)?;
            may_call(caller, device, export)?;
            let mut bytes = ResultBytes::new();
            let mut each = |of: &[u8]| take(&mut bytes, of);
            match outcome(|results| device.call_placing(export, &mut args, &content, results, &mut each))? {
                Response::Returned { results } => Response::ReturnedBytes { results, bytes },
                other => other,
            }
        }
        Request::CallHandle { handle, args } => {
            let handle = Handle(handle);
            let export = device.export_of(host, handle).ok_or(Refusal::StaleHandle)?;
            may_call(caller, device, callable(device, &Export::Id(export.id()), false)?)?;
            outcome(|results| device.call_handle(host, handle, &args, results))?
        }
        Request::Describe { export } => Response::Described(describe(device, &export)?),
        Request::Bind { export } => {
            let export = find(device, &export)?;
            may_call(caller, device, export)?;
            Response::Bound { handle: device.bind(host, export).ok_or(Refusal::NoHandle)?.0 }
        }
        Request::Contract { export } => {
            let export = find(device, &export)?;
            Response::Contract { id: export.id(), hash: contract(device, export)? }
        }
        Request::BindContract { export, hash } => {
            let export = find(device, &export)?;
            may_call(caller, device, export)?;
            if contract(device, export)? != hash {
                return Err(Refusal::OtherContract);
            }
            Response::Bound { handle: device.bind_held(host, export).ok_or(Refusal::NoHandle)?.0 }
        }
        Request::Uses { from } => {
            let (mut next, mut exports) = (0, heapless::Vec::new());
            for (place, export) in device.uses().skip_while(|(place, _)| *place < usize::from(from)) {
                if exports.push(export.id()).is_err() {
                    next = place as u16;
                    break;
                }
            }
            Response::Uses { next, exports }
        }
        Request::Release { handle } => {
            device.release(host, Handle(handle)).then_some(Response::Done).ok_or(Refusal::StaleHandle)?
        }
        Request::Module { module } => Response::Module(device.status(module).ok_or(Refusal::NoModule)?),
        Request::Begin { module, bytes, hash, token } => {
            let next = device.begin_from(module, bytes, hash, token, origin)?;
            device.own_transfer(host, token);
            Response::Staging { next }
        }
        Request::Chunk { token, .. } | Request::Commit { token } | Request::Abort { token }
            if !device.owns_transfer(host, token) =>
        {
            return Err(Refusal::NoTransfer);
        }
        Request::Firmware(request) => device.firmware(host, &request)?,
        Request::Chunk { token, offset, data } if device.is_firmware(token) => {
            device.firmware_part(token, offset, &data)?
        }
        Request::Commit { token } if device.is_firmware(token) => device.commit_firmware(token)?,
        Request::Chunk { token, offset, data } => {
            Response::Staging { next: device.chunk(token, offset, &data)? }
        }
        Request::Trust => Response::Trust(device.trust_status()),
        Request::Policy { bytes, token } => {
            let next = device.begin_policy(bytes, token)?;
            device.own_transfer(host, token);
            Response::Staging { next }
        }
        Request::Commit { token } if device.is_policy(token) => {
            Response::Policy(device.commit_policy(token)?)
        }
        Request::Commit { token } => match device.commit(token)? {
            Ok(module) => swapped(device, module)?,
            Err(failure) => Response::NotSwapped { state: failure.state() },
        },
        Request::Abort { token } => {
            device.abort(token).then_some(Response::Done).ok_or(Refusal::NoTransfer)?
        }
        Request::Confirm { module } => {
            device.confirm(module)?;
            Response::Done
        }
        Request::Rollback { module } => match device.rollback(module)? {
            Ok(()) => swapped(device, module)?,
            Err(failure) => Response::NotSwapped { state: failure.state() },
        },
        Request::Reset { module } => {
            // The device itself is restarted by whoever owns the hardware, once the answer is sent.
            module.map_or(Ok(()), |module| device.reset(module))?;
            Response::Done
        }
        Request::Hello { .. }
        | Request::Open { .. }
        | Request::Status
        | Request::Trace { .. }
        | Request::Levels
        | Request::Hosts
        | Request::Happened { .. }
        | Request::Edition { .. }
        | Request::Kept
        | Request::Limits
        | Request::Clock
        | Request::SetClock { .. }
        | Request::Metrics { .. }
        | Request::Callers { .. }
        | Request::Ring { .. }
        | Request::Parent(_)
        | Request::Recording { .. }
        | Request::Rehearse { .. } => return Err(Refusal::Unsupported),
    })
}

/// Adds bytes of a result, no more than there is room for.
fn take(bytes: &mut ResultBytes, of: &[u8]) {
    let room = bytes.capacity() - bytes.len();
    _ = bytes.extend_from_slice(of.get(..room).unwrap_or(of));
}

fn swapped<R: Ram, B: Board, T: Trust>(
    device: &mut Device<R, B, T>,
    module: u8,
) -> Result<Response, Refusal> {
    let status = device.status(module).ok_or(Refusal::NoModule)?;
    Ok(Response::Swapped { module, generation: status.generation, trial_ms: status.trial_ms })
}

fn find<R: Ram, B: Board, T: Trust>(
    device: &Device<R, B, T>,
    export: &Export,
) -> Result<ModuleExport, Refusal> {
    let found = match export {
        Export::Id(id) => Some(ModuleExport::from_id(*id)),
        Export::Name(name) => device.find(name),
    };
    if device.modules.iter().all(|(_, module)| module.image().is_none()) {
        return Err(Refusal::NoImage);
    }
    let exists =
        |of: &ModuleExport| device.image(of.module).is_some_and(|i| i.signature(of.export).is_some());
    found.filter(exists).ok_or(Refusal::UnknownExport)
}

/// The export, where a host may call it: what it takes and gives fits a message. A result that is an address
/// means nothing outside the module, so such an export is called by a request that reads what is there
/// (`bytes`).
fn callable<R: Ram, B: Board, T: Trust>(
    device: &Device<R, B, T>,
    export: &Export,
    bytes: bool,
) -> Result<ModuleExport, Refusal> {
    let export = find(device, export)?;
    let image = device.image(export.module).ok_or(Refusal::UnknownExport)?;
    let signature = image.signature(export.export).ok_or(Refusal::UnknownExport)?;
    let address = |ty| matches!(ty, Ty::BytesPtr | Ty::StrPtr);
    let fits = signature.params().len() <= MAX_ARGS && signature.results().len() <= MAX_ARGS;
    if fits && (bytes || !signature.results().any(address)) { Ok(export) } else { Err(Refusal::NotCallable) }
}

fn outcome(call: impl FnOnce(&mut [u64]) -> Result<usize, NotCalled>) -> Result<Response, Refusal> {
    let mut results = [0; MAX_ARGS];
    match call(&mut results) {
        Ok(count) => {
            let results = results.get(..count).and_then(|results| Args::from_slice(results).ok());
            Ok(Response::Returned { results: results.ok_or(Refusal::NotCallable)? })
        }
        Err(NotCalled::Call(CallError::Trap(trap))) => Ok(Response::Trapped(report(trap))),
        Err(NotCalled::Call(CallError::ArgumentCount { expected, .. })) => {
            Err(Refusal::ArgumentCount { expected: expected as u8 })
        }
        Err(NotCalled::Stale) => Err(Refusal::StaleHandle),
        Err(NotCalled::Faulted) => Err(Refusal::Faulted),
        Err(NotCalled::Unplaced(Unplaced::Lengths)) => Err(Refusal::BadMessage),
        Err(NotCalled::Unplaced(Unplaced::NoArguments)) => Err(Refusal::NoArguments),
        Err(NotCalled::Unplaced(Unplaced::NoRoom)) => Err(Refusal::NoRoom),
        Err(NotCalled::Unknown | NotCalled::Call(_)) => Err(Refusal::UnknownExport),
    }
}

fn contract<R: Ram, B: Board, T: Trust>(
    device: &Device<R, B, T>,
    export: ModuleExport,
) -> Result<ContractHash, Refusal> {
    let image = device.image(export.module).ok_or(Refusal::UnknownExport)?;
    image.contract(export.export).ok_or(Refusal::UnknownExport)
}

fn describe<R: Ram, B: Board, T: Trust>(
    device: &Device<R, B, T>,
    export: &Export,
) -> Result<Described, Refusal> {
    let export = find(device, export)?;
    let image = device.image(export.module).ok_or(Refusal::UnknownExport)?;
    let signature = image.signature(export.export).ok_or(Refusal::UnknownExport)?;
    let mut described = Described {
        id: export.id(),
        key: Default::default(),
        params: signature.params().take(MAX_ARGS).map(|ty| ty as u8).collect(),
        results: signature.results().take(MAX_ARGS).map(|ty| ty as u8).collect(),
    };
    let key = image.key(export.export).unwrap_or_default();
    let cut = key.floor_char_boundary(described.key.capacity());
    _ = described.key.push_str(key.get(..cut).unwrap_or_default());
    Ok(described)
}
